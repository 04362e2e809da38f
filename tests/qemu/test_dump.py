# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a crash dump knows the balloon's pages, and leaves them out.

QEMU dumps a guest's memory; makedumpfile, which finds its way by the guest's own
vmcoreinfo, counts the offline pages in it: those of the balloon, to the page.
"""

import re
import struct

import pytest

from lab import MIB
from lab.paths import ROOTS
from suite import roots
from suite.books import PAGE
from suite.guests import full_size

# A newer kernel says in another way what a page is, and needs a newer makedumpfile than
# any release has: that of trixie finds no offline page.
OLD = "6.1"
BALLOON = 150 * MIB + 28672
GUEST = {"memory_mib": 384, "smp": 1, "append": "init_on_alloc=0",
         "extra": ["-device", "vmcoreinfo"], "extra_modules": ["qemu_fw_cfg"],
         "balloon": {"free_page_reporting": True}}
TIMEOUT = 120
# Of the header of a 64-bit ELF file: its size, and where fields are.
EHDR_SIZE, E_PHOFF, E_SHOFF, E_PHENTSIZE, E_SHNUM = 64, 32, 40, 54, 60


@pytest.fixture(scope="module")
def makedumpfile(kernel):
    """A function that has a dump analysed; what makedumpfile says of it."""
    old = kernel.series == OLD
    root = ROOTS / ("bookworm" if old else "trixie")
    roots.needs(root, "makedumpfile")
    place = "" if old else roots.borrows(root, "makedumpfile")

    def run(directory):
        done = roots.run(root, {directory: "/mnt"}, f"{place}/usr/bin/makedumpfile", "-l",
                         "-d", "31", "--message-level", "31", "/mnt/memory", "/mnt/small",
                         timeout=TIMEOUT)
        assert not done.returncode, done.stdout
        return done.stdout

    return run


def move_program_headers(path):
    """To where makedumpfile looks for them; QEMU 10 has section headers there."""
    with open(path, "r+b") as file:
        header = bytearray(file.read(EHDR_SIZE))
        phoff, = struct.unpack_from("<Q", header, E_PHOFF)
        size, number = struct.unpack_from("<HH", header, E_PHENTSIZE)
        file.seek(phoff)
        table = file.read(size * number)
        struct.pack_into("<Q", header, E_PHOFF, EHDR_SIZE)
        struct.pack_into("<Q", header, E_SHOFF, 0)
        struct.pack_into("<HH", header, E_SHNUM, 0, 0)
        file.seek(0)
        file.write(header + table)


def offline_pages(text):
    return int(re.search(r"^ +Offline pages +: 0x([0-9a-f]+)$", text, re.M)[1], 16)


@pytest.mark.parametrize("mode", ("auto", "range"))
def test_offline_pages_are_the_balloon(boot, driver, makedumpfile, mode, tmp_path,
                                       record_property):
    if driver != "ours" and mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    guest = boot(**(GUEST | {"module_params": f"inflate={mode}"}))
    guest.check("modprobe qemu_fw_cfg")
    counts = {}
    for size in (0, BALLOON):
        guest.resize(full_size(guest) - size)
        guest.qmp("dump-guest-memory", paging=False, protocol=f"file:{tmp_path}/memory")
        move_program_headers(tmp_path / "memory")
        counts[size] = offline_pages(makedumpfile(tmp_path))
        for name in ("memory", "small"):
            (tmp_path / name).unlink()
    assert counts[BALLOON] - counts[0] == BALLOON // PAGE
    record_property("figure", f"{counts[BALLOON]} offline pages in a dump, {counts[0]} "
                              "with an empty balloon")
