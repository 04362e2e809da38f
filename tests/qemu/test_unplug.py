# SPDX-License-Identifier: GPL-2.0-only
"""Shows that memory which the balloon lies in can be taken from the guest.

A virtio-mem device asks for half of its memory back, while the balloon fills it: the
kernel moves the balloon's pages elsewhere. The counts of each zone are the same
afterwards. Whole blocks cannot be moved, see the admin guide: with inflate=range the
device gets less than it asks for, and the rest when the balloon has left.
"""

from contextlib import contextmanager

import pytest

from lab import MIB
from suite import books
from suite.guests import full_size, plugged
from suite.zones import managed, managed_in, wait_managed

ENDS_OF_RANGE = True

MEM_MIB = 512
LEFT_MIB = 256
BALLOON = 400 * MIB
STEP_MIB = 4
PASS_SECONDS = 5
GUEST = {"memory_mib": 768, "max_memory_mib": 4096,
         "balloon": {"free_page_reporting": True},
         # Where the kernel prefers to put what it can move.
         "append": "init_on_alloc=0 memhp_default_state=online_movable",
         "virtio_mem": {"size": "1G", "requested-size": f"{MEM_MIB}M"}}


def request(guest, size_mib):
    guest.qmp("qom-set", path="/machine/peripheral/vmem0", property="requested-size",
              value=size_mib * MIB)


def ask_for(guest, size_mib):
    request(guest, size_mib)
    guest.wait_for(lambda: plugged(guest) == size_mib * MIB, 90, lambda: (
        f"{size_mib} MiB to be plugged; there are {plugged(guest) // MIB}"))


@contextmanager
def plugged_and_full(guest, zone):
    """While the block runs, the balloon is in the memory that was plugged into a zone.

    Afterwards all of it is plugged and everything as before.
    """
    # QEMU has plugged it a while before the guest has it all in its zones.
    guest.wait_for(lambda: managed_in(guest, zone) * books.PAGE == MEM_MIB * MIB, 60,
                   "memory to be plugged")
    start, zones = books.at_rest(guest), managed(guest)
    full = full_size(guest)

    guest.resize(full - BALLOON)
    assert managed_in(guest, zone) * books.PAGE < LEFT_MIB * MIB, "the balloon is elsewhere"
    yield full
    ask_for(guest, MEM_MIB)
    wait_managed(guest, zones)
    books.check(guest, start)


# Pages are moved alike in both modes.
@pytest.mark.parametrize("mode", ["auto", pytest.param("pfn", marks=pytest.mark.rare)])
def test_memory_with_pages_is_unplugged(boot, driver, mode, record_property):
    if driver != "ours" and mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    guest = boot(**(GUEST | {"module_params": f"inflate={mode}"}))
    with plugged_and_full(guest, "Movable") as full:
        ask_for(guest, LEFT_MIB)
        guest.wait_actual(full - BALLOON)
        guest.resize(full)
    record_property("figure", f"{(MEM_MIB - LEFT_MIB)} MiB unplugged below "
                              f"{BALLOON // MIB} MiB in the balloon")


def test_blocks_are_not_unplugged(boot, ours, record_property):
    """Nothing is moved, nothing breaks, and it works when the blocks have gone."""
    # Blocks are not taken from memory for what can be moved.
    guest = boot(**(GUEST | {"module_params": "inflate=range", "append":
                             "init_on_alloc=0 memhp_default_state=online_kernel"}))
    with plugged_and_full(guest, "Normal") as full:
        blocks = int(guest.read(f"{books.SYSFS}/whole_blocks"))
        assert blocks > BALLOON * 3 // 4, f"only {blocks} bytes in whole blocks"
        request(guest, LEFT_MIB)
        # It goes through its memory once, and comes back after 50 s.
        guest.check(f"sleep {PASS_SECONDS}")
        rest = plugged(guest)
        assert rest > LEFT_MIB * MIB, (
            f"all was unplugged below {blocks // MIB} MiB in blocks")
        assert int(guest.read(f"{books.SYSFS}/whole_blocks")) == blocks
        guest.wait_actual(full - BALLOON)

        guest.resize(full)
        # Another size, so that the guest looks again.
        request(guest, LEFT_MIB + 2 * STEP_MIB)
        ask_for(guest, LEFT_MIB)
    record_property("figure", f"{rest // MIB - LEFT_MIB} of {MEM_MIB - LEFT_MIB} MiB "
                              f"stayed below {blocks // MIB} MiB in blocks")
