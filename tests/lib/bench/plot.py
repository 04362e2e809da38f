# SPDX-License-Identifier: GPL-2.0-only
"""The ratios to the in-tree driver as a picture, the same for the same results."""

import matplotlib

from .contest import MODES

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402  pylint: disable=wrong-import-position

COLOURS = {"pfn": "#4477aa", "auto": "#ee7733", "range": "#228833"}
STYLE = {"font.family": "DejaVu Sans", "font.size": 9, "svg.fonttype": "none",
         "svg.hashsalt": "balloon", "axes.spines.top": False,
         "axes.spines.right": False}
# metric: title of its column
METRICS = {"wall": "wall time", "cpu": "processor time of QEMU"}
ROW_INCHES = 0.42
BAR = 0.25


def _label(place):
    return f"{place.kernel}  {place.phase} {place.memory}\ninit_on_alloc={place.init_on_alloc}"


def _bars(axes, results, places, metric):
    for n, mode in enumerate(MODES):
        ratios = [results.ratio(place, mode, metric) or 0 for place in places]
        at = [row + (n - 1) * BAR for row in range(len(places))]
        axes.barh(at, ratios, BAR * 0.9, color=COLOURS[mode], label=mode)
        for y, ratio in zip(at, ratios):
            axes.text(ratio, y, f" {ratio:.2f}", va="center", fontsize=6)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_title(METRICS[metric])
    axes.set_xlabel("part of the in-tree driver's (less is better)")
    axes.set_yticks(range(len(places)), [_label(place) for place in places])


def write(results, path):
    """Nothing if no times were measured."""
    places = results.places("wall")
    if not places:
        return
    with pyplot.rc_context(STYLE):
        figure, columns = pyplot.subplots(
            1, len(METRICS), sharey=True,
            figsize=(10, 1.5 + ROW_INCHES * len(places)))
        for axes, metric in zip(columns, METRICS):
            _bars(axes, results, places, metric)
        columns[0].invert_yaxis()
        columns[-1].legend(loc="lower right", frameon=False)
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None})
        pyplot.close(figure)
