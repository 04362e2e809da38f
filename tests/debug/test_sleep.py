# SPDX-License-Identifier: GPL-2.0-only
"""The stages of a suspend and of a hibernation, each alone, with QEMU's balloon.

The kernel goes so far and back again (PM_DEBUG): the balloon is not touched, and a
debug kernel has nothing to report. Devices, and with them the driver, take part from
"devices" on.
"""

import pytest

from lab import MIB
from suite import books, debug, hibernation, suspend
from suite.guests import full_size

GUEST = {"memory_mib": 1536, **suspend.MACHINE, "append": "init_on_alloc=0",
         "traces": ["virtio_balloon_handle_output"],
         "balloon": {"free_page_reporting": True}}
BALLOON = 300 * MIB
SWAP_MIB = 512
STAGES = ("freezer", "devices", "platform", "processors", "core")
# What compaction may move to make room for an image, two pages for each.
TOLD_MAX = 10000
TOLERANCE = 32 * MIB
# In seconds. An emulated kernel that notes who has which page needs a minute to make room
# for an image as small as it would like it.
TIMEOUT = 120
PREPARE = ("echo 1 > /sys/module/suspend/parameters/pm_test_delay; "
           "echo 1000000000000 > /sys/power/image_size")


@pytest.mark.parametrize("state", ("mem", pytest.param("disk", marks=pytest.mark.rare)))
def test_stages(boot, tmp_path, state):
    disk = hibernation.make_disk(tmp_path / "swap", SWAP_MIB)
    guest = boot(**GUEST, disks=[str(disk)])
    hibernation.prepare(guest)
    guest.check(PREPARE)
    start = books.at_rest(guest)
    guest.resize(full_size(guest) - BALLOON)
    for stage in STAGES:
        guest.trace_reset()
        guest.check(f"echo {stage} > /sys/power/pm_test; echo {state} > /sys/power/state",
                    TIMEOUT)
        told = guest.trace_counts()["virtio_balloon_handle_output"]
        assert told < TOLD_MAX, f"{stage}: the host was told of {told} pages"
        guest.wait_actual(full_size(guest) - BALLOON)
        books.check(guest, start, tolerance=TOLERANCE)
        print(f"{state}: {stage}")
    guest.resize(full_size(guest))
    books.check(guest, start, tolerance=TOLERANCE)
    assert not debug.blind(guest)
    debug.check_nothing_leaks(guest)
