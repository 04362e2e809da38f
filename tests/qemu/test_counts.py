# SPDX-License-Identifier: GPL-2.0-only
"""Shows how little the driver bothers the host: how often it leaves the guest.

Kicks, interrupts and accesses to the configuration space for 1 GiB do not
depend on the machine. Without statistics, which are a queue of their own.
"""

import pytest

from lab import GIB
from suite.guests import full_size

MAX_KICKS = 256
MAX_ACTUAL_WRITES = 64
MAX_CONFIG_READS = 8

EVENTS = {
    "virtio_queue_notify": ("kicks", MAX_KICKS),
    "virtio_balloon_set_config": ("writes of actual", MAX_ACTUAL_WRITES),
    "virtio_balloon_get_config": ("config reads", MAX_CONFIG_READS),
    "virtio_notify": ("interrupts", MAX_KICKS),
}

GUEST = {"memory_mib": 2048, "append": "init_on_alloc=0", "traces": list(EVENTS)}


def count(guest, size):
    guest.trace_reset()
    guest.resize(size)
    return guest.trace_counts()


@pytest.mark.parametrize("direction", ["inflate", "deflate"])
def test_traps_per_gib(guest, direction, record_property):
    full = full_size(guest)
    if direction == "inflate":
        counts = count(guest, full - GIB)
    else:
        guest.resize(full - GIB)
        counts = count(guest, full)
    text = ", ".join(f"{counts[event]} {what}" for event, (what, _) in EVENTS.items())
    record_property("figure", f"{direction} 1 GiB: {text}")
    # Whatever is counted, something must have happened.
    assert counts["virtio_queue_notify"] > 0, f"no kick was traced: {counts}"
    over = [f"{counts[event]} {what}, at most {limit} expected"
            for event, (what, limit) in EVENTS.items() if counts[event] > limit]
    assert not over, "; ".join(over)


def wait_silent(guest):
    """Wait until a second has passed without an event.

    QEMU may come back to a kick after it has done, with others, what that was for.
    """
    def silent():
        guest.trace_reset()
        guest.sh("sleep 1")
        return not guest.trace_counts()
    guest.wait_for(silent, 10, lambda: (
        f"a second without an event; the last one had {dict(guest.trace_counts())}"))


def test_an_idle_balloon_is_silent(guest):
    """A balloon that has reached its target leaves the host alone."""
    guest.resize(full_size(guest) - GIB // 4)
    wait_silent(guest)
    guest.sh("sleep 5")
    counts = guest.trace_counts()
    assert not counts, f"in 5 seconds of rest: {dict(counts)}"
