# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the balloon becomes as large as the host asks, to the page.

At the ends of the range, when the target changes on the way, and after any
number of changes, with every page accounted for afterwards.
"""

import time

import pytest

from lab import KIB, MIB
from suite import books, seeds
from suite.books import PAGE
from suite.guests import full_size

GUEST = {"memory_mib": 1024, "append": "init_on_alloc=0"}
NR_RANDOM_TARGETS = 200
LARGEST = 200 * MIB
# How far the first of two opposite targets is followed before the second comes.
ON_THE_WAY = 64 * MIB


def test_nothing_is_in_the_balloon_at_first(guest, start):
    assert guest.actual() == full_size(guest)
    assert start.inflated == 0, f"{start.inflated} bytes in the balloon"


@pytest.mark.parametrize("balloon", [PAGE, 3 * PAGE, 2 * MIB, 2 * MIB + 4 * KIB,
                                     255 * MIB + 508 * KIB, 600 * MIB])
def test_size_is_exact(guest, start, balloon):
    """query-balloon, MemTotal, the kernel's counters and sysfs agree."""
    guest.resize(full_size(guest) - balloon)
    books.check(guest, start)


def test_size_is_exact_on_the_way_down(guest, start):
    full = full_size(guest)
    for balloon in (300 * MIB, 150 * MIB + PAGE, 2 * MIB, PAGE, 0):
        guest.resize(full - balloon)
        books.check(guest, start)


def wait_moved(guest, before, timeout=30):
    """Wait until the balloon has moved some way from where it was."""
    guest.wait_for(lambda: abs(guest.actual() - before) >= ON_THE_WAY, timeout,
                   f"the balloon to move {ON_THE_WAY} bytes from {before}")


def inflations(guest):
    """How many requests to inflate QEMU has taken from the ring; it counts to 65,535."""
    path = next(device["path"] for device in guest.qmp("x-query-virtio")
                if device["name"] == "virtio-balloon")
    return guest.qmp("x-query-virtio-queue-status", path=path, queue=0)["last-avail-idx"]


def give_up_on_the_way(guest, goal):
    """Ask for a balloon of goal, and for a small one when it has begun to grow.

    The second while the guest stands still. Returns how many bytes were inflated until
    then, and in all. What the balloon says of its size is old: how far it was is known
    by its requests, which are alike.
    """
    full = full_size(guest)
    start, first = books.at_rest(guest), inflations(guest)
    guest.set_target(full - goal)
    guest.wait_for(lambda: inflations(guest) != first, 30, "the balloon to grow")
    guest.qmp("stop")
    early = inflations(guest) - first
    guest.set_target(full - 10 * MIB)
    guest.qmp("cont")
    guest.wait_actual(full - 10 * MIB)
    inflated = (books.check(guest, start).vmstat["balloon_inflate"] -
                start.vmstat["balloon_inflate"]) * PAGE
    return inflated * early // (inflations(guest) - first), inflated


def test_target_rises_while_inflating(boot, record_property):
    """The host takes its demand back half way: what was asked first is not done.

    It does so while the guest stands still, and the guest has one processor, which
    gets the interrupt before it does anything else: how much is inflated after it
    does not depend on how busy this machine is.
    """
    guest = boot(**(GUEST | {"memory_mib": 3072}), smp=1)
    goal = 2400 * MIB
    for _ in range(5):
        early, inflated = give_up_on_the_way(guest, goal)
        record_property("figure", f"{inflated // MIB} MiB of {goal // MIB} were inflated, "
                                  f"{early // MIB} before it was less")
        if early <= goal // 2:
            break
        guest.resize(full_size(guest))
    else:
        raise AssertionError(f"the balloon got past {goal // 2} bytes unseen, five times")
    assert inflated <= early + goal // 12, (
        f"{inflated} bytes were inflated of {goal}, {early} of them before the target "
        f"became {10 * MIB}")


def test_target_falls_while_deflating(guest, start):
    """The host wants more again while the guest takes memory back."""
    full = full_size(guest)
    guest.resize(full - 700 * MIB)
    guest.set_target(full)
    wait_moved(guest, full - 700 * MIB)
    guest.resize(full - 690 * MIB)
    books.check(guest, start)


def test_random_targets(request, guest, start, record_property):
    """Any sequence of targets, reached or not, leaves the books balanced."""
    numbers = seeds.numbers(request, record_property)
    record_property("figure", f"{NR_RANDOM_TARGETS} targets")
    full = full_size(guest)
    for _ in range(NR_RANDOM_TARGETS):
        size = full - numbers.randrange(0, LARGEST, PAGE)
        guest.set_target(size)
        # Every fourth is reached, the others are overtaken on their way.
        if numbers.randrange(4) == 0:
            guest.wait_actual(size)
    guest.resize(full - numbers.randrange(0, LARGEST, PAGE))
    books.check(guest, start)
    guest.resize(full)
    books.check(guest, start)


def test_target_flips_all_the_time(guest, start):
    """A host that changes its mind every millisecond does not hold the guest up.

    It answers meanwhile, says little about it, and follows the last target.
    """
    full = full_size(guest)
    mark = guest.log_mark()
    end = time.monotonic() + 5
    flips = 0
    while time.monotonic() < end:
        guest.set_target(full - (400 * MIB if flips % 2 else 0))
        flips += 1
        if flips % 1000 == 0:
            assert guest.check("echo alive", timeout=10) == "alive\n"
        time.sleep(0.001)
    guest.resize(full - 100 * MIB)
    books.check(guest, start)
    said = [line for line in guest.log_since(mark).splitlines() if "balloon" in line]
    assert len(said) <= 2, f"{len(said)} lines about {flips} flips:\n" + "\n".join(said)
