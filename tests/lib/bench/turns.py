# SPDX-License-Identifier: GPL-2.0-only
"""Contestants that take turns in cases of their own, each in a guest of its own."""

from dataclasses import dataclass

from suite import programs

from . import engine, table
from .samples import Results, Writer


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
    results: Results = None

    def run(self, kernels, rounds, path):
        """Every measurement goes to a CSV file as well."""
        writer = Writer(path, ["kernel", *self.titles], self.metrics)
        try:
            for number in range(rounds):
                for kernel in kernels:
                    for case, labels in self.cases.items():
                        for name in engine.rotated(self.names, number):
                            values = self.measure(kernel, case, name)
                            writer.add((kernel.series, *labels), name, number + 1, values)
                            engine.say(f"{kernel} {' '.join(labels)} round {number + 1}/"
                                       f"{rounds} {name}: {self._show(values)}")
        finally:
            writer.close()
        self.results = Results(writer.samples)

    def _show(self, values):
        return ", ".join(f"{name} {table.number(value, self.metrics[name][0])}"
                         for name, value in values.items())

    def _cell(self, place, name, metric):
        """A median, and its ratio to the first contestant's."""
        first = self.names[0]
        ratio = None if name == first else self.results.ratio(place, name, metric, first)
        return table.with_ratio(table.number(self.results.median(place, name, metric),
                                             self.metrics[metric][0]), ratio)

    def render(self):
        rows = [[*place, name, *(self._cell(place, name, metric) for metric in self.metrics)]
                for place in self.results.all_places() for name in self.names]
        head = ["Linux", *self.titles, "driver", *self.metrics]
        return "\n".join([table.grid(head, rows),
                          *(f"{name}: {', '.join(filter(None, (meaning, unit)))}"
                            for name, (unit, meaning) in self.metrics.items())])


def main(turns, args, what, tools=()):
    """Set up, build, measure, print; @what begins the name of the results' directory.

    @tools: programs of tests/guest/tools that the guests have. Returns the kernels.
    """
    kernels = engine.kernels(args)
    for name in tools:
        programs.build_tool(name)
    directory = engine.new_directory(f"{what}-")
    try:
        turns.run(kernels, args.rounds or engine.ROUNDS, directory / engine.CSV)
    finally:
        engine.say_where(directory)
    text = turns.render()
    (directory / engine.TABLE).write_text(text + "\n", encoding="utf-8")
    print(text)
    return kernels
