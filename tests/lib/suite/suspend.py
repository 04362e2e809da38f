# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to memory: S3, in a machine that QEMU can wake up again."""

# A q35 sleeps in S3 only once: after that its power registers are gone. One CPU:
# a second one, emulated, was seen to wake up without its timer, once in dozens of
# runs, and the guest made no progress.
MACHINE = {"machine": "pc", "smp": 1}


def suspend(guest):
    """Returns when QEMU says that the guest sleeps."""
    guest.check("grep -qw deep /sys/power/mem_sleep && "
                "echo deep > /sys/power/mem_sleep")
    guest.monitor.clear_events()
    guest.channel.send("echo mem > /sys/power/state")
    guest.wait_event("SUSPEND", 60)


def wake(guest):
    guest.qmp("system_wakeup")
    guest.sync(60)
