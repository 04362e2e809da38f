# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the host really gets the memory that is in the balloon.

And that the guest really has it again when the balloon is deflated.
"""

from lab import MIB
from lab.units import mib
from suite import hog
from suite.books import Books
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 640, "smp": 1, "append": "init_on_alloc=0", "files": hog.FILES}
BALLOON = 384 * MIB
# Left free when memory is filled, so that nothing is reclaimed.
RESERVE = 48 * MIB
# What the rest of the guest takes and gives meanwhile.
OTHERS = 8 * MIB


def touch_free_memory(guest):
    """Write to nearly all free memory of the guest and free it again.

    Returns the host's memory behind the guest's then, and what may not have been written
    to: what was left, on the lists of the CPUs as well.
    """
    size = guest.meminfo()["MemFree"] - RESERVE
    with hog.holding(guest, size // MIB):
        left = Books.read(guest).free
        assert left < BALLOON // 2, f"{mib(left)} were not taken"
        return guest.host_memory(), left


def test_memory_goes_and_comes_back(guest, record_property):
    touched, left = touch_free_memory(guest)
    full = full_size(guest)

    guest.resize(full - BALLOON)
    limit = touched - (BALLOON - left - OTHERS)
    guest.wait_for(lambda: guest.host_memory() <= limit, 20, lambda: (
        f"the guest's memory on the host to fall from {mib(touched)} to {mib(limit)} with "
        f"{mib(BALLOON)} in the balloon; it is {mib(guest.host_memory())}"))
    inflated = guest.host_memory()

    guest.resize(full)
    again, left = touch_free_memory(guest)
    assert again >= inflated + BALLOON - left - OTHERS, (
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
