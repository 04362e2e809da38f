# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of scripts/balloonstat share: the script, and balloons for it."""

import pytest

from suite import balloonstat


@pytest.fixture
def fake(tmp_path):
    return balloonstat.Fake(tmp_path)


@pytest.fixture
def module():
    return balloonstat.load()
