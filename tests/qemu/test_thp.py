# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a process gets huge pages in a guest whose memory lies in pieces, the
balloon among them: the kernel compacts for it, in the mode that waits for nothing, and
moves pages of the balloon. Linux 7.3 comes back for ever to a block of memory whose
pages it cannot move.
"""

from lab import MIB
from lab.meminfo import parse_vmstat
from suite import books, hog, used
from suite.guests import full_size
from suite.programs import tool_file

ENDS_OF_RANGE = True

BALLOON = 300 * MIB
# Beyond those that are there without compaction.
HUGE_MIB = 64
LEFT_MIB = 30
STRIDE = 8
SECONDS = 90
PROACTIVE = "/proc/sys/vm/compaction_proactiveness"
GUEST = {"memory_mib": 768, "smp": 1, "append": "init_on_alloc=0",
         "files": hog.FILES | {"bin/thp": tool_file("thp")}}


def vmstat(guest):
    return parse_vmstat(guest.read("/proc/vmstat"))


def test_huge_pages_beside_the_balloon(boot, record_property):
    guest = boot(**GUEST)
    # Or it has done so before.
    guest.check(f"echo 0 > {PROACTIVE}")
    start = books.at_rest(guest)
    with hog.pieces(guest):
        guest.resize(full_size(guest) - BALLOON)
    before = vmstat(guest)
    available = guest.meminfo()["MemAvailable"] // MIB
    with hog.holding(guest, available - LEFT_MIB, STRIDE):
        whole = used.whole_blocks(guest) // MIB
        said = guest.check(f"thp {whole + HUGE_MIB}", timeout=SECONDS).strip()
    now = vmstat(guest)
    huge, moved, compacted = (now[name] - before[name] for name in (
        "thp_fault_alloc", "balloon_migrate", "compact_stall"))
    assert huge, "not one huge page was to be had"
    assert compacted, "the kernel did not compact for them"
    books.check(guest, start)
    record_property("figure", f"{said}, {huge} huge pages, {whole} MiB had been there; "
                              f"{moved} pages of the balloon were moved")
