# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a large guest is hinted in few descriptors, and given back in small steps.

64 GiB, hardly any of which exists on this machine: what nobody writes to costs
nothing. The guest's clock counts its instructions, so that how long it does not make
room for others is a property of the driver, and not of this machine.
"""

import pytest

from lab import GIB
from suite import debugfs, migration

ENDS_OF_RANGE = True
GUEST = {"memory_mib": 64 * 1024, "smp": 1, "balloon": {"free_page_hint": True},
         "memory_backend": {"type": "ram", "reserve": False},
         "append": "init_on_alloc=0", "icount": "shift=0,sleep=off"}
# Of what is free: the rest is in the reserve and in pieces.
HINTED = 0.97
# A host has up to 32 blocks of 4 MiB: 8 descriptors a GiB, and a few that end a run.
RANGES_PER_GIB = 9
STEP_USECS = 5000
SPEED = 1       # MiB a second: the first round does not end by itself
TIMEOUT = 120


@pytest.mark.timeout(600)
def test_few_descriptors_and_small_steps(boot, ours, record_property):
    guest = boot(**GUEST)
    free = guest.meminfo()["MemFree"]
    migration.set_bandwidth(guest, SPEED)
    migration.begin_to_nowhere(guest)
    hinted = migration.wait_held(guest, TIMEOUT)
    guest.qmp("migrate_cancel")
    guest.wait_for(lambda: (debugfs.values(guest, "hint")["bytes_released"]
                            == hinted["bytes"]), TIMEOUT,
                   "hinted memory to be free again")
    released = debugfs.values(guest, "hint")
    record_property("figure", f"{hinted['bytes'] / GIB:.1f} GiB hinted in {hinted['ranges']} "
                              f"descriptors, {hinted['blocks']} blocks given back in steps "
                              f"of at most {released['release_usecs_max']} us")
    assert hinted["bytes"] >= HINTED * free, f"{free} bytes were free"
    assert hinted["ranges"] <= RANGES_PER_GIB * free / GIB
    assert hinted["blocks_taken"] == hinted["blocks"], "memory was taken and not hinted"
    assert released["bytes_released"] == hinted["bytes"]
    assert 0 < released["release_usecs_max"] <= STEP_USECS
    assert guest.meminfo()["MemFree"] >= HINTED * free
