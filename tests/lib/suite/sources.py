# SPDX-License-Identifier: GPL-2.0-only
"""The project's sources, and the version that they say they are."""

import subprocess
from pathlib import Path

from lab.paths import REPO

MAIN = Path("drivers/virtio/balloon/main.c")


def version(*form, directory=REPO):
    """With --arch or --alpine as these write it."""
    return subprocess.run([directory / "scripts/version", *form], check=True,
                          capture_output=True, text=True).stdout.strip()


def write(to, files):
    """files: {name below to: text}"""
    for name, text in files.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text(text)


def copy(to, parts, other_version=None):
    """Some of what lies at the top, without git: with the version in a file."""
    to.mkdir(exist_ok=True)
    subprocess.run(["cp", "-r", *(REPO / part for part in parts), to], check=True)
    (to / "VERSION").write_text(f"{other_version or version()}\n")
