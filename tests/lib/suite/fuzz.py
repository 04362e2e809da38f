# SPDX-License-Identifier: GPL-2.0-only
"""Random hosts, for the tests of them: seeds, and one run of the program.

With --fuzz SECONDS a test of a new seed plays new ones until the time is over. --seed N is
played instead of a new one; --steps N says how much of it, --life N which device only.
"""

import random
import time

from . import programs

PROGRAM = "fuzz"
OPTIONS = programs.scripted_guest([PROGRAM], 512)
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
# A seed that no run had before, or that of --seed.
NEW = "new"


def _seeds(option, which):
    """The numbers that a test plays."""
    end = time.monotonic() + option.fuzz
    if which != NEW:
        yield which
        return
    yield option.seed or _new_seed()
    while not option.seed and time.monotonic() < end:
        yield _new_seed()


def _new_seed():
    return random.SystemRandom().randrange(1, 1 << 32)


def _timeout(steps, debug):
    """Seconds after which it is not worth waiting for more."""
    return 60 + steps / (DEBUG_STEPS_PER_SECOND if debug else STEPS_PER_SECOND)


def _command(seed, steps, life, debug):
    """For the guest's shell."""
    patience = f"FUZZ_PATIENCE={DEBUG_PATIENCE} " if debug else ""
    only = f" {life}" if life else ""
    return f"{patience}/{programs.GUEST_DIRECTORY}/{PROGRAM} {seed} {steps}{only}"


def _replay(kernel, driver, seed, steps):
    """How a person plays it again."""
    judged = "" if driver == "ours" else f" --driver {driver}"
    return f"scripts/check --kernel {kernel}{judged} --fuzz 0 --seed {seed} --steps {steps}"


def play(request, guest, which, steps, record_property):
    """The hosts of a seed; of NEW ones for as long as --fuzz says."""
    option, kernel = request.config.option, guest.kernel
    if which == NEW and option.steps:
        steps = option.steps
    for seed in _seeds(option, which):
        replay = _replay(kernel, option.driver, seed, steps)
        print(f"seed {seed}; to replay: {replay}", flush=True)
        mark = guest.log_mark()
        try:
            done = guest.sh(_command(seed, steps, option.life, kernel.is_debug),
                            _timeout(steps, kernel.is_debug))
            programs.judge(PROGRAM, done, record_property)
            guest.check_log(ALLOWED_LOG, mark)
        except Exception:
            record_property("figure", f"failed; to replay: {replay}")
            raise
    if which == NEW:
        record_property("figure", f"seed {seed}")
