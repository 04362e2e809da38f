# SPDX-License-Identifier: GPL-2.0-only
"""One migration of a guest, measured: what was sent, how long, and at what cost."""

from dataclasses import dataclass

from lab import MIB, Guest
from suite import migration

HINTS = {"free_page_hint": True}
REPORTING = {"free_page_reporting": True}
# name: (driver, the balloon's properties). The first is what others are compared
# with.
CONTESTANTS = {
    "in-tree": ("in-tree", HINTS),
    "ours": ("ours", HINTS),
    "in-tree, reporting": ("in-tree", HINTS | REPORTING),
    "ours, reporting": ("ours", HINTS | REPORTING),
    "no hints": ("ours", {}),
}

# metric: (unit, what it is)
METRICS = {
    "sent": ("MiB", "sent by the source"),
    "zero": ("pages", "sent as pages of zeros, each time anew"),
    "time": ("s", "from the command to the end"),
    "cpu": ("s", "processor time of the source's QEMU meanwhile"),
    "guest": ("s", "of that, of the guest's processors"),
    "queue": ("s", "of that, of the thread that takes the hints"),
    "rss": ("MiB", "peak of the source's resident memory above that at the start"),
}

KEPT_MIB = 100


@dataclass(frozen=True)
class Plan:
    """memory, stale (used and free again): MiB; speed: MiB a second."""

    memory: int = 3072
    stale: int = 1536
    speed: int = 20
    timeout: int = 600


def _prepare(guest, plan):
    migration.leave_stale_memory(guest, plan.stale, plan.timeout)
    guest.check(f"dd if=/dev/urandom of=/tmp/kept bs=1M count={KEPT_MIB} 2>/dev/null",
                plan.timeout)


def _watch(guest, plan):
    """Wait for the end; the largest resident memory on the way."""
    peak = guest.rss()

    def over():
        nonlocal peak
        peak = max(peak, guest.rss())
        return migration.status(guest) in migration.FINAL

    guest.wait_for(over, plan.timeout, "the migration to end")
    return peak


def _cpu(guest):
    """{metric: processor time so far}"""
    return {"cpu": guest.cpu_seconds(), "guest": guest.thread_seconds("CPU "),
            "queue": guest.thread_seconds("IO ")}


def measure(kernel, init_on_alloc, contestant, plan):
    """Boot a guest, fill it, move it; {metric: value}."""
    driver, balloon = CONTESTANTS[contestant]
    # Most of a large guest is never there on this machine.
    with Guest(kernel, driver, memory_mib=plan.memory, balloon=balloon,
               memory_backend={"type": "ram", "reserve": False},
               append=f"init_on_alloc={init_on_alloc}") as guest:
        _prepare(guest, plan)
        with migration.destination(guest) as dest:
            migration.set_bandwidth(guest, plan.speed)
            rss, before = guest.rss(), _cpu(guest)
            migration.begin(guest, dest)
            peak = _watch(guest, plan)
            cpu = {name: after - before[name] for name, after in _cpu(guest).items()}
            result = migration.finish(guest, dest)
            dest.check_log()
    ram = result["ram"]
    return {"sent": ram["transferred"] / MIB, "zero": ram["duplicate"],
            "time": result["total-time"] / 1000, **cpu, "rss": (peak - rss) / MIB}
