# SPDX-License-Identifier: GPL-2.0-only
"""How long the guest's workers work, by the tracepoints of the workqueues."""

import re

TRACING = "/sys/kernel/tracing"
LINE = re.compile(r"-(\d+) .* (\d+\.\d+): workqueue_execute_(start|end): "
                  r"work struct \S+(?:: function (\w+))?")


def busy_share(guest, function, seconds):
    """The part of the time, 0 to 1, that a work function ran; looks that long.

    The same worker may run other functions: its next end belongs to its last start.
    """
    text = guest.check(
        f"mount -t tracefs none {TRACING} 2>/dev/null; cd {TRACING}\n"
        # Small, before it grows to what a guest without memory does not have.
        "echo 64 > buffer_size_kb; echo > trace\n"
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
