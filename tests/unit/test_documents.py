# SPDX-License-Identifier: GPL-2.0-only
"""The documents name every parameter and file that the ABI descriptions have, and no other."""

import re

import pytest

from lab.paths import REPO

ABI = REPO / "Documentation/ABI/testing"
PATHS = re.findall(r"^What:\s+(\S+)$", "".join(path.read_text() for path in ABI.iterdir()), re.M)
PARAMETERS = {path.rpartition("/")[2] for path in PATHS if "/parameters/" in path}
FILES = {path.rpartition("/")[2] for path in PATHS} - PARAMETERS
GUIDE = (REPO / "Documentation/admin-guide.rst").read_text()
WORDS = " ".join(GUIDE.split())
MANUAL = (REPO / "Documentation/virtio_balloon.4").read_text()


SOURCES = "".join(path.read_text() for path in (REPO / "drivers/virtio/balloon").glob("*.c"))
MESSAGES = re.findall(r'\bdev_(?:info|warn|err|notice)(?:_ratelimited)?\([^;"]*"([^"]+)\\n"',
                      SOURCES)


def test_parameters_are_described():
    assert set(re.findall(r"^module_param\w*\((\w+),", SOURCES, re.M)) == PARAMETERS


def test_messages_are_found():
    assert len(MESSAGES) > 10


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_in_the_guide(message):
    """Word by word, but for what is filled in."""
    parts = re.split(r"'?%[#l]*[a-z]'?", message)
    assert re.search('"' + r"[^\"]+?".join(map(re.escape, parts)) + '"', WORDS)


@pytest.mark.parametrize("name", sorted(PARAMETERS | FILES))
def test_is_in_the_manual(name):
    assert re.search(rf"\b{name}\b", MANUAL)


@pytest.mark.parametrize("name", sorted(PARAMETERS | FILES))
def test_is_in_the_guide(name):
    assert f"``{name}``" in GUIDE


def test_manual_has_no_other_parameter():
    section = MANUAL.split(".SH PARAMETERS")[1].split(".SH FILES")[0]
    assert set(re.findall(r"^\.BR (\w+) \" \(default", section, re.M)) == PARAMETERS
