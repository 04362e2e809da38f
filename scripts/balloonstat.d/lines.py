# SPDX-License-Identifier: GPL-2.0-only
"""Lines on standard output: a table, or JSON."""

import json
import shutil
import time

from reading import KIB, MIB
from words import rate_text, whole

LAYOUT = "{:<8}{:>8}{:>8}{:>8}{:>10}{:>7} {:<7} "
WIDE = "{:>8}{:>10} "
HEADER = (("device", "target", "actual", "rate", "in_flight", "held", "hints"),
          ("", "MiB", "MiB", "MiB/s", "KiB", "MiB", ""))
WIDE_HEADER = ("requests", "answer"), ("per s", "us")


class Table:
    """Lines, with the header again before it has left the screen."""

    def __init__(self, wide=False):
        self.wide = wide
        self.left = 0

    def header(self):
        for names, more, last in zip(HEADER, WIDE_HEADER, ("state", "")):
            middle = WIDE.format(*more) if self.wide else ""
            yield (LAYOUT.format(*names) + middle + last).rstrip()

    def line(self, sample):
        text = LAYOUT.format(
            sample["device"], whole(sample["target"], MIB), whole(sample["actual"], MIB),
            rate_text(sample["rate"]), whole(sample["in_flight"], KIB),
            whole(sample["hint_held"], MIB), sample["hint_state"] or "-")
        if self.wide:
            text += WIDE.format(whole(sample["requests"], 1), whole(sample["answer_usecs"], 1))
        return text + (sample["state"] or "-")

    def show(self, samples):
        if self.left < len(samples):
            header = list(self.header())
            print(*header, sep="\n")
            self.left = shutil.get_terminal_size().lines - len(header)
        self.left -= len(samples)
        print(*map(self.line, samples), sep="\n", flush=True)


def show_json(samples):
    for sample in samples:
        print(json.dumps(sample), flush=True)


def follow(watch, args, show, pause=time.sleep):
    """Sample and show, as often as wanted; pause returns True to end earlier."""
    left = args.count
    while True:
        show(watch.look())
        left = left and left - 1
        if left == 0 or pause(args.interval):
            return
