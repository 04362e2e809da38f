# SPDX-License-Identifier: GPL-2.0-only
"""What every benchmark does alike: its options, its kernels, and where its results are."""

import argparse
import subprocess
import sys
import time

from lab import SERIES, Kernel
from lab.paths import LAB, REPO

KERNELS = ["6.1", "newest"]
ROUNDS = 5
RESULTS = LAB / "bench"
# In a directory of its own for each measurement.
CSV, TABLE = "samples.csv", "table.rst"
BEGAN = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.0f}s] {text}", file=sys.stderr, flush=True)


def parser(description, what_only, **only):
    """With the options of every benchmark; only: more about --only."""
    one = argparse.ArgumentParser(description=description,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    one.add_argument("--kernel", action="append", choices=SERIES,
                     help=f"may be given several times; default {' and '.join(KERNELS)}")
    one.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    one.add_argument("--only", action="append", default=[], help=what_only, **only)
    return one


def kernels(args):
    """Those that are measured, with the drivers built for them."""
    subprocess.run([REPO / "scripts/setup"], check=True)
    subprocess.run([REPO / "scripts/fetch"], check=True)
    found = [Kernel(series) for series in args.kernel or KERNELS]
    for kernel in found:
        say(f"{kernel}: building")
        kernel.run_build()
    return found


def new_directory(what=""):
    """For one measurement; its name begins with what was measured."""
    directory = RESULTS / f"{what}{time.strftime('%Y-%m-%d-%H%M%S')}"
    directory.mkdir(parents=True)
    return directory


def say_where(directory):
    shown = directory.relative_to(REPO) if directory.is_relative_to(REPO) else directory
    say(f"results: {shown}")


def rotated(names, number):
    """In another order each round: none is always the first."""
    start = number % len(names)
    return [*names[start:], *names[:start]]
