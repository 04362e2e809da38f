# SPDX-License-Identifier: GPL-2.0-only
"""Commands in a build root, by way of scripts/lib.sh."""

import subprocess

from lab.paths import REPO


def _shell(script, *arguments):
    return ["bash", "-euc", f'. "$1"; shift; {script}', "bash", REPO / "scripts/lib.sh",
            *arguments]


def needs(root, *packages):
    """Install what the root has not got."""
    subprocess.run(_shell('root_needs "$@"', root, *packages), check=True)


def borrows(root, package):
    """Unpack a newer one than the root's release has; the directory that is its /."""
    subprocess.run(_shell('root_borrows "$@"', root, package), check=True)
    return "/opt/unstable"


def run(root, mounts, *command, **options):
    """Run a command there, with {directory: where it is seen}; like subprocess.run.

    What it printed, errors too, is in the result's stdout.
    """
    pairs = [path for pair in mounts.items() for path in pair]
    return subprocess.run(
        _shell('in_root_with "$@"', root, *pairs, "--", *command), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, **options)
