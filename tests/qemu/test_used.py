# SPDX-License-Identifier: GPL-2.0-only
"""Shows what a balloon does to a guest that has used its memory.

Free memory lies in fragments there, among memory in use; beside it is memory that was
never touched, in whole blocks. The host has to get what it asks for, which is the
fragments, since it does not hold the rest; and the guest has to keep its whole blocks,
its stock of huge pages, as long as there are fragments.
"""

from dataclasses import dataclass

import pytest

from lab import MIB
from lab.units import mib
from suite import used
from suite.used import Inflated

ENDS_OF_RANGE = True

MODES = ("pfn", "auto", "range")
REPORTING = {"free_page_reporting": True}
GUEST = {"memory_mib": 1536, "files": used.FILES}
TAKE = "/sys/module/virtio_balloon/parameters/take"

# What was used, half of which is free, and what of that the balloon gets at first.
TOUCHED_MIB = 800
FEWER = 300 * MIB
# And then more than the fragments.
MORE = 500 * MIB
# At least this part of the whole blocks stays, as with the in-tree driver.
KEPT = 0.95
# Not more than the guest has left when all of MORE but the fragments was in blocks.
HUGE_PAGES = 128

STATES = {"pieces": used.pieces, "file": used.file_with_holes}


@dataclass(frozen=True)
class Case:
    """How the guest's memory was used, and how the balloon is inflated."""

    state: str
    mode: str
    reporting: bool

    def __str__(self):
        return f"{self.state}-{self.mode}{'-reporting' if self.reporting else ''}"

    @property
    def rare(self):
        """One of the cases that differ little from those in every run."""
        return (self.reporting == (self.mode == "pfn") or
                (self.state, self.mode) in (("file", "pfn"), ("file", "range")))


@dataclass(frozen=True)
class Seen:
    """What came of it, in bytes."""

    blocks: int         # whole blocks before
    fragments: int      # the other free memory before
    fewer: Inflated     # inflated by less than the fragments
    more: Inflated      # and by more than that
    huge_pages: int     # of HUGE_PAGES that were asked for then
    transparent: int    # of as much


CASES = [Case(state, mode, reporting) for state in STATES
         for mode in MODES for reporting in (False, True)]


def scenario(guest, state):
    used.without_compaction(guest)
    with STATES[state](guest, TOUCHED_MIB):
        blocks, fragments = used.whole_blocks(guest), used.fragments(guest)
        fewer = used.inflate(guest, FEWER)
        more = used.inflate(guest, MORE - FEWER)
        return Seen(blocks, fragments, fewer, more,
                    used.huge_pages(guest, HUGE_PAGES),
                    used.transparent_huge_pages(guest, 2 * HUGE_PAGES))


def boot_case(boot, case, parameters=""):
    return boot(**GUEST, balloon=REPORTING if case.reporting else {},
                module_params=f"inflate={case.mode} {parameters}")


@pytest.fixture(scope="module")
def results():
    """{case: what was seen}: each is played once for the tests that look at it."""
    return {}


@pytest.fixture(params=[
    pytest.param(case, id=str(case), marks=pytest.mark.rare if case.rare else ())
    for case in CASES])
def seen(request, boot, driver, kernel, results):
    case = request.param
    if driver != "ours" and case.mode != "pfn":
        pytest.skip("the in-tree driver has one way to inflate")
    key = kernel.series, case
    if key not in results:
        results[key] = scenario(boot_case(boot, case), case.state)
    return results[key]


def test_host_gets_what_it_asks_for(seen, record_property):
    """Not memory that it has already, because nobody has touched it."""
    record_property("figure", f"{mib(seen.fewer.gone)} of {mib(FEWER)} came to the host")
    assert seen.fewer.gone >= used.EXPECTED * FEWER, (
        f"the host has {mib(seen.fewer.gone)} more with {mib(FEWER)} in the balloon and "
        f"{mib(seen.fragments)} in fragments")


def test_whole_blocks_stay(seen, record_property):
    """While there are fragments; then only what is wanted beyond them goes."""
    record_property("figure", f"whole blocks: {mib(seen.blocks)}, {mib(seen.fewer.blocks)} "
                              f"and {mib(seen.more.blocks)} with 0, {mib(FEWER)} and "
                              f"{mib(MORE)} in the balloon, {mib(seen.fragments)} in fragments")
    assert seen.fewer.blocks >= KEPT * seen.blocks, (
        f"{mib(seen.fewer.blocks)} of {mib(seen.blocks)} in whole blocks are left, with "
        f"{mib(seen.fragments)} in fragments and {mib(FEWER)} in the balloon")
    wanted = seen.blocks - max(0, MORE - seen.fragments)
    assert seen.more.blocks >= KEPT * wanted, (
        f"{mib(seen.more.blocks)} in whole blocks are left, and could be {mib(wanted)}")


def test_huge_pages_are_had(seen):
    """By a process, and for hugetlbfs, without compaction."""
    assert seen.huge_pages == HUGE_PAGES, f"{seen.huge_pages} of {HUGE_PAGES} huge pages"
    wanted = 2 * HUGE_PAGES * MIB
    assert seen.transparent >= KEPT * wanted, (
        f"{mib(seen.transparent)} of {mib(wanted)} in transparent huge pages")


@pytest.mark.parametrize("mode", MODES)
def test_blocks_can_be_taken_first(boot, ours, mode):
    """take=blocks is for hosts that get back nothing but whole blocks."""
    guest = boot_case(boot, Case("pieces", mode, True), "take=blocks")
    if not guest.sh(f"test -e {TAKE}").ok:
        pytest.skip("this driver has no parameter take")
    with used.pieces(guest, TOUCHED_MIB):
        before = used.whole_blocks(guest)
        after = used.inflate(guest, FEWER).blocks
    assert before - after >= KEPT * FEWER, (
        f"{mib(before - after)} of {mib(FEWER)} in the balloon came from whole blocks")
