# SPDX-License-Identifier: GPL-2.0-only
"""Shows that one can log in to a Debian whose host wants nearly all of its memory.

Over ssh, with a terminal and a session of systemd, in guests of several sizes, at the
default floor. No process is killed.
"""

import re
import socket
import subprocess
import time

import pytest

from lab import MIB, Kernel
from suite import guests, roots
from suite.debian import FILES, DebianGuest, pristine

SERIES, SUITE = "6.1", "bookworm"
SIZES = (128, 512, 2048, pytest.param(8192, marks=pytest.mark.rare))
SYSFS = "/sys/bus/virtio/devices/virtio*/balloon"
KILLS = re.compile(r"Killed process|Out of memory|oom-kill")
SETUP_TIMEOUT, LOGIN_TIMEOUT = 240, 120
KEYS = "/mnt/keys"
SETUP = f"""
cd /lib/modules/$(uname -r) && mkdir -p updates && cp {FILES}/virtio_balloon.ko updates/
depmod && modprobe -r virtio_balloon && modprobe virtio_balloon && modprobe virtio_net
mkdir -p -m 700 /root/.ssh && cp {FILES}/key.pub /root/.ssh/authorized_keys
systemctl is-system-running --wait
link=$(cd /sys/class/net && echo e*)
ip link set $link up && ip address add 10.0.2.15/24 dev $link
ip route add default via 10.0.2.2
"""
SSH = ("ssh", "-tt", "-i", f"{KEYS}/key", "-o", "StrictHostKeyChecking=no",
       "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
       "-o", f"ConnectTimeout={LOGIN_TIMEOUT}")

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def system():
    system = pristine(SUITE)
    if system.release != Kernel(SERIES).release:
        pytest.skip(f"the module is for {Kernel(SERIES).release}, the Debian has "
                    f"{system.release}: remove .lab/debian")
    if not (system.tree / "usr/sbin/sshd").exists():
        pytest.skip("the Debian has no sshd: remove .lab/debian")
    return system


@pytest.fixture(scope="module")
def files(system, tmp_path_factory):
    """The driver, and the keys of who logs in."""
    directory = tmp_path_factory.mktemp("login")
    subprocess.run(["cp", Kernel(SERIES).our_module, directory], check=True)
    made = roots.run(system.tree, {directory: KEYS}, "ssh-keygen", "-q", "-t", "ed25519",
                     "-N", "", "-f", f"{KEYS}/key")
    assert not made.returncode, made.stdout
    return directory


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Login:
    """A guest, and ssh to it from the system's own tree."""

    def __init__(self, system, files, memory_mib):
        self._system, self._files, self._port = system, files, free_port()
        network = f"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"
        self.guest = DebianGuest(
            system, files, memory_mib=memory_mib, smp=2, balloon={},
            memory_backend={"type": "ram", "reserve": False},
            extra=["-netdev", network, "-device", "virtio-net-pci,netdev=net0"])

    def run(self, command):
        """What a command prints there, and the seconds that it took."""
        begin = time.monotonic()
        done = roots.run(self._system.tree, {self._files: KEYS}, *SSH, "-p", str(self._port),
                         "root@127.0.0.1", command, timeout=LOGIN_TIMEOUT)
        assert not done.returncode, f"status {done.returncode}: {done.stdout}"
        return done.stdout.strip(), time.monotonic() - begin


@pytest.fixture
def login(request, system, files):
    one = Login(system, files, request.param)
    guests.watch(request.node, one.guest)
    try:
        one.guest.start()
        one.guest.check(SETUP, SETUP_TIMEOUT)
        yield one
        one.guest.stop()
    finally:
        one.guest.discard()


@pytest.mark.parametrize("login", SIZES, indirect=True)
def test_login_at_the_floor(login, record_property):
    guest, mark = login.guest, login.guest.log_mark()
    _, before = login.run("id -un")
    guest.set_target(4096)
    guest.wait_for(lambda: guest.check(f"cat {SYSFS}/state").strip() == "floor", 180,
                   "state 'floor'")
    available = guest.meminfo()["MemAvailable"]
    for _ in range(2):
        printed, after = login.run("id -un")
        assert printed.endswith("root"), printed
    kills = [line for line in guest.log_since(mark).splitlines() if KILLS.search(line)]
    assert not kills, "processes were killed:\n" + "\n".join(kills)
    record_property("figure", f"{guest.options.memory_mib} MiB guest, {available // MIB} MiB "
                              f"available: {after:.1f} s, {before:.1f} s before")
