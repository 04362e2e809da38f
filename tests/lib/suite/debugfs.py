# SPDX-License-Identifier: GPL-2.0-only
"""What our driver counts, in debugfs; the guest has one device."""

DIRECTORY = "/sys/kernel/debug/virtio_balloon/virtio*"


def values(guest, file):
    """{name: value} of a file of a name and a value a line."""
    lines = guest.check(f"cat {DIRECTORY}/{file}").splitlines()
    pairs = [line.split() for line in lines]
    assert all(len(pair) == 2 for pair in pairs), lines
    return {name: int(value) if value.isdigit() else value for name, value in pairs}
