# SPDX-License-Identifier: GPL-2.0-only
"""Bounded waiting. Nothing in the lab waits without one of these.

A test waits for a condition, never for a time to pass: it is as fast as the
machine allows, and on a slow machine BALLOON_TIMEOUT_SCALE stretches every
deadline alike.
"""

import os
import time

from .errors import TimedOut

SCALE = float(os.environ.get("BALLOON_TIMEOUT_SCALE", "1"))


class Deadline:
    """A moment until which something may take."""

    def __init__(self, seconds):
        self.seconds = seconds * SCALE
        self.end = time.monotonic() + self.seconds

    def left(self):
        """Seconds left, 0 when over."""
        return max(0.0, self.end - time.monotonic())

    def expired(self):
        return self.left() == 0


def poll(predicate, timeout, what, interval=0.05):
    """Call predicate until it returns something true, and return that.

    what is for the message: a text, or a function that returns one, so that
    it can say how far things came.
    """
    deadline = Deadline(timeout)
    while True:
        last_try = deadline.expired()
        value = predicate()
        if value:
            return value
        if last_try:
            detail = what() if callable(what) else what
            raise TimedOut(f"waited {deadline.seconds:.0f} s for {detail}")
        time.sleep(min(interval, deadline.left()))
