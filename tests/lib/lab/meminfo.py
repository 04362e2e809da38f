# SPDX-License-Identifier: GPL-2.0-only
"""Parsers for the memory statistics of Linux, the guest's and the host's."""

from .units import KIB


def parse_meminfo(text):
    """/proc/meminfo as a dict; sizes in bytes, HugePages_* are counts."""
    values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words:
            values[name] = int(words[0]) * (KIB if words[1:] == ["kB"] else 1)
    return values


def parse_vmstat(text):
    """/proc/vmstat as a dict; pages and events."""
    return {name: int(value) for name, value in
            (line.split() for line in text.splitlines() if line.strip())}


def host_meminfo():
    """Of the machine we run on, for HugePages_Free and the like."""
    with open("/proc/meminfo", encoding="ascii") as text:
        return parse_meminfo(text.read())
