# SPDX-License-Identifier: GPL-2.0-only
"""Puts the newest results into Documentation/benchmark.rst."""

import shutil

BEGIN = ".. begin of what scripts/bench writes"
END = ".. end of what scripts/bench writes"


def _circumstances(machine, results):
    kernels = "; ".join(f"{series}: {release}"
                        for series, release in machine["kernels"].items())
    return (f"Measured {machine['date']} with QEMU {machine['qemu']}, emulating (TCG),\n"
            f"on a machine with {machine['cores']} cores and "
            f"{machine['memory_gib']} GiB that other work used too. Kernels:\n"
            f"{kernels}.\n"
            f"Times are medians of up to {results.rounds()} rounds.")


def update(documentation, machine, results, text, picture):
    """Replace what stands between the markers; bring the picture along."""
    file = documentation / "benchmark.rst"
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    new = "\n\n".join([f"{before}{BEGIN}", _circumstances(machine, results),
                       text.strip(), f"{END}{after}"])
    file.write_text(new, encoding="utf-8")
    if picture.exists():
        shutil.copyfile(picture, documentation / "benchmark.svg")
