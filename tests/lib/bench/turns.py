# SPDX-License-Identifier: GPL-2.0-only
"""Contestants that take turns in cases of their own, and a table of medians."""

import csv
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

from lab import SERIES, Kernel
from lab.paths import LAB, REPO
from suite import programs

from . import table

BEGAN = time.monotonic()
KERNELS = ["6.1", "newest"]


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.0f}s] {text}", file=sys.stderr, flush=True)


def add_options(parser, names):
    """What every measurement by turns can be told."""
    parser.add_argument("--kernel", action="append", choices=SERIES,
                        help=f"may be given several times; default {' and '.join(KERNELS)}")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--only", action="append", choices=names,
                        help="may be given several times; default all of them")


@dataclass
class Turns:
    """names: of the contestants, the first is what others are compared with.

    cases: {what is measured: its labels}. metrics: {name: (unit, meaning)}.
    measure: (kernel, case, name) -> {metric: value}.
    """

    names: list
    titles: list
    cases: dict
    metrics: dict
    measure: callable
    results: dict = field(default_factory=dict)

    def run(self, kernels, rounds, file):
        """Every measurement goes to a CSV file as well."""
        writer = csv.writer(file)
        writer.writerow(["kernel", *self.titles, "driver", "round", *self.metrics])
        for number in range(rounds):
            turn = number % len(self.names)
            for kernel in kernels:
                for case, labels in self.cases.items():
                    for name in self.names[turn:] + self.names[:turn]:
                        values = self.measure(kernel, case, name)
                        place = self.results.setdefault((kernel.series, *labels), {})
                        place.setdefault(name, []).append(values)
                        writer.writerow([kernel.series, *labels, name, number + 1,
                                         *values.values()])
                        say(f"{kernel.series} {' '.join(labels)} round {number + 1}/"
                            f"{rounds} {name}: {self._show(values)}")

    def _show(self, values):
        return ", ".join(f"{name} {table.number(value, self.metrics[name][0])}"
                         for name, value in values.items())

    def _cell(self, place, name, metric):
        """A median, and its ratio to the first contestant's."""
        def median(of):
            return statistics.median(values[metric] for values in place[of])

        text = table.number(median(name), self.metrics[metric][0])
        if name == self.names[0] or not median(self.names[0]):
            return text
        return f"{text} ({table.number(median(name) / median(self.names[0]))}×)"

    def render(self):
        rows = [[*labels, name] + [self._cell(place, name, metric)
                                   for metric in self.metrics]
                for labels, place in self.results.items() for name in self.names]
        head = ["Linux", *self.titles, "driver", *self.metrics]
        return "\n".join([table.grid(head, rows),
                          *(f"{name}: {', '.join(filter(None, (meaning, unit)))}"
                            for name, (unit, meaning) in self.metrics.items())])


def main(turns, args, what, tools=()):
    """Set up, build, measure, print; @what names the file of the measurements.

    @tools: programs of tests/guest/tools that the guests have.
    """
    subprocess.run([REPO / "scripts/setup"], check=True)
    subprocess.run([REPO / "scripts/fetch"], check=True)
    kernels = [Kernel(series) for series in args.kernel or KERNELS]
    for kernel in kernels:
        say(f"{kernel.series}: building")
        kernel.run_build()
    for name in tools:
        programs.build_tool(name)
    path = LAB / "bench" / f"{what}-{time.strftime('%Y-%m-%d-%H%M%S')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        turns.run(kernels, args.rounds, file)
    print(turns.render())
    say(f"every measurement: {path.relative_to(REPO) if path.is_relative_to(REPO) else path}")
