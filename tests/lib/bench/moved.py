# SPDX-License-Identifier: GPL-2.0-only
"""One migration of a guest, measured: what was sent, how long, and at what cost."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache

from lab import MIB, Guest
from suite import fresh, migration, zones

from . import cancelled, disk, workload
from .migrated import METRICS, TITLES as CASE_TITLES

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

# What was before the migration that is measured.
SITUATIONS = {
    "plain": "memory was used and is free again",
    "cancelled": "the same, and migrations were called off when everything was hinted",
    "idle": "nothing: what is free was never used",
}
SPEEDS = (20, 50, 100, 200, 400)

KEPT_MIB = 100


@dataclass(frozen=True)
class Plan:
    """memory, stale (used and free again): MiB.

    cancelled: migrations that are called off in the situation of that name. workload:
    whether the guest needs memory meanwhile.
    """

    memory: int = 3072
    stale: int = 1536
    cancelled: int = 1
    workload: bool = False
    timeout: int = 600

    @property
    def metrics(self):
        return METRICS | (workload.METRICS if self.workload else {})


@dataclass(frozen=True)
class Case:
    """What is told apart; speed: MiB a second."""

    init_on_alloc: int
    speed: int
    situation: str

    TITLES = CASE_TITLES

    @property
    def labels(self):
        return [str(self.init_on_alloc), str(self.speed), self.situation]


@cache
def _disk():
    return disk.make("disk-migration", KEPT_MIB, os.urandom(MIB))


def _options(plan, case):
    # Most of a large guest is never there on this machine.
    options = {"memory_mib": plan.memory, "memory_backend": {"type": "ram", "reserve": False},
               "append": f"init_on_alloc={case.init_on_alloc}"}
    if plan.workload:
        options |= {"files": fresh.FILES, "disks": [_disk()]}
    return options


def _prepare(guest, plan, case):
    """What is kept is page cache that the guest can give up, if it has a workload."""
    if case.situation != "idle":
        migration.leave_stale_memory(guest, plan.stale, plan.timeout)
    if plan.workload:
        disk.mount(guest)
        guest.check(f"cat {disk.FILE} >/dev/null", plan.timeout)
    else:
        guest.check(f"dd if=/dev/urandom of=/tmp/kept bs=1M count={KEPT_MIB} 2>/dev/null",
                    plan.timeout)


def _call_off(guest, plan, case):
    if case.situation == "cancelled":
        for _ in range(plan.cancelled):
            cancelled.cancel_one(guest, plan.timeout)


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


def _move(guest, dest, plan, case):
    """{metric: value} of what is over when the guest has arrived."""
    migration.set_bandwidth(guest, case.speed)
    if plan.workload:
        workload.allow_downtime(guest, case.speed)
    with workload.running(guest) if plan.workload else nullcontext() as seen:
        rss, before = guest.rss(), _cpu(guest)
        migration.begin(guest, dest)
        peak = _watch(guest, plan)
        cpu = {name: after - before[name] for name, after in _cpu(guest).items()}
    result = migration.finish(guest, dest)
    ram = result["ram"]
    return {"sent": ram["transferred"] / MIB, "zero": ram["duplicate"],
            "time": result["total-time"] / 1000, **cpu, "rss": (peak - rss) / MIB,
            **(seen.values(dest) if seen else {})}


def measure(kernel, case, contestant, plan):
    """Boot a guest, fill it, move it; {metric: value}."""
    driver, balloon = CONTESTANTS[contestant]
    with Guest(kernel, driver, balloon=balloon, **_options(plan, case)) as guest:
        _prepare(guest, plan, case)
        unmovable = zones.pageblocks(guest, "Unmovable")
        _call_off(guest, plan, case)
        with migration.destination(guest) as dest:
            values = _move(guest, dest, plan, case)
            # It is the same guest, and runs only there now.
            values["unmovable"] = zones.pageblocks(dest, "Unmovable") - unmovable
            dest.check_log()
    return {name: values[name] for name in plan.metrics}
