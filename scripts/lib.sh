# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the shell scripts share: where things are, how they speak.
# Source it; it runs nothing.

# shellcheck disable=SC2034	# the variables below are for those who source us
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lab=${BALLOON_LAB:-$repo/.lab}
all_series=(6.1 6.12 newest)
# Those of scripts/debug-kernel.
debug_series=(6.1-debug newest-debug)
# Those of scripts/overlay-kernel. They load no modules.
overlay_series=(6.1-overlay 6.12-overlay newest-overlay)
# Where a build root sees the source of a kernel of our own and what is built from it.
kernel_source=/usr/src/debug/linux
kernel_out=/usr/src/debug/out

# Progress goes to stderr: stdout is for what the caller may want to capture.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

need_root() { [[ $EUID -eq 0 ]] || die "run this as root: it enters a build root"; }

is_series()
{
	local known

	for known in "${all_series[@]}" "${debug_series[@]}" "${overlay_series[@]}"; do
		[[ $1 != "$known" ]] || return 0
	done
	return 1
}

module_version() { "$repo/scripts/version"; }

# What the packages have in common.
package_name() { sed -n 's/^PACKAGE_NAME="\(.*\)"$/\1/p' "$repo/packaging/dkms.conf"; }
maintainer()
{
	echo "${DEBFULLNAME:-The virtio_balloon out-of-tree project} <${DEBEMAIL:-root@localhost.localdomain}>"
}

# The time of the last change, for what has to have one.
last_change()
{
	git -C "$repo" -c safe.directory="$repo" log -1 --format=%ct 2>/dev/null ||
		stat -c %Y "$repo/Kbuild"
}

# The Debian suite in whose root a series is built. Newer kernels need newer
# compilers and a newer libc for their build tools.
suite_of()
{
	case $1 in
	6.1 | 6.1-*) echo bookworm ;;
	*) echo trixie ;;
	esac
}

# archive_uri CODENAME: where this machine's apt has a suite from.
archive_uri()
{
	local uri

	# shellcheck disable=SC2016	# apt expands these
	uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
		awk -v want="$1" '$2 == want { print $1; exit }')
	# Cloud images name a file of mirrors, which a build root has not got.
	case $uri in
	mirror+file:*) uri=$(awk 'NF && !/^#/ { print $1; exit }' "${uri#mirror+file:}") ;;
	esac
	[[ -n $uri ]] || die "this machine's apt knows no $1; run apt-get update"
	echo "$uri"
}

# apt_sources SUITE: the lines that a root of it has them in.
apt_sources()
{
	local suite=$1 codename archive security

	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	archive=$(archive_uri "$codename")
	security=$(archive_uri "$codename-security")
	echo "deb $archive $suite main"
	echo "deb $archive $suite-updates main"
	echo "deb $security $suite-security main"
	[[ $suite != trixie ]] || echo "deb $archive $suite-backports main"
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

# in_root_with ROOT [SOURCE TARGET]... -- COMMAND...: run it in a build root that
# has some directories mounted over its own, which nobody else sees.
in_root_with()
{
	# shellcheck disable=SC2016	# expanded by the inner shell
	unshare --mount --propagation private bash -euc '
		. "$1"; root=$2; shift 2
		while [[ $1 != -- ]]; do
			mkdir -p "$root$2"
			mount --bind "$1" "$root$2"
			shift 2
		done
		shift
		in_root "$root" "$@"
	' in_root_with "$repo/scripts/lib.sh" "$@"
}

# What goes on; scripts/lint says it elsewhere.
progress() { say "$@"; }

# machine_needs PACKAGE...: install what is missing on this machine.
machine_needs()
{
	local package missing=()

	for package; do
		[[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	[[ ${#missing[@]} -gt 0 ]] || return 0
	need_root
	progress "installing ${missing[*]}"
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 install "${missing[@]}"
}

# root_needs ROOT PACKAGE...: the same in a build root. Nothing there is
# replaced: what builds the modules stays what scripts/fetch chose.
root_needs()
{
	local root=$1 package missing=() lock

	shift
	for package; do
		[[ $(dpkg-query --admindir="$root/var/lib/dpkg" -W \
			-f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	[[ ${#missing[@]} -gt 0 ]] || return 0
	need_root
	progress "installing in ${root##*/}: ${missing[*]}"
	exec {lock}>"$lab/fetch.lock"
	flock "$lock"
	chroot "$root" apt-get -qq update
	in_root "$root" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y --no-install-recommends --no-upgrade install "${missing[@]}"
	exec {lock}>&-
}

# root_borrows ROOT PACKAGE: what Debian's unstable has of it, in the root's directory
# /opt/unstable. For a tool that is too old in every release; what it depends on has to
# be in the root. A mirror's unstable may be some days behind: that does no harm here.
root_borrows()
{
	local root=$1 package=$2 lock codename place=$1/opt/unstable

	exec {lock}>"$lab/fetch.lock"
	flock "$lock"
	if [[ ! -e $place/$package ]]; then
		need_root
		progress "unpacking in ${root##*/}: $package of unstable"
		codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
		mkdir -p "$place/lists/partial"
		echo "deb $(archive_uri "$codename") sid main" >"$place/sources.list"
		# shellcheck disable=SC2016	# expanded by the inner shell
		in_root "$root" bash -euc '
			cd /opt/unstable
			options=(-qq -o Dir::Etc::SourceList="$PWD/sources.list"
				-o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/lists"
				-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
				-o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
			apt-get "${options[@]}" update
			apt-get "${options[@]}" download "$1"
			dpkg -x "$1"_*.deb .
			echo "$1"_*.deb >"$1"
		' bash "$package"
	fi
	progress "$package: $(<"$place/$package")"
	exec {lock}>&-
}

# The sources in .lab/src/linux-SERIES are those of the series' kernel.
source_is_current()
{
	local series=$1 version have

	version=$(info_get "$series" package_version)
	have=$(awk -F' *= *' '
		$1 == "VERSION" || $1 == "PATCHLEVEL" || $1 == "SUBLEVEL" { v = v "." $2 }
		$1 == "EXTRAVERSION" { print substr(v, 2); exit }
	' "$lab/src/linux-$series/Makefile" 2>/dev/null) || return 1
	[[ $have == "${version%%-*}" ]]
}

# need_source SERIES: Debian's kernel source, for its scripts and for clang.
# Extracted once, for everybody; nobody writes there.
need_source()
{
	local series=$1 root version name lock new=$lab/src/.linux-$1.new

	mkdir -p "$lab/src"
	exec {lock}>"$lab/src.lock"
	flock "$lock"
	if ! source_is_current "$series"; then
		need_root
		root=$(info_get "$series" root)
		version=$(info_get "$series" package_version)
		name=linux-source-$(cut -d. -f1,2 <<<"$version")
		progress "extracting $name $version, 1.5 GB"
		rm -rf "$new" "$root/src/source"
		mkdir -p "$new" "$root/src/source"
		# Another version would have other warnings: no fallback. A lab
		# whose kernel has left the archive has to be made anew.
		# shellcheck disable=SC2016	# expanded by the inner shell
		chroot "$root" sh -ec 'cd /src/source && apt-get -qq -o APT::Sandbox::User=root download "$1"' \
			sh "$name=$version" ||
			die "$name $version is not in the archive any more; remove $lab and try again"
		dpkg-deb --fsys-tarfile "$root/src/source/"*.deb |
			tar -xO "./usr/src/$name.tar.xz" |
			xz -dc -T0 | tar -x -C "$new" --strip-components=1
		rm -rf "$root/src/source" "$lab/src/linux-$series"
		mv "$new" "$lab/src/linux-$series"
	fi
	exec {lock}>&-
}
