# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the checks of scripts/lint share. A check is a function that is run in a
# copy of the sources, prints what it finds and fails if that is anything. A
# plant puts one fault into such a copy and prints, as an extended regular
# expression, what the check has to say about it.

# shellcheck disable=SC2034	# the checks use the variables set here
# shellcheck source-path=SCRIPTDIR/.. source=lib.sh
. "${BASH_SOURCE[0]%/*}/../lib.sh"

# A command that fails inside $(...) is a failure, too.
shopt -s inherit_errexit

lint=$lab/lint
# Build trees of the real sources; those with planted faults are kept apart.
trees=$lint/trees

# "row function [argument]" of each check, in the order they run.
checks=()
# "row function [argument]" of each plant.
plants=()

# What a check returns instead of success when there is nothing to look at.
skipped=77
skip() { echo "skipped: $*"; return "$skipped"; }

# To the terminal from inside a check, whose output goes to a log.
progress() { say "  $*" 2>&3; }

# take_snapshot DIRECTORY: every file that is or would be committed. The checks
# work on copies, so that nobody's editing meanwhile gets in their way.
take_snapshot()
{
	rm -rf "$1"
	mkdir -p "$1"
	git -C "$repo" ls-files -z --cached --others --exclude-standard |
		rsync --archive --from0 --files-from=- --ignore-missing-args "$repo/" "$1/"
}

# The sources below the current directory, by kind.
c_sources()
{
	local dir

	for dir in drivers include tests; do
		[[ ! -d $dir ]] || find "$dir" -name '*.[ch]'
	done | sort
}

# C that is compiled for the kernel, headers included.
kernel_sources() { c_sources | grep -E '^(drivers|include|tests/kmod)/'; }
all_files() { find . -type f -printf '%P\n' | sort; }

# scripts_of INTERPRETERS: files with one of them, an extended regular
# expression, in the first line.
scripts_of()
{
	local file

	all_files | while read -r file; do
		if head -n 1 "$file" | grep -aqE "^#!.*[/ ]($1)( |\$)"; then
			echo "$file"
		fi
	done
}

# build_tree NAME: sets tree to a copy of the sources to build in, which keeps
# what was built before. Only a tree whose check passed is kept: an object that
# was compiled with a warning would not be compiled again, and be silent.
build_tree()
{
	local part parts=()

	tree=$trees/$1
	[[ ! -e $tree.unfinished ]] || rm -rf "$tree"
	mkdir -p "$tree"
	: >"$tree.unfinished"
	for part in Kbuild drivers include tests/kmod; do
		[[ ! -e $part ]] || parts+=("$part")
	done
	rsync --recursive --links --perms --checksum --delete --relative \
		--exclude='*.o' --exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
		--exclude='.*.cmd' --exclude='.*.d' --exclude='*.order' \
		--exclude='Module.symvers' --exclude='.module-common.o' \
		"${parts[@]}" "$tree/"
}

build_tree_passed() { rm "$tree.unfinished"; }

# The directories to build modules in, as kbuild's M= sees them.
module_dirs()
{
	echo /src
	[[ ! -e tests/kmod/Kbuild ]] || echo /src/tests/kmod
}

# Fail if any line of a build's output complains. The one about the compiler is
# about Debian's, who may have rebuilt it since.
no_complaints()
{
	! grep -iE '(^|[^-_[:alnum:]])(warning|error)s?:|: (fatal )?error' "$@" |
		grep -v 'the compiler differs from the one used to build the kernel'
}

# no_findings: print what comes in, and fail if anything does.
no_findings() { ! grep . ; }
