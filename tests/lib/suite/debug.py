# SPDX-License-Identifier: GPL-2.0-only
"""What the tests on a debug kernel ask it: did you see anything, do you still look?"""

KMEMLEAK = "/sys/kernel/debug/kmemleak"
# Objects younger than this are not leaks yet, for kmemleak.
MIN_AGE = 5
# Each scan takes an emulated guest some seconds.
SCAN_TIMEOUT = 60

# The longest that something may hang before the kernel says so.
HUNG_SECONDS = 30


def unload(guest, *modules):
    """Unload those that are loaded; the driver and its hosts have to let go."""
    for module in modules:
        guest.check(f"! grep -q '^{module} ' /proc/modules || rmmod {module}")


def leaks(guest):
    """What kmemleak suspects: "" if nothing.

    Two scans: what changed since the last one is not reported, and an object may
    have been on its way from one list to another.
    """
    guest.check(f"sleep {MIN_AGE + 1}; echo scan > {KMEMLEAK}", SCAN_TIMEOUT)
    return guest.check(f"echo scan > {KMEMLEAK}; cat {KMEMLEAK}", SCAN_TIMEOUT)


def check_nothing_leaks(guest, *modules):
    """Nothing that the driver or its @modules allocated is left when they are gone."""
    unload(guest, "virtio_balloon", *modules)
    found = leaks(guest)
    assert not found, found


TAINT = "a kernel without taint"
# What does not watch if a script fails.
WATCHERS = {
    "KASAN": "grep -q ' kasan_report$' /proc/kallsyms",
    "lockdep": "grep -q 'debug_locks: *1' /proc/lockdep_stats",
    "kmemleak": f"echo scan=off > {KMEMLEAK}",
    "the watchdog for tasks":
        f"test $(cat /proc/sys/kernel/hung_task_timeout_secs) -eq {HUNG_SECONDS}",
    "the watchdog for workers":
        f"test $(cat /sys/module/workqueue/parameters/watchdog_thresh) -eq {HUNG_SECONDS}",
    # Bits 5, 7, 9, 14: a bad page, an oops, a warning, a lockup.
    TAINT: "test $(($(cat /proc/sys/kernel/tainted) & 0x42a0)) -eq 0",
}


def blind(guest):
    """The watchers that do not watch, or not any more: a first report ends some."""
    return [name for name, script in WATCHERS.items() if not guest.sh(script).ok]
