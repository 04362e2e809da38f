# SPDX-License-Identifier: GPL-2.0-only
"""The driver against hosts that are late, silent, broken or wrong.

Each program host/t_*.c is one test, in a guest without a balloon of QEMU's: the
programs bring their own devices. By hand they run in any guest that has the
module of tests/kmod, see Documentation/scripted-host.rst.
"""

import pytest

from suite import programs
from suite.kernels import left_out

PROGRAMS = programs.host_programs("t_")
GUEST = {"memory_mib": 768, "balloon": None, "load": False,
         "test_modules": ["balloon_host"],
         "files": programs.files(PROGRAMS, "host/")}
# They wait a lot: on the oldest and the newest kernel, where all are asked for.
ENDS_OF_RANGE_ONLY = ("t_pm", "t_report", "t_resync", "t_resync_held", "t_named")
# All the cases of one program, in seconds; each has a deadline of its own.
TIMEOUT = 200


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(request, kernel, guest, program, record_property):
    if program in ENDS_OF_RANGE_ONLY and kernel.series in left_out(request.config.option):
        pytest.skip(f"takes time: with --full, or with {kernel.series} alone")
    case = request.config.option.case or ""
    programs.run(guest, program, record_property, TIMEOUT, case)
