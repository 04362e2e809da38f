# SPDX-License-Identifier: GPL-2.0-only
"""The results as text, which is reStructuredText too."""

from .contest import BARE, IN_TREE, MODES
from .limits import beside
from .samples import METRICS

# metric: heading. Those with a ratio to the in-tree driver; then plain ones.
RATIOS = {
    "wall": "Wall time",
    "usable": "Time until the memory is usable",
    "cpu": "Processor time of QEMU",
    "instructions": "Guest instructions",
    "kicks": "Kicks",
    "interrupts": "Interrupts",
    "config": "Accesses to the device's configuration",
    "discards": "Discards on the host",
}
PLAIN = {
    "host_got": "Memory that the host got",
    "rss_peak": "Peak resident memory above the start",
}
# What is shown before and after: (metrics, unit), heading and meaning.
PAIRS = (
    (("blocks_before", "blocks_after"), " MiB", "Whole blocks of the guest",
     "free memory in blocks of 2 MiB and more, before and after"),
    (("pages_asked", "pages_got"), "", "Huge pages for the guest",
     "how many it asks for with the balloon inflated, and how many it gets, without "
     "compaction"),
    (("huge_before", "huge_after"), " MiB",
     "Transparent huge pages of the host", "before and after, of QEMU's memory"),
)
COLUMNS = (IN_TREE, *MODES)
# Not a minus, which would be a list.
NOTHING = "–"


def number(value, unit=""):
    """With three digits that mean something."""
    if value is None:
        return NOTHING
    if unit == "" and value == int(value):
        text = f"{int(value):,}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"
    return f"{text} {unit}".strip()


def with_ratio(text, ratio):
    """A number, and behind it what it is of another one."""
    return text if ratio is None else f"{text} ({number(ratio)}×)"


def grid(head, rows):
    """A simple table of reStructuredText."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in [head, *rows]]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


def figures(head, rows):
    """The same, of which the HTML breaks no cell into lines."""
    return f".. class:: figures\n\n{grid(head, rows)}"


def heading(text, mark):
    return f"{text}\n{mark * len(text)}"


def _place_cells(place):
    return [str(place.init_on_alloc), place.memory, f"{place.size_mib} MiB", place.phase]


PLACE_HEAD = ["init_on_alloc", "memory", "amount", "phase"]


def _ratio_cell(results, place, driver, metric):
    value = results.median(place, driver, metric)
    if value is None:
        return NOTHING
    ratio = None if driver == IN_TREE else results.ratio(place, driver, metric)
    return with_ratio(number(value, METRICS[metric][0]), ratio)


def _metric_table(results, kernel, metric, columns, cell):
    rows = [_place_cells(place) + [cell(results, place, driver, metric)
                                   for driver in columns]
            for place in results.places(metric) if place.kernel == kernel]
    return figures(PLACE_HEAD + list(columns), rows) if rows else ""


def _plain_cell(results, place, driver, metric):
    return number(results.median(place, driver, metric), METRICS[metric][0])


def _pair_cell(metrics, unit):
    def cell(results, place, driver, _metric):
        values = [results.median(place, driver, metric) for metric in metrics]
        if None in values:
            return NOTHING
        return f"{values[0]:,.0f} → {values[1]:,.0f}{unit}"
    return cell


def _sections(results, kernel):
    bare = [driver for driver in results.drivers("instructions")
            if driver.startswith(BARE)]
    for metric, title in RATIOS.items():
        columns = COLUMNS + tuple(bare if metric == "instructions" else ())
        yield title, METRICS[metric][1], _metric_table(
            results, kernel, metric, columns, _ratio_cell)
    for metric, title in PLAIN.items():
        yield title, METRICS[metric][1], _metric_table(
            results, kernel, metric, COLUMNS, _plain_cell)
    for metrics, unit, title, meaning in PAIRS:
        yield title, meaning, _metric_table(
            results, kernel, metrics[0], COLUMNS, _pair_cell(metrics, unit))


def _limit_rows(results, judged):
    for one in judged:
        yield [one.kernel, one.text, one.driver,
               number(one.value, one.unit).replace(" ×", "×"),
               number(one.limit, one.unit).replace(" ×", "×"),
               number(beside(results, one), one.unit).replace(" ×", "×"),
               one.verdict]


def render(results, judged):
    """Everything: for each kernel a table of each metric, then the limits."""
    parts = []
    for kernel in results.kernels():
        parts.append(heading(f"Linux {kernel}", "="))
        for title, meaning, text in _sections(results, kernel):
            if text:
                parts += [heading(title, "-"),
                          f"{meaning[0].upper()}{meaning[1:]}.", text]
    parts.append(heading("Limits", "="))
    parts.append(grid(["Linux", "limit", "mode", "measured", "at most", IN_TREE,
                       "verdict"], list(_limit_rows(results, judged))))
    return "\n\n".join(parts) + "\n"
