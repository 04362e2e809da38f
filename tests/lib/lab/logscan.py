# SPDX-License-Identifier: GPL-2.0-only
"""Find a kernel's complaints in its log."""

import re
from dataclasses import dataclass

COMPLAINTS = re.compile("|".join((
    r"\bWARNING: ",
    r"\bBUG: ",
    r"\bBUG\b.* at ",
    r"\bBUG [\w-]+ \(",           # SLUB names the cache
    r"\bkernel BUG\b",
    r"\bKASAN\b",
    r"\bKCSAN\b",
    r"\bUBSAN\b",
    r"possible circular locking",
    r"\bINFO: possible ",
    r"inconsistent lock state",
    r"suspicious RCU usage",
    r"\bINFO: task .* blocked",
    r"\brcu: INFO: ",
    r"\bINFO: rcu",
    r"soft lockup",
    r"hard LOCKUP",
    r"workqueue lockup",
    r"\bOops\b",
    r"general protection fault",
    r"[Uu]nable to handle",
    r"kmemleak: .*(new suspected|unreferenced object|unknown object)",
    # It switches itself off then, and finds nothing any more.
    r"kmemleak: (Cannot|Kernel memory leak detector disabled)",
    r"pagealloc: (memory corruption|single bit error)",
    r"[Bb]ad (page|rss|swap)",
    r"list_(add|del) corruption",
    r"\brefcount_t:",
    r"ODEBUG:",
    r"DEBUG_LOCKS_WARN_ON",
    r"scheduling while atomic",
    r"sleeping function called from invalid context",
    r"page allocation failure",
    r"Kernel panic",
)))

# Only when nothing better explains it.
FALLBACK = re.compile(r"Call Trace:")

# What these say is right, and expected in a test guest.
BENIGN = re.compile("|".join((
    r"loading out-of-tree module taints kernel",
    r"module verification failed: signature and/or required key missing",
    # Features that a kernel announces when it boots.
    r"kasan: KernelAddressSanitizer initialized",
    r"ODEBUG: selftest passed",
    # Emulated CPUs have this bug in name only.
    r"WARNING: Spectre v2 mitigation",
    # May have any word in it.
    r"ommand line: ",
)))

CONTEXT_BEFORE = 3
CONTEXT_AFTER = 12


@dataclass
class Complaint:
    """A line that should not be there, and what stands around it."""

    number: int
    line: str
    context: str

    def __str__(self):
        return self.context


def _context(lines, number):
    shown = range(max(0, number - CONTEXT_BEFORE),
                  min(len(lines), number + CONTEXT_AFTER + 1))
    return "\n".join(f"{'>' if n == number else ' '} {lines[n]}" for n in shown)


def _matching(lines, pattern, allowed):
    found = []
    for number, line in enumerate(lines):
        if BENIGN.search(line) or any(re.search(a, line) for a in allowed):
            continue
        if pattern.search(line):
            found.append(Complaint(number, line, _context(lines, number)))
    return found


def scan(text, allowed=()):
    """Complaints in a kernel log, but for lines that match a pattern of allowed.

    A test that provokes a warning on purpose names it in allowed.
    """
    lines = text.splitlines()
    return _matching(lines, COMPLAINTS, allowed) or (
        [] if allowed else _matching(lines, FALLBACK, allowed))


def report(complaints, limit=5):
    """For a message: the first ones with their context."""
    shown = "\n...\n".join(str(complaint) for complaint in complaints[:limit])
    more = len(complaints) - limit
    return shown + (f"\n... and {more} more" if more > 0 else "")
