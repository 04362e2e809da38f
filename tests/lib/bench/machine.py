# SPDX-License-Identifier: GPL-2.0-only
"""On what it was measured, in general terms."""

import json
import os
import subprocess
import time

from lab.qemu import environment, program


def _qemu_version():
    done = subprocess.run([*program(), "--version"], capture_output=True, text=True,
                          check=True, env=os.environ | environment())
    return done.stdout.splitlines()[0].split("version ")[1]


def describe(kernels):
    return {"date": time.strftime("%Y-%m-%d"),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PHYS_PAGES")
                                * os.sysconf("SC_PAGE_SIZE") / (1 << 30)),
            "qemu": _qemu_version(),
            "kernels": {str(kernel): f"{kernel.release} ({kernel.package_version})"
                        for kernel in kernels}}


def write(path, kernels):
    path.write_text(json.dumps(describe(kernels), indent=2) + "\n", encoding="utf-8")


def read(paths):
    """Of several measurements on one machine: the last, with all kernels."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    kernels = {series: release for one in found
               for series, release in one["kernels"].items()}
    return {**found[-1], "kernels": kernels}
