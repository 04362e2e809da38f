# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a guest with free page hints arrives whole, and with less to send.

In both ways of hinting: our driver holds memory with init_on_alloc=0, and names what is
free with init_on_alloc=1, unless its parameter says otherwise. Whatever
happens to the migration, the guest goes on where it is, with all its memory: hinted pages
come back when it is over, and nothing waits for the guest.
"""

import pytest

from lab import MIB
from suite import books, churn, debugfs, hog, migration
from suite.books import SYSFS
from suite.guests import full_size
from suite.programs import count

ENDS_OF_RANGE = True

FILES = churn.FILES | hog.FILES
HINTS = {"free_page_hint": True}
GUEST = {"memory_mib": 768, "smp": 1, "balloon": HINTS, "files": FILES,
         "append": "init_on_alloc=0"}
ZEROED = GUEST | {"append": "init_on_alloc=1"}
HELD = f"{SYSFS}/hint_held"
CHURN_MIB = 48
STALE_MIB = 350
FAST = 400      # MiB a second
HINT = "/sys/module/virtio_balloon/parameters/hint"
MODES = ("isolate", "hold")


def wait_released(guest, start):
    """What was hinted is free again, and the books are those of before."""
    books.check(guest, start, tolerance=books.TOLERANCE + (CHURN_MIB + 8) * MIB)


def send(guest, speed, churn_mib=CHURN_MIB):
    """Migrate; the guest on the other side has to be whole. What QEMU counted."""
    guest.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=16 2>/dev/null")
    digest = guest.check("md5sum /tmp/kept")
    pid = churn.start(guest, churn_mib) if churn_mib else None
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, speed)
        result = migration.migrate(guest, dest)
        if pid:
            churn.finish(dest, pid)
        assert dest.check("md5sum /tmp/kept") == digest
        dest.check_log()
    return result["ram"]


@pytest.mark.parametrize("init_on_alloc", [0, 1])
def test_free_memory_is_not_sent(boot, init_on_alloc, record_property):
    sent = {}
    for name, balloon in (("without", {}), ("with", HINTS)):
        guest = boot(**(GUEST | {"balloon": balloon,
                                 "append": f"init_on_alloc={init_on_alloc}"}))
        migration.leave_stale_memory(guest, STALE_MIB)
        # Slow enough for the guest to zero what it takes, emulated as it is.
        speed = 100 if init_on_alloc == 0 else 50
        sent[name] = send(guest, speed, churn_mib=0)["transferred"]
    record_property("figure", f"{sent['with'] // MIB} MiB sent with hints, "
                              f"{sent['without'] // MIB} MiB without "
                              f"(init_on_alloc={init_on_alloc})")
    assert sent["with"] < sent["without"] * 0.7, (
        f"{sent['with']} bytes were sent with hints, {sent['without']} without")


def arrive(guest, dest, pid, rounds):
    """Go slowly for so many rounds, then fast; what QEMU sent, what the guest wrote."""
    # So slow that a guest which gets little time writes faster, too.
    migration.set_bandwidth(guest, 20)
    migration.begin(guest, dest)
    guest.wait_for(lambda: migration.rounds(guest) >= rounds, 60, f"round {rounds}")
    migration.set_bandwidth(guest, FAST)
    sent = migration.finish(guest, dest)["ram"]["transferred"]
    return sent, churn.finish(dest, pid)


def test_named_memory_arrives(boot, driver, record_property):
    """Memory is named for hints and reported, in turns, while the guest writes."""
    guest = boot(**(ZEROED | {"balloon": HINTS | {"free_page_reporting": True}}))
    migration.leave_stale_memory(guest, STALE_MIB)
    guest.check("for i in $(seq 6); do dd if=/dev/urandom of=/tmp/kept$i bs=1M count=$i "
                "2>/dev/null; done")
    digests = guest.check("md5sum /tmp/kept*", 60)
    pid = churn.start(guest, CHURN_MIB)
    with migration.destination(guest) as dest:
        # Until there was a round with hints.
        sent, writes = arrive(guest, dest, pid, 2)
        assert dest.check("md5sum /tmp/kept*", 60) == digests
        if driver == "ours":
            counted = debugfs.values(dest, "hint")
            assert counted["bytes_isolated"] > STALE_MIB // 2 * MIB, counted
        dest.check_log()
    record_property("figure", f"{sent // MIB} MiB sent, while {writes} pages were written")


@pytest.mark.parametrize("options", (GUEST, ZEROED), ids=("hold", "isolate"))
def test_several_rounds(boot, options):
    """A guest that writes faster than it is sent is hinted for again and again."""
    guest = boot(**options)
    migration.leave_stale_memory(guest, STALE_MIB)
    pid = churn.start(guest, CHURN_MIB)
    with migration.destination(guest) as dest:
        arrive(guest, dest, pid, 4)
        dest.check_log()


def test_memory_comes_back_on_the_other_side(boot):
    """The driver holds hinted memory until DONE, which comes after the arrival."""
    guest = boot(**GUEST)
    before = books.at_rest(guest)
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, FAST)
        migration.migrate(guest, dest)
        books.check(dest, before)
        dest.resize(full_size(dest) - 300 * MIB)
        books.check(dest, before)


def cancel_one(guest):
    """A migration that is called off when everything was hinted."""
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, 1)
        migration.begin(guest, dest)
        hinted = migration.wait_held(guest)["bytes"]
        guest.qmp("migrate_cancel")
        assert migration.wait_final(guest, 30)["status"] == "cancelled"
    guest.wait_for(lambda: guest.read(f"{SYSFS}/hint_state") == "idle", 20, "the end of it")
    return hinted


@pytest.mark.parametrize("mode", MODES)
def test_after_cancelled_migrations(boot, ours, mode, pytestconfig, record_property):
    """What was hinted before is hinted again, as often as it takes."""
    guest = boot(**ZEROED)
    guest.check(f"echo {mode} > {HINT}")
    migration.leave_stale_memory(guest, STALE_MIB)
    totals = [cancel_one(guest) for _ in range(count(pytestconfig, 4, 10))]
    each = [after - before for before, after in zip([0] + totals, totals)]
    sent = send(guest, 50, churn_mib=0)["transferred"]
    record_property("figure", f"{mode}: {[one // MIB for one in each]} MiB hinted, "
                              f"then {sent // MIB} MiB sent")
    assert min(each) > max(each) * 0.8
    assert sent < STALE_MIB * MIB


@pytest.mark.parametrize("append", ("init_on_alloc=0", "init_on_alloc=1"))
def test_way_and_reason(boot, ours, append):
    """sysfs says how memory is hinted, and why; the parameter decides."""
    guest = boot(**(GUEST | {"append": append}))
    isolates = append.endswith("1")
    assert guest.read(f"{SYSFS}/hint") == ("isolate" if isolates else "hold")
    assert append in guest.read(f"{SYSFS}/hint_reason")
    for mode in MODES:
        guest.check(f"echo {mode} > {HINT}")
        assert guest.read(f"{SYSFS}/hint") == mode
        assert guest.read(f"{SYSFS}/hint_reason") == "parameter"


def test_named_memory_stays_free(boot, ours):
    """Nobody has less memory because it is hinted, and nothing is written to."""
    guest = boot(**ZEROED)
    migration.leave_stale_memory(guest, STALE_MIB)
    free, host = guest.meminfo()["MemFree"], guest.host_memory()
    migration.set_bandwidth(guest, 1)
    migration.begin_to_nowhere(guest)
    counted = migration.wait_held(guest)
    assert guest.meminfo()["MemFree"] > free - 32 * MIB
    assert guest.host_memory() < host + 64 * MIB
    assert counted["bytes_isolated"] == counted["bytes"] > free // 2
    assert not counted["blocks_taken"]
    guest.qmp("migrate_cancel")


def test_cancelled_and_tried_again(boot):
    guest = boot(**GUEST)
    before = books.at_rest(guest)
    pid = churn.start(guest, CHURN_MIB)
    for _ in range(3):
        with migration.destination(guest) as dest:
            migration.set_bandwidth(guest, 20)
            migration.begin(guest, dest)
            guest.wait_for(lambda: migration.status(guest) == "active", 20,
                           "the migration to begin")
            guest.sh("sleep 1")
            guest.qmp("migrate_cancel")
            assert migration.wait_final(guest, 30)["status"] == "cancelled"
    wait_released(guest, before)
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, FAST)
        migration.migrate(guest, dest)
        churn.finish(dest, pid)
        books.check(dest, before)


def test_destination_dies(boot):
    guest = boot(**GUEST)
    before = books.at_rest(guest)
    pid = churn.start(guest, CHURN_MIB)
    with migration.destination(guest) as dest:
        migration.set_bandwidth(guest, 20)
        migration.begin(guest, dest)
        guest.wait_for(lambda: migration.status(guest) == "active", 20,
                       "the migration to begin")
        guest.sh("sleep 1")
        dest.kill()
        assert migration.wait_final(guest, 30)["status"] == "failed"
    wait_released(guest, before)
    churn.finish(guest, pid)


def test_saved_to_a_file_and_restored(boot, tmp_path):
    guest = boot(**GUEST)
    pid = churn.start(guest, CHURN_MIB)
    path = tmp_path / "guest"
    # Faster than the guest writes on any machine.
    migration.set_bandwidth(guest, FAST)
    guest.qmp("migrate", uri=f"file:{path}")
    result = migration.wait_final(guest, 60)
    assert result["status"] == "completed", result
    with migration.destination(guest) as dest:
        guest.kill()
        migration.load(dest, path)
        churn.finish(dest, pid)


def test_guest_that_does_not_run(boot):
    """A paused guest answers nothing; nobody waits for it."""
    guest = boot(**GUEST)
    with migration.destination(guest) as dest:
        guest.qmp("stop")
        migration.set_bandwidth(guest, FAST)
        migration.begin(guest, dest)
        result = migration.wait_final(guest, 60)
        assert result["status"] == "completed", result
        dest.wait_for(lambda: dest.qmp("query-status")["status"] == "paused", 30,
                      "the guest to be there, as paused as it was")
        dest.qmp("cont")
        guest.kill()
        dest.sync()
        dest.check_log()


def test_memory_is_needed_while_it_is_hinted(boot):
    """A process that takes nearly all memory during the migration gets it."""
    guest = boot(**GUEST)
    mark = guest.log_mark()
    with migration.destination(guest) as dest:
        # So slow that the migration does not end meanwhile.
        migration.set_bandwidth(guest, 2)
        migration.begin(guest, dest)
        guest.wait_for(lambda: int(guest.read(HELD)) > 400 * MIB, 60,
                       "the driver to hold hinted memory")
        with hog.holding(guest, 480, timeout=90):
            assert int(guest.read(HELD)) < 250 * MIB
        guest.qmp("migrate_cancel")
        assert migration.wait_final(guest, 30)["status"] == "cancelled"
    assert "oom-killer" not in guest.log_since(mark)
    guest.wait_for(lambda: guest.read(HELD) == "0", 20, "hinted memory to come back")


@pytest.mark.parametrize("options", (GUEST, ZEROED), ids=("hold", "isolate"))
def test_there_and_back(boot, pytestconfig, options):
    """Several times; the balloon is inflated meanwhile."""
    guest = boot(**options)
    pid = churn.start(guest, CHURN_MIB)
    guest.resize(full_size(guest) - 300 * MIB)
    here = guest
    ends = []
    try:
        for _ in range(count(pytestconfig, 3, 50)):
            there = migration.destination(here)
            dest = there.__enter__()    # pylint: disable=unnecessary-dunder-call
            ends.append(there)
            migration.set_bandwidth(here, FAST)
            migration.migrate(here, dest)
            here = dest
        churn.finish(here, pid)
        here.resize(full_size(here))
        here.check_log()
    finally:
        for end in ends:
            end.__exit__(None, None, None)
