# SPDX-License-Identifier: GPL-2.0-only
"""A whole Debian that things are installed in, and guests that boot from it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab import Guest
from lab.deadline import SCALE
from lab.initramfs import agent
from lab.paths import LAB, REPO

from . import roots

DIRECTORY = LAB / "debian"
BOOT_TIMEOUT = 120
DISK_MIB = 4096
# Where the systems have the files of a test.
FILES = "/mnt/files"
FILES_MIB = 256


def make_disk(directory, path, size_mib):
    """An ext4 file system with what is in a directory, sparse."""
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", directory, path,
                    f"{size_mib}M"], check=True, stdout=subprocess.DEVNULL)
    return path


@dataclass
class Debian:
    """A system of scripts/debian-root; what a lab.Kernel is to other guests."""

    tree: Path
    append: str = "root=/dev/vda rw"
    is_debug: bool = False
    driver_built_in: bool = False
    machine: str = "q35"

    def __str__(self):
        return f"debian-{self.tree.name}"

    @property
    def release(self):
        name, = (path.name for path in (self.tree / "lib/modules").iterdir())
        return name

    @property
    def vmlinuz(self):
        return self.tree / f"boot/vmlinuz-{self.release}"


def pristine(suite):
    """A Debian that nothing was installed in; made when it is not there."""
    subprocess.run([REPO / "scripts/debian-root", suite, agent()], check=True)
    return Debian(DIRECTORY / suite)


class DebianGuest(Guest):
    """A guest with a Debian on a disk of its own, which stays over reboots."""

    def __init__(self, debian, files, **options):
        super().__init__(debian, driver=None, boot_timeout=BOOT_TIMEOUT, **options)
        self._boots = 0
        self.options.disks = [make_disk(debian.tree, self.run / "disk", DISK_MIB),
                              make_disk(files, self.run / "files", FILES_MIB)]

    def _make_initrd(self):
        """The one that was made last, by whatever has changed the disk."""
        image, initrd = self.options.disks[0], self.run / "initrd"
        # Its journal comes first. Status 1: something was mended, as it should be.
        subprocess.run(["e2fsck", "-fp", image], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["debugfs", "-R",
                        f"dump /boot/initrd.img-{self.kernel.release} {initrd}", image],
                       check=True, stderr=subprocess.DEVNULL)
        return initrd

    def start(self):
        super().start()
        self.check(f"mkdir -p {FILES}; mount -o ro /dev/vdb {FILES}")
        return self

    def reboot(self):
        """As a person does it. The log of before is looked at first."""
        self.channel.send("systemctl reboot")
        self.wait_exit(BOOT_TIMEOUT)
        self.check_log()
        self.kill()
        self._boots += 1
        self.log_file.rename(self.log_file.with_suffix(f".{self._boots}"))
        return self.start()

    def discard(self):
        """The disks are large."""
        self.kill()
        for disk in self.options.disks:
            Path(disk).unlink(missing_ok=True)


class InGuest:
    """Things are installed in a guest that runs."""

    def __init__(self, debian, files, watch, **options):
        self.guest = DebianGuest(debian, files, **options)
        watch(self.guest)
        self.guest.start()
        self.check = self.guest.check

    def restart(self):
        return self.guest.reboot()

    def end(self, well):
        try:
            if well:
                self.guest.stop()
        finally:
            self.guest.discard()


class InChroot:
    """Things are installed in a copy of the system's tree; guests boot from that.

    What is the same in a guest is done at a multiple of its speed.
    """

    def __init__(self, debian, files, watch, **options):
        self._tree = LAB / "debian" / f".{debian.tree.name}.copy"
        self._remove_tree()
        subprocess.run(["cp", "-a", "--reflink=auto", debian.tree, self._tree], check=True)
        self._files, self._watch, self._options = files, watch, options
        self._guest = None

    def _remove_tree(self):
        subprocess.run(["rm", "-rf", "--one-file-system", self._tree], check=True)

    def check(self, script, timeout=60):
        """Run a shell script that has to succeed; its output."""
        done = roots.run(self._tree, {self._files: FILES}, "sh", "-c", script,
                         timeout=timeout * SCALE)
        assert not done.returncode, f"{script}: status {done.returncode}\n{done.stdout}"
        return done.stdout

    def restart(self):
        self._end_guest(True)
        self._guest = DebianGuest(Debian(self._tree), self._files, **self._options)
        self._watch(self._guest)
        return self._guest.start()

    def _end_guest(self, well):
        if not self._guest:
            return
        try:
            if well:
                self._guest.stop()
                self._guest.check_log()
        finally:
            self._guest.discard()

    def end(self, well):
        try:
            self._end_guest(well)
        finally:
            self._remove_tree()
