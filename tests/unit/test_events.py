# SPDX-License-Identifier: GPL-2.0-only
"""Shows that an event has one name: in debugfs, in traces and in the documents."""

import re

from lab.paths import REPO

DRIVER = REPO / "drivers/virtio/balloon"
ABI = REPO / "Documentation/ABI/testing/debugfs-virtio-balloon"


def enumerators():
    text = (DRIVER / "events.h").read_text()
    body = re.search(r"enum balloon_event \{(.*?)\}", text, re.S)[1]
    return [name for name in re.findall(r"BALLOON_EVENT_(\w+)", body) if name != "NR"]


def in_debugfs():
    """{enumerator: (name, names of its values)}"""
    text = (DRIVER / "events.c").read_text()
    found = re.findall(r'\[BALLOON_EVENT_(\w+)\]\s*= \{ "([\w-]+)"((?:, "\w+")*) \}', text)
    return {event: (name, re.findall(r'"(\w+)"', values)) for event, name, values in found}


def test_names_in_debugfs_are_complete():
    assert list(in_debugfs()) == enumerators()


def test_names_in_traces_are_the_same():
    text = (DRIVER / "trace.h").read_text()
    found = re.findall(r'EMe?\(BALLOON_EVENT_(\w+), "([\w-]+)"\)', text)
    assert dict(found) == {event: name for event, (name, _) in in_debugfs().items()}


def test_names_in_the_document_are_the_same():
    """With those of the values: "target  the host wants another size; pages, before"."""
    text = re.search(r"virtioN/events\n.*?=====\n(.*?)\n\t\t=====", ABI.read_text(), re.S)[1]
    rows = re.sub(r"\n\t\t {8,}", " ", text)
    found = {name: re.findall(r"(?:; |, )(\w+)", words) for name, words in
             re.findall(r"^\t\t([\w-]+) +(.*)$", rows, re.M)}
    assert found == {name: values for name, values in in_debugfs().values()}
