# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong in the lab, so that a test can tell one from another."""


class LabError(Exception):
    """Anything the lab itself reports."""


class TimedOut(LabError):
    """Something did not happen before its deadline."""


class GuestDied(LabError):
    """QEMU ended while the guest was still wanted."""


class QMPError(LabError):
    """QEMU refused a command."""


class CommandFailed(LabError):
    """A command in the guest ended with a status other than 0."""

    def __init__(self, script, result):
        super().__init__(f"status {result.status} from guest command: "
                         f"{script}\n{result.out}")
        self.result = result


class CommandTimedOut(CommandFailed, TimedOut):
    """A command in the guest was killed at its deadline."""


class LogError(LabError):
    """The kernel log has a complaint of the kernel in it."""
