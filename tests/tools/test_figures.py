# SPDX-License-Identifier: GPL-2.0-only
"""Shows that documents have what was measured: figures, losses too, and verdicts.

With figures that are made up, in a tree that has just the documents.
"""

from xml.etree import ElementTree

import pytest

from bench import medians, migrated, page, samples, summary
from bench.samples import Place, Results, Sample
from suite import conformance, conformance_page
from suite.conformance import Verdict

MACHINE = {"date": "2026-11-30", "cores": 2, "memory_gib": 24, "qemu": "10.0.13 (Debian)",
           "kernels": {"6.1": "6.1.0-1-test (6.1.1-1)", "7.2": "7.2.0-1-test (7.2.1-1)"}}
README = """\
# title
<!-- begin of the summary -->
stale figures
<!-- end of the summary -->
the end
"""
PAGE = """\
Title
=====

.. begin of the summary
.. end of the summary

.. begin of the migrations
stale figures
.. end of the migrations

.. begin of what scripts/bench writes
stale figures
.. end of what scripts/bench writes
"""


def time_place(kernel, init_on_alloc, memory="populated", phase="inflate"):
    return Place(kernel, "time", init_on_alloc, memory, 2048, phase)


def add(writer, place, **values):
    """values: {metric: (the in-tree driver's, ours)}; ours in three rounds."""
    for metric, (theirs, ours) in values.items():
        writer.add(place, "in-tree", 1, {metric: theirs})
        for number, value in enumerate((ours * 5, ours, ours / 2)):
            writer.add(place, "auto", number + 1, {metric: value})


def moved_by(driver, rounds):
    """rounds: (pages of zeros, seconds of a processor) of each."""
    place = ("6.1", "0", "20", "plain")
    for number, (zeros, cpu) in enumerate(rounds):
        values = {**dict.fromkeys(migrated.METRICS, 200), "zero": zeros, "cpu": cpu}
        for metric, value in values.items():
            yield Sample(place, driver, number + 1, metric, value, migrated.METRICS[metric][0])


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "samples.csv"
    writer = samples.Writer(path)
    for kernel in MACHINE["kernels"]:
        for init_on_alloc in (0, 1):
            add(writer, time_place(kernel, init_on_alloc), wall=(2, 0.5), cpu=(2, 3))
            add(writer, time_place(kernel, init_on_alloc, "used"), cpu=(2, 1),
                blocks_after=(1000, 900))
        add(writer, Place(kernel, "count", 0, "populated", 512, "inflate"), kicks=(512, 32))
    writer.close()
    return Results(samples.read(path))


@pytest.fixture
def repo(tmp_path, results):
    documentation = tmp_path / "Documentation"
    documentation.mkdir()
    (tmp_path / page.README).write_text(README)
    (documentation / page.BENCHMARK).write_text(PAGE)
    medians.write(documentation / page.CSV, MACHINE, results)
    migrated.write(documentation / migrated.CSV, MACHINE["date"], "3 GiB", MACHINE["kernels"],
                   Results([*moved_by("in-tree", [(1000, 0.5)] * 3),
                            *moved_by("ours", [(9000, 0.1), (1500, 0.25), (1000, 9)])]))
    return tmp_path


def readme(repo):
    return (repo / page.README).read_text()


def test_file_of_medians(repo, results):
    machine, read = medians.read(repo / "Documentation" / page.CSV)
    assert machine["kernels"] == MACHINE["kernels"] and machine["qemu"] == MACHINE["qemu"]
    assert read.all_places() == results.all_places()
    assert read.rounds() == 3
    for place in results.all_places():
        for metric in samples.METRICS:
            for driver in ("in-tree", "auto"):
                assert read.median(place, driver, metric) == results.median(
                    place, driver, metric)


def test_documents_have_the_figures(repo):
    assert {path.name for path in page.update(repo)} == {
        page.README, page.BENCHMARK, page.CHART}
    assert "| Inflate, memory that the host holds | 0.25× | 0.25× | 0.25× | 0.25× |" \
        in readme(repo)
    assert "| Notifications per GiB inflated | 1,024 | 64 | 1,024 | 64 |" in readme(repo)
    assert readme(repo).startswith("# title\n") and readme(repo).endswith("\nthe end\n")
    assert "stale" not in readme(repo)
    text = (repo / "Documentation" / page.BENCHMARK).read_text()
    assert "6.1: 6.1.0-1-test (6.1.1-1); 7.2: 7.2.0-1-test" in text
    assert "Times are medians of up to 3 rounds." in text
    assert "0.250×" in text and "stale" not in text
    assert "6.1    0              20     plain      ours     200 MiB (1×)  1,500 (1.5×)" in text


def test_losses_are_bold(repo):
    page.update(repo)
    assert "| QEMU processor time: inflate | **1.50×** |" in readme(repo)
    assert "| 1,000 MiB | **900 MiB** |" in readme(repo)
    assert "| Migration: pages of zeros sent | **1.50×** | – | – | – |" in readme(repo)
    assert "| Migration: QEMU processor time | 0.50× |" in readme(repo)


def test_plot(repo):
    page.update(repo)
    svg = ElementTree.parse(repo / "Documentation" / page.CHART).getroot()
    texts = ["".join(one.itertext()) for one in svg.findall(".//{*}text")]
    assert "in-tree driver = 1" in texts
    # Wall time of four columns, and notifications of two.
    assert texts.count("0.25×") == 4 and texts.count("0.06×") + texts.count("0.062×") == 2


def test_difference_is_found(repo):
    page.update(repo)
    assert not page.differing(page.documents(repo))
    path = repo / page.README
    path.write_text(readme(repo).replace("1,024 | 64", "1,024 | 16"))
    assert page.differing(page.documents(repo)) == [path]


@pytest.mark.parametrize("name, complaint", [
    (page.README, "put the markers back"),
    ("Documentation/benchmark.rst", "put the markers back")])
def test_broken_document(repo, name, complaint):
    (repo / name).write_text("nothing is left\n")
    with pytest.raises(SystemExit, match=complaint):
        page.update(repo)


@pytest.mark.parametrize("value, text", [
    (1.456, "1.46"), (1, "1.00"), (0.221, "0.22"), (0.0149, "0.015"), (0.0001, "0.0001")])
def test_short(value, text):
    assert summary.short(value) == text


# -- conformance --

def verdicts(statements, result):
    return {one.id: Verdict("erratum" if one.status == "erratum" else result)
            for one in statements}


@pytest.fixture
def results_file(tmp_path):
    """Of two kernels; the in-tree driver of one fails the first statement."""
    statements = conformance.load()
    columns = {(series, driver): verdicts(statements, "pass")
               for driver in conformance_page.DRIVERS for series in MACHINE["kernels"]}
    columns["7.2", "in-tree"][statements[0].id] = Verdict("FAIL")
    path = tmp_path / "results.tsv"
    conformance_page.write(path, "2026-11-30", {"6.1": "6.1.0", "7.2": "7.2.0"}, columns)
    return path


def test_conformance_page(results_file):
    text = conformance_page.render(*conformance_page.read(results_file))
    statements, words = conformance.load(), " ".join(text.split())
    for one in statements:
        assert f"``{one.id}``" in text
        assert one.status != "erratum" or one.text + f" {one.reason[0].upper()}" in words
    first = next(line for line in text.splitlines() if line.startswith(f"``{statements[0].id}``"))
    assert first.split()[-4:] == ["pass", "pass", "pass", "**FAIL**"]
    errata = sum(one.status == "erratum" for one in statements)
    assert f"- Linux 7.2, in-tree: {len(statements) - errata - 1} pass, 1 FAIL, " \
        f"{errata} not tested" in text
    assert f"- Linux 7.2, in-tree: {statements[0].id}\n" in text


def test_statement_without_a_result(results_file):
    lines = results_file.read_text().splitlines()
    results_file.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(SystemExit, match=f"no results for {conformance.load()[-1].id}: run"):
        conformance_page.render(*conformance_page.read(results_file))
