# SPDX-License-Identifier: GPL-2.0-only
"""Memory of the guest that changes and is checked: tests/guest/tools/churn.c."""

import re

from .programs import tool_file

FILES = {"bin/churn": tool_file("churn")}
OUTPUT = "/tmp/churn.out"
RESULT = re.compile(r"churn: (\d+) writes, (\d+) pages wrong")


def start(guest, size_mib):
    """Let memory be written to; the process id."""
    pid = guest.check(f": >{OUTPUT}; setsid churn {size_mib} >{OUTPUT} 2>&1 & echo $!").strip()
    guest.wait_for(lambda: "has" in guest.check(f"cat {OUTPUT}"), 60,
                   f"a process to have {size_mib} MiB")
    return pid


def finish(guest, pid):
    """Stop it and check; the number of pages written."""
    guest.check(f"kill {pid}")
    guest.wait_for(lambda: RESULT.search(guest.check(f"cat {OUTPUT}")), 60,
                   "memory to be checked")
    writes, wrong = map(int, RESULT.search(guest.check(f"cat {OUTPUT}")).groups())
    assert not wrong, f"{wrong} pages are wrong after {writes} writes"
    return writes
