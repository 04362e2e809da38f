# SPDX-License-Identifier: GPL-2.0-only
"""What each zone of a guest has."""

import re
from itertools import takewhile

MANAGED = re.compile(r"^Node (\d+), zone +(\w+)$.*?^ +managed +(\d+)$", re.M | re.S)


def managed(guest):
    """{(node, zone): pages that the allocator has, or has given away}."""
    return {(node, zone): int(pages)
            for node, zone, pages in MANAGED.findall(guest.read("/proc/zoneinfo"))}


def managed_in(guest, name):
    """The same in all zones of a name, such as Movable."""
    return sum(pages for (_, zone), pages in managed(guest).items() if zone == name)


def wait_managed(guest, zones):
    """Wait until each zone has so many pages as managed() said before."""
    guest.wait_for(lambda: managed(guest) == zones, 30, lambda: (
        f"pages of the zones: {managed(guest)}, expected {zones}"))


def pageblocks(guest, kind):
    """How many pageblocks of all zones are of a type, such as Unmovable."""
    _, _, table = guest.read("/proc/pagetypeinfo").partition("Number of blocks type ")
    head, *lines = table.splitlines()
    column = head.split().index(kind)
    # "Node 0, zone Normal" and a number for each type.
    return sum(int(line.split()[4 + column])
               for line in takewhile(lambda line: line.startswith("Node"), lines))
