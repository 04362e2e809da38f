# SPDX-License-Identifier: GPL-2.0-only
"""Shows that "make overlay" changes a kernel's tree as it says, and takes all of it back.

In trees of a few files: a made-up one, and those of the kernels whose source the lab has.
Whether the result builds and works is for "make check-overlay". And that "make" says when
a driver is built in.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.paths import LAB, REPO
from suite import sources
from suite.sources import version

OVERLAY = REPO / "scripts/overlay"
DRIVER = "drivers/virtio/balloon"
HEADER = "include/uapi/linux/virtio_balloon.h"
SAVED = f"{DRIVER}/in-tree/virtio_balloon.h"
SUMS = f"{DRIVER}/overlay.sums"
MAKEFILE, KCONFIG = "drivers/virtio/Makefile", "drivers/virtio/Kconfig"
FILES = {
    "Makefile": "VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n",
    "Kbuild": "obj-y += drivers/\n",
    MAKEFILE: ("obj-$(CONFIG_VIRTIO) += virtio.o\n"
               "obj-$(CONFIG_VIRTIO_BALLOON)\t+= virtio_balloon.o\n"),
    KCONFIG: "config VIRTIO\n\ttristate\n\nconfig VIRTIO_BALLOON\n\ttristate \"Balloon\"\n",
    "drivers/virtio/virtio_balloon.c": "/* the kernel's */\n",
    HEADER: "#define VIRTIO_BALLOON_S_NR       10\n",
}
SOURCES = sorted((LAB / "src").glob("linux-[0-9]*.[0-9]"))


def overlay(command, tree, status=0):
    done = subprocess.run([OVERLAY, command, tree], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def contents(tree):
    """{path: contents}; a link's are those of what it leads to."""
    return {str(path.relative_to(tree)): path.read_bytes()
            for path in sorted(tree.rglob("*")) if path.is_file()}


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "linux"
    sources.write(path, FILES)
    return path


@pytest.fixture
def real_tree(request, tmp_path):
    """The files of a kernel that matter."""
    path = tmp_path / "linux"
    for name in FILES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(request.param / name, path / name)
    return path


def check_applied(tree, before):
    now = contents(tree)
    for name, data in contents(REPO / DRIVER).items():
        if name.endswith((".c", ".h")) and not name.endswith(".mod.c") or "Kbuild" in name:
            assert now[f"{DRIVER}/{name}"] == data, name
    assert now[f"{DRIVER}/VERSION"] == f"{version()}\n".encode()
    assert now[HEADER] == (REPO / HEADER).read_bytes()
    assert now[SAVED] == before[HEADER]
    assert b"BALLOON)" in now[MAKEFILE] and b"virtio_balloon.o" not in now[MAKEFILE]
    assert now[KCONFIG].count(f'source "{DRIVER}/Kconfig"'.encode()) == 1
    # Nothing else is different.
    same = {name: data for name, data in now.items()
            if not name.startswith(DRIVER) and name not in (HEADER, MAKEFILE, KCONFIG)}
    assert same.items() <= before.items()


def check_there_and_back(tree):
    before = contents(tree)
    said = overlay("apply", tree)
    check_applied(tree, before)
    for name in (DRIVER, HEADER, MAKEFILE, KCONFIG):
        assert name in said
    applied = contents(tree)
    assert "nothing changed" in overlay("apply", tree)
    assert contents(tree) == applied
    said = overlay("remove", tree)
    for name in (DRIVER, HEADER, MAKEFILE, KCONFIG):
        assert name in said
    assert contents(tree) == before
    assert not (tree / DRIVER).exists()
    assert "nothing changed" in overlay("remove", tree)
    assert contents(tree) == before


def test_there_and_back(tree):
    check_there_and_back(tree)


@pytest.mark.skipif(not SOURCES, reason="the lab has no kernel's source")
@pytest.mark.parametrize("real_tree", SOURCES, ids=lambda path: path.name, indirect=True)
def test_there_and_back_in_a_real_tree(real_tree):
    check_there_and_back(real_tree)


def test_sums_are_those_of_sha256sum(tree):
    overlay("apply", tree)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", SUMS], cwd=tree, check=True)


def test_what_a_build_leaves_does_not_matter(tree):
    """It goes with the overlay, and is not brought from here either."""
    before = contents(tree)
    overlay("apply", tree)
    assert not [name for name in contents(tree) if name.endswith((".o", ".ko", ".cmd"))]
    for name in ("main.o", ".main.o.cmd", "built-in.a", "modules.order", "virtio_balloon.mod"):
        (tree / DRIVER / name).write_text("built\n")
    assert "nothing changed" in overlay("apply", tree)
    overlay("remove", tree)
    assert contents(tree) == before


def test_files_are_replaced_and_not_written_to(tree, tmp_path):
    """A tree that shares its files with another one leaves that as it is."""
    other = tmp_path / "other"
    subprocess.run(["cp", "-al", tree, other], check=True)
    before = contents(tree)
    overlay("apply", other)
    assert contents(tree) == before
    overlay("remove", other)
    assert contents(tree) == before


def older_driver(tree):
    """As an overlay of another version of the driver has left it."""
    overlay("apply", tree)
    sums = (tree / SUMS).read_text()
    old = {f"{DRIVER}/main.c": "/* older */\n", f"{DRIVER}/was_dropped.c": "/* older */\n",
           HEADER: "/* older */\n"}
    for name, text in old.items():
        (tree / name).write_text(text)
        done = subprocess.run(["sha256sum", name], cwd=tree, check=True, capture_output=True,
                              text=True)
        sums = re.sub(rf"^.* {name}\n", "", sums, flags=re.M) + done.stdout
    (tree / SUMS).write_text(sums)


def test_update(tree):
    before = contents(tree)
    older_driver(tree)
    said = overlay("apply", tree)
    assert "2 files" not in said and "1 files, removed 1" in said
    check_applied(tree, before)
    assert not (tree / DRIVER / "was_dropped.c").exists()
    overlay("remove", tree)
    assert contents(tree) == before


def test_older_overlay_is_removed(tree):
    before = contents(tree)
    older_driver(tree)
    overlay("remove", tree)
    assert contents(tree) == before


@pytest.mark.parametrize("lost", (SUMS, SAVED, f"{DRIVER}/main.c", MAKEFILE, KCONFIG, HEADER))
def test_interrupted(tree, lost):
    """Whatever was not done yet is done by the next one."""
    before = contents(tree)
    overlay("apply", tree)
    applied = contents(tree)
    if lost in before:
        (tree / lost).write_bytes(before[lost])
    else:
        (tree / lost).unlink()
    if lost == SAVED:
        # It comes before the header is replaced.
        (tree / HEADER).write_bytes(before[HEADER])
    overlay("apply", tree)
    assert contents(tree) == applied
    overlay("remove", tree)
    assert contents(tree) == before


def other_rule(tree):
    (tree / MAKEFILE).write_text("virtio-y += virtio_balloon.o\n")


def two_rules(tree):
    with open(tree / MAKEFILE, "a", encoding="utf-8") as file:
        file.write("obj-$(CONFIG_VIRTIO_BALLOON) += virtio_balloon.o\n")


def foreign_directory(tree):
    (tree / DRIVER).mkdir()
    (tree / DRIVER / "main.c").write_text("/* somebody else's */\n")


def changed_source(tree):
    overlay("apply", tree)
    with open(tree / DRIVER / "main.c", "a", encoding="utf-8") as file:
        file.write("/* mine */\n")


def changed_header(tree):
    overlay("apply", tree)
    (tree / HEADER).write_text("/* mine */\n")


def lost_header(tree):
    overlay("apply", tree)
    (tree / SAVED).unlink()


def old_kernel(tree):
    (tree / "Makefile").write_text(FILES["Makefile"].replace("6", "5").replace("1", "19"))


def no_kernel(tree):
    (tree / "Makefile").write_text("all:\n\ttrue\n")


def headers_only(tree):
    (tree / "drivers/virtio/virtio_balloon.c").unlink()


REFUSED = {other_rule: "which the overlay does not know", two_rules: "2 lines",
           foreign_directory: f"{DRIVER}/main.c", changed_source: f"{DRIVER}/main.c",
           changed_header: HEADER, lost_header: SAVED, old_kernel: "Linux 5.19",
           no_kernel: "no version", headers_only: "headers are not enough"}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda function: function.__name__)
@pytest.mark.parametrize("command", ("apply", "remove"))
def test_other_trees_are_refused(tree, spoil, command):
    """And nothing is changed in them."""
    spoil(tree)
    before = contents(tree)
    said = overlay(command, tree, status=1)
    assert REFUSED[spoil] in said
    assert contents(tree) == before


def test_needs_a_tree():
    done = subprocess.run(["make", "--no-print-directory", "overlay"], cwd=REPO, check=False,
                          capture_output=True, text=True)
    assert done.returncode and "KERNEL=DIR" in done.stderr


# -- "make" and "make install" for a kernel that has a driver built in --

@pytest.fixture
def commands(tmp_path):
    """A directory of commands that are made up."""
    path = tmp_path / "commands"
    path.mkdir()
    return path


def modinfo_says(commands, version):
    (commands / "modinfo").write_text(
        f'#!/bin/sh\ncase "$*" in *-F*) echo "{version}" ;; *) echo "(builtin)" ;; esac\n')
    (commands / "modinfo").chmod(0o755)


@pytest.mark.parametrize("version", ("", "1.2.3"))
@pytest.mark.parametrize("option", ((), ("--built-in",)))
def test_installed_says_built_in(commands, version, option):
    """Ours has a version, and the in-tree driver has none."""
    modinfo_says(commands, version)
    done = subprocess.run([REPO / "scripts/installed", *option, "6.1.0-1-test"], check=False,
                          capture_output=True, text=True,
                          env={"PATH": f"{commands}:/usr/bin:/bin"})
    assert "built into kernel 6.1.0-1-test" in done.stdout
    assert "make overlay KERNEL=" in done.stdout
    assert ("version 1.2.3" in done.stdout) == bool(version)
    assert ("in-tree" in done.stdout) == (not version)
    assert (done.returncode == 0) == bool(version or option)


CONFIGS = {
    "module": ("CONFIG_MODULES=y\nCONFIG_VIRTIO_BALLOON=m\n", True, True),
    "no-balloon": ("CONFIG_MODULES=y\n", True, True),
    "built-in": ("CONFIG_MODULES=y\nCONFIG_VIRTIO_BALLOON=y\n", True, False),
    "no-modules": ("CONFIG_VIRTIO_BALLOON=y\n", False, False),
    "nothing": ("# CONFIG_MODULES is not set\n", False, False),
}


@pytest.mark.parametrize("file", (".config", "include/config/auto.conf"))
@pytest.mark.parametrize("name", CONFIGS)
def test_module_for_a_kernel(tmp_path, name, file):
    """Built where it can be, installed where it is loaded."""
    text, builds, installs = CONFIGS[name]
    config = Path(tmp_path / file)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text)
    for option, wanted in ((), builds), (("--install",), installs):
        done = subprocess.run([REPO / "scripts/modular", *option, tmp_path], check=False,
                              capture_output=True, text=True)
        assert (done.returncode == 0) == wanted
        assert ("make overlay KERNEL=" in done.stderr) == (not installs)
