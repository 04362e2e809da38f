# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# The kernel's own style checkers, and those of the shell and of Python.

checks+=(
	"checkpatch check_checkpatch"
	"kernel-doc check_kernel_doc"
	"shellcheck check_shellcheck"
	"python check_python"
)
plants+=(
	"checkpatch plant_checkpatch_space"
	"checkpatch plant_checkpatch_stale"
	"kernel-doc plant_undocumented"
	"shellcheck plant_unquoted"
	"python plant_unused_import"
	"python plant_long_line"
)

# Types that checkpatch reports and that are right here.
checkpatch_ignore=(
	# kzalloc_obj() does not exist on the older kernels.
	ALLOC_WITH_SIZEOF
	# What a lock guards is said in the kernel-doc of its structure, which
	# checkpatch does not read.
	UNCOMMENTED_DEFINITION
)

# The same for some files: "files type", an extended regular expression and a
# name. One for a single file is a fault when it is not needed.
checkpatch_except=(
	# The argument is a string literal, to be concatenated with each name.
	"include/uapi/linux/virtio_balloon[.]h MACRO_ARG_REUSE"
	# Programs include it too, and have no BIT().
	"tests/kmod/balloon_host(_event)?[.]h BIT_MACRO"
	# The newest kernels need no event counters there; older ones do.
	"drivers/virtio/balloon/compat/compat[.]h MACRO_ARG_UNUSED"
	# __SetPageOffline() and its like are made by a macro of the kernel, where
	# checkpatch does not see their names.
	"drivers/virtio/balloon/blocks[.]c CAMELCASE"
	"drivers/virtio/balloon/compat/reported[.]h CAMELCASE"
	# Tracepoints look so everywhere in the kernel.
	"drivers/virtio/balloon/trace[.]h OPEN_ENDED_LINE"
	"drivers/virtio/balloon/trace[.]h PARENTHESIS_ALIGNMENT"
	# So do lists of names: EM() and EMe() are what the list is for at the moment.
	"drivers/virtio/balloon/trace[.]h COMPLEX_MACRO"
	"drivers/virtio/balloon/trace[.]h MACRO_ARG_UNUSED"
	"drivers/virtio/balloon/trace[.]h TRAILING_SEMICOLON"
	"drivers/virtio/balloon/trace[.]h SPACING"
	# The list of events is one of a macro that its users give.
	"drivers/virtio/balloon/events[.]h COMPLEX_MACRO"
	"drivers/virtio/balloon/events[.]h MACRO_ARG_REUSE"
	"drivers/virtio/balloon/events[.]c BRACKET_SPACE"
	# Ordinary programs, with the types and names of the C library and without
	# the kernel's macros.
	"tests/(guest|scripted|unit)/.* PREFER_KERNEL_TYPES"
	"tests/(guest|scripted|unit)/.* PREFER_DEFINED_ATTRIBUTE_MACRO"
	"tests/(guest|scripted|unit)/.* BIT_MACRO"
	"tests/(guest|scripted|unit)/.* ARRAY_SIZE"
	"tests/(guest|scripted|unit)/.* CAMELCASE"
	# The argument is a constant.
	"tests/unit/test_units[.]c MACRO_ARG_REUSE"
)

check_checkpatch()
{
	local out=$lint/checkpatch.out left=$lint/checkpatch.left except files type
	local sources

	machine_needs perl
	need_source newest
	mapfile -t sources < <(c_sources)
	# It fails when it finds something, which is judged below. The kernel's
	# tree is where it learns which mixed-case names are the kernel's own.
	perl "$lab/src/linux-newest/scripts/checkpatch.pl" --strict --no-tree --terse \
		--root="$lab/src/linux-newest" \
		--show-types --no-summary --quiet \
		--ignore "$(IFS=,; echo "${checkpatch_ignore[*]}")" \
		-f "${sources[@]}" >"$out" 2>&1 || true
	# What it remembers between runs.
	rm -f .checkpatch-camelcase*
	cp "$out" "$left"
	for except in "${checkpatch_except[@]}"; do
		read -r files type <<<"$except"
		[[ $files == *'.*'* ]] || grep -qE "^$files:[0-9]+: [A-Z]+:$type:" "$out" ||
			echo "scripts/lint.d/style.sh: needless exception: $except" >>"$left"
		sed -i -E "\\,^$files:[0-9]+: [A-Z]+:$type:,d" "$left"
	done
	no_findings <"$left"
}

plant_checkpatch_space()
{
	echo 'static int lint_planted (void) {  return(0); }' >>drivers/virtio/balloon/config.c
	echo "config.c:[0-9]+: (ERROR|WARNING):"
}

plant_checkpatch_stale()
{
	sed -i 's/prefix "/"/' include/uapi/linux/virtio_balloon.h
	echo "needless exception: include/uapi/linux/virtio_balloon"
}

check_kernel_doc()
{
	local sources

	machine_needs python3
	need_source newest
	mapfile -t sources < <(kernel_sources)
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 \
		"$lab/src/linux-newest/tools/docs/kernel-doc" -none -Werror "${sources[@]}"
}

check_shellcheck()
{
	local scripts

	machine_needs shellcheck
	mapfile -t scripts < <({
		scripts_of 'bash|sh|dash'
		all_files | grep -E '\.sh$'
	} | sort -u)
	shellcheck --external-sources "${scripts[@]}"
}

plant_unquoted()
{
	# shellcheck disable=SC2016	# that is the fault
	printf '#!/bin/sh\nrm $1\n' >scripts/lint-planted
	echo SC2086
}

check_python()
{
	local scripts

	machine_needs python3-flake8
	mapfile -t scripts < <({
		scripts_of 'python3?'
		all_files | grep -E '\.py$'
	} | sort -u)
	[[ ${#scripts[@]} -gt 0 ]] || skip "no Python" || return
	/usr/bin/python3 -m flake8 --isolated --max-line-length 100 "${scripts[@]}"
}

plant_unused_import()
{
	printf 'import os\n' >lint_planted.py
	echo "lint_planted.py:1:1: F401"
}

plant_long_line()
{
	printf '#!/usr/bin/python3\nA = "%0100d"\n' 0 >lint-planted
	echo "lint-planted:2:101: E501"
}
