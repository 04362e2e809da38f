# SPDX-License-Identifier: GPL-2.0-only
"""The folder of "make kselftest-install", and the runner in it with tests made up here.

Nothing of the folder's own programs is run: they are for guests.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest

from lab.paths import REPO
from suite import ktap

GUEST = REPO / "tests/guest"
RUNNER = GUEST / "kselftest/run_kselftest.sh"
COLLECTIONS = {"balloon": GUEST, "balloon-host": REPO / "tests/scripted"}
SHELLS = ("sh", "busybox")
TIMEOUT = 60
# For a test that hangs, and for others.
LIMIT = 2
AMPLE = 30
WARNING = 1 << 9
RESULT = re.compile("^(not )?ok ")

MAKE = {key: value for key, value in os.environ.items()
        if key not in ("K", "KDIR", "MAKEFLAGS", "MAKELEVEL")}


def install(folder):
    return subprocess.run(["make", "--no-print-directory", "kselftest-install",
                           f"DIR={folder}"], cwd=REPO, env=MAKE, check=False,
                          capture_output=True, text=True)


def programs():
    """All that has a main(), as the list is to have them."""
    for collection, directory in COLLECTIONS.items():
        for path in sorted(directory.glob("*.c")):
            if re.search(r"^int main\(", path.read_text(), re.MULTILINE):
                yield f"{collection}:{path.stem}"


# -- the folder --

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("kselftest") / "folder"
    done = install(path)
    assert not done.returncode, done.stderr
    return path


def listed(folder):
    return (folder / "kselftest-list.txt").read_text().splitlines()


def test_list_is_what_the_source_has(folder):
    expected = list(programs())
    assert len(expected) > 20
    assert listed(folder) == expected


def test_what_is_listed_is_there(folder):
    for collection in COLLECTIONS:
        files = {path.name for path in (folder / collection).iterdir()}
        assert files == {"settings"} | {
            entry.partition(":")[2] for entry in listed(folder)
            if entry.startswith(f"{collection}:")}


def test_programs_need_nothing_of_a_guest(folder):
    for entry in listed(folder):
        path = folder / entry.replace(":", "/")
        assert os.access(path, os.X_OK), path
        assert path.read_bytes()[:4] == b"\x7fELF", path
        headers = subprocess.run(["readelf", "--program-headers", path], check=True,
                                 capture_output=True, text=True).stdout
        assert "INTERP" not in headers, f"{path} is not statically linked"


def test_installed_runner_lists(folder):
    done = subprocess.run([folder / "run_kselftest.sh", "-l"], check=False, cwd="/",
                          capture_output=True, text=True)
    assert done.stdout.splitlines() == listed(folder)


def test_module_only_on_demand(folder):
    assert not (folder / "modules").exists()


def test_old_folder_is_replaced(tmp_path):
    stale = tmp_path / "balloon/went_away"
    stale.parent.mkdir()
    stale.touch()
    (tmp_path / "kselftest-list.txt").write_text("balloon:went_away\n")
    done = install(tmp_path)
    assert not done.returncode, done.stderr
    assert not stale.exists()
    assert listed(tmp_path) == list(programs())


def test_other_folder_is_kept(tmp_path):
    (tmp_path / "file").touch()
    done = install(tmp_path)
    assert done.returncode and "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_without_folder():
    done = install("")
    assert done.returncode and "DIR=path" in done.stderr


# -- the runner --

@dataclass
class Fake:
    """A test in shell, and what it is to come to."""

    script: str
    result: str
    why: str = None


HEAD = "echo 'KTAP version 1'; echo 1..2; echo 'ok 1 first'\n"
REASON = "echo '# SKIP there is none'; echo 'ok {} case # SKIP reason above'\n"

FAKES = {
    "passes": Fake(HEAD + "echo 'ok 2 second'", "pass"),
    "skips_a_case": Fake(HEAD + REASON.format(2), "pass"),
    "fails": Fake(HEAD + "echo 'not ok 2 second'; exit 1", "fail", "1 of 2 failed"),
    "fails_in_silence": Fake(HEAD + "echo 'not ok 2 second'", "fail", "1 of 2 failed"),
    "skips": Fake("echo 1..2\n" + REASON.format(1) + REASON.format(2), "skip",
                  "there is none"),
    "skips_in_plan": Fake("echo '1..0 # SKIP not here'", "skip", "not here"),
    "skips_by_status": Fake("echo '# SKIP no device'; exit 4", "skip", "no device"),
    "skips_unreasoned": Fake("echo 1..1; echo 'ok 1 case # SKIP'", "skip",
                             "no reason given"),
    "ends_in_anger": Fake(HEAD + "echo 'ok 2 second'; exit 3", "fail", "exit status 3"),
    "crashes": Fake(HEAD + "echo 'ok 2 second'; kill -SEGV $$", "fail", "signal 11"),
    "leaves_a_child": Fake(HEAD + "echo 'ok 2 second'; sleep 60 & echo $! >$ORPHAN", "pass"),
    "has_no_plan": Fake("echo 'ok 1 first'", "fail", "no plan"),
    "says_nothing": Fake("exit 0", "fail", "no plan"),
    "stops_early": Fake(HEAD, "fail", "planned 2 results, reported 1"),
    "goes_on": Fake(HEAD + "echo 'ok 2 second'; echo 'ok 3 third'", "fail",
                    "planned 2 results, reported 3"),
    "miscounts": Fake(HEAD + "echo 'ok 3 third'", "fail",
                      "planned 2 results, reported 2, misnumbered"),
    "lacks_a_line_end": Fake(HEAD + "printf 'ok 2 second'", "pass"),
    "is_no_program": Fake(None, "fail", "cannot be executed"),
    "upsets_the_kernel": Fake(HEAD + f"echo 'ok 2 second'; echo {WARNING} >$TAINTED", "fail",
                              "the kernel complained (taint 512): see dmesg"),
    "finds_it_upset": Fake(HEAD + "echo 'ok 2 second'", "pass"),
    "hangs": Fake(HEAD + "sleep 60 & echo $! >$CHILD; sleep 60", "fail",
                  f"no end within {LIMIT} s"),
}


class Place:
    """A folder with tests made up, and a guest that is made up as far as need be."""

    def __init__(self, path, shell, fakes):
        self.path = path
        self.bin = path / "bin"
        self.proc = path / "proc"
        self.device = path / "sys/bus/virtio/devices/virtio0/device"
        self.shell = ["sh"] if shell == "sh" else ["busybox", "sh"]
        for directory in (self.bin, self.proc / "sys/kernel", self.device.parent):
            directory.mkdir(parents=True)
        if shell == "busybox":
            subprocess.run(["busybox", "--install", "-s", self.bin], check=True)
        shutil.copy(RUNNER, path)
        self.list = path / "kselftest-list.txt"
        self.command("id", "echo ${FAKE_UID:-0}")
        self.command("modprobe", "exit 1")
        self.device.write_text("0x0005\n")
        self.inflate(0)
        (self.proc / "swaps").write_text("Filename\n")
        (self.proc / "sys/kernel/tainted").write_text("4096\n")
        hanging = {name: fake for name, fake in fakes.items() if name == "hangs"}
        self.add("balloon", {name: fakes[name] for name in fakes if name not in hanging})
        self.add("hanging", hanging, LIMIT)

    def inflate(self, pages):
        """The kernel's counters, as one can read them at any moment."""
        new = self.proc / "vmstat.new"
        new.write_text(f"balloon_inflate {7 + pages}\nballoon_deflate 7\n")
        new.rename(self.proc / "vmstat")

    def command(self, name, script):
        """A command of the guest, instead of this machine's; busybox takes its own."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def add(self, collection, fakes, limit=AMPLE):
        directory = self.path / collection
        directory.mkdir(exist_ok=True)
        (directory / "settings").write_text(f"# seconds\ntimeout={limit}\n")
        for name, fake in fakes.items():
            path = directory / name
            path.write_text(f"#!/bin/sh\n{fake.script}\n")
            path.chmod(0o644 if fake.script is None else 0o755)
            with self.list.open("a") as file:
                file.write(f"{collection}:{name}\n")

    def start(self, *arguments, **environment):
        path = self.bin if self.shell != ["sh"] else f"{self.bin}:{os.environ['PATH']}"
        env = {"PATH": str(path), "KSELFTEST_PROC": str(self.proc),
               "KSELFTEST_SYS": str(self.path / "sys"),
               "TAINTED": str(self.proc / "sys/kernel/tainted"),
               "CHILD": str(self.path / "child"), "ORPHAN": str(self.path / "orphan"),
               **environment}
        shell = shutil.which(self.shell[0])
        # A shell cannot be interrupted that was started with the signal ignored, as in the
        # background of another.
        # pylint: disable-next=subprocess-popen-preexec-fn
        return subprocess.Popen([shell, *self.shell[1:], self.path / RUNNER.name, *arguments],
                                env=env, cwd="/", stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def run(self, *arguments, **environment):
        with self.start(*arguments, **environment) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT)
            finally:
                process.kill()
        return Outcome(out, err, process.returncode)

    def pid(self, name):
        return int((self.path / name).read_text())


@dataclass
class Outcome:
    out: str
    err: str
    status: int

    @property
    def results(self):
        """{test: (result, why)} of the outermost level."""
        read = ktap.parse(self.out)
        assert not read.errors, read.errors
        found = {}
        for case in read.cases:
            name, _, why = case.name.partition(" # ")
            assert name.startswith("selftests: "), name
            result = "skip" if case.skip is not None else "pass" if case.ok else "fail"
            found[name.rpartition(": ")[2]] = (result, case.skip or why or None)
        return found

    def said_by(self, test):
        """The lines between its announcement and its result."""
        lines = self.out.splitlines()
        first = lines.index(f"# selftests: balloon: {test}") + 1
        count = [bool(RESULT.match(line)) for line in lines[first:]].index(True)
        return lines[first:first + count]

    @property
    def totals(self):
        return self.out.splitlines()[-1]


def totals_of(passed=0, failed=0, skipped=0):
    return f"# Totals: pass:{passed} fail:{failed} xfail:0 xpass:0 skip:{skipped} error:0"


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def needs(shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this machine")
    if shell == "busybox" and os.getuid():
        pytest.skip("busybox asks its own id whether this is root")
    return shell


@pytest.fixture(scope="module", params=SHELLS)
def everything(request, tmp_path_factory):
    """One run of all that is made up, in each shell."""
    place = Place(tmp_path_factory.mktemp("fakes"), needs(request.param), FAKES)
    return place, place.run()


@pytest.fixture(params=SHELLS)
def place(request, tmp_path):
    """A folder with a few of them."""
    names = ("passes", "fails", "skips", "hangs")
    return Place(tmp_path, needs(request.param), {name: FAKES[name] for name in names})


@pytest.mark.parametrize("name", FAKES)
def test_result(everything, name):
    fake = FAKES[name]
    assert everything[1].results[name] == (fake.result, fake.why)


def test_all_have_a_result(everything):
    assert list(everything[1].results) == list(FAKES)


def test_totals(everything):
    results = [fake.result for fake in FAKES.values()]
    _, done = everything
    assert done.totals == totals_of(*map(results.count, ("pass", "fail", "skip")))
    assert done.status == 1


def test_cases_are_nested(everything):
    assert everything[1].said_by("skips_a_case") == [
        "  KTAP version 1", "  1..2", "  ok 1 first", "  # SKIP there is none",
        "  ok 2 case # SKIP reason above"]


def test_last_line_gets_an_end(everything):
    assert everything[1].said_by("lacks_a_line_end")[-1] == "  ok 2 second"


@pytest.mark.parametrize("file", ("child", "orphan"))
def test_no_process_is_left(everything, file):
    assert not is_alive(everything[0].pid(file))


def test_no_files_are_left(place, tmp_path):
    place.run("-t", "passes", TMPDIR=str(tmp_path / "proc"))
    assert sorted(path.name for path in place.proc.iterdir()) == ["swaps", "sys", "vmstat"]


def test_only_passes(place):
    done = place.run("-t", "passes")
    assert (done.status, done.totals) == (0, totals_of(passed=1))


def test_skip_beside_pass(place):
    done = place.run("-t", "passes", "-t", "balloon:skips")
    assert (done.status, done.totals) == (0, totals_of(passed=1, skipped=1))


def test_only_skips(place):
    done = place.run("-t", "skips")
    assert (done.status, done.totals) == (4, totals_of(skipped=1))


def test_failure_beside_pass(place):
    done = place.run("-t", "passes", "-t", "fails")
    assert (done.status, done.totals) == (1, totals_of(passed=1, failed=1))


def test_timeout_of_ones_own(place):
    assert place.run("-t", "hangs", "-o", "1").results == {
        "hangs": ("fail", "no end within 1 s")}


@pytest.mark.parametrize("arguments, word", (
    (("-t", "no_such"), "no_such"), (("-t", "balloon-host:passes"), "balloon-host:passes"),
    (("-c", "ball"), "ball"), (("-o", "soon"), "-o"), (("passes",), "passes"),
    (("-W", "0"), "-W"), (("-W", "soon"), "-W"),
    (("-x",), "usage")))
def test_misuse(place, arguments, word):
    done = place.run(*arguments)
    assert done.status == 2 and not done.out
    assert word in done.err


def test_help(place):
    done = place.run("-h", FAKE_UID="1000")
    assert not done.status and done.out.startswith("usage: ")


@pytest.mark.parametrize("place", ["sh"], indirect=True)
def test_needs_root(place):
    done = place.run(FAKE_UID="1000")
    assert done.status == 2 and not done.out
    assert "needs root" in done.err and "sudo" in done.err


def test_list_needs_no_root(place):
    done = place.run("-l", FAKE_UID="1000")
    assert not done.status
    assert done.out == place.list.read_text()


def test_empty_list(place):
    place.list.write_text("")
    done = place.run()
    assert done.status == 2 and "is empty" in done.err


def test_ruined_guest(place):
    """What comes after a driver that hangs would be misjudged."""
    place.list.write_text("")
    place.add("balloon", {
        "ruins": Fake("echo 1..1; echo 'not ok 1 case # no end within 1 s, and cannot be "
                      "killed'; exit 1", "fail"),
        "passes": FAKES["passes"]})
    done = place.run()
    assert done.results["passes"] == (
        "skip", "ruins has left a driver that hangs: start the guest anew")
    assert done.status == 1


def test_taint_that_is_expected(place):
    place.add("balloon", {"upsets_the_kernel": FAKES["upsets_the_kernel"]})
    with (place.path / "balloon/settings").open("a") as settings:
        settings.write("taints=other upsets_the_kernel\n")
    assert place.run("-t", "upsets_the_kernel").results == {"upsets_the_kernel": ("pass", None)}


def test_interrupted(place):
    with place.start("-t", "hangs", "-o", "60") as process:
        wait_until(lambda: (place.path / "child").exists() and
                   (place.path / "child").read_text().strip())
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert out.endswith("Bail out! interrupted\n")
    wait_until(lambda: not is_alive(place.pid("child")))


# -- what a collection needs --

def host_result(place):
    """Of the one test that plays the host, beside one that does not."""
    place.add("balloon-host", {"plays": Fake("echo 1..1; echo ok 1 played", "pass")})
    done = place.run("-t", "passes", "-c", "balloon-host")
    assert done.results["passes"] == ("pass", None)
    return done.results["plays"]


@pytest.fixture
def no_host():
    if os.path.exists("/dev/balloon_host"):
        pytest.skip("this machine has balloon_host.ko loaded")


@pytest.mark.usefixtures("no_host")
def test_no_module(place):
    release = os.uname().release
    assert host_result(place) == (
        "skip", f"no balloon_host.ko for kernel {release}: install with KDIR= or K=")


@pytest.mark.usefixtures("no_host")
def test_module_that_is_refused(place):
    path = place.path / "modules" / os.uname().release / "balloon_host.ko"
    path.parent.mkdir(parents=True)
    path.touch()
    place.command("insmod", "echo \"insmod: can't insert '$1'\" >&2; exit 1")
    result, why = host_result(place)
    assert result == "skip"
    assert why.startswith("balloon_host.ko cannot be loaded: insmod: ")


def test_balloon_that_is_not_empty(place):
    place.inflate(2)
    result, why = host_result(place)
    assert result == "skip" and "own balloon" in why


def test_guest_that_would_hibernate(place):
    if os.path.exists("/sys/power/pm_test"):
        pytest.skip("this kernel can test its suspend")
    (place.proc / "swaps").write_text("Filename\n/dev/vdb\n")
    result, why = host_result(place)
    assert result == "skip" and "swapoff" in why


# -- what it says of its host, and how it waits for it --

HOST_TEST = {"plays": Fake("echo 1..1; echo ok 1 played", "pass")}


def comments(out):
    """What is said before the first test."""
    lines = out.splitlines()
    return "\n".join(line for line in lines[:lines.index("# selftests: balloon: passes")])


def test_says_first_what_the_host_has_to_do(place):
    said = comments(place.run("-t", "passes").out)
    assert "# balloon needs a balloon device that the host has inflated" in said
    assert "here: 0 pages are in the balloon" in said and "-w" in said
    assert "balloon-host" not in said


def test_says_that_all_is_well(place):
    place.inflate(25600)
    said = comments(place.run("-t", "passes").out)
    assert "here: 25600 pages are in the balloon" in said and "skipped" not in said


def test_says_that_there_is_no_device(place):
    place.device.write_text("0x0001\n")
    done = place.run("-t", "passes", "-w")
    assert "here: no balloon device" in comments(done.out)
    assert done.results["passes"] == ("pass", None)


def test_both_collections_say_what_they_need(place):
    place.add("balloon-host", HOST_TEST)
    place.inflate(3)
    said = comments(place.run("-t", "passes", "-c", "balloon-host").out)
    assert "# balloon needs" in said and "# balloon-host needs" in said
    assert said.count("-w") == 1


def read_until(process, text):
    """The lines up to the one with the text."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"no '{text}' in {lines}")


@pytest.mark.usefixtures("no_host")
def test_waits_for_the_host(place):
    """Until it has inflated the balloon, and then has deflated it again."""
    place.add("balloon-host", HOST_TEST)
    with place.start("-t", "passes", "-c", "balloon-host", "-w") as process:
        try:
            said = read_until(process, "waits for the host to inflate")
            assert "selftests: balloon: passes" not in said
            place.inflate(1000)
            read_until(process, "balloon begins: 1000 pages")
            read_until(process, "balloon-host waits for the host to deflate")
            place.inflate(0)
            read_until(process, "balloon-host begins: 0 pages")
            process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert process.returncode == 0


def test_waits_until_the_host_is_done(place):
    """A balloon that still grows is not begun with."""
    place.inflate(1)
    longest, last = 0, time.monotonic()
    with place.start("-t", "passes", "-w") as process:
        try:
            for pages in range(2, 8):
                place.inflate(pages)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
                time.sleep(0.5)
            said = read_until(process, "balloon begins")
            process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    if longest > 1:
        pytest.skip(f"this machine is too busy: the balloon did not grow for {longest:.1f} s")
    assert "balloon begins: 7 pages" in said


def test_waits_no_longer_than_wanted(place):
    begun = time.monotonic()
    done = place.run("-t", "passes", "-W", "2")
    assert time.monotonic() - begun >= 1
    assert "goes on after 2 s: the host has not done it" in done.out
    assert done.results["passes"] == ("pass", None)


def test_interrupted_while_it_waits(place):
    with place.start("-t", "passes", "-w") as process:
        read_until(process, "waits for the host")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1 and out.endswith("Bail out! interrupted\n")
