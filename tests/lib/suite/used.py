# SPDX-License-Identifier: GPL-2.0-only
"""A guest whose memory was used: what it has free lies in fragments, among memory in use.

Beside them is memory that nobody ever touched, in whole blocks, of which the host
holds nothing. tests/guest/tools/used.c makes holes and takes huge pages.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass

from . import hog
from .books import PAGE
from .programs import tool_file

FILES = hog.FILES | {"bin/used": tool_file("used")}
# Blocks of 2 MiB and more.
BLOCK_ORDER, ORDERS = 9, 64
LOOKS, LOOK_US = 8, 100000
# Every second piece of so many pages is free: 64 KiB.
PIECE_PAGES = 16
STRIDE = 2
FILE = "/tmp/used"
# At least this part of what was asked for has to come to the host.
EXPECTED = 0.97
# QEMU has been told of all of it, and may still be discarding.
SETTLE_SECONDS = 5
NR_HUGE = "/proc/sys/vm/nr_hugepages"


def _free_of(buddyinfo, orders):
    return sum((int(count) << order) * PAGE
               for line in buddyinfo.splitlines()
               for order, count in enumerate(line.split()[4:]) if order in orders)


def _free(guest, orders):
    """Bytes of the guest's free memory in blocks of these orders.

    What is being reported to the host is on no list: the most of several looks counts.
    """
    looks = guest.check(f"for i in $(seq {LOOKS}); do usleep {LOOK_US}; "
                        "cat /proc/buddyinfo; echo @; done")
    return max(_free_of(look, orders) for look in looks.split("@\n"))


def whole_blocks(guest):
    """Bytes of the guest's free memory that could be huge pages."""
    return _free(guest, range(BLOCK_ORDER, ORDERS))


def fragments(guest):
    """Bytes in smaller blocks, without the lists that each CPU keeps."""
    return _free(guest, range(BLOCK_ORDER))


def without_compaction(guest):
    """From now on a huge page comes from what is a whole block already."""
    guest.check("echo 1000 > /proc/sys/vm/extfrag_threshold")


def huge_pages(guest, wanted):
    """How many huge pages the guest gets who asks for so many; they are given back."""
    guest.check(f"echo {wanted} > {NR_HUGE}", timeout=60)
    got = int(guest.read(NR_HUGE))
    guest.check(f"echo 0 > {NR_HUGE}", timeout=60)
    return got


def transparent_huge_pages(guest, size_mib):
    """Bytes in transparent huge pages of a process that takes so much memory."""
    return int(guest.check(f"used huge {size_mib}", timeout=60))


@contextmanager
def pieces(guest, size_mib):
    """A process has touched so much memory and freed every second 64 KiB."""
    with hog.holding(guest, size_mib, STRIDE, PIECE_PAGES):
        yield


@contextmanager
def file_with_holes(guest, size_mib):
    """A file in memory of so many MiB, without every second page."""
    guest.check("mount -o remount,size=95% /tmp; "
                f"dd if=/dev/zero of={FILE} bs=1M count={size_mib} 2>/dev/null && "
                f"used holes {FILE}", timeout=60)
    yield
    guest.check(f"rm {FILE}", timeout=60)


@dataclass
class Inflated:
    """What the host got for a balloon, in bytes, and what whole blocks the guest has."""

    asked: int
    gone: int           # of QEMU's memory behind the guest
    blocks: int


def inflate(guest, asked):
    """Ask for so many bytes more."""
    memory = guest.host_memory()
    guest.resize(guest.actual() - asked, timeout=120)
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        gone = memory - guest.host_memory()
        if gone >= EXPECTED * asked or time.monotonic() > end:
            break
        time.sleep(0.1)
    return Inflated(asked, gone, whole_blocks(guest))
