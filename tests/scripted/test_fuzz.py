# SPDX-License-Identifier: GPL-2.0-only
"""The driver survives random hosts: fixed seeds, and a new one in each run.

scripted/fuzz.c says what such a host does and what is checked. A failure prints the
seed and how to replay it; --seed N takes N for the new one. For longer runs
there is "make fuzz".
"""

import pytest

from suite import fuzz, programs

ENDS_OF_RANGE = True

GUEST = fuzz.OPTIONS
STEPS = 1150
SEEDS = (1, 2, "new")

pytestmark = pytest.mark.allow_log(*fuzz.ALLOWED_LOG)


@pytest.mark.parametrize("which", SEEDS)
def test_random_host(request, kernel, driver, guest, which, record_property):
    seed = which
    if which == "new":
        seed = request.config.option.seed or fuzz.new_seed()
        record_property("figure", f"seed {seed}")
    print(f"seed {seed}; to replay: {fuzz.replay(kernel, driver, seed, STEPS)}")
    done = guest.sh(fuzz.command(seed, STEPS), timeout=fuzz.timeout(STEPS))
    programs.judge(fuzz.PROGRAM, done, record_property)
