# SPDX-License-Identifier: GPL-2.0-only
"""Shows which version the sources say they are, and that package managers sort those
right: each commit after the one before, and a release between what led to it and what
came after it.
"""

import os
import re
import shutil
import subprocess

import pytest

from lab.paths import REPO
from suite.sources import version

GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@localhost",
       "-c", "init.defaultBranch=main")
# No configuration of this machine's.
ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent"}
CHANGES = "# Changes\n\nWords.\n\n## 1.2.0 (not released)\n\n## 1.1.0\n"
NOBODY = 65534
# As "apk version --check" takes them.
APK = re.compile(r"\d+(\.\d+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*")

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="this machine has no git")


class Tree:
    """Sources that are a script and a list of changes."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def made(cls, path):
        (path / "scripts").mkdir(parents=True)
        for name in ("scripts/version", ".gitattributes"):
            shutil.copy(REPO / name, path / name)
        (path / "CHANGELOG.md").write_text(CHANGES)
        return cls(path)

    def git(self, *arguments):
        return subprocess.run([*GIT, "-C", self.path, *arguments], check=True, text=True,
                              capture_output=True, env=ENVIRONMENT).stdout.strip()

    def commit(self):
        if not (self.path / ".git").exists():
            self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "A change")
        return f"g{self.git('rev-parse', '--short=7', 'HEAD')}"

    def version(self, *arguments, **environment):
        done = subprocess.run([self.path / "scripts/version", *arguments], text=True, cwd="/",
                              capture_output=True, check=False, env=ENVIRONMENT | environment)
        assert not done.returncode and not done.stderr, done.stderr
        return done.stdout.rstrip("\n")

    def archive(self, to):
        """What "git archive" makes, as the hosts of projects let people have it."""
        to.mkdir()
        self.git("archive", "-o", to / "tar", "HEAD")
        subprocess.run(["tar", "-C", to, "-xf", to / "tar"], check=True)
        return Tree(to)


@pytest.fixture
def tree(tmp_path):
    return Tree.made(tmp_path / "tree")


def test_without_git(tree):
    assert tree.version() == "1.2.0~0"


def test_before_the_first_tag(tree):
    for count in (1, 2):
        commit = tree.commit()
        assert tree.version() == f"1.2.0~{count}.{commit}"


def test_at_a_tag_and_after_it(tree):
    tree.commit()
    tree.git("tag", "-a", "-m", "Released", "v1.2.0")
    assert tree.version() == "1.2.0"
    commit = tree.commit()
    assert tree.version() == f"1.2.0+1.{commit}"


def test_tags_that_are_no_releases(tree):
    commit = tree.commit()
    tree.git("tag", "v1.9.0")
    tree.git("tag", "-a", "-m", "Something", "nightly")
    assert tree.version() == f"1.2.0~1.{commit}"


@pytest.mark.parametrize("tagged", (False, True))
def test_change_that_is_not_committed(tree, tagged):
    commit = tree.commit()
    if tagged:
        tree.git("tag", "-a", "-m", "Released", "v1.2.0")
    (tree.path / "new").touch()
    clean = tree.version()
    assert not clean.endswith("dirty")
    (tree.path / "CHANGELOG.md").write_text(f"{CHANGES}\n")
    assert tree.version() == (f"1.2.0+0.{commit}.dirty" if tagged else f"{clean}.dirty")


def test_archive(tree, tmp_path):
    commit = tree.commit()
    assert tree.archive(tmp_path / "first").version() == f"1.2.0~0.{commit}"
    tree.git("tag", "-a", "-m", "Released", "v1.2.0")
    assert tree.archive(tmp_path / "second").version() == "1.2.0"
    commit = tree.commit()
    assert tree.archive(tmp_path / "third").version() == f"1.2.0+1.{commit}"


def test_file_comes_first(tree):
    tree.commit()
    (tree.path / "VERSION").write_text("9.9.9\n")
    assert tree.version() == "9.9.9"


def test_repository_around_it_is_another(tree):
    around = Tree.made(tree.path.parent / "around")
    around.commit()
    inside = around.path / "inside"
    shutil.copytree(tree.path, inside)
    assert Tree(inside).version() == "1.2.0~0"


def test_called_by_a_hook_of_another_repository(tree):
    other = Tree.made(tree.path.parent / "other")
    for _ in range(2):
        other.commit()
    commit = tree.commit()
    assert tree.version(GIT_DIR=str(other.path / ".git")) == f"1.2.0~1.{commit}"


def test_shallow_clone_counts_nothing(tree, tmp_path):
    for _ in range(3):
        commit = tree.commit()
    subprocess.run([*GIT, "clone", "-q", "--depth=1", f"file://{tree.path}", tmp_path / "clone"],
                   check=True, env=ENVIRONMENT)
    assert Tree(tmp_path / "clone").version() == f"1.2.0~0.{commit}"


def test_sources_of_another_user(tree):
    """"make" by one, and "make install" by root: the same version."""
    if os.getuid():
        pytest.skip("needs root, to have files of another user")
    commit = tree.commit()
    subprocess.run(["chown", "-R", str(NOBODY), tree.path], check=True)
    assert tree.version() == f"1.2.0~1.{commit}"


def test_misuse(tree):
    done = subprocess.run([tree.path / "scripts/version", "--rpm"], check=False, text=True,
                          capture_output=True)
    assert done.returncode == 2 and "usage" in done.stderr


# -- how they sort --

SEQUENCE = ("1.2.0~0", "1.2.0~9.gfffffff", "1.2.0~10.g0000000", "1.2.0~336.ga000000", "1.2.0",
            "1.2.0+0.gfffffff.dirty", "1.2.0+1.g0000000", "1.2.0+10.g0000000", "1.2.1~1.g0000000",
            "1.2.1", "1.10.0")


def in_form(tree, form):
    """The sequence as a package manager writes it."""
    for one in SEQUENCE:
        (tree.path / "VERSION").write_text(f"{one}\n")
        yield tree.version(*form)


def dpkg_is_less(one, other):
    return not subprocess.run(["dpkg", "--compare-versions", one, "lt", other],
                              check=False).returncode


def rpm_is_less(one, other):
    script = f'%{{lua: print(rpm.vercmp("{one}", "{other}"))}}'
    return subprocess.run(["rpm", "--eval", script], check=True, capture_output=True,
                          text=True).stdout.strip() == "-1"


def pacman_is_less(one, other):
    return subprocess.run(["vercmp", one, other], check=True, capture_output=True,
                          text=True).stdout.strip() == "-1"


@pytest.mark.parametrize("tool, form, is_less", (
    ("dpkg", (), dpkg_is_less), ("rpm", (), rpm_is_less),
    ("vercmp", ("--arch",), pacman_is_less)), ids=("dpkg", "rpm", "pacman"))
def test_later_ones_are_greater(tree, tool, form, is_less):
    if not shutil.which(tool):
        pytest.skip(f"this machine has no {tool}")
    versions = list(in_form(tree, form))
    for one, other in zip(versions, versions[1:]):
        assert is_less(one, other), f"{one} < {other}"
        assert not is_less(other, one), f"{other} >= {one}"


def test_forms_are_valid(tree):
    """What each of them forbids in a version."""
    for one in SEQUENCE:
        assert re.fullmatch(r"\d[A-Za-z0-9.+~]*", one), one
    for one in in_form(tree, ("--arch",)):
        assert not re.search(r"[\s/:~-]", one), one
    for one in in_form(tree, ("--alpine",)):
        assert APK.fullmatch(one), one


def test_alpine_sorts_as_its_manual_says(tree):
    """There _pre comes before the release, and _git after it; equal ones get a pkgrel."""
    assert list(in_form(tree, ("--alpine",)))[:8] == [
        "1.2.0_pre0", "1.2.0_pre9", "1.2.0_pre10", "1.2.0_pre336", "1.2.0", "1.2.0_git0",
        "1.2.0_git1", "1.2.0_git10"]


# -- ours --

def test_changelog_has_the_version_that_comes():
    """The first heading is what the next release will be, or the release that this is."""
    heading = re.search(r"^## (\d+\.\d+\.\d+) \((.*)\)$", (REPO / "CHANGELOG.md").read_text(),
                        re.M)
    assert heading, "the first heading is not '## X.Y.Z (date, or not released)'"
    assert heading[2] == "not released" or re.fullmatch(r"\d{4}-\d\d-\d\d", heading[2])
    if "~" in version():
        assert version().startswith(f"{heading[1]}~")
