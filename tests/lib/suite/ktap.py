# SPDX-License-Identifier: GPL-2.0-only
"""Reads KTAP, the output of the test programs in C."""

import re
from dataclasses import dataclass, field

RESULT = re.compile(r"^(ok|not ok) (\d+) ?-? ?(.*?)(?: # (SKIP)\b ?(.*))?$")
PLAN = re.compile(r"^1\.\.(\d+)")


@dataclass
class Case:
    number: int
    name: str
    ok: bool
    skip: str = None        # the reason, if it was skipped


@dataclass
class Ktap:
    """The results of one program; what it did wrong itself is in errors."""

    cases: list = field(default_factory=list)
    errors: list = field(default_factory=list)

    @property
    def failed(self):
        return [case for case in self.cases if not case.ok]

    @property
    def skipped(self):
        return [case for case in self.cases if case.skip is not None]


def _reason(case, lines, index):
    """ktap_run() puts the reason on a line of its own, before the result."""
    if case.skip == "reason above" and index:
        return lines[index - 1].removeprefix("# SKIP ")
    return case.skip


def parse(text):
    """The results of a program that ran once, to its end."""
    result, planned = Ktap(), None
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if plan := PLAN.match(line):
            planned = int(plan[1])
        elif found := RESULT.match(line):
            case = Case(int(found[2]), found[3], found[1] == "ok",
                        found[5] if found[4] else None)
            case.skip = _reason(case, lines, index)
            result.cases.append(case)
    if planned is None:
        result.errors.append("there is no plan")
    elif [case.number for case in result.cases] != list(range(1, planned + 1)):
        result.errors.append(f"planned {planned} results, got those numbered "
                             f"{[case.number for case in result.cases]}")
    if not result.cases:
        result.errors.append("there are no results")
    return result
