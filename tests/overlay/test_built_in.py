# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the driver works when it is built into a kernel that loads no modules.

On a microvm without PCI and ACPI, whose devices stand on the kernel's command line as
Firecracker has them: inflating and deflating in each mode, statistics, free page
reporting, hints, and the parameters of the command line. The kernel has neither debugfs
nor tracepoints nor sleep.
"""

import pytest

from lab import MIB
from lab.paths import REPO
from suite import books, hog, migration
from suite.books import PAGE, SYSFS
from suite.guests import full_size
from suite.sources import version
from suite.stats import last_update, next_stats

GUEST = {"memory_mib": 512, "files": hog.FILES | {"bin/installed": REPO / "scripts/installed"},
         "append": "init_on_alloc=0",
         "balloon": {"free_page_reporting": True, "free_page_hint": True}}
MODULE = "/sys/module/virtio_balloon"
PARAMETERS = {"floor": "64M", "inflate": "pfn", "take": "blocks", "stats": "all",
              "element": "512", "hint": "isolate", "report_delay": "1000"}
# What some of them read as.
READS = {"floor": str(64 * MIB)}
USED = 200 * MIB
# The kernel reports blocks of 2 MiB and more, and keeps what is in smaller pieces.
EXPECTED = USED * 3 // 4
SECONDS = 40
STALE_MIB = 200


def test_kernel_is_what_is_meant(guest, kernel):
    """The driver is ours and built in, and there is no way to load another one."""
    config = guest.check("zcat /proc/config.gz").splitlines()
    for line in ("CONFIG_VIRTIO_BALLOON=y", "CONFIG_VIRTIO_BALLOON_OVERLAY=y",
                 "# CONFIG_MODULES is not set", "# CONFIG_PCI is not set",
                 "# CONFIG_ACPI is not set"):
        assert line in config, line
    assert guest.read(f"{MODULE}/version") == version()
    assert not guest.sh(f"ls {MODULE}/initstate /proc/modules").ok
    assert "virtio_mmio.device=" in guest.read("/proc/cmdline")
    assert "balloon ready" in guest.log()


@pytest.mark.parametrize("mode", ("auto", "pfn", "range"))
def test_inflate_and_deflate(guest, start, mode):
    """To the page, by the host's account, the kernel's and the driver's."""
    guest.check(f"echo {mode} > {MODULE}/parameters/inflate")
    full = full_size(guest)
    for balloon in (200 * MIB + 3 * PAGE, 50 * MIB, 300 * MIB, 0):
        guest.resize(full - balloon)
        books.check(guest, start)


def test_deflates_when_memory_runs_out(boot):
    """The balloon gives way, and no process is killed."""
    guest = boot(**(GUEST | {"balloon": {"deflate_on_oom": True}}))
    mark = guest.log_mark()
    guest.resize(full_size(guest) - 300 * MIB)
    with hog.holding(guest, 250):
        assert guest.actual() > full_size(guest) - 300 * MIB
    assert "Killed process" not in guest.log_since(mark)


def test_statistics(guest):
    before = last_update(guest)
    guest.poll_stats(1)
    told = next_stats(guest, before)
    guest.poll_stats(0)
    assert told["stat-total-memory"] == guest.meminfo()["MemTotal"]
    assert told["stat-minor-faults"] > 0


def test_freed_memory_is_reported(guest, record_property):
    with hog.holding(guest, USED // MIB):
        used = guest.host_memory()
    guest.wait_for(lambda: guest.host_memory() <= used - EXPECTED, SECONDS, lambda: (
        f"the host's memory to fall by {EXPECTED // MIB} MiB from {used // MIB} MiB; it is "
        f"{guest.host_memory() // MIB} MiB"))
    assert int(guest.read(f"{SYSFS}/reported")) >= EXPECTED
    record_property("figure", f"{used // MIB} MiB on the host, {guest.host_memory() // MIB} "
                              f"after {USED // MIB} were freed")


def send_to_nowhere(guest):
    """Migrate to where nothing is read; the bytes sent. The guest goes on here."""
    migration.set_bandwidth(guest, 50)
    migration.begin_to_nowhere(guest)
    result = migration.wait_final(guest, 60)
    assert result["status"] == "completed", result
    guest.qmp("cont")
    guest.sync()
    return result["ram"]["transferred"]


@pytest.mark.parametrize("mode", ("hold", "isolate"))
def test_free_memory_is_hinted(boot, mode, record_property):
    """And is not sent: without hints what was used before would be."""
    sent = {}
    for name, balloon in (("without", {}), ("with", {"free_page_hint": True})):
        guest = boot(**(GUEST | {"balloon": balloon, "module_params": f"hint={mode}"}))
        migration.leave_stale_memory(guest, STALE_MIB)
        sent[name] = send_to_nowhere(guest) // MIB
    guest.wait_for(lambda: guest.read(f"{SYSFS}/hint_state") == "idle", 20, "hints to end")
    guest.wait_for(lambda: guest.read(f"{SYSFS}/hint_held") == "0", 20, "memory to come back")
    record_property("figure", f"{sent['with']} MiB sent with hints, {sent['without']} without")
    assert sent["with"] < sent["without"] - STALE_MIB // 2


def test_parameters_on_the_command_line(boot):
    """They are those of the module, with its name before a dot."""
    words = " ".join(f"{name}={value}" for name, value in PARAMETERS.items())
    guest = boot(**(GUEST | {"module_params": words}))
    assert f"virtio_balloon.{words.split()[0]}" in guest.read("/proc/cmdline")
    names = guest.check(f"ls {MODULE}/parameters").split()
    assert set(names) >= set(PARAMETERS)
    for name, value in PARAMETERS.items():
        assert guest.read(f"{MODULE}/parameters/{name}") == READS.get(name, value)
    assert "inflate mode pfn (parameter), floor 64 MiB" in guest.log()
    full = full_size(guest)
    guest.resize(full - 100 * MIB)
    assert guest.read(f"{SYSFS}/inflate_reason") == "parameter"


@pytest.mark.parametrize("known", (True, False), ids=("listed", "unlisted"))
def test_installed_says_built_in(guest, known):
    """Also without the kernel's list of what is built in, as in most guests without modules."""
    aside = "" if known else "mount -t tmpfs none /lib/modules; trap 'umount /lib/modules' EXIT;"
    said = guest.check(f"{aside} sh /bin/installed")
    assert f"This driver, version {version()}, is built into kernel" in said
    assert "make overlay KERNEL=" in said
