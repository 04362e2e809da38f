# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the shell scripts share: where things are, how they speak.
# Source it; it runs nothing.

# shellcheck disable=SC2034	# the variables below are for those who source us
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lab=${BALLOON_LAB:-$repo/.lab}
all_series=(6.1 6.12 7.2)

# Progress goes to stderr: stdout is for what the caller may want to capture.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

need_root() { [[ $EUID -eq 0 ]] || die "needs root (it mounts and enters a build root)"; }

is_series()
{
	local known

	for known in "${all_series[@]}"; do
		[[ $1 != "$known" ]] || return 0
	done
	return 1
}

# The Debian suite in whose root a series is built. Newer kernels need newer
# compilers and a newer libc for their build tools.
suite_of()
{
	case $1 in
	6.1) echo bookworm ;;
	*) echo trixie ;;
	esac
}

# info_get SERIES KEY: one string of a kernel's info.json, which scripts/fetch
# writes with one key a line.
info_get()
{
	sed -n "s/^ *\"$2\": \"\(.*\)\",\{0,1\}\$/\1/p" "$lab/kernels/$1/info.json"
}

# in_root ROOT COMMAND...: run it in a build root, with a /proc that nobody
# else sees and that is gone when the command ends.
in_root()
{
	local root=$1

	shift
	# shellcheck disable=SC2016	# expanded by the inner shell
	unshare --mount --propagation private sh -ec '
		root=$1; shift
		mount -t proc proc "$root/proc"
		exec chroot "$root" env LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
	' in_root "$root" "$@"
}
