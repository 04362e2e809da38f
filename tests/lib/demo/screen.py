# SPDX-License-Identifier: GPL-2.0-only
"""What a person sees: lines of at most 80 columns, printed at once."""

import time

from lab import MIB

WIDTH = 80
BAR = 20
LOOK = 0.25             # seconds between two lines of progress
PATIENCE = 120          # seconds until a part is given up
IN_TREE, OURS = "in-tree", "this driver"


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n== {text}")


def mib(size):
    return f"{size / MIB:.0f} MiB"


def bar(done):
    """A bar for a part from 0 to 1."""
    full = round(max(0.0, min(1.0, done)) * BAR)
    return f"[{'#' * full}{'.' * (BAR - full)}] {done:4.0%}"


def follow(line, patience=PATIENCE):
    """Call line(seconds) until it returns true."""
    began = time.monotonic()
    while not line(time.monotonic() - began):
        if time.monotonic() - began > patience:
            raise SystemExit(f"demo: this takes more than {patience} s, and is given up")
        time.sleep(LOOK)


class Comparison:
    """Figures of both drivers, and the table of them."""

    def __init__(self):
        self._rows = []

    def add(self, what, in_tree, ours, form="{:.1f}"):
        self._rows.append((what, in_tree, ours, form))

    def show(self):
        say(f"{'':<44} {IN_TREE:>10} {OURS:>12} {'ratio':>10}")
        for what, in_tree, ours, form in self._rows:
            ratio = f"{ours / in_tree:.2f}x" if in_tree else "-"
            say(f"{what:<44} {form.format(in_tree):>10} {form.format(ours):>12} {ratio:>10}")
