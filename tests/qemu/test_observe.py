# SPDX-License-Identifier: GPL-2.0-only
"""Shows that what debugfs and the tracepoints say of a balloon is what happened.

Notifications are counted by QEMU as well, requests by the tracepoints, pages by the
balloon's size; the log of events has the story of a resize, and of a night's sleep.
"""

import re
from collections import Counter

import pytest

from lab import MIB
from suite import trace
from suite.books import PAGE
from suite.debugfs import DIRECTORY, values
from suite.guests import full_size
from suite.suspend import MACHINE, suspend, wake

ENDS_OF_RANGE = True

GUEST = {**MACHINE, "memory_mib": 1024, "append": "init_on_alloc=0",
         "traces": ["virtio_queue_notify"],
         "balloon": {"deflate_on_oom": True, "free_page_hint": True,
                     "free_page_reporting": True}}
ORDER = re.compile(r"^order_(\d+)$")
BALLOON = 400 * MIB

pytestmark = pytest.mark.usefixtures("ours")


def events(guest):
    """[(seconds, name, {name: value})], the oldest first."""
    found = []
    for line in guest.check(f"cat {DIRECTORY}/events").splitlines():
        when, name, *pairs = line.split()
        found.append((float(when), name, dict(pair.split("=") for pair in pairs)))
    return found


def names(guest):
    return [name for _, name, _ in events(guest)]


def inflate_notified(guest):
    """How often QEMU was notified of the first queue."""
    return len([line for line in guest.traces.lines("virtio_queue_notify") if " n 0 " in line])


def reset(guest):
    guest.check(f"echo 1 > $(ls {DIRECTORY}/reset)")


def resized(guest, mode):
    guest.check(f"echo {mode} > /sys/module/virtio_balloon/parameters/inflate")
    guest.resize(full_size(guest))
    guest.wait_for(lambda: values(guest, "size")["state"] == "idle", 30, "state 'idle'")
    reset(guest)
    guest.trace_reset()
    guest.resize(full_size(guest) - BALLOON)


@pytest.mark.parametrize("mode", ["pfn", "auto", "range"])
def test_counts(guest, mode):
    resized(guest, mode)
    queues = values(guest, "queues")
    kicks, told = queues["inflate_kicks"], inflate_notified(guest)
    # Some come while QEMU has not looked at the one before.
    assert told <= kicks <= told * 2 + 2, f"QEMU saw {told} notifications, of {kicks}"
    assert told or mode == "range", "QEMU saw no notification"
    assert queues["deflate_requests"] == 0
    assert queues["inflate_requests"] == queues["inflate_completions"]
    assert queues["inflate_in_flight"] == 0
    assert (queues["inflate_requests"] * 512 * PAGE >= BALLOON) == (mode != "range")

    orders = {int(ORDER.match(name)[1]): n for name, n in values(guest, "orders").items()}
    assert sum(n << order for order, n in orders.items()) * PAGE == BALLOON
    assert list(values(guest, "time_to_target").values()) == [1]

    latency = values(guest, "latency")
    answers = {queue: sum(n for name, n in latency.items() if name.startswith(queue + "_"))
               for queue in ("inflate", "reporting")}
    assert answers["inflate"] == queues["inflate_completions"]
    # Free memory was reported between the two looks, perhaps.
    assert answers["reporting"] >= queues["reporting_completions"]
    assert queues["reporting_completions"] > 0 or mode == "pfn"

    size = values(guest, "size")
    assert size["pages_bytes"] + size["blocks_bytes"] == BALLOON
    assert (size["blocks_bytes"] > BALLOON // 2) == (mode == "range")
    assert size["target_bytes"] == BALLOON


def test_events_of_a_resize(guest):
    resized(guest, "auto")
    found = events(guest)
    told = [name for _, name, _ in found]
    assert told[0] == "target" and found[0][2] == {
        "pages": str(BALLOON // PAGE), "before": "0"}
    assert ("state", {"now": "inflating", "before": "idle"}) in [e[1:] for e in found]
    last = next(pairs for _, name, pairs in reversed(found) if name == "actual")
    assert last["pages"] == str(BALLOON // PAGE)
    times = [when for when, _, _ in found]
    assert times == sorted(times), "events are in their order"
    assert 0 < times[0] <= float(guest.read("/proc/uptime").split()[0]) + 1


def test_log_keeps_the_last(guest):
    """More happens than there is room for: the last 256 are there, complete."""
    full = full_size(guest)
    for n in range(100):
        guest.set_target(full - (2 + n % 2) * MIB)
        guest.wait_actual(full - (2 + n % 2) * MIB)
    found = events(guest)
    assert len(found) == 256
    targets = [pairs["pages"] for _, name, pairs in found if name == "target"]
    one, other = str(2 * MIB // PAGE), str(3 * MIB // PAGE)
    assert targets[-1] == other and targets[-2] == one
    reset(guest)
    assert len(events(guest)) < 5


def test_events_of_a_suspend(guest):
    resized(guest, "auto")
    reset(guest)
    suspend(guest)
    wake(guest)
    told = [name for name in names(guest)
            if name not in ("actual", "state", "report-failed")]
    assert told[:3] == ["sleep-prepare", "sleep", "down"], told
    for name in ("up", "wake", "sleep-end"):
        assert name in told, told
    # It has the size that it had.
    assert "target" not in told and not values(guest, "time_to_target")


def test_tracepoints(guest):
    """Each request and each answer of a resize, with sizes."""
    trace.watch(guest, "virtio_balloon", kib=4096)
    resized(guest, "pfn")
    queues = values(guest, "queues")
    text = guest.check(f"cd {trace.TRACING}; echo 0 > events/virtio_balloon/enable; cat trace", 60)
    asked = re.findall(r"balloon_request: virtio\d+ inflate descriptors=(\d) bytes=(\d+)", text)
    answered = re.findall(r"balloon_complete: virtio\d+ inflate descriptors=\d bytes=(\d+) "
                          r"usecs=(\d+)", text)
    assert len(asked) == len(answered) == queues["inflate_requests"]
    notified = re.findall(r"balloon_notify: virtio\d+ inflate ", text)
    assert len(notified) == queues["inflate_kicks"] > 0
    # A page number is 4 bytes.
    assert sum(int(size) for _, size in asked) == BALLOON // PAGE * 4
    assert sum(int(size) for size, _ in answered) == BALLOON // PAGE * 4
    # Tools elsewhere have numbers for the names.
    formats = guest.check(f"cd {trace.TRACING}/events/virtio_balloon; cat */format")
    assert "{ 2, \"target\" }" in formats and "BALLOON_" not in formats
    assert re.search(rf"balloon_event: virtio\d+ target value={BALLOON // PAGE} other=0", text)
    # From idle, the first of the states, to inflating, the second.
    assert re.search(r"balloon_event: virtio\d+ state value=1 other=0", text)


def test_totals(guest):
    """They count each event and each state, and a reset leaves them alone."""
    before = values(guest, "totals")
    resized(guest, "auto")
    counted = Counter(names(guest))
    after = values(guest, "totals")
    assert counted["target"] == 1
    assert after["event_target"] - before["event_target"] >= 1
    assert after["state_inflating"] - before["state_inflating"] >= 1
    states = sum(after[name] for name in after if name.startswith("state_"))
    assert states == after["event_state"]
    reset(guest)
    assert values(guest, "totals")["event_target"] == after["event_target"]


def test_reading_while_it_works(guest):
    """Nothing breaks for who reads all of it again and again meanwhile."""
    full = full_size(guest)
    guest.check(f"setsid sh -c 'while :; do cat {DIRECTORY}/* ; done' >/dev/null 2>&1 & "
                "echo $! > /tmp/reader")
    for _ in range(5):
        guest.resize(full - BALLOON)
        guest.resize(full)
    guest.check("kill $(cat /tmp/reader)")
    guest.wait_for(lambda: values(guest, "size")["state"] == "idle", 10, "rest")
