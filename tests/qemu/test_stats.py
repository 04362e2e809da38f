# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the host gets true memory statistics, those that it should, and in time.

Also while the guest is busy and while the balloon moves; and that memory and
counts are those of /proc, in bytes and in events.
"""

import pytest

from lab import MIB
from lab.meminfo import parse_meminfo, parse_vmstat
from suite.books import PAGE
from suite.guests import full_size
from suite.stats import fresh_stats, next_stats

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 512, "module_params": "stats=all"}
# Read through a guest with less memory.
DISK = 400 * MIB
NOT_TOLD = (1 << 64) - 1

# What lies between two looks at a guest that lives: bytes, and page faults.
MEMORY_TOLERANCE = 16 * MIB
EVENT_TOLERANCE = 20000

# Names of QEMU, and where the value stands in /proc of the guest.
MEMORY = {
    "stat-free-memory": "MemFree",
    "stat-total-memory": "MemTotal",
    "stat-available-memory": "MemAvailable",
}
EVENTS = {
    "stat-swap-in": ("pswpin", PAGE),
    "stat-swap-out": ("pswpout", PAGE),
    "stat-major-faults": ("pgmajfault", 1),
    "stat-minor-faults": ("pgfault", 1),
    "stat-htlb-pgalloc": ("htlb_buddy_alloc_success", 1),
    "stat-htlb-pgfail": ("htlb_buddy_alloc_fail", 1),
    "stat-oom-kills": ("oom_kill", 1),
    "stat-async-scans": ("pgscan_kswapd", PAGE),
    "stat-direct-scans": ("pgscan_direct", PAGE),
    "stat-async-reclaims": ("pgsteal_kswapd", PAGE),
    "stat-direct-reclaims": ("pgsteal_direct", PAGE),
}
CACHES = "stat-disk-caches"
STALLS = "stat-alloc-stalls"
EVERY = {*MEMORY, *EVENTS, CACHES, STALLS}
# Not in VIRTIO 1.3; the kernel's own driver has them from 6.12 on.
LATER = {STALLS, "stat-oom-kills", "stat-async-scans", "stat-direct-scans",
         "stat-async-reclaims", "stat-direct-reclaims"}


@pytest.fixture(autouse=True)
def polling(request):
    """The shared guest is asked every second."""
    if "guest" in request.fixturenames:
        request.getfixturevalue("guest").poll_stats(1)


def told_by(guest):
    """The names of what the guest tells, of those that QEMU knows."""
    stats = fresh_stats(guest)
    missing = EVERY - set(stats)
    assert not missing, f"QEMU does not know {', '.join(sorted(missing))}"
    return {name for name in EVERY if stats[name] != NOT_TOLD}


def test_every_statistic_is_told(guest, ours):
    assert told_by(guest) == EVERY


def test_statistics_of_the_kernels_driver_are_told(boot, kernel):
    """Those and no others: some hosts fail over a tag that they do not know."""
    guest = boot(memory_mib=256)
    guest.poll_stats(1)
    untold = LATER if kernel.series.split("-")[0] == "6.1" else set()
    assert told_by(guest) == EVERY - untold


def test_statistics_of_the_specification_are_told(boot, ours):
    guest = boot(memory_mib=256, module_params="stats=spec")
    guest.poll_stats(1)
    assert told_by(guest) == EVERY - LATER


def compare(told, name, value, tolerance):
    assert abs(told[name] - value) <= tolerance, (
        f"{name}: {told[name]}, /proc says {value}: "
        f"{told[name] - value:+}, at most {tolerance} expected")


def proc_of(guest):
    """meminfo and vmstat of one moment."""
    meminfo, vmstat = guest.check("cat /proc/meminfo; echo @; cat /proc/vmstat").split("@\n")
    return parse_meminfo(meminfo), parse_vmstat(vmstat)


def steady_stats(guest):
    """When free memory stands still: that of an earlier test may be on its way."""
    seen = [fresh_stats(guest)]

    def steady():
        seen.append(fresh_stats(guest))
        return abs(seen[-1]["stat-free-memory"] - seen[-2]["stat-free-memory"]) < MIB

    guest.wait_for(steady, 20, "free memory to stand still")
    return seen[-1]


def make_events(guest):
    """Give every count that can be made to differ from 0 a value of its own."""
    guest.check("echo 2 > /proc/sys/vm/nr_hugepages; echo 0 > /proc/sys/vm/nr_hugepages\n"
                "for n in $(seq 50); do true | cat; done")


@pytest.mark.parametrize("balloon", [0, 200 * MIB], ids=["empty", "inflated"])
def test_memory_is_that_of_proc(guest, balloon):
    guest.resize(full_size(guest) - balloon)
    told = fresh_stats(guest)
    meminfo, _ = proc_of(guest)
    for name, key in MEMORY.items():
        compare(told, name, meminfo[key], MEMORY_TOLERANCE)
    assert told["stat-total-memory"] == meminfo["MemTotal"], (
        f"stat-total-memory {told['stat-total-memory']}, "
        f"MemTotal {meminfo['MemTotal']}: nothing else moves it")
    compare(told, CACHES, meminfo["Cached"] + meminfo["Buffers"]
            + meminfo.get("SwapCached", 0), MEMORY_TOLERANCE)


def test_cache_is_counted(guest):
    """A file of 100 MiB is found in the cache and missing from free memory."""
    before = steady_stats(guest)
    guest.check("dd if=/dev/zero of=/tmp/file bs=1M count=100 2>/dev/null")
    now = fresh_stats(guest)
    guest.check("rm /tmp/file")
    compare(now, CACHES, before[CACHES] + 100 * MIB, MEMORY_TOLERANCE)
    compare(now, "stat-free-memory", before["stat-free-memory"] - 100 * MIB,
            MEMORY_TOLERANCE)


def test_events_are_those_of_proc(guest):
    make_events(guest)
    told = fresh_stats(guest)
    _, vmstat = proc_of(guest)
    for name, (key, unit) in EVENTS.items():
        if key in ("pgfault", "pgmajfault"):
            continue
        compare(told, name, vmstat[key] * unit, 0)
    compare(told, "stat-minor-faults", vmstat["pgfault"], EVENT_TOLERANCE)
    compare(told, "stat-major-faults", vmstat["pgmajfault"], 1000)
    stalls = sum(count for key, count in vmstat.items() if key.startswith("allocstall"))
    compare(told, STALLS, stalls, 0)
    assert told["stat-htlb-pgalloc"] >= 2, (
        f"stat-htlb-pgalloc is {told['stat-htlb-pgalloc']} after 2 huge pages")
    assert told["stat-minor-faults"] > 1000, (
        f"stat-minor-faults is {told['stat-minor-faults']} after 50 processes")


def test_reclaim_is_counted(boot, tmp_path):
    """Reading more than there is memory shows in scans and reclaims, in bytes."""
    disk = tmp_path / "disk"
    with open(disk, "wb") as image:
        image.truncate(DISK)
    guest = boot(memory_mib=256, disks=[disk], module_params="stats=all")
    guest.poll_stats(1)
    # In pieces: read at one go, it was seen to leave a 7.2 nothing to reclaim in time.
    # The disk stays open, or what was read of it would be forgotten.
    guest.check(f"for n in $(seq {DISK // MIB // 8}); do "
                "dd of=/dev/null bs=1M count=8 2>/dev/null; done < /dev/vda",
                timeout=90)
    # The guest is as full as it gets: looking at it alone may wake up kswapd.
    _, before = proc_of(guest)
    told = fresh_stats(guest)
    _, after = proc_of(guest)
    for name in ("stat-async-scans", "stat-direct-scans", "stat-async-reclaims",
                 "stat-direct-reclaims"):
        key, unit = EVENTS[name]
        assert before[key] * unit <= told[name] <= after[key] * unit, (
            f"{name}: {told[name]}, /proc says {before[key] * unit} before "
            f"and {after[key] * unit} after")
    reclaimed = told["stat-async-reclaims"] + told["stat-direct-reclaims"]
    assert reclaimed >= DISK // 4, (
        f"{reclaimed} bytes reclaimed after reading {DISK} bytes "
        f"in a guest of {full_size(guest)}")


def test_told_every_second_while_busy(guest):
    """Both CPUs of the guest compute; the host still hears from it."""
    pids = guest.check("for n in 1 2 3 4; do setsid sh -c 'while :; do :; done' "
                       ">/dev/null 2>&1 & echo $!; done").split()
    try:
        for _ in range(4):
            next_stats(guest)
    finally:
        guest.check(f"kill {' '.join(pids)}")


def test_told_while_the_balloon_moves(guest):
    """Statistics do not queue behind inflating."""
    full = full_size(guest)
    guest.check("echo 3 > /proc/sys/vm/drop_caches")
    for size in (full - 250 * MIB, full) * 3:
        guest.set_target(size)
        stats = next_stats(guest)
        assert stats["stat-total-memory"] != NOT_TOLD
    guest.wait_actual(full)


def test_polling_can_stop_and_start(guest):
    """The buffer that the host keeps is still good after a pause."""
    next_stats(guest)
    guest.poll_stats(0)
    guest.sh("sleep 2")
    guest.poll_stats(1)
    for _ in range(2):
        next_stats(guest)


def test_told_again_after_reload(guest, kernel):
    """A new driver gives the device a new buffer."""
    if kernel.driver_built_in:
        pytest.skip("a driver that is built in cannot be unloaded")
    next_stats(guest)
    guest.check("rmmod virtio_balloon && modprobe virtio_balloon")
    for _ in range(2):
        next_stats(guest)
