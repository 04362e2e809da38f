# SPDX-License-Identifier: GPL-2.0-only
"""A running QEMU, seen from the host."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from . import qemu
from .deadline import SCALE
from .errors import LabError, TimedOut
from .units import KIB


def _cpu_seconds(stat):
    """The name in a stat of /proc, and the CPU time."""
    head, _, fields = stat.read_text(errors="replace").rpartition(")")
    fields = fields.split()
    return (head.partition("(")[2],
            (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))


class Process:
    """QEMU with its argument list and stderr kept in the run's directory."""

    def __init__(self, options, run, pass_fds):
        argv = options.argv()
        self.stderr_file = run / "qemu.err"
        (run / "argv").write_text(shlex.join(argv) + "\n")
        with open(self.stderr_file, "wb") as stderr:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=pass_fds, env=os.environ | qemu.environment())
        self.pid = self._child.pid

    def running(self):
        return self._child.poll() is None

    @property
    def status(self):
        """None while it runs."""
        return self._child.poll()

    def wait(self, timeout):
        """Its exit status."""
        try:
            return self._child.wait(timeout * SCALE)
        except subprocess.TimeoutExpired:
            raise TimedOut(f"QEMU (pid {self.pid}) still runs after {timeout} s") from None

    def kill(self):
        """End it, and only it: we hold its pid until it is reaped."""
        self._child.kill()
        self._child.wait()

    def stderr(self):
        return self.stderr_file.read_text(errors="replace")

    def _kib(self, file, name):
        with open(f"/proc/{self.pid}/{file}", encoding="ascii") as text:
            found = re.search(rf"^{name}:\s+(\d+) kB", text.read(), re.M)
        return int(found[1]) * KIB if found else 0

    def rss(self):
        """Memory of the host it holds, in bytes (without hugetlb pages)."""
        return self._kib("status", "VmRSS")

    def guest_memory(self, size):
        """Memory of the host behind the guest's, which has size bytes, in bytes.

        Unlike rss() without QEMU's own, which grows with the code it translates.
        """
        with open(f"/proc/{self.pid}/smaps", encoding="ascii") as text:
            found = re.findall(rf"^Size:\s+{size // KIB} kB$.*?^Rss:\s+(\d+) kB$",
                               text.read(), re.M | re.S)
        if len(found) != 1:
            raise LabError(f"QEMU has {len(found)} mappings of {size} bytes, one is "
                           "expected: give the guest another size")
        return int(found[0]) * KIB

    def huge_pages(self):
        """Of that, how much is transparent huge pages, in bytes."""
        return self._kib("smaps_rollup", "AnonHugePages")

    def cpu_seconds(self):
        """CPU time used so far, all threads."""
        return _cpu_seconds(Path(f"/proc/{self.pid}/stat"))[1]

    def thread_seconds(self, name):
        """The same of the threads whose names begin with that."""
        return sum(seconds for comm, seconds in
                   map(_cpu_seconds, Path(f"/proc/{self.pid}/task").glob("*/stat"))
                   if comm.startswith(name))
