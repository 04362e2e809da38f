# SPDX-License-Identifier: GPL-2.0-only
"""Shows that "make" builds for the kernel it was told, and installs for no other, below
the directories that it was told.

Two kernels one after the other in the same tree, whose commands are the same and whose
headers are older than any object, as with two flavours of a distribution's kernel.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import Kernel
from lab.paths import KERNELS, REPO
from suite import roots, sources

# Its headers are in one directory for all flavours, and one for each.
SERIES = "6.12"
OTHER = "6.12.0-other-flavour"
DRIVER = "drivers/virtio/balloon"
MODULE = f"{DRIVER}/virtio_balloon.ko"
SOURCE = ('#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'
          'MODULE_VERSION(BALLOON_VERSION);\n')
# What else the tree has of the project.
PARTS = ("Makefile", "Kbuild", "scripts", "packaging", "Documentation", "CHANGELOG.md",
         "SECURITY.md")
RELEASE = "6.1.0-1-test"
VERSION = "9.8.7+6.gabcdef0"


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)


def vermagic(module):
    return re.search(rb"\0?vermagic=(\S+)", module.read_bytes())[1].decode()


@pytest.fixture
def tree(tmp_path):
    """What make needs, with a driver that is built in no time."""
    path = tmp_path / "tree"
    sources.copy(path, PARTS, VERSION)
    for directory in (DRIVER, "include"):
        (path / directory).mkdir(parents=True)
    kbuild = (REPO / DRIVER / "Kbuild").read_text()
    version = "".join(re.search(pattern, kbuild, re.M)[0] for pattern in (
        r"^balloon-dir :=.*\n", r"^balloon-top :=(.*\n)+?CFLAGS_main.o.*\n"))
    (path / DRIVER / "Kbuild").write_text("obj-m := virtio_balloon.o\n"
                                          f"virtio_balloon-y := main.o\n{version}")
    (path / DRIVER / "main.c").write_text(SOURCE)
    return path


@pytest.fixture
def kernels(tmp_path):
    """{release: directory of its headers in the build root}, and what to mount there."""
    if os.getuid():
        pytest.skip("needs root, to enter a build root")
    if not (KERNELS / SERIES / "info.json").exists():
        pytest.skip(f"no kernel {SERIES} in the lab")
    kernel = Kernel(SERIES)
    first = Path(kernel.kdir)
    second = tmp_path / "headers"
    run("cp", "-a", f"{kernel.root}{first}", second)
    header = second / "include/generated/utsrelease.h"
    text = header.read_text()
    release = re.search(r'UTS_RELEASE "(.*)"', text)[1]
    times = header.stat()
    header.write_text(text.replace(release, OTHER))
    os.utime(header, (times.st_atime, times.st_mtime))
    # Beside the first: both have links to what they share.
    there = first.with_name("linux-headers-other")
    return kernel.root, {release: first, OTHER: there}, {second: there}


def test_second_kernel_gets_its_own_module(kernels, tree):
    root, kdirs, mounts = kernels
    mounts[tree] = "/src"
    for release in kdirs:
        done = roots.run(root, mounts, "make", "-C", "/src", f"KDIR={kdirs[release]}")
        assert not done.returncode, done.stdout
        assert vermagic(tree / MODULE) == release, done.stdout


def test_other_kernels_module_is_not_installed(kernels, tree):
    """KDIR= is for one kernel, KVER= for another: it says so, and installs nothing."""
    root, kdirs, mounts = kernels
    mounts[tree] = "/src"
    release = next(iter(kdirs))
    done = roots.run(root, mounts, "make", "-C", "/src", "install",
                     f"KDIR={kdirs[release]}", f"KVER={OTHER}", "PREFIX=/src/usr",
                     "INSTALL_MOD_PATH=/src/root")
    assert done.returncode, done.stdout
    assert f"is for kernel {release} and would be installed for {OTHER}" in done.stdout
    assert not (tree / "root").exists() and not (tree / "usr").exists()


# Its modules are not compressed, for which a build root would need more tools.
PLAIN = "6.1"


@pytest.fixture
def make(tree):
    """A function that calls make in a build root, for a kernel there."""
    if os.getuid():
        pytest.skip("needs root, to enter a build root")
    if not (KERNELS / PLAIN / "info.json").exists():
        pytest.skip(f"no kernel {PLAIN} in the lab")
    kernel = Kernel(PLAIN)

    def call(target, **variables):
        done = roots.run(kernel.root, {tree: "/src"}, "make", "-C", "/src", target,
                         f"KDIR={kernel.kdir}", f"KVER={kernel.release}",
                         *(f"{name}={value}" for name, value in variables.items()))
        assert not done.returncode, done.stdout
        return kernel.release, done.stdout
    return call


def test_install_into_a_package(make, tree):
    """Nothing outside of it is touched, and depmod is left to who installs it."""
    release, said = make("install", DESTDIR="/src/stage", PREFIX="/usr",
                         INSTALL_MOD_PATH="/src/stage/usr")
    stage = tree / "stage"
    module, = (stage / f"usr/lib/modules/{release}/updates").rglob("*.ko")
    assert {path.name for path in (stage / "usr").iterdir()} == {"bin", "lib", "share"}
    assert not list(stage.rglob("modules.dep"))
    assert f"run there: depmod {release}" in said
    assert f"version={VERSION}\0".encode() in module.read_bytes()


def test_install_into_an_image(make, tree):
    """modprobe there takes ours at once, and the kernel's own again after "uninstall"."""
    release = Kernel(PLAIN).release
    modules = tree / f"image/lib/modules/{release}"
    own = modules / "kernel/drivers/virtio/virtio_balloon.ko"
    own.parent.mkdir(parents=True)
    for name in ("modules.builtin", "modules.order"):
        (modules / name).touch()
    _, said = make("install", DESTDIR="/src/image")
    assert f"takes /src/image/lib/modules/{release}/updates/" in said
    shutil.copy(tree / MODULE, own)
    _, said = make("uninstall", DESTDIR="/src/image")
    assert f"takes the in-tree driver, /src/image/lib/modules/{release}/kernel/" in said
    assert not [path for path in (tree / "image/usr").rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ("make install K=6.1", "make K=newest install"))
def test_install_for_a_kernel_of_the_lab_is_refused(tree, command):
    done = run(*command.split(), cwd=tree)
    assert done.returncode
    assert "which is not installed on" in done.stdout
    assert not list(tree.rglob("*.ko"))


# -- scripts/stale: when objects are kept --

HEADERS = {".config": "CONFIG_A=y\n", "include/generated/autoconf.h": "#define CONFIG_A 1\n",
           "include/generated/utsrelease.h": f'#define UTS_RELEASE "{RELEASE}"\n',
           "Module.symvers": "0x1\tprintk\n"}


@pytest.fixture
def kdir(tmp_path):
    path = tmp_path / "kdir"
    sources.write(path, HEADERS)
    return path


def is_kept(tree, kdir, **environment):
    """Whether what was built stays when make is called."""
    object_file = tree / DRIVER / "main.o"
    done = run(tree / "scripts/stale", kdir, env={**os.environ, **environment})
    assert not done.returncode, done.stdout
    kept = object_file.exists()
    object_file.write_text("built\n")
    return kept


def test_objects_of_the_same_kernel_are_kept(tree, kdir):
    is_kept(tree, kdir)
    assert is_kept(tree, kdir)
    # What was built before there was a note of it.
    (tree / ".built-for").unlink()
    assert not is_kept(tree, kdir)


@pytest.mark.parametrize("changed", HEADERS)
def test_objects_of_another_kernel_are_not_kept(tree, kdir, changed):
    is_kept(tree, kdir)
    file = kdir / changed
    times = file.stat()
    file.write_text(file.read_text().replace("1", "2").replace("=y", "=m"))
    os.utime(file, (times.st_atime, times.st_mtime))
    assert not is_kept(tree, kdir)
    assert is_kept(tree, kdir)


def test_objects_of_another_directory_are_not_kept(tree, kdir, tmp_path):
    is_kept(tree, kdir)
    shutil.copytree(kdir, tmp_path / "again")
    assert not is_kept(tree, tmp_path / "again")


def test_objects_of_another_compiler_are_not_kept(tree, kdir, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho cc 99\n")
    compiler.chmod(0o755)
    is_kept(tree, kdir)
    assert not is_kept(tree, kdir, CC=str(compiler))


def test_clean_keeps_to_the_sources(tree):
    """A lab beside them has objects and modules of kernels that are not ours to remove."""
    for directory in (".lab/kernels", DRIVER):
        (tree / directory).mkdir(parents=True, exist_ok=True)
        (tree / directory / "virtio_balloon.ko").touch()
    run(tree / "scripts/stale", "--all")
    assert [path.parent.name for path in tree.rglob("*.ko")] == ["kernels"]


# -- what is announced --

def make_module(path, release):
    path.write_bytes(b"\x7fELF\0license=GPL\0vermagic=" + release.encode()
                     + b" SMP preempt mod_unload modversions \0name=virtio_balloon\0")


@pytest.mark.parametrize("release, wanted", ((RELEASE, RELEASE), (RELEASE, OTHER),
                                             (OTHER, RELEASE), (RELEASE, None)))
def test_fits(tree, kdir, release, wanted):
    make_module(tree / "module.ko", release)
    arguments = [wanted] if wanted else []
    done = run(tree / "scripts/fits", tree / "module.ko", kdir, *arguments)
    assert (done.returncode == 0) == (release == RELEASE == (wanted or RELEASE)), done.stdout
    assert bool(done.stdout) == bool(done.returncode)


@pytest.mark.parametrize("built", (RELEASE, OTHER))
def test_installed_names_no_module_that_is_refused(tree, tmp_path, built):
    """In updates/, but built for another kernel: not announced as the one taken."""
    path = f"/lib/modules/{RELEASE}/updates/virtio_balloon.ko"
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "modinfo").write_text(
        f'#!/bin/sh\ncase $1 in -F) echo "{built} SMP mod_unload" ;; *) echo {path} ;; esac\n')
    (commands / "modinfo").chmod(0o755)
    done = run(tree / "scripts/installed", RELEASE,
               env={"PATH": f"{commands}:/usr/bin:/bin"})
    assert (done.returncode == 0) == (built == RELEASE)
    assert ("modprobe virtio_balloon takes" in done.stdout) == (built == RELEASE)
    assert built == RELEASE or f"was built for kernel {built}" in done.stdout
