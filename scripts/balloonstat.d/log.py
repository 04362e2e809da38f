# SPDX-License-Identifier: GPL-2.0-only
"""The driver's lines in the kernel's log."""

import os
import re

OURS = re.compile(r"\bvirtio_balloon\b")
# They tell of other modules and of processes.
PRIVATE = re.compile(r"Modules linked in|Comm:|[Cc]ommand line")


def records(path):
    """All lines of /dev/kmsg, of which each read gives one record."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    chunks = []
    try:
        while not chunks or chunks[-1]:
            try:
                chunks.append(os.read(descriptor, 8192))
            except BrokenPipeError:
                # Records were overwritten; the next read goes on behind them.
                continue
            except BlockingIOError:
                break
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("ascii", "backslashreplace").splitlines()


def log_lines(path):
    """A record is "level,number,microseconds,flags;text"."""
    for record in records(path):
        head, _, text = record.partition(";")
        # Lines that go with a record begin with a blank.
        if head[:1].isdigit() and OURS.search(text) and not PRIVATE.search(text):
            yield f"[{int(head.split(',')[2]) / 1e6:12.6f}] {text}"
