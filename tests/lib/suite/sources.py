# SPDX-License-Identifier: GPL-2.0-only
"""The project's sources, and the version that they say they are."""

import re
import subprocess
from pathlib import Path

from lab.paths import REPO

MAIN = Path("drivers/virtio/balloon/main.c")
VERSION = re.compile(r'(?<=^MODULE_VERSION\(").*(?="\);$)', re.M)


def version(directory=REPO):
    return VERSION.search((directory / MAIN).read_text())[0]


def copy(to, parts, other_version=None):
    """Some of what lies at the top; with another version of the driver."""
    to.mkdir()
    subprocess.run(["cp", "-r", *(REPO / part for part in parts), to], check=True)
    if other_version:
        main = to / MAIN
        main.write_text(VERSION.sub(other_version, main.read_text()))
