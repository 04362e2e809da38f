# SPDX-License-Identifier: GPL-2.0-only
"""What a run says at its end, a plugin of pytest.

Why tests were skipped or failed, the seconds of each file, and as the last line of all
"N passed, N failed, N skipped", which counts each test once: one that passed
but whose guest did not end well has failed.
"""

from collections import defaultdict

import pytest

RANK = ("passed", "skipped", "failed")
SKIPPED_CASE = "skipped case"
FIGURE = "figure"
# Of a failure, in the summary.
REASON_LINES = 8


def _skip_reason(report):
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)


def _failure(report):
    """What says most; the whole of it was shown above."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = (crash.message if crash else report.longreprtext).strip().splitlines()
    if not lines:
        return "no reason given"
    return "\n    ".join(lines[:REASON_LINES]) if crash else lines[-1]


class Report:
    """Lives in the process that shows results, not in workers."""

    def __init__(self):
        self.outcomes = {}                      # of each test: one of RANK
        self.seconds = defaultdict(float)       # of each file
        self.skips = []
        self.figures = []
        self.failures = []

    def _note(self, nodeid, outcome):
        known = self.outcomes.get(nodeid, "passed")
        self.outcomes[nodeid] = max(known, outcome, key=RANK.index)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid.partition("::")[0]] += report.duration
        self._note(report.nodeid, report.outcome)
        if report.skipped:
            self.skips.append((report.nodeid, _skip_reason(report)))
        if report.failed:
            self.failures.append((report.nodeid, _failure(report)))
        if report.when == "teardown":
            for kind, text in report.user_properties:
                if kind == SKIPPED_CASE:
                    self.skips.append((report.nodeid, text))
                elif kind == FIGURE:
                    self.figures.append((report.nodeid, text))

    def pytest_collectreport(self, report):
        if report.failed:
            self._note(report.nodeid, "failed")
            self.failures.append((report.nodeid, _failure(report)))

    def pytest_terminal_summary(self, terminalreporter):
        line = terminalreporter.write_line
        for title, entries in (("figures", self.figures),
                               ("skipped, and why", self.skips),
                               ("failed, and why", self.failures)):
            if entries:
                terminalreporter.section(title)
            for nodeid, text in sorted(entries):
                line(f"{nodeid}: {text}")
        terminalreporter.section("seconds per file")
        for file, seconds in sorted(self.seconds.items()):
            line(f"{seconds:8.1f}  {file}")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self):
        count = [sum(outcome == kind for outcome in self.outcomes.values())
                 for kind in ("passed", "failed", "skipped")]
        print("\n{} passed, {} failed, {} skipped".format(*count), flush=True)
