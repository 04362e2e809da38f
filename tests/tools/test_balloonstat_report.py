# SPDX-License-Identifier: GPL-2.0-only
"""Shows that balloonstat --report has all that a bug report needs, says what could not be
read and why, and tells nothing that is private.

golden/balloonstat-report.txt is the whole report of a guest that is only files.
"""

import errno
import os
import re
import shutil
import sys

import pytest

from lab.paths import REPO
from suite import sources
from suite.balloonstat import TOTALS, check_golden, words

GOLDEN = REPO / "tests/tools/golden/balloonstat-report.txt"
SECRETS = ("alice", "hunter2", "10.1.2.3", "52:54:00", "6f1a-uuid", "nginx")
CMDLINE = ("BOOT_IMAGE=/vmlinuz root=UUID=6f1a-uuid ip=10.1.2.3::alice init_on_alloc=1 quiet "
           "page_reporting.page_reporting_order=9 virtio_balloon.floor=64M psi=1 mem=4G "
           "systemd.hostname=alice memory.password=hunter2 console=ttyS0\n")
KMSG = """\
6,301,1500000,-;virtio_net virtio1 eth0: address 52:54:00:12:34:56
4,302,1600000,-;virtio_balloon: loading out-of-tree module taints kernel.
6,303,4465556,-;virtio_balloon virtio0: balloon ready: features 0x2e
 SUBSYSTEM=virtio
 DEVICE=+virtio:virtio0
3,304,9000001,-;Out of memory: Killed process 77 (nginx) total-vm:1kB
4,305,9000002,-;CPU: 0 PID: 77 Comm: nginx Tainted: G O virtio_balloon
4,306,9000003,-;Modules linked in: virtio_balloon(O) nginx_mod
4,307,12000000,c;virtio_balloon virtio0: the host is silent\\x0aon the inflate queue
5,308,13000000,-;Kernel command line: virtio_balloon.x=hunter2
"""
PROC = {"sys/kernel/osrelease": "6.12.0-test\n", "sys/kernel/version": "#1 SMP\n",
        "sys/kernel/tainted": "4096\n", "sys/kernel/hostname": "alice\n", "cmdline": CMDLINE,
        "buddyinfo": "Node 0, zone Normal 1 2 3\n",
        "zoneinfo": "Node 0, zone   Normal\n  pages free     123\n",
        "pressure/memory": "some avg10=1.00 avg60=0.50 avg300=0.10 total=123\n",
        "pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=4\n",
        "pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n",
        "vmstat": "nr_free_pages 1\nnr_mapped 2\nballoon_inflate 3\noom_kill 4\nnfs_secret 5\n"}


@pytest.fixture
def guest(fake):
    fake.balloon("virtio0")
    fake.count(57)
    (fake.debugfs / "virtio0/totals").write_text(TOTALS)
    (fake.debugfs / "virtio0/events").write_text("4.465556 up features=0x2e\n")
    for path in (fake.debugfs / "virtio0/reset", fake.devices / "virtio0/balloon/resync"):
        path.write_text("not to be read\n")
        path.chmod(0o200)
    for name, text in (("status", "0x0000000f\n"), ("vendor", "0x1af4\n")):
        (fake.devices / "virtio0" / name).write_text(text)
    module = fake.module(floor="auto", hint="auto")
    (module / "version").write_text("0.1.0\n")
    (module / "srcversion").write_text("ABCDEF\n")
    sources.write(fake.root / "proc", PROC)
    (fake.root / "kmsg").write_text(KMSG)
    return fake


def sections(text):
    """{title: lines}"""
    found = {}
    for part in text.split("\n\n== ")[1:]:
        title, *lines = part.splitlines()
        assert title not in found
        found[title] = lines
    return found


def neutral(text, root):
    """Without what is of this machine or this moment."""
    text = text.replace(str(root), "")
    text = re.sub(r"^Report of balloonstat, .*", "Report of balloonstat, TIME", text)
    return re.sub(r"^(balloonstat|Python|system|machine): .*", r"\1: X", text, flags=re.M)


def test_whole_report(guest):
    done = guest.run("--report")
    check_golden(neutral(done.stdout, guest.root), GOLDEN, guest.root / "now")
    assert done.stderr == ""


def test_nothing_private(guest):
    text = guest.run("--report").stdout
    assert not [secret for secret in SECRETS if secret in text]


def test_log_has_the_drivers_lines(guest):
    assert sections(guest.run("--report").stdout)[f"{guest.root}/kmsg"] == [
        "[    1.600000] virtio_balloon: loading out-of-tree module taints kernel.",
        "[    4.465556] virtio_balloon virtio0: balloon ready: features 0x2e",
        "[   12.000000] virtio_balloon virtio0: the host is silent\\x0aon the inflate queue"]


def test_log_is_read_record_by_record(module, monkeypatch):
    """As /dev/kmsg is: it may lose some meanwhile, and its end is that nothing is there."""
    answers = [b"6,1,1000000,-;virtio_balloon: one\n", BrokenPipeError(errno.EPIPE, "lost"),
               b"6,9,2000000,-;virtio_balloon: two\n", BlockingIOError(errno.EAGAIN, "end")]

    def read(_, __):
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(module.os, "read", read)
    assert list(module.log_lines("/dev/null")) == [
        "[    1.000000] virtio_balloon: one", "[    2.000000] virtio_balloon: two"]
    assert not answers


def test_what_cannot_be_read_is_listed_with_its_reason(guest):
    shutil.rmtree(guest.root / "proc/pressure")
    shutil.rmtree(guest.debugfs)
    (guest.root / "kmsg").unlink()
    (guest.root / "proc/zoneinfo").unlink()
    done = guest.run("--report")
    found = sections(done.stdout)
    missing = "No such file or directory"
    no_psi = f"{missing}: the kernel has no PSI, or needs psi=1 on its command line"
    expected = {
        f"{guest.debugfs}/virtio0": f"{missing}: only the out-of-tree driver has it, and debugfs "
        "has to be mounted: mount -t debugfs none /sys/kernel/debug",
        f"{guest.root}/kmsg": missing, f"{guest.root}/proc/zoneinfo": missing,
        **{f"{guest.root}/proc/pressure/{name}": no_psi for name in ("memory", "cpu", "io")}}
    assert found["Could not be read"] == [f"{path}: {why}" for path, why in expected.items()]
    for path, why in expected.items():
        assert found[path] == [f"could not be read: {why}"]
    assert done.stderr == ("balloonstat: not all could be read (6); the end of the report says "
                           "why\n")


@pytest.mark.parametrize("user, advice", [
    (1000, "only root may read it, as in: sudo balloonstat --report"),
    (0, "the kernel's lockdown or a container forbids it")])
def test_refused(guest, module, monkeypatch, capsys, user, advice):
    real = os.listdir

    def listdir(path):
        if str(path).startswith(str(guest.debugfs)):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(module.os, "listdir", listdir)
    monkeypatch.setattr(module.os, "geteuid", lambda: user)
    monkeypatch.setattr(sys, "argv", ["balloonstat", *map(str, guest.roots), "--report"])
    assert module.main() == 0
    last = sections(capsys.readouterr().out)["Could not be read"]
    assert last == [f"{guest.debugfs}/virtio0: Permission denied: {advice}"]


def test_report_of_the_kernels_own_driver(guest):
    shutil.rmtree(guest.root / "sys/module")
    shutil.rmtree(guest.devices / "virtio0/balloon")
    text = guest.run("--report").stdout
    found = sections(text)
    assert "driver: virtio_balloon, built into the kernel" in found[
        "What the kernel shows of virtio0"]
    assert "features: STATS_VQ DEFLATE_ON_OOM REPORTING bit_7 VERSION_1" in found["Device virtio0"]
    module = f"{guest.root}/sys/module/virtio_balloon"
    assert found["Could not be read"] == [
        f"{module}/{name}: No such file or directory: only the out-of-tree driver has it"
        for name in ("version", "srcversion", "parameters")]
    assert found[f"{guest.root}/proc/buddyinfo"] == ["Node 0, zone Normal 1 2 3"]


def test_report_without_a_balloon(guest):
    shutil.rmtree(guest.devices / "virtio0")
    found = sections(guest.run("--report").stdout)
    assert found["Devices"] == ["This guest has no balloon device."]


def test_report_in_a_file(guest):
    path = guest.root / "report.txt"
    done = guest.run("--report", "--output", path)
    assert (done.stdout, done.stderr) == ("", "")
    assert "Everything was read." in path.read_text()


def test_report_names_the_versions(guest):
    said = words(guest.run("--report").stdout)
    version = guest.run("--version").stdout.split()[1]
    assert f"balloonstat: {version} Python: {'.'.join(map(str, sys.version_info[:3]))}" in said
