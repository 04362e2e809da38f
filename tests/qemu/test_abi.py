# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the interface is what Documentation/ABI says, no more and no less.

Every file of the running driver is documented, every documented one is there, and
who may read and write it is what the description begins with.
"""

import re

import pytest

from lab.paths import REPO
from suite.books import SYSFS

GUEST = {"memory_mib": 512, "balloon": {"free_page_reporting": True}}
ABI = REPO / "Documentation/ABI/testing"
DOCUMENTS = [ABI / "sysfs-virtio-balloon", ABI / "debugfs-virtio-balloon"]
ENTRY = re.compile(r"^What:\s+(\S+)$.*?^Description:\s+\((\w\w)\)", re.M | re.S)
ATTRIBUTES = "/sys/bus/virtio/devices/virtioN/balloon/"
PARAMETERS = "/sys/module/virtio_balloon/parameters/"
DEBUGFS = "/sys/kernel/debug/virtio_balloon/"
MODES = {"RO": "444", "WO": "200", "RW": "644"}


def documented(directory):
    """{name: mode} of the files in one directory."""
    return {path.removeprefix(directory): MODES[access]
            for document in DOCUMENTS
            for path, access in ENTRY.findall(document.read_text())
            if path.startswith(directory)}


def present(guest, directory):
    listed = guest.check(f"cd {directory} && stat -c '%n %a' *")
    return dict(line.split() for line in listed.splitlines())


@pytest.mark.parametrize("documented_as, directory",
                         [(ATTRIBUTES, SYSFS), (PARAMETERS, PARAMETERS),
                          (DEBUGFS + "virtioN/", DEBUGFS + "virtio*")],
                         ids=["attributes", "parameters", "debugfs"])
def test_files_are_as_documented(guest, ours, documented_as, directory):
    want = documented(documented_as)
    assert want, f"the documents have nothing in {documented_as}"
    assert present(guest, directory) == want


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_whole_document_is_judged(document):
    """A file of another directory would be seen by no test."""
    text = document.read_text()
    entries = ENTRY.findall(text)
    assert len(entries) == len(re.findall(r"^What:", text, re.M))
    elsewhere = [path for path, _ in entries
                 if not path.startswith((ATTRIBUTES, PARAMETERS, DEBUGFS))]
    assert not elsewhere
