# SPDX-License-Identifier: GPL-2.0-only
"""Shows that scripts/headers names the package with a kernel's headers, for each
distribution and flavour of kernel, and only for kernels that have none.
"""

import subprocess

import pytest

from lab.paths import REPO

SCRIPT = REPO / "scripts/headers"
DEBIAN = "ID=debian\nVERSION_CODENAME=bookworm\n"
CLOUD = "6.1.0-57-cloud-amd64"
FEDORA = 'ID="fedora"\nNAME="Fedora Linux"\n'
CASES = (
    (DEBIAN, CLOUD, [f"apt install linux-headers-{CLOUD}",
                     "apt install linux-headers-cloud-amd64"]),
    (DEBIAN, "6.12.48+deb13-cloud-arm64", ["apt install linux-headers-6.12.48+deb13-cloud-arm64",
                                           "apt install linux-headers-cloud-arm64"]),
    (DEBIAN, "6.1.0-0.deb11.7-amd64", ["apt install linux-headers-6.1.0-0.deb11.7-amd64",
                                       "apt install linux-headers-amd64"]),
    (DEBIAN, "6.1.0-9-rt-amd64", ["apt install linux-headers-6.1.0-9-rt-amd64",
                                  "apt install linux-headers-rt-amd64"]),
    (DEBIAN, "6.1.0-9-686-pae", ["apt install linux-headers-6.1.0-9-686-pae",
                                 "apt install linux-headers-686-pae"]),
    # Somebody's own kernel: there is no package for a flavour that nobody knows.
    (DEBIAN, "6.6.1-mine", ["apt install linux-headers-6.6.1-mine"]),
    ("ID=ubuntu\nID_LIKE=debian\n", "6.8.0-1018-aws",
     ["apt install linux-headers-6.8.0-1018-aws"]),
    (FEDORA, "6.11.4-301.fc41.x86_64", ["dnf install kernel-devel-6.11.4-301.fc41.x86_64"]),
    ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "6.12.0-55.el10.x86_64",
     ["dnf install kernel-devel-6.12.0-55.el10.x86_64"]),
    ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "6.4.0-150600.21-default",
     ["zypper install kernel-default-devel"]),
    ("ID=alpine\n", "6.12.31-0-virt", ["apk add linux-virt-dev"]),
    ("ID=arch\n", "6.12.1-arch1-1", ["pacman -S linux-headers"]),
    ("ID=something\n", "6.6.1", ["install the package with the headers of kernel 6.6.1"]),
)


class Machine:
    """Its modules, and what distribution it is."""

    def __init__(self, path):
        self.modules = path / "modules"
        self.modules.mkdir()
        self.os_release = path / "os-release"
        self.os_release.write_text(DEBIAN)

    def kernel(self, release, headers=False):
        directory = self.modules / release
        (directory / "build").mkdir(parents=True)
        (directory / "modules.builtin").touch()
        if headers:
            (directory / "build/Makefile").touch()
        return directory

    def run(self, *arguments):
        done = subprocess.run([SCRIPT, *arguments], check=False, capture_output=True, text=True,
                              env={"PATH": "/usr/bin:/bin", "MODULES": str(self.modules),
                                   "OS_RELEASE": str(self.os_release)})
        assert not done.returncode and not done.stderr, done.stderr
        return done.stdout


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("os_release, release, commands", CASES,
                         ids=[f"{case[0].split()[0]}-{case[1]}" for case in CASES])
def test_command(machine, os_release, release, commands):
    machine.os_release.write_text(os_release)
    lines = machine.run("--command", release).splitlines()
    assert [line.strip() for line in lines if line.startswith("  ")] == commands


def test_package_that_arch_names(machine):
    """Its kernels say which package they are of."""
    machine.os_release.write_text("ID=endeavouros\nID_LIKE=arch\n")
    (machine.kernel("6.12.1-zen1-1-zen") / "pkgbase").write_text("linux-zen\n")
    assert machine.run("--command", "6.12.1-zen1-1-zen").strip() == "pacman -S linux-zen-headers"


def test_distribution_that_says_nothing(machine):
    machine.os_release.unlink()
    assert "headers of kernel 6.6.1" in machine.run("--command", "6.6.1")


def test_kernel_that_has_headers(machine):
    machine.kernel(CLOUD, headers=True)
    assert machine.run(CLOUD) == machine.run() == ""


def test_all_kernels_without(machine):
    machine.kernel("6.1.0-56-amd64", headers=True)
    machine.kernel(CLOUD)
    machine.kernel("6.1.0-57-amd64")
    # What DKMS or an old kernel has left behind.
    (machine.modules / "6.1.0-55-amd64/updates").mkdir(parents=True)
    said = machine.run()
    for release in (CLOUD, "6.1.0-57-amd64"):
        assert f"Kernel {release} has no headers here" in said
    assert "6.1.0-55" not in said and "6.1.0-56" not in said


def test_kernel_with_a_driver_built_in(machine):
    """Headers would not help."""
    (machine.kernel(CLOUD) / "modules.builtin").write_text(
        "kernel/drivers/virtio/virtio_balloon.ko\n")
    assert machine.run() == machine.run(CLOUD) == ""


def test_no_kernel_at_all(machine):
    assert machine.run() == ""


def test_misuse():
    done = subprocess.run([SCRIPT, "--wrong"], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "usage" in done.stderr


def test_make_says_it(tmp_path):
    """Where there are none, before kbuild complains of something else."""
    done = subprocess.run(["make", "KDIR=/nonexistent", f"KVER={CLOUD}"], cwd=REPO, check=False,
                          capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "OS_RELEASE": str(tmp_path / "os")})
    assert done.returncode
    assert f"headers of kernel {CLOUD}" in done.stdout
