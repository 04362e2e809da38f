# SPDX-License-Identifier: GPL-2.0-only
"""Random hosts against the driver, watched by a debug kernel.

What make check does on other kernels, see scripted/test_fuzz.py: here KASAN, lockdep
and the other watchers judge as well, and at the end kmemleak.
"""

import pytest

from suite import debug, fuzz, programs

GUEST = fuzz.DEBUG_OPTIONS
STEPS = 2000

pytestmark = pytest.mark.allow_log(*fuzz.ALLOWED_LOG)


def test_random_hosts(request, kernel, driver, guest, record_property):
    seed = request.config.option.seed or fuzz.new_seed()
    record_property("figure", f"seed {seed}")
    print(f"seed {seed}; to replay: {fuzz.replay(kernel, driver, seed, STEPS)}")
    done = guest.sh(fuzz.command(seed, STEPS, debug=True),
                    timeout=fuzz.timeout(STEPS, debug=True))
    programs.judge(fuzz.PROGRAM, done, record_property)


def test_nothing_leaks(guest):
    debug.check_nothing_leaks(guest, "balloon_host")


def test_everything_was_watched(guest):
    assert not debug.blind(guest)
