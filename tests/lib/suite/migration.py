# SPDX-License-Identifier: GPL-2.0-only
"""Live migration: a second QEMU takes over a guest, through a socket or a file."""

from contextlib import contextmanager

from lab import MIB, Guest, LabError

from . import debugfs
from .books import SYSFS

FINAL = ("completed", "failed", "cancelled")


PIECE_MIB = 8
# A file system may have half of the memory unless it is told otherwise.
STALE = """
mount -o remount,size=95% /tmp
dd if=/dev/urandom of=/tmp/piece bs=1M count={piece} 2>/dev/null
for i in $(seq {pieces}); do cat /tmp/piece; done > /tmp/stale
rm /tmp/piece
"""


@contextmanager
def going_stale(guest, size_mib, timeout=180):
    """Memory that is used while the block runs, and left as it is after it."""
    guest.check(STALE.format(piece=PIECE_MIB, pieces=size_mib // PIECE_MIB), timeout)
    yield
    guest.check("rm /tmp/stale", timeout)


def leave_stale_memory(guest, size_mib, timeout=180):
    """Memory that was used and is free again: no host can know without hints."""
    with going_stale(guest, size_mib, timeout):
        pass


def options_of(guest):
    """What a QEMU that takes the guest over has to be started with."""
    options = guest.options
    return {"memory_mib": options.memory_mib, "smp": options.smp,
            "machine": options.machine, "balloon": options.balloon,
            "append": options.append, "max_memory_mib": options.max_memory_mib,
            "memory_backend": options.memory_backend,
            "virtio_mem": options.virtio_mem, "disks": options.disks}


@contextmanager
def destination(source, **options):
    """A QEMU that waits for the guest; it ends with the block."""
    dest = Guest(source.kernel, source.driver,
                 **(options_of(source) | {"incoming": "defer"} | options))
    try:
        yield dest.start()
    finally:
        dest.kill()


def capabilities(*guests, **states):
    wanted = [{"capability": name.replace("_", "-"), "state": state}
              for name, state in states.items()]
    for guest in guests:
        guest.qmp("migrate-set-capabilities", capabilities=wanted)


def set_bandwidth(source, mib_per_second):
    source.qmp("migrate-set-parameters",
               **{"max-bandwidth": mib_per_second * MIB,
                  "max-postcopy-bandwidth": mib_per_second * MIB})


def begin(source, dest):
    """Let the guest go, without waiting."""
    uri = f"unix:{source.run / 'migration'}"
    dest.qmp("migrate-incoming", uri=uri)
    source.qmp("migrate", uri=uri)


def begin_to_nowhere(source):
    """Let the guest go to where nobody waits for it, without waiting."""
    source.qmp("migrate", uri="exec:cat > /dev/null")


def status(source):
    return source.qmp("query-migrate").get("status", "none")


def rounds(source):
    """How often the guest's memory was looked through, so far."""
    state = source.qmp("query-migrate")
    if state["status"] in FINAL:
        raise LabError(f"the migration is {state['status']} already")
    return state.get("ram", {}).get("dirty-sync-count", 0)


def wait_held(source, timeout=60):
    """Wait until our driver has hinted everything; what it counted until then."""
    source.wait_for(lambda: source.read(f"{SYSFS}/hint_state") in ("holding", "waiting"),
                    timeout, "everything to be hinted")
    return debugfs.values(source, "hint")


def wait_final(source, timeout):
    """Wait until the migration is over; what query-migrate says."""
    source.wait_for(lambda: status(source) in FINAL, timeout,
                    lambda: f"the migration, which is {status(source)}")
    return source.qmp("query-migrate")


def finish(source, dest, timeout=120):
    """Wait until the guest runs on the other side; what query-migrate says."""
    result = wait_final(source, timeout)
    if result["status"] != "completed":
        raise LabError(f"the migration is {result['status']}: "
                       f"{result.get('error-desc', 'no reason given')}")
    dest.wait_for(lambda: dest.qmp("query-status")["status"] == "running", 30,
                  "the guest to run on the other side")
    source.kill()
    dest.sync()
    return result


def load(dest, path):
    """Let a guest go on that was saved to a file."""
    dest.qmp("migrate-incoming", uri=f"file:{path}")
    dest.wait_for(lambda: dest.qmp("query-status")["status"] in ("running", "paused"),
                  60, "the guest to be restored")
    if dest.qmp("query-status")["status"] == "paused":
        dest.qmp("cont")
    dest.sync()


def migrate(source, dest, timeout=120):
    begin(source, dest)
    return finish(source, dest, timeout)
