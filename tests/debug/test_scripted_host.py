# SPDX-License-Identifier: GPL-2.0-only
"""The driver against scripted hosts, watched by a debug kernel.

The programs are those of make check, which says what each shows. Afterwards, when
driver and host are unloaded, kmemleak looks for what nobody knows any more. A
report of KASAN, lockdep or another watcher fails the test in which it comes.
"""

import pytest

from suite import debug, programs

PROGRAMS = programs.scripted("t_")
GUEST = programs.scripted_guest(PROGRAMS, 1024)
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 400


def test_everything_is_watched(guest):
    assert not debug.blind(guest)


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guest, program, record_property):
    programs.run(guest, program, record_property, TIMEOUT)


def test_nothing_leaks(guest):
    """Of all that the tests before did in this guest."""
    debug.check_nothing_leaks(guest, "balloon_host")


def test_everything_was_watched(guest):
    """A watcher that had something to say, or no memory, is silent afterwards."""
    assert not debug.blind(guest)
