# SPDX-License-Identifier: GPL-2.0-only
"""A process that needs new memory all the time: tests/guest/tools/fresh.c."""

import re
from dataclasses import dataclass

from lab.units import MIB

from .programs import tool_file

NAME = "fresh"
FILES = {f"bin/{NAME}": tool_file(NAME)}
OUTPUT = "/tmp/fresh.out"
LINE = re.compile(r"fresh: (\d+) MiB in (\d+) us, p99 (\d+) ns, max (\d+) ns")
# Mapped, touched and unmapped in one go.
PIECE_MIB = 16


@dataclass(frozen=True)
class Touched:
    """What it did: bytes a second; the times of a page in seconds."""

    rate: float
    p99: float
    longest: float


def start(guest):
    """The process id; nobody waits until it is at work."""
    return guest.check(f": >{OUTPUT}; setsid {NAME} {PIECE_MIB} >{OUTPUT} 2>&1 & "
                       "echo $!").strip()


def parse(text):
    """The last of its lines in a text; None if there is none."""
    lines = LINE.findall(text)
    if not lines:
        return None
    size, usecs, p99, longest = map(int, lines[-1])
    return Touched(size * MIB / (usecs / 1e6), p99 / 1e9, longest / 1e9)
