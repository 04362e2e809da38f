# SPDX-License-Identifier: GPL-2.0-only
"""Everything that moves or holds memory for the host at the same time.

Random targets, free pages that are reported, migrations with hints that are called
off, compaction without end and processes that need memory, watched by a debug kernel.
Afterwards the books balance, and nothing is held.
"""

import time

from lab import MIB
from suite import books, compaction, debug, debugfs, hog, migration, seeds
from suite.books import PAGE
from suite.guests import full_size
from suite.programs import count

GUEST = {"memory_mib": 768, "files": hog.FILES,
         "balloon": {"free_page_reporting": True, "free_page_hint": True}}
LARGEST_MIB = 250
PRESSURE_MIB = 60
# Slow: the guest is asked for hints again and again, while little is sent.
SPEED_MIB = 4
# What a debug kernel keeps for itself, see qemu/test_modes.py.
TOLERANCE = 32 * MIB
SECONDS, SECONDS_FULL = 45, 600


class Migrations:
    """To nowhere, one after the other; each is called off before it could end."""

    def __init__(self, guest):
        self._guest = guest
        self.number = 0
        migration.set_bandwidth(guest, SPEED_MIB)

    def toggle(self):
        """Begin one, or call it off."""
        status = migration.status(self._guest)
        if status in ("none", *migration.FINAL):
            migration.begin_to_nowhere(self._guest)
            self.number += 1
        elif status == "active":
            self.call_off()

    def call_off(self):
        if migration.status(self._guest) not in ("none", *migration.FINAL):
            self._guest.qmp("migrate_cancel")
            migration.wait_final(self._guest, 60)


def one_step(guest, rng, migrations):
    full = full_size(guest)
    target = full - rng.randrange(LARGEST_MIB * MIB // PAGE) * PAGE
    if rng.random() < 0.4:
        migrations.toggle()
    guest.set_target(target)
    if rng.random() < 0.2:
        with hog.holding(guest, PRESSURE_MIB, timeout=120):
            pass
    if rng.random() < 0.5:
        guest.wait_actual(target, 120)


def test_books_balance(request, guest, driver, record_property):
    rng = seeds.numbers(request, record_property)
    start = books.at_rest(guest)
    end = time.monotonic() + count(request.config, SECONDS, SECONDS_FULL)
    migrations, steps = Migrations(guest), 0
    with compaction.always(guest) as compacting:
        while time.monotonic() < end:
            one_step(guest, rng, migrations)
            steps += 1
            if steps % 20 == 0:
                print(f"{steps} steps, {end - time.monotonic():.0f} s left")
        migrations.call_off()
        guest.resize(full_size(guest))
        with compacting.paused():
            books.check(guest, start, tolerance=TOLERANCE, timeout=60)
    figure = f"{steps} steps, {migrations.number} migrations called off"
    if driver == "ours":
        hints, reports = (debugfs.values(guest, file) for file in ("hint", "free_report"))
        assert hints["bytes"] and reports["bytes"], (hints, reports)
        assert not hints["held_bytes"], hints
        figure += (f", {hints['bytes'] // MIB} MiB hinted, "
                   f"{reports['bytes'] // MIB} MiB reported")
    record_property("figure", figure)


def test_nothing_leaks(guest):
    debug.check_nothing_leaks(guest)


def test_everything_was_watched(guest):
    assert not debug.blind(guest)
