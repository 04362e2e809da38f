# SPDX-License-Identifier: GPL-2.0-only
"""The driver survives random hosts: fixed seeds, and a new one in each run.

scripted/fuzz.c says what such a host does and what is checked. A failure prints the
seed and how to replay it; --seed N takes N for the new one. For longer runs
there is "make fuzz".
"""

import pytest

from suite import fuzz

ENDS_OF_RANGE = True

GUEST = fuzz.OPTIONS
STEPS = 1150
SEEDS = (1, 2, fuzz.NEW)

pytestmark = pytest.mark.allow_log(*fuzz.ALLOWED_LOG)


@pytest.mark.parametrize("which", SEEDS)
def test_random_host(request, guest, which, record_property):
    fuzz.play(request, guest, which, STEPS, record_property)
