# SPDX-License-Identifier: GPL-2.0-only
"""Shows that every way to tell the host of memory keeps the same books.

Page by page, through the reporting queue first, and whole blocks only; changed
while the balloon is inflated, with compaction and memory pressure all the time,
in a guest whose memory lies in pieces, and when memory is taken offline.
"""

import pytest

from lab import MIB
from suite import books, compaction, hog, seeds
from suite.books import PAGE, SYSFS
from suite.guests import full_size
from suite.programs import count
from suite.zones import managed, managed_in, wait_managed

ENDS_OF_RANGE = True

MODES = ("pfn", "auto", "range")
PARAMETER = "/sys/module/virtio_balloon/parameters/inflate"
REPORTING = {"free_page_reporting": True}
GUEST = {"memory_mib": 768, "balloon": REPORTING, "files": hog.FILES,
         "append": "init_on_alloc=0"}
LARGEST = 500 * MIB
# What the process that makes pressure has. With that and the floor some kernels cannot
# spare the largest balloon: those with KASAN.
PRESSURE_MIB = 60
SPARE = 140 * MIB
# A debug kernel keeps more and more for itself, such as the stacks that it has seen:
# 6 MiB in four minutes of this without any balloon. What the balloon counts is exact.
TOLERANCE_DEBUG = 32 * MIB
BLOCKS = "/sys/devices/system/memory/memory*[0-9]"
BLOCK = 128 * MIB
DIMM_MIB = 512
# It fills the DIMM, and leaves room elsewhere for what is in the memory blocks wanted.
BALLOON = 540 * MIB
WANTED = 3
NOT_FULL = 40 * MIB
# Whole blocks leave the kernel what it wants to have free of a zone, in whole blocks.
NOT_FULL_RANGE = 64 * MIB
OFFLINE_SECONDS = 30


def set_mode(guest, mode):
    guest.check(f"echo {mode} > {PARAMETER}")
    assert guest.read(f"{SYSFS}/inflate") == mode


@pytest.mark.parametrize("mode", MODES)
def test_books_balance(guest, ours, start, mode):
    """MemTotal, the kernel's counters and sysfs agree to the page."""
    set_mode(guest, mode)
    for balloon in (300 * MIB, 300 * MIB + PAGE, 20 * MIB + 3 * PAGE, LARGEST):
        guest.resize(full_size(guest) - balloon)
        books.check(guest, start)
    whole = int(guest.read(f"{SYSFS}/whole_blocks"))
    assert (whole > 0) == (mode == "range"), f"{whole} bytes in whole blocks in {mode}"


@pytest.mark.parametrize("mode", MODES)
def test_books_balance_with_deflate_on_oom(boot, ours, mode):
    """MemTotal does not change then; everything else is the same."""
    guest = boot(**(GUEST | {"balloon": REPORTING | {"deflate_on_oom": True},
                             "module_params": f"inflate={mode}"}))
    before = books.at_rest(guest)
    guest.resize(full_size(guest) - 300 * MIB)
    books.check(guest, before, total_falls=False)
    guest.resize(full_size(guest) - 7 * PAGE)
    books.check(guest, before, total_falls=False)


def test_mode_changes_while_inflated(guest, ours, start):
    """What is in the balloon stays there, and comes out whatever the mode is then."""
    full = full_size(guest)
    for mode, balloon in (("range", 150), ("pfn", 300), ("auto", 400),
                          ("range", 200), ("pfn", 50), ("range", 350), ("auto", 0)):
        set_mode(guest, mode)
        guest.resize(full - balloon * MIB)
        books.check(guest, start)


def test_random_targets_and_modes(request, kernel, guest, ours, start, record_property):
    """With memory in pieces, compaction and pressure."""
    full = full_size(guest)
    tolerance = TOLERANCE_DEBUG if kernel.is_debug else books.TOLERANCE
    largest = min(LARGEST, start.available - SPARE)
    rng = seeds.numbers(request, record_property)
    nr_targets = count(request.config, 20, 500)
    with compaction.always(guest) as compacting:
        for number in range(nr_targets):
            if rng.random() < 0.3:
                set_mode(guest, rng.choice(MODES))
            balloon = rng.choice((rng.randrange(largest), rng.randrange(4 * MIB)))
            balloon -= balloon % PAGE
            if rng.random() < 0.3:
                guest.set_target(full - rng.randrange(largest))
            stride = (rng.choice((2, 3, 8)),) if rng.random() < 0.5 else ()
            if rng.random() < 0.2:
                with hog.holding(guest, PRESSURE_MIB, *stride):
                    guest.resize(full - balloon)
            else:
                guest.resize(full - balloon)
            if number % 20 == 19:
                with compacting.paused():
                    books.check(guest, start, tolerance=tolerance)
                print(f"{number + 1} of {nr_targets} targets")
    guest.resize(full)
    books.check(guest, start, tolerance=tolerance)


def test_memory_in_pieces(guest, start):
    """Few blocks are left; the balloon takes what there is.

    Much more than it wants is free: memory on the lists of the CPUs, up to 40 MiB, is
    not available by the kernel's reckoning, to which the floor keeps.
    """
    full = full_size(guest)
    with hog.holding(guest, 400, 4):
        guest.resize(full - 300 * MIB)
        guest.resize(full)
    books.check(guest, start)


def test_page_cache_gives_way(boot, tmp_path):
    """Inflating against a full page cache goes on and on, never back."""
    disk = tmp_path / "disk"
    with open(disk, "wb") as image:
        image.truncate(600 * MIB)
    guest = boot(memory_mib=768, disks=[disk], append="init_on_alloc=0")
    # As long as somebody has it open, its pages stay.
    guest.check("setsid sleep 1000 < /dev/vda >/dev/null 2>&1 &\n"
                "cat /dev/vda > /dev/null", timeout=90)
    cached = guest.meminfo()["Cached"] + guest.meminfo()["Buffers"]
    assert cached > 350 * MIB, f"only {cached} bytes in the page cache"
    goal = full_size(guest) - 450 * MIB
    seen = [guest.actual()]
    guest.set_target(goal)

    def reached():
        seen.append(guest.actual())
        return seen[-1] == goal

    guest.wait_for(reached, 60, lambda: f"the balloon to take the cache; {seen[-1]}")
    back = [pair for pair in zip(seen, seen[1:]) if pair[1] > pair[0]]
    assert not back, f"the balloon went back on its way: {back}"


def new_blocks(guest, before):
    now = set(guest.check(f"ls -d {BLOCKS}").split()) - before
    return sorted(now, key=lambda path: int(path.rpartition("memory")[2]))


def add_memory(guest):
    """Plug a DIMM that the kernel leaves offline; its memory blocks."""
    before = set(guest.check(f"ls -d {BLOCKS}").split())
    guest.qmp("object-add", **{"qom-type": "memory-backend-ram", "id": "dimm0-ram",
                               "size": DIMM_MIB * MIB})
    guest.qmp("device_add", driver="pc-dimm", id="dimm0", memdev="dimm0-ram")
    guest.wait_for(lambda: len(new_blocks(guest, before)) * BLOCK == DIMM_MIB * MIB, 20,
                   "the new memory")
    return new_blocks(guest, before)


def online(guest, blocks, how):
    for block in blocks:
        guest.check(f"echo {how} > {block}/state")


def taken_offline(guest, blocks):
    """Up to WANTED memory blocks that the kernel takes offline, each in some seconds."""
    taken = []
    for block in blocks:
        if len(taken) < WANTED and guest.sh(f"echo offline > {block}/state",
                                            timeout=OFFLINE_SECONDS).ok:
            taken.append(block)
    return taken


@pytest.mark.parametrize("mode", MODES)
def test_memory_with_balloon_goes_offline(boot, driver, mode, record_property):
    """Pages move elsewhere; whole blocks leave, and others take their place."""
    if driver != "ours" and mode != "auto":
        pytest.skip("the in-tree driver has one way to inflate")
    how, zone = ("kernel", "Normal") if mode == "range" else ("movable", "Movable")
    guest = boot(**(GUEST | {"max_memory_mib": 4096, "module_params": f"inflate={mode}",
                             "append": f"{GUEST['append']} memhp_default_state=offline"}))
    total = full_size(guest) + DIMM_MIB * MIB
    blocks = add_memory(guest)
    online(guest, blocks, f"online_{how}")
    zones = managed(guest)
    assert managed_in(guest, zone) * PAGE == DIMM_MIB * MIB, f"not all is in {zone}"

    guest.resize(total - BALLOON)
    left, most = managed_in(guest, zone) * PAGE, (
        NOT_FULL_RANGE if mode == "range" else NOT_FULL)
    assert left < most, f"the balloon is elsewhere: {left} bytes are left in {zone}"
    before = guest.vmstat()["balloon_migrate"]
    offline = taken_offline(guest, blocks)
    moved = guest.vmstat()["balloon_migrate"] - before
    print(f"{len(offline)} of {WANTED} memory blocks went offline, {moved} pages moved")
    # Where the kernel puts memory of its own there may be some in a block, which stays.
    assert len(offline) * 2 > WANTED, f"only {len(offline)} of {WANTED} went offline"
    assert mode == "range" or moved * PAGE > len(offline) * BLOCK - NOT_FULL, (
        f"{moved} pages moved")
    # What was in there is in the balloon still, or taken elsewhere.
    guest.wait_actual(total - BALLOON)
    left = sum(zones.values()) * PAGE - BALLOON - len(offline) * BLOCK
    guest.wait_for(lambda: sum(managed(guest).values()) * PAGE == left, 30, lambda: (
        f"{left} bytes in all zones; {sum(managed(guest).values()) * PAGE}"))

    online(guest, offline, f"online_{how}")
    guest.resize(total)
    wait_managed(guest, zones)
    record_property("figure", f"{len(offline)} of {WANTED} memory blocks of "
                              f"{BLOCK // MIB} MiB went offline, {moved} pages moved")
