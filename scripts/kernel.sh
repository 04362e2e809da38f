# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154	# lib.sh, and the variables named below
# Builds a kernel of the lab's own from Debian's source of a series and a configuration
# of tests/config. Source it after lib.sh; scripts/debug-kernel and scripts/overlay-kernel
# do. They set
#   kind	what the kernel is for: the second word of its name
#   modules	whether it has any: yes or no
# and may give these functions other bodies.

# What kbuild needs besides the packages of scripts/fetch.
kernel_packages=(flex bison bc libelf-dev libssl-dev)

# What the kernel is made from besides the package and the configuration.
kernel_inputs() { :; }

# Make the source tree of a series ready, and print where it is.
kernel_tree()
{
	need_source "$1"
	echo "$lab/src/linux-$1"
}

fragments()
{
	local file

	for file in "$repo/tests/config/$kind.config" "$repo/tests/config/$kind-$series.config"; do
		[[ ! -e $file ]] || cat "$file"
	done
}

# What the kernel is made from, in short.
key()
{
	{
		info_get "$series" package_version
		fragments | grep -v '^# [^C]'
		kernel_inputs
	} | sha256sum | cut -c1-12
}

ready()
{
	local info=$lab/kernels/$name/info.json

	[[ -e $info && $(info_get "$name" package_version) == "$version" &&
	   $(info_get "$name" modules) == "$tree" ]]
}

kernel_make()
{
	in_root_with "$root" "$source" "$kernel_source" "$tree/build" "$kernel_out" -- \
		make --no-print-directory -C "$kernel_source" O="$kernel_out" -j"$(nproc)" "$@"
}

# Each line of a fragment has to be there when kconfig is done: it drops
# without a word what depends on something that is not there.
check_config()
{
	local line lost=0

	while read -r line; do
		# An option that does not exist is not set either.
		if [[ $line == "# CONFIG_"*" is not set" ]]; then
			line=${line#"# "}
			! grep -q "^${line%" is not set"}=" "$tree/build/.config" && continue
		else
			grep -qxF "$line" "$tree/build/.config" && continue
		fi
		say "$name: kconfig dropped $line"
		lost=1
	done < <(fragments | grep -E '^(# )?CONFIG_')
	[[ $lost -eq 0 ]] || die "the configuration is not what tests/config asks for"
}

configure()
{
	local log=$tree/config.log

	kernel_make -s tinyconfig >"$log" 2>&1 || { cat "$log" >&2; return 1; }
	fragments >>"$tree/build/.config"
	kernel_make -s olddefconfig >>"$log" 2>&1 || { cat "$log" >&2; return 1; }
	check_config
}

# What modules_install would leave of a kernel that has no modules.
install_no_modules()
{
	local to=$tree/build/install/lib/modules/$1

	mkdir -p "$to"
	cp "$tree/build/modules.builtin" "$tree/build/modules.builtin.modinfo" "$to"
	: >"$to/modules.order"
}

build()
{
	local log=$tree/build.log targets=(bzImage)

	[[ $modules == no ]] || targets+=(modules)
	if ! kernel_make "${targets[@]}" >"$log" 2>&1 ||
	   { [[ $modules == yes ]] &&
	     ! kernel_make INSTALL_MOD_PATH="$kernel_out/install" modules_install >>"$log" 2>&1; }; then
		grep -iE 'error|undefined' "$log" | tail -n 20 >&2 || true
		die "the kernel does not build: $log"
	fi
}

write_info()
{
	local release

	release=$(cat "$tree/build/include/config/kernel.release")
	[[ $modules == yes ]] || install_no_modules "$release"
	rm -rf "${tree:?}/lib" "${tree:?}/boot"
	mv "$tree/build/install/lib" "$tree/lib"
	mkdir -p "$tree/boot"
	cp "$tree/build/.config" "$tree/boot/config-$release"
	cp "$tree/build/arch/x86/boot/bzImage" "$tree/boot/vmlinuz-$release"
	# They lead to places that only the build root has.
	rm -f "$tree/lib/modules/$release/build" "$tree/lib/modules/$release/source"
	depmod -C /dev/null -b "$tree" "$release"
	cat >"$tree/info.new" <<-END
	{
	  "series": "$name",
	  "release": "$release",
	  "package_version": "$version",
	  "vmlinuz": "$tree/boot/vmlinuz-$release",
	  "modules": "$tree",
	  "root": "$root",
	  "source": "$source",
	  "output": "$tree/build",
	  "kdir": "$kernel_out"
	}
	END
	mv "$tree/info.new" "$tree/info.json"
}

# Objects of another source may be newer than the source's files.
forget_other_source()
{
	local of=$1

	if [[ $(cat "$tree/source-version" 2>/dev/null) != "$of" ]]; then
		rm -rf "$tree/build"
		mkdir -p "$tree/build"
	fi
	echo "$of" >"$tree/source-version"
}

# build_kernel SERIES: nothing is done if it is there already.
build_kernel()
{
	local series=${1%-"$kind"} name tree root version source lock

	[[ -e $lab/kernels/$series/info.json ]] || die "no kernel $series; run scripts/fetch"
	name=$series-$kind
	tree=$lab/kernels/$name
	root=$(info_get "$series" root)
	version=$(info_get "$series" package_version)-$(key)
	mkdir -p "$tree/build"
	exec {lock}>"$lab/kernels/.$name.lock"
	flock "$lock"
	if ready; then
		say "$name: built before"
		return
	fi
	need_root
	rm -f "$tree/info.json"
	root_needs "$root" "${kernel_packages[@]}"
	source=$(kernel_tree "$series")
	forget_other_source "${version%-*}"
	say "$name: building the kernel ${version%-*}"
	configure
	build
	write_info
	say "$name: built"
}
