# SPDX-License-Identifier: GPL-2.0-only
"""Sizes. Everything in the lab is in bytes unless its name says otherwise."""

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


def mib(size):
    """For messages: a number of bytes as people read it."""
    return f"{size / MIB:.1f} MiB"
