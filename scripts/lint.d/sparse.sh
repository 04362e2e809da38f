# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# sparse on every source. A sparse that does not run, or that gives up early in
# a file, is as quiet as one that finds nothing; so each source has to appear in
# the output, and a fault planted at the end of each has to be found.

for series in "${all_series[@]}"; do
	checks+=("sparse-$series check_sparse $series")
	plants+=("sparse-$series plant_endian" "sparse-$series plant_orphan")
done

# Debian's sparse, 0.6.4, is older than the newest kernels and lacks two things
# that their headers use, in static assertions and to strip qualifiers. What is
# put in their place does what those headers did before, and never changes what
# our own sources mean to sparse.
sparse_flags()
{
	echo "-D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"
}

# Newer kernels run checker-valid.sh to see whether sparse is of use, and Debian's
# headers forget to bring it. Prints "SOURCE TARGET", a copy of the headers'
# scripts that has it, to be mounted over them.
checker_scripts()
{
	local series=$1 root=$2 kdir common target copy=$lint/scripts-$1

	kdir=$(info_get "$series" kdir)
	common=$(sed -n 's/^include *//p' "$root$kdir/Makefile")
	target=$(chroot "$root" readlink -f "$kdir/scripts")
	grep -q checker-valid.sh "$root$common" || return 0
	[[ ! -e $root$target/checker-valid.sh ]] || return 0
	need_source "$series" >&2
	rm -rf "$copy"
	cp -a "$root$target" "$copy"
	cp "$lab/src/linux-$series/scripts/checker-valid.sh" "$copy/"
	echo "$copy $target"
}

# sparse_make SERIES DIRECTORY
sparse_make()
{
	in_root_with "$root" "$tree" /src "${mounts[@]}" -- nice make --no-print-directory \
		-j"$(nproc)" -C "$(info_get "$1" kdir)" M="$2" C=2 CF="$(sparse_flags)" modules
}

# Every source below a module directory has a CHECK line.
sparse_saw_all()
{
	local dir=$1 out=$2 source missing=0

	while read -r source; do
		grep -qE "^  CHECK +(.*/)?${source//./\\.}\$" "$out" && continue
		echo "sparse did not look at $dir/$source"
		missing=1
	done < <(cd "$dir" && find . -name '*.c' ! -name '*.mod.c' ! -name '.*' -printf '%f\n')
	return "$missing"
}

# The same sources, each with an endian bug at its end.
sparse_finds_plants()
{
	local series=$1 dir source plain=$tree tree=$tree.planted nr=0

	rm -rf "$tree"
	cp -a "$plain" "$tree"
	for dir in "${!dirs[@]}"; do
		for source in "$tree/$dir"/*.c; do
			[[ $source != *.mod.c ]] || continue
			cat >>"$source" <<-'END'
			static u32 __maybe_unused lint_planted_endian(__le32 x)
			{
				return x;
			}
			END
			nr=$((nr + 1))
		done
		sparse_make "$series" "${dirs[$dir]}"
	done >"$tree.out" 2>&1
	rm -rf "$tree"
	[[ $(grep -c 'got restricted __le32' "$tree.out") -eq $nr ]] && return
	tail -n 20 "$tree.out"
	echo "sparse missed bugs planted in $nr sources, see ${tree#"$lab"/}.out"
	return 1
}

check_sparse()
{
	local series=$1 root dir tree mounts
	local -A dirs=([drivers/virtio/balloon]=/src)

	[[ ! -e tests/kmod/Kbuild ]] || dirs[tests/kmod]=/src/tests/kmod
	root=$(info_get "$series" root)
	root_needs "$root" sparse
	mounts=$(checker_scripts "$series" "$root")
	read -ra mounts <<<"$mounts"
	build_tree "sparse-$series"
	for dir in "${!dirs[@]}"; do
		sparse_make "$series" "${dirs[$dir]}" 2>&1 | tee "$tree.out"
		no_complaints "$tree.out"
		sparse_saw_all "$dir" "$tree.out"
	done
	sparse_finds_plants "$series"
	build_tree_passed
}

plant_endian()
{
	cat >>drivers/virtio/balloon/config.c <<-'END'
	static u32 __maybe_unused lint_planted(__virtio32 x)
	{
		return x;
	}
	END
	echo "got restricted __virtio32"
}

plant_orphan()
{
	echo "// SPDX-License-Identifier: GPL-2.0-only" >drivers/virtio/balloon/orphan.c
	echo "did not look at .*orphan.c"
}
