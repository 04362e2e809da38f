# SPDX-License-Identifier: GPL-2.0-only
"""What the tests and scripts/fuzz share about random hosts."""

import random

from . import programs

PROGRAM = "fuzz"
OPTIONS = {"memory_mib": 512, "balloon": None, "load": False,
           "test_modules": ["balloon_host"],
           "files": programs.files([PROGRAM], "scripted")}
# What its watchers remember of each allocation takes memory too, and cannot be
# reclaimed: with a balloon of all memory more has to be left to such a kernel.
DEBUG_OPTIONS = OPTIONS | {"memory_mib": 1024, "module_params": "floor=64M"}
# Memory is made short on purpose, and the kernel kills the child that does it. What it
# faults in until it is dead may fail, where the lists of processors have all that is left.
ALLOWED_LOG = (r"invoked oom-killer", r"oom-kill:constraint", r"Out of memory: Killed process",
               r"fuzz: page allocation failure: order:0, mode:\w+\(GFP_HIGHUSER_MOVABLE\b")
# A slow machine does at least so many steps in a second, and with a debug kernel.
STEPS_PER_SECOND = 10
DEBUG_STEPS_PER_SECOND = 3
# A debug kernel takes so many times as long.
DEBUG_PATIENCE = 5


def new_seed():
    return random.SystemRandom().randrange(1, 1 << 32)


def command(seed, steps, life=None, debug=False):
    """For the guest's shell."""
    only = f" {life}" if life else ""
    patience = f"FUZZ_PATIENCE={DEBUG_PATIENCE} " if debug else ""
    return f"{patience}/{programs.GUEST_DIRECTORY}/{PROGRAM} {seed} {steps}{only}"


def timeout(steps, debug=False):
    """Seconds after which it is not worth waiting for more."""
    return 60 + steps / (DEBUG_STEPS_PER_SECOND if debug else STEPS_PER_SECOND)


def replay(kernel, driver, seed, steps):
    """How a person plays it again."""
    judged = "" if driver == "ours" else f" --driver {driver}"
    return f"scripts/fuzz --kernel {kernel}{judged} --seed {seed} --steps {steps}"
