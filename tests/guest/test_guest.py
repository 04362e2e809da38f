# SPDX-License-Identifier: GPL-2.0-only
"""Runs the test programs of this directory in a guest with an inflated balloon.

Each is one test. By hand they run in any guest, see the Makefile.
"""

import pytest

from lab import MIB
from suite import ktap
from suite.guests import full_size
from suite.programs import PROGRAMS, program_file

GUEST = {"memory_mib": 768,
         "files": {f"tests/{name}": program_file(name) for name in PROGRAMS}}
BALLOON = 160 * MIB + 28672
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 200


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guest, program, record_property):
    guest.resize(full_size(guest) - BALLOON)
    done = guest.sh(f"/tests/{program}", timeout=TIMEOUT)
    print(done.out)
    results = ktap.parse(done.out)
    if results.skipped and len(results.skipped) == len(results.cases):
        pytest.skip(results.skipped[0].skip)
    for case in results.skipped:
        record_property("skipped case", f"{case.name}: {case.skip}")
    assert not results.errors, f"{program}: {', '.join(results.errors)}"
    assert not results.failed, (
        f"{program}: {', '.join(case.name for case in results.failed)}")
    assert done.status == 0, f"{program} ended with {done.status}, expected 0"
