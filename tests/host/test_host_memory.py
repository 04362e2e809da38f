# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the host really gets the memory that is in the balloon.

And that the guest really has it again when the balloon is deflated.
"""

from lab import MIB
from lab.units import mib
from suite import hog
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 640, "smp": 1, "append": "init_on_alloc=0", "files": hog.FILES}
BALLOON = 384 * MIB
# Left free when memory is filled, so that nothing is reclaimed.
RESERVE = 48 * MIB
# Of the balloon, at least this much must come and go: the rest may be memory that
# was never touched.
EXPECTED = BALLOON - RESERVE


def touch_free_memory(guest):
    """Write to nearly all free memory of the guest and free it again.

    Returns the host's memory behind the guest's afterwards.
    """
    size = guest.meminfo()["MemFree"] - RESERVE
    with hog.holding(guest, size // MIB):
        pass
    return guest.host_memory()


def test_memory_goes_and_comes_back(guest, record_property):
    touched = touch_free_memory(guest)
    full = full_size(guest)

    guest.resize(full - BALLOON)
    limit = touched - EXPECTED
    guest.wait_for(lambda: guest.host_memory() <= limit, 20, lambda: (
        f"the guest's memory on the host to fall from {mib(touched)} to {mib(limit)} with "
        f"{mib(BALLOON)} in the balloon; it is {mib(guest.host_memory())}"))
    inflated = guest.host_memory()

    guest.resize(full)
    again = touch_free_memory(guest)
    assert again >= inflated + EXPECTED, (
        f"the host gives {mib(again)} after the guest used what was {mib(BALLOON)} in "
        f"the balloon, and had {mib(inflated)} before")
    record_property("figure", f"on the host: {mib(touched)} touched, "
                              f"{mib(inflated)} with {mib(BALLOON)} in the balloon, "
                              f"{mib(again)} touched again")


def test_balloon_contents_are_not_seen_again(guest):
    """What the guest wrote is kept while other memory comes and goes."""
    full = full_size(guest)
    guest.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=24 2>/dev/null")
    before = guest.check("md5sum /tmp/kept", timeout=60)
    for _ in range(2):
        guest.resize(full - BALLOON)
        guest.resize(full)
    after = guest.check("md5sum /tmp/kept; rm /tmp/kept", timeout=60)
    assert after == before, f"the file was {before}, is {after}"
