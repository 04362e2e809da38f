# SPDX-License-Identifier: GPL-2.0-only
"""Shows that what comes with the metrics is right: the alerts, the units of systemd, and
the page that explains them.

Names are compared with golden/balloonstat.prom, which has every metric. promtool and
systemd-analyze judge the files where they are installed.
"""

import re
import shlex
import shutil
import subprocess

import pytest

from lab.paths import REPO
from suite.balloonstat import TIMEOUT, abi_words, script

GOLDEN = REPO / "tests/tools/golden"
RULES = REPO / "packaging/prometheus/virtio_balloon.rules.yml"
UNITS = REPO / "packaging/systemd"
SERVICE = UNITS / "balloonstat-prometheus.service"
TIMER = UNITS / "balloonstat-prometheus.timer"
PAGE = REPO / "Documentation/monitoring.rst"
MANUAL = REPO / "Documentation/balloonstat.8"
# Of 100: what systemd calls OK ends at 50, and a service without any protection has 96.
EXPOSED = 15


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          timeout=TIMEOUT, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def needs(program, package):
    if not shutil.which(program):
        pytest.skip(f"no {program} here: it is in Debian's package {package}")


def metrics():
    return set(re.findall(r"^# TYPE (\w+)", (GOLDEN / "balloonstat.prom").read_text(), re.M))


def alerts():
    return re.findall(r"- alert: (\w+)", RULES.read_text())


# -- alerts --

def test_alerts_name_metrics_that_are_there():
    expressions = "".join(re.findall(r"expr: ((?:.*\n)(?: {10,}.*\n)*)", RULES.read_text()))
    named = set(re.findall(r"\bvirtio_balloon_\w+", expressions))
    assert len(named) > 5
    assert named <= metrics()


def test_alerts_name_states_that_are_there():
    states = re.findall(r'state=~?"([^"]*)"', RULES.read_text())
    words = {word for state in states for word in state.split("|")}
    assert len(words) > 3 and words <= set(abi_words("state"))


def test_every_alert_is_tested_and_explained():
    tested = (GOLDEN / "virtio_balloon_alerts.yml").read_text()
    page = PAGE.read_text()
    assert len(alerts()) > 5
    for name in alerts():
        assert re.search(rf"alertname: {name}\n +exp_alerts:", tested), name
        assert re.search(rf"^{name} {{2,}}\S", page, re.M), name


def test_promtool_takes_the_alerts():
    needs("promtool", "prometheus, from trixie on promtool")
    assert f"SUCCESS: {len(alerts())} rules found" in run("promtool", "check", "rules", RULES)


def test_alerts_fire_when_they_should(tmp_path):
    needs("promtool", "prometheus, from trixie on promtool")
    text = (GOLDEN / "virtio_balloon_alerts.yml").read_text()
    (tmp_path / "test.yml").write_text(text.replace("[RULES]", f"[{RULES}]"))
    assert "SUCCESS" in run("promtool", "test", "rules", tmp_path / "test.yml")


# -- units --

@pytest.fixture
def units(tmp_path):
    """As they are installed, with balloonstat where it is here."""
    run(UNITS / "install", tmp_path / "usr", tmp_path / "examples")
    directory = tmp_path / "usr/lib/systemd/system"
    service = directory / SERVICE.name
    text = service.read_text()
    assert "ExecStart=balloonstat " in text
    service.write_text(text.replace("ExecStart=balloonstat ", f"ExecStart={script()} "))
    return directory


def test_installed_and_disabled(units):
    """A link in timers.target.wants would enable it."""
    root = units.parents[3]
    found = {str(path.relative_to(root)): path.stat().st_mode & 0o777
             for path in root.rglob("*") if not path.is_dir()}
    assert found == {f"usr/lib/systemd/system/{SERVICE.name}": 0o644,
                     f"usr/lib/systemd/system/{TIMER.name}": 0o644,
                     "examples/balloonstat.default": 0o644,
                     "examples/virtio_balloon.rules.yml": 0o644}
    assert "[Install]" not in SERVICE.read_text()
    assert "\nWantedBy=timers.target\n" in TIMER.read_text()


def test_systemd_takes_the_units(units):
    needs("systemd-analyze", "systemd")
    assert run("systemd-analyze", "verify", "--man=no", *units.iterdir()) == ""


def test_service_is_confined(units):
    needs("systemd-analyze", "systemd")
    run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSED}", "--no-pager",
        units / SERVICE.name)


def test_service_does_what_it_says(fake):
    """The command of the unit, with the file that the sample configures."""
    fake.balloon()
    sample = (UNITS / "balloonstat.default").read_text()
    name, path = re.search(r"^(\w+)=(.*)$", sample, re.M).groups()
    text = SERVICE.read_text()
    assert f"Environment={name}={path}\n" in text
    program, *arguments = shlex.split(re.search(r"^ExecStart=(.*)$", text, re.M)[1])
    assert program == "balloonstat" and f"${{{name}}}" in arguments
    assert path.startswith(f"{re.search('^ReadWritePaths=-(.*)$', text, re.M)[1]}/")
    new = fake.root / "virtio_balloon.prom"
    assert fake.run(*(argument.replace(f"${{{name}}}", str(new))
                      for argument in arguments)).stdout == ""
    assert "virtio_balloon_actual_bytes" in new.read_text()


# -- the page and the manual --

@pytest.mark.parametrize("document", [PAGE, MANUAL])
def test_every_metric_is_explained(document):
    text = document.read_text()
    missing = [name for name in metrics()
               if not re.search(rf"(?<!\w){name.removeprefix('virtio_balloon_')}(?!\w)", text)]
    assert not missing


def test_page_explains_no_other_metrics():
    named = re.findall(r"``(\w+)``", re.search(r"^Metric {2,}Meaning\n(.*?)\nWhat is not known",
                                               PAGE.read_text(), re.M | re.S)[1])
    assert {f"virtio_balloon_{name}" for name in named if name.endswith(("_bytes", "_total"))} == {
        name for name in metrics() if name.endswith(("_bytes", "_total"))}


def test_page_names_files_that_are_there():
    text = PAGE.read_text()
    paths = re.findall(r"(?<![\w/])(?:packaging|Documentation)/[\w./*-]+", text)
    assert len(paths) > 3
    for path in paths:
        assert list(REPO.glob(path.rstrip("."))), path
    for unit in set(re.findall(r"balloonstat-prometheus\.(?:timer|service)", text)):
        assert (UNITS / unit).exists()
