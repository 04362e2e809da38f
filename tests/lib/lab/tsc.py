# SPDX-License-Identifier: GPL-2.0-only
"""The frequency of the guest's time stamp counter.

microvm has no timer besides the PIT to measure it against, and when an emulated
guest is held up in that moment, the measurement fails and the boot hangs. An
emulated counter runs as fast as this machine's, so the kernel can be told.
"""

import functools
import subprocess
from pathlib import Path

from .cache import cached, digest

SOURCE = Path(__file__).with_name("tsc.c")
ICOUNT_KHZ = 1000000        # then it counts virtual nanoseconds


@functools.cache
def host_khz():
    """Measured; takes 50 ms."""
    def compile_program(path):
        subprocess.run(["gcc", "-O2", "-o", path, SOURCE], check=True)

    program = cached(f"tsc-{digest(SOURCE)}", compile_program)
    return int(subprocess.run([program], check=True, capture_output=True).stdout)


def kernel_arguments(icount):
    """For a kernel that cannot find out by itself."""
    khz = ICOUNT_KHZ if icount else host_khz()
    return f"tsc_early_khz={khz} tsc=reliable"
