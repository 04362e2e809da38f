# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a guest gets memory back from the balloon before it kills a process.

With VIRTIO_BALLOON_F_DEFLATE_ON_OOM only, and without flooding the log or keeping
a CPU busy. Without the feature the balloon stays as it is. A shortage inside a
memory cgroup is none of the balloon's business: the kernel does not ask it.
"""

import re

import pytest

from lab import MIB
from suite import books, hog
from suite.books import SYSFS
from suite.guests import full_size
from suite.programs import count
from suite.trace import busy_share

ENDS_OF_RANGE = True

OOM = {"deflate_on_oom": True}
GUEST = {"memory_mib": 768, "balloon": OOM, "files": hog.FILES,
         "append": "init_on_alloc=0"}
BALLOON = 480 * MIB
# More than is left beside the balloon, less than the guest has.
DEMAND_MIB = 500
# Many times what one call of the notifier gives back.
MANY = {"memory_mib": 1792, "balloon": OOM, "files": hog.FILES,
        "append": "init_on_alloc=0"}
MANY_BALLOON = 1500 * MIB
MANY_DEMAND_MIB = 1450

MAX_LINES = 5
# Of one CPU, while there is nothing to inflate.
MAX_BUSY = 0.01
BUSY_LOOKS = 3
# Writes down every state that the driver is in.
WATCH = (f"setsid sh -c 'while :; do cat {SYSFS}/state >> /tmp/states; "
         "usleep 50000; done' >/dev/null 2>&1 & echo $!")
KILLS = re.compile(r"Killed process|Out of memory")


def driver_lines(guest, mark):
    return [line for line in guest.log_since(mark).splitlines()
            if "virtio_balloon" in line]


def assert_survived(guest, mark, pid):
    kills = [line for line in guest.log_since(mark).splitlines() if KILLS.search(line)]
    assert not kills, "processes were killed:\n" + "\n".join(kills)
    assert hog.alive(guest, pid), "the process that wanted memory is gone"
    lines = driver_lines(guest, mark)
    assert len(lines) <= MAX_LINES, (
        f"{len(lines)} lines in the log, expected at most {MAX_LINES}:\n"
        + "\n".join(lines))


def inflate(guest, size, timeout=180):
    """Inflate to that size; after a shortage that waits for the end of a pause."""
    guest.resize(full_size(guest) - size, timeout)


def demand(guest, size_mib, timeout=60):
    """A process takes so much memory, out of the balloon; returns what came back."""
    mark, before = guest.log_mark(), guest.actual()
    with hog.holding(guest, size_mib, timeout=timeout) as pid:
        assert_survived(guest, mark, pid)
        returned = guest.actual() - before
    assert returned > 0, "nothing came out of the balloon: there was no shortage"
    return returned


def test_total_stays(guest, start):
    """Memory that comes back by itself still is the guest's: MemTotal says so."""
    inflate(guest, BALLOON)
    books.check(guest, start, total_falls=False)


def test_balloon_gives_way(guest, start, pytestconfig, record_property):
    """Again and again; each time the balloon comes back after its pause."""
    rounds = count(pytestconfig, 4, 20)
    for number in range(rounds):
        inflate(guest, BALLOON)
        returned = demand(guest, DEMAND_MIB)
        print(f"shortage {number + 1} of {rounds}: {returned // MIB} MiB came back")
    guest.resize(full_size(guest))
    books.check(guest, start, total_falls=False)
    record_property("figure", f"{rounds} shortages survived")


def test_one_demand_many_calls(boot):
    """More than twenty times what one call of the notifier gives back."""
    guest = boot(**MANY)
    before = books.at_rest(guest)
    inflate(guest, MANY_BALLOON)
    assert demand(guest, MANY_DEMAND_MIB, 120) >= 1200 * MIB
    guest.resize(full_size(guest))
    books.check(guest, before, total_falls=False)


def test_pause_is_visible(guest, ours):
    """Inflating rests after a shortage, and sysfs says why."""
    inflate(guest, BALLOON)
    watcher = guest.check(WATCH).strip()
    try:
        demand(guest, DEMAND_MIB)
    finally:
        guest.check(f"kill {watcher}")
    states = set(guest.read("/tmp/states").split())
    assert "paused-after-oom" in states, f"states were {states}"


def check_sleeps(guest):
    """One that spins does so in each look; once it may have work, or lose its CPU."""
    shares = []
    for _ in range(BUSY_LOOKS):
        shares.append(busy_share(guest, "balloon_size_work", 5))
        if shares[-1] <= MAX_BUSY:
            return
    text = ", ".join(f"{share:.2%}" for share in shares)
    raise AssertionError(
        f"the worker was busy for {text} of the time, expected {MAX_BUSY:.0%}")


def test_worker_sleeps_while_memory_is_short(guest, ours):
    inflate(guest, BALLOON)
    with hog.holding(guest, DEMAND_MIB):
        check_sleeps(guest)


def test_worker_sleeps_at_the_floor(boot, ours):
    guest = boot(memory_mib=320, files=hog.FILES)
    guest.set_target(4096)
    guest.wait_for(lambda: guest.read(f"{SYSFS}/state") == "floor", 60, "state 'floor'")
    check_sleeps(guest)


@pytest.mark.allow_log(r"Out of memory", r"oom-kill:")
def test_without_the_feature_nothing_comes_back(boot):
    guest = boot(memory_mib=768, files=hog.FILES)
    before = books.at_rest(guest)
    inflate(guest, BALLOON)
    actual = guest.actual()
    mark = guest.log_mark()
    pid = hog.start(guest, DEMAND_MIB)
    guest.wait_log("Killed process", 60, since=mark)
    guest.wait_for(lambda: not hog.alive(guest, pid), 20, "the process to end")
    assert guest.actual() == actual
    books.check(guest, before)


@pytest.mark.allow_log(r"Memory cgroup out of memory", r"oom-kill:")
def test_shortage_in_a_cgroup_is_not_ours(boot):
    guest = boot(**(GUEST | {"append": "init_on_alloc=0 cgroup_enable=memory"}))
    inflate(guest, BALLOON)
    actual = guest.actual()
    mark = guest.log_mark()
    guest.check("mkdir -p /tmp/cgroup; mount -t cgroup2 none /tmp/cgroup\n"
                "echo +memory > /tmp/cgroup/cgroup.subtree_control\n"
                "mkdir /tmp/cgroup/small; echo 16M > /tmp/cgroup/small/memory.max\n"
                "(echo 0 > /tmp/cgroup/small/cgroup.procs; exec setsid hog 64 &)")
    guest.wait_log("Memory cgroup out of memory", 30, since=mark)
    assert guest.actual() == actual, "the balloon shrank"
