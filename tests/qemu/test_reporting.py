# SPDX-License-Identifier: GPL-2.0-only
"""Shows that memory which the guest frees goes back to the host by itself.

Free page reporting, without a target: with free pages as they are, and with free
pages that the guest fills with zeros. What the guest keeps is as it was, and what it
relies on to be zeros is.
"""

import re
import time

import pytest

from lab import MIB
from lab.units import mib
from suite import debugfs, hog, migration
from suite.books import DRIVER_DIR, SYSFS
from suite.guests import full_size
from suite.programs import tool_file

# The way memory gets to the host does not change between these kernels.
ENDS_OF_RANGE = True

POISON = {"plain": "init_on_alloc=0", "init_on_free": "init_on_free=1"}
USED = 400 * MIB
# The kernel reports blocks of 2 MiB and more, and keeps what is in smaller pieces.
EXPECTED = USED * 3 // 4
# It has a pass of up to a few hundred MiB every two seconds.
SECONDS = 40
# Files that are kept, and all memory beside them, as far as a process gets it.
KEPT_MIB = (1, 6, 17)
NEW_MIB = 440


@pytest.fixture(params=POISON)
def reporting_guest(request, boot):
    return boot(memory_mib=640, smp=1, append=POISON[request.param], files=hog.FILES,
                balloon={"free_page_reporting": True})


def check_counted(guest):
    """As our driver counts; it has one device."""
    counts = debugfs.values(guest, "free_report")
    reported = int(guest.read(f"{SYSFS}/reported"))
    assert reported >= EXPECTED
    assert counts["bytes"] >= EXPECTED and counts["blocks"] > 0
    assert not counts["refused"], f"{counts['refused']} requests were refused"
    assert guest.read(f"{SYSFS}/report_state") in ("idle", "reporting")


def wait_back(guest, used, freed):
    """Wait until so much of what was freed has left the host's memory."""
    limit = used - freed
    guest.wait_for(lambda: guest.host_memory() <= limit, SECONDS, lambda: (
        f"the guest's memory on the host to fall from {mib(used)} to {mib(limit)}; it is "
        f"{mib(guest.host_memory())}"))


def test_freed_memory_goes_back(reporting_guest, driver, record_property):
    guest = reporting_guest
    guest.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=24 2>/dev/null")
    before = guest.check("md5sum /tmp/kept", timeout=60)
    with hog.holding(guest, USED // MIB):
        used = guest.host_memory()
    wait_back(guest, used, EXPECTED)
    left = guest.host_memory()
    after = guest.check("md5sum /tmp/kept; rm /tmp/kept", timeout=60)
    assert after == before, f"the file was {before}, is {after}"
    if driver == "ours":
        check_counted(guest)
    record_property("figure", f"on the host: {mib(used)} in use, {mib(left)} after "
                              f"{mib(USED)} were freed")


def test_idle_guest_gives_back_at_once(boot, ours, record_property):
    """Not at the kernel's pace, which is a sixteenth of what is free every two seconds."""
    guest = boot(memory_mib=640, smp=1, append=POISON["plain"], files=hog.FILES,
                 balloon={"free_page_reporting": True})
    guest.sh("sleep 3")
    with hog.holding(guest, USED // MIB):
        used = guest.host_memory()
        begun = time.monotonic()
    wait_back(guest, used, EXPECTED)
    took = time.monotonic() - begun
    record_property("figure", f"{mib(EXPECTED)} of {mib(USED)} were back within {took:.1f} s")
    assert took < 5


def test_report_now(boot, ours):
    """All that is free is reported in one call, with the slowest pace."""
    guest = boot(memory_mib=640, smp=1, append=POISON["plain"], files=hog.FILES,
                 balloon={"free_page_reporting": True})
    guest.check("echo 60000 > /sys/module/virtio_balloon/parameters/report_delay")
    guest.sh("sleep 3")
    with hog.holding(guest, USED // MIB):
        used = guest.host_memory()
    assert guest.host_memory() > used - EXPECTED // 2, "it was reported before"
    guest.check(f"echo 1 | tee {SYSFS}/report_now", timeout=60)
    assert guest.host_memory() <= used - EXPECTED


def check_contents(guest, digests):
    """Files are as they were, and new memory of a process is empty."""
    wrong = re.search(r"(\d+) of them not empty", guest.check(f"zeros {NEW_MIB}", 60))[1]
    assert wrong == "0", f"of {NEW_MIB} MiB of new memory {wrong} pages are not empty"
    after = guest.check("md5sum /tmp/kept*", timeout=60)
    assert after == digests, f"the files were {digests}, are {after}"


@pytest.mark.parametrize("told", (True, False), ids=("told", "not-told"))
def test_new_memory_is_empty(boot, told):
    """A kernel that zeroes what is freed relies on it: with init_on_free=1.

    Freed memory had random contents, and was reported, or in the balloon. A host that is
    not told of the zeros could bring something else back, and nothing is reported to it.
    """
    guest = boot(memory_mib=640, smp=1, append="init_on_free=1",
                 files={"bin/zeros": tool_file("zeros")},
                 balloon={"free_page_reporting": True, "page_poison": told})
    assert (guest.read(f"{DRIVER_DIR}/virtio*/features")[5] == "1") == told
    for size in KEPT_MIB:
        guest.check(f"dd if=/dev/urandom of=/tmp/kept{size} bs=1M count={size} 2>/dev/null")
    digests = guest.check("md5sum /tmp/kept*", timeout=60)
    with migration.going_stale(guest, USED // MIB):
        # Before any of it goes: that may begin while it still is being freed.
        used = guest.host_memory()
    if told:
        wait_back(guest, used, USED // 2)
    check_contents(guest, digests)
    full = full_size(guest)
    guest.resize(full - USED)
    guest.resize(full)
    check_contents(guest, digests)
