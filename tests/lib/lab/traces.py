# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's trace events: counts of what driver and device did to each other.

Counted per unit of work they do not depend on the machine, unlike times.
"""

import re
from collections import Counter

# "name arguments", with or without QEMU's "pid@time:" in front.
LINE = re.compile(r"(?:\d+@([\d.]+):)?(\w+) (.*)")


class Traces:
    """The trace file of one QEMU, from the last reset on."""

    def __init__(self, path):
        self._path = path
        self._start = 0

    def reset(self):
        """Forget what was traced so far."""
        self._start = self._path.stat().st_size if self._path.exists() else 0

    def lines(self, event):
        """Arguments of each event of that name, oldest first."""
        return [arguments for _, name, arguments in self._events() if name == event]

    def times(self, event):
        """When each event of that name happened, in seconds.

        QEMU writes that with -msg timestamp=on.
        """
        return [float(when) for when, name, _ in self._events() if name == event]

    def counts(self):
        """How often each event happened."""
        return Counter(name for _, name, _ in self._events())

    def _events(self):
        if not self._path.exists():
            return
        with open(self._path, "rb") as trace:
            trace.seek(self._start)
            for line in trace:
                found = LINE.match(line.decode(errors="replace"))
                if found:
                    yield found.groups()
