# SPDX-License-Identifier: GPL-2.0-only
"""Waits for memory statistics that the guest sends to the host.

QEMU asks when polling is on, see Guest.poll_stats(), and keeps what it was told
last: also what it was told before polling began.
"""


def last_update(guest):
    """When the guest told something last, in seconds of the host's clock."""
    return guest.stats()["last-update"]


def next_stats(guest, after=None, timeout=20):
    """The first statistics that are newer than a time of last_update(), or than now."""
    after = last_update(guest) if after is None else after
    guest.wait_for(lambda: last_update(guest) > after, timeout,
                   f"statistics newer than {after}")
    return guest.stats()["stats"]


def fresh_stats(guest):
    """Statistics gathered after this call: the next may be under way already."""
    next_stats(guest)
    return next_stats(guest)
