# SPDX-License-Identifier: GPL-2.0-only
"""Boot guests with a balloon and look at them from both sides.

For tests, the demo and the benchmark. ../README.md has an example.
"""

from . import program
from .errors import (CommandFailed, CommandTimedOut, GuestDied, LabError,
                     LogError, QMPError, TimedOut)
from .guest import Guest
from .kernel import DEBUG_SERIES, OVERLAY_SERIES, SERIES, Kernel
from .units import GIB, KIB, MIB

__all__ = ["CommandFailed", "CommandTimedOut", "DEBUG_SERIES", "GIB", "Guest",
           "GuestDied", "KIB", "Kernel", "LabError", "LogError", "MIB",
           "OVERLAY_SERIES", "QMPError", "SERIES", "TimedOut", "program"]
