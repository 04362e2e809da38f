# SPDX-License-Identifier: GPL-2.0-only
"""Shows that memory which turns out to be broken while it is in the balloon stays out
of use when it leaves: the kernel marks a page poisoned, the balloon is emptied, and a
process takes all memory there is. Debian's cloud kernel of 6.1 cannot mark memory so: there
"make check-debug" shows it.

In the middle of each block one page is poisoned, the worst place for whoever frees
blocks. A page that is only suspected is moved out of the balloon, and stays out of use.
"""

import pytest

from lab import MIB
from suite import books, hog
from suite.guests import full_size
from suite.programs import tool_file

ENDS_OF_RANGE = True

BALLOON = 400 * MIB
PAGES = 16
SPARE_MIB = 48
FILES = {"bin/pageflags": tool_file("pageflags")}
# Enough for a debug kernel, too.
GUEST = {"memory_mib": 1280, "smp": 1, "append": "init_on_alloc=0",
         "balloon": {"free_page_reporting": True}, "files": hog.FILES | FILES}
MEMORY = "/sys/devices/system/memory"
POISONED = 1 << 19
# LRU, free, mapped, anonymous. Newer kernels have it say that it is offline for good.
IN_USE = 1 << 5 | 1 << 10 | 1 << 11 | 1 << 12


# What KASAN keeps of freed objects comes back when memory is short: 1/32 of all memory.
QUARANTINE = GUEST["memory_mib"] * MIB // 32


def tolerance(kernel):
    return books.TOLERANCE + (QUARANTINE if kernel.is_debug else 0)


def boot_guest(boot, mode):
    guest = boot(**(GUEST | {"module_params": f"inflate={mode}"}))
    if not guest.sh(f"test -e {MEMORY}/hard_offline_page").ok:
        pytest.skip("this kernel does without CONFIG_MEMORY_FAILURE")
    guest.sh("modprobe hwpoison_inject")
    return guest


def balloon_pages(guest):
    pfns = guest.check(f"pageflags balloon {PAGES}").split()
    assert len(pfns) == PAGES, f"only {len(pfns)} blocks of 2 MiB are in the balloon"
    return [int(pfn) for pfn in pfns]


def flags(guest, pfns):
    return [int(line, 16) for line in
            guest.check(f"pageflags show {' '.join(map(str, pfns))}").split()]


def corrupted(guest):
    return guest.meminfo()["HardwareCorrupted"]


def assert_unused(guest, pfns):
    """A process takes all memory; none of the pages is among it."""
    size = guest.meminfo()["MemAvailable"] // MIB - SPARE_MIB
    with hog.holding(guest, size):
        shown = flags(guest, pfns)
    wrong = [f"{pfn:#x}: {flag:#x}" for pfn, flag in zip(pfns, shown)
             if flag & IN_USE or not flag & POISONED]
    assert not wrong, f"{len(wrong)} of {len(pfns)} poisoned pages are used: {wrong}"


@pytest.mark.parametrize("mode", ("pfn", "range"))
def test_poisoned_pages_stay_out_of_use(boot, ours, kernel, mode, record_property):
    guest = boot_guest(boot, mode)
    start = books.at_rest(guest)
    guest.resize(full_size(guest) - BALLOON)
    pfns = balloon_pages(guest)
    for pfn in pfns:
        # The kernel says that it cannot recover them, and marks them.
        guest.sh(f"echo {pfn * books.PAGE} > {MEMORY}/hard_offline_page")
    assert all(flag & POISONED for flag in flags(guest, pfns)), "nothing was poisoned"
    before = corrupted(guest)

    guest.resize(full_size(guest))
    assert_unused(guest, pfns)
    assert corrupted(guest) == before
    now = books.check(guest, start, tolerance(kernel))
    assert now.total == start.total
    # The balloon goes on.
    guest.resize(full_size(guest) - BALLOON)
    books.check(guest, start, tolerance(kernel))
    record_property("figure", f"{len(pfns)} poisoned pages of {BALLOON // MIB} MiB in the "
                              f"balloon, {before // 1024} KiB out of use")


def test_suspected_pages_are_moved(boot, ours, kernel, record_property):
    """Soft offlining: another page is in the balloon for each, and the books balance."""
    guest = boot_guest(boot, "pfn")
    start = books.at_rest(guest)
    guest.resize(full_size(guest) - BALLOON)
    pfns, before = balloon_pages(guest), corrupted(guest)
    gone = [pfn for pfn in pfns
            if guest.sh(f"echo {pfn * books.PAGE} > {MEMORY}/soft_offline_page").ok]
    assert gone, "not one page could be moved"
    assert corrupted(guest) == before + len(gone) * books.PAGE
    assert all(flag & POISONED for flag in flags(guest, gone))
    books.check(guest, start, tolerance(kernel))
    guest.resize(full_size(guest))
    assert_unused(guest, gone)
    books.check(guest, start, tolerance(kernel))
    record_property("figure", f"{len(gone)} of {len(pfns)} suspected pages were moved")
