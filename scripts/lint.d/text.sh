# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# Rules of this project that no other tool knows.

checks+=(
	"conditionals check_conditionals"
	"size check_size"
	"spdx check_spdx"
	"places check_places"
)
plants+=(
	"conditionals plant_version_code"
	"conditionals plant_probe_outside"
	"conditionals plant_other_macro"
	"size plant_long_function"
	"size plant_long_file"
	"spdx plant_no_spdx"
	"places plant_mirror"
	"places plant_path"
)

# Where kernels may be told apart.
compat='^(drivers/virtio/balloon/compat/.*|tests/kmod/compat[.]h)$'
# Where kbuild may look for what a kernel has.
probes='^(drivers/virtio/balloon/compat/Kbuild[.]probe|tests/kmod/Kbuild)$'

# Conditionals on anything but the kernel's configuration, a header's own guard
# and whether balloon pages can be moved, which follows from the configuration.
odd_conditionals()
{
	awk '
	FNR == 1 { guard = "" }
	{
		line = $0
		while (line ~ /\\$/ && (getline more) > 0)
			line = substr(line, 1, length(line) - 1) " " more
	}
	line ~ /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif)([ \t(!]|$)/ {
		words = line
		sub(/^[ \t]*#[ \t]*[a-z]+/, "", words)
		gsub(/\/\*.*\*\//, "", words)
		if (line ~ /ifndef/ && words ~ /_H_?[ \t]*$/)
			next
		# The guard of a header of tracepoints.
		if (line ~ /!defined\([A-Z_]+_H\) \|\| defined\(TRACE_HEADER_MULTI_READ\)$/)
			next
		gsub(/CONFIG_[A-Z0-9_]+|BALLOON_MIGRATION|__KERNEL__/, "", words)
		gsub(/defined|IS_(ENABLED|BUILTIN|MODULE|REACHABLE)/, "", words)
		if (words ~ /[A-Za-z_]/)
			printf "%s:%d: a kernel difference outside compat: %s\n", FILENAME, FNR, line
	}' "$@" </dev/null
}

check_conditionals()
{
	local code outside

	mapfile -t code < <(all_files | grep -E '\.[chS]$|(^|/)(Kbuild|Makefile)[^/]*$')
	mapfile -t outside < <(kernel_sources | grep -vE "$compat")
	{
		grep -nE 'LINUX_VERSION_|KERNEL_VERSION|RHEL_RELEASE|linux/version\.h|UTS_RELEASE' \
			"${code[@]}" | sed 's/$/  <- a kernel is told by its headers, not its version/' || true
		grep -nE 'BALLOON_HAVE_|COMPAT_HAS_' "${code[@]}" |
			awk -F: -v compat="$compat" -v probes="$probes" '
				$1 !~ compat && $1 !~ probes { print $0 "  <- outside compat" }' || true
		grep -nE '\$[({](VERSION|PATCHLEVEL|SUBLEVEL|KERNELVERSION|KERNELRELEASE)[)}]' \
			"${code[@]}" | sed 's/$/  <- probe headers/' || true
		odd_conditionals "${outside[@]}"
	} | no_findings
}

plant_version_code()
{
	printf '#if LINUX_VERSION_CODE < 1\n#endif\n' >>drivers/virtio/balloon/compat/compat.h
	echo "compat.h:.*LINUX_VERSION_CODE.*not its version"
}

plant_probe_outside()
{
	printf '#ifdef BALLOON_HAVE_NODE_PGSCAN\n#endif\n' >>drivers/virtio/balloon/stats.c
	echo "stats.c:.*outside compat"
}

plant_other_macro()
{
	printf '#if defined(CONFIG_SMP) && \\\n\t!defined(MAX_PAGE_ORDER)\n#endif\n' \
		>>drivers/virtio/balloon/pages.c
	echo "pages.c:[0-9]+: a kernel difference.*MAX_PAGE_ORDER"
}

max_file=500
max_function=60

check_size()
{
	local code c tags=$lint/tags

	machine_needs universal-ctags cloc
	mapfile -t code < <(all_files | grep -E '\.([chS]|py|sh)$'
			    scripts_of 'bash|sh|python3?')
	mapfile -t c < <(printf '%s\n' "${code[@]}" | grep -E '\.([ch]|py)$'
			 scripts_of 'python3?')
	# ctags knows where a function ends. Headers are C here, not C++.
	ctags -f "$tags" --quiet --langmap=C:.c.h --languages=C,Python \
		--kinds-C=f --kinds-Python=fm --fields=+ne --sort=no "${c[@]}"
	{
		# Neither comments nor blank lines count.
		cloc --quiet --csv --by-file --skip-uniqueness "${code[@]}" |
		awk -F, -v max="$max_file" '
		$1 != "SUM" && $5 ~ /^[0-9]+$/ { nr++ }
		$1 != "SUM" && $5 ~ /^[0-9]+$/ && $5 > max {
			print $2 ": " $5 " lines of code, " max " allowed" }
		END { if (nr < 20) print "only " nr + 0 " files found: cloc does not work" }'
		awk -F'\t' -v max="$max_function" '
		/^!/ { next }
		{
			line = end = 0
			for (i = 4; i <= NF; i++) {
				if ($i ~ /^line:/)
					line = substr($i, 6)
				if ($i ~ /^end:/)
					end = substr($i, 5)
			}
			nr++
			if (!end)
				print $2 ":" line ": no end of " $1 "() found"
			else if (end - line + 1 > max)
				print $2 ":" line ": " $1 "() has " end - line + 1 " lines, " max " allowed"
		}
		END { if (nr < 20) print "only " nr + 0 " functions found: ctags does not work" }
		' "$tags"
	} | no_findings
}

plant_long_function()
{
	# Name and braces are three lines.
	{
		echo 'static int lint_planted_long(int a)'
		echo '{'
		for ((i = 0; i < max_function - 3; i++)); do
			echo '	a++;'
		done
		echo '	return a;'
		echo '}'
	} >>drivers/virtio/balloon/config.c
	echo "lint_planted_long\(\) has $((max_function + 1)) lines"
}

plant_long_file()
{
	for ((i = 0; i < max_file; i++)); do
		echo 'int lint_planted;'
	done >>drivers/virtio/balloon/config.c
	echo "config.c: [0-9]+ lines of code, $max_file allowed"
}

# Everything but the licence itself, lists of file names, plots, and formats that
# have no comments or, like the kernel's ABI descriptions, no such line.
check_spdx()
{
	local file nr

	all_files | grep -vE '^COPYING$|(^|/)\.gitignore$|\.(md|json|svg)$|^Documentation/ABI/' |
	while read -r file; do
		nr=1
		[[ $(head -c 2 "$file" | tr -d '\0') != '#!' ]] || nr=2
		sed -n "${nr}p" "$file" | grep -aq 'SPDX-License-Identifier: ' ||
			echo "$file:$nr: no SPDX-License-Identifier"
	done | no_findings
}

plant_no_spdx()
{
	printf '#!/bin/bash\n# A script\n' >scripts/lint-planted
	echo "scripts/lint-planted:2: no SPDX"
}

# Hosts that this machine installs software from: they are its own business.
machine_hosts()
{
	{
		# shellcheck disable=SC2016	# expanded by apt
		apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' || true
		apt-config dump | grep -i proxy || true
		grep -rIhE '^[^#]*://' /etc/apt /etc/pip.conf "$lab"/roots/*/etc/apt 2>/dev/null || true
	} | tr -s '[:space:]";,' '\n' |
		sed -nE 's,^[a-z+:]*://([^/@]*@)?([^/:]+).*,\2,p' |
		grep '\.' | grep -vE '^(127\.|0\.0\.)' | sort -u
}

# Directories of this machine that a file of ours may not name.
machine_paths()
{
	local above

	printf '%s\n' "$repo" "$lab"
	# Whatever else lies where the project does, unless that is a place
	# which every machine has.
	above=$(dirname "$repo")
	case $above in
	/ | /src | /root | /home | /opt | /srv | /mnt | /tmp | /usr/* | /var/*) ;;
	*) echo "$above" ;;
	esac
}

check_places()
{
	local hosts paths files

	mapfile -t files < <(all_files | grep -v '^COPYING$')
	hosts=$(machine_hosts | sed 's/[.]/\\./g' | paste -sd'|')
	paths=$(machine_paths | sed 's/[.]/\\./g' | sort -u | paste -sd'|')
	[[ -n $hosts && -n $paths ]] || { echo "apt on this machine names no host"; return 1; }
	{
		grep -InE "(^|[^[:alnum:].-])($hosts)([^[:alnum:].-]|\$)" "${files[@]}" || true
		grep -InE "(^|[^[:alnum:]_}.-])($paths)(/|[^[:alnum:]_-]|\$)" "${files[@]}" || true
	} | no_findings
}

plant_mirror()
{
	echo "# from http://$(machine_hosts | head -n 1)/debian" >>Kbuild
	echo "^Kbuild:[0-9]+:# from"
}

plant_path()
{
	echo "# see $repo/Kbuild" >>Kbuild
	echo "^Kbuild:[0-9]+:# see"
}
