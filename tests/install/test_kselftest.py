# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the folder of "make kselftest-install" runs by itself in any guest.

In a Debian that has nothing of ours but that folder and the driver: tests of the guest's
own balloon, and such that play the host. With --full the kernel's own driver, too.
"""

import re
import subprocess
from dataclasses import dataclass

import pytest

from lab import MIB, Kernel
from lab.paths import REPO
from suite import guests, hog
from suite.debian import FILES, DebianGuest, pristine
from suite.guests import full_size
from suite.programs import tool_file

SERIES, SUITE = "6.1", "bookworm"
RUN_TIMEOUT = 600
GIVEN = 100 * MIB
# Of those that play the host, what takes seconds and what the driver passes.
HOST_TESTS = {"in-tree": "-t t_host", "ours": "-t t_host -t t_two -t t_break"}
INSTALL = f"""
cd /lib/modules/$(uname -r) && mkdir -p updates && cp {FILES}/virtio_balloon.ko updates/
depmod && modprobe -r virtio_balloon && modprobe virtio_balloon
"""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("kselftest")
    subprocess.run(["make", "--silent", "-C", REPO, "kselftest-install", f"K={SERIES}",
                    f"DIR={directory / 'balloon-tests'}"], check=True)
    subprocess.run(["cp", Kernel(SERIES).our_module, tool_file("hog"), directory], check=True)
    return directory


@pytest.fixture
def debian(request, files):
    system = pristine(SUITE)
    if system.release != Kernel(SERIES).release:
        pytest.skip(f"the module is for {Kernel(SERIES).release}, the Debian has "
                    f"{system.release}: remove .lab/debian")
    guest = DebianGuest(system, files, memory_mib=1024, smp=2, balloon={})
    guests.watch(request.node, guest)
    try:
        yield guest.start()
        guest.stop()
    finally:
        guest.discard()


def run(guest, arguments):
    done = guest.sh(f"cd {FILES}/balloon-tests && ./run_kselftest.sh {arguments}", RUN_TIMEOUT)
    print(done.out)
    return done


@dataclass
class Done:
    status: int
    out: str


def run_while(guest, arguments, host_acts):
    """Begin, have the host do something, and wait for the end."""
    guest.check(f"cd {FILES}/balloon-tests && {{ ./run_kselftest.sh {arguments} >/run/out 2>&1; "
                "echo $? >/run/status; } </dev/null >/dev/null 2>&1 &")
    guest.wait_for(lambda: "waits for the host" in guest.sh("cat /run/out").out, 60,
                   "the tests to wait for the host")
    host_acts()
    guest.wait_for(lambda: guest.sh("test -s /run/status").ok, RUN_TIMEOUT, "the tests to end")
    done = Done(int(guest.check("cat /run/status")), guest.check("cat /run/out"))
    print(done.out)
    return done


@pytest.mark.parametrize("driver", (pytest.param("in-tree", marks=pytest.mark.rare), "ours"))
def test_folder_runs_by_itself(debian, driver, record_property):
    if driver == "ours":
        debian.check(INSTALL, RUN_TIMEOUT)
    # As a guest that has run for a while: balloon pages move up only.
    debian.check(f"cp {FILES}/hog /usr/bin/")

    def inflate():
        with hog.pieces(debian):
            debian.resize(full_size(debian) - GIVEN)

    own = run_while(debian, "-c balloon -w", inflate)
    debian.resize(full_size(debian))
    host = run(debian, HOST_TESTS[driver])
    for done in (own, host):
        assert done.status == 0
        assert not re.search(r"^not ok", done.out, re.M)
    passed = sum(len(re.findall(r"^ok (?!.*# SKIP)", done.out, re.M)) for done in (own, host))
    assert passed > len(HOST_TESTS[driver].split()) // 2
    record_property("figure", f"{passed} programs passed with the {driver} driver")
