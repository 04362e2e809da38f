# SPDX-License-Identifier: GPL-2.0-only
"""Shows that what a small deflate costs does not grow with the balloon's whole blocks.

The guest's clock counts its instructions, a nanosecond each. What is compared are those of
the functions that look for blocks, for a page that leaves and for memory that goes offline,
with a thousand blocks in the balloon and with many times that. They do not look at all
blocks for a page, and once at each for memory that goes offline.
"""

import pytest

from lab import GIB, MIB
from suite.books import PAGE, SYSFS
from suite.guests import full_size

ENDS_OF_RANGE = True
GUEST = {"memory_mib": 32 * 1024, "smp": 1, "balloon": {"free_page_reporting": True},
         "memory_backend": {"type": "ram", "reserve": False},
         "module_params": "inflate=range take=blocks",
         "append": "init_on_alloc=0", "icount": "shift=0,sleep=off"}
FEW, MANY = 4 * GIB, 30 * GIB
BLOCK = 4 * MIB
TIMES = 9
# A look at each block costs many times as much for a page, three times as much for memory.
AS_MUCH = 2
TIMEOUT = 300
# Memory blocks that are tried; of FULL, all 128 MiB are the balloon's.
MEMORY_BLOCKS = range(40, 240, 8)
FULL = 128 * MIB // PAGE
# Without the time that they sleep.
TRACE = """
cd /sys/kernel/tracing &&
echo balloon_blocks_release balloon_memory_event >set_ftrace_filter &&
echo 0 >options/sleep-time && echo function_graph >current_tracer
"""
CLEAR = "echo >/sys/kernel/tracing/trace"
CALLS = "sed -nE 's/.* ([0-9.]+) us.*/\\1/p' /sys/kernel/tracing/trace"
# Prints pages that left the balloon, and microseconds of each call.
OFFLINE = f"""
block=/sys/devices/system/memory/memory%d/state
{CLEAR}
pages=$(awk '/balloon_deflate/ {{ print $2 }}' /proc/vmstat)
echo offline >$block || exit
echo $(($(awk '/balloon_deflate/ {{ print $2 }}' /proc/vmstat) - pages))
{CALLS}
echo online >$block
"""


def page_cost(guest):
    """Microseconds of looking for a block that fits, for one page: the least of some."""
    costs = []
    for _ in range(TIMES):
        guest.check(CLEAR)
        guest.resize(guest.actual() + PAGE)
        costs += map(float, guest.check(CALLS).split())
    assert len(costs) >= TIMES, "nobody looked for a block"
    return min(costs)


def offline_cost(guest):
    """Microseconds for a memory block that is all the balloon's: the least of some."""
    size, costs = guest.actual(), []
    for number in MEMORY_BLOCKS:
        result = guest.sh(OFFLINE % number)
        guest.wait_for(lambda: guest.actual() == size, TIMEOUT, "the balloon to be as before")
        pages, *calls = map(float, result.out.split()) if result.ok else (0,)
        if pages >= FULL:
            costs.append(max(calls))
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
    guest.check(TRACE)
    page, offline = {}, {}
    for balloon in (FEW, MANY):
        with_blocks(guest, balloon)
        page[balloon] = page_cost(guest)
        offline[balloon] = offline_cost(guest)
    record_property("figure", f"with {FEW // BLOCK} and {MANY // BLOCK} blocks: "
                              f"{page[FEW]} and {page[MANY]} us for one page, "
                              f"{offline[FEW]} and {offline[MANY]} us for 128 MiB offline")
    assert page[MANY] <= AS_MUCH * page[FEW]
    assert offline[MANY] <= AS_MUCH * offline[FEW]
