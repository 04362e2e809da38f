# SPDX-License-Identifier: GPL-2.0-only
"""For pytest-xdist: tests that share a guest run in the same process."""

import re

from xdist.scheduler import LoadScopeScheduling

KERNEL = re.compile(r"\[([\d.]+)[-\]]")


class ByGuest(LoadScopeScheduling):
    """One unit of work is one file on one kernel."""

    def _split_scope(self, nodeid):
        kernel = KERNEL.search(nodeid)
        return nodeid.partition("::")[0] + (kernel[1] if kernel else "")
