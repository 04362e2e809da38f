# SPDX-License-Identifier: GPL-2.0-only
"""The contestants, and how one takes the place of another in a running guest."""

from lab.kernel import DRIVER

IN_TREE = "in-tree"
MODES = ("pfn", "auto", "range")
# What the parameter inflate is when nobody sets it.
DEFAULT = "auto"
DRIVERS = (IN_TREE, *MODES)
# Not a driver: what taking the memory costs without one.
BARE = "bare"


def _in_tree_path(kernel):
    place = kernel.in_tree_module.relative_to(kernel.module_dir)
    return f"/lib/modules/{kernel.release}/{place.parent}/{DRIVER}.ko"


def load(guest, driver, take="fragments"):
    """Load a driver; none is loaded."""
    if driver == IN_TREE:
        guest.check(f"insmod {_in_tree_path(guest.kernel)}")
    else:
        guest.check(f"modprobe {DRIVER} inflate={driver} take={take}")
        mode = guest.read("/sys/bus/virtio/devices/virtio*/balloon/inflate")
        if mode != driver:
            raise RuntimeError(f"asked for inflate={driver}, got {mode}")


def unload(guest):
    guest.check(f"rmmod {DRIVER}")
