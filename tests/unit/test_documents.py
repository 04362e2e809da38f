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
MANUAL = (REPO / "Documentation/virtio_balloon.4").read_text()


def in_sources():
    """Parameters that the driver has."""
    text = "".join(path.read_text() for path in (REPO / "drivers/virtio/balloon").glob("*.c"))
    return set(re.findall(r"^module_param\w*\((\w+),", text, re.M))


def test_parameters_are_described():
    assert in_sources() == PARAMETERS


@pytest.mark.parametrize("name", sorted(PARAMETERS | FILES))
def test_is_in_the_manual(name):
    assert re.search(rf"\b{name}\b", MANUAL)


@pytest.mark.parametrize("name", sorted(PARAMETERS | FILES))
def test_is_in_the_guide(name):
    assert f"``{name}``" in GUIDE


def test_manual_has_no_other_parameter():
    section = MANUAL.split(".SH PARAMETERS")[1].split(".SH FILES")[0]
    assert set(re.findall(r"^\.BR (\w+) \" \(default", section, re.M)) == PARAMETERS
