# SPDX-License-Identifier: GPL-2.0-only
"""The test programs in C that scripts/check builds, and their verdicts."""

import subprocess

import pytest

from lab.paths import BUILD, REPO

from . import ktap

# Those of tests/guest, but for what they share.
PROGRAMS = sorted(path.stem for path in (REPO / "tests/guest").glob("*.c")
                  if path.stem != "guest")
# The directory in a guest that they are put into.
GUEST_DIRECTORY = "tests"


def program_file(name, folder="guest"):
    """The static program for guests; tests that need it fail if it is not built.

    folder: the one below tests that has its source
    """
    return BUILD / folder / name


def tool_file(name):
    """A static program of tests/guest/tools, no test itself."""
    return BUILD / "guest/tools" / name


def build_tool(name):
    """Build one of them, where scripts/check has not built all."""
    subprocess.run(["make", "--quiet", "-C", REPO / "tests/guest", f"O={BUILD / 'guest'}",
                    tool_file(name)], check=True)


def count(config, small, full):
    """How often to repeat: a little in every run, a lot with --full."""
    return full if config.option.full else small


def scripted(prefix):
    """Those that play the host whose names begin so, see tests/scripted."""
    return sorted(path.stem for path in (REPO / "tests/scripted").glob(f"{prefix}*.c"))


def files(programs, folder="guest"):
    """For a guest: where it is to have programs of a folder."""
    return {f"{GUEST_DIRECTORY}/{name}": program_file(name, folder) for name in programs}


def scripted_guest(names, memory_mib):
    """Options of a guest for programs that play the host: they bring their own devices."""
    return {"memory_mib": memory_mib, "balloon": None, "load": False,
            "test_modules": ["balloon_host"], "files": files(names, "scripted")}


def judge(program, done, record_property):
    """The verdict of a test about a program that ran in a guest."""
    print(done.out)
    results = ktap.parse(done.out)
    if results.skipped and len(results.skipped) == len(results.cases):
        pytest.skip(results.skipped[0].skip)
    for case in results.skipped:
        record_property("skipped case", f"{case.name}: {case.skip}")
    assert not done.timed_out, f"{program} did not end in time"
    assert not results.failed, (
        f"{program}: {', '.join(case.name for case in results.failed)}")
    assert not results.errors, f"{program}: {', '.join(results.errors)}"
    assert done.status == 0, f"{program} ended with {done.status}, expected 0"


def run(guest, program, record_property, timeout, arguments=""):
    """Run one in a guest that has it, and judge."""
    done = guest.sh(f"/{GUEST_DIRECTORY}/{program} {arguments}", timeout=timeout)
    judge(program, done, record_property)
