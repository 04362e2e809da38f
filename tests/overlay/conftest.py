# SPDX-License-Identifier: GPL-2.0-only
"""Tests for kernels of scripts/overlay-kernel only; "make check-overlay" runs them."""

import pytest


@pytest.fixture(autouse=True)
def overlay_kernel(kernel, driver):
    if not kernel.driver_built_in:
        pytest.skip(f"{kernel} loads the driver as a module: make check-overlay")
    if driver != "ours":
        pytest.skip("the kernel has our driver built in")
