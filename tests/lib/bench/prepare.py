# SPDX-License-Identifier: GPL-2.0-only
"""The states of the guest's memory that a driver finds.

Each function brings a guest without a driver into one. What has to be kept
until the measurement is over is given back by the function that it returns.
"""

import subprocess
from pathlib import Path

from lab import MIB
from lab.cache import cached, digest
from lab.units import mib
from suite import used

from . import contest, disk

SOURCE = Path(__file__).with_name("guest.c")
TOOL = "/bin/bench"
HELD = "/tmp/held"
# Free memory that preparing leaves alone, so that nothing is reclaimed and no balloon
# stops before: with transparent huge pages the kernel wants some 100 MiB free itself.
RESERVE_MIB = 192
TIMEOUT = 180           # seconds
# What a used guest has used of its spare memory: half of that is more than the balloon
# gets, and what is left are whole blocks that nobody has touched.
USED_SHARE = 0.7
PIECE_PAGES = 16        # every other 64 KiB is free


def tool():
    """The program for the guest, compiled."""
    def compile_tool(path):
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", path, SOURCE],
                       check=True)
    return cached(f"bench-{digest(SOURCE)}", compile_tool)


def _spare_mib(guest):
    return guest.meminfo()["MemFree"] // MIB - RESERVE_MIB


def _nothing():
    pass


def as_is(_guest):
    """For what does not depend on the host, such as a count of instructions."""
    return _nothing


def populated(guest):
    """The guest has used all of it: the host holds what is free in the guest.

    The kernel itself does it: where init_on_alloc=0 that saves the zeroing,
    which takes an emulated guest longer than all that is measured.
    """
    guest.check(f"modprobe alloc_cost mib={_spare_mib(guest)} order=9 "
                "movable=1 touch=1; rmmod alloc_cost", TIMEOUT)
    return _nothing


def untouched(guest):
    """The host holds nothing of what is free: a balloon took it and gave it back."""
    whole = guest.options.memory_mib * MIB
    balloon = _spare_mib(guest) * MIB
    # Not by range, which would turn blocks into ones for unmovable memory.
    contest.load(guest, "auto")
    guest.resize(whole - balloon, TIMEOUT)
    guest.resize(whole, TIMEOUT)
    contest.unload(guest)
    return _nothing


def _hold(guest, command, what):
    """A process that creates HELD when it has done its work, and keeps the result.

    Returns what ends it.
    """
    pid = guest.check(f"rm -f {HELD}; setsid {TOOL} {command} >/dev/null 2>&1 "
                      "& echo $!").strip()
    guest.wait_for(lambda: guest.sh(f"test -e {HELD}").ok, TIMEOUT, what)
    return lambda: guest.check(
        f"kill {pid}; while kill -0 {pid} 2>/dev/null; do usleep 10000; done")


def fragmented(guest):
    """Every other page is free, and those between belong to a process."""
    size = _spare_mib(guest)
    return _hold(guest, f"fragment {size} {HELD}",
                 f"every other page of {mib(size * MIB)} to be free")


def _drain(guest):
    """Pages that were freed one by one leave the lists of the processors, and join blocks.

    Since 6.7 these lists may have an eighth of all memory. They give up a fifth with each
    update of the statistics.
    """
    guest.check("for i in $(seq 40); do cat /proc/sys/vm/stat_refresh; done")


def _to_be_used(guest):
    """MiB to use; nobody has touched the rest, and it is not made into blocks later."""
    untouched(guest)
    _drain(guest)
    used.without_compaction(guest)
    return int(USED_SHARE * _spare_mib(guest))


def used_by_process(guest):
    """A process has every other 64 KiB of what was used."""
    size = _to_be_used(guest)
    return _hold(guest, f"fragment {size} {HELD} {PIECE_PAGES}",
                 f"every other 64 KiB of {mib(size * MIB)} to be free")


def used_by_cache(guest):
    """The page cache has every other 64 KiB of what was used."""
    size = _to_be_used(guest)
    disk.mount(guest)
    end = _hold(guest, f"cache {disk.FILE} {size} {HELD}",
                f"every other 64 KiB of {mib(size * MIB)} of page cache to be free")

    def undo():
        end()
        guest.check(f"umount {disk.MOUNTED}")
    return undo


def compacted(guest):
    """The same, and then the kernel has moved them together."""
    undo = fragmented(guest)
    guest.check("echo 1 > /proc/sys/vm/compact_memory", TIMEOUT)
    return undo
