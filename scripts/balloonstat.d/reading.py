# SPDX-License-Identifier: GPL-2.0-only
"""What the guest shows: sysfs, debugfs and /proc."""

import glob
import os
import sys

# scripts/one-file puts it in.
VERSION = "of its sources"

KIB = 1 << 10
MIB = 1 << 20
# The device type of a balloon in the VIRTIO specification.
BALLOON_ID = 5

# The files of balloon/, which are the names in --json too.
BYTES = ("target", "actual", "in_flight", "floor", "element", "whole_blocks", "hint_held",
         "reported")
WORDS = ("state", "inflate", "inflate_reason", "take", "hint_state", "hint", "hint_reason",
         "report_state")

OTHER_DRIVER = """\
{device} is a balloon, but its driver, {driver}, shows nothing of it: there is no
directory balloon/ in sysfs. So the out-of-tree driver, which balloonstat needs, is not
loaded; probably the kernel's own is. To see which is, and which modprobe takes:
  cat /sys/module/virtio_balloon/version    # exists for the out-of-tree driver only
  modinfo -n virtio_balloon                 # .../updates/...: the out-of-tree one"""

BUILT_IN = """\
{device} is a balloon, but its driver, {driver}, is built into this kernel
(CONFIG_VIRTIO_BALLOON=y) and shows nothing of it. No module can take its place. To have
the out-of-tree driver, build it into the kernel instead; in its sources:
  make overlay KERNEL=DIR                   # DIR has the source of the kernel"""

NO_DRIVER = """\
{device} is a balloon without a driver: modprobe virtio_balloon, or
  echo {device} >/sys/bus/virtio/drivers/virtio_balloon/bind"""


class Nothing(Exception):
    """There is nothing to show, and why."""


def complain(message):
    print(f"balloonstat: {message}", file=sys.stderr, flush=True)


def read(path):
    """What a small file says, or None. Bytes that are not ASCII are spelled out."""
    try:
        with open(path, encoding="ascii", errors="backslashreplace") as file:
            return file.read().strip()
    except OSError:
        return None


def number(text, base=10):
    try:
        return int(text, base)
    except (TypeError, ValueError):
        return None


def name_values(text):
    """{name: value} of lines "name value", as debugfs and /proc/vmstat have them."""
    pairs = (line.partition(" ")[::2] for line in text.splitlines() if line)
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


class Source:
    """Where everything is read from; the directories are others in tests."""

    def __init__(self, args):
        self.devices = os.path.join(args.sysfs, "bus/virtio/devices")
        self.modules = os.path.join(args.sysfs, "module")
        self.debugfs = os.path.join(args.debugfs, "virtio_balloon")
        self.proc = args.proc
        self.vmstat_file = os.path.join(args.proc, "vmstat")
        self.kmsg = args.kmsg

    def names(self):
        paths = glob.glob(os.path.join(glob.escape(self.devices), "*"))
        # virtio2 comes before virtio10.
        return sorted(map(os.path.basename, paths), key=lambda name: (len(name), name))

    def file(self, device, name):
        return os.path.join(self.devices, device, name)

    def is_balloon(self, device):
        return number(read(self.file(device, "device")), 16) == BALLOON_ID

    def balloons(self):
        return [name for name in self.names() if self.is_balloon(name)]

    def is_ours(self, device):
        return os.path.isdir(self.file(device, "balloon"))

    def driver(self, device):
        """The name of the driver that is bound, or None."""
        path = self.file(device, "driver")
        return os.path.basename(os.path.realpath(path)) if os.path.exists(path) else None

    def built_in(self, driver):
        """Only a module that was loaded has this file."""
        return not os.path.exists(os.path.join(self.modules, driver, "initstate"))

    def trouble(self, device):
        """Why a device cannot be shown, or None if it can."""
        if device not in self.names():
            return f"there is no virtio device {device}"
        if self.is_ours(device):
            return None
        if not self.is_balloon(device):
            return f"{device} is a virtio device, but not a balloon"
        driver = self.driver(device)
        text = NO_DRIVER if not driver else BUILT_IN if self.built_in(driver) else OTHER_DRIVER
        return text.format(device=device, driver=driver)

    def attributes(self, device):
        """A file that is not there is None: the driver is of another version."""
        texts = {name: read(self.file(device, f"balloon/{name}")) for name in BYTES + WORDS}
        return {name: number(text) if name in BYTES else text for name, text in texts.items()}

    def vmstat(self):
        """The counters of all balloons together, in pages; None if they cannot be read."""
        text = read(self.vmstat_file)
        return text and {name: value for name, value in name_values(text).items()
                         if name.startswith("balloon_") or name == "nr_balloon_pages"}

    def meminfo(self):
        """{name: bytes} of those lines of /proc/meminfo that have to do with balloons."""
        text = read(os.path.join(self.proc, "meminfo")) or ""
        pairs = (line.partition(":")[::2] for line in text.splitlines())
        return {name: number(value.split()[0]) * KIB for name, value in pairs
                if name in ("MemTotal", "MemAvailable", "Balloon")}

    def counters(self, device):
        """{file: {name: value}} of all files that debugfs has; None if we may not look."""
        directory = os.path.join(self.debugfs, device)
        try:
            files = sorted(set(os.listdir(directory)) - {"events", "reset"})
        except OSError:
            return None
        return {file: name_values(read(os.path.join(directory, file)) or "") for file in files}
