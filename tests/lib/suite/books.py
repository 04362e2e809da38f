# SPDX-License-Identifier: GPL-2.0-only
"""The books of a guest: every page is free, used, or in the balloon.

MemFree alone says little: some 10 to 30 MiB wander between it and the lists
that each CPU keeps, so both are added up, as they stand in one file: between two
files they wander too. Free memory that is just being reported to the host, up to
128 MiB at a time, is on no list at all; so the books to compare with are those of a
guest at rest. The rest of the guest lives on meanwhile, hence a tolerance; what the
balloon itself counts is exact.
"""

from dataclasses import dataclass, field

from lab import MIB
from lab.deadline import poll
from lab.errors import TimedOut
from lab.meminfo import parse_meminfo, parse_vmstat

from .guests import full_size

PAGE = 4096
# What the rest of the guest takes and gives while a test runs.
TOLERANCE = 2 * MIB
# At rest: so many looks in a row differ by less than so much.
LOOKS = 3
RESTLESS = MIB // 2
# What a loaded driver may have for itself.
DRIVER_MEMORY = 4 * MIB

DRIVER_DIR = "/sys/bus/virtio/drivers/virtio_balloon"
SYSFS = f"{DRIVER_DIR}/virtio*/balloon"

SNAPSHOT = f"""
echo 3 > /proc/sys/vm/drop_caches
echo 1 > /proc/sys/vm/stat_refresh
awk '/pages free/ {{ n += $3 }} / count:/ {{ n += $2 }} END {{ print n }}' /proc/zoneinfo
cat {SYSFS}/actual 2>/dev/null || echo none
echo @
cat /proc/meminfo
echo @
cat /proc/vmstat
"""


@dataclass
class Books:
    """One look at all the books; everything in bytes."""

    total: int          # MemTotal
    free: int           # free, on the lists of the CPUs too
    inflated: int       # in the balloon, by the event counters of the kernel
    node: int           # the same by its counter of pages; None if it has none
    sysfs: int          # the same by the driver; None if it does not say
    available: int
    vmstat: dict = field(repr=False)

    @classmethod
    def read(cls, guest):
        first, meminfo, vmstat = guest.check(SNAPSHOT).split("@\n")
        free, sysfs = first.split()
        memory = parse_meminfo(meminfo)
        vmstat = parse_vmstat(vmstat)
        node = vmstat.get("nr_balloon_pages")
        return cls(
            total=memory["MemTotal"],
            free=int(free) * PAGE,
            inflated=(vmstat["balloon_inflate"] - vmstat["balloon_deflate"]) * PAGE,
            node=None if node is None else node * PAGE,
            sysfs=None if sysfs == "none" else int(sysfs),
            available=memory["MemAvailable"],
            vmstat=vmstat)


def _compare(what, got, want, tolerance=0):
    """A sentence for each disagreement, with both values and what lies between."""
    if got is None or abs(got - want) <= tolerance:
        return []
    return [f"{what}: {got} bytes, expected {want}"
            + (f" give or take {tolerance}" if tolerance else "")
            + f": {got - want:+} bytes or {(got - want) / PAGE:+.0f} pages"]


def differences(start, now, balloon, tolerance=TOLERANCE, total_falls=True):
    """Where the books disagree with a balloon of that many bytes.

    start: the books of the same guest with an empty balloon.
    """
    return [
        *_compare("MemTotal", now.total,
                  start.total - (balloon if total_falls else 0)),
        *_compare("free, CPUs' lists and balloon", now.free + balloon,
                  start.free, tolerance),
        *_compare("balloon_inflate - balloon_deflate of /proc/vmstat",
                  now.inflated, balloon),
        *_compare("nr_balloon_pages of /proc/vmstat", now.node, balloon),
        *_compare("actual of sysfs", now.sysfs, balloon),
    ]


def at_rest(guest, timeout=60):
    """The books of a guest in which no memory is on its way: those to start from."""
    looks = []

    def resting():
        looks.append(Books.read(guest))
        free = [look.free for look in looks[-LOOKS:]]
        return len(free) == LOOKS and max(free) - min(free) < RESTLESS

    poll(resting, timeout, lambda: "free memory to come to rest; the last looks had "
         + ", ".join(f"{look.free / MIB:.1f}" for look in looks[-LOOKS:]) + " MiB",
         interval=0.15)
    return looks[-1]


def check(guest, start, tolerance=TOLERANCE, total_falls=True, timeout=10):
    """Fail unless the books balance; gives what is in flight time to arrive.

    Returns the books.
    """
    def balloon():
        return full_size(guest) - guest.actual()

    return _check(guest, start, balloon, timeout, tolerance=tolerance,
                  total_falls=total_falls)


def settled(guest, full, timeout=30):
    """The books when host, driver and kernel agree on the balloon of a guest.

    full: bytes of the guest, hotplugged ones too.
    """
    def agreed():
        size, now = full - guest.actual(), Books.read(guest)
        return now if now.inflated == now.sysfs == size else None

    return poll(agreed, timeout, "the counts of the balloon to agree", interval=0.2)


def check_without_driver(guest, start, timeout=10, tolerance=TOLERANCE + DRIVER_MEMORY):
    """Fail unless a guest whose driver or device has gone has everything back."""
    return _check(guest, start, lambda: 0, timeout, tolerance=tolerance)


def _check(guest, start, balloon, timeout, **how):
    found = []

    def balanced():
        size, now = balloon(), Books.read(guest)
        found[:] = differences(start, now, size, **how)
        return None if found else now

    try:
        return poll(balanced, timeout, "the books to balance", interval=0.5)
    except TimedOut:
        raise AssertionError("\n".join([f"with a balloon of {balloon()} bytes:",
                                        *found])) from None
