# SPDX-License-Identifier: GPL-2.0-only
"""Goes through a plan: boots the guests, lets the drivers take turns.

All drivers are measured in the same QEMU, one after another in each round, so
that what else the machine does meets all of them.
"""

import time

from lab import MIB, Guest

from . import contest, disk, engine, hugepages, left, phase, prepare
from .samples import Place

# Orders of the blocks whose bare cost is measured: a page, a huge page, and the
# largest that the allocator has on x86.
BARE_ORDERS = (0, 9, 10)
ALLOC_COST = "/sys/module/alloc_cost/parameters"


def disks(run, size_mib):
    """One for the page cache, if a memory needs it."""
    needed = any(memory.disk for memory in run.memories)
    return [disk.make("disk", size_mib)] if needed else []


def boot(kernel, run, plan):
    """A guest with both drivers in it and none loaded."""
    icount = run.kind == "icount"
    traces = phase.COUNT_EVENTS if run.kind == "count" else phase.TIME_EVENTS
    memory_mib = int(plan.guest_mib(run))
    return Guest(
        kernel, "ours", load=False, name=f"bench-{kernel}-{run.name}",
        memory_mib=memory_mib, smp=1 if icount else 2, disks=disks(run, memory_mib),
        # The same device for all: reporting is there for who wants it.
        balloon={"free_page_reporting": True},
        append=f"init_on_alloc={run.init_on_alloc}",
        icount="shift=0,sleep=off" if icount else "",
        traces=traces, extra=["-msg", "timestamp=on"],
        extra_modules=[kernel.test_module("alloc_cost")],
        files={prepare.TOOL.lstrip("/"): prepare.tool()}, boot_timeout=300)


class Course:
    """A plan for one kernel."""

    def __init__(self, kernel, plan, writer):
        self._kernel = kernel
        self._plan = plan
        self._writer = writer

    def go(self, runs):
        for run in runs:
            engine.say(f"{self._kernel} {run.name}: booting")
            with boot(self._kernel, run, self._plan) as guest:
                self._rounds(guest, run)
                guest.check_log()

    def _rounds(self, guest, run):
        rounds = self._plan.rounds_of(run)
        for number in range(rounds):
            if run.kind == "icount":
                self._bare(guest, run, number)
            for memory in run.memories:
                for driver in engine.rotated(contest.DRIVERS, number):
                    self._turn(guest, run, memory, driver, number)

    def _turn(self, guest, run, memory, driver, number):
        began = time.monotonic()
        undo = memory.prepare(guest)
        if memory.held:
            hugepages.collapse(guest)
        before = left.before(guest) if memory.used else {}
        contest.load(guest, driver, memory.take)
        amount = self._plan.size_of(run, memory)
        inflated = before | self._measure(guest, run, amount, deflate=False)
        if memory.used:
            inflated |= left.after(guest, inflated)
        deflated = self._measure(guest, run, amount, deflate=True)
        contest.unload(guest)
        undo()
        for name, values in (("inflate", inflated), ("deflate", deflated)):
            self._writer.add(self._place(run, memory.name, amount, name),
                             driver, number + 1, values)
        self._progress(run, memory, driver, number, time.monotonic() - began,
                       inflated, deflated)

    def _place(self, run, memory, amount, name):
        return Place(str(self._kernel), run.kind, run.init_on_alloc, memory,
                     amount, name)

    @staticmethod
    def _measure(guest, run, amount, deflate):
        whole = guest.options.memory_mib * MIB
        size = whole if deflate else whole - amount * MIB
        if run.kind == "count":
            return _counted(guest, size)
        if run.kind == "icount":
            return _instructions(guest, size)
        if deflate:
            return phase.deflate(guest, size, amount)
        return phase.move(guest, size)

    def _progress(self, run, memory, driver, number, took, *phases):
        shown = []
        for name, values in zip(("inflate", "deflate"), phases):
            what = next(metric for metric in ("wall", "kicks", "instructions")
                        if metric in values)
            unit = {"wall": " s", "instructions": " instructions"}.get(what, f" {what}")
            shown.append(f"{name} {values[what]:.6g}{unit}")
        engine.say(f"{self._kernel} {run.name} round {number + 1}/"
                   f"{self._plan.rounds_of(run)} {memory.name} {driver}: "
                   f"{', '.join(shown)} ({took:.0f} s with preparing)")

    def _bare(self, guest, run, number):
        """What taking and freeing the memory costs without any driver."""
        amount = self._plan.icount_size_mib
        for order in BARE_ORDERS:
            guest.check(f"modprobe alloc_cost order={order} mib={amount}", 600)
            names = ("nr_blocks", "alloc_ns", "free_ns")
            blocks, taken, freed = (int(guest.read(f"{ALLOC_COST}/{name}"))
                                    for name in names)
            guest.check("rmmod alloc_cost")
            if blocks << order != amount * MIB // 4096:
                engine.say(f"only {blocks} blocks of order {order} were to be had")
                continue
            for name, cost in (("inflate", taken), ("deflate", freed)):
                self._writer.add(self._place(run, "any", amount, name),
                                 f"{contest.BARE} order {order}", number + 1,
                                 {"instructions": cost})


def _counted(guest, size):
    host = phase.Host(guest)
    before = host.memory("before")
    return before | phase.counts(guest, size) | host.memory("after")


def _work(guest):
    """{thread of workqueues: nanoseconds it has run}."""
    lines = guest.check(f"{prepare.TOOL} worktime").splitlines()
    return {pid: int(ran) for pid, ran in (line.split() for line in lines)}


def _instructions(guest, size):
    """With an instruction count for a clock, a nanosecond is an instruction.

    A thread that ended meanwhile had nothing to do.
    """
    before = _work(guest)
    phase.reach(guest, size)
    return {"instructions": sum(ran - before.get(pid, 0)
                                for pid, ran in _work(guest).items())}
