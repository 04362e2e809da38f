# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# What people read: pages, manuals, and the figures in them.

checks+=(
	"documents check_documents"
	"figures check_figures"
)
plants+=(
	"documents plant_rst"
	"documents plant_abi"
	"figures plant_figure"
	"figures plant_median"
)

# Documents that the kernel's tools would take.
check_documents()
{
	local file bad=0

	machine_needs python3-docutils
	need_source 7.2
	while read -r file; do
		/usr/bin/python3 -m docutils --report=warning --halt=severe --exit-status=2 \
			"$file" /dev/null || bad=1
	done < <(all_files | grep '\.rst$')
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$lab/src/linux-7.2/tools/docs/get_abi.py" \
		--dir Documentation/ABI validate 2>&1 | tee "$lint/abi.out"
	no_findings <"$lint/abi.out" >/dev/null || bad=1
	return "$bad"
}

plant_rst()
{
	printf 'Title\n===\n\n*open\n' >Documentation/lint-planted.rst
	echo "lint-planted.rst:.*(WARNING|INFO|ERROR)"
}

plant_abi()
{
	printf 'What:\t\t/sys/lint_planted\n\nnothing: here\nWhat:\t\t/sys/lint_planted\n' \
		>Documentation/ABI/testing/lint-planted
	echo "lint.planted"
}

# README.md and the benchmark's page show the figures of the benchmark's file.
check_figures()
{
	PYTHONDONTWRITEBYTECODE=1 scripts/figures --check
}

plant_figure()
{
	sed -i '0,/×/s/[0-9][0-9.]*×/0.01×/' README.md
	echo "^README.md: its figures"
}

plant_median()
{
	sed -i -E '/,wall,/s/,[0-9.]+,/,1,/4' Documentation/benchmark.csv
	echo "^Documentation/benchmark.rst: its figures"
}
