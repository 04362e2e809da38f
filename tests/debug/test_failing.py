# SPDX-License-Identifier: GPL-2.0-only
"""Every allocation of the driver fails once, watched by a debug kernel.

The programs are scripted/d_*.c, for which the kernel can make allocations fail. What
is left behind afterwards is looked for by kmemleak.
"""

import pytest

from suite import debug, programs

PROGRAMS = programs.scripted("d_")
GUEST = programs.scripted_guest(PROGRAMS, 1024)
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 1000

# When there is no memory for a driver's groups in sysfs the driver core removes them
# all the same, warns that they are not there, and taints the kernel.
pytestmark = pytest.mark.allow_log(r"WARNING: .*fs/sysfs/group\.c:")


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(guest, program, record_property):
    programs.run(guest, program, record_property, TIMEOUT)


def test_nothing_leaks(guest):
    debug.check_nothing_leaks(guest, "balloon_host")


def test_everything_was_watched(guest):
    assert not set(debug.blind(guest)) - {debug.TAINT}
