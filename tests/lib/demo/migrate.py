# SPDX-License-Identifier: GPL-2.0-only
"""Live migrations with free page hints, with each of both drivers."""

from lab import MIB, Guest
from suite import migration

from .screen import IN_TREE, OURS, follow, mib, say, title

MEMORY_MIB = 1024
STALE_MIB = 600         # used and freed before
SPEED = 100             # MiB a second
NO_HINTS = "without hints"
# name: (driver, whether there are hints)
CONTESTANTS = {NO_HINTS: ("ours", False), IN_TREE: ("in-tree", True), OURS: ("ours", True)}
HEAD = (f"{'seconds':>8} {'state':>12} {'sent':>9} {'left':>9} {'rounds':>7}")


def _line(guest, seconds):
    """Print one look; whether the migration is over."""
    state = guest.qmp("query-migrate")
    ram = state.get("ram", {})
    say(f"{seconds:8.1f} {state.get('status', 'none'):>12} "
        f"{mib(ram.get('transferred', 0)):>9} {mib(ram.get('remaining', 0)):>9} "
        f"{ram.get('dirty-sync-count', 0):>7}")
    return state.get("status") in migration.FINAL


def _migrate(guest, there):
    """{figure: value} of the way."""
    say(HEAD)
    migration.set_bandwidth(guest, SPEED)
    before = guest.cpu_seconds()
    migration.begin(guest, there)
    follow(lambda seconds: _line(guest, seconds))
    cpu = guest.cpu_seconds() - before
    result = migration.finish(guest, there)
    return {"sent": result["ram"]["transferred"] / MIB, "cpu": cpu,
            "seconds": result["total-time"] / 1000, "downtime": result["downtime"]}


def _turn(kernel, name):
    driver, hints = CONTESTANTS[name]
    title(f"Migrating a guest: {name if name == NO_HINTS else f'with hints of {name}'}")
    with Guest(kernel, driver, memory_mib=MEMORY_MIB, name="demo-goes",
               balloon={"free_page_hint": hints}) as guest:
        migration.leave_stale_memory(guest, STALE_MIB)
        guest.check("md5sum /bin/busybox > /tmp/sum")
        say(f"It has used {STALE_MIB} of {MEMORY_MIB} MiB and freed them. "
            f"The host sends {SPEED} MiB/s at most.")
        with migration.destination(guest) as there:
            values = _migrate(guest, there)
            there.check("md5sum -c /tmp/sum")
            for one in (guest, there):
                one.check_log()
            say("The guest runs on over there, and its files are intact.")
    return values


def show(kernel, comparison):
    """The same guest three times."""
    figures = {name: _turn(kernel, name) for name in CONTESTANTS}
    none = figures[NO_HINTS]
    for key, text, form in (("sent", "MiB sent", "{:.0f}"), ("seconds", "seconds", "{:.1f}"),
                            ("cpu", "CPU of QEMU, s", "{:.1f}")):
        comparison.add(f"migrate: {text} ({form.format(none[key])} {NO_HINTS})",
                       figures[IN_TREE][key], figures[OURS][key], form)
