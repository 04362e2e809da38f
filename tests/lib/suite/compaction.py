# SPDX-License-Identifier: GPL-2.0-only
"""A guest whose kernel makes large pieces of its free memory, over and over."""

from contextlib import contextmanager, nullcontext

from . import hog
from .guests import full_size

LOOP = ("setsid sh -c 'while :; do echo 1 > /proc/sys/vm/compact_memory; "
        "sleep 0.1; done' >/dev/null 2>&1 & echo $!")


class Compaction:
    """The loop; it may be made to stand still for a while."""

    def __init__(self, guest):
        self._guest = guest
        self._pid = guest.check(LOOP).strip()

    def _signal(self, name):
        self._guest.check(f"kill -{name} {self._pid}")

    @contextmanager
    def paused(self):
        """Pages that are being moved are in no book."""
        self._signal("STOP")
        yield
        self._signal("CONT")

    def end(self):
        self._signal("KILL")


@contextmanager
def always(guest):
    """The loop runs while the block does."""
    compaction = Compaction(guest)
    try:
        yield compaction
    finally:
        compaction.end()


def inflate_for(program, guest, balloon):
    """Give the guest a balloon of so many bytes before a test program runs in it.

    Pages are moved upwards only: for the one that looks at compaction the balloon must
    not come to be on top of all memory.
    """
    with hog.pieces(guest) if program == "compaction" else nullcontext():
        guest.resize(full_size(guest) - balloon)
