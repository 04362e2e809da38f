# SPDX-License-Identifier: GPL-2.0-only
"""The default mode beside the in-tree driver: what README.md and benchmark.rst begin with."""

from dataclasses import dataclass
from typing import Callable

from . import table
from .contest import DEFAULT, IN_TREE

# Worse than the in-tree driver by more than this is shown in bold.
NOTICEABLE = 1.01
ROOM = 15
RATIO_TITLE = "Ratios"
COUNT_TITLE = "Counts and sizes"


@dataclass(frozen=True)
class Ratio:
    """A row of ratios: one for each kernel and setting of init_on_alloc."""

    text: str
    metric: str
    find: dict


@dataclass(frozen=True)
class Count:
    """A row of absolute numbers. value(results, place, driver)"""

    text: str
    find: dict
    value: Callable
    unit: str = ""
    more_is_better: bool = False


def _inflate(memory, run="time", **more):
    return {"run": run, "memory": memory, "phase": "inflate", **more}


def _deflate(memory, run="time", **more):
    return _inflate(memory, run, **more) | {"phase": "deflate"}


RATIOS = (
    Ratio("Inflate, memory that the host holds", "wall", _inflate("populated")),
    Ratio("Inflate, memory never touched", "wall", _inflate("untouched")),
    Ratio("Inflate, fragmented memory", "wall", _inflate("fragmented")),
    Ratio("Inflate, used guest", "wall", _inflate("used")),
    Ratio("Inflate, used page cache", "wall", _inflate("cached")),
    Ratio("Deflate, until the memory is usable", "usable", _deflate("populated")),
    Ratio("QEMU processor time: inflate", "cpu", _inflate("populated")),
    Ratio("QEMU processor time: inflate, fragmented", "cpu", _inflate("fragmented")),
    Ratio("QEMU processor time: inflate, used guest", "cpu", _inflate("used")),
    Ratio("QEMU processor time: deflate", "cpu", _deflate("populated")),
    Ratio("Guest instructions: inflate", "instructions", _inflate("any", "icount")),
    Ratio("Guest instructions: deflate", "instructions", _deflate("any", "icount")),
)


def _median(metric):
    return lambda results, place, driver: results.median(place, driver, metric)


def _per_gib(metric):
    return lambda results, place, driver: results.per_gib(place, driver, metric)


def _huge_pages_lost(results, place, driver):
    before, after = (results.per_gib(place, driver, name)
                     for name in ("huge_before", "huge_after"))
    return None if None in (before, after) else before - after


def _events():
    counted = {"init_on_alloc": 0}
    inflate, deflate = (of("populated", "count", **counted) for of in (_inflate, _deflate))
    for text, metric in (("Notifications", "kicks"), ("Interrupts", "interrupts"),
                         ("Accesses to the device's configuration", "config")):
        for name, where in (("inflated", inflate), ("deflated", deflate)):
            yield Count(f"{text} per GiB {name}", where, _per_gib(metric))
    yield Count("Host calls (discards) per GiB inflated", inflate, _per_gib("discards"))
    for memory, more in (("compacted", ""), ("compacted-blocks", ", take=blocks")):
        yield Count(f"Host huge pages split per GiB inflated, compacted guest{more}",
                    _inflate(memory, "count", **counted), _huge_pages_lost, "MiB")


def _memory():
    for init_on_alloc in (0, 1):
        about = f"init_on_alloc={init_on_alloc}"
        used = _inflate("used", init_on_alloc=init_on_alloc)
        yield Count(f"Used guest, {about}: host memory freed by a balloon of 1 GiB", used,
                    _median("host_got"), "MiB", True)
        yield Count(f"Used guest, {about}: free blocks of 2 MiB and more left", used,
                    _median("blocks_after"), "MiB", True)
        yield Count(f"Used guest, {about}: huge pages it can allocate", used,
                    _median("pages_got"), "", True)
    yield Count("Peak growth of QEMU, inflating untouched memory, init_on_alloc=1",
                _inflate("untouched", init_on_alloc=1), _median("rss_peak"), "MiB")


COUNTS = (*_events(), *_memory())


def place_of(results, metric, find):
    """The one place that fits, or None."""
    return next((place for place in results.places(metric)
                 if all(getattr(place, name) == wanted for name, wanted in find.items())), None)


def columns(results):
    """[(kernel, init_on_alloc)] of the ratios."""
    return [(kernel, init_on_alloc) for kernel in results.kernels() for init_on_alloc in (0, 1)]


def ratio(results, row, kernel, init_on_alloc):
    """To the in-tree driver, or None if it was not measured."""
    find = {**row.find, "kernel": kernel, "init_on_alloc": init_on_alloc}
    place = place_of(results, row.metric, find)
    return place and results.ratio(place, DEFAULT, row.metric)


def short(value):
    """Two digits that mean something: 1.46, 0.22, 0.015."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def ratio_cell(value):
    if value is None:
        return table.NOTHING
    text = f"{short(value)}×"
    return f"**{text}**" if value > NOTICEABLE else text


def _ratio_table(results, more):
    where = columns(results)
    head = [RATIO_TITLE, *(f"{kernel}, init_on_alloc={init}" for kernel, init in where)]
    rows = [[row.text, *(ratio_cell(ratio(results, row, *one)) for one in where)]
            for row in RATIOS]
    rows += [[text, *(ratio_cell(values.get(one)) for one in where)]
             for text, values in more.items()]
    return head, [row for row in rows if set(row[1:]) != {table.NOTHING}]


def _amount(value, unit):
    """Whole numbers, but for the smallest."""
    return f"{value:,.0f} {unit}".strip() if value >= 10 else table.number(value, unit)


def _count_place(results, row, kernel):
    """Where both drivers were counted, or None."""
    find = {**row.find, "kernel": kernel}
    for place in results.all_places():
        if (all(getattr(place, name) == wanted for name, wanted in find.items())
                and row.value(results, place, IN_TREE) is not None):
            return place
    return None


def _count_cells(results, row, kernel):
    place = _count_place(results, row, kernel)
    theirs, ours = (place and row.value(results, place, driver) for driver in (IN_TREE, DEFAULT))
    if None in (theirs, ours):
        return [table.NOTHING, table.NOTHING]
    shown = [_amount(value, row.unit) for value in (theirs, ours)]
    better, worse = (ours, theirs) if row.more_is_better else (theirs, ours)
    if worse > better * NOTICEABLE and len(set(shown)) == 2:
        shown[1] = f"**{shown[1]}**"
    return shown


def _count_table(results):
    kernels = results.kernels()
    head = [COUNT_TITLE, *(f"{kernel}, {name}" for kernel in kernels
                           for name in (IN_TREE, "this driver"))]
    rows = [[row.text, *(cell for kernel in kernels
                         for cell in _count_cells(results, row, kernel))] for row in COUNTS]
    return head, [row for row in rows if set(row[1:]) != {table.NOTHING}]


def tables(results, more):
    """[(head, rows)]; more: {text of a row of ratios: {(kernel, init): ratio}}."""
    return [_ratio_table(results, more), _count_table(results)]


def markdown(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rst(head, rows):
    """With room beside the longest first cell: no row looks like the rest of another."""
    longest = max(len(row[0]) for row in rows)
    return table.figures([head[0].ljust(longest + ROOM), *head[1:]], rows)
