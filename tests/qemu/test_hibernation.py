# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the balloon stays inflated when the guest hibernates, and the books after.

In a new QEMU, which knows of no balloon, the guest has all of its memory back, to the
page, and then follows the target again. A hibernation that fails moves nothing.
"""

import random
import re

import pytest

from lab import MIB
from suite import books, churn, hibernation
from suite.guests import full_size
from suite.programs import count
from suite.suspend import wake

ENDS_OF_RANGE = True

DISK_MIB = 768
# An emulated guest compresses more slowly than it writes.
GUEST = {"memory_mib": 1024, "smp": 1, "append": "init_on_alloc=0 hibernate=nocompress",
         # One of them, so that there is a file; others are switched on later.
         "traces": ["virtio_balloon_set_config"], "files": churn.FILES}
# Units of 4096 bytes that the host was told of, one line each.
TOLD = "virtio_balloon_handle_output"
# Of the 153,600 pages of a balloon of 600 MiB, those that compaction may move to make
# room for an image.
MOVED_MAX = 5000
KEPT_MIB = 32
LOAD_MIB = 64
# The caches went, and the kernel has tables for its swap now.
TOLERANCE = 12 * MIB
# The devices of the guest, and of the one that its image goes to; with a slot of its
# own, where nothing takes its place.
MISSING = [pytest.param({"free_page_reporting": True}, {}, id="queue", marks=pytest.mark.rare),
           pytest.param({"addr": "0x10"}, None, id="device")]


# What another device says to a power-off matters since some time.
GOES_ON = "newest"


@pytest.fixture
def sleeper(boot, tmp_path, ours):      # pylint: disable=unused-argument
    """A function that boots a guest which can hibernate: (guest, its books)."""
    def function(disk_mib=DISK_MIB, mode="shutdown", **options):
        disk = hibernation.make_disk(tmp_path / "swap", disk_mib)
        guest = boot(**GUEST, disks=[str(disk)], **options)
        hibernation.prepare(guest, mode)
        guest.check(f"dd if=/dev/urandom of=/tmp/kept bs=1M count={KEPT_MIB} 2>/dev/null")
        return guest, books.at_rest(guest)
    return function


def checksum(guest):
    return guest.check("sha256sum /tmp/kept", 60)


def watch(guest):
    """From now on, see what the host is told."""
    guest.qmp("trace-event-set-state", name=TOLD, enable=True)
    guest.trace_reset()


def check_untold(guest):
    """But for what compaction moved, whose two pages are told."""
    told = guest.trace_counts()[TOLD]
    assert told < 2 * MOVED_MAX, f"the host was told of {told} pages"


def image_pages(guest):
    """Pages of the image that was written."""
    return int(re.search(r"aving image data (?:pages )?\((\d+) pages\)", guest.log())[1])


def check_follows(guest, start, size):
    guest.resize(full_size(guest) - size)
    books.check(guest, start, tolerance=TOLERANCE)
    guest.resize(full_size(guest))
    books.check(guest, start, tolerance=TOLERANCE)


@pytest.mark.parametrize("size", [
    pytest.param(600 * MIB, id="most"),
    pytest.param(0, id="empty", marks=pytest.mark.rare)])
def test_balloon_is_kept_until_the_end(sleeper, boot, size, record_property):
    """The host hears of no deflation; the new one's guest has everything, and inflates again."""
    guest, start = sleeper()
    guest.resize(full_size(guest) - size)
    before = checksum(guest)
    watch(guest)
    hibernation.hibernate(guest)
    check_untold(guest)

    after = hibernation.successor(guest, boot)
    hibernation.resume(after)
    books.check(after, start, tolerance=TOLERANCE)
    assert checksum(after) == before, "the guest's memory changed"
    check_follows(after, start, size or 100 * MIB)
    pages = image_pages(guest)
    record_property("figure", f"image with {size // MIB} MiB in the balloon: {pages} pages")
    # All of the memory in use, and none of the balloon's.
    assert pages * books.PAGE < 250 * MIB, f"an image of {pages} pages"


def test_target_comes_while_off(sleeper, boot):
    """And the kernel that loads the image has inflated to it before."""
    guest, start = sleeper()
    full = full_size(guest)
    guest.resize(full - 300 * MIB)
    before = checksum(guest)
    hibernation.hibernate(guest)

    after = hibernation.successor(guest, boot)
    after.resize(full - 200 * MIB)
    hibernation.resume(after)
    after.wait_actual(full - 200 * MIB)
    books.check(after, start, tolerance=TOLERANCE)
    assert checksum(after) == before, "the guest's memory changed"
    check_follows(after, start, 300 * MIB)


@pytest.mark.rare
@pytest.mark.parametrize("loader", ["in-tree", "none"])
def test_loaded_by_a_kernel_with_another_driver(sleeper, boot, loader):
    guest, start = sleeper()
    guest.resize(full_size(guest) - 300 * MIB)
    before = checksum(guest)
    hibernation.hibernate(guest)

    after = hibernation.successor(guest, boot, driver=None if loader == "none" else loader)
    if loader != "none":
        after.resize(full_size(guest) - 200 * MIB)
        after.resize(full_size(guest))
    hibernation.resume(after)
    books.check(after, start, tolerance=TOLERANCE)
    assert checksum(after) == before, "the guest's memory changed"
    check_follows(after, start, 300 * MIB)


@pytest.mark.parametrize("balloon, other", MISSING)
def test_image_goes_where_something_is_missing(sleeper, boot, balloon, other):
    """A queue that was there, or the device: the guest goes on without a balloon.

    It says so, and has all of its memory. Bound again, the driver makes do with less.
    """
    guest, start = sleeper(balloon=balloon)
    guest.resize(full_size(guest) - 300 * MIB)
    before = checksum(guest)
    hibernation.hibernate(guest)

    after = hibernation.successor(guest, boot, balloon=other)
    hibernation.resume(after)
    assert "the device did not wake up, the guest goes on without a balloon" in after.log()
    assert checksum(after) == before, "the guest's memory changed"
    books.check_without_driver(after, start, tolerance=TOLERANCE)
    if other is not None:
        after.check(f"cd {books.DRIVER_DIR}; n=$(basename virtio*); echo $n > unbind; "
                    "echo $n > bind")
        check_follows(after, start, 300 * MIB)


def test_many_cycles(request, sleeper, boot, record_property):
    """One QEMU after the other, while a process writes to its memory and checks it."""
    cycles = count(request.config, 0, 30)
    if not cycles:
        pytest.skip("takes half a minute each: with --full")
    guest, start = sleeper()
    full = full_size(guest)
    pid = churn.start(guest, LOAD_MIB)
    for cycle in range(cycles):
        size = random.randrange(150) * 4 * MIB
        guest.resize(full - size)
        hibernation.hibernate(guest)
        guest = hibernation.successor(guest, boot)
        hibernation.resume(guest)
        print(f"cycle {cycle + 1} of {cycles}, with {size // MIB} MiB in the balloon")
    record_property("figure", f"{churn.finish(guest, pid)} writes in {cycles} cycles")
    # What was swapped out to make room for an image is not more free memory.
    guest.check("swapoff /dev/vda", 60)
    guest.resize(full)
    books.check(guest, start, tolerance=TOLERANCE)


def test_image_is_loaded_after_a_reboot(sleeper):
    """In the same machine, whose memory may have outlived it; the host's knowledge has not."""
    guest, start = sleeper(mode="reboot")
    guest.resize(full_size(guest) - 300 * MIB)
    before = checksum(guest)
    # -no-reboot: let the reset through for once.
    guest.qmp("set-action", reboot="reset")
    guest.channel.send("echo disk > /sys/power/state", 120)
    guest.channel.wait_hello(120)
    guest.sync()
    mark = guest.log_mark()
    hibernation.resume(guest)
    guest.wait_actual(full_size(guest) - 300 * MIB)
    assert f"{300 * 1024} KiB given back to the guest without telling the host" in (
        guest.log_since(mark))
    books.check(guest, start, tolerance=TOLERANCE)
    assert checksum(guest) == before, "the guest's memory changed"
    check_follows(guest, start, 600 * MIB)


def check_unmoved(guest, start, then):
    """But for what compaction has moved, of which a wake-up may announce some anew."""
    told = guest.trace_counts()[TOLD]
    now = books.check(guest, start, tolerance=TOLERANCE)
    up = {event: now.vmstat[event] - then.vmstat[event]
          for event in ("balloon_migrate", "balloon_inflate", "balloon_deflate")}
    moved = up["balloon_migrate"]
    assert moved < MOVED_MAX
    assert told <= 3 * moved, f"the host was told of {told} pages, {moved} were moved"
    for event, number in up.items():
        assert number <= 2 * moved, f"{event} went up by {number}, {moved} pages were moved"


def test_hibernation_that_fails_moves_nothing(sleeper):
    """The swap is too small, which is found out when the image was made."""
    guest, start = sleeper(disk_mib=8)
    guest.resize(full_size(guest) - 600 * MIB)
    then = books.at_rest(guest)
    watch(guest)
    failed = guest.sh("echo disk > /sys/power/state", 120)
    assert not failed.ok, "the image found room"
    check_unmoved(guest, start, then)
    check_follows(guest, start, 300 * MIB)


@pytest.mark.parametrize("state, at", [("disk", "freeze"), ("mem", "suspend")])
def test_another_driver_refuses(sleeper, state, at):
    """Its device is asked last: the balloon's sleeps already, and is woken up.

    For "disk" by the callback that is there for images.
    """
    guest, start = sleeper(test_modules=["sleep_refuser"])
    guest.resize(full_size(guest) - 600 * MIB)
    then = books.at_rest(guest)
    watch(guest)
    guest.check(f"modprobe sleep_refuser at={at}")
    refused = guest.sh(f"echo {state} > /sys/power/state", 120)
    assert not refused.ok, "the guest slept"
    check_unmoved(guest, start, then)
    check_follows(guest, start, 300 * MIB)


def test_power_off_is_refused(kernel, sleeper):
    """By another driver, when the image is written: the guest goes on as it was."""
    if not kernel.series.startswith(GOES_ON):
        pytest.skip(f"{kernel} powers off all the same, whatever a device says")
    guest, start = sleeper(mode="platform", test_modules=["sleep_refuser"])
    guest.resize(full_size(guest) - 600 * MIB)
    then = books.at_rest(guest)
    watch(guest)
    guest.check("modprobe sleep_refuser at=poweroff")
    guest.sh("echo disk > /sys/power/state", 120)
    guest.sync(60)
    assert image_pages(guest), "no image was written"
    check_unmoved(guest, start, then)
    check_follows(guest, start, 300 * MIB)


def test_image_and_then_a_suspend(sleeper):
    """Not powered off, and woken up: the image is not needed, and the balloon still there."""
    guest, start = sleeper(mode="suspend", machine="pc")
    guest.resize(full_size(guest) - 600 * MIB)
    then = books.at_rest(guest)
    watch(guest)
    guest.monitor.clear_events()
    guest.channel.send("echo disk > /sys/power/state", 120)
    guest.wait_event("SUSPEND", 120)
    wake(guest)
    assert image_pages(guest), "no image was written"
    check_unmoved(guest, start, then)
    check_follows(guest, start, 300 * MIB)


def test_image_that_is_loaded_at_once(sleeper):
    """The host still has what it had: it is given back, and inflated again."""
    guest, start = sleeper(mode="test_resume")
    guest.resize(full_size(guest) - 300 * MIB)
    before = checksum(guest)
    guest.sh("echo disk > /sys/power/state", 120)
    guest.sync(60)
    guest.wait_actual(full_size(guest) - 300 * MIB)
    books.check(guest, start, tolerance=TOLERANCE)
    assert checksum(guest) == before, "the guest's memory changed"
    check_follows(guest, start, 600 * MIB)
