# SPDX-License-Identifier: GPL-2.0-only
"""Each test in a Debian, or with --full in two."""

SUITES = ("bookworm", "trixie")


def pytest_generate_tests(metafunc):
    if "suite" in metafunc.fixturenames:
        full = metafunc.config.option.full
        metafunc.parametrize("suite", SUITES if full else SUITES[:1])
