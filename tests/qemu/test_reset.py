# SPDX-License-Identifier: GPL-2.0-only
"""Shows what happens when the balloon's PCI function is reset under the driver (FLR).

Where the transport tells drivers of it the balloon stays inflated, and all goes on:
targets, statistics, reporting, also after many resets and while memory moves. On older
kernels the device is dead afterwards, which is not supported; there the guest does not
hang, the driver can be removed in bounded time, no memory is lost, and a driver that is
loaded again works.
"""

import threading

import pytest

from lab import MIB
from suite import books
from suite.books import DRIVER_DIR, SYSFS
from suite.guests import full_size
from suite.stats import last_update, next_stats

BALLOON = 100 * MIB
# The transport tells drivers.
TOLD = ("newest",)
# Removing waits for the host, see "Waiting" in the design.
REMOVE_SECONDS = 30

GUEST = {"memory_mib": 384,
         "balloon": {"root_port": True, "free_page_reporting": True,
                     "free_page_hint": True}}


@pytest.fixture
def told(kernel):
    if kernel.series.split("-")[0] not in TOLD:
        pytest.skip(f"{kernel.series} tells no driver of a reset")


@pytest.fixture
def start_and_path(boot):
    """A guest, its books, and the file that resets the balloon's function."""
    guest = boot(**GUEST)
    path = guest.check(f"readlink -f {DRIVER_DIR}/virtio*/..").strip()
    assert "flr" in guest.read(f"{path}/reset_method")
    guest.check(f"echo flr > {path}/reset_method")
    return guest, books.at_rest(guest), f"{path}/reset"


def reset(guest, path):
    guest.check(f"echo 1 > {path}", timeout=60)


def check_works(guest, start):
    full = full_size(guest)
    for size in (full - BALLOON // 2, full, full - BALLOON):
        guest.resize(size)
    books.check(guest, start)
    before = last_update(guest)
    guest.poll_stats(1)
    told = next_stats(guest, before)["stat-total-memory"]
    assert told == guest.meminfo()["MemTotal"]
    guest.poll_stats(0)
    guest.resize(full)
    books.check(guest, start)


def test_balloon_stays(ours, told, start_and_path):
    guest, start, path = start_and_path
    guest.resize(full_size(guest) - BALLOON)
    for _ in range(3):
        reset(guest, path)
        assert int(guest.read(f"{SYSFS}/actual")) == BALLOON
        assert guest.actual() == full_size(guest) - BALLOON
    books.check(guest, start)
    assert "given back" not in guest.log()
    assert guest.read(f"{SYSFS}/report_state") in ("idle", "reporting")
    check_works(guest, start)


def test_while_memory_moves(ours, told, start_and_path):
    """Reset again and again while the target changes; none of it is lost."""
    guest, start, path = start_and_path
    full = full_size(guest)
    done = threading.Event()

    def move():
        size = 0
        while not done.wait(0.1):
            size = BALLOON - size
            guest.set_target(full - size)

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for _ in range(15):
            reset(guest, path)
    finally:
        done.set()
        mover.join()
    guest.resize(full)
    books.check(guest, start)
    check_works(guest, start)


def test_removed_afterwards(ours, start_and_path, record_property):
    """On every kernel: no hang, and all memory comes back."""
    guest, start, path = start_and_path
    full = full_size(guest)
    guest.resize(full - BALLOON)
    reset(guest, path)
    guest.set_target(full - BALLOON // 2)
    guest.check("sleep 2; grep -q MemTotal /proc/meminfo", timeout=20)
    seconds = guest.check("a=$(cut -d' ' -f1 /proc/uptime); rmmod virtio_balloon; "
                          "b=$(cut -d' ' -f1 /proc/uptime); echo $a $b",
                          timeout=2 * REMOVE_SECONDS).split()
    seconds = float(seconds[1]) - float(seconds[0])
    record_property("figure", f"removed in {seconds:.1f} s after a reset")
    assert seconds < REMOVE_SECONDS
    assert guest.meminfo()["MemTotal"] == start.total
    guest.check("modprobe virtio_balloon")
    guest.wait_actual(full - BALLOON // 2)
    guest.resize(full)
    books.check(guest, start)
    check_works(guest, start)
