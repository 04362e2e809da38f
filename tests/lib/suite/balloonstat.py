# SPDX-License-Identifier: GPL-2.0-only
"""A guest that is only files, and balloonstat looking at it: the one file that users get.

Its /sys, debugfs and /proc are directories below one: a balloon is a directory with
the driver's files in it, and going is removing it.
"""

import atexit
import difflib
import functools
import importlib.machinery
import importlib.util
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import termios

from lab.deadline import SCALE, poll
from lab.paths import REPO

ABI = REPO / "Documentation/ABI/testing/sysfs-virtio-balloon"
KIB, MIB = 1 << 10, 1 << 20
TIMEOUT = 30 * SCALE

# No two alike, so that a mistaken column shows.
ATTRIBUTES = {
    "target": 4096 * MIB, "actual": 1024 * MIB, "in_flight": 8 * KIB, "floor": 64 * MIB,
    "state": "inflating", "inflate": "pfn",
    "inflate_reason": "the device offers no free page reporting", "element": 2 * MIB,
    "take": "fragments",
    "whole_blocks": 512 * MIB, "hint_held": 96 * MIB, "hint_state": "holding",
    "hint": "hold", "hint_reason": "parameter",
    "reported": 2048 * MIB, "report_state": "idle",
}
HINT = "state holding\nid 7\nheld_bytes 100663296\nrounds 3\nrelease_usecs_max 1250\n"
COUNTERS = {"queues": "inflate_requests {}\ninflate_kicks 4\nstats_requests 9\n",
            "latency": "inflate_usecs_0 3\ninflate_usecs_512 {}\nstats_usecs_524288 9\n"}
# All lines of totals; test_balloonstat_prometheus.py compares them with the driver's.
TOTALS = ("event_up 1\nevent_down 2\nevent_target 3\nevent_actual 4\nevent_state 5\n"
          "event_silent 6\nevent_broken 7\nevent_hint_command 8\nevent_hint_begin 9\n"
          "event_hint_end 10\nevent_hint_release 11\nevent_report_failed 12\nevent_oom 13\n"
          "event_resync_begin 14\nevent_resync_end 15\nevent_sleep_prepare 16\n"
          "event_sleep_end 17\nevent_sleep 18\nevent_wake 19\nevent_release 20\n"
          "state_idle 21\nstate_inflating 22\nstate_deflating 23\nstate_waiting_for_memory 24\n"
          "state_floor 25\nstate_waiting_for_compaction 26\nstate_paused_after_oom 27\n"
          "state_host_silent 28\nstate_broken 29\nstate_suspending 30\nstate_resyncing 31\n")
# With the bits of STATS_VQ, DEFLATE_ON_OOM, REPORTING and VERSION_1, and one without a name.
FEATURES = "0110010100000000000000000000000010000000000000000000000000000000"
MEMINFO = ("MemTotal:        2031616 kB\nMemFree:          123456 kB\n"
           "MemAvailable:    1048576 kB\nBalloon:         1048576 kB\n")
VMSTAT = "nr_free_pages 12345\nballoon_inflate 262144\nballoon_deflate 0\nballoon_migrate 9\n"


@functools.cache
def script():
    """The path of balloonstat as it is installed, made once for all tests."""
    directory = tempfile.mkdtemp(prefix="balloonstat-")
    atexit.register(shutil.rmtree, directory)
    path = os.path.join(directory, "balloonstat")
    subprocess.run([REPO / "scripts/one-file", path], check=True, timeout=TIMEOUT)
    return path


def load():
    """The script as a module; it has no suffix."""
    loader = importlib.machinery.SourceFileLoader("balloonstat", script())
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Fake:
    """A guest's /sys, debugfs and /proc below one directory."""

    def __init__(self, root):
        self.root = root
        self.devices = root / "sys/bus/virtio/devices"
        self.drivers = root / "sys/bus/virtio/drivers"
        self.debugfs = root / "debug/virtio_balloon"
        self.devices.mkdir(parents=True)
        (root / "proc").mkdir()
        (root / "proc/vmstat").write_text(VMSTAT)
        (root / "proc/meminfo").write_text(MEMINFO)
        self.roots = ["--sysfs", root / "sys", "--debugfs", root / "debug",
                      "--proc", root / "proc", "--kmsg", root / "kmsg"]

    def device(self, name, kind, driver=None):
        (self.devices / name).mkdir()
        (self.devices / name / "device").write_text(f"{kind:#06x}\n")
        (self.devices / name / "features").write_text(FEATURES + "\n")
        if driver:
            (self.drivers / driver).mkdir(parents=True, exist_ok=True)
            (self.devices / name / "driver").symlink_to(self.drivers / driver)

    def module(self, **parameters):
        """A driver that was loaded; one that is built in has none of this."""
        directory = self.root / "sys/module/virtio_balloon"
        (directory / "parameters").mkdir(parents=True)
        (directory / "initstate").write_text("live\n")
        for name, value in parameters.items():
            (directory / "parameters" / name).write_text(f"{value}\n")
        return directory

    def balloon(self, name="virtio0", debugfs=True, **changes):
        self.device(name, 5, "virtio_balloon")
        (self.devices / name / "balloon").mkdir()
        self.write(name, **{**ATTRIBUTES, **changes})
        if debugfs:
            (self.debugfs / name).mkdir(parents=True)
            (self.debugfs / name / "hint").write_text(HINT)
            # There without a number when the device lacks the feature.
            (self.debugfs / name / "free_report").write_text("")

    def write(self, device="virtio0", **values):
        for name, value in values.items():
            (self.devices / device / "balloon" / name).write_text(f"{value}\n")

    def count(self, requests, device="virtio0"):
        """So many requests were made and answered."""
        for file, text in COUNTERS.items():
            (self.debugfs / device / file).write_text(text.format(requests))

    def remove(self, device):
        shutil.rmtree(self.devices / device)

    def command(self, *arguments):
        """Isolated from all but the standard library."""
        return [sys.executable, "-I", "-S", script(), *self.roots, *arguments]

    def run(self, *arguments, status=0, **environment):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              check=False, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                              env={**os.environ, "LINES": "24", **environment})
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def start(self, *arguments):
        return Running(self, arguments)

    def watch(self, module, *devices):
        class Args:
            sysfs, debugfs, proc, kmsg = map(str, self.roots[1::2])
        return module.Watch(module.Source(Args), list(devices))


def heed_ctrl_c():
    """Who runs the tests may ignore it, as a shell does for "command &"."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """A balloonstat that goes on while the guest changes; what it says goes to files."""

    def __init__(self, fake, arguments):
        self.files = [fake.root / "stdout", fake.root / "stderr"]
        with open(self.files[0], "w") as stdout, open(self.files[1], "w") as stderr:
            # pylint: disable-next=subprocess-popen-preexec-fn,consider-using-with
            self.process = subprocess.Popen(fake.command(*arguments), stdout=stdout,
                                            stderr=stderr, preexec_fn=heed_ctrl_c)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def stdout(self):
        return self.files[0].read_text()

    def stderr(self):
        return self.files[1].read_text()

    def ends(self):
        return self.process.wait(TIMEOUT)


class Terminal:
    """A balloonstat on a terminal of its own, and all that it wrote there."""

    def __init__(self, fake, *arguments, term="linux"):
        self.ours, theirs = pty.openpty()
        self.settings = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.stderr = fake.root / "stderr"
        with open(self.stderr, "w") as stderr:
            # pylint: disable-next=subprocess-popen-preexec-fn,consider-using-with
            self.process = subprocess.Popen(
                fake.command(*arguments), stdin=theirs, stdout=theirs, stderr=stderr,
                preexec_fn=heed_ctrl_c,
                env={**os.environ, "TERM": term, "LINES": "24", "COLUMNS": "80"})
        os.set_blocking(self.ours, False)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def read(self):
        try:
            self.text += os.read(self.ours, 65536).decode()
        except BlockingIOError:
            pass
        return self.text

    def says(self, text):
        poll(lambda: text in self.read(), TIMEOUT, lambda: f"{text!r} in {self.text!r}")

    def ends(self):
        def ended():
            # It cannot end before somebody has read what it wrote.
            self.read()
            return self.process.poll() is not None

        poll(ended, TIMEOUT, "the end")
        self.read()
        assert termios.tcgetattr(self.theirs) == self.settings, "the terminal is not as it was"
        return self.process.returncode


def check_golden(text, golden, new):
    """Compares a text with a file; a difference is left in the file new."""
    head, expected = golden.read_text().split("\n", 1)
    if text != expected:
        new.write_text(f"{head}\n{text}")
        diff = difflib.unified_diff(expected.splitlines(), text.splitlines(), "golden", "now",
                                    lineterm="", n=1)
        raise AssertionError("\n".join(diff) + f"\nif that is right: cp {new} {golden}")


def abi_words(attribute):
    """The words that the document allows, from the table of an attribute."""
    text = re.search(rf"balloon/{attribute}\n(.*?)(?:\nWhat:|\Z)", ABI.read_text(),
                     re.S).group(1)
    table = re.search(r"=====\n(.*?)\n\s*=====", text, re.S).group(1)
    return re.findall(r"^\t\t([\w-]+) {2,}\S", table, re.M)


def abi_attributes():
    found = re.findall(r"virtioN/balloon/(\w+)\n.*?\((\w+)\)", ABI.read_text(), re.S)
    return {name for name, mode in found if mode != "WO"}


def columns(text):
    """[{column: value}] of the lines; values have no blanks in them."""
    head, _, *lines = text.splitlines()
    return [dict(zip(head.split(), line.split())) for line in lines]


def words(text):
    """Without the ends of lines, which depend on lengths."""
    return " ".join(text.split())
