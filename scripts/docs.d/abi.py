#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turn the kernel's ABI descriptions into one page of reStructuredText.

For scripts/docs. The kernel has a tool for that too, which needs the kernel's sources.

usage: abi.py FILE... >PAGE
"""

import re
import sys
import textwrap
from pathlib import Path

ENTRY = re.compile(r"^What:\t", re.M)


def entries(text):
    """(paths, description) of each entry of a file."""
    for block in ENTRY.split(text)[1:]:
        head, found, description = ("What:\t" + block).partition("Description:")
        if not found:
            raise SystemExit(f"no Description: after {head.strip()}")
        paths = re.findall(r"^What:\s+(\S+)$", head, re.M)
        yield paths, textwrap.dedent(description.lstrip("\n").expandtabs(8)).strip()


def anchor(path):
    return "abi-" + re.sub(r"\W+", "-", path).strip("-").lower()


def section(title, mark):
    return f"{title}\n{mark * len(title)}\n"


def page(files):
    yield section("Files in sysfs and debugfs", "=")
    yield ("What ``Documentation/ABI/testing`` has of them. RO, WO and RW say whether a file "
           "can be read and written.\n")
    for file in files:
        text = file.read_text(encoding="utf-8")
        yield section(file.name, "-")
        for paths, description in entries(text):
            yield f".. _{anchor(paths[0])}:\n"
            yield section(", ".join(f"``{path}``" for path in paths), "^")
            yield description + "\n"


if __name__ == "__main__":
    print("\n".join(page([Path(name) for name in sys.argv[1:]])))
