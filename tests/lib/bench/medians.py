# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/benchmark.csv: the medians of the last benchmark, and on what it ran.

README.md, Documentation/benchmark.rst and the plot are made from this file alone, so
that each of them can be checked wherever the sources are.
"""

import csv

from lab.kernel import version_of

from .samples import METRICS, Place, Results, Sample, place_of

COLUMNS = [*Place._fields, "metric", "unit", "rounds"]
LICENCE = "# SPDX-License-Identifier: GPL-2.0-only"
HEAD = "# Medians, a column for each driver. Written by scripts/bench; see benchmark.rst."
KERNEL = "kernel "


class Medians(Results):
    """Results of which only the medians are known, and of how many rounds they are."""

    def __init__(self, samples, rounds):
        super().__init__(samples)
        self._rounds = rounds

    def rounds(self):
        return self._rounds


def write_file(path, head, notes, rows):
    """A file of figures. notes: {name: text}. rows: the first has the titles."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write("\n".join([LICENCE, head, *(f"# {name}: {text}" for name, text
                                               in notes.items())]) + "\n")
        csv.writer(file, lineterminator="\n").writerows(rows)


def read_file(path, how):
    """({name: text}, [{title: cell}]); how: the command that writes such a file."""
    if not path.exists():
        raise SystemExit(f"there is no {path}: {how} measures and writes it")
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# ")
                 and ": " in line)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    if not rows:
        raise SystemExit(f"{path} has no figures: measure them with {how}")
    return notes, rows


def kernel_notes(releases):
    """releases: {series: release}"""
    return {KERNEL + version_of(release): release for release in releases.values()}


def named(place, releases):
    """Its cells: pages call a kernel by its version, not by the series."""
    return [version_of(releases[place[0]]), *place[1:]]


def kernels_of(notes):
    """The opposite."""
    return {name[len(KERNEL):]: text for name, text in notes.items() if name.startswith(KERNEL)}


def most_rounds(rows):
    return max(int(row["rounds"]) for row in rows)


def _rows(releases, results, drivers):
    for place in results.all_places():
        for metric, (unit, _) in METRICS.items():
            values = [results.median(place, driver, metric) for driver in drivers]
            if any(value is not None for value in values):
                yield [*named(place, releases), metric, unit, results.rounds_of(place, metric),
                       *("" if value is None else f"{value:.10g}" for value in values)]


def write(path, machine, results):
    drivers = results.all_drivers()
    plain = {name: value for name, value in machine.items() if name != "kernels"}
    write_file(path, HEAD, plain | kernel_notes(machine["kernels"]),
               [[*COLUMNS, *drivers], *_rows(machine["kernels"], results, drivers)])


def read(path):
    """(on what it was measured, Medians)"""
    notes, rows = read_file(path, "make bench")
    samples = [Sample(place_of(row), driver, 1, row["metric"], float(row[driver]), row["unit"])
               for row in rows for driver in rows[0] if driver not in COLUMNS and row[driver]]
    if not samples:
        raise SystemExit(f"{path} has no figures: measure them with make bench")
    return {**notes, "kernels": kernels_of(notes)}, Medians(samples, most_rounds(rows))
