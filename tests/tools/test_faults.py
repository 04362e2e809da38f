# SPDX-License-Identifier: GPL-2.0-only
"""Shows that each planted fault can be planted, and names a test that is there.

Whether that test finds it is what "make faults" shows.
"""

import re
import subprocess

import pytest

from lab.paths import REPO

PATCHES = sorted((REPO / "tests/faults").glob("*.patch"))
CAUGHT_BY = re.compile(r"^Caught-by: ([^:\s]+)::(\w+)", re.MULTILINE)


@pytest.mark.parametrize("patch", PATCHES, ids=lambda path: path.stem)
def test_fault_can_be_planted(patch):
    done = subprocess.run(["patch", "--dry-run", "--force", "-p1", "-i", patch],
                          cwd=REPO, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout
    found = CAUGHT_BY.findall(patch.read_text())
    assert found, "no test has to catch it"
    for file, function in found:
        assert f"def {function}(" in (REPO / "tests" / file).read_text()
