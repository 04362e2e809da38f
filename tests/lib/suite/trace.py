# SPDX-License-Identifier: GPL-2.0-only
"""How long the guest's workers work, and its devices fall asleep, by tracepoints."""

import re

TRACING = "/sys/kernel/tracing"
MOUNT = f"mount -t tracefs none {TRACING} 2>/dev/null; cd {TRACING}\n"
# Small, before it grows to what a guest without memory does not have.
EMPTY = "echo 64 > buffer_size_kb; echo > trace\n"
LINE = re.compile(r"-(\d+) .* (\d+\.\d+): workqueue_execute_(start|end): "
                  r"work struct \S+(?:: function (\w+))?")

CALLBACK = re.compile(r" (\d+\.\d+): device_pm_callback_(start|end): \S+ ([^\s,]+), (.*)")


def busy_share(guest, function, seconds):
    """The part of the time, 0 to 1, that a work function ran; looks that long.

    The same worker may run other functions: its next end belongs to its last start.
    """
    text = guest.check(
        MOUNT + EMPTY +
        "echo 1 > events/workqueue/workqueue_execute_start/enable\n"
        "echo 1 > events/workqueue/workqueue_execute_end/enable\n"
        # Some work for certain, or an idle guest looks like one that is not traced.
        f"sleep {seconds}; echo 1 > /proc/sys/vm/stat_refresh\n"
        "echo 0 > events/workqueue/enable\n"
        "cat trace", timeout=seconds + 40)
    assert "workqueue_execute_start" in text, f"the trace has no work:\n{text}"
    began, busy = {}, 0.0
    for worker, when, what, name in LINE.findall(text):
        if what == "start" and name == function:
            began[worker] = float(when)
        elif what == "end" and worker in began:
            busy += float(when) - began.pop(worker)
    return busy / seconds


def watch(guest, *events, kib=1024):
    """From now on, note these events, or groups of events; nothing of before."""
    guest.check(MOUNT + f"echo {kib} > buffer_size_kb; echo > trace\n" +
                "".join(f"echo 1 > events/{event}/enable\n" for event in events))


def watch_sleep(guest):
    """From now on, note the callbacks of suspend and hibernation."""
    watch(guest, "power/device_pm_callback_start", "power/device_pm_callback_end")


def sleep_seconds(guest, event, *devices):
    """How long the callbacks of some devices took for an event, such as "suspend"."""
    text = guest.check(MOUNT + "cat trace; echo > trace", timeout=60)
    began, spent, number = {}, 0.0, 0
    for when, what, device, rest in CALLBACK.findall(text):
        if device not in devices:
            continue
        if what == "start":
            began[device] = float(when) if f"[{event}]" in rest else None
        elif began.get(device) is not None:
            spent += float(when) - began.pop(device)
            number += 1
    assert number, f"no callback of {' or '.join(devices)} for {event}:\n{text[-2000:]}"
    return spent
