# SPDX-License-Identifier: GPL-2.0-only
"""A disk with one large file on it, for the guest's page cache.

The page cache of a disk itself would lie in blocks for memory that cannot be moved.
"""

import subprocess

from lab import MIB
from lab.paths import LAB

DEVICE, MOUNTED, NAME = "/dev/vda", "/tmp/disk", "cached"
FILE = f"{MOUNTED}/{NAME}"
# Of the disk, for the file system.
REST_MIB = 256


def make(name, size_mib, piece=b""):
    """The disk's image. The file has a piece of 1 MiB over and over.

    Without one it has zeros, which take no room.
    """
    directory = LAB / "bench" / name
    directory.mkdir(parents=True, exist_ok=True)
    image = directory.with_suffix(".img")
    with open(directory / NAME, "wb") as file:
        file.writelines([piece] * size_mib)
        file.truncate(size_mib * MIB)
    with open(image, "wb") as file:
        file.truncate((size_mib + REST_MIB) * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-d", directory, image],
                   check=True)
    return image


def mount(guest):
    """Let the guest see the file."""
    guest.check(f"mkdir -p {MOUNTED}; mount -t ext4 -o ro {DEVICE} {MOUNTED}")
