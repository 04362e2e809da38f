# SPDX-License-Identifier: GPL-2.0-only
"""A guest that hibernates with its balloon inflated, and goes on in another QEMU."""

import re
import tempfile
import time
from pathlib import Path

from lab import MIB, Guest
from suite import hibernation
from suite.books import SYSFS

from .screen import follow, mib, say, title

MEMORY_MIB = 1024
BALLOON = 600 * MIB
DISK_MIB = 768
PROGRESS = re.compile(r"PM: (?:Image saving progress: .*0%|hibernation: (?:Wrote|Read) .*)")
HEAD = (f"{'seconds':>8} {'':<32} {'balloon':>8} {'QEMU':>8} {'total':>9} {'free':>9}")


class Hibernation:
    """The guest's way, and the table of it."""

    def __init__(self, kernel, disk):
        self.kernel = kernel
        self.options = {"memory_mib": MEMORY_MIB, "smp": 1, "balloon": {},
                        "disks": [str(disk)],
                        "append": "init_on_alloc=0 hibernate=nocompress"}
        self.began = time.monotonic()

    def note(self, text):
        say(f"{time.monotonic() - self.began:8.1f} {text}"[:80])

    def line(self, what, guest):
        """Print what both sides say."""
        total, free, actual = (int(float(text)) for text in guest.check(
            "awk '/^Mem(Total|Free)/ { print $2 * 1024 }' /proc/meminfo; "
            f"cat {SYSFS}/actual").split())
        host = guest.options.memory_mib * MIB - guest.actual()
        self.note(f"{what:<32} {mib(actual):>8} {mib(host):>8} {mib(total):>9} {mib(free):>9}")

    def sleep(self, guest):
        """Write the image; shows how far it is, from the kernel's log."""
        guest.channel.send("echo disk > /sys/power/state", 120)
        shown = []

        def line(_seconds):
            running = guest.running()
            for text in PROGRESS.findall(guest.log())[len(shown):]:
                self.note(text)
                shown.append(text)
            return not running

        follow(line)
        guest.wait_exit()

    def there_and_back(self):
        say(HEAD)
        size = MEMORY_MIB * MIB - BALLOON
        with Guest(self.kernel, name="demo-sleeps", **self.options) as guest:
            hibernation.prepare(guest)
            guest.check("md5sum /bin/busybox > /tmp/sum")
            self.line("before", guest)
            guest.resize(size)
            self.line("the host takes memory", guest)
            self.sleep(guest)
            guest.check_log()
        self.note("switched off; the host was asked for nothing, and QEMU has ended")
        with Guest(self.kernel, name="demo-wakes", **self.options) as guest:
            self.line("another QEMU, a fresh kernel", guest)
            hibernation.resume(guest)
            guest.check("md5sum -c /tmp/sum")
            self.line("which has loaded the image", guest)
            guest.resize(size)
            self.line("the host takes memory again", guest)
            guest.check_log()


def show(kernel):
    title(f"Hibernation with {mib(BALLOON)} of {MEMORY_MIB} MiB in the balloon")
    with tempfile.TemporaryDirectory() as place:
        Hibernation(kernel, hibernation.make_disk(Path(place) / "swap",
                                                  DISK_MIB)).there_and_back()
