# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# What people read: pages, manuals, and the figures in them.

checks+=(
	"documents check_documents"
	"figures check_figures"
)
plants+=(
	"documents plant_rst"
	"documents plant_row"
	"documents plant_word"
	"documents plant_minus"
	"documents plant_code"
	"documents plant_name"
	"documents plant_target"
	"documents plant_orphan"
	"documents plant_manual"
	"documents plant_abi"
	"figures plant_figure"
	"figures plant_median"
	"figures plant_verdict"
)

# Pages render, alone and together, and name nothing that does not exist; manuals are
# without a fault; the kernel's tool takes the interface files.
check_documents()
{
	local bad=0 pages

	machine_needs python3-docutils python3-sphinx groff-base man-db
	need_source newest
	export PYTHONDONTWRITEBYTECODE=1
	mapfile -t pages < <(all_files | grep -E '[.](rst|md)$')
	/usr/bin/python3 scripts/lint.d/pages.py "${pages[@]}" || bad=1
	check_manuals || bad=1
	BALLOON_LAB=$lab scripts/docs "$lint/html" || bad=1
	/usr/bin/python3 "$lab/src/linux-newest/tools/docs/get_abi.py" \
		--dir Documentation/ABI validate 2>&1 | tee "$lint/abi.out"
	no_findings <"$lint/abi.out" >/dev/null || bad=1
	return "$bad"
}

# What groff warns of when it sets the pages for a terminal.
check_manuals()
{
	local page

	for page in Documentation/*.[1-9]; do
		groff -man -Tutf8 -ww -rCHECKSTYLE=3 -z "$page" 2>&1 | sed "s,^,$page: ,"
	done | no_findings
}

plant_rst()
{
	printf 'Title\n===\n\n*open\n' >Documentation/lint-planted.rst
	echo "lint-planted.rst:.*(WARNING|INFO|ERROR)"
}

plant_row()
{
	printf '%s\n' '=========  =====' 'one thing  there' 'and more   is no' '=========  =====' \
		>Documentation/lint-planted.rst
	echo "lint-planted.rst:[0-9]+: is the row of 'and more' the rest"
}

plant_word()
{
	printf '%s\n' '====  =========' 'one   well-' '      known' '====  =========' \
		>Documentation/lint-planted.rst
	echo "lint-planted.rst:[0-9]+: a cell breaks the word 'well- known'"
}

plant_minus()
{
	printf '%s\n' '====  =====' 'one   -' '====  =====' >Documentation/lint-planted.rst
	echo "lint-planted.rst:[0-9]+: a cell is a minus"
}

plant_code()
{
	printf '::\n\n  %0100d\n' 0 >Documentation/lint-planted.rst
	echo "lint-planted.rst:[0-9]+: a line of code has 100 columns"
}

plant_name()
{
	# shellcheck disable=SC2016	# that is how pages quote
	printf 'See ``Documentation/lint-planted.txt``.\n' >Documentation/lint-planted.rst
	echo "lint-planted.rst:0: there is no Documentation/lint-planted.txt"
}

plant_target()
{
	printf '::\n\n  make lint-planted\n' >Documentation/lint-planted.rst
	echo "lint-planted.rst:0: make has no target lint-planted"
}

plant_orphan()
{
	printf 'Title\n=====\n' >Documentation/lint-planted.rst
	echo "lint-planted.rst: WARNING: document isn't included in any toctree"
}

plant_manual()
{
	echo '.lint_planted' >>Documentation/balloonstat.8
	echo "^Documentation/balloonstat.8: .*lint_planted"
}

plant_abi()
{
	printf 'What:\t\t/sys/lint_planted\n\nnothing: here\nWhat:\t\t/sys/lint_planted\n' \
		>Documentation/ABI/testing/lint-planted
	echo "lint.planted"
}

# README.md, the benchmark's page and that of conformance show what was measured.
check_figures()
{
	PYTHONDONTWRITEBYTECODE=1 scripts/figures --check
}

plant_figure()
{
	sed -i '0,/×/s/[0-9][0-9.]*×/0.01×/' README.md
	echo "^README.md: does not show"
}

plant_median()
{
	sed -i -E '/,wall,/s/,[0-9.]+,/,1,/4' Documentation/benchmark.csv
	echo "^Documentation/benchmark.rst: does not show"
}

plant_verdict()
{
	sed -i 's/\tFAIL/\tpass/' Documentation/conformance/results.tsv
	echo "^Documentation/conformance/results.rst: does not show"
}
