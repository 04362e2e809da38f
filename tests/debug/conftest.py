# SPDX-License-Identifier: GPL-2.0-only
"""Tests for kernels of scripts/debug-kernel only; "make check-debug" runs them."""

import pytest

from lab.deadline import SCALE

TEST_TIMEOUT = 600


def pytest_collection_modifyitems(items):
    for item in items:
        if "/debug/" in str(item.path):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT * SCALE))


@pytest.fixture(autouse=True)
def debug_kernel(kernel):
    if not kernel.is_debug:
        pytest.skip(f"{kernel} is no debug kernel: make check-debug")
