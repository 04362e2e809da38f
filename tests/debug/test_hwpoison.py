# SPDX-License-Identifier: GPL-2.0-only
"""Shows that memory which turns out to be broken while it is in the balloon stays out
of use when it leaves, and that a page which is only suspected is moved: suite/hwpoison.py.
"""

import pytest

from suite import hwpoison

MEMORY_MIB = 1280


@pytest.mark.parametrize("mode", ("pfn", "range"))
def test_poisoned_pages_stay_out_of_use(boot, ours, mode, record_property):
    guest = hwpoison.boot_guest(boot, mode, MEMORY_MIB)
    record_property("figure", hwpoison.poison(guest))


def test_suspected_pages_are_moved(boot, ours, record_property):
    guest = hwpoison.boot_guest(boot, "pfn", MEMORY_MIB)
    record_property("figure", hwpoison.suspect(guest))
