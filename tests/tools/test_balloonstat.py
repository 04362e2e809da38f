# SPDX-License-Identifier: GPL-2.0-only
"""Shows that scripts/balloonstat shows what the driver says, in the right unit, and
has plain words for all that can go wrong.

The guest is a few directories with the driver's files in them. What the driver can
say is read from the ABI document: a state without a sentence is a failure.
"""

import json
import re
import shutil
import signal
import subprocess
import sys

import pytest

from lab.deadline import poll
from lab.paths import REPO
from suite.balloonstat import (
    ATTRIBUTES, KIB, MIB, TIMEOUT, abi_attributes, abi_words, columns, words)

MANUAL = REPO / "Documentation/balloonstat.8"


# -- lines --

def test_line_has_all_columns_with_units(fake):
    fake.balloon()
    head, units, line = fake.run().stdout.splitlines()
    assert columns("\n".join((head, units, line))) == [{
        "device": "virtio0", "target": "4096", "actual": "1024", "rate": "-",
        "in_flight": "8", "held": "96", "hints": "holding", "state": "inflating"}]
    # Each unit ends where its column does.
    where = {name: units[:head.index(name) + len(name)].split()[-1]
             for name in ("target", "actual", "rate", "in_flight", "held")}
    assert where == {"target": "MiB", "actual": "MiB", "rate": "MiB/s", "in_flight": "KiB",
                     "held": "MiB"}
    assert len(units.split()) == len(where)


def test_what_is_not_quite_there_is_rounded_down(fake, module):
    fake.balloon(target=4096 * MIB, actual=4096 * MIB - 4096)
    assert columns(fake.run().stdout)[0]["actual"] == "4095"
    assert module.size(4096 * MIB - 4096) == "4095.9 MiB"
    assert module.size(1048577 * MIB + MIB // 2) == "1048577.5 MiB"
    assert [module.size(amount) for amount in (0, 4096, MIB, None)] == [
        "0 MiB", "4 KiB", "1 MiB", "unknown"]


def test_lines_fit_a_terminal(fake):
    fake.balloon("virtio10", state="waiting-for-compaction", hint_state="hinting",
                 target=999999 * MIB, actual=999999 * MIB)
    assert max(map(len, fake.run().stdout.splitlines())) <= 80


def test_all_devices_in_their_order(fake):
    for name in ("virtio10", "virtio2"):
        fake.balloon(name)
    fake.device("virtio0", 1, "virtio_net")
    assert [line["device"] for line in columns(fake.run().stdout)] == ["virtio2", "virtio10"]
    for named in (["virtio10"], ["-d", "virtio10"], ["--device=virtio10", "virtio10"]):
        assert [line["device"] for line in columns(fake.run(*named).stdout)] == ["virtio10"]


def test_missing_attribute_is_a_dash(fake):
    fake.balloon()
    for name in ("in_flight", "hint_state"):
        (fake.devices / "virtio0/balloon" / name).unlink()
    line = columns(fake.run().stdout)[0]
    assert (line["in_flight"], line["hints"]) == ("-", "-")
    said = words(fake.run("--once").stdout)
    assert "in_flight: unknown" in said
    assert "The driver does not show in_flight, hint_state" in said
    assert "Whether the host answers is not known" in said


@pytest.mark.parametrize("before, after, seconds, rate, text", [
    (1024, 1536, 2, 256 * MIB, "+256.0"),
    (1536, 1024, 0.5, -1024 * MIB, "-1024.0"),
    (1024, 1024, 1, 0, "0.0"),
])
def test_rate_is_the_change_of_actual(fake, module, monkeypatch, before, after, seconds, rate,
                                      text):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    fake.balloon(actual=before * MIB)
    watch = fake.watch(module, "virtio0")
    assert watch.look()[0]["rate"] is None
    fake.write(actual=after * MIB)
    now[0] += seconds
    sample = watch.look()[0]
    assert (sample["rate"], module.rate_text(sample["rate"])) == (rate, text)
    table = module.Table()
    assert columns("\n".join([*table.header(), table.line(sample)]))[0]["rate"] == text


@pytest.mark.parametrize("before, after, requests, answer", [
    (100, 160, 30.0, 1024),     # 60 more in 2 s; their slot ends at 1024
    (100, 100, 0.0, None),
    (100, 7, 3.5, 1024),        # reset between the two
])
def test_wide_has_requests_and_answers(fake, module, monkeypatch, before, after, requests,
                                       answer):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    fake.balloon()
    fake.count(before)
    watch = fake.watch(module, "virtio0")
    first = watch.look()[0]
    assert (first["requests"], first["answer_usecs"]) == (None, None)
    fake.count(after)
    now[0] += 2
    sample = watch.look()[0]
    assert (sample["requests"], sample["answer_usecs"]) == (requests, answer)
    table = module.Table(wide=True)
    line = columns("\n".join([*table.header(), table.line(sample)]))[0]
    assert (line["requests"], line["answer"]) == (
        str(int(requests)), str(answer) if answer else "-")
    assert line["state"] == "inflating"


def test_wide_without_debugfs_has_dashes(fake):
    fake.balloon(debugfs=False)
    last = columns(fake.run("--wide", "0.1", "2").stdout)[-1]
    assert (last["requests"], last["answer"], last["state"]) == ("-", "-", "inflating")


def test_counts_by_microseconds_are_no_times(fake):
    fake.balloon()
    fake.count(57)
    assert "debugfs.latency.inflate_usecs_512: 57\n" in fake.run("--once").stdout


def test_log_of_events_is_no_counter(fake):
    fake.balloon()
    (fake.debugfs / "virtio0/events").write_text("1.000000 up features=0x2e\n")
    assert "events" not in json.loads(fake.run("--json").stdout)["debugfs"]


def test_interval_and_count(fake):
    fake.balloon()
    lines = columns(fake.run("0.1", "3").stdout)
    assert [line["rate"] for line in lines] == ["-", "0.0", "0.0"]


def test_header_comes_again_each_screenful(fake):
    fake.balloon("virtio0")
    fake.balloon("virtio1")
    lines = fake.run("0.1", "3", LINES="7").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "device", "MiB", "virtio0", "virtio1", "virtio0", "virtio1",
        "device", "MiB", "virtio0", "virtio1"]


# -- JSON --

def test_json_has_stable_names_and_bytes(fake):
    fake.balloon("virtio0")
    fake.balloon("virtio1", debugfs=False)
    samples = [json.loads(line) for line in fake.run("--json", "0.1", "2").stdout.splitlines()]
    assert [sample["device"] for sample in samples] == ["virtio0", "virtio1"] * 2
    for sample in samples:
        assert set(sample) == {*ATTRIBUTES, "time", "device", "rate", "requests",
                               "answer_usecs", "vmstat", "debugfs"}
        assert {name: sample[name] for name in ATTRIBUTES} == ATTRIBUTES
        assert sample["vmstat"] == {"balloon_inflate": 262144, "balloon_deflate": 0,
                                    "balloon_migrate": 9}
        assert isinstance(sample["time"], float)
    assert [sample["rate"] for sample in samples] == [None, None, 0, 0]
    assert samples[0]["debugfs"] == {"free_report": {}, "hint": {
        "state": "holding", "id": 7, "held_bytes": 96 * MIB, "rounds": 3,
        "release_usecs_max": 1250}}
    assert samples[1]["debugfs"] is None


def test_files_that_are_new_in_debugfs_are_shown(fake):
    fake.balloon()
    (fake.debugfs / "virtio0/free_report").write_text("registered 1\nbusy_bytes 4194304\n")
    assert json.loads(fake.run("--json").stdout)["debugfs"]["free_report"] == {
        "registered": 1, "busy_bytes": 4 * MIB}
    said = fake.run("--once").stdout
    assert "debugfs.free_report.registered: 1\n" in said
    assert "debugfs.free_report.busy_bytes: 4 MiB\n" in said


# -- in plain words --

def test_the_document_is_understood():
    assert {"idle", "broken", "resyncing", "waiting-for-memory"} <= set(abi_words("state"))
    assert {"none", "holding"} <= set(abi_words("hint_state"))
    assert {"target", "hint_state"} <= abi_attributes() and "resync" not in abi_attributes()


def test_all_attributes_of_the_document_are_shown(fake):
    fake.balloon()
    shown = re.findall(r"^(\w+): ", fake.run("--once").stdout, re.M)
    assert abi_attributes() <= set(shown)
    assert set(ATTRIBUTES) == abi_attributes()


@pytest.fixture
def once(fake, module, monkeypatch, capsys):
    """What --once says, without a process of its own: all states are quite a few."""
    def say():
        monkeypatch.setattr(sys, "argv", ["balloonstat", *map(str, fake.roots), "--once"])
        assert module.main() == 0
        return words(capsys.readouterr().out)
    return say


@pytest.mark.parametrize("state", abi_words("state"))
def test_state_has_a_sentence(fake, module, once, state):
    fake.balloon(state=state)
    assert state in module.STATES, f"no sentence for the state {state}"
    said = once()
    sentence = module.STATES[state].format(device="virtio0", floor="64 MiB")
    assert f"state: {state} " in said and words(sentence) in said
    assert list(module.STATES.values()).count(module.STATES[state]) == 1


@pytest.mark.parametrize("state", abi_words("hint_state"))
def test_hint_state_has_a_sentence(fake, module, once, state):
    fake.balloon(hint_state=state)
    assert state in module.HINTS, f"no sentence for the state {state} of hints"
    said = once()
    assert f"Of the free memory 96 MiB are held for hints: {module.HINTS[state]}" in said
    fake.write(hint_held=0)
    assert f"No memory is held for hints: {module.HINTS[state]}" in once()


@pytest.mark.parametrize("state", abi_words("report_state"))
def test_report_state_has_a_sentence(fake, module, once, state):
    fake.balloon(report_state=state)
    assert state in module.REPORTS, f"no sentence for the state {state} of reports"
    sentence = module.REPORTS[state].format(reported="2048 MiB")
    assert f"What the guest frees {sentence}" in once()


def test_state_of_a_newer_driver(fake):
    fake.balloon(state="levitating", hint_state="pondering")
    said = words(fake.run("--once").stdout)
    assert "The state is levitating; this program has no words for it." in said
    assert "the state of hinting is pondering." in said


@pytest.mark.parametrize("state, in_flight, answer", [
    ("idle", 0, "The host has answered everything: nothing is in flight."),
    ("floor", 4096, "The host answers, as far as one can tell: with 4 KiB in flight, it "
                    "was not silent for 10 s."),
    ("host-silent", 8 * MIB, "The host does not answer: for 10 s or more nothing came from "
                             "it, with 8 MiB in flight."),
    ("broken", 0, "The host cannot answer: the device is broken, with 0 MiB in flight."),
])
def test_whether_the_host_answers(fake, state, in_flight, answer):
    fake.balloon(state=state, in_flight=in_flight)
    assert answer in words(fake.run("--once").stdout)


def test_once_has_names_values_and_units(fake):
    fake.balloon(actual=1024 * MIB + 512 * KIB)
    numbers, said = fake.run("--once").stdout.split("\n\n")
    lines = dict(line.split(": ", 1) for line in numbers.splitlines())
    assert lines == {
        "device": "virtio0", "target": "4096 MiB", "actual": "1024.5 MiB",
        "in_flight": "8 KiB", "floor": "64 MiB", "element": "2 MiB",
        "whole_blocks": "512 MiB", "hint_held": "96 MiB", "state": "inflating",
        "inflate": "pfn", "inflate_reason": ATTRIBUTES["inflate_reason"], "take": "fragments",
        "hint_state": "holding", "hint": "hold", "hint_reason": "parameter",
        "reported": "2048 MiB", "report_state": "idle",
        "vmstat.balloon_inflate": "262144 pages", "vmstat.balloon_deflate": "0 pages",
        "vmstat.balloon_migrate": "9 pages", "debugfs.hint.state": "holding",
        "debugfs.hint.id": "7", "debugfs.hint.held_bytes": "96 MiB",
        "debugfs.hint.rounds": "3", "debugfs.hint.release_usecs_max": "1250 us"}
    assert words(said).startswith("The balloon of virtio0 has 1024.5 MiB; the host wants it to "
                                  "have 4096 MiB. The balloon grows")
    assert "missing" not in said


def no_debugfs(fake, _module, _monkeypatch):
    shutil.rmtree(fake.debugfs)


def no_root(fake, module, monkeypatch):
    def listdir(path):
        assert str(path) == str(fake.debugfs / "virtio0")
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr(module.os, "listdir", listdir)


@pytest.mark.parametrize("withhold", [no_debugfs, no_root])
def test_works_without_debugfs_and_says_so(fake, module, monkeypatch, once, withhold):
    fake.balloon()
    withhold(fake, module, monkeypatch)
    said = once()
    assert f"The counters in {fake.debugfs} are missing here: they need root" in said
    assert "debugfs." not in said.replace("debugfs, and a kernel", "")
    assert "actual: 1024 MiB" in said


def test_works_without_vmstat_and_says_so(fake):
    fake.balloon()
    (fake.root / "proc/vmstat").unlink()
    said = words(fake.run("--once").stdout)
    assert f"The counters in {fake.root}/proc/vmstat are missing here." in said
    assert json.loads(fake.run("--json").stdout)["vmstat"] is None


# -- nothing to show --

def test_no_balloon(fake):
    fake.device("virtio0", 1, "virtio_net")
    assert "this guest has no balloon device" in fake.run(status=1).stderr
    shutil.rmtree(fake.root / "sys")
    assert "this guest has no balloon device" in fake.run(status=1).stderr


def test_balloon_that_cannot_be_shown_beside_one_that_can(fake):
    fake.balloon("virtio0")
    fake.device("virtio3", 5)
    done = fake.run()
    assert [line["device"] for line in columns(done.stdout)] == ["virtio0"]
    assert "virtio3 is a balloon without a driver" in done.stderr


def test_unknown_device(fake):
    fake.balloon("virtio2")
    fake.balloon("virtio10")
    fake.device("virtio0", 1, "virtio_net")
    done = fake.run("virtio7", status=1)
    assert not done.stdout
    assert "there is no virtio device virtio7\nballoons here: virtio2, virtio10" in done.stderr
    assert "virtio0 is a virtio device, but not a balloon" in fake.run(
        "-d", "virtio0", status=1).stderr


# -- while watching --

def test_device_vanishes(fake):
    fake.balloon("virtio0")
    fake.balloon("virtio1")
    with fake.start("0.1") as running:
        poll(lambda: "virtio1" in running.stdout(), TIMEOUT, "the first lines")
        fake.remove("virtio0")
        poll(lambda: "virtio0 has gone" in running.stderr(), TIMEOUT, "a word about it")
        so_far = len(running.stdout())
        poll(lambda: "virtio1" in running.stdout()[so_far:], TIMEOUT, "the other one")
        # The driver goes, the device stays.
        (fake.devices / "virtio1/driver").unlink()
        shutil.rmtree(fake.devices / "virtio1/balloon")
        assert running.ends() == 1
        assert "virtio0" not in running.stdout()[so_far:]
        assert re.search("virtio0 has gone: there is no virtio device virtio0\n"
                         ".*virtio1 has gone: virtio1 is a balloon without a driver"
                         ".*no balloon is left to watch\n$", running.stderr(), re.S)


def test_device_vanishes_while_it_is_read(fake, module, monkeypatch, capsys):
    """What was read of it in part is not shown."""
    fake.balloon("virtio0")
    fake.balloon("virtio1")
    real = module.read

    def read(path):
        if path.endswith("virtio0/balloon/actual"):
            fake.remove("virtio0")
        return real(path)

    monkeypatch.setattr(module, "read", read)
    watch = fake.watch(module, "virtio0", "virtio1")
    assert [sample["device"] for sample in watch.look()] == ["virtio1"]
    assert "virtio0 has gone" in capsys.readouterr().err


@pytest.mark.parametrize("form", [[], ["--json"], ["--screen"]])
def test_ctrl_c_is_quiet(fake, form):
    fake.balloon()
    with fake.start(*form, "0.1") as running:
        poll(lambda: "virtio0" in running.stdout(), TIMEOUT, "the first line")
        running.process.send_signal(signal.SIGINT)
        assert running.ends() == 0
        assert running.stderr() in ("", "balloonstat: lines instead of a screen: "
                                        "this is not a terminal\n")


def test_reader_that_goes_is_no_error(fake):
    fake.balloon()
    with subprocess.Popen(fake.command("0.1"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(TIMEOUT) == 0
        assert process.stderr.read() == ""


def test_full_disk_is_an_error_in_plain_words(fake):
    fake.balloon()
    with open("/dev/full", "w") as full:
        done = subprocess.run(fake.command(), stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=TIMEOUT)
    assert (done.returncode, done.stderr) == (
        1, "balloonstat: cannot write: No space left on device\n")


# -- the command line --

@pytest.mark.parametrize("arguments, expected", [
    ([], ([], 1, 1)),
    (["virtio0"], (["virtio0"], 1, 1)),
    (["2"], ([], 2, None)),
    (["0.5", "7"], ([], 0.5, 7)),
    (["virtio0", "2", "7"], (["virtio0"], 2, 7)),
    (["-d", "virtio0", "-d", "virtio1", "2"], (["virtio0", "virtio1"], 2, None)),
    (["--screen"], ([], 1, None)),
    (["virtio0", "--json", "2", "7"], (["virtio0"], 2, 7)),
    (["--once", "virtio0"], (["virtio0"], 1, 1)),
])
def test_arguments(module, monkeypatch, arguments, expected):
    monkeypatch.setattr(sys, "argv", ["balloonstat", *arguments])
    args = module.parse_arguments()
    assert (args.device, args.interval, args.count) == expected


@pytest.mark.parametrize("arguments, complaint", [
    (["0"], "INTERVAL is from 0.1 to 86400 seconds, not 0"),
    (["-1"], "INTERVAL is from 0.1 to 86400 seconds, not -1"),
    (["1e9"], "INTERVAL is from 0.1"),
    (["1x"], "INTERVAL and COUNT are numbers, not 1x"),
    (["1", "0"], "COUNT is from 1 on, not 0"),
    (["1", "2.5"], "INTERVAL and COUNT are numbers, not 1 2.5"),
    (["virtio0", "1", "2", "3"], "one argument too many: 3"),
    (["--once", "1"], "one argument too many: 1"),
    (["--prometheus", "1"], "one argument too many: 1"),
    (["--report", "1"], "one argument too many: 1"),
    (["--once", "--json"], "not allowed with argument"),
    (["--prometheus", "--report"], "not allowed with argument"),
    (["--once", "--output", "file"], "--output goes with --prometheus or --report"),
    (["--frobnicate"], "unrecognized arguments: --frobnicate"),
])
def test_arguments_without_sense(fake, arguments, complaint):
    fake.balloon()
    done = fake.run(*arguments, status=2)
    assert complaint in done.stderr and not done.stdout


# -- the manual --

def test_manual_has_all_options_columns_and_names(fake):
    fake.balloon()
    manual = MANUAL.read_text().replace("\\-", "-")
    options = re.findall(r"(?<!\w)--?[a-z]+", fake.run("--help").stdout)
    names = columns(fake.run().stdout)[0].keys() | json.loads(fake.run("--json").stdout).keys()
    missing = [word for word in {*options, *names}
               if not re.search(rf"(?<![\w-]){word}(?![\w-])", manual)]
    assert "--screen" in options and not missing


def test_manual_has_no_faults():
    if not shutil.which("man"):
        pytest.skip("no man here")
    done = subprocess.run(["man", "--warnings", "--local-file", MANUAL], check=True,
                          capture_output=True, text=True, timeout=TIMEOUT)
    assert "BALLOONSTAT(8)" in done.stdout and not done.stderr
