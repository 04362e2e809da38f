# SPDX-License-Identifier: GPL-2.0-only
"""The kernels of the lab, and the two drivers there are for each."""

import json
import re
import subprocess
from pathlib import Path

from .errors import LabError
from .paths import BUILD, KERNELS, REPO

SERIES = ("6.1", "6.12", "newest")
# Those of scripts/debug-kernel.
DEBUG_SERIES = ("6.1-debug", "newest-debug")
# Those of scripts/overlay-kernel: our driver is built in, and there are no modules.
OVERLAY_SERIES = ("6.1-overlay", "6.12-overlay", "newest-overlay")
# All reports of KASAN, not only the first; what hangs is to be seen before a
# test's own deadline, and page_owner says in a report who had a page before. Of
# slab objects those of kmalloc() can be made to fail, see tests/scripted/lib/faults.c.
DEBUG_APPEND = ("kasan_multi_shot kmemleak=on page_owner=on slub_debug=a,kmalloc-* "
                "sysctl.kernel.hung_task_timeout_secs=30 workqueue.watchdog_thresh=30")
# Its configuration knows neither PCI nor ACPI. A triple fault is what ends it: the ways
# that are tried before take a second.
OVERLAY_APPEND = "reboot=t"
OVERLAY_MACHINE = "microvm,acpi=off"
DRIVER = "virtio_balloon"


def version_of(release):
    """6.1 of 6.1.0-57-amd64: what pages call a kernel, whatever the series is called."""
    return re.match(r"\d+\.\d+", release).group()


class Kernel:
    """One kernel, as scripts/fetch, debug-kernel or overlay-kernel left it."""

    def __init__(self, series):
        path = KERNELS / series / "info.json"
        if not path.exists():
            raise LabError(f"no kernel {series} in the lab: run scripts/fetch, "
                           "scripts/debug-kernel or scripts/overlay-kernel")
        self.info = json.loads(path.read_text())
        self.series = series
        self.release = self.info["release"]
        self.package_version = self.info["package_version"]
        self.vmlinuz = Path(self.info["vmlinuz"])
        self.modules = Path(self.info["modules"])
        self.root = Path(self.info["root"])
        self.kdir = self.info["kdir"]

    def __repr__(self):
        return f"Kernel({self.series!r})"

    def __str__(self):
        return self.series

    @property
    def version(self):
        """(major, minor), of the release."""
        return tuple(int(n) for n in version_of(self.release).split("."))

    @property
    def is_debug(self):
        return self.series in DEBUG_SERIES

    @property
    def driver_built_in(self):
        """Whether it has our driver, as no module."""
        return self.series in OVERLAY_SERIES

    @property
    def machine(self):
        """What it boots on, unless a guest wants something else."""
        return OVERLAY_MACHINE if self.driver_built_in else "q35"

    @property
    def append(self):
        """What its command line has in every guest."""
        if self.driver_built_in:
            return OVERLAY_APPEND
        return DEBUG_APPEND if self.is_debug else ""

    @property
    def module_dir(self):
        """/lib/modules/RELEASE of this kernel."""
        return self.modules / "lib/modules" / self.release

    @property
    def config(self):
        """The kernel's configuration as a dict, without CONFIG_."""
        for path in (self.module_dir / "config",
                     self.modules / "boot" / f"config-{self.release}"):
            if path.exists():
                return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", path.read_text(), re.M))
        raise LabError(f"{self!r} has no config")

    @property
    def build(self):
        """Where scripts/build works."""
        return BUILD / self.series

    @property
    def our_module(self):
        """Our driver, built before by scripts/build."""
        path = self.build / "drivers/virtio/balloon" / f"{DRIVER}.ko"
        if not path.exists():
            raise LabError(f"no driver for {self.series}: run scripts/build {self.series}")
        return path

    def test_module(self, name):
        """A module of tests/kmod, built before by scripts/build."""
        path = self.build / "tests/kmod" / f"{name}.ko"
        if not path.exists():
            raise LabError(f"no {name}.ko for {self.series}: run scripts/build {self.series}")
        return path

    @property
    def in_tree_module(self):
        """The kernel's own driver, as the package has it."""
        return self.depends(DRIVER)[-1]

    def _show_depends(self, name):
        # -C: this machine's own blacklists and options are not the guest's.
        return subprocess.run(
            ["modprobe", "-C", "/dev/null", "-d", self.modules, "-S", self.release,
             "--show-depends", name], capture_output=True, text=True, check=False)

    def has_module(self, name):
        """Whether the kernel has it, built in or not."""
        return self._show_depends(name).returncode == 0

    def depends(self, name):
        """Files to load for a module, in order; none if it is built in."""
        done = self._show_depends(name)
        if done.returncode:
            raise LabError(f"{self!r} has no module {name}: {done.stderr.strip()}")
        return [Path(line.split()[1]) for line in done.stdout.splitlines()
                if line.startswith("insmod ")]

    def run_build(self, *make_args):
        """Build our driver and the test modules; quick when nothing changed."""
        subprocess.run([REPO / "scripts/build", self.series, *make_args], check=True)
