# SPDX-License-Identifier: GPL-2.0-only
"""What is measured: runs, each with a guest of its own, and states of memory."""

from dataclasses import dataclass, replace

from . import prepare

# Guest memory that is not for the balloon: the kernel, its files, the reserve
# of prepare.py and what a driver leaves to the guest.
REST_MIB = 640


@dataclass(frozen=True)
class Memory:
    """A state of the guest's memory, and how much of it is ballooned."""

    name: str
    prepare: callable
    share: float = 1.0      # of the plan's size
    need: int = 1           # free memory that preparing needs for each MiB of it
    held: bool = False      # by the host, all of it
    disk: bool = False      # preparing reads one
    used: bool = False      # what is left to the guest is looked at
    take: str = "fragments"     # what our driver takes first


POPULATED = Memory("populated", prepare.populated, held=True)
UNTOUCHED = Memory("untouched", prepare.untouched)
# Half of what a process has had cannot be ballooned while it lives.
FRAGMENTED = Memory("fragmented", prepare.fragmented, 0.5, need=2, held=True)
COMPACTED = Memory("compacted", prepare.compacted, 0.25, need=2, held=True)
# Between the fragments there are whole blocks again, and a driver may leave them whole.
COMPACTED_BLOCKS = replace(COMPACTED, name="compacted-blocks", take="blocks")
# Less than what is in fragments then, with whole blocks beside it.
USED = Memory("used", prepare.used_by_process, 0.5, need=3, used=True)
CACHED = Memory("cached", prepare.used_by_cache, 0.5, need=3, used=True, disk=True)
AS_IS = Memory("any", prepare.as_is)


@dataclass(frozen=True)
class Run:
    """One guest, and all that is measured in it."""

    kind: str               # time, count or icount
    init_on_alloc: int
    memories: tuple

    @property
    def name(self):
        return f"{self.kind}-{self.init_on_alloc}"

    def only(self, wanted):
        """The part whose names begin with one of these words, or None.

        A memory alone is a name, too.
        """
        memories = tuple(memory for memory in self.memories
                         if any(name.startswith(word) for word in wanted
                                for name in (f"{self.name}-{memory.name}", memory.name)))
        return Run(self.kind, self.init_on_alloc, memories) if memories else None


RUNS = (Run("count", 0, (POPULATED,)),
        Run("count", 0, (COMPACTED, COMPACTED_BLOCKS)),
        Run("icount", 0, (AS_IS,)),
        Run("icount", 1, (AS_IS,)),
        Run("time", 0, (POPULATED, UNTOUCHED, FRAGMENTED)),
        Run("time", 1, (POPULATED, UNTOUCHED, FRAGMENTED)),
        Run("time", 0, (USED, CACHED)),
        Run("time", 1, (USED, CACHED)))


def select(wanted):
    """The runs that --only asks for; all if it does not."""
    if not wanted:
        return list(RUNS)
    return [part for part in (run.only(wanted) for run in RUNS) if part]


@dataclass(frozen=True)
class Plan:
    """How much of it. Counts do not vary, and instructions hardly do."""

    rounds: int = 5
    size_mib: int = 2048
    count_rounds: int = 1
    count_size_mib: int = 1024
    icount_rounds: int = 2
    icount_size_mib: int = 256

    @classmethod
    def quick(cls):
        return cls(rounds=1, size_mib=512, count_size_mib=512, icount_rounds=1,
                   icount_size_mib=64)

    def rounds_of(self, run):
        return {"time": self.rounds, "count": self.count_rounds,
                "icount": self.icount_rounds}[run.kind]

    def size_of(self, run, memory):
        """MiB that are ballooned."""
        size = {"time": self.size_mib, "count": self.count_size_mib,
                "icount": self.icount_size_mib}[run.kind]
        return int(size * memory.share)

    def guest_mib(self, run):
        """The guest: what is fragmented or used has to fit a multiple of its size."""
        return max(self.size_of(run, memory) * memory.need
                   for memory in run.memories) + REST_MIB
