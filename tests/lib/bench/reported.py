# SPDX-License-Identifier: GPL-2.0-only
"""Free page reporting of one guest, measured: how soon, at what cost, in whose way."""

import time

from lab import MIB, Guest
from suite import hog

REPORTING = {"free_page_reporting": True}
# name: (driver, the balloon's properties). The first is what others are compared with.
CONTESTANTS = {
    "in-tree": ("in-tree", REPORTING),
    "ours": ("ours", REPORTING),
    "no reporting": ("ours", {}),
}
# metric: (unit, what it is)
METRICS = {
    "time": ("s", "until the host has the memory, or until all was used and freed"),
    "cpu": ("s", "processor time of QEMU meanwhile"),
    "left": ("MiB", "of what was freed, still with the guest in the end"),
}

FREED_MIB = 2048
# The kernel does not report what is in small pieces.
LEFT_MIB = FREED_MIB // 20
# Passes of up to some hundred MiB, one every two seconds.
TIMEOUT = 120
# A little more than a pass and the pause after it.
QUIET_SECONDS = 3
KICKS = "virtio_queue_notify"

CHURN_MIB = 600
CHURN_ROUNDS = 30
CHURN = (f"mount -o remount,size=95% /tmp; for i in $(seq {CHURN_ROUNDS}); do "
         f"dd if=/dev/zero of=/tmp/used bs=1M count={CHURN_MIB} 2>/dev/null; "
         f"rm /tmp/used; done")


def _settle(guest):
    """Wait until what was free at boot is reported.

    Before that passes are under way, and how soon after the memory was freed the next
    one begins would be a matter of luck.
    """
    def quiet():
        guest.trace_reset()
        time.sleep(QUIET_SECONDS)
        return not guest.trace_counts()

    guest.wait_for(quiet, TIMEOUT, lambda: (
        f"{QUIET_SECONDS} s without a report; the last had {guest.trace_counts()[KICKS]}"))


def _return(guest, reports):
    before = guest.host_memory()
    with hog.holding(guest, FREED_MIB, timeout=TIMEOUT):
        pass
    began, cpu = time.monotonic(), guest.cpu_seconds()

    def left():
        return (guest.host_memory() - before) / MIB

    if reports:
        guest.wait_for(lambda: left() <= LEFT_MIB, TIMEOUT,
                       lambda: f"2 GiB to get to the host; {left():.0f} MiB are left")
    return began, cpu, left()


def _churn(guest, _reports):
    before = guest.host_memory()
    began, cpu = time.monotonic(), guest.cpu_seconds()
    guest.check(CHURN, 600)
    return began, cpu, (guest.host_memory() - before) / MIB


# case: (memory of the guest in MiB, what is done)
CASES = {"return": (3072, _return), "churn": (1024, _churn)}


def measure(kernel, case, contestant):
    """Boot a guest and measure; {metric: value}."""
    driver, balloon = CONTESTANTS[contestant]
    memory, function = CASES[case]
    with Guest(kernel, driver, memory_mib=memory, smp=1, balloon=balloon,
               files=hog.FILES, traces=[KICKS]) as guest:
        _settle(guest)
        began, cpu, left = function(guest, bool(balloon))
        return {"time": time.monotonic() - began, "cpu": guest.cpu_seconds() - cpu,
                "left": left}
