# SPDX-License-Identifier: GPL-2.0-only
"""Judges a driver by the statements of the specification.

The statements are lines of Documentation/conformance/statements.tsv; the
programs tests/scripted/c_*.c have a case for each that can be judged, with
the statement's id in front of its name. judge() runs them in guests without a
balloon device: the programs bring their own.
"""

import subprocess
from dataclasses import dataclass, field

from lab import Guest, LabError
from lab.paths import BUILD, REPO

from . import ktap

TABLE = REPO / "Documentation/conformance/statements.tsv"
SOURCES = REPO / "tests/scripted"
BINARIES = BUILD / "scripted"
PROGRAMS = sorted(path.stem for path in SOURCES.glob("c_*.c"))

LEVELS = ("MUST", "SHOULD", "MAY", "TEXT")
STATUSES = ("tested", "not-yet", "erratum")
# Judges guests by what they fill free pages with, which is up to the command line:
# with nothing, zeros, a pattern; of two the kernel prefers the pattern.
POISONED = "c_poison"
INIT_ON_FREE, PAGE_POISON = "init_on_free=1", "page_poison=1"
FILLED = (INIT_ON_FREE, PAGE_POISON, f"{INIT_ON_FREE} {PAGE_POISON}")
RANK = ("skip", "pass", "FAIL")
# OOM kills are made on purpose; the refusal of features is provoked.
ALLOWED_LOG = (r"Out of memory", r"oom-kill:", r"Call Trace:")
MEMORY_MIB = 768
PROGRAM_TIMEOUT = 300
# A driver that never lets go of the only processor ends its guest after half a minute.
LOCKUP = "watchdog_thresh=15 softlockup_panic=1"
DAMAGED = "an earlier case damaged the guest"


@dataclass(frozen=True)
class Statement:
    """One line of the table."""

    id: str
    level: str
    section: str
    applies: str
    text: str
    status: str
    reason: str


@dataclass
class Verdict:
    """What a driver makes of a statement: pass, FAIL, skip or nothing."""

    result: str
    detail: str = ""


@dataclass
class Verdicts:
    """Of one driver on one kernel, by id, and what the kernels complained of.

    filled: {command line: {id: Verdict}} of what was judged with it
    """

    by_id: dict = field(default_factory=dict)
    filled: dict = field(default_factory=dict)
    complaints: list = field(default_factory=list)


def load(path=TABLE):
    lines = [line for line in path.read_text().splitlines()
             if line and not line.startswith("#")]
    return [Statement(*line.split("\t")) for line in lines]


def program_file(program):
    return BINARIES / program


def cases():
    """{id: program} of all cases of all programs; they have to be built."""
    found = {}
    for program in PROGRAMS:
        listed = subprocess.run([program_file(program), "list"], check=True,
                                capture_output=True, text=True).stdout
        for name in listed.splitlines():
            case = name.split()[0]
            if case in found:
                raise ValueError(f"{case} is in {found[case]} and in {program}")
            found[case] = program
    return found


def _faults_of(statement, known):
    if statement.level not in LEVELS:
        yield f"level {statement.level!r}"
    if statement.status not in STATUSES:
        yield f"status {statement.status!r}"
    if statement.status == "tested" and statement.id not in known:
        yield "tested, but no program has a case for it"
    if statement.status != "tested" and statement.reason in ("", "-"):
        yield f"{statement.status} without a reason"


def check_table():
    """What does not fit between the table and the programs; no news is good."""
    statements, known = load(), cases()
    ids = [statement.id for statement in statements]
    faults = [f"{statement.id}: {fault}" for statement in statements
              for fault in _faults_of(statement, known)]
    faults += [f"{one}: twice in the table" for one in sorted(set(ids))
               if ids.count(one) > 1]
    return faults + [f"{case}: a case of {program}, but not in the table"
                     for case, program in known.items() if case not in ids]


# -- running them --

def _details(text):
    """{id: diagnostics} of a program's output; not the log of events."""
    found, notes = {}, []
    for line in text.splitlines():
        if result := ktap.RESULT.match(line):
            found[result[3].split()[0]] = "\n".join(notes)
            notes = []
        elif line.startswith("# ") and not line[2:3].isdigit():
            notes.append(line[2:])
    return found


def _read(text):
    """{id: Verdict}; nothing of a case that could not be judged."""
    details, verdicts = _details(text), {}
    for case in ktap.parse(text).cases:
        name = case.name.split()[0]
        if case.skip is None:
            verdicts[name] = Verdict("pass" if case.ok else "FAIL", details[name])
        elif DAMAGED not in case.skip:
            verdicts[name] = Verdict("skip", case.skip)
    return verdicts


class Judge:
    """Runs programs in a guest; takes a new guest after damage."""

    def __init__(self, kernel, driver, append):
        self._options = {
            "load": False, "balloon": None, "memory_mib": MEMORY_MIB,
            "smp": 1,
            "append": f"{LOCKUP} {append}",
            "extra_modules": [kernel.test_module("balloon_host")],
            "files": {f"conformance/{name}": program_file(name)
                      for name in PROGRAMS}}
        self._kernel, self._driver = kernel, driver
        self._guest = None
        self.complaints = []

    def _run(self, program, ids):
        """The output, as much as there was before a guest died."""
        output = []
        if not self._guest:
            self._guest = Guest(self._kernel, self._driver, **self._options)
            self._guest.start()
        try:
            self._guest.sh(f"/conformance/{program} {' '.join(ids)}",
                           PROGRAM_TIMEOUT, output.append)
        except LabError as error:
            self.complaints.append(f"{program}: {error}")
        return b"".join(output).decode(errors="replace").replace("\r\n", "\n")

    def program(self, program, ids):
        """{id: Verdict} of these cases of a program."""
        verdicts, left = {}, list(ids)
        while left:
            found = _read(self._run(program, left))
            verdicts.update(found)
            # The first one without a verdict ended it; it is not tried again.
            left = [one for one in left if one not in verdicts]
            if left:
                self.end()
            if left and not found:
                verdicts[left.pop(0)] = Verdict("FAIL", "the guest did not survive it")
        return verdicts

    def end(self):
        """Let go of the guest, and keep what its kernel complained of."""
        if not self._guest:
            return
        try:
            self._guest.check_log(ALLOWED_LOG)
        except LabError as error:
            self.complaints.append(str(error))
        self._guest.kill()
        self._guest = None


def why_not(kernel, append):
    """Why that kernel makes nothing of such a command line; None if it does."""
    if PAGE_POISON in append and kernel.config.get("PAGE_POISONING") != "y":
        return f"{PAGE_POISON} does nothing in a kernel without CONFIG_PAGE_POISONING"
    return None


def appends_for(kernel, program):
    """The command lines that a program is run with, each in a guest of its own."""
    filled = FILLED if program == POISONED else ()
    return ["", *(append for append in filled if not why_not(kernel, append))]


def _add(verdicts, found, append):
    """Of several verdicts about a statement the worst counts."""
    for name, verdict in found.items():
        known = verdicts.get(name)
        if append and verdict.result == "FAIL":
            verdict = Verdict("FAIL", f"with {append}: {verdict.detail}")
        if not known or RANK.index(verdict.result) >= RANK.index(known.result):
            verdicts[name] = verdict


def judge(kernel, driver, wanted):
    """Verdicts about the statements with the ids in wanted."""
    known, result = cases(), Verdicts()
    for append in appends_for(kernel, POISONED):
        one = Judge(kernel, driver, append)
        try:
            for program in PROGRAMS:
                ids = [case for case, of in known.items()
                       if of == program and case in wanted]
                if ids and append in appends_for(kernel, program):
                    found = one.program(program, ids)
                    _add(result.by_id, found, append)
                    result.filled.setdefault(append, {}).update(found)
        finally:
            one.end()
        result.complaints += one.complaints
    return result


def check_filled(verdicts, append):
    """Fail unless the statements about free pages were judged in such a guest."""
    results = {name: verdict.result for name, verdict in verdicts.filled[append].items()}
    assert set(results.values()) == {"pass"}, f"with {append}: {results}"
