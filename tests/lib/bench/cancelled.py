# SPDX-License-Identifier: GPL-2.0-only
"""Migrations that are called off when everything was hinted, by any driver."""

from suite import migration
from suite.books import SYSFS

# MiB a second. So slow that the host gets nowhere while memory is hinted.
SLOW = 1
# The in-tree driver does not say when it has hinted everything. It keeps what it hints:
# most of what was free, and then no more for so long.
TAKEN = 0.5
QUIET_SECONDS = 1
QUIET_SHARE = 0.01
# Of the free memory, when it has been given back.
BACK = 0.9


def _free(guest):
    return guest.meminfo()["MemFree"]


def _wait_taken(guest, free, timeout):
    def quiet():
        before = _free(guest)
        guest.check(f"sleep {QUIET_SECONDS}")
        after = _free(guest)
        return after < (1 - TAKEN) * free and before - after < QUIET_SHARE * free

    guest.wait_for(quiet, timeout, lambda: (
        f"free memory to be hinted; {_free(guest)} bytes of {free} are still free"))


def _wait_hinted(guest, free, timeout):
    if not guest.options.balloon.get("free_page_hint"):
        return
    if guest.driver == "ours":
        migration.wait_held(guest, timeout)
    else:
        _wait_taken(guest, free, timeout)


def _at_rest(guest, free):
    if guest.driver == "ours" and guest.read(f"{SYSFS}/hint_state") not in ("none", "idle"):
        return False
    return _free(guest) > BACK * free


def cancel_one(guest, timeout):
    """Begin a migration, wait for its hints, call it off, and wait for the memory."""
    free = _free(guest)
    migration.set_bandwidth(guest, SLOW)
    migration.begin_to_nowhere(guest)
    guest.wait_for(lambda: migration.status(guest) == "active", timeout,
                   "the migration to begin")
    _wait_hinted(guest, free, timeout)
    guest.qmp("migrate_cancel")
    migration.wait_final(guest, timeout)
    guest.wait_for(lambda: _at_rest(guest, free), timeout, "hinted memory to be free again")
