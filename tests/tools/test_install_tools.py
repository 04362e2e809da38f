# SPDX-License-Identifier: GPL-2.0-only
"""Shows that "make install-tools" puts balloonstat and what belongs to it where it was
told, that "make uninstall-tools" takes all of it away again, and that the completion and
the example for modprobe.d are those of this balloonstat and this driver.
"""

import re
import shutil
import subprocess

import pytest

from lab.paths import REPO
from suite.balloonstat import script
from suite.sources import version

COMPLETION = REPO / "packaging/balloonstat.bash"
EXAMPLE = REPO / "packaging/modprobe.d/virtio_balloon.conf"
DRIVER = REPO / "drivers/virtio/balloon"
DOC = "share/doc/virtio-balloon-oot"
TOOLS = {"bin/balloonstat", "share/man/man8/balloonstat.8", "share/man/man4/virtio_balloon.4",
         "share/bash-completion/completions/balloonstat", f"{DOC}/CHANGELOG.md",
         f"{DOC}/SECURITY.md", f"{DOC}/admin-guide.rst", f"{DOC}/install.rst",
         f"{DOC}/virtio_balloon.conf"}


def make(*arguments):
    subprocess.run(["make", "--no-print-directory", "--silent", *arguments], cwd=REPO,
                   check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def files_in(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


# -- make --

@pytest.mark.parametrize("prefix", ("/usr/local", "/usr", "/opt/balloon"))
def test_tools_are_where_they_should(tmp_path, prefix):
    stage = tmp_path / "stage"
    make("install-tools", f"DESTDIR={stage}", f"PREFIX={prefix}")
    assert files_in(stage) == {f"{prefix[1:]}/{name}" for name in TOOLS}


def test_default_is_usr_local(tmp_path):
    make("install-tools", f"DESTDIR={tmp_path}")
    assert (tmp_path / "usr/local/bin/balloonstat").exists()


def test_documents_elsewhere(tmp_path):
    make("install-tools", f"DESTDIR={tmp_path}", "DOCDIR=/docs")
    assert (tmp_path / "docs/install.rst").exists()
    assert not (tmp_path / "usr/local" / DOC).exists()


def test_modes_and_version(tmp_path):
    make("install-tools", f"DESTDIR={tmp_path}", "PREFIX=")
    for name in files_in(tmp_path):
        mode = 0o755 if name == "bin/balloonstat" else 0o644
        assert (tmp_path / name).stat().st_mode & 0o777 == mode, name
    said = subprocess.run([tmp_path / "bin/balloonstat", "--version"], check=True, text=True,
                          capture_output=True, cwd="/").stdout
    assert said == f"balloonstat {version()}\n"


def test_uninstall_leaves_what_is_not_ours(tmp_path):
    make("install-tools", f"DESTDIR={tmp_path}")
    others = ("usr/local/bin/other", f"usr/local/{DOC}/notes")
    for name in others:
        (tmp_path / name).touch()
    make("uninstall-tools", f"DESTDIR={tmp_path}")
    assert files_in(tmp_path) == set(others)
    # Once more, with nothing there.
    make("uninstall-tools", f"DESTDIR={tmp_path}")


# -- balloonstat --version --

def test_version_of_the_one_file():
    said = subprocess.run([script(), "-V"], check=True, capture_output=True, text=True).stdout
    assert said == f"balloonstat {version()}\n"


def test_version_of_a_copy(tmp_path):
    """One file, copied into a guest, runs nothing that lies beside it."""
    copy = shutil.copy(script(), tmp_path)
    beside = tmp_path / "version"
    beside.write_text("#!/bin/sh\necho 6.6.6\n")
    beside.chmod(0o755)
    said = subprocess.run([copy, "--version"], check=True, capture_output=True, text=True).stdout
    assert said == f"balloonstat {version()}\n"


# -- completion --

def complete(*words):
    """What bash offers for the last of them."""
    program = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
               '_balloonstat "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"; '
               'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-euc", program, "bash", COMPLETION, script(), *words],
                          check=True, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    return done.stdout.split()


def test_options_are_completed():
    offered = complete("-")
    known = subprocess.run([script(), "--help"], check=True, capture_output=True,
                           text=True).stdout
    options = re.findall(r"^  (?:-\w(?: \w+)?, )?(--[a-z-]+)", known, re.M)
    assert "--version" in options and "--json" in options
    assert set(options) <= set(offered)
    assert {"-d", "-w", "-V", "-h"} <= set(offered)
    assert complete("--js") == ["--json"]


def test_devices_are_completed(fake):
    fake.balloon("virtio3")
    fake.balloon("virtio12")
    fake.device("virtio0", 1, "virtio_net")
    sysfs = ("--sysfs", fake.root / "sys")
    assert sorted(complete(*sysfs, "")) == ["virtio12", "virtio3"]
    assert complete(*sysfs, "-d", "virtio1") == ["virtio12"]


def test_directories_are_completed(tmp_path):
    (tmp_path / "some").mkdir()
    (tmp_path / "some-file").touch()
    assert complete("--sysfs", f"{tmp_path}/so") == [f"{tmp_path}/some"]


def test_completion_is_registered():
    done = subprocess.run(["bash", "-euc", '. "$1"; complete -p balloonstat', "bash", COMPLETION],
                          check=True, capture_output=True, text=True)
    assert done.stdout == "complete -F _balloonstat balloonstat\n"


# -- the example for modprobe.d --

def parameters():
    """{name: description} of all that the driver has."""
    text = "".join(path.read_text() for path in sorted(DRIVER.glob("*.c")))
    names = re.findall(r"^module_param_cb\((\w+),", text, re.M)
    found = dict(re.findall(r'^MODULE_PARM_DESC\((\w+),\s+"(.*)"\);', text, re.M))
    assert sorted(names) == sorted(found)
    return found


def test_example_has_every_parameter_with_its_default():
    lines = re.findall(r"^#options virtio_balloon (\w+)=(\w+)$", EXAMPLE.read_text(), re.M)
    known = parameters()
    assert sorted(name for name, _ in lines) == sorted(known)
    for name, value in lines:
        # The floor has no word "default" there; its figures are those of auto.
        assert re.search(rf"\b{value}'? (\(default|is 32M)", known[name]), (name, known[name])


def test_example_changes_nothing():
    """Whoever copies it without a change gets what there was."""
    for line in EXAMPLE.read_text().splitlines():
        assert not line or line.startswith("#"), line
