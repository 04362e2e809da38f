# SPDX-License-Identifier: GPL-2.0-only
"""The test programs in C that scripts/check builds."""

from lab.paths import BUILD, REPO

# In tests/guest, but for what they share.
PROGRAMS = sorted(path.stem for path in (REPO / "tests/guest").glob("*.c")
                  if path.stem != "guest")


def program_file(name):
    """The static program for guests; tests that need it fail if it is not built."""
    return BUILD / "guest" / name


def tool_file(name):
    """A static program of tests/guest/tools, no test itself."""
    return BUILD / "guest/tools" / name


def count(config, small, full):
    """How often to repeat: a little in every run, a lot with --full."""
    return full if config.option.full else small
