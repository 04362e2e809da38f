# SPDX-License-Identifier: GPL-2.0-only
"""Tests for kernels of scripts/debug-kernel only; "make check-debug" runs them."""

import pytest

from lab.deadline import SCALE

TEST_TIMEOUT = 1200


def pytest_collection_modifyitems(config, items):
    # It takes longest: whoever begins with it ends with the others.
    items.sort(key=lambda item: item.path.name != "test_scripted_host.py")
    for item in items:
        if "/debug/" in str(item.path):
            item.add_marker(pytest.mark.timeout((TEST_TIMEOUT + config.option.fuzz) * SCALE))


@pytest.fixture(autouse=True)
def debug_kernel(kernel):
    if not kernel.is_debug:
        pytest.skip(f"{kernel} is no debug kernel: make check-debug")
