# SPDX-License-Identifier: GPL-2.0-only
"""Runs the native programs of this directory, each of their cases as one test."""

import subprocess
from pathlib import Path

import pytest

from suite import ktap

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE / "build" / path.stem for path in HERE.glob("test_*.c"))
TIMEOUT = 60


def cases():
    """Each program and case; a program that is not built is one that fails."""
    for program in PROGRAMS:
        names = subprocess.run([program, "list"], check=True, capture_output=True,
                               text=True).stdout.split() if program.exists() else [None]
        for name in names:
            yield pytest.param(program, name, id=f"{program.stem}-{name}")


@pytest.mark.parametrize("program, name", cases())
def test_unit(program, name):
    assert program.exists(), f"{program} is not built: run scripts/check"
    done = subprocess.run([program, name], check=False, capture_output=True,
                          text=True, timeout=TIMEOUT)
    print(done.stdout + done.stderr)
    results = ktap.parse(done.stdout)
    assert not results.errors, ", ".join(results.errors)
    assert done.returncode == 0, f"{program.name} {name} ended with {done.returncode}"
    if results.skipped:
        pytest.skip(results.skipped[0].skip)
