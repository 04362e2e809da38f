# SPDX-License-Identifier: GPL-2.0-only
"""Samples of balloons, and what changed from one to the next."""

import time

from reading import Nothing, complain


def rate(before, now, seconds):
    """Bytes per second that the balloon has grown."""
    if None in (before["actual"], now["actual"]):
        return None
    return round((now["actual"] - before["actual"]) / seconds)


def new_counts(before, now, file):
    """{name: how much more it is} of a file in debugfs; {} if there is none.

    Without the queue for statistics, whose one request the host keeps until it wants
    new ones. After a reset all is new.
    """
    then, counts = (((sample["debugfs"] or {}).get(file) or {}) for sample in (before, now))
    return {name: count - then.get(name, 0) if count >= then.get(name, 0) else count
            for name, count in counts.items()
            if not name.startswith("stats_") and isinstance(count, int)}


def requests(before, now, seconds):
    """Requests per second, or None."""
    made = [n for name, n in new_counts(before, now, "queues").items()
            if name.endswith("_requests")]
    return round(sum(made) / seconds, 1) if made else None


def answer_usecs(before, now):
    """Half of the answers came in less than so many microseconds; None without any."""
    slots = sorted((int(name.rpartition("_")[2]), n)
                   for name, n in new_counts(before, now, "latency").items())
    left = sum(n for _, n in slots) / 2
    for least, n in slots:
        left -= n
        if n and left <= 0:
            return 2 * least or 1
    return None


class Watch:
    """The devices that are watched, and when and at which size each was seen last."""

    def __init__(self, source, devices):
        self.source = source
        self.devices = devices
        self.before = {}
        self.tell = complain

    def sample(self, device):
        """All there is to say of a device now: what --json prints."""
        values = self.source.attributes(device)
        sample = {"time": round(time.time(), 3), "device": device, **values,
                  "vmstat": self.source.vmstat(), "debugfs": self.source.counters(device)}
        now = time.monotonic()
        then, before = self.before.get(device, (now, None))
        self.before[device] = now, sample
        known = before and now > then
        return {**sample, "rate": rate(before, sample, now - then) if known else None,
                "requests": requests(before, sample, now - then) if known else None,
                "answer_usecs": answer_usecs(before, sample) if known else None}

    def look(self):
        """A sample of each device that is still there."""
        samples = [self.sample(device) for device in self.devices]
        for device in list(self.devices):
            # After the sample: it may have gone while it was read.
            trouble = self.source.trouble(device)
            if trouble:
                self.devices.remove(device)
                self.tell(f"{device} has gone: {trouble}")
        if not self.devices:
            raise Nothing("no balloon is left to watch")
        return [sample for sample in samples if sample["device"] in self.devices]
