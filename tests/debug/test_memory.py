# SPDX-License-Identifier: GPL-2.0-only
"""What only a debug kernel lets one try with a balloon's memory.

A contiguous range is taken from where balloon pages lie: the kernel moves them. Free
memory of an area for such ranges does not count for the floor. And free pages are filled
with a pattern, which the kernel looks at when it gives them out: whoever changed or lost
it meanwhile, be it the host, is reported.
"""

import pytest

from lab import MIB
from suite import hog
from suite.books import PAGE, SYSFS
from suite.guests import full_size

# The kernel keeps about as much free in the area as elsewhere: half of what is left.
LEFT = 256 * MIB
CMA_MIB = 192
CMA = {"memory_mib": 1024, "append": f"cma={CMA_MIB}M",
       "balloon": {"free_page_reporting": True}}
# A smaller one that is taken as a whole; what is in it has room beside it.
WHOLE_MIB = 96
WHOLE_LEFT = 130 * MIB
ROUNDS = 2
AREA = "/sys/kernel/debug/cma/*"

USED_MIB = 150
# A pass of reporting every two seconds; a debug kernel takes its time.
SECONDS = 10


@pytest.mark.parametrize("mode", ("auto", "pfn"))
def test_contiguous_range(boot, driver, mode, record_property):
    if driver != "ours" and mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    guest = boot(**(CMA | {"module_params": f"inflate={mode}"}))
    full = full_size(guest)
    balloon = (guest.meminfo()["MemFree"] - LEFT) // MIB * MIB
    guest.resize(full - balloon)
    free, wanted = guest.meminfo()["CmaFree"], CMA_MIB * MIB * 3 // 4
    assert free < wanted, "nothing would have to be moved"
    before = guest.vmstat()["balloon_migrate"]
    guest.check(f"echo {wanted // PAGE} > $(echo {AREA}/alloc)", 120)
    moved = guest.vmstat()["balloon_migrate"] - before
    assert moved > 0, "no page of the balloon was moved"
    guest.wait_actual(full - balloon)
    guest.check(f"echo {wanted // PAGE} > $(echo {AREA}/free)")
    guest.resize(full)
    record_property("figure", f"{moved} pages moved for {wanted // MIB} MiB, "
                              f"of which {free // MIB} were free")


def test_all_of_an_area(boot, record_property):
    """The kernel looks once, when it has moved the last page: all has to be free then."""
    # What is being reported is not free either, and what is free in the area does not count
    # for the floor.
    guest = boot(**(CMA | {"append": f"cma={WHOLE_MIB}M", "balloon": {},
                           "module_params": "floor=8M"}))
    full, pages = full_size(guest), WHOLE_MIB * MIB // PAGE
    before = guest.vmstat()["balloon_migrate"]
    for _ in range(ROUNDS):
        balloon = (guest.meminfo()["MemFree"] - WHOLE_LEFT) // MIB * MIB
        guest.resize(full - balloon)
        free = guest.meminfo()["CmaFree"]
        assert free < WHOLE_MIB * MIB * 3 // 4, "little would have to be moved"
        guest.check(f"echo {pages} > $(echo {AREA}/alloc)", 120)
        guest.wait_actual(full - balloon)
        guest.check(f"echo {pages} > $(echo {AREA}/free)")
        guest.resize(full)
    moved = guest.vmstat()["balloon_migrate"] - before
    record_property("figure", f"{ROUNDS} times {WHOLE_MIB} MiB in one piece, "
                              f"{moved} pages moved")


def test_floor_without_the_area(boot, ours, record_property):
    """Free memory of the area is not available to the kernel, and none of the floor."""
    guest = boot(memory_mib=640, append=f"cma={WHOLE_MIB}M")
    mark = guest.log_mark()
    guest.set_target(PAGE)
    guest.wait_for(lambda: guest.read(f"{SYSFS}/state") == "floor", 120, "state 'floor'")
    meminfo, floor = guest.meminfo(), int(guest.read(f"{SYSFS}/floor"))
    usable = meminfo["MemAvailable"] - meminfo["CmaFree"]
    figure = (f"{usable // MIB} MiB available and {meminfo['CmaFree'] // MIB} MiB of CMA "
              f"free, the floor is {floor // MIB} MiB")
    # What this test runs in the guest takes its part.
    assert usable > floor * 3 // 4, figure
    assert "oom-kill" not in guest.log_since(mark)
    record_property("figure", figure)


@pytest.mark.parametrize("told", (False, True), ids=("not-told", "told"))
def test_pattern_in_free_pages(boot, driver, told):
    """Reporting is for hosts that were told the pattern."""
    if driver != "ours" and not told:
        pytest.skip("the in-tree driver reports without telling the pattern")
    guest = boot(memory_mib=640, append="page_poison=1", files=hog.FILES,
                 balloon={"free_page_reporting": True, "page_poison": told})
    full = full_size(guest)
    features = guest.read("/sys/bus/virtio/drivers/virtio_balloon/virtio*/features")
    assert (features[5] == "1") == told, f"accepted features: {features}"
    for _ in range(2):
        with hog.holding(guest, USED_MIB):
            pass
        guest.check(f"sleep {SECONDS}", 60)
        guest.resize(full - USED_MIB * MIB)
        guest.resize(full)
    with hog.holding(guest, USED_MIB):
        pass
