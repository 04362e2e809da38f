# SPDX-License-Identifier: GPL-2.0-only
"""Which kernels a test that takes long runs on."""

from lab import SERIES


def left_out(option):
    """Those between the oldest and the newest, when both ends are run, without --full."""
    ends = {SERIES[0], SERIES[-1]}
    if option.full or not ends <= set(option.kernel or SERIES):
        return []
    return SERIES[1:-1]
