# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of balloonstat for bash. Options are those of --help, devices the balloons
# of this guest, or of the directory that --sysfs names.

_balloonstat_devices()
{
	local sysfs=/sys i file

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != --sysfs ]] || sysfs=${COMP_WORDS[i + 1]}
	done
	# The device type of a balloon in the VIRTIO specification is 5.
	for file in "$sysfs"/bus/virtio/devices/*/device; do
		[[ $(cat "$file" 2>/dev/null) != 0x0005 ]] || basename "${file%/device}"
	done
}

_balloonstat()
{
	local program=$1 word=$2 previous=$3

	COMPREPLY=()
	case $previous in
	--sysfs | --debugfs | --proc)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return ;;
	esac
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
			sed -n '/^  -/p' | grep -oE -- '(^  |, )--?[A-Za-z][a-z-]*' | tr -d ' ,')" -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_balloonstat_devices)" -- "$word")
	fi
}

complete -F _balloonstat balloonstat
