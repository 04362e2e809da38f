# SPDX-License-Identifier: GPL-2.0-only
"""The driver against hosts that are late, silent, broken or wrong.

Each program scripted/t_*.c is one test, in a guest without a balloon of QEMU's: the
programs bring their own devices. By hand they run in any guest that has the
module of tests/kmod, see Documentation/scripted-host.rst.
"""

import pytest

from suite import programs

ENDS_OF_RANGE = True

PROGRAMS = programs.scripted("t_")
GUEST = programs.scripted_guest(PROGRAMS, 768)
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 200


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(request, guest, program, record_property):
    case = request.config.option.case or ""
    programs.run(guest, program, record_property, TIMEOUT, case)
