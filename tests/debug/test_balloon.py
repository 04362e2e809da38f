# SPDX-License-Identifier: GPL-2.0-only
"""Inflating, deflating, compaction, reloading and shortage on a debug kernel.

With QEMU's balloon: a host that works while the guest does. The programs are
those of tests/guest, and the loop does all of it at once. KASAN, lockdep and the
other watchers judge, and at the end kmemleak.
"""

import pytest

from lab import MIB
from suite import compaction, debug, hog, programs
from suite.guests import full_size

GUEST = {"memory_mib": 1024,
         "balloon": {"deflate_on_oom": True, "free_page_reporting": True},
         "files": programs.files(programs.PROGRAMS) | hog.FILES}
BALLOON = 160 * MIB + 28672
TIMEOUT = 300
ROUNDS = 2


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_program(guest, program, record_property):
    compaction.inflate_for(program, guest, BALLOON)
    programs.run(guest, program, record_property, TIMEOUT)


@pytest.mark.parametrize("mode", ("auto", "pfn", "range"))
def test_loop(guest, driver, mode):
    """The balloon is moved about while it fills, empties, goes and comes."""
    full = full_size(guest)
    if driver == "ours":
        guest.check(f"rmmod virtio_balloon; modprobe virtio_balloon inflate={mode}")
    elif mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    with compaction.always(guest):
        for n in range(ROUNDS):
            guest.resize(full - 200 * MIB)
            guest.set_target(full - (400 + 4 * n) * MIB)
            guest.check("rmmod virtio_balloon && modprobe virtio_balloon", TIMEOUT)
            guest.resize(full - 100 * MIB)
            guest.set_target(full - 300 * MIB)
            guest.resize(full)


def test_shortage(guest):
    """Nothing is left to take, and then memory is needed: the balloon gives way."""
    full = full_size(guest)
    guest.set_target(64 * MIB)
    guest.wait_for(lambda: guest.actual() < full // 2, 120, "a large balloon")
    guest.check("dd if=/dev/zero of=/tmp/big bs=1M count=150 2>/dev/null; rm -f /tmp/big",
                TIMEOUT)
    guest.resize(full)


def test_nothing_leaks(guest):
    debug.check_nothing_leaks(guest)


def test_everything_was_watched(guest):
    assert not debug.blind(guest)
