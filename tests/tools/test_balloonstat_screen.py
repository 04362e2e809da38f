# SPDX-License-Identifier: GPL-2.0-only
"""Shows that balloonstat --screen draws on a terminal, gives it back as it was, and
is lines where there can be no screen.
"""

import os
import re
import signal
import sys

import pytest

from suite.balloonstat import ATTRIBUTES, MIB, Terminal, columns


@pytest.mark.parametrize("end", ["q", signal.SIGINT, signal.SIGTERM])
def test_screen_until_it_is_ended(fake, end):
    fake.balloon()
    with Terminal(fake, "--screen", "0.1") as terminal:
        terminal.says("virtio0  1024 MiB of 4096 MiB")
        terminal.says("[" + "#" * 19)
        terminal.says("The balloon grows: memory of the guest goes to the host.")
        fake.write(actual=2048 * MIB)
        terminal.says("2048")
        if end == "q":
            os.write(terminal.ours, b"q")
        else:
            terminal.process.send_signal(end)
        assert terminal.ends() == 0
        assert terminal.stderr.read_text() == ""


def test_screen_tells_who_has_gone(fake):
    fake.balloon("virtio0")
    fake.balloon("virtio1")
    with Terminal(fake, "--screen", "0.1") as terminal:
        terminal.says("virtio1")
        fake.remove("virtio1")
        terminal.says("virtio1 has gone")
        fake.remove("virtio0")
        assert terminal.ends() == 1
        assert re.search("virtio1 has gone.*virtio0 has gone.*no balloon is left",
                         terminal.stderr.read_text(), re.S)


def test_screen_is_lines_where_there_is_no_terminal(fake):
    fake.balloon()
    done = fake.run("--screen", "0.1", "2")
    assert [line["target"] for line in columns(done.stdout)] == ["4096"] * 2
    assert done.stderr == "balloonstat: lines instead of a screen: this is not a terminal\n"


def test_screen_is_lines_on_an_unknown_terminal(fake):
    fake.balloon()
    with Terminal(fake, "--screen", "0.1", "2", term="teletype-of-1930") as terminal:
        assert terminal.ends() == 0
        assert [line["target"] for line in columns(terminal.text)] == ["4096"] * 2
        assert "lines instead of a screen: " in terminal.stderr.read_text()


def test_screen_is_lines_without_curses(fake, module, monkeypatch, capsys):
    fake.balloon()
    monkeypatch.setitem(sys.modules, "curses", None)
    monkeypatch.setattr(module.os, "isatty", lambda _: True)
    monkeypatch.setattr(sys, "argv", ["balloonstat", *map(str, fake.roots), "--screen", "1", "1"])
    assert module.main() == 0
    out, err = capsys.readouterr()
    assert columns(out)[0]["target"] == "4096"
    assert "lines instead of a screen: " in err and "curses" in err


@pytest.mark.parametrize("actual, in_flight, target, expected", [
    (0, 0, 0, ".........."), (4, 0, 8, "####....|."), (4, 2, 8, "####++..|."),
    (8, 0, 4, "####|###.."), (10, 0, 10, "##########"), (5, 0, 10, "#####....|"),
    (4, 0, 0, "|###......"), (None, None, 10, ".........|"),
])
def test_bar(module, actual, in_flight, target, expected):
    sample = {"actual": actual, "in_flight": in_flight, "target": target}
    assert module.bar(sample, 10, 10) == expected


def test_bar_keeps_its_scale_while_the_balloon_shrinks(module):
    most = {}
    sample = {**ATTRIBUTES, "device": "virtio0", "rate": None, "in_flight": 0, "target": 0}
    for actual, filled in ((1000, 29), (500, 14)):
        lines = list(module.screen_lines([{**sample, "actual": actual * MIB}], most, 33))
        assert lines[1].count("#") == filled, lines
