# SPDX-License-Identifier: GPL-2.0-only
"""Shows that an event has one name, in the driver and in the documents."""

import re

from lab.paths import REPO

DRIVER = REPO / "drivers/virtio/balloon"
ABI = REPO / "Documentation/ABI/testing/debugfs-virtio-balloon"


def in_driver():
    """[(enumerator, name, names of its values)] of the one list that the driver has."""
    text = (DRIVER / "events.h").read_text()
    rows = re.findall(r'E\((\w+), "([\w-]+)", (.*)\)', text)
    return [(event, name, re.findall(r'"(\w+)"', values)) for event, name, values in rows]


def test_names_are_those_of_the_enumerators():
    assert len(in_driver()) > 10
    assert [name for _, name, _ in in_driver()] == [
        event.lower().replace("_", "-") for event, _, _ in in_driver()]


def test_names_in_the_document_are_the_same():
    """With those of the values: "target  the host wants another size; pages, before"."""
    text = re.search(r"virtioN/events\n.*?=====\n(.*?)\n\t\t=====", ABI.read_text(), re.S)[1]
    rows = re.sub(r"\n\t\t {8,}", " ", text)
    found = {name: re.findall(r"(?:; |, )(\w+)", words) for name, words in
             re.findall(r"^\t\t([\w-]+) +(.*)$", rows, re.M)}
    assert found == {name: values for _, name, values in in_driver()}
