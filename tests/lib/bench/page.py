# SPDX-License-Identifier: GPL-2.0-only
"""Puts the figures of benchmark.csv and migration.csv into the documents that show them.

Each of the documents has them between two markers; the rest of it is left alone.
"""

from . import chart, limits, medians, migrated, summary, table

CSV = "benchmark.csv"
BENCHMARK = "benchmark.rst"
CHART = "comparison.svg"
README = "README.md"

BEGIN, END = "begin of what scripts/bench writes", "end of what scripts/bench writes"
MOVED_BEGIN, MOVED_END = "begin of the migrations", "end of the migrations"
SUMMARY_BEGIN, SUMMARY_END = "begin of the summary", "end of the summary"

# The groups of the plot: a title of two lines, and the row it shows.
GROUPS = (("Inflate:\ntime", "Inflate, memory that the host holds"),
          ("Deflate:\ntime", "Deflate, until the memory is usable"),
          ("Inflate fragmented\nmemory: time", "Inflate, fragmented memory"),
          ("Inflate used guest:\nQEMU CPU time", "QEMU processor time: inflate, used guest"))
KICKS = "Notifications:\ninflate"


def between(name, text, begin, end, new):
    """The text with what stands between two marker lines replaced."""
    lines = text.splitlines()
    marks = [n for marker in (begin, end) for n, line in enumerate(lines) if marker in line]
    if len(marks) != 2 or marks[0] > marks[1]:
        raise SystemExit(f"{name} needs a line with '{begin}' and after it one with '{end}': "
                         "put the markers back")
    return "\n".join([*lines[:marks[0] + 1], "", new.strip(), "", *lines[marks[1]:]]) + "\n"


def _circumstances(machine, results):
    kernels = "; ".join(f"{series}: {release}"
                        for series, release in machine["kernels"].items())
    return (f"Measured {machine['date']} with QEMU {machine['qemu']}, emulating (TCG),\n"
            f"on a machine with {machine['cores']} cores and "
            f"{machine['memory_gib']} GiB that other work used too. Kernels:\n"
            f"{kernels}.\n"
            f"Times are medians of up to {results.rounds()} rounds.")


def _groups(results):
    """What the plot shows: [(title, {(kernel, init_on_alloc): ratio})]"""
    rows = {row.text: row for row in summary.RATIOS}
    where = summary.columns(results)
    groups = [(title, {one: summary.ratio(results, rows[text], *one) for one in where})
              for title, text in GROUPS]
    kicks = summary.Ratio(KICKS, "kicks", {"run": "count", "memory": "populated",
                                           "phase": "inflate"})
    return [*groups, (KICKS, {one: summary.ratio(results, kicks, *one) for one in where})]


def _of_readme(machine, results, migrations):
    parts = [summary.markdown(*one)
             for one in summary.tables(results, migrated.ratios(migrations))]
    return "\n\n".join([*parts, f"Measured {machine['date']}, QEMU {machine['qemu'].split()[0]} "
                        f"(TCG), medians of up to {results.rounds()} rounds; migrations "
                        f"{migrations.notes['date']}, {migrations.results.rounds()} rounds."])


def documents(repo):
    """{path: text} of each document, with the figures that it should have."""
    documentation = repo / "Documentation"
    machine, results = medians.read(documentation / CSV)
    paths = [documentation / BENCHMARK, repo / README]
    page, readme = (path.read_text(encoding="utf-8") for path in paths)
    migrations = migrated.read(documentation / migrated.CSV)
    more = migrated.ratios(migrations)
    rst = "\n\n".join(summary.rst(*one) for one in summary.tables(results, more))
    page = between(BENCHMARK, page, SUMMARY_BEGIN, SUMMARY_END, rst)
    page = between(BENCHMARK, page, MOVED_BEGIN, MOVED_END, migrated.render(migrations))
    text = table.render(results, limits.judge(results))
    page = between(BENCHMARK, page, BEGIN, END,
                   f"{_circumstances(machine, results)}\n\n{text}")
    readme = between(README, readme, SUMMARY_BEGIN, SUMMARY_END,
                     _of_readme(machine, results, migrations))
    return {paths[0]: page, paths[1]: readme,
            documentation / CHART: chart.draw(_groups(results), summary.columns(results))}


def differing(texts):
    """The paths of {path: text} that have something else, or nothing."""
    return [path for path, text in texts.items()
            if not path.exists() or path.read_text(encoding="utf-8") != text]


def update(repo):
    """Write what differs; the paths of it."""
    texts = documents(repo)
    changed = differing(texts)
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed
