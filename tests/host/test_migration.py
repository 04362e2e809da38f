# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a guest with free page hints arrives whole, and with less to send.

Whatever happens to the migration, the guest goes on where it is, with all its
memory: hinted pages come back when it is over, and nothing waits for the guest.
"""

import re

import pytest

from lab import MIB
from suite import books, churn, debugfs, hog, migration, trace
from suite.books import SYSFS
from suite.guests import full_size
from suite.programs import count

ENDS_OF_RANGE = True

FILES = churn.FILES | hog.FILES
HINTS = {"free_page_hint": True}
GUEST = {"memory_mib": 768, "smp": 1, "balloon": HINTS, "files": FILES,
         "append": "init_on_alloc=0"}
# Slow to zero memory on every machine: its clock counts instructions.
SLOW = GUEST | {"append": "init_on_alloc=1", "icount": "shift=6,sleep=off"}
HELD = f"{SYSFS}/hint_held"
CHURN_MIB = 48
STALE_MIB = 350
FAST = 400      # MiB a second
LARGEST_ORDER = 10


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
        speed = FAST if init_on_alloc == 0 else 50
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


def test_zeroed_memory_arrives(boot, driver, record_property):
    """What is zeroed for a hint is discarded before, while the guest writes."""
    guest = boot(**(GUEST | {"append": "init_on_alloc=1",
                             "balloon": HINTS | {"free_page_reporting": True}}))
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
            assert counted["bytes_discarded"] > STALE_MIB // 2 * MIB, counted
        dest.check_log()
    record_property("figure", f"{sent // MIB} MiB sent, while {writes} pages were written")


def test_several_rounds(boot):
    """A guest that writes faster than it is sent is hinted for again and again."""
    guest = boot(**GUEST)
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


def test_everything_discarded_is_hinted(boot, ours):
    """Memory that was zeroed to be taken leaves the host first, and then is hinted."""
    guest = boot(**(GUEST | {"append": "init_on_alloc=1",
                             "balloon": HINTS | {"free_page_reporting": True}}))
    with migration.destination(guest) as dest:
        # The first round does not end by itself.
        migration.set_bandwidth(guest, 1)
        migration.begin(guest, dest)
        counted = migration.wait_held(guest)
        guest.qmp("migrate_cancel")
    assert counted["blocks"] == counted["blocks_taken"] > 0
    assert counted["bytes_discarded"] == counted["bytes"]


def trace_hints(guest):
    """From now on, note when the largest blocks are taken, and what is said of rounds."""
    guest.check(f"{trace.MOUNT}"
                f"echo 'order >= {LARGEST_ORDER}' > events/kmem/mm_page_alloc/filter")
    trace.watch(guest, "kmem/mm_page_alloc", "virtio_balloon/balloon_hint_command",
                "virtio_balloon/balloon_hint_begin", "virtio_balloon/balloon_notify")


def traced_hints(guest):
    """[(seconds, name)], the oldest first."""
    text = guest.check(f"cat {trace.TRACING}/trace", 60)
    return [(float(when), name) for when, name in re.findall(
        r" (\d+\.\d+): (balloon_hint_command|balloon_hint_begin|mm_page_alloc|"
        r"balloon_notify: virtio\d+ hint)", text)]


def test_device_begins_before_all_is_taken(boot, ours):
    """A guest that is slow to zero memory says what it has, and only then takes more."""
    guest = boot(**SLOW)
    trace_hints(guest)
    migration.set_bandwidth(guest, 1)
    migration.begin_to_nowhere(guest)
    migration.wait_held(guest)
    order = [name for _, name in traced_hints(guest)]
    guest.qmp("migrate_cancel")
    after = order[order.index("balloon_hint_begin") + 1:]
    assert "mm_page_alloc" in after, "everything had been taken before that"
    assert "balloon_notify" in after[0], after[:20]


def test_large_guest_is_left_alone_at_first(boot, ours):
    """Too much to zero in good time: a migration that is over in 5 s goes undisturbed."""
    guest = boot(**(SLOW | {"memory_mib": 2048}))
    trace_hints(guest)
    migration.set_bandwidth(guest, 1)
    migration.begin_to_nowhere(guest)
    guest.wait_for(lambda: debugfs.values(guest, "hint")["rounds"], 60, "a round")
    guest.qmp("migrate_cancel")
    seen = traced_hints(guest)
    asked = next(when for when, name in seen if name == "balloon_hint_command")
    begun = next(when for when, name in seen if name == "balloon_hint_begin")
    taken = [when - asked for when, name in seen if name == "mm_page_alloc"]
    assert 5 <= begun - asked < 10, f"announced after {begun - asked:.2f} s"
    assert any(when > 5 for when in taken), "nothing was taken afterwards"
    early = [when for when in taken if 1 < when < 5]
    assert not early, f"{len(early)} blocks were taken after {early[0]:.2f} s and later"


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


def test_there_and_back(boot, pytestconfig):
    """Several times; the balloon is inflated meanwhile."""
    guest = boot(**GUEST)
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
