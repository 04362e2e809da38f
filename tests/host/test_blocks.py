# SPDX-License-Identifier: GPL-2.0-only
"""Shows that what a small deflate costs does not grow with the balloon's whole blocks.

The guest's clock counts its instructions, and what is compared are those of its
workqueues for one page, with few blocks in the balloon and with thousands. Memory that
goes offline looks at each block once.
"""

import pytest

from bench import prepare
from lab import GIB, MIB
from suite.books import PAGE, SYSFS
from suite.guests import full_size

ENDS_OF_RANGE = True
GUEST = {"memory_mib": 32 * 1024, "smp": 1, "balloon": {"free_page_reporting": True},
         "memory_backend": {"type": "ram", "reserve": False},
         "module_params": "inflate=range take=blocks",
         "append": "init_on_alloc=0", "icount": "shift=0,sleep=off",
         "files": {prepare.TOOL.lstrip("/"): prepare.tool()}}
FEW, MANY = 4 * GIB, 30 * GIB
BLOCK = 4 * MIB
TIMES = 9
# Between two runs of the same: interrupts, timers.
AS_MUCH = 1.25
TIMEOUT = 300
# Memory blocks that are tried; of FULL, all 128 MiB are the balloon's.
MEMORY_BLOCKS = range(40, 240, 8)
FULL = 128 * MIB // PAGE
# Prints instructions, and pages that left the balloon.
OFFLINE = """
block=/sys/devices/system/memory/memory%d/state
pages=$(awk '/balloon_deflate/ { print $2 }' /proc/vmstat)
read before rest </proc/$$/schedstat
echo offline >$block || exit
read after rest </proc/$$/schedstat
echo $((after - before)) $(awk '/balloon_deflate/ { print $2 }' /proc/vmstat) $pages
echo online >$block
"""


def work(guest):
    lines = guest.check(f"{prepare.TOOL} worktime").splitlines()
    return {pid: int(ran) for pid, ran in (line.split() for line in lines)}


def page_cost(guest):
    """Instructions of the workqueues for one page that leaves: the least of some."""
    costs = []
    for _ in range(TIMES):
        before = work(guest)
        guest.resize(guest.actual() + PAGE)
        costs.append(sum(ran - before.get(pid, 0) for pid, ran in work(guest).items()))
    return min(costs)


def offline_cost(guest):
    """Instructions of taking a memory block offline that is all the balloon's."""
    size, costs = guest.actual(), []
    for number in MEMORY_BLOCKS:
        result = guest.sh(OFFLINE % number)
        guest.wait_for(lambda: guest.actual() == size, TIMEOUT, "the balloon to be as before")
        cost, after, before = map(int, result.out.split()) if result.ok else (0, 0, 0)
        if after - before >= FULL:
            costs.append(cost)
        if len(costs) == TIMES:
            break
    assert costs, "no memory block was full of the balloon's blocks"
    return min(costs)


def with_blocks(guest, balloon):
    guest.resize(full_size(guest) - balloon, timeout=TIMEOUT)
    blocks = int(guest.read(f"{SYSFS}/whole_blocks"))
    assert blocks >= balloon * 0.97, f"{blocks} of {balloon} bytes are whole blocks"


@pytest.mark.timeout(900)
def test_costs(boot, ours, record_property):
    guest = boot(**GUEST)
    page, offline = {}, {}
    for balloon in (FEW, MANY):
        with_blocks(guest, balloon)
        page[balloon] = page_cost(guest)
        offline[balloon] = offline_cost(guest)
    record_property("figure", f"with {FEW // BLOCK} and {MANY // BLOCK} blocks: "
                              f"{page[FEW]} and {page[MANY]} instructions for one page, "
                              f"{offline[FEW]} and {offline[MANY]} for 128 MiB offline")
    assert page[MANY] <= AS_MUCH * page[FEW]
    assert offline[MANY] <= AS_MUCH * offline[FEW]
