# SPDX-License-Identifier: GPL-2.0-only
"""Gives QEMU huge pages again for what it holds of the guest's memory.

A balloon that is told page by page leaves the host with small pages where it had
huge ones. Without this each driver would find what the one before it left.
"""

import ctypes
import os

from lab import MIB

SYS_PIDFD_OPEN, SYS_PROCESS_MADVISE = 434, 440
MADV_COLLAPSE = 25


class IOVec(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_size_t), ("length", ctypes.c_size_t)]


def _guest_memory(guest):
    """Where QEMU has it: (address, length). It is QEMU's largest mapping."""
    largest = (0, 0)
    with open(f"/proc/{guest.pid}/maps", encoding="ascii") as maps:
        for line in maps:
            words = line.split()
            start, end = (int(word, 16) for word in words[0].split("-"))
            if words[1].startswith("rw") and end - start > largest[1]:
                largest = (start, end - start)
    return largest


def collapse(guest):
    """As far as this machine's kernel can (6.1 and newer) and has any."""
    libc = ctypes.CDLL(None, use_errno=True)
    start, length = _guest_memory(guest)
    pidfd = libc.syscall(SYS_PIDFD_OPEN, guest.pid, 0)
    if pidfd < 0:
        return
    # One by one: the call ends at the first piece that cannot be had.
    for address in range(start, start + length, 2 * MIB):
        piece = IOVec(address, 2 * MIB)
        libc.syscall(SYS_PROCESS_MADVISE, pidfd, ctypes.byref(piece),
                     ctypes.c_size_t(1), MADV_COLLAPSE, 0)
    os.close(pidfd)
