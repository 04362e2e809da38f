# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the driver can be installed, upgraded and removed as install.rst says.

In a Debian that boots by itself, with its own kernel and headers: after each step
modprobe takes the driver that it should, the balloon of that driver does its work in a
guest that boots from it, and when ours is removed the in-tree one is back. In bookworm
the initramfs loads the driver, in trixie udev does. With --full all of it is done in a
guest that runs, too, where a build takes minutes.
"""

import re
import subprocess

import pytest

from lab import MIB
from lab.paths import REPO
from suite import guests, sources
from suite.debian import FILES, InChroot, InGuest, pristine

PARTS = ("Makefile", "Kbuild", "COPYING", "CHANGELOG.md", "SECURITY.md", "drivers", "include",
         "packaging", "scripts", "Documentation")
NEWER = "99.0"
PACKAGE = "virtio-balloon-oot-dkms"
# Emulated, and a shared machine.
BUILD_TIMEOUT = 400
MEMORY, GIVEN = 1024, 300 * MIB
IN_TREE, OURS = "kernel", "updates"
TIMER = "balloonstat-prometheus.timer"
TEXTFILE = "/var/lib/prometheus/node-exporter/virtio_balloon.prom"

pytestmark = pytest.mark.timeout(1800)


def make_package(directory, to):
    done = subprocess.run(["make", "--no-print-directory", "--silent", "deb", f"DIR={to}"],
                          cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1].rpartition("/")[2]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """What the guest gets: the sources, and two packages."""
    directory = tmp_path_factory.mktemp("install") / "files"
    directory.mkdir()
    sources.copy(directory / "src", PARTS)
    newer = directory.parent / "newer"
    sources.copy(newer, PARTS, NEWER)
    for one in (REPO, newer):
        make_package(one, directory)
    return directory


@pytest.fixture(params=[InChroot, pytest.param(InGuest, marks=pytest.mark.rare)],
                ids=["chroot", "guest"])
def system(request, files, suite):
    one = request.param(pristine(suite), files, lambda guest: guests.watch(request.node, guest),
                        memory_mib=MEMORY, smp=2, balloon={"free_page_reporting": True})
    yield one
    one.end(not request.node.stash.get(guests.FAILED, False))


def check_picked(system, where, version=None):
    """What modprobe would take."""
    release = "$(cd /lib/modules; echo *)"
    path = system.check(f"modinfo -k {release} -n virtio_balloon").strip()
    assert f"/{where}/" in path
    if version:
        found = system.check(f"modinfo -k {release} -F version virtio_balloon")
        assert found.strip() == version


def check_loaded(guest, version=None):
    """What runs, and that it does its work; the in-tree driver has no version."""
    # udev may be at it when others begin to work.
    guest.wait_for(lambda: guest.sh("test -d /sys/module/virtio_balloon").ok, 60,
                   "a virtio_balloon to be loaded")
    loaded = guest.check("cd /sys/module/virtio_balloon && cat version 2>/dev/null; true")
    assert loaded.strip() == (version or "")
    full = MEMORY * MIB
    guest.resize(full - GIVEN)
    guest.resize(full)


def check_tool(system, there):
    """Whether balloonstat can be called, its manual be read, and its options be completed."""
    for path in ("bin/balloonstat", "share/man/man8/balloonstat.8",
                 "share/bash-completion/completions/balloonstat",
                 "share/doc/virtio-balloon-oot/virtio_balloon.conf"):
        found = system.check(f"ls /usr/local/{path} 2>/dev/null || true")
        assert bool(found.strip()) == there, path


def check_headers_by_name(system, version):
    """Those that are named for this kernel are those that are installed; with them hidden,
    the package says so.
    """
    build = "/lib/modules/$(cd /lib/modules; echo *)/build"
    headers = f"/usr/src/virtio-balloon-oot-{version}/headers"
    assert not system.check(headers)
    said = system.check(f"mv {build} {build}.hidden; {headers}; mv {build}.hidden {build}")
    named = re.findall(r"^  apt install (\S+)$", said, re.M)
    assert len(named) == 2 and named[1].startswith("linux-headers-cloud-"), said
    for package in named:
        assert "install ok installed" in system.check(f"dpkg -s {package}")


def apt(system, *arguments):
    return system.check(f"DEBIAN_FRONTEND=noninteractive apt-get -q -y {' '.join(arguments)}",
                        BUILD_TIMEOUT)


def test_package(system):
    version = sources.version()
    check_picked(system, IN_TREE)
    check_loaded(system.restart())

    apt(system, "install", f"{FILES}/{PACKAGE}_{version}_all.deb")
    check_picked(system, OURS, version)
    check_headers_by_name(system, version)
    check_loaded(system.restart(), version)

    apt(system, "install", f"{FILES}/{PACKAGE}_{NEWER}_all.deb")
    check_picked(system, OURS, NEWER)
    known = system.check("dkms status")
    assert NEWER in known and version not in known
    check_loaded(system.restart(), NEWER)

    apt(system, "remove", PACKAGE)
    check_picked(system, IN_TREE)
    assert not system.check("dkms status").strip()
    check_loaded(system.restart())


def metric(guest, name):
    """Of the file for node_exporter; None if it is not there."""
    text = guest.check(f"cat {TEXTFILE} 2>/dev/null || true")
    found = re.search(rf'^virtio_balloon_{name}{{device="virtio\d+"}} (\d+)$', text, re.M)
    return int(found[1]) if found else None


def test_metrics(system):
    """The timer of the package, as monitoring.rst says: confined by systemd, and right."""
    if not system.check("command -v python3 || true").strip():
        pytest.skip("the Debian has no python3: remove .lab/debian")
    version = sources.version()
    apt(system, "install", f"{FILES}/{PACKAGE}_{version}_all.deb")
    # node_exporter's package has it.
    system.check(f"mkdir -p $(dirname {TEXTFILE})")
    guest = system.restart()
    check_loaded(guest, version)
    assert guest.check(f"systemctl is-enabled {TIMER} || true").strip() == "disabled"
    guest.check(f"systemctl enable --now {TIMER}")
    guest.wait_for(lambda: metric(guest, "actual_bytes") == 0, 120,
                   lambda: guest.check("journalctl -b -u 'balloonstat*' --no-pager | tail"))
    assert metric(guest, "debugfs_readable") == 1
    guest.resize(MEMORY * MIB - GIVEN)
    guest.wait_for(lambda: metric(guest, "actual_bytes") == GIVEN, 120, "new metrics")
    assert guest.check("systemctl list-units --failed --no-legend 'balloonstat*'").strip() == ""
    assert guest.check(f"stat -c '%U %a' {TEXTFILE}").strip() == "root 644"


@pytest.mark.parametrize("do, undo", (("dkms-install", "dkms-uninstall"),
                                      ("install", "uninstall")))
def test_without_a_package(system, do, undo):
    """With DKMS, and by hand."""
    version = sources.version()
    make = "make -C /root/src KVER=$(cd /lib/modules; echo *)"
    system.check(f"cp -r {FILES}/src /root/src")
    system.check(f"{make} {do}", BUILD_TIMEOUT)
    check_picked(system, OURS, version)
    check_tool(system, do == "install")
    system.check("update-initramfs -u", BUILD_TIMEOUT)
    check_loaded(system.restart(), version)
    system.check(f"{make} {undo}", BUILD_TIMEOUT)
    check_picked(system, IN_TREE)
    check_tool(system, False)
    system.check("update-initramfs -u", BUILD_TIMEOUT)
    check_loaded(system.restart())
