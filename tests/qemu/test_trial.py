# SPDX-License-Identifier: GPL-2.0-only
"""Shows that balloonstat --once tells a stranger what is going on in a real guest.

Four questions: how much is in the balloon, why has inflating stopped, does the host
answer, is memory held for hints? The guest has no Python, so that its files are read
from there and laid before balloonstat here.
"""

import pytest

from lab import MIB
from lab.deadline import poll
from suite import balloonstat, debugfs, migration
from suite.books import SYSFS
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 768, "append": "init_on_alloc=0",
         "balloon": {"deflate_on_oom": True, "free_page_hint": True,
                     "free_page_reporting": True}}
DEVICE = "virtio0"
FILES = "for f in {directory}/*; do test -r $f && echo \"@$f\" && cat $f; done; true"

pytestmark = pytest.mark.usefixtures("ours")


def files(guest, directory):
    """{name: content} of the files in a directory of the guest."""
    text = guest.check(FILES.format(directory=directory))
    parts = [part.partition("\n") for part in text.split("@/")[1:]]
    return {path.rpartition("/")[2]: content for path, _, content in parts}


@pytest.fixture
def ask(guest, tmp_path):
    """What balloonstat says of the guest as it is now, without the ends of lines."""
    taken = 0

    def once(*arguments):
        nonlocal taken
        taken += 1
        root = tmp_path / str(taken)
        root.mkdir()
        fake = balloonstat.Fake(root)
        attributes = files(guest, f"$(echo {SYSFS})")
        fake.balloon(DEVICE, debugfs=False,
                     **{name: text.strip() for name, text in attributes.items()})
        counters = fake.debugfs / DEVICE
        counters.mkdir(parents=True)
        for name, text in files(guest, debugfs.DIRECTORY).items():
            (counters / name).write_text(text)
        (root / "proc/vmstat").write_text(guest.read("/proc/vmstat") + "\n")
        return " ".join(fake.run("--once", *arguments).stdout.split())

    return once


def test_rest(guest, ask):
    said = ask()
    assert "The balloon of virtio0 has 0 MiB; the host wants it to have 0 MiB." in said
    assert "has the size that the host wants, and rests" in said
    assert "The host has answered everything: nothing is in flight." in said
    assert "No memory is held for hints: the host does not ask for hints" in said


def test_floor(guest, ask):
    full = full_size(guest)
    guest.set_target(64 * MIB)
    sentences = [f"the host wants it to have {(full - 64 * MIB) // MIB} MiB.",
                 "Inflating has stopped because the rest is left to the guest:",
                 "The host has answered everything", "debugfs.size.state: floor"]
    # It tries again and again, and looking takes memory too.
    poll(lambda: not [text for text in sentences if text not in ask()], 90,
         lambda: f"all of {sentences} in {ask()}")
    guest.resize(full)


def test_hints(guest, ask, tmp_path):
    """In the middle of a migration to a file, which is slow enough to look."""
    guest.check("echo hold > /sys/module/virtio_balloon/parameters/hint")
    migration.set_bandwidth(guest, 4)
    guest.qmp("migrate", uri=f"file:{tmp_path / 'saved'}")
    poll(lambda: guest.read(f"{SYSFS}/hint_held") != "0", 60, "hints")
    said = ask()
    guest.qmp("migrate_cancel")
    migration.wait_final(guest, 60)
    guest.wait_for(lambda: guest.read(f"{SYSFS}/hint_held") == "0", 60, "free memory")
    assert "Of the free memory" in said and "MiB are held for hints:" in said
    assert "they stay untouched until the host is done" in said \
        or "the host asks what is free" in said
