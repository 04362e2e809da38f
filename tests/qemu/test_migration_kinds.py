# SPDX-License-Identifier: GPL-2.0-only
"""Shows that hints do no harm where a migration is not the usual one.

With postcopy nothing is hinted, and a guest that runs on the other side has all its
memory; what it inflated meanwhile, without effect, goes when the host repeats its
target; a virtio-mem device beside the balloon keeps its unplugged memory to itself;
a snapshot in the background holds the guest as it was; and a guest that answers no
more, whatever the reason, is not waited for.
"""

import pytest

from lab import MIB
from lab.errors import QMPError
from suite import books, churn, debugfs, hog, migration
from suite.guests import full_size, plugged

ENDS_OF_RANGE = True

FILES = churn.FILES | hog.FILES
HINTS = {"free_page_hint": True}
GUEST = {"memory_mib": 768, "smp": 1, "balloon": HINTS, "files": FILES,
         "append": "init_on_alloc=0"}
CHURN_MIB = 32
FAST = 400      # MiB a second
SLOW = 20
# A host that waited for the guest would do so for ever.
PATIENCE = 60
STALE_MIB = 500
# Less than 1 GiB makes this QEMU fail an assertion when it is emulated, hints or not.
MEM_MIB = 1024
PLUGGED_MIB = 256
BALLOON = 300 * MIB
# What a machine has besides, such as its firmware.
FIRMWARE_MIB = 8


def allow(guest, dest, **states):
    """Capabilities on both sides, which this host may lack."""
    try:
        migration.capabilities(guest, dest, **states)
    except QMPError as error:
        pytest.skip(f"this host cannot: {error}")


def check_repeated(dest, record_property):
    """The host still has the balloon's memory, until it repeats its target."""
    migration.wait_final(dest, 30)
    held = dest.host_memory()
    dest.set_target(full_size(dest) - BALLOON)
    dest.wait_for(lambda: held - dest.host_memory() >= 0.95 * BALLOON, 30,
                  "the host to have the balloon's memory back")
    record_property("figure", f"{held / MIB:.0f} MiB on the host after postcopy, "
                              f"{dest.host_memory() / MIB:.0f} MiB with the target "
                              f"repeated, {BALLOON // MIB} MiB in the balloon")


def test_postcopy_hints_nothing(boot, ours, record_property):
    """The destination would have to ask for pages that nobody sends."""
    guest = boot(**GUEST)
    before = books.at_rest(guest)
    migration.leave_stale_memory(guest, STALE_MIB)
    pid = churn.start(guest, CHURN_MIB)
    with migration.destination(guest) as dest:
        allow(guest, dest, postcopy_ram=True)
        migration.set_bandwidth(guest, SLOW)
        migration.begin(guest, dest)
        guest.wait_for(lambda: migration.rounds(guest) >= 1, 30, "the first round")
        guest.qmp("migrate-start-postcopy")
        dest.wait_event("RESUME", 60)
        dest.sync(60)
        assert debugfs.values(dest, "hint")["commands"] == 0, "hints were asked for"
        # Answered, but nothing is discarded meanwhile.
        dest.resize(full_size(dest) - BALLOON)
        assert migration.status(guest) == "postcopy-active", "it was over too soon"
        migration.set_bandwidth(guest, FAST)
        result = migration.wait_final(guest, 90)
        assert result["status"] == "completed", result
        guest.kill()
        churn.finish(dest, pid)
        check_repeated(dest, record_property)
        dest.resize(full_size(dest))
        books.check(dest, before)
        dest.check_log()


def test_unplugged_memory_stays_unplugged(boot, driver):
    """What a virtio-mem device holds back is neither hinted nor sent.

    Hints are taken from a guest that runs, in a migration that is called off. It
    arrives by a second one, standing still: emulated, QEMU 10 forgets what is
    written to memory meanwhile as soon as there is more than one piece of it (it
    looks for the second where the first is). Standing still it also counts exactly
    what is to be sent.
    """
    guest = boot(**(GUEST | {"max_memory_mib": 4096, "append":
                             "init_on_alloc=0 memhp_default_state=online",
                             "virtio_mem": {"size": f"{MEM_MIB}M",
                                            "requested-size": f"{PLUGGED_MIB}M"}}))
    guest.wait_for(lambda: plugged(guest) == PLUGGED_MIB * MIB, 60,
                   "the virtio-mem device to be plugged")
    before = books.at_rest(guest)
    pid = churn.start(guest, CHURN_MIB)
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, SLOW)
        migration.begin(guest, dest)
        guest.wait_for(lambda: migration.rounds(guest) >= 2, 60, "two rounds")
        if driver == "ours":
            assert debugfs.values(guest, "hint")["bytes"] > guest.options.memory_mib * MIB // 2
        guest.qmp("migrate_cancel")
        assert migration.wait_final(guest, 30)["status"] == "cancelled"
    guest.qmp("stop")
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, FAST)
        migration.begin(guest, dest)
        result = migration.wait_final(guest, 60)
        assert result["status"] == "completed", result
        guest.kill()
        dest.qmp("cont")
        dest.sync()
        churn.finish(dest, pid)
        assert plugged(dest) == PLUGGED_MIB * MIB
        looked_at = (result["ram"]["normal"] + result["ram"]["duplicate"]) * books.PAGE
        most = (guest.options.memory_mib + PLUGGED_MIB + FIRMWARE_MIB) * MIB
        assert looked_at <= most, f"{looked_at} bytes were looked at, {most} expected"
        books.check(dest, before, tolerance=books.TOLERANCE + (CHURN_MIB + 8) * MIB)
        dest.check_log()


def test_snapshot_in_the_background(boot, tmp_path):
    """The guest goes on; the file has it as it was, with what it had in memory."""
    guest = boot(**GUEST)
    before = books.at_rest(guest)
    guest.resize(full_size(guest) - 100 * MIB)
    path = tmp_path / "snapshot"
    try:
        migration.capabilities(guest, background_snapshot=True)
        guest.qmp("migrate", uri=f"file:{path}")
    except QMPError as error:
        pytest.skip(f"this host cannot: {error}")
    guest.wait_for(lambda: migration.status(guest) in ("active", "completed"), 30,
                   "the snapshot to begin")
    guest.sync()
    guest.check("echo after > /tmp/when")
    guest.resize(full_size(guest) - 200 * MIB)
    result = migration.wait_final(guest, 90)
    assert result["status"] == "completed", result
    guest.resize(full_size(guest))
    books.check(guest, before)
    guest.check_log()
    with migration.destination(guest) as dest:
        guest.kill()
        migration.load(dest, path)
        assert not dest.sh("cat /tmp/when").ok, "the snapshot has what came after it"
        dest.resize(full_size(dest))
        books.check(dest, before)
        dest.check_log()


def panicked(guest):
    guest.channel.send("echo c > /proc/sysrq-trigger")
    guest.wait_log("Kernel panic", 30)


def without_driver(guest):
    guest.check("rmmod virtio_balloon")


def unbound_in_the_middle(guest):
    guest.channel.send("sleep 0.3; rmmod virtio_balloon")


def out_of_memory(guest):
    hog.start(guest, guest.options.memory_mib)


PANIC = pytest.mark.allow_log("sysrq triggered crash", "Call Trace:")
NO_MEMORY = pytest.mark.allow_log(r"invoked oom-killer", r"oom-kill:constraint",
                                  r"Out of memory: Killed process")


@pytest.mark.parametrize("how", [
    pytest.param(panicked, marks=PANIC), without_driver, unbound_in_the_middle,
    pytest.param(out_of_memory, marks=NO_MEMORY)], ids=lambda how: how.__name__)
def test_nobody_waits_for_the_guest(boot, how):
    """The migration ends although nobody gives hints."""
    guest = boot(**(GUEST | {"append": "init_on_alloc=0 panic=0"}))
    how(guest)
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, FAST)
        migration.begin(guest, dest)
        result = migration.wait_final(guest, PATIENCE)
        assert result["status"] == "completed", result
        # It cannot power off any more.
        guest.kill()
