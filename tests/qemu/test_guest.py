# SPDX-License-Identifier: GPL-2.0-only
"""Runs the test programs of tests/guest in a guest with an inflated balloon.

Each is one test. By hand they run in any guest, see the Makefile there.
"""

import pytest

from lab import MIB
from suite import compaction, hog, programs

GUEST = {"memory_mib": 768, "append": "init_on_alloc=0",
         "files": programs.files(programs.PROGRAMS) | hog.FILES}
BALLOON = 160 * MIB + 28672
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 200


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_program(guest, program, record_property):
    compaction.inflate_for(program, guest, BALLOON)
    programs.run(guest, program, record_property, TIMEOUT)
