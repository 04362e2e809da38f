# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/benchmark.csv: the medians of the last benchmark, and on what it ran.

README.md, Documentation/benchmark.rst and the plot are made from this file alone, so
that each of them can be checked wherever the sources are.
"""

import csv
from dataclasses import astuple, fields, replace

from lab.kernel import version_of

from .samples import METRICS, Place, Results, Sample

PLACE = [field.name for field in fields(Place)]
COLUMNS = [*PLACE, "metric", "unit", "rounds"]
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


def _comments(machine):
    plain = {name: value for name, value in machine.items() if name != "kernels"}
    kernels = {KERNEL + version_of(release): release for release in machine["kernels"].values()}
    return [f"# {name}: {value}" for name, value in {**plain, **kernels}.items()]


def _rows(machine, results, drivers):
    for place in results.all_places():
        named = replace(place, kernel=version_of(machine["kernels"][place.kernel]))
        for metric, (unit, _) in METRICS.items():
            values = [results.median(place, driver, metric) for driver in drivers]
            if any(value is not None for value in values):
                yield [*astuple(named), metric, unit, results.rounds_of(place, metric),
                       *("" if value is None else f"{value:.10g}" for value in values)]


def write(path, machine, results):
    drivers = results.all_drivers()
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write("\n".join([LICENCE, HEAD, *_comments(machine)]) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *drivers])
        writer.writerows(_rows(machine, results, drivers))


def _machine(lines):
    """What stands in the comments: {name: value}, and kernels by series."""
    pairs = dict(line[2:].rstrip().split(": ", 1) for line in lines if ": " in line[2:])
    kernels = {name[len(KERNEL):]: pairs[name] for name in pairs if name.startswith(KERNEL)}
    return {name: pairs[name] for name in ("date", "cores", "memory_gib", "qemu")} | {
        "kernels": kernels}


def _samples(row, drivers):
    place = [row[name] for name in PLACE]
    place[PLACE.index("init_on_alloc")] = int(row["init_on_alloc"])
    place[PLACE.index("size_mib")] = int(row["size_mib"])
    for driver in drivers:
        if row[driver]:
            yield Sample(*place, driver, 1, row["metric"], float(row[driver]), row["unit"])


def read(path):
    """(on what it was measured, Medians)"""
    if not path.exists():
        raise SystemExit(f"there is no {path}: make bench measures and writes it")
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    drivers = [name for name in rows[0] if name not in COLUMNS] if rows else []
    if not drivers:
        raise SystemExit(f"{path} has no figures: measure them with make bench")
    samples = [sample for row in rows for sample in _samples(row, drivers)]
    return _machine(comments), Medians(samples, max(int(row["rounds"]) for row in rows))
