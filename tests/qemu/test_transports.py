# SPDX-License-Identifier: GPL-2.0-only
"""Shows that inflating, deflating and statistics work over every transport.

Legacy devices have another ring layout and byte order; a guest with one CPU has
nobody else to make progress.
"""

import pytest

from lab import MIB
from suite import books
from suite.guests import full_size
from suite.stats import last_update, next_stats

ENDS_OF_RANGE = True

BALLOON = 100 * MIB + 4096

GUESTS = {
    "pci-modern": {"balloon": {"transport": "pci-modern"}},
    "pci-legacy": {"balloon": {"transport": "pci-legacy"}},
    "mmio-modern": {"balloon": {"transport": "mmio-modern"}, "machine": "microvm"},
    "mmio-legacy": {"balloon": {"transport": "mmio-legacy"}, "machine": "microvm"},
    "one-cpu": {"smp": 1},
}


@pytest.mark.parametrize("name", GUESTS)
def test_transport(boot, name):
    guest = boot(memory_mib=256, **GUESTS[name])
    start = books.at_rest(guest)
    full = full_size(guest)
    guest.resize(full - BALLOON)
    books.check(guest, start)

    before = last_update(guest)
    guest.poll_stats(1)
    told = next_stats(guest, before)["stat-total-memory"]
    total = guest.meminfo()["MemTotal"]
    assert told == total, f"stat-total-memory is {told}, MemTotal {total}"

    guest.resize(full)
    books.check(guest, start)
