# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# scripts/lint sources lib.sh before us
# The driver and the test modules, built with all the warnings of W=1, by gcc
# against Debian's headers and by clang against Debian's sources.

for series in "${all_series[@]}"; do
	checks+=("w1-$series check_w1 $series")
	plants+=("w1-$series plant_unused" "w1-$series plant_unprototyped")
done
plants+=("w1-newest plant_call_up" "w1-newest plant_include_up")
# From 6.7 on W=1 of an external module runs kernel-doc, until 6.15.
plants+=("w1-6.12 plant_undocumented")
for series in 6.1 newest; do
	checks+=("clang-$series check_clang $series")
	plants+=("clang-$series plant_unused" "clang-$series plant_clang_only")
done

check_w1()
{
	local series=$1 root dir tree out

	machine_needs binutils
	root=$(info_get "$series" root)
	# Pod::Usage, which kernel-doc wants, is not in perl-base.
	root_needs "$root" perl python3
	build_tree "w1-$series"
	out=$tree.out
	for dir in $(module_dirs); do
		in_root_with "$root" "$tree" /src -- nice make --no-print-directory \
			-j"$(nproc)" -C "$(info_get "$series" kdir)" M="$dir" W=1 modules
	done 2>&1 | tee "$out"
	no_complaints "$out"
	# No file of the driver calls one above it.
	scripts/lint.d/layers "$tree/drivers/virtio/balloon"
	build_tree_passed
}

# The clang of the suite whose root a series is built in.
clang_of()
{
	case $(suite_of "$1") in
	bookworm) echo 14 ;;
	*) echo 19 ;;
	esac
}

# Debian's headers bring gcc's flags. So the kernel's own source is configured
# for clang, with Debian's choices otherwise, as far as modules need it.
prepare_clang()
{
	local series=$1 root=$2 version=$3 out=$lint/clang-$1 want

	want="$(info_get "$series" package_version) clang-$version"
	[[ $(cat "$out/prepared" 2>/dev/null) != "$want" ]] || return 0
	progress "preparing the kernel's build for clang $version"
	rm -rf "$out"
	mkdir -p "$out"
	cp "$root$(info_get "$series" kdir)/.config" "$out/"
	clang_make "$root" "$series" -C /usr/src/lint/linux O=/usr/src/lint/out \
		LLVM="-$version" olddefconfig modules_prepare
	echo "$want" >"$out/prepared"
}

clang_make()
{
	local root=$1 series=$2

	shift 2
	in_root_with "$root" "$lab/src/linux-$series" /usr/src/lint/linux \
		"$lint/clang-$series" /usr/src/lint/out "${tree:-$lint}" /src -- \
		nice make --no-print-directory -j"$(nproc)" "$@"
}

check_clang()
{
	local series=$1 root version dir tree='' out

	root=$(info_get "$series" root)
	version=$(clang_of "$series")
	root_needs "$root" "clang-$version" "lld-$version" "llvm-$version" \
		flex bison bc libelf-dev libssl-dev
	need_source "$series"
	prepare_clang "$series" "$root" "$version"
	build_tree "clang-$series"
	out=$tree.out
	# Without the kernel itself no symbol is known: unresolved ones are not
	# of interest here, the other build has them.
	for dir in $(module_dirs); do
		clang_make "$root" "$series" -C /usr/src/lint/linux \
			O=/usr/src/lint/out LLVM="-$version" KBUILD_MODPOST_WARN=1 \
			W=1 M="$dir" modules
	done 2>&1 | tee "$out"
	sed -i '/WARNING: modpost: .* undefined!$/d
		/WARNING: modpost: suppressed .* unresolved symbol/d
		/WARNING: .*Module.symvers is missing/d
		/WARNING: Symbol version dump .* is missing/d' "$out"
	no_complaints "$out"
	build_tree_passed
}

plant_unused()
{
	cat >>drivers/virtio/balloon/units.h <<-'END'
	static inline void lint_planted_unused(int a)
	{
		int planted;

		planted = a;
	}
	END
	echo "planted.* set but not used"
}

plant_unprototyped()
{
	cat >>drivers/virtio/balloon/config.c <<-'END'
	void lint_planted_unprototyped(void)
	{
	}
	END
	echo "no previous prototype for .*lint_planted_unprototyped"
}

plant_undocumented()
{
	cat >>drivers/virtio/balloon/config.c <<-'END'
	/**
	 * lint_planted_undocumented() - a fault
	 */
	static inline void lint_planted_undocumented(int a)
	{
	}
	END
	echo "parameter .*a.* not described"
}

plant_clang_only()
{
	cat >>drivers/virtio/balloon/config.c <<-'END'
	static inline u32 lint_planted_self(u32 a)
	{
		a = a;
		return a;
	}
	END
	echo "self-assign"
}

plant_call_up()
{
	sed -i '/^void balloon_queues_reset_counts/,/^{/s/^{/{\n\tballoon_size_start(vb);/' \
		drivers/virtio/balloon/queue.c
	echo "queue.c uses balloon_size_start of size.c"
}

plant_include_up()
{
	sed -i '0,/^#include "/s/^#include "/#include "size.h"\n&/' drivers/virtio/balloon/batch.h
	echo "batch.h includes size.h"
}
