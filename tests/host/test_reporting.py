# SPDX-License-Identifier: GPL-2.0-only
"""Shows that memory which the guest frees goes back to the host by itself.

Free page reporting, without a target: with free pages as they are, and with free
pages that the guest fills with zeros. What the guest keeps is as it was.
"""

import pytest

from lab import MIB
from lab.units import mib
from suite import debugfs, hog
from suite.books import SYSFS

# The way memory gets to the host does not change between these kernels.
ENDS_OF_RANGE = True

POISON = {"plain": "init_on_alloc=0", "init_on_free": "init_on_free=1"}
USED = 400 * MIB
# The kernel reports blocks of 2 MiB and more, and keeps what is in smaller pieces.
EXPECTED = USED * 3 // 4
# It has a pass of up to a few hundred MiB every two seconds.
SECONDS = 40


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


def test_freed_memory_goes_back(reporting_guest, driver, record_property):
    guest = reporting_guest
    guest.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=24 2>/dev/null")
    before = guest.check("md5sum /tmp/kept", timeout=60)
    with hog.holding(guest, USED // MIB):
        used = guest.host_memory()
    limit = used - EXPECTED
    guest.wait_for(lambda: guest.host_memory() <= limit, SECONDS, lambda: (
        f"the guest's memory on the host to fall from {mib(used)} to {mib(limit)}; it is "
        f"{mib(guest.host_memory())}"))
    left = guest.host_memory()
    after = guest.check("md5sum /tmp/kept; rm /tmp/kept", timeout=60)
    assert after == before, f"the file was {before}, is {after}"
    if driver == "ours":
        check_counted(guest)
    record_property("figure", f"on the host: {mib(used)} in use, {mib(left)} after "
                              f"{mib(USED)} were freed")
