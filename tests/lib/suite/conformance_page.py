# SPDX-License-Identifier: GPL-2.0-only
"""What the drivers made of the specification: kept in results.tsv, shown in results.rst.

scripts/check --conformance --document judges and writes the first, scripts/figures makes the
second of it and of statements.tsv.
"""

import re
import textwrap
from collections import Counter
from itertools import groupby

from lab.kernel import version_of
from lab.paths import REPO

from . import conformance

RESULTS = REPO / "Documentation/conformance/results.tsv"
PAGE = REPO / "Documentation/conformance/results.rst"
DRIVERS = ("ours", "in-tree")
NAMES = {"ours": "this driver", "in-tree": "in-tree"}
ERRATUM, MARK = "erratum", "–"
WIDTH = 50
HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# Verdicts on each statement, a column for each kernel and driver. Written by
# scripts/check --conformance --document; see index.rst."""
INTRODUCTION = """\
.. SPDX-License-Identifier: GPL-2.0-only
.. written by scripts/figures

===================
Conformance results
===================

Every statement of VIRTIO 1.3, and of what 1.4 adds, that concerns a balloon driver, with the
verdict on this driver and on the in-tree driver of the same kernel. :doc:`index` says how
they are judged. Judged {date} with Linux {kernels}.

- *pass*, **FAIL**: what the test of that name found.
- *skip*: a permission that the driver makes no use of, or a statement about something that
  it does not do.
- {mark}: not tested; the `last section <not-tested_>`_ has the reasons.
"""


def write(path, date, releases, columns):
    """releases: {series: release}. columns: {(series, driver): {id: Verdict}}."""
    versions = {series: version_of(release) for series, release in releases.items()}
    lines = [HEAD, f"# date: {date}", *(f"# kernel {versions[series]}: {release}"
                                        for series, release in releases.items())]
    lines.append("\t".join(["id", *(f"{versions[series]} {driver}"
                                    for series, driver in columns)]))
    for statement in conformance.load():
        lines.append("\t".join([statement.id, *(found[statement.id].result
                                                for found in columns.values())]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path=RESULTS):
    """(date, {series: release}, [(series, driver)], {id: [result]})"""
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ")
                 and ": " in line)
    releases = {name.split()[1]: value for name, value in notes.items()
                if name.startswith("kernel ")}
    head, *rows = [line.split("\t") for line in lines if not line.startswith("#")]
    columns = [tuple(name.split(" ")) for name in head[1:]]
    return notes["date"], releases, columns, {row[0]: row[1:] for row in rows}


def _rule(widths, mark="="):
    return "  ".join(mark * width for width in widths)


def _line(cells, widths):
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def _shown(result):
    return {"FAIL": "**FAIL**", ERRATUM: MARK, "not yet": "**not yet**"}.get(result, result)


def _section_number(statement):
    return re.match(r"[\d.]+", statement.section)[0]


def _row(statement, results, widths):
    first, *more = textwrap.wrap(statement.text, WIDTH, break_on_hyphens=False,
                                 break_long_words=False)
    cells = [f"``{statement.id}``", statement.level, _section_number(statement), first,
             *map(_shown, results)]
    yield _line(cells, widths)
    for text in more:
        yield _line(["", "", "", text], widths)


def _table(statements, columns, results):
    """Kernels below the name of each driver."""
    cells = [max(len(_shown(result)) for one in statements for result in (results[one.id][n],
             columns[n][0])) for n in range(len(columns))]
    fixed = [max(len(one.id) for one in statements) + 4, 6, 11, WIDTH]
    spans = [sum(cells[n] for n, column in enumerate(columns) if column[1] == driver)
             + 2 * (sum(column[1] == driver for column in columns) - 1) for driver in DRIVERS]
    spans = [max(span, len(NAMES[driver])) for span, driver in zip(spans, DRIVERS)]
    left = sum(fixed) + 6
    yield _rule(fixed + cells)
    yield _line(["statement", *(NAMES[driver] for driver in DRIVERS)], [left, *spans])
    yield _rule([left, *spans], "-")
    yield _line(["id", "level", "section", "text", *(series for series, _ in columns)],
                fixed + cells)
    yield _rule(fixed + cells)
    for one in statements:
        yield from _row(one, results[one.id], fixed + cells)
    yield _rule(fixed + cells)


def _heading(text, mark="="):
    return f"{text}\n{mark * len(text)}\n"


def _group(statement):
    """GEN-ST of GEN-ST-01."""
    return statement.id.rpartition("-")[0]


def _title(group, statements):
    section = re.sub(r"^[\d.]+( and [\d.]+)? ", "", statements[0].section)
    return _heading(f"{group}: {section.partition(',')[0]}")


def _totals(columns, results):
    for n, (series, driver) in enumerate(columns):
        count = Counter(row[n] for row in results.values())
        text = ", ".join(f"{count[kind]} {kind}" for kind in ("pass", "FAIL", "skip", "not yet")
                         if count[kind])
        yield f"- Linux {series}, {NAMES[driver]}: {text}, {count[ERRATUM]} not tested"


def _failures(statements, columns, results):
    for n, (series, driver) in enumerate(columns):
        failed = [one.id for one in statements if results[one.id][n] == "FAIL"]
        if failed:
            text = f"- Linux {series}, {NAMES[driver]}: {', '.join(failed)}"
            yield textwrap.fill(text, 95, subsequent_indent="  ", break_on_hyphens=False)


def _not_tested(statements):
    yield ".. _not-tested:\n"
    yield _heading("Statements that are not tested")
    for one in statements:
        if one.status == ERRATUM:
            yield one.id
            yield textwrap.indent(textwrap.fill(f"{one.text} {one.reason[0].upper()}"
                                                f"{one.reason[1:]}.", 92), "  ") + "\n"


def render(date, releases, columns, results):
    """The page; fails if there is a statement without a result."""
    statements = conformance.load()
    missing = [one.id for one in statements if len(results.get(one.id, ())) != len(columns)]
    if missing:
        raise SystemExit(f"{RESULTS.relative_to(REPO)} has no results for {', '.join(missing)}: "
                         "run scripts/check --conformance --document")
    kernels = "; ".join(f"{series} ({release})" for series, release in releases.items())
    parts = [INTRODUCTION.format(date=date, kernels=kernels, mark=MARK),
             "In all:\n\n" + "\n".join(_totals(columns, results)) + "\n"]
    failures = "\n".join(_failures(statements, columns, results))
    if failures:
        parts += [f"Failed:\n\n{failures}\n"]
    for group, some in groupby(statements, _group):
        some = list(some)
        parts += [_title(group, some), "\n".join(_table(some, columns, results)) + "\n"]
    return "\n".join([*parts, *_not_tested(statements)]).rstrip() + "\n"


def document():
    """The page of the results that are there."""
    if not RESULTS.exists():
        raise SystemExit(f"there is no {RESULTS.relative_to(REPO)}: "
                         "run scripts/check --conformance --document")
    return render(*read())
