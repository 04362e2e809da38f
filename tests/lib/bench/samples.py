# SPDX-License-Identifier: GPL-2.0-only
"""Single measurements: kept in a CSV file, looked up as medians and ratios."""

import csv
import statistics
from typing import NamedTuple

from .contest import IN_TREE

GIB_MIB = 1024

# metric: (unit, what it is)
METRICS = {
    "wall": ("s", "from the new target to the balloon having reached it"),
    "usable": ("s", "from the new target to all but 32 MiB of the memory being free in the guest"),
    "cpu": ("s", "processor time of QEMU"),
    "rss_peak": ("MiB", "QEMU's largest resident memory, above that at the start"),
    "huge_before": ("MiB", "QEMU's transparent huge pages before"),
    "huge_after": ("MiB", "QEMU's transparent huge pages after"),
    "rss_prepared": ("MiB", "QEMU's resident memory before the driver is loaded"),
    "rss_before": ("MiB", "QEMU's resident memory before"),
    "rss_after": ("MiB", "QEMU's resident memory after"),
    "host_got": ("MiB", "of QEMU's resident memory that is gone since then"),
    "blocks_before": ("MiB", "free in the guest in blocks of 2 MiB and more before"),
    "blocks_after": ("MiB", "free in the guest in blocks of 2 MiB and more after"),
    "pages_asked": ("", "huge pages that the guest asks for then"),
    "pages_got": ("", "huge pages that it gets"),
    "kicks": ("", "notifications of the device"),
    "interrupts": ("", "interrupts of the guest by the device"),
    "config": ("", "accesses to the device's configuration"),
    "discards": ("", "ranges that QEMU discarded, one system call each"),
    "instructions": ("", "instructions of the guest's workqueues, where drivers work"),
}


class Place(NamedTuple):
    """What was measured. memory: the state the guest's memory was in."""

    kernel: str
    run: str            # time, count or icount
    init_on_alloc: int
    memory: str
    size_mib: int
    phase: str          # inflate or deflate


class Sample(NamedTuple):
    """One measurement. place: a Place, or any tuple that begins with the kernel."""

    place: tuple
    driver: str
    round: int
    metric: str
    value: float
    unit: str


class Writer:
    """Each sample is in the file at once: a run that is cut short keeps its.

    titles: of what makes up a place. metrics: {name: (unit, what it is)}.
    """

    def __init__(self, path, titles=Place._fields, metrics=None):
        self._file = open(path, "w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        self._csv.writerow([*titles, *Sample._fields[1:]])
        self._metrics = metrics or METRICS
        self.samples = []

    def add(self, place, driver, number, values):
        """values: {metric: value} of one phase."""
        for metric, value in values.items():
            sample = Sample(place, driver, number, metric, round(value, 6),
                            self._metrics[metric][0])
            self.samples.append(sample)
            self._csv.writerow([*place, *sample[1:]])
        self._file.flush()

    def close(self):
        self._file.close()


def place_of(row):
    """The Place of a line of a file."""
    return Place(**{name: kind(row[name]) for name, kind in Place.__annotations__.items()})


def read(path):
    """All samples of a file of places."""
    with open(path, newline="", encoding="utf-8") as file:
        return [Sample(place_of(row), row["driver"], int(row["round"]), row["metric"],
                       float(row["value"]), row["unit"])
                for row in csv.DictReader(file)]


class Results:
    """Samples by what was measured."""

    def __init__(self, samples):
        self._values = {}
        for one in samples:
            key = (one.place, one.driver, one.metric)
            self._values.setdefault(key, []).append(one.value)

    def places(self, metric):
        """Where a metric was measured, in the order of the measurements."""
        return list(dict.fromkeys(place for place, _, name in self._values
                                  if name == metric))

    def drivers(self, metric):
        return list(dict.fromkeys(driver for _, driver, name in self._values
                                  if name == metric))

    def all_places(self):
        return list(dict.fromkeys(place for place, _, _ in self._values))

    def all_drivers(self):
        return list(dict.fromkeys(driver for _, driver, _ in self._values))

    def kernels(self):
        return list(dict.fromkeys(place[0] for place, _, _ in self._values))

    def rounds(self):
        """Measurements behind the best-founded median."""
        return max((len(values) for values in self._values.values()), default=0)

    def rounds_of(self, place, metric):
        """Measurements behind the best-founded median of a metric there."""
        return max((len(values) for (where, _, name), values in self._values.items()
                    if (where, name) == (place, metric)), default=0)

    def median(self, place, driver, metric):
        """None if it was not measured."""
        values = self._values.get((place, driver, metric))
        return statistics.median(values) if values else None

    def ratio(self, place, driver, metric, to=IN_TREE):
        """A median as a part of another driver's; None if there are not both."""
        ours = self.median(place, driver, metric)
        theirs = self.median(place, to, metric)
        return ours / theirs if ours is not None and theirs else None

    def per_gib(self, place, driver, metric):
        """A median for each GiB of the place; None if it was not measured."""
        value = self.median(place, driver, metric)
        return None if value is None else value * GIB_MIB / place.size_mib
