# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a host with huge pages gets them back, whole, and that none is torn.

With guest memory in hugetlbfs a host can only give back a whole page of 2 MiB,
when the balloon has all of it; with transparent huge pages it would split others.
"""

import fcntl
import math
import time
from pathlib import Path

import pytest

from lab import MIB
from lab.deadline import Deadline
from lab.paths import LAB
from lab.units import mib
from suite import books, hog
from suite.guests import full_size

ENDS_OF_RANGE = True

HUGE = 2 * MIB
NR_HUGE = Path("/proc/sys/vm/nr_hugepages")
MEMORY_MIB = 1024
KEPT = 400 * MIB
# Of what lies between, the host has at least this part in the end: fragments are taken
# first, and bring back none. Some of it may never have been touched: that much less comes
# back, and the rest of the guest has more.
EXPECTED = {"fragments": 0.90, "blocks": 0.99}
UNTOUCHED = 0.05
# Neither QEMU nor the kernel is to find the last page taken.
SPARE_PAGES = 4
FILE_MIB = 64
# For transparent huge pages; the memory that is scattered before it.
BALLOON = 400 * MIB
SCATTERED_MIB = 500
# Left when a process takes what is free.
RESERVE_MIB = 60

MODES = {
    "pfn": ("pfn", {}),
    "auto": ("auto", {"free_page_reporting": True}),
    "range": ("range", {"free_page_reporting": True}),
}
# The others only with --full.
OFTEN = (("pfn", "blocks"), ("auto", "fragments"), ("auto", "blocks"))


def huge_pages(field):
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0


@pytest.fixture(scope="module")
def hugetlb():
    """Enough of the machine's memory in huge pages, until the tests have run.

    They are the machine's: one guest at a time, or the counts would mean nothing.
    """
    with open(LAB / "hugepages.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield from reserve()


def reserve():
    wanted = MEMORY_MIB * MIB // HUGE + SPARE_PAGES
    before = NR_HUGE.read_text()
    try:
        NR_HUGE.write_text(str(int(before) + wanted))
    except OSError as error:
        pytest.skip(f"this machine gives no huge pages: {error}")
    try:
        if huge_pages("HugePages_Free") < wanted:
            pytest.skip(f"this machine has {huge_pages('HugePages_Free')} huge pages "
                        f"to spare, {wanted} are needed: free some memory")
        yield
    finally:
        NR_HUGE.write_text(before)


def wait_free_pages(least, timeout=20):
    """Wait until so many are free; how many there are, at the end as well."""
    deadline = Deadline(timeout)
    while huge_pages("HugePages_Free") < least and not deadline.expired():
        time.sleep(0.1)
    return huge_pages("HugePages_Free")


def use_all_memory(guest):
    """So that every huge page of the guest is there; then it is free again.

    Returns how many the host has left meanwhile: later would be too late, as a guest
    that reports free pages gives the first of them back after two seconds.
    """
    size = books.at_rest(guest).available // MIB - RESERVE_MIB
    with hog.holding(guest, size, timeout=120):
        return huge_pages("HugePages_Free")


@pytest.mark.parametrize("name, take", [
    pytest.param(name, take, id=f"{name}-{take}",
                 marks=() if (name, take) in OFTEN else pytest.mark.rare)
    for name in MODES for take in EXPECTED])
def test_huge_pages_come_back(boot, hugetlb, name, take, driver, record_property):
    mode, properties = MODES[name]
    if driver != "ours" and (mode, take) != ("pfn", "fragments"):
        pytest.skip("only our driver has modes")
    without = huge_pages("HugePages_Free")
    guest = boot(memory_mib=MEMORY_MIB, smp=1, balloon=properties, files=hog.FILES,
                 memory_backend={"type": "memfd", "hugetlb": True, "hugetlbsize": "2M"},
                 module_params=f"inflate={mode} take={take}", append="init_on_alloc=0")
    guest.check(f"dd if=/dev/urandom of=/tmp/kept bs=1M count={FILE_MIB} 2>/dev/null",
                timeout=60)
    digest = guest.check("md5sum /tmp/kept")
    possible = (full_size(guest) - KEPT) // HUGE
    wanted = math.ceil(EXPECTED[take] * possible)
    # A page that was never touched is at the host before and after: it counts as there.
    absent = without - full_size(guest) // HUGE
    untouched = use_all_memory(guest) - absent
    assert untouched < possible // 4, f"{untouched} huge pages were never touched"
    guest.resize(KEPT, timeout=120)
    free = wait_free_pages(absent + wanted)
    returned = free - absent - untouched
    record_property("figure", f"{returned} of {possible} huge pages came back ({mode}, {take})")
    least = wanted - math.floor(UNTOUCHED * possible)
    assert free - absent >= wanted and returned >= least, (
        f"{returned} of {possible} huge pages came back, expected {least}; the host has "
        f"{free - absent} in all, expected {wanted}")

    guest.resize(full_size(guest), timeout=120)
    use_all_memory(guest)
    assert guest.check("md5sum /tmp/kept") == digest, "what the guest wrote has changed"


def lost_huge_pages(guest, balloon):
    """Inflate; bytes of the guest that left transparent huge pages for it.

    Some of the guest's memory was never touched, or is not in huge pages: fewer of
    them may go than there is in the balloon.
    """
    before, memory = guest.host_pages(), guest.host_memory()
    untouched = MEMORY_MIB * MIB - memory
    if before < MEMORY_MIB * MIB // 2:
        pytest.skip(f"only {mib(before)} of the guest are in transparent huge pages "
                    "here: the machine gives none")
    guest.resize(full_size(guest) - balloon, timeout=120)
    guest.wait_for(lambda: memory - guest.host_memory() >= balloon - untouched, 20,
                   lambda: f"the host to have the balloon's memory; "
                           f"{mib(guest.host_memory())} of {mib(memory)} are left")
    return before - guest.host_pages()


@pytest.mark.parametrize("memory", ["fresh", "compacted"])
def test_transparent_huge_pages_stay(boot, memory, record_property):
    """What is left to the guest stays in huge pages: none is split for the balloon."""
    guest = boot(memory_mib=MEMORY_MIB, smp=1, files=hog.FILES, append="init_on_alloc=0")
    use_all_memory(guest)
    if memory == "fresh":
        lost = lost_huge_pages(guest, BALLOON)
    else:
        with hog.holding(guest, SCATTERED_MIB, 4):
            guest.check("echo 1 > /proc/sys/vm/compact_memory", timeout=60)
            lost = lost_huge_pages(guest, BALLOON)
    record_property("figure", f"{mib(lost)} in transparent huge pages went with "
                              f"{mib(BALLOON)} in the balloon ({memory} memory)")
    assert lost <= BALLOON * 11 // 10, (
        f"{mib(lost)} of huge pages are gone with {mib(BALLOON)} in the balloon")
