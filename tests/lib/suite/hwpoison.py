# SPDX-License-Identifier: GPL-2.0-only
"""Memory that turns out to be broken while it is in the balloon.

In the middle of each block one page is poisoned, the worst place for whoever frees
blocks: the balloon is emptied, and a process takes all memory there is. A page that is
only suspected is moved out of the balloon.
"""

import pytest

from lab import MIB

from . import books, hog
from .guests import full_size
from .programs import tool_file

BALLOON = 400 * MIB
PAGES = 16
SPARE_MIB = 48
GUEST = {"smp": 1, "append": "init_on_alloc=0", "balloon": {"free_page_reporting": True},
         "files": hog.FILES | {"bin/pageflags": tool_file("pageflags")}}
MEMORY = "/sys/devices/system/memory"
POISONED = 1 << 19
# LRU, free, mapped, anonymous. Newer kernels have it say that it is offline for good.
IN_USE = 1 << 5 | 1 << 10 | 1 << 11 | 1 << 12


def boot_guest(boot, mode, memory_mib):
    guest = boot(**GUEST, memory_mib=memory_mib, module_params=f"inflate={mode}")
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


def poison(guest):
    """The kernel marks pages of the balloon poisoned; what came of it, in words."""
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
    now = books.check(guest, start)
    assert now.total == start.total
    # The balloon goes on.
    guest.resize(full_size(guest) - BALLOON)
    books.check(guest, start)
    return (f"{len(pfns)} poisoned pages of {BALLOON // MIB} MiB in the balloon, "
            f"{before // 1024} KiB out of use")


def suspect(guest):
    """Soft offlining: another page is in the balloon for each, and the books balance."""
    start = books.at_rest(guest)
    guest.resize(full_size(guest) - BALLOON)
    pfns, before = balloon_pages(guest), corrupted(guest)
    gone = [pfn for pfn in pfns
            if guest.sh(f"echo {pfn * books.PAGE} > {MEMORY}/soft_offline_page").ok]
    assert gone, "not one page could be moved"
    assert corrupted(guest) == before + len(gone) * books.PAGE
    assert all(flag & POISONED for flag in flags(guest, gone))
    books.check(guest, start)
    guest.resize(full_size(guest))
    assert_unused(guest, gone)
    books.check(guest, start)
    return f"{len(gone)} of {len(pfns)} suspected pages were moved"
