#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs the test programs that lie beside it, in the guest whose driver they judge.
# For whoever has such a folder from "make kselftest-install". It needs a POSIX
# shell and what busybox has, and prints KTAP: each program is one result, its own
# results are nested in it.
#
# KSELFTEST_PROC and KSELFTEST_SYS name directories to look at instead of /proc and /sys,
# for its own tests.
set -u
# The patterns below are for names of tests, not of files.
set -f

here=$(cd "$(dirname "$0")" && pwd) || exit 2
list=$here/kselftest-list.txt
proc=${KSELFTEST_PROC:-/proc}
sys=${KSELFTEST_SYS:-/sys}
# A bad page, an oops, a warning, a lockup: bits 5, 7, 9 and 14.
taints=$((0x42a0))
# How long a program that was killed may take to end, in seconds.
patience=10
# How long the size of a balloon has to stay the same until the host is done with it.
settled=2
# What programs say of a guest in which nothing else can be judged.
damage='cannot be killed|an earlier case damaged the guest'
# Programs call modprobe, which a minimal PATH does not find.
PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin

usage()
{
	cat <<-END
	usage: run_kselftest.sh [-l] [-t TEST]... [-c COLLECTION]... [-o SECONDS]
	                        [-w | -W SECONDS] [-h]

	Runs test programs and prints their results as KTAP; without -t and -c all.

	  -t TEST        this one: a name, or COLLECTION:NAME as -l prints it
	  -c COLLECTION  those of one collection
	  -l             list them and run nothing
	  -o SECONDS     time for each, instead of what its collection's file
	                 "settings" has; 0: as long as it takes
	  -w             before each collection, wait until its host has done what
	                 the collection needs, as long as it takes
	  -W SECONDS     the same, for so long at most
	  -h             this

	The collections, and what has to be true for them; what is not so is skipped:

	  balloon        The guest has a balloon device, and its host has inflated the
	                 balloon, say by 100 MiB. QEMU: "balloon MIB" in its monitor,
	                 where MIB is what the guest keeps. libvirt: virsh setmem.
	                 Firecracker: PATCH /balloon
	  balloon-host   Plays the host itself. balloon_host.ko was installed with
	                 KDIR= or K= for this kernel, the guest's own balloon is empty,
	                 and there is no swap if the kernel cannot test its suspend

	Use a disposable guest: drivers are unloaded, memory is made short, and a faulty
	driver hangs. The exit status is 0 if something passed and nothing failed, 1 if
	something failed, 2 if nothing could be begun, 4 if all was skipped.
	END
}

die() { printf 'run_kselftest.sh: %s\n' "$*" >&2; exit 2; }

# --- what to run ---------------------------------------------------------------

# want PATTERN WORDS: run the tests it matches, of which there has to be one.
want()
{
	for entry in $all; do
		# shellcheck disable=SC2254	# it is to match as a pattern
		case $entry in
		$1)
			wanted="$wanted $1"
			return ;;
		esac
	done
	die "there is no $2; -l lists what there is"
}

is_wanted()
{
	[ -n "$wanted" ] || return 0
	for pattern in $wanted; do
		# shellcheck disable=SC2254	# likewise
		case $1 in
		$pattern) return 0 ;;
		esac
	done
	return 1
}

selected()
{
	for entry in $all; do
		! is_wanted "$entry" || echo "$entry"
	done
}

parse_arguments()
{
	while getopts t:c:o:W:wlh option; do
		case $option in
		t)
			case $OPTARG in
			*:*) want "$OPTARG" "test $OPTARG" ;;
			*) want "*:$OPTARG" "test $OPTARG" ;;
			esac ;;
		c)
			want "$OPTARG:*" "collection $OPTARG" ;;
		o)
			case $OPTARG in
			'' | *[!0-9]*) die "-o needs a number of seconds" ;;
			esac
			override=$OPTARG ;;
		w)
			wait_max=0 ;;
		W)
			case $OPTARG in
			'' | *[!0-9]* | 0) die "-W needs a number of seconds, from 1 on" ;;
			esac
			wait_max=$OPTARG ;;
		l)
			list_only=1 ;;
		h)
			usage
			exit 0 ;;
		*)
			usage >&2
			exit 2 ;;
		esac
	done
	shift $((OPTIND - 1))
	[ $# -eq 0 ] || die "what is '$1'? -h says how to call me"
}

need_root()
{
	[ "$(id -u)" -eq 0 ] ||
		die "needs root, to load drivers: run it again with sudo, or from su"
}

# setting NAME: what the test's collection has for it, if anything.
setting() { sed -n "s/^$1=//p" "$here/$collection/settings" 2>/dev/null; }

# --- what a collection needs ---------------------------------------------------

# Pages in the guest's own balloon, as far as the kernel counts them.
ballooned()
{
	awk '$1 == "balloon_inflate" { n += $2 }
	     $1 == "balloon_deflate" { n -= $2 }
	     END { print n + 0 }' "$proc/vmstat"
}

has_balloon()
{
	set +f
	grep -qsx 0x0005 "$sys"/bus/virtio/devices/*/device
	found=$?
	set -f
	return $found
}

# Whether the host has done what the collection needs of it.
host_is_ready()
{
	case $collection in
	balloon) [ "$(ballooned)" -gt 0 ] ;;
	balloon-host) [ "$(ballooned)" -eq 0 ] ;;
	esac
}

# Say what has to be true for the collection, and what of it is so.
say_needs()
{
	case $collection in
	balloon)
		echo "# balloon needs a balloon device that the host has inflated"
		if has_balloon; then
			echo "#   here: $(ballooned) pages are in the balloon"
		else
			echo "#   here: no balloon device; QEMU: -device virtio-balloon-pci"
		fi ;;
	balloon-host)
		echo "# balloon-host needs balloon_host.ko for kernel $(uname -r), and the guest's" \
			"own balloon empty"
		echo "#   here: $(ballooned) pages are in the balloon" ;;
	*)
		return ;;
	esac
	host_is_ready && return
	if [ -n "$wait_max" ]; then
		echo "#   that is waited for"
	else
		echo "#   so much is skipped; with -w the host is waited for"
	fi
}

# Wait until the host has done what the collection needs, and for a while nothing more.
wait_for_host()
{
	case $collection in
	balloon)
		has_balloon || return 0
		asked="inflate the balloon" ;;
	balloon-host)
		asked="deflate the balloon" ;;
	*)
		return 0 ;;
	esac
	begun=$(now) since=$(now) pages=$(ballooned)
	host_is_ready || echo "# $collection waits for the host to $asked"
	until host_is_ready && [ $(($(now) - since)) -ge "$settled" ]; do
		if [ "$wait_max" -gt 0 ] && [ $(($(now) - begun)) -ge "$wait_max" ]; then
			echo "# $collection goes on after $wait_max s: the host has not done it"
			return 0
		fi
		nap
		[ "$(ballooned)" -eq "$pages" ] || since=$(now) pages=$(ballooned)
	done
	echo "# $collection begins: $pages pages are in the balloon"
}

# Have /dev/balloon_host; sets why if there is none.
load_host()
{
	release=$(uname -r)
	module=$here/modules/$release/balloon_host.ko
	if [ -e "$module" ]; then
		# insmod does not bring what a module needs.
		modprobe virtio_ring >/dev/null 2>&1
		said=$(insmod "$module" 2>&1 | tail -n 1)
		why="balloon_host.ko cannot be loaded: ${said:-no reason given}"
	else
		modprobe balloon_host >/dev/null 2>&1
		why="no balloon_host.ko for kernel $release: install with KDIR= or K="
	fi
	[ ! -e /dev/balloon_host ] || why=
}

# Sets why to what keeps the tests of the collection from running; empty if nothing.
prepare()
{
	why=
	[ "$collection" = balloon-host ] || return 0
	if [ "$(ballooned)" -ne 0 ]; then
		why="memory is in the guest's own balloon: have the host deflate it"
	elif [ "$(wc -l <"$proc/swaps")" -gt 1 ] && [ ! -e /sys/power/pm_test ]; then
		# To hibernate is a test on such kernels, and has to fail.
		why="the guest has swap and would hibernate: call swapoff -a"
	elif [ ! -e /dev/balloon_host ]; then
		load_host
	fi
}

# --- one program ---------------------------------------------------------------

# Seconds since boot, a clock that nobody sets.
now()
{
	read -r up _ </proc/uptime
	echo "${up%%.*}"
}

nap() { sleep 0.2 2>/dev/null || sleep 1; }

# Begin the test, in a session of its own so that its children can be found. In tmp,
# pid will have its number, log what it says, and status how it ended.
begin()
{
	rm -f "$tmp/pid" "$tmp/status"
	: >"$tmp/log"
	shown=0
	(
		cd "$here/$collection" || exit
		# shellcheck disable=SC2016	# that shell expands it
		$setsid sh -c 'echo $$ >"$1"; exec "./$2"' sh "$tmp/pid" "$test"
		echo $? >"$tmp/status"
	) </dev/null >"$tmp/log" 2>&1 &
}

# Print what it has said since the last time.
show()
{
	lines=$(($(wc -l <"$tmp/log")))
	[ "$lines" -gt "$shown" ] || return 0
	sed -n "$((shown + 1)),${lines}s/^/  /p" "$tmp/log"
	shown=$lines
}

# wait_end SECONDS: until it has ended; false if it has not by then. 0: forever.
wait_end()
{
	deadline=$(($(now) + $1))
	until [ -s "$tmp/status" ]; do
		show
		[ "$1" -eq 0 ] || [ "$(now)" -lt "$deadline" ] || return 1
		nap
	done
}

# Also what a program that has ended left behind.
kill_all()
{
	pid=$(cat "$tmp/pid" 2>/dev/null) || return 0
	kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null
}

# Run the test. Sets code to its exit status, or to "late".
run()
{
	begin
	if wait_end "$limit"; then
		code=$(cat "$tmp/status")
		kill_all
	else
		code=late
		kill_all
		wait_end "$patience" || ruin="$test cannot be killed"
	fi
	# Its last line may have no end.
	[ -z "$(tail -c 1 "$tmp/log")" ] || echo >>"$tmp/log"
	show
}

# What its log and status amount to, as "passed failed skipped", "pass|fail|skip" and
# the reason.
judge()
{
	awk -v code="$code" -v limit="$limit" '
	/^1\.\.[0-9]+/ {
		plans++
		plan = substr($1, 4) + 0
		if (match($0, /# SKIP */))
			reason = substr($0, RSTART + RLENGTH)
	}
	# The reason of the result that follows.
	/^# SKIP / { said = substr($0, 8) }
	/^(not )?ok [0-9]+/ {
		results++
		misnumbered = misnumbered || ($1 == "ok" ? $2 : $3) + 0 != results
		if ($1 == "not") {
			failed++
		} else if (match($0, / # SKIP */)) {
			skipped++
			why = substr($0, RSTART + RLENGTH)
			if (why == "reason above")
				why = said
			if (reason == "")
				reason = why
		} else {
			passed++
		}
	}
	function verdict() {
		if (code == "late")
			return "fail no end within " limit " s"
		if (code > 128)
			return "fail signal " code - 128
		if (code == 126 || code == 127)
			return "fail cannot be executed"
		if (code == 4 && !passed && !failed)
			return "skip " (reason != "" ? reason : said)
		if (!plans)
			return "fail no plan"
		if (plan != results || misnumbered)
			return "fail planned " plan " results, reported " results + 0 \
			       (misnumbered ? ", misnumbered" : "")
		if (failed)
			return "fail " failed " of " results " failed"
		if (code)
			return "fail exit status " code
		if (!passed)
			return "skip " reason
		return "pass"
	}
	END {
		print passed + 0, failed + 0, skipped + 0
		print verdict()
	}' "$tmp/log" >"$tmp/verdict"
}

# Those of the kernel's taints that say that it complained.
complaints()
{
	read -r bits 2>/dev/null <"$proc/sys/kernel/tainted" || bits=0
	echo $((bits & taints))
}

# A program cannot see what its driver does to the kernel.
judge_kernel()
{
	new=$(($(complaints) & ~before))
	[ "$new" -ne 0 ] || return 0
	case " $(setting taints) " in
	*" $test "*) return 0 ;;
	esac
	verdict=fail why="the kernel complained (taint $new): see dmesg"
}

# --- all of them ---------------------------------------------------------------

result()
{
	case $verdict in
	pass)
		passed=$((passed + 1))
		echo "ok $number selftests: $collection: $test" ;;
	skip)
		skipped=$((skipped + 1))
		echo "ok $number selftests: $collection: $test # SKIP ${why:-no reason given}" ;;
	*)
		failed=$((failed + 1))
		echo "not ok $number selftests: $collection: $test # $why" ;;
	esac
}

count_cases()
{
	cases_passed=$((cases_passed + $1))
	cases_failed=$((cases_failed + $2))
	cases_skipped=$((cases_skipped + $3))
}

# Sets verdict and why.
run_and_judge()
{
	limit=${override:-$(setting timeout)}
	limit=${limit:-300}
	before=$(complaints)
	echo "# selftests: $collection: $test"
	run
	judge
	{
		read -r counts
		read -r verdict why
	} <"$tmp/verdict"
	# shellcheck disable=SC2086	# three numbers
	count_cases $counts
	judge_kernel
	! grep -qE "$damage" "$tmp/log" || ruin="$test has left a driver that hangs"
}

# The collections that are to run, each once.
collections() { echo "$entries" | sed 's/:.*//' | uniq; }

run_entry()
{
	if [ "$collection" != "${1%%:*}" ]; then
		collection=${1%%:*}
		[ -z "$wait_max" ] || wait_for_host
	fi
	test=${1#*:}
	number=$((number + 1))
	if [ -n "$ruin" ]; then
		verdict=skip why="$ruin: start the guest anew"
	else
		prepare
		verdict=skip
		[ -n "$why" ] || run_and_judge
	fi
	result
}

print_totals()
{
	echo "# cases: pass:$cases_passed fail:$cases_failed skip:$cases_skipped"
	echo "# Totals: pass:$passed fail:$failed xfail:0 xpass:0 skip:$skipped error:0"
}

interrupted()
{
	kill_all
	echo "Bail out! interrupted"
	exit 1
}

main()
{
	wanted='' override='' list_only='' ruin='' wait_max=''
	number=0 passed=0 failed=0 skipped=0
	cases_passed=0 cases_failed=0 cases_skipped=0

	all=$(cat "$list") || exit 2
	parse_arguments "$@"
	entries=$(selected)
	if [ -n "$list_only" ]; then
		echo "$entries"
		exit 0
	fi
	need_root
	[ -n "$entries" ] || die "$list is empty"
	tmp=$(mktemp -d) || exit 2
	trap 'rm -rf "$tmp"' EXIT
	trap interrupted INT TERM HUP
	setsid=
	! command -v setsid >/dev/null || setsid=setsid

	echo "KTAP version 1"
	echo "1..$(echo "$entries" | wc -l)"
	echo "# kernel $(uname -r), driver $(modinfo -n virtio_balloon 2>/dev/null || echo unknown)"
	for collection in $(collections); do
		say_needs
	done
	collection=
	for entry in $entries; do
		run_entry "$entry"
	done
	print_totals
	[ "$failed" -eq 0 ] || exit 1
	[ "$passed" -gt 0 ] || exit 4
}

main "$@"
