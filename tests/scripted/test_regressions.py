# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that balloon drivers had, each as a test that fails when it is there.

Documentation/regressions.rst has the list, with the tests elsewhere that show
the others. In the in-tree driver some of them are open. Its hang costs a guest,
so each case of scripted/regress_*.c is a test with a guest of its own if need be.
"""

import subprocess

import pytest

from suite import programs

PROGRAMS = programs.scripted("regress_")
GUEST = programs.scripted_guest(PROGRAMS, 512)
TIMEOUT = 120

# One case needs memory that is not there; the OOM killer says so if it is asked.
pytestmark = pytest.mark.allow_log(r"invoked oom-killer", r"oom-kill:constraint",
                                   r"Out of memory: Killed process")


def cases():
    """Each program and case; a program that is not built is one that fails."""
    for program in PROGRAMS:
        file = programs.program_file(program, "scripted")
        names = subprocess.run([file, "list"], check=True, capture_output=True,
                               text=True).stdout.split() if file.exists() else [None]
        for name in names:
            yield pytest.param(program, name, id=name)


@pytest.mark.parametrize("program, case", cases())
def test_regression(guest, program, case, record_property):
    assert case, f"{program} is not built: run scripts/check"
    programs.run(guest, program, record_property, TIMEOUT, f"'{case}'")
