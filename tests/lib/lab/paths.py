# SPDX-License-Identifier: GPL-2.0-only
"""Where things are. The layout of the lab is scripts/fetch's."""

import os
import shutil
from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
LAB = Path(os.environ.get("BALLOON_LAB", REPO / ".lab")).resolve()

ROOTS = LAB / "roots"
KERNELS = LAB / "kernels"
BUILD = LAB / "build"
RUNS = LAB / "runs"
CACHE = LAB / "cache"

AGENT = REPO / "tests/guest/agent/init.c"

# The newest of these are kept: enough to look back at a whole test run.
KEEP_RUNS = 300
KEEP_CACHED = 40


def _age(path):
    try:
        return path.stat().st_mtime
    except FileNotFoundError:       # another process prunes too
        return 0


def prune(directory, keep):
    """Remove all but the newest entries of a directory.

    Not the hidden ones: another process is working on those.
    """
    entries = sorted(directory.glob("[!.]*"), key=_age, reverse=True)
    for entry in entries[keep:]:
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def new_run(name):
    """An empty directory for the artefacts of one guest."""
    RUNS.mkdir(parents=True, exist_ok=True)
    prune(RUNS, KEEP_RUNS)
    run = RUNS / name
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    return run
