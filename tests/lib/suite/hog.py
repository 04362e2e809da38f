# SPDX-License-Identifier: GPL-2.0-only
"""A process in the guest that takes memory and keeps it: tests/guest/tools/hog.c."""

from contextlib import contextmanager

from lab import MIB

from .programs import tool_file

FILES = {"bin/hog": tool_file("hog")}
OUTPUT = "/tmp/hog.out"
WHOLE_MIB, STRIDE = 64, 8


def start(guest, size_mib, *arguments):
    """Have memory taken; the process id. It may take a while, or be killed."""
    words = " ".join(map(str, (size_mib, *arguments)))
    return guest.check(f": >{OUTPUT}; setsid hog {words} >{OUTPUT} 2>&1 & echo $!").strip()


def done(guest):
    """Whether it has all its memory."""
    return "has" in guest.check(f"cat {OUTPUT}")


def alive(guest, pid):
    return guest.sh(f"kill -0 {pid} 2>/dev/null").ok


def end(guest, pid):
    """Kill it if it still runs, and wait until its memory is free."""
    guest.sh(f"kill -9 {pid} 2>/dev/null")
    guest.wait_for(lambda: not alive(guest, pid), 20, f"process {pid} to end")


@contextmanager
def holding(guest, size_mib, *arguments, timeout=60):
    """A process that has so much memory, while the block runs."""
    pid = start(guest, size_mib, *arguments)
    try:
        guest.wait_for(lambda: done(guest) or not alive(guest, pid), timeout,
                       f"a process to have {size_mib} MiB")
        assert alive(guest, pid), f"a process that takes {size_mib} MiB was killed"
        yield pid
    finally:
        end(guest, pid)


@contextmanager
def pieces(guest):
    """All memory but WHOLE_MIB is in use, and of that then one page in STRIDE.

    What is inflated meanwhile comes to be among free pages, of which compaction makes
    something. Whole blocks may lie where it never looks.
    """
    with holding(guest, guest.meminfo()["MemAvailable"] // MIB - WHOLE_MIB, STRIDE):
        yield
