# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/migration.csv: medians of scripts/bench-migration, and what is made of them.

A table in Documentation/benchmark.rst, and rows of README.md.
"""

from dataclasses import dataclass

from . import medians, table
from .contest import IN_TREE as THEIRS
from .medians import Medians
from .samples import Sample

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
OURS = "ours"
# Text of a row of README.md: the metric that it is of.
ROWS = {"Migration: bytes sent": "sent", "Migration: pages of zeros sent": "zero",
        "Migration: QEMU processor time": "cpu",
        "Migration: growth of QEMU's resident memory": "rss"}
SHOWN = {"sent": "sent", "zero": "pages of zeros", "time": "time", "cpu": "processor time",
         "rss": "resident memory"}


@dataclass
class Migrations:
    """results: of places (kernel, init_on_alloc, speed, situation)."""

    notes: dict
    results: Medians


def write(path, date, guest, releases, results):
    """guest: in words. releases: {series: release}. results: as in Migrations."""
    def row(place, driver):
        rounds = max(results.rounds_of(place, metric) for metric in METRICS)
        return [*medians.named(place, releases), driver, rounds,
                *(f"{results.median(place, driver, metric):.6g}" for metric in METRICS)]

    medians.write_file(
        path, HEAD, {"date": date, "guest": guest, **medians.kernel_notes(releases)},
        [[*CASE, "driver", "rounds", *METRICS],
         *(row(place, driver) for place in results.all_places()
           for driver in results.all_drivers())])


def read(path):
    notes, rows = medians.read_file(path, "make bench-migration")
    samples = [Sample(tuple(row[name] for name in CASE), row["driver"], 1, metric,
                      float(row[metric]), unit)
               for row in rows for metric, (unit, _) in METRICS.items() if row[metric]]
    return Migrations(notes, Medians(samples, medians.most_rounds(rows)))


def _cell(results, place, driver, metric):
    value, unit = results.median(place, driver, metric), METRICS[metric][0]
    if unit == "pages" and value is not None:
        value, unit = round(value), ""
    ratio = None if driver == THEIRS else results.ratio(place, driver, metric)
    return table.with_ratio(table.number(value, unit), ratio)


def render(migrations):
    """The table of benchmark.rst, and on what it was measured."""
    head = ["Linux", *TITLES, "driver", *SHOWN.values()]
    results = migrations.results
    rows = [[*place, driver, *(_cell(results, place, driver, metric) for metric in SHOWN)]
            for place in results.all_places() for driver in results.all_drivers()]
    kernels = "; ".join(f"{series}: {release}" for series, release
                        in medians.kernels_of(migrations.notes).items())
    return (f"Measured {migrations.notes['date']} with a guest of {migrations.notes['guest']}; "
            f"medians of\n{results.rounds()} rounds. Kernels: {kernels}.\n\n"
            f"{table.figures(head, rows)}")


def ratios(migrations):
    """{text of a row: {(kernel, init_on_alloc): ours to the in-tree driver's}}

    Of the first speed and situation that were measured.
    """
    results = migrations.results
    first = results.all_places()[0][2:]
    places = [place for place in results.all_places() if place[2:] == first]
    return {text: {(place[0], int(place[1])): results.ratio(place, OURS, metric)
                   for place in places} for text, metric in ROWS.items()}
