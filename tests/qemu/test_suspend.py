# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the balloon works after the guest has slept, and that the books balance.

In S3, from which QEMU wakes it, and in s2idle, where a byte on the serial port
does; with targets that come while it sleeps.
"""

import time

import pytest

from lab import MIB
from suite import books, trace
from suite.guests import full_size
from suite.stats import next_stats
from suite.suspend import MACHINE, suspend, wake

ENDS_OF_RANGE = True

GUEST = {**MACHINE, "memory_mib": 512, "append": "init_on_alloc=0"}
BALLOON = 150 * MIB + 4096
DEVICE = "/sys/bus/virtio/drivers/virtio_balloon/virtio*"
# In seconds; to give 300 MiB back takes some tenths.
LONGER = 0.05

# A 6.1 that needs a slab on its way out of S3 asks its random numbers, and they ask
# for the time, which stands still.
pytestmark = pytest.mark.allow_log(r"timekeeping\.c:\d+ ktime_get_seconds")


def check_works(guest, start):
    """In both directions."""
    full = full_size(guest)
    books.check(guest, start)
    guest.resize(full - 2 * BALLOON)
    books.check(guest, start)
    guest.resize(full)
    books.check(guest, start)


def test_balloon_works_after_suspend(guest, start):
    guest.resize(full_size(guest) - BALLOON)
    suspend(guest)
    wake(guest)
    guest.wait_actual(full_size(guest) - BALLOON)
    check_works(guest, start)


@pytest.mark.parametrize("balloon", [0, 2 * BALLOON], ids=["less", "more"])
def test_target_comes_while_asleep(guest, start, balloon):
    """The driver looks at the target when it wakes up."""
    full = full_size(guest)
    guest.resize(full - BALLOON)
    suspend(guest)
    guest.set_target(full - balloon)
    wake(guest)
    guest.wait_actual(full - balloon)
    books.check(guest, start)


def test_suspend_while_inflating(guest, start):
    """Work under way ends, and goes on afterwards."""
    full = full_size(guest)
    for _ in range(2):
        guest.set_target(full - 2 * BALLOON)
        suspend(guest)
        wake(guest)
        guest.wait_actual(full - 2 * BALLOON)
        books.check(guest, start)
        guest.resize(full)


def test_going_to_sleep_takes_as_long_with_any_balloon(guest, start, record_property):
    """The callbacks of the device and of the one that carries it."""
    device = guest.check(f"basename {DEVICE}").strip()
    carrier = guest.check(f"basename $(dirname $(readlink -f {DEVICE}))").strip()
    trace.watch_sleep(guest)

    def fall_asleep(size):
        guest.resize(full_size(guest) - size)
        suspend(guest)
        wake(guest)
        return trace.sleep_seconds(guest, "suspend", device, carrier)

    empty = fall_asleep(0)
    # A machine that is busy may take its time, but not each time.
    with_balloon = min(fall_asleep(300 * MIB) for _ in range(3))
    record_property("figure", f"{empty * 1000:.1f} ms without a balloon, "
                              f"{with_balloon * 1000:.1f} ms with 300 MiB in it")
    assert with_balloon < empty + LONGER, "it takes longer with a larger balloon"
    check_works(guest, start)


def test_statistics_go_on_after_suspend(guest):
    guest.poll_stats(1)
    next_stats(guest)
    suspend(guest)
    wake(guest)
    next_stats(guest)


def test_unload_after_suspend(guest, start):
    guest.resize(full_size(guest) - BALLOON)
    suspend(guest)
    wake(guest)
    guest.check("rmmod virtio_balloon")
    books.check_without_driver(guest, start)
    guest.check("modprobe virtio_balloon")
    guest.wait_actual(full_size(guest) - BALLOON)


def test_target_just_before_suspend(guest, start):
    """With power/wakeup enabled the balloon is first made what it should be.

    As the kernel's interface has it: a number is read, and the suspend may go on if
    it is still the same, and nothing is under way, when it is written back.
    """
    device = guest.check(f"ls -d {DEVICE}").strip()
    wakeup = f"{device}/power/wakeup"
    events = f"{device}/power/wakeup_active_count"
    guest.check(f"echo enabled > {wakeup}")
    try:
        before = int(guest.read(events))
        number = guest.read("/sys/power/wakeup_count")
        guest.set_target(full_size(guest) - BALLOON)
        guest.wait_for(lambda: int(guest.read(events)) > before, 20,
                       "the driver to say that the system should stay awake")
        refused = guest.sh(f"echo {number} > /sys/power/wakeup_count")
        assert not refused.ok, "a suspend would have gone on, whatever the target is"
        guest.wait_actual(full_size(guest) - BALLOON)
        # Reading waits until nothing keeps the system awake.
        number = guest.check("cat /sys/power/wakeup_count", 30).strip()
        guest.check(f"echo {number} > /sys/power/wakeup_count")
    finally:
        guest.check(f"echo disabled > {wakeup}")
    suspend(guest)
    wake(guest)
    check_works(guest, start)


def asleep(guest):
    """Whether QEMU has nothing to do, seen over a fifth of a second."""
    before = guest.cpu_seconds()
    time.sleep(0.2)
    return guest.cpu_seconds() - before < 0.02


def idle_and_wake(guest):
    """s2idle, for a moment."""
    slept = "cat /sys/power/suspend_stats/success"
    before = int(guest.check(slept))
    guest.check("echo enabled > /sys/class/tty/ttyS1/power/wakeup")
    mark = guest.log_mark()
    guest.channel.send("echo freeze > /sys/power/state")
    guest.wait_log("Suspending console", since=mark)
    guest.wait_for(lambda: asleep(guest), 30, "the guest to sleep")
    # What it sends wakes the guest, and may be lost in that.
    guest.sync(60)
    now = int(guest.check(slept))
    assert now == before + 1, f"the guest slept {now} times, expected {before + 1}"


def test_balloon_works_after_s2idle(guest, start):
    guest.resize(full_size(guest) - BALLOON)
    idle_and_wake(guest)
    guest.wait_actual(full_size(guest) - BALLOON)
    check_works(guest, start)


# In S3 an emulated q35 with a root port never gets to sleep, whatever the driver.
@pytest.mark.parametrize("reset", ["off", "on"], ids=["soft-reset", "no-soft-reset"])
def test_device_that_keeps_its_state(boot, reset):
    """A device on PCI Express may say that it need not be reset when it wakes up.

    7.2 leaves the queues of such a device alone; older kernels reset it all the same.
    """
    guest = boot(**(GUEST | {"machine": "q35", "balloon": {
        "root_port": True, "x_pcie_pm_no_soft_reset": reset}}))
    start = books.at_rest(guest)
    guest.resize(full_size(guest) - BALLOON)
    idle_and_wake(guest)
    guest.wait_actual(full_size(guest) - BALLOON)
    check_works(guest, start)
