# SPDX-License-Identifier: GPL-2.0-only
"""Everything that a bug report needs, and nothing private beside it."""

import os
import platform
import re
import time

from kernel import features, kernel_lines, kernel_sample
from log import log_lines
from reading import VERSION, read
from watch import Watch
from words import once_lines

HEAD = """\
Report of balloonstat, {time}

This is what the driver's developers need: versions, parameters, the driver's files, its
lines in the kernel's log, and the state of the guest's memory. There are no names of
hosts, users or processes, no network addresses and no serial numbers. Of the kernel's
command line there are only the words about memory. Read it before you publish it."""

# Of the kernel's command line: NAME or NAME=VALUE.
COMMAND_LINE = re.compile(
    r"(init_on_(alloc|free)|page_poison|debug_pagealloc|(page_reporting|virtio_balloon"
    r"|memory_hotplug|kfence|kasan)\.\w+|memhp_default_state|transparent_hugepage|hugepages"
    r"|(default_)?hugepagesz|movablecore|kernelcore|cma|mem|numa|numa_balancing|psi|swiotlb"
    r"|iommu|(intel|amd)_iommu|mem_encrypt|slub_debug)(=.*)?")
# Of /proc/vmstat.
VMSTAT_LINES = re.compile(r"(balloon|compact|allocstall|oom_kill|thp_|nr_(free|balloon|isolated)"
                          r"|pgscan|pgsteal|pswp)")

MEMORY = ("meminfo", "buddyinfo", "zoneinfo")
PRESSURE = ("memory", "cpu", "io")
NO_PSI = "the kernel has no PSI, or needs psi=1 on its command line"
NO_DEBUGFS = ("only the out-of-tree driver has it, and debugfs has to be mounted: "
              "mount -t debugfs none /sys/kernel/debug")
NO_MODULE = "only the out-of-tree driver has it"


def why(error, hint=None):
    """Why a file could not be read, and what to do."""
    if isinstance(error, PermissionError):
        hint = ("the kernel's lockdown or a container forbids it" if os.geteuid() == 0 else
                "only root may read it, as in: sudo balloonstat --report")
    elif not isinstance(error, FileNotFoundError):
        hint = None
    return f"{error.strerror}: {hint}" if hint else error.strerror


class Report:
    """Sections of lines, and what could not be read."""

    def __init__(self, source):
        self.source = source
        self.lines = HEAD.format(time=time.strftime("%Y-%m-%d %H:%M:%S %z")).splitlines()
        self.unread = []

    def section(self, title, lines):
        self.lines += ["", f"== {title}", *lines]

    def attempt(self, path, lines_of, hint=None):
        """A section of the lines that a function reads from the path."""
        try:
            self.section(path, list(lines_of(path)))
        except OSError as error:
            self.unread.append(f"{path}: {why(error, hint)}")
            self.section(path, [f"could not be read: {why(error, hint)}"])

    def file(self, path, hint=None, wanted=re.compile("")):
        def lines_of(name):
            with open(name, encoding="ascii", errors="backslashreplace") as file:
                return [line for line in file.read().splitlines() if wanted.match(line)]

        self.attempt(path, lines_of, hint)

    def directory(self, path, hint=None):
        """All files in it that can be read at all: some are only written to."""
        try:
            names = [name for name in sorted(os.listdir(path))
                     if os.stat(os.path.join(path, name)).st_mode & 0o444]
        except OSError as error:
            self.unread.append(f"{path}: {why(error, hint)}")
            self.section(path, [f"could not be read: {why(error, hint)}"])
            return
        for name in names:
            self.file(os.path.join(path, name))

    def versions(self):
        system = read("/etc/os-release") or ""
        name = re.search(r'^PRETTY_NAME="?([^"\n]*)', system, re.M)
        self.section("Versions", [
            f"balloonstat: {VERSION}", f"Python: {platform.python_version()}",
            f"system: {name[1] if name else 'unknown'}", f"machine: {os.uname().machine}"])
        for file in ("osrelease", "version", "tainted"):
            self.file(os.path.join(self.source.proc, "sys/kernel", file))
        words = (read(os.path.join(self.source.proc, "cmdline")) or "").split()
        self.section("The kernel's command line, words about memory",
                     [word for word in words if COMMAND_LINE.fullmatch(word)])

    def module(self):
        module = os.path.join(self.source.modules, "virtio_balloon")
        for name in ("version", "srcversion"):
            self.file(os.path.join(module, name), NO_MODULE)
        self.directory(os.path.join(module, "parameters"), NO_MODULE)
        other = os.path.join(self.source.modules, "page_reporting/parameters")
        if os.path.isdir(other):
            self.directory(other)

    def device(self, device):
        source = self.source
        names = features(source, device)
        self.section(f"Device {device}", [
            f"driver: {source.driver(device) or 'none'}",
            f"path: {os.path.realpath(source.file(device, ''))}",
            f"features: {'unknown' if names is None else ' '.join(names) or 'none'}"])
        for name in ("features", "status", "vendor"):
            self.file(source.file(device, name))
        if not source.is_ours(device):
            self.section(f"What the kernel shows of {device}",
                         kernel_lines(kernel_sample(source, device)))
            return
        self.section(f"balloonstat --once {device}",
                     once_lines(source, Watch(source, [device]).sample(device)))
        self.directory(source.file(device, "balloon"))
        self.directory(os.path.join(source.debugfs, device), NO_DEBUGFS)

    def memory(self):
        proc = self.source.proc
        for name in MEMORY:
            self.file(os.path.join(proc, name))
        for name in PRESSURE:
            self.file(os.path.join(proc, "pressure", name), NO_PSI)
        self.file(self.source.vmstat_file, wanted=VMSTAT_LINES)

    def text(self, devices):
        self.versions()
        self.module()
        for device in devices:
            self.device(device)
        if not devices:
            self.section("Devices", ["This guest has no balloon device."])
        self.attempt(self.source.kmsg, log_lines)
        self.memory()
        self.section("Could not be read", self.unread or ["Everything was read."])
        return "\n".join(self.lines) + "\n"
