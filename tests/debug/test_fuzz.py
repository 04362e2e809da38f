# SPDX-License-Identifier: GPL-2.0-only
"""Random hosts against the driver, watched by a debug kernel.

What make check does on other kernels, see scripted/test_fuzz.py: here KASAN, lockdep
and the other watchers judge as well, and at the end kmemleak.
"""

import pytest

from suite import debug, fuzz

GUEST = fuzz.DEBUG_OPTIONS
STEPS = 2000

pytestmark = pytest.mark.allow_log(*fuzz.ALLOWED_LOG)


@pytest.mark.parametrize("which", (fuzz.NEW,))
def test_random_hosts(request, guest, which, record_property):
    fuzz.play(request, guest, which, STEPS, record_property)


def test_nothing_leaks(guest):
    debug.check_nothing_leaks(guest, "balloon_host")


def test_everything_was_watched(guest):
    assert not debug.blind(guest)
