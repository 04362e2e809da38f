# SPDX-License-Identifier: GPL-2.0-only
"""Shows that balloonstat --prometheus has metrics that Prometheus takes, and replaces a
file so that no reader sees half of it.

golden/balloonstat.prom has all metrics of a guest with four balloons. The format is
checked here and, where it is installed, by promtool.
"""

import os
import re
import shutil
import subprocess

import pytest

from lab.paths import REPO
from suite.balloonstat import KIB, MIB, TIMEOUT, TOTALS, abi_words, check_golden

GOLDEN = REPO / "tests/tools/golden/balloonstat.prom"
EVENTS = REPO / "drivers/virtio/balloon/events"
PREFIX = "virtio_balloon_"
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? '
                    r'(-?\d+)')


def metrics(text):
    """{metric: {labels: value}} of a text in the format; it fails on any mistake."""
    found, kinds, documented = {}, {}, set()
    assert text.endswith("\n") and "\n\n" not in text
    for line in text.splitlines():
        words = line.split(" ", 3)
        if line.startswith("# HELP "):
            assert words[2] not in documented and words[3].strip(), line
            documented.add(words[2])
        elif line.startswith("# TYPE "):
            # After its help, before its series, and only once: all series are together.
            assert list(kinds)[-1:] != [words[2]] and words[2] not in kinds, line
            assert words[2] in documented and words[3] in ("counter", "gauge"), line
            kinds[words[2]] = words[3]
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name == list(kinds)[-1], f"{name} is among the series of another metric"
            assert (kinds[name] == "counter") == name.endswith("_total"), line
            series = found.setdefault(name, {})
            assert (labels or "") not in series, f"twice: {line}"
            series[labels or ""] = int(value)
    assert found.keys() == kinds.keys()
    return found


def of(text, name):
    return metrics(text).get(PREFIX + name)


@pytest.fixture
def guest(fake, module):
    """Our driver, with and without debugfs; the kernel's own; and none."""
    if module.page_size() != 4 * KIB:
        pytest.skip("made for pages of 4 KiB")
    fake.balloon("virtio0")
    fake.count(57)
    (fake.debugfs / "virtio0/totals").write_text(TOTALS)
    with open(fake.debugfs / "virtio0/queues", "a") as queues:
        queues.write("inflate_in_flight 1\ninflate_completions 56\ninflate_interrupts 2\n")
    with open(fake.root / "proc/vmstat", "a") as vmstat:
        vmstat.write("nr_balloon_pages 262144\n")
    (fake.module() / "version").write_text('1.2-"dirty"\\\n')
    fake.balloon("virtio1", debugfs=False, state="levitating")
    for name in ("in_flight", "report_state", "hint"):
        (fake.devices / "virtio1/balloon" / name).unlink()
    fake.device("virtio3", 5, "virtio_balloon")
    fake.device("virtio10", 5)
    return fake


def test_all_metrics_are_as_they_were(guest):
    text = guest.run("--prometheus").stdout
    check_golden(text, GOLDEN, guest.root / "now")
    metrics(text)


def test_every_state_has_a_series(guest):
    text = guest.run("--prometheus").stdout
    for name in ("state", "hint_state", "report_state"):
        for word in abi_words(name):
            assert f'device="virtio0",{name}="{word}"' in of(text, name)
    states = of(text, "state")
    for device, word in (("virtio0", "inflating"), ("virtio1", "levitating")):
        assert [labels for labels, value in states.items() if value and device in labels] == [
            f'device="{device}",state="{word}"']


def test_totals_of_any_name(guest):
    """A newer driver may have more; each line is a metric."""
    (guest.debugfs / "virtio0/totals").write_text(
        "event_oom 4\nnaps_taken 17\nodd-name.x 3\nwhole_total 5\nwords are-no-number\n"
        "reported_bytes 1\n")
    text = guest.run("--prometheus").stdout
    assert of(text, "event_oom_total") == {'device="virtio0"': 4}
    assert of(text, "naps_taken_total") == {'device="virtio0"': 17}
    assert of(text, "odd_name_x_total") == {'device="virtio0"': 3}
    assert of(text, "whole_total") == {'device="virtio0"': 5}
    assert of(text, "words_total") is None
    # The name is taken by the file in sysfs.
    assert of(text, "reported_bytes_total")['device="virtio0"'] == 2048 * MIB
    assert "# HELP virtio_balloon_naps_taken_total The line naps_taken of totals" in text


def lines_of_totals():
    """In the driver's order."""
    events = re.findall(r'\bE\(\w+, "([\w-]+)"', EVENTS.with_suffix(".h").read_text())
    states = re.findall(r'\[BALLOON_SIZE_\w+\]\s*= "([\w-]+)"',
                        EVENTS.with_suffix(".c").read_text())
    return [f"{what}_{name.replace('-', '_')}"
            for what, names in (("event", events), ("state", states)) for name in names]


def test_totals_here_are_those_of_the_driver():
    assert len(lines_of_totals()) > 20
    assert [line.split()[0] for line in TOTALS.splitlines()] == lines_of_totals()


def test_every_line_of_totals_has_a_help_of_its_own(module):
    wanted = {module.total_name(line) for line in lines_of_totals()}
    assert wanted == {name for name in module.HELP if re.match("(?:event|state)_.*_total$", name)}


@pytest.mark.parametrize("there", [True, False])
def test_older_driver_has_no_totals(guest, there):
    if not there:
        (guest.debugfs / "virtio0/totals").unlink()
    text = guest.run("--prometheus").stdout
    for line in TOTALS.splitlines():
        assert bool(of(text, f"{line.split()[0]}_total")) == there
    assert of(text, "actual_bytes") and of(text, "queue_requests_total")


def test_named_devices_alone(guest):
    text = guest.run("--prometheus", "virtio1").stdout
    assert list(of(text, "actual_bytes")) == ['device="virtio1"']
    assert of(text, "devices") == {"": 4}
    assert "virtio3" not in text
    said = guest.run("--prometheus", "virtio7", status=1)
    assert "there is no virtio device virtio7\nballoons here: virtio0, virtio1" in said.stderr
    assert not said.stdout


def test_guest_without_a_balloon_has_metrics(fake):
    """A timer that runs in all guests of a fleet fails in none."""
    fake.device("virtio0", 1, "virtio_net")
    text = fake.run("--prometheus").stdout
    assert of(text, "devices") == {"": 0}
    assert of(text, "info") is None and of(text, "vmstat_inflated_bytes_total")


# -- the file --

def test_file_is_replaced_and_everybody_may_read_it(guest):
    path = guest.root / "out/virtio_balloon.prom"
    path.parent.mkdir()
    path.write_text("old\n")
    with open(path) as reader:
        done = guest.run("--prometheus", "--output", path)
        assert reader.read() == "old\n", "what is open must stay whole"
    assert (done.stdout, done.stderr) == ("", "")
    assert path.read_text() == guest.run("--prometheus").stdout
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == [path.name]


def test_file_in_the_present_directory(guest, monkeypatch):
    monkeypatch.chdir(guest.root)
    guest.run("--prometheus", "-o", "here.prom")
    metrics((guest.root / "here.prom").read_text())


def test_old_file_stays_when_the_new_one_fails(guest, module, monkeypatch):
    path = guest.root / "virtio_balloon.prom"
    path.write_text("old\n")
    before = set(os.listdir(guest.root))

    def replace(_, to):
        assert to == str(path)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", replace)
    with pytest.raises(module.Nothing, match="cannot write .*: No space left on device"):
        module.put("new\n", str(path))
    assert path.read_text() == "old\n"
    assert set(os.listdir(guest.root)) == before


def test_directory_that_is_not_there(guest):
    path = guest.root / "none/virtio_balloon.prom"
    said = guest.run("--prometheus", "--output", path, status=1).stderr
    assert said == (f"balloonstat: cannot write {path}: No such file or directory: make its "
                    "directory first, or name another file\n")


# -- Prometheus itself --

def promtool(*arguments, text=None):
    if not shutil.which("promtool"):
        pytest.skip("no promtool here: it is in Debian's package prometheus, from trixie on "
                    "in promtool")
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True,
                          check=False, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_metrics(guest):
    """Without a remark, too."""
    assert promtool("check", "metrics", text=guest.run("--prometheus").stdout) == ""
