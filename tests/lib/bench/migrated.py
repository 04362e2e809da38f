# SPDX-License-Identifier: GPL-2.0-only
"""The table of migrations in Documentation/benchmark.rst, as ratios.

scripts/bench-migration prints such medians; that page has those of one chosen speed.
"""

import re

RULE = re.compile(r"^=+(  +=+)+$")
HEAD = ["Linux", "init_on_alloc", "driver", "sent", "pages of zeros", "time", "processor time"]
# Text of a row of README.md: the column that it is of.
ROWS = {"Migration: bytes sent": "sent", "Migration: pages of zeros sent": "pages of zeros",
        "Migration: QEMU processor time": "processor time"}


def _cells(line, rule):
    return [line[column.start():].strip() if column.end() == len(rule)
            else line[column.start():column.end()].strip() for column in re.finditer("=+", rule)]


def _table(text):
    """The rows below HEAD, as lists of cells."""
    lines = text.splitlines()
    for n, rule in enumerate(lines[:-2]):
        if RULE.match(rule) and _cells(lines[n + 1], rule) == HEAD:
            end = lines.index(rule, n + 3)
            return [_cells(line, rule) for line in lines[n + 3:end]]
    raise SystemExit(f"benchmark.rst has no table with the columns {', '.join(HEAD)}: "
                     "put the medians of scripts/bench-migration there")


def _number(cell):
    """38,184 or 0.482 of "0.33 s (0.482×)"."""
    return float(re.match(r"[\d.,]+", cell)[0].replace(",", ""))


def ratios(text):
    """{text of a row: {(kernel, init_on_alloc): ours to the in-tree driver's}}"""
    values = {(row[0], int(row[1]), row[2]): dict(zip(HEAD, row)) for row in _table(text)}
    places = [(kernel, init) for kernel, init, driver in values if driver == "ours"]
    return {name: {place: _number(values[*place, "ours"][column])
                   / _number(values[*place, "in-tree"][column]) for place in places}
            for name, column in ROWS.items()}
