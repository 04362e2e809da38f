# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/migration.csv: medians of scripts/bench-migration, and what is made of them.

A table in Documentation/benchmark.rst, and rows of README.md.
"""

import csv
import statistics
from dataclasses import dataclass

from lab.kernel import version_of

from . import table
from .medians import KERNEL, LICENCE

CSV = "migration.csv"
HEAD = "# Medians of migrations. Written by scripts/bench-migration; see benchmark.rst."
# metric: (unit, what it is)
METRICS = {
    "sent": ("MiB", "sent by the source"),
    "zero": ("pages", "sent as pages of zeros, each time anew"),
    "time": ("s", "from the command to the end"),
    "cpu": ("s", "processor time of the source's QEMU meanwhile"),
    "guest": ("s", "of that, of the guest's processors"),
    "queue": ("s", "of that, of the thread that takes the hints"),
    "rss": ("MiB", "peak of the source's resident memory above that at the start"),
    "unmovable": ("", "pageblocks for unmovable memory, more than before all migrations"),
}
# What tells cases apart; the speed is the most that is sent.
TITLES = ("init_on_alloc", "MiB/s", "situation")
CASE = ["kernel", *TITLES]
THEIRS, OURS = "in-tree", "ours"
# Text of a row of README.md: the metric that it is of.
ROWS = {"Migration: bytes sent": "sent", "Migration: pages of zeros sent": "zero",
        "Migration: QEMU processor time": "cpu",
        "Migration: growth of QEMU's resident memory": "rss"}
SHOWN = {"sent": "sent", "zero": "pages of zeros", "time": "time", "cpu": "processor time",
         "rss": "resident memory"}


@dataclass
class Migrations:
    """values: {(kernel, init_on_alloc, speed, situation): {driver: {metric: median}}}."""

    notes: dict
    rounds: int
    values: dict


def write(path, date, guest, releases, results):
    """guest: in words. results: {(kernel, *labels): {driver: [{metric: value}]}}."""
    notes = {"date": date, "guest": guest,
             **{KERNEL + version_of(text): text for text in releases.values()}}
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write("\n".join([LICENCE, HEAD, *(f"# {name}: {text}" for name, text
                                               in notes.items())]) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*CASE, "driver", "rounds", *METRICS])
        for (series, *labels), drivers in results.items():
            for driver, rounds in drivers.items():
                medians = [statistics.median(one[metric] for one in rounds)
                           for metric in METRICS]
                writer.writerow([version_of(releases[series]), *labels, driver, len(rounds),
                                 *(f"{one:.6g}" for one in medians)])


def read(path):
    if not path.exists():
        raise SystemExit(f"there is no {path}: scripts/bench-migration --document writes it")
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ")
                 and ": " in line)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    values = {}
    for row in rows:
        case = tuple(row[name] for name in CASE)
        values.setdefault(case, {})[row["driver"]] = {
            metric: float(row[metric]) if row[metric] else None for metric in METRICS}
    return Migrations(notes, max(int(row["rounds"]) for row in rows), values)


def _ratio(drivers, driver, metric):
    ours, theirs = (drivers.get(one, {}).get(metric) for one in (driver, THEIRS))
    return ours / theirs if driver != THEIRS and ours is not None and theirs else None


def _cell(drivers, driver, metric):
    value, unit = drivers[driver][metric], METRICS[metric][0]
    if unit == "pages" and value is not None:
        value, unit = round(value), ""
    text = table.number(value, unit)
    ratio = _ratio(drivers, driver, metric)
    return text if ratio is None else f"{text} ({table.number(ratio)}×)"


def render(migrations):
    """The table of benchmark.rst, and on what it was measured."""
    head = ["Linux", *TITLES, "driver", *SHOWN.values()]
    rows = [[*case, driver, *(_cell(drivers, driver, metric) for metric in SHOWN)]
            for case, drivers in migrations.values.items() for driver in drivers]
    kernels = "; ".join(f"{name[len(KERNEL):]}: {text}" for name, text in
                        migrations.notes.items() if name.startswith(KERNEL))
    return (f"Measured {migrations.notes['date']} with a guest of {migrations.notes['guest']}; "
            f"medians of\n{migrations.rounds} rounds. Kernels: {kernels}.\n\n"
            f"{table.figures(head, rows)}")


def ratios(migrations):
    """{text of a row: {(kernel, init_on_alloc): ours to the in-tree driver's}}

    Of the first speed and situation that were measured.
    """
    first = next(iter(migrations.values))[2:]
    both = {(case[0], int(case[1])): drivers for case, drivers in migrations.values.items()
            if case[2:] == first and {THEIRS, OURS} <= set(drivers)}
    return {text: {place: _ratio(drivers, OURS, metric) for place, drivers in both.items()}
            for text, metric in ROWS.items()}
