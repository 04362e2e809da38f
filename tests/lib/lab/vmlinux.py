# SPDX-License-Identifier: GPL-2.0-only
"""The kernel proper, out of the compressed image that a package has.

QEMU starts an ELF file at its PVH entry: nothing is decompressed by an emulated
processor, which takes a second or two. A kernel started so does not wake up from
S3, before 7.0 does not come up in a microvm, and with KASAN not at all: only for a
q35, and no debug kernel.

The setup header that says where the compressed kernel lies is described in the
kernel's Documentation/arch/x86/boot.rst.
"""

import struct
import subprocess

from .cache import cached, digest
from .errors import LabError

SETUP_SECTS = 0x1f1
PAYLOAD_OFFSET = 0x248          # and the payload's length
SECTOR = 512

# What a compressed kernel begins with, and who undoes it: tools, because a Python
# may have no zstd or lz4, all of them with the same arguments.
TOOLS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz", b"BZh": "bzip2",
         b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4"}
# Behind the others the build puts the length; here it is part of the format.
HAS_LENGTH = b"\x1f\x8b"
LENGTH = 4


def _payload(image):
    """The compressed kernel, without what the build puts behind it."""
    sectors = image[SETUP_SECTS] or 4
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    start = (sectors + 1) * SECTOR + offset
    payload = image[start:start + length]
    return payload if payload.startswith(HAS_LENGTH) else payload[:-LENGTH]


def _tool_for(payload, vmlinuz):
    for magic, tool in TOOLS.items():
        if payload.startswith(magic):
            return tool
    raise LabError(f"{vmlinuz} is compressed by none of {', '.join(TOOLS.values())}")


def extracted(vmlinuz):
    """Path of the ELF file in an image; made once for each image."""
    def extract(path):
        payload = _payload(vmlinuz.read_bytes())
        with open(path, "wb") as out:
            subprocess.run([_tool_for(payload, vmlinuz), "-dc"], input=payload,
                           stdout=out, check=True)
        with open(path, "rb") as made:
            if made.read(4) != b"\x7fELF":
                raise LabError(f"{vmlinuz}: what was compressed is not an ELF file")

    return cached(f"vmlinux-{digest(vmlinuz)}", extract)
