# SPDX-License-Identifier: GPL-2.0-only
"""The host's view of the balloon: what QEMU was told, and what it saw."""

from .deadline import poll
from .qemu import BALLOON_ID
from .units import mib


class HostBalloon:
    """Part of Guest; needs its qmp() and wait_for()."""

    balloon_path = f"/machine/peripheral/{BALLOON_ID}"

    def set_target(self, size):
        """Ask for a guest of that many bytes; the balloon gets the rest."""
        self.qmp("balloon", value=size)

    def actual(self):
        """Bytes the guest has, by QEMU's account."""
        return self.qmp("query-balloon")["actual"]

    def wait_actual(self, size, timeout=60, tolerance=0):
        """Wait until the guest has that many bytes, give or take."""
        seen = []

        def reached():
            seen.append(self.actual())
            return abs(seen[-1] - size) <= tolerance

        def progress():
            return (f"actual {mib(size)}; it went from {mib(seen[0])} "
                    f"to {mib(seen[-1])}")

        poll(reached, timeout, progress)

    def resize(self, size, timeout=60, tolerance=0):
        """Set a target and wait until it is reached."""
        self.set_target(size)
        self.wait_actual(size, timeout, tolerance)

    def poll_stats(self, seconds):
        """Have QEMU ask the guest for statistics that often; 0: not any more."""
        self.qmp("qom-set", path=self.balloon_path,
                 property="guest-stats-polling-interval", value=seconds)

    def stats(self):
        """{"last-update": seconds, "stats": {...}}; 2^64 - 1 is "not told"."""
        return self.qmp("qom-get", path=self.balloon_path, property="guest-stats")
