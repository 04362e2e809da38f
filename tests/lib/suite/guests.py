# SPDX-License-Identifier: GPL-2.0-only
"""Guests of the tests: one that a file's tests share, and those of one test.

Whatever guest a test used, its kernel log is looked at when the test has run:
a complaint of the kernel fails the test, however well its assertions went.
"""

import re
from contextlib import contextmanager

import pytest

from lab import MIB, Guest, LabError

LOG_LINES_SHOWN = 30

# A processor that sleeps through its timer, one that runs into a jump label which another
# is changing (seen in a boot, before any driver), or QEMU giving up. A driver that brings
# it about does so again.
MACHINE_FAULTS = re.compile(r"kthread timer wakeup didn't happen|Oops: int3|"
                            r"qemu-system-x86_64: .* Assertion .* failed")

WATCHED = pytest.StashKey()
FAILED = pytest.StashKey()


class Watched:
    """A guest that a test uses, and where in its log the test began."""

    def __init__(self, guest, mark=0):
        self.guest = guest
        self.mark = mark

    def complaint(self, allowed):
        """What the kernel complained of since then; None if nothing."""
        try:
            self.guest.check_log(allowed, self.mark)
        except Exception as error:      # pylint: disable=broad-except
            return str(error)
        return None

    def artefacts(self):
        lines = self.guest.log_since(self.mark).splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join([f"artefacts: {self.guest.run}", *lines])


def watch(item, guest, mark=0):
    """Have a guest's log looked at when the test has run."""
    if all(one.guest is not guest for one in watched(item)):
        item.stash.setdefault(WATCHED, []).append(Watched(guest, mark))


def watched(item):
    return item.stash.get(WATCHED, [])


def machine_failed(item):
    """What the emulated machine of one of its guests did wrong; None if nothing."""
    for one in watched(item):
        found = MACHINE_FAULTS.search(one.guest.log_since(one.mark) + one.guest.stderr())
        if found:
            return found[0]
    return None


def forget(item):
    """Begin anew."""
    item.stash[WATCHED] = []
    item.stash[FAILED] = False


def full_size(guest):
    """Bytes of a guest whose balloon is empty, as query-balloon says it."""
    return guest.options.memory_mib * MIB


def plugged(guest):
    """Bytes that the virtio-mem device has given to the guest."""
    devices = guest.qmp("query-memory-devices")
    return next(device["data"]["size"] for device in devices
                if device["type"] == "virtio-mem")


def make_guest(kernel, driver, options):
    """A guest with the options of a test, not started.

    On top of what Guest takes, test_modules names modules of tests/kmod.
    """
    options = {"balloon": {}} | options
    modules = [kernel.test_module(name) for name in options.pop("test_modules", ())]
    if modules:
        options["extra_modules"] = [*options.get("extra_modules", ()), *modules]
    return Guest(kernel, driver, **options)


class Slot:
    """The guest that the tests of one file and kernel share.

    A test gets it with an empty balloon. After a failed test the guest may be
    in any state: it is thrown away and the next test gets a new one.
    """

    def __init__(self, kernel, driver, options):
        self._kernel = kernel
        self._driver = driver
        self._options = options
        self._guest = None
        self._seen = 0          # how far its log was looked at

    def watch(self, item):
        """Have the log looked at of the guest that is there already."""
        if self._guest:
            watch(item, self._guest, self._seen)

    def get(self):
        """The guest, and where its log is new."""
        if not self._guest:
            self._guest = make_guest(self._kernel, self._driver, self._options).start()
            self._seen = 0
        elif self._guest.options.balloon is not None:
            self._empty()
        return self._guest, self._seen

    def _empty(self):
        try:
            self._guest.resize(full_size(self._guest))
        except LabError:
            self.discard()
            raise

    def put(self, failed):
        if failed or not self._guest.running():
            self.discard()
        else:
            self._seen = self._guest.log_mark()

    def discard(self):
        if self._guest:
            self._guest.kill()
        self._guest = None

    def close(self):
        """Power it off: that has to work, and in silence."""
        if self._guest:
            self._guest.stop()
            self._guest.check_log(since=self._seen)


@contextmanager
def factory(item, kernel, driver):
    """A function that boots guests for one test; they end with it."""
    started = []

    def boot(**options):
        guest = make_guest(kernel, options.pop("driver", driver), options)
        watch(item, guest)
        started.append(guest)
        return guest.start()

    try:
        yield boot
        if not item.stash.get(FAILED, False):
            for guest in started:
                guest.stop()
    finally:
        for guest in started:
            guest.kill()
