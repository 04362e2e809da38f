# SPDX-License-Identifier: GPL-2.0-only
"""One move of the balloon, measured from the host."""

import threading
import time
from pathlib import Path

from lab import MIB, TimedOut
from lab.deadline import poll

from .prepare import TOOL

TIMEOUT = 240           # seconds
LOOK = 0.01             # seconds between two looks whether it is there
# So much of what is deflated may be taken for something else meanwhile.
ELSEWHERE_MIB = 32

TARGET_EVENT = "virtio_balloon_to_target"
ACTUAL_EVENT = "virtio_balloon_set_config"
READ_EVENT = "virtio_balloon_get_config"
DISCARD_EVENT = "ram_block_discard_range"
# Those that times are taken from, and those that would take time themselves.
TIME_EVENTS = [TARGET_EVENT, ACTUAL_EVENT]
COUNT_EVENTS = [*TIME_EVENTS, READ_EVENT, DISCARD_EVENT,
                "virtio_queue_notify", "virtio_notify"]


class Host:
    """What QEMU takes of the machine, by the machine's account."""

    def __init__(self, guest):
        self._guest = guest
        self._proc = Path(f"/proc/{guest.pid}")

    def cpu(self):
        """Seconds, exact to less than the ticks of /proc/PID/stat."""
        total_ns = 0
        for thread in (self._proc / "task").iterdir():
            try:
                total_ns += int((thread / "schedstat").read_text().split()[0])
            except FileNotFoundError:       # ended meanwhile
                pass
        return total_ns / 1e9

    def forget_peak(self):
        (self._proc / "clear_refs").write_text("5")

    def peak(self):
        """The most that was resident since then, in bytes."""
        for line in (self._proc / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        raise RuntimeError("the machine's kernel tells no peak of resident memory")

    def memory(self, when):
        return {f"huge_{when}": self._guest.host_pages() / MIB,
                f"rss_{when}": self._guest.rss() / MIB}


class FreeMemory(threading.Thread):
    """Watches in the guest how much is free, and notes when it is enough."""

    def __init__(self, guest, size_mib):
        super().__init__(daemon=True)
        self._guest = guest
        self._command = f"{TOOL} watch {size_mib}"
        self._armed = threading.Event()
        self._seen = b""
        self.when = None

    def _output(self, data):
        self._seen += data
        if b"armed" in self._seen:
            self._armed.set()
        if b"usable" in self._seen and self.when is None:
            self.when = time.monotonic()

    def run(self):
        self._guest.sh(self._command, TIMEOUT, self._output)

    def arm(self):
        """Start, and wait until it watches."""
        self.start()
        if not self._armed.wait(30):
            raise TimedOut("nobody watches the guest's free memory")
        return self

    def finish(self):
        self.join(TIMEOUT)
        if self.when is None:
            raise TimedOut("the guest did not get its memory back")
        return self.when


def reach(guest, size):
    """Set a target of so many bytes for the guest; wait until it is reached."""
    guest.set_target(size)
    poll(lambda: guest.actual() == size, TIMEOUT,
         lambda: f"a guest of {size} bytes; it has {guest.actual()}", LOOK)


def traced_seconds(guest):
    """By QEMU's own time stamps, which need nobody to look."""
    start = guest.traces.times(TARGET_EVENT)[-1]
    end = guest.traces.times(ACTUAL_EVENT)[-1]
    return end - start


def move(guest, size):
    """{metric: value} of a move to a guest of so many bytes."""
    host = Host(guest)
    values = host.memory("before")
    host.forget_peak()
    guest.trace_reset()
    start = host.cpu()
    reach(guest, size)
    values["cpu"] = host.cpu() - start
    values["wall"] = traced_seconds(guest)
    values["rss_peak"] = max(0, host.peak() / MIB - values["rss_before"])
    return values | host.memory("after")


def deflate(guest, size, amount_mib):
    """A move that frees so much, and when that is usable in the guest."""
    watch = FreeMemory(guest, amount_mib - ELSEWHERE_MIB).arm()
    start = time.monotonic()
    values = move(guest, size)
    return values | {"usable": watch.finish() - start}


def counts(guest, size):
    """{metric: value} of what driver and device did to each other in a move."""
    guest.trace_reset()
    reach(guest, size)
    seen = guest.trace_counts()
    return {"kicks": seen["virtio_queue_notify"],
            "interrupts": seen["virtio_notify"],
            "config": seen[ACTUAL_EVENT] + seen[READ_EVENT],
            "discards": seen[DISCARD_EVENT]}
