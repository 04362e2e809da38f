# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to disk: a guest writes itself to its swap, and goes on in another QEMU."""

from .migration import options_of

IMAGE = "/tmp/in-the-image"

PREPARE = f"""
mkswap /dev/vda > /dev/null
swapon /dev/vda
cat /sys/block/vda/dev > /sys/power/resume
echo {{mode}} > /sys/power/disk
echo yes > {IMAGE}
"""


def make_disk(path, size_mib):
    """A raw image without contents."""
    with open(path, "wb") as file:
        file.truncate(size_mib << 20)
    return path


def prepare(guest, mode="shutdown"):
    """Swap on the first disk, to hibernate to."""
    guest.check(PREPARE.format(mode=mode))


def hibernate(guest, timeout=120):
    """Write the image; QEMU ends with it."""
    guest.channel.send("echo disk > /sys/power/state", timeout)
    guest.wait_exit(timeout)


def successor(guest, boot, **options):
    """Another QEMU with the same disk, whose kernel has booted and knows of nothing."""
    return boot(**(options_of(guest) | {"append": "", "driver": guest.driver} | options))


def resume(guest, timeout=120):
    """Have the kernel load the image of its disk; returns when that one answers."""
    guest.channel.send("cat /sys/block/vda/dev > /sys/power/resume", timeout)
    guest.sync(timeout)
    assert guest.sh(f"test -e {IMAGE}").ok, "the image was not loaded"
