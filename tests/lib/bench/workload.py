# SPDX-License-Identifier: GPL-2.0-only
"""A guest that needs memory while it is migrated, and what it gets."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab import MIB, LabError
from lab.meminfo import parse_meminfo
from suite import fresh, hog

from . import engine

# metric: (unit, what it is)
METRICS = {
    "touch_p99": ("us", "until a page of new memory is there, in 99 of 100 cases at most"),
    "touch_max": ("us", "the longest of these times"),
    "touched": ("MiB/s", "of new memory"),
    "cache": ("MiB", "of page cache lost, at most"),
    "available": ("%", "of MemAvailable before that is left, at least"),
}

# What such a guest writes to all the time may be left for the end, however slow the
# link is: pieces of fresh.PIECE_MIB that were free, and what the kernel writes to.
DIRTY_MIB = 64
DOWNTIME_MS = 300       # QEMU's default
LOOK_SECONDS = 0.5
LOOK = ("grep -E '^(Cached|MemAvailable):' /proc/meminfo; "
        f"tail -n 1 {fresh.OUTPUT}")


@dataclass
class Seen:
    """What was seen of a guest. looks: of /proc/meminfo, the first from before it."""

    pid: str
    looks: list
    touched: fresh.Touched = None
    over: threading.Event = field(default_factory=threading.Event)

    def look(self, guest):
        """Look once more."""
        meminfo, found, rest = guest.check(LOOK).partition("fresh:")
        self.looks.append(parse_meminfo(meminfo))
        self.touched = fresh.parse(found + rest) or self.touched

    def keep_looking(self, guest):
        """Until it is over, or the guest does not answer any more."""
        try:
            while not self.over.wait(LOOK_SECONDS):
                self.look(guest)
        except LabError:
            pass

    def values(self, dest):
        """{metric: value}, when the guest has arrived there."""
        if not hog.alive(dest, self.pid):
            engine.say("the guest has killed its workload")
        if not self.touched:
            self.look(dest)
        cached, available = ([look[name] for look in self.looks]
                             for name in ("Cached", "MemAvailable"))
        return {"touch_p99": self.touched.p99 * 1e6,
                "touch_max": self.touched.longest * 1e6,
                "touched": self.touched.rate / MIB,
                "cache": (cached[0] - min(cached)) / MIB,
                "available": 100 * min(available) / available[0]}


def allow_downtime(guest, speed):
    """Let the migration of such a guest end; speed: MiB a second."""
    guest.qmp("migrate-set-parameters",
              **{"downtime-limit": max(DOWNTIME_MS, 1000 * DIRTY_MIB // speed)})


@contextmanager
def running(guest):
    """A guest at work while the block runs, at whose end it has gone.

    Nobody can ask it anything afterwards. Its channel may be waiting for an answer
    from a guest that has stopped.
    """
    before = guest.meminfo()
    seen = Seen(fresh.start(guest), [before])
    thread = threading.Thread(target=seen.keep_looking, args=(guest,))
    thread.start()
    try:
        yield seen
    finally:
        seen.over.set()
        guest.channel.hang_up()
        thread.join()
