# SPDX-License-Identifier: GPL-2.0-only
"""For pytest-xdist: tests that share a guest run in the same process."""

import re

from xdist.scheduler import LoadScopeScheduling

from lab import SERIES

# The longest first: names begin alike. 6.1-debug counts as 6.1.
NAMES = "|".join(map(re.escape, sorted(SERIES, key=len, reverse=True)))
KERNEL = re.compile(rf"\[({NAMES})[-\]]")
# They use something of which a machine has one: its huge pages.
ONE_AT_A_TIME = ("qemu/test_hugetlbfs.py",)


class ByGuest(LoadScopeScheduling):
    """One unit of work is one file on one kernel, or on all where they would wait."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        kernel = KERNEL.search(nodeid)
        return file + (kernel[1] if kernel and file not in ONE_AT_A_TIME else "")
