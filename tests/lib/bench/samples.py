# SPDX-License-Identifier: GPL-2.0-only
"""Single measurements: kept in a CSV file, looked up as medians and ratios."""

import csv
import statistics
from dataclasses import astuple, dataclass, fields

from .contest import IN_TREE

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


@dataclass(frozen=True)
class Place:
    """What was measured. memory: the state the guest's memory was in."""

    kernel: str
    run: str            # time, count or icount
    init_on_alloc: int
    memory: str
    size_mib: int
    phase: str          # inflate or deflate


@dataclass(frozen=True)
class Sample:
    """One measurement, as one line of the file has it."""

    kernel: str
    run: str
    init_on_alloc: int
    memory: str
    size_mib: int
    phase: str
    driver: str
    round: int
    metric: str
    value: float
    unit: str

    @property
    def place(self):
        return Place(*astuple(self)[:6])


NAMES = [field.name for field in fields(Sample)]


class Writer:
    """Each sample is in the file at once: a run that is cut short keeps its."""

    def __init__(self, path):
        self._file = open(path, "w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._file)
        self._csv.writerow(NAMES)
        self.samples = []

    def add(self, place, driver, number, values):
        """values: {metric: value} of one phase."""
        for metric, value in values.items():
            sample = Sample(*astuple(place), driver, number, metric,
                            round(value, 6), METRICS[metric][0])
            self.samples.append(sample)
            self._csv.writerow(astuple(sample))
        self._file.flush()

    def close(self):
        self._file.close()


def read(path):
    """All samples of a file."""
    with open(path, newline="", encoding="utf-8") as file:
        return [Sample(**{**row, "init_on_alloc": int(row["init_on_alloc"]),
                          "size_mib": int(row["size_mib"]),
                          "round": int(row["round"]),
                          "value": float(row["value"])})
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
        return list(dict.fromkeys(place.kernel for place, _, _ in self._values))

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
