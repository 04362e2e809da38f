# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a balloon takes from all nodes of a guest alike, and leaves none without.

The host names no node, only a size. Each node gives about as much as the others, and
has free memory left, above what the kernel keeps for itself.
"""

import re

import pytest

from lab import MIB
from suite import books, hog
from suite.guests import full_size

ENDS_OF_RANGE = True

NODE_MIB = 512
NODES = 2


def topology():
    argv = []
    for node in range(NODES):
        argv += ["-object", f"memory-backend-ram,id=node{node},size={NODE_MIB}M",
                 "-numa", f"node,nodeid={node},cpus={node},memdev=node{node}"]
    return argv


GUEST = {"memory_mib": NODES * NODE_MIB, "smp": f"{NODES},sockets={NODES}", "extra": topology(),
         "append": "init_on_alloc=0", "balloon": {"free_page_reporting": True},
         "files": hog.FILES}
BALLOON = 560 * MIB
# Of what lies where when the guest has booted, and of a discard; and of a pass of free
# page reporting, which has up to 128 MiB of a node on no list while a node is chosen.
UNEVEN = (96 + 128) * MIB
# Of memory in pieces every second page is free; what no process gets is whole.
WHOLE_MIB = 32
PIECES = 200 * MIB
UNEVEN_PIECES = 48 * MIB
# The kernel keeps little for itself and makes no blocks of pieces meanwhile, and who
# takes them stays on one node.
TIDY = """
echo 4096 > /proc/sys/vm/min_free_kbytes
echo 0 > /proc/sys/vm/watermark_boost_factor
echo 0 > /proc/sys/vm/compaction_proactiveness
echo 1 > /sys/devices/virtual/workqueue/cpumask
"""


def wait_alike(guest, most, record_property):
    """Until the nodes have alike left: memory may be on its way to the host."""
    left = []

    def alike():
        left[:] = free(guest)
        return max(left) - min(left) < most

    guest.wait_for(alike, 10, lambda: f"free memory of the nodes to differ by less than "
                   f"{most // MIB} MiB; they have {left} bytes")
    text = ", ".join(f"{size // MIB}" for size in left)
    record_property("figure", f"MiB left free on the nodes: {text}")


def free(guest):
    """Bytes that are free, node by node."""
    text = guest.check("echo 3 > /proc/sys/vm/drop_caches; "
                       "cat /sys/devices/system/node/node*/meminfo")
    return [int(kib) << 10 for kib in re.findall(r"Node \d+ MemFree: +(\d+) kB", text)]


@pytest.mark.parametrize("mode", ["auto", "range",
                                  pytest.param("pfn", marks=pytest.mark.rare)])
def test_nodes_give_alike(boot, driver, mode, record_property):
    if driver != "ours" and mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    guest = boot(**(GUEST | {"module_params": f"inflate={mode}"}))
    start, before = books.at_rest(guest), free(guest)
    assert len(before) == NODES, f"the guest has nodes with {before} bytes free"
    guest.resize(full_size(guest) - BALLOON)
    wait_alike(guest, UNEVEN, record_property)
    guest.resize(full_size(guest))
    books.check(guest, start)


def test_nodes_give_single_pages_alike(boot, record_property):
    """No node has more than single pages, and all give of theirs."""
    guest = boot(**GUEST)
    start = books.at_rest(guest)
    guest.check(TIDY)
    size_mib = books.at_rest(guest).available // MIB - WHOLE_MIB
    with hog.holding(guest, size_mib, 2):
        before = free(guest)
        guest.resize(full_size(guest) - PIECES)
        wait_alike(guest, UNEVEN_PIECES, record_property)
        assert min(before) > PIECES // 2, f"the nodes had {before} bytes free"
    guest.resize(full_size(guest))
    books.check(guest, start)
