# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a host cannot starve the guest by its target, unless the guest lets it.

A target of nearly all memory stops at the floor and kills no process; what is left is
enough for shell commands and to plug a DIMM, which the balloon then uses at once. Without
a floor the balloon takes what it can get, as the in-tree driver does.
"""

import re

import pytest

from lab import GIB, MIB
from lab.deadline import poll
from suite import books
from suite.books import SYSFS, Books
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 384}
PARAMETER = "/sys/module/virtio_balloon/parameters/floor"
# A process with memory of its own, on swapless tmpfs: it cannot be reclaimed.
HELD = 24 * MIB
SIZES = (128, 512, 2048, 8192)
HOTPLUG = {"max_memory_mib": 16384, "memory_backend": {"type": "ram", "reserve": False},
           # No 64 MiB for devices that cannot reach memory above 4 GiB.
           "append": "memhp_default_state=online swiotlb=noforce"}
DIMM = 1 * GIB
COMMANDS = "ls -lR /lib | sort | md5sum; ps; dmesg | wc -l"
BLOCKS = "/sys/devices/system/memory/memory*/state"
# A balloon that has found no memory for so long tries once in 10 s.
RARE_ATTEMPTS = 14
# To use memory that has come online.
AT_ONCE = 3
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


def assert_nothing_killed(guest, mark, pid=1):
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


def online_blocks(guest):
    return int(guest.check(f"cat {BLOCKS} | grep -cx online"))


def plug(guest, name):
    """Plug a DIMM, and wait until all of it is online."""
    before = online_blocks(guest)
    guest.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": f"{name}-ram",
                               "size": DIMM, "reserve": False})
    guest.qmp("device_add", driver="pc-dimm", id=name, memdev=f"{name}-ram")
    size = int(guest.read("/sys/devices/system/memory/block_size_bytes"), 16)
    guest.wait_for(lambda: online_blocks(guest) == before + DIMM // size, 20,
                   lambda: f"{DIMM // size} blocks of memory more than {before} to be online; "
                           f"there are {online_blocks(guest)}")


def at_floor(boot, memory_mib):
    """A guest whose balloon should have all of its memory but a page."""
    guest = boot(**HOTPLUG, memory_mib=memory_mib)
    guest.set_target(4096)
    wait_state(guest, "floor", 120)
    return guest


def missing(guest):
    return int(guest.read(f"{SYSFS}/target")) - int(guest.read(f"{SYSFS}/actual"))


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


# The kernel says so once when struct pages do not get a huge page: it goes on with others.
@pytest.mark.allow_log(r"vmemmap alloc failure")
@pytest.mark.parametrize("memory_mib", SIZES)
def test_commands_and_a_dimm_at_the_floor(boot, ours, memory_mib, record_property):
    """With default settings, when the host asks for all but one page."""
    guest = at_floor(boot, memory_mib)
    mark = guest.log_mark()
    figure = (f"{guest.options.memory_mib} MiB guest: {guest.actual() // MIB} MiB left, "
              f"{guest.meminfo()['MemAvailable'] // MIB} MiB of them available")
    guest.check(COMMANDS, 60)
    plug(guest, "dimm0")
    guest.check(COMMANDS, 60)
    assert_nothing_killed(guest, mark)
    record_property("figure", figure)


def test_plugged_memory_is_used_at_once(boot, ours):
    """By a balloon that has long found none, and tries rarely."""
    guest = at_floor(boot, 512)
    guest.check(f"sleep {RARE_ATTEMPTS}", RARE_ATTEMPTS + 20)
    assert missing(guest), "the balloon has all that the host wants"
    plug(guest, "dimm0")
    guest.wait_for(lambda: not missing(guest), AT_ONCE,
                   lambda: f"{missing(guest) // MIB} MiB to follow into the balloon")


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
    reserve = 24 * MIB
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
