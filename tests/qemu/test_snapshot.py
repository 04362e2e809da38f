# SPDX-License-Identifier: GPL-2.0-only
"""Shows that a guest which is set back to a snapshot has the balloon of that time.

In the same QEMU: neither driver nor kernel can notice. The balloon follows the target
afterwards, the guest's memory is whole, and the books are those of before.
"""

import pytest

from lab import MIB
from suite import books
from suite.guests import full_size

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 512, "smp": 1, "append": "init_on_alloc=0",
         "balloon": {"free_page_reporting": True}}
THEN, LATER = 100 * MIB, 250 * MIB


def run_job(guest, command, **arguments):
    """A job of QEMU, from its beginning to its end; it has to succeed."""
    guest.qmp(command, **{"job-id": "job0"}, **arguments)

    def concluded():
        jobs = guest.qmp("query-jobs")
        return [job for job in jobs if job["status"] == "concluded"]

    guest.wait_for(concluded, 60, f"{command} to end")
    job, = concluded()
    guest.qmp("job-dismiss", id="job0")
    assert "error" not in job, f"{command}: {job['error']}"


def add_image(guest, path):
    """An image that snapshots can be kept in; the guest does not see it."""
    run_job(guest, "blockdev-create", options={
        "driver": "file", "filename": str(path), "size": 0})
    guest.qmp("blockdev-add", **{"driver": "file", "node-name": "file0",
                                 "filename": str(path)})
    run_job(guest, "blockdev-create", options={
        "driver": "qcow2", "file": "file0", "size": MIB})
    guest.qmp("blockdev-add", **{"driver": "qcow2", "node-name": "image0", "file": "file0"})


def snapshot(guest, what):
    run_job(guest, f"snapshot-{what}", tag="then", vmstate="image0", devices=["image0"])
    if guest.qmp("query-status")["status"] != "running":
        guest.qmp("cont")
    guest.sync(60)


@pytest.mark.parametrize("later", [
    pytest.param(0, id="deflated"), pytest.param(LATER, id="inflated", marks=pytest.mark.rare)])
def test_set_back(boot, tmp_path, later):
    guest = boot(**GUEST)
    full, before = full_size(guest), books.at_rest(guest)
    add_image(guest, tmp_path / "image")
    guest.check("dd if=/dev/urandom of=/tmp/kept bs=1M count=32 2>/dev/null")
    kept = guest.check("md5sum /tmp/kept", 60)
    guest.resize(full - THEN)
    snapshot(guest, "save")

    guest.resize(full - later)
    guest.check("rm /tmp/kept")
    snapshot(guest, "load")
    # What the device says, and what the driver does.
    assert guest.actual() == full - THEN
    guest.wait_actual(full - THEN)
    assert guest.check("md5sum /tmp/kept", 60) == kept, "the guest's memory changed"
    guest.resize(full - LATER)
    guest.resize(full)
    guest.check("rm /tmp/kept")
    books.check(guest, before)
