# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the balloon does its jobs with every layout of the rings that QEMU has.

Packed rings, and rings whose requests are used in order, each with all five queues:
inflate, deflate, statistics, hints of a migration, and free page reporting. A kernel
that does not know used-in-order refuses it, and works without; which of the two was
tested is among the figures.
"""

import pytest

from lab import MIB
from suite import books, debugfs, migration
from suite.books import DRIVER_DIR, SYSFS
from suite.guests import full_size
from suite.stats import last_update, next_stats

ENDS_OF_RANGE = True

BALLOON = 200 * MIB + 4096
FREED_MIB = 100
PACKED, IN_ORDER = 34, 35
RINGS = {
    "packed": {"packed": True},
    "in-order": {"in_order": True},
    "packed-in-order": {"packed": True, "in_order": True},
}
# Kernels whose rings can be used in order.
KNOWS_IN_ORDER = ("newest",)


def accepted(guest, bit):
    return guest.read(f"{DRIVER_DIR}/virtio*/features")[bit] == "1"


def check_accepted(guest, ring, kernel, record_property):
    got = [name for name, bit in (("packed", PACKED), ("in_order", IN_ORDER))
           if accepted(guest, bit)]
    record_property("figure", f"offered {' and '.join(ring)}, accepted "
                              f"{' and '.join(got) or 'neither'}")
    known = {"packed"} | ({"in_order"} if kernel.series.split("-")[0] in KNOWS_IN_ORDER
                          else set())
    assert set(got) == set(ring) & known


def check_size(guest):
    start = books.at_rest(guest)
    full = full_size(guest)
    for _ in range(2):
        guest.resize(full - BALLOON)
        books.check(guest, start)
        guest.resize(full)
        books.check(guest, start)


def check_stats(guest):
    for _ in range(3):
        before = last_update(guest)
        guest.poll_stats(1)
        told = next_stats(guest, before)["stat-total-memory"]
        total = guest.meminfo()["MemTotal"]
        assert told == total, f"stat-total-memory is {told}, MemTotal {total}"
    guest.poll_stats(0)


def check_reporting(guest):
    before = int(guest.read(f"{SYSFS}/reported"))
    migration.leave_stale_memory(guest, FREED_MIB)
    guest.wait_for(lambda: int(guest.read(f"{SYSFS}/reported")) - before
                   >= FREED_MIB * MIB // 2, 40, "freed memory to be reported")


def check_hints(guest):
    free = guest.meminfo()["MemFree"]
    migration.set_bandwidth(guest, 1)
    migration.begin_to_nowhere(guest)
    hinted = migration.wait_held(guest)
    guest.qmp("migrate_cancel")
    # What was only named is free already.
    guest.wait_for(lambda: debugfs.values(guest, "hint")["bytes_released"]
                   == hinted["bytes"] - hinted["bytes_isolated"], 60,
                   "hinted memory to be free again")
    assert hinted["bytes"] >= free // 2, f"{free} bytes were free"


@pytest.mark.parametrize("name", RINGS)
def test_rings(boot, ours, kernel, name, record_property):
    ring = RINGS[name]
    guest = boot(memory_mib=512, balloon={
        "free_page_reporting": True, "free_page_hint": True, **ring})
    check_accepted(guest, ring, kernel, record_property)
    check_size(guest)
    check_stats(guest)
    check_reporting(guest)
    check_hints(guest)
    # A new driver begins with rings of its own.
    guest.check("rmmod virtio_balloon && modprobe virtio_balloon")
    check_size(guest)
