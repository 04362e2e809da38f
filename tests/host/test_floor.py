# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a host cannot starve the guest by its target, unless the guest lets it.

A target of nearly all memory stops at the floor and kills no process. Without a
floor the balloon takes what it can get, as the in-tree driver does.
"""

import re

import pytest

from lab import MIB
from lab.deadline import poll
from suite import books
from suite.books import SYSFS, Books
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 320}
PARAMETER = "/sys/module/virtio_balloon/parameters/floor"
# A process with memory of its own, on swapless tmpfs: it cannot be reclaimed.
HELD = 24 * MIB
KILLS = re.compile(r"Killed process|Out of memory|oom-kill")


def hold_memory(guest):
    """Start a process that has memory and stays; its process id."""
    return guest.check(
        f"dd if=/dev/zero of=/tmp/held bs=1M count={HELD // MIB} 2>/dev/null\n"
        "setsid sleep 1000 >/dev/null 2>&1 & echo $!").strip()


def release_memory(guest, pid):
    guest.check(f"kill {pid}; rm /tmp/held")


def state(guest):
    return guest.read(f"{SYSFS}/state")


def wait_state(guest, word, timeout=60):
    seen = []
    guest.wait_for(lambda: seen.append(state(guest)) or seen[-1] == word, timeout,
                   lambda: f"state {word!r}; it is {seen[-1]!r}")


def assert_nothing_killed(guest, mark, pid):
    kills = [line for line in guest.log_since(mark).splitlines() if KILLS.search(line)]
    assert not kills, "processes were killed:\n" + "\n".join(kills)
    guest.check(f"kill -0 {pid}")


def wait_rest(guest, timeout=90):
    """Wait until the host sees no change for a while, the guest alive or not."""
    seen = []

    def at_rest():
        seen.append(guest.actual())
        return len(seen) > 10 and len(set(seen[-10:])) == 1

    poll(at_rest, timeout, lambda: f"the balloon to rest; last {seen[-5:]}", interval=0.2)


@pytest.mark.parametrize("left", [4096, 1 * MIB], ids=["4096-bytes", "1-MiB"])
def test_nearly_all_memory_kills_nothing(guest, driver, start, left):
    """With default settings, even when the host asks for all but one page."""
    mark = guest.log_mark()
    pid = hold_memory(guest)
    guest.set_target(left)
    wait_rest(guest)
    assert_nothing_killed(guest, mark, pid)
    now = books.check(guest, start, tolerance=HELD + 4 * MIB)
    assert now.inflated >= full_size(guest) // 2, (
        f"only {now.inflated} bytes of {full_size(guest)} are in the balloon")
    if driver == "ours":
        assert state(guest) == "floor", f"state is {state(guest)!r}, expected 'floor'"
        floor = int(guest.read(f"{SYSFS}/floor"))
        # What runs in the guest since then, this test for one, takes its part.
        assert now.available >= floor // 2, (
            f"{now.available} bytes are available, the floor is {floor}")
    guest.resize(full_size(guest))
    release_memory(guest, pid)
    books.check(guest, start)


def test_balloon_goes_on_when_there_is_memory(guest, ours, start):
    """At the floor the balloon waits: memory that becomes free is taken."""
    pid = hold_memory(guest)
    guest.set_target(4096)
    wait_state(guest, "floor")
    before = Books.read(guest)
    release_memory(guest, pid)
    guest.wait_for(
        lambda: Books.read(guest).inflated >= before.inflated + HELD // 2, 60,
        f"half of {HELD} bytes to follow into the balloon of {before.inflated}")


def test_floor_can_be_changed(guest, ours, start):
    """Root writes the parameter; the balloon keeps to the new value."""
    guest.check(f"echo 150M > {PARAMETER}")
    try:
        guest.set_target(4096)
        wait_state(guest, "floor")
        now = books.check(guest, start, tolerance=4 * MIB)
        assert now.available >= 135 * MIB, (
            f"{now.available} bytes are available, the floor is {150 * MIB}")
        assert int(guest.read(f"{SYSFS}/floor")) == 150 * MIB
    finally:
        guest.check(f"echo auto > {PARAMETER}")


def test_floor_refuses_nonsense(guest, ours):
    for text in ("x", "-", "12Q", ""):
        assert guest.sh(f"echo '{text}' > {PARAMETER}").status != 0, (
            f"floor takes {text!r}")
    assert guest.read(PARAMETER) == "auto"


def test_no_floor_takes_more(boot):
    """With floor=0, or the in-tree driver, the balloon ignores what is available.

    The target leaves enough to survive and is below the default floor.
    """
    guest = boot(memory_mib=320, module_params="floor=0")
    start = books.at_rest(guest)
    reserve = 40 * MIB
    target = full_size(guest) - (start.free - reserve)
    guest.resize(target - target % 4096, timeout=90)
    now = books.check(guest, start, tolerance=4 * MIB)
    assert now.free <= reserve + 4 * MIB, (
        f"{now.free} bytes are free, expected about {reserve}")


def test_module_parameter_is_taken(boot, ours):
    """And the log says once why the target is not reached, through many attempts."""
    guest = boot(memory_mib=320, module_params="floor=200M")
    guest.set_target(4096)
    wait_state(guest, "floor")
    available = guest.meminfo()["MemAvailable"]
    assert available >= 185 * MIB, (
        f"{available} bytes are available, the floor is {200 * MIB}")

    guest.wait_log("parameter floor")
    # Several attempts more: their pauses begin with 200 ms.
    guest.sh("sleep 3")
    said = [line for line in guest.log().splitlines() if "parameter floor" in line]
    assert len(said) == 1, f"{len(said)} lines, expected one:\n" + "\n".join(said)
