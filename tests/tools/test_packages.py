# SPDX-License-Identifier: GPL-2.0-only
"""Shows that "make packages" makes a package for each distribution with that one's own
tool, as far as this machine has it; that all of them have the same in them; and that the
scripts in them do their job.

The APKBUILD, for whose tool no machine with Debian has a package, is run in its place: with
a function that does what abuild's amove does.
"""

import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass

import pytest

from lab.deadline import SCALE
from lab.paths import REPO
from suite.commands import Commands
from suite.sources import version

NAME = "virtio-balloon-oot"
VERSION = version()
KINDS = ("source", "deb", "rpm", "arch", "alpine")
# What an old shell, and a make that runs us, must not change.
ENVIRONMENT = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1600000000"}
TIMEOUT = 200

pytestmark = pytest.mark.skipif(not shutil.which("git") or not (REPO / ".git").exists(),
                                reason="these sources are not in git")


def run(*command, **options):
    options.setdefault("check", True)
    return subprocess.run(command, capture_output=True, text=True, **options)


@dataclass
class Made:
    """What scripts/packages printed, and where it has put things."""

    directory: object
    said: dict
    status: int

    def path(self, kind):
        """Of the package; a test without it is skipped, with the reason."""
        if self.said[kind].startswith("not built"):
            pytest.skip(self.said[kind])
        return self.directory / self.said[kind].rpartition("/")[2]


def make_packages(to, repo=REPO, **environment):
    done = run(repo / "scripts/packages", to, check=False, env=ENVIRONMENT | environment,
               timeout=TIMEOUT * SCALE)
    print(done.stdout + done.stderr)
    said = dict(re.findall(r"^(\w+) +(.*)$", done.stdout, re.M))
    return Made(to, said, done.returncode)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_packages(tmp_path_factory.mktemp("packages"))


def test_all_are_made_or_say_why_not(made):
    assert tuple(made.said) == KINDS
    assert made.status == 0
    for kind, said in made.said.items():
        assert said.startswith("not built, only checked: there is no ") or \
            (made.directory / said).exists(), f"{kind}: {said}"


# -- the tarball --

def test_tarball_is_what_is_in_git(made):
    top = f"{NAME}-{VERSION}"
    tracked = run("git", "-C", REPO, "ls-files").stdout.splitlines()
    with tarfile.open(made.path("source")) as tar:
        names = {name.removeprefix(f"{top}/") for name in tar.getnames()
                 if not tar.getmember(name).isdir()}
        assert names == {*tracked, "VERSION"}
        assert tar.extractfile(f"{top}/VERSION").read().decode() == f"{VERSION}\n"
        assert all(member.uid == member.gid == 0 for member in tar)


def test_same_commit_same_tarball(made, tmp_path):
    done = run(REPO / "scripts/dist", tmp_path, env=ENVIRONMENT)
    again = tmp_path / done.stdout.strip().rpartition("/")[2]
    assert again.read_bytes() == made.path("source").read_bytes()


def test_nothing_is_left_to_fill_in(made):
    for name in (f"{NAME}.spec", "PKGBUILD", "APKBUILD"):
        assert not re.search("@[A-Z_0-9]+@", (made.directory / name).read_text()), name


def test_maintainer_is_an_address(made):
    """As abuild wants it, which refuses the file otherwise."""
    maintainer, = re.findall(r"^# Maintainer: (.*)$", (made.directory / "APKBUILD").read_text(),
                             re.M)
    assert re.fullmatch(r"\S.* <\S+@\S+\.\S+>", maintainer)


def test_tarball_makes_no_tarball(made, tmp_path):
    """It says so, and that the version of what it makes is still right."""
    run("tar", "-C", tmp_path, "-xf", made.path("source"))
    tree = tmp_path / f"{NAME}-{VERSION}"
    done = run(tree / "scripts/dist", tmp_path / "dist", check=False)
    assert done.returncode and "needs a checkout with git" in done.stderr
    assert run(tree / "scripts/version").stdout.strip() == VERSION


# -- what is in the packages --

DOCUMENTS = {"CHANGELOG.md", "SECURITY.md", "admin-guide.rst", "install.rst",
             "virtio_balloon.conf"}
EVERYWHERE = {"usr/bin/balloonstat", "usr/share/man/man8/balloonstat.8",
              "usr/share/man/man4/virtio_balloon.4",
              "usr/share/bash-completion/completions/balloonstat",
              *(f"usr/share/doc/{name}" for name in DOCUMENTS)}
# Each distribution has its own for these.
THEIRS = re.compile(r"usr/share/doc/(copyright|changelog)$|usr/share/licenses/|\.[A-Z]+$|"
                    r"etc/depmod\.d/|usr/lib/systemd/|usr/share/doc/examples/")
FOR_DKMS = {"dkms.conf", "refresh-initramfs", "installed", "headers"}


def sources():
    """What a build reads."""
    return {str(path.relative_to(REPO))
            for part in ("Kbuild", "drivers", "include") for path in
            ([REPO / part] if part == "Kbuild" else sorted((REPO / part).rglob("*")))
            if path.is_file() and re.fullmatch(r"Kbuild.*|.*(?<!\.mod)\.[ch]", path.name)
            } | {"VERSION"}


def listing(kind, path):
    """The files in a package."""
    if kind == "deb":
        lines = run("dpkg-deb", "--contents", path).stdout.splitlines()
        return {line.split()[-1][2:] for line in lines if not line.endswith("/")}
    if kind == "rpm":
        lines = run("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILENAMES}\n]", path).stdout
        return {line.split()[-1][1:] for line in lines.splitlines() if line[0] != "d"}
    with tarfile.open(path) as tar:
        return {member.name for member in tar if not member.isdir()}


def plain(names):
    """Without what distributions do to names: compressed manuals, names of packages."""
    names = {re.sub(r"(/man/.*)\.gz$", r"\1", name) for name in names}
    names = {re.sub(r"^usr/share/doc/(packages/)?[^/]+/", "usr/share/doc/", name)
             for name in names}
    return {name.removesuffix(".gz") if "/doc/" in name else name for name in names}


def check_contents(names, tree, helpers):
    names = {name for name in plain(names) if not THEIRS.search(name)}
    assert names - {name for name in names if name.startswith(tree)} == EVERYWHERE
    assert {name.removeprefix(tree) for name in names if name.startswith(tree)} == \
        sources() | helpers


@pytest.mark.parametrize("kind", ("deb", "rpm", "arch"))
def test_packages_have_the_same(made, kind):
    check_contents(listing(kind, made.path(kind)), f"usr/src/{NAME}-{VERSION}/", FOR_DKMS)


def test_rpm_says_what_it_is(made):
    said = run("rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{ARCH} %{LICENSE}",
               made.path("rpm")).stdout
    assert said == f"{NAME}-dkms {VERSION} noarch GPL-2.0-only"
    assert "dkms >= 3.0" in run("rpm", "-qp", "--requires", made.path("rpm")).stdout


def test_arch_package_says_what_it_is(made):
    with tarfile.open(made.path("arch")) as tar:
        info = dict(re.findall(r"^(\w+) = (.*)$", tar.extractfile(".PKGINFO").read().decode(),
                               re.M))
    assert info["pkgname"] == f"{NAME}-dkms" and info["arch"] == "any"
    assert info["pkgver"] == f"{version('--arch')}-1"


# -- the scripts of the RPM --

OLD = "0.0.9"
KERNEL = "6.1.0-test"


class Scripts:
    """Those in the spec file, with rpm's macros, and commands that are made up."""

    def __init__(self, made, path):
        self.spec = (made.directory / f"{NAME}.spec").read_text()
        self.commands = Commands(path / "commands")
        self.modules = path / "modules"
        self.source = path / f"{NAME}-{VERSION}"
        for kernel, headers in ((KERNEL, True), ("6.1.0-without", False)):
            (self.modules / kernel / ("build/include" if headers else "build")).mkdir(parents=True)
        self.source.mkdir()
        for name in ("headers", "installed"):
            self.commands.add(name)
            (self.source / name).symlink_to(self.commands.path / name)

    def run(self, section, argument, known=()):
        """With what DKMS knows already."""
        text = re.search(rf"^%{section}\n(.*?)(?=^%[a-z])", self.spec, re.M | re.S)[1]
        for macro, value in (("%{module}", NAME), ("%{version}", VERSION),
                             ("%{_usrsrc}", str(self.source.parent)),
                             ("/lib/modules", str(self.modules))):
            text = text.replace(macro, value)
        assert "%{" not in text
        lines = "; ".join(f"echo {NAME}/{one}, {KERNEL}, x86_64: installed" for one in known)
        self.commands.add("dkms", f"test $1 = status || exit 0; {lines}")
        self.commands.run("sh", "-ec", text, "sh", argument)
        return self.commands.calls


@pytest.fixture
def scripts(made, tmp_path):
    return Scripts(made, tmp_path)


def installs(*removed):
    of_ours = f"-m {NAME} -v {VERSION}"
    return [f"dkms status -m {NAME}",
            *(f"dkms remove -m {NAME} -v {one} --all" for one in removed),
            f"dkms add {of_ours}", f"dkms install {of_ours} -k {KERNEL}", "headers ",
            "installed "]


def test_rpm_is_installed(scripts):
    assert scripts.run("post", "1") == installs()


def test_rpm_is_upgraded(scripts):
    assert scripts.run("post", "2", known=[OLD]) == installs(OLD)
    assert scripts.run("preun", "1") == installs(OLD)


def test_rpm_of_the_same_version_again(scripts):
    """A new release of the package may have other sources."""
    assert scripts.run("post", "2", known=[VERSION]) == installs(VERSION)


def test_rpm_is_removed(scripts):
    assert scripts.run("preun", "0") == [f"dkms remove -m {NAME} -v {VERSION} --all",
                                         "installed "]


# -- the APKBUILD --

# Of abuild, what package() and its subpackages use.
ABUILD = """
set -e
amove() {
    for pattern; do
        (cd "$pkgdir" && find $pattern -type f) | while read -r file; do
            mkdir -p "$subpkgdir/${file%/*}"
            mv "$pkgdir/$file" "$subpkgdir/$file"
        done
    done
}
srcdir=$1/srcdir pkgdir=$1/main subpkgdir=$1/src
. "$2"
(cd "$builddir" && package) >&2
(src >&2 && echo "$depends")
echo "$subpackages"
"""


@dataclass
class Alpine:
    """What its functions leave: the main package, and what goes into -src."""

    main: set
    src: set
    said: str
    directory: object

    def read(self, name):
        return (self.directory / "src" / name).read_text()


@pytest.fixture(scope="module")
def alpine(made, tmp_path_factory):
    directory = tmp_path_factory.mktemp("alpine")
    (directory / "srcdir").mkdir()
    run("tar", "-C", directory / "srcdir", "-xf", made.path("source"))
    # Alpine has busybox, and makedepends on bash.
    shell = ["busybox", "sh"] if shutil.which("busybox") else ["sh"]
    done = run(*shell, "-c", ABUILD, "sh", directory, made.directory / "APKBUILD", check=False)
    assert not done.returncode, done.stderr
    files = {one: {str(path.relative_to(directory / one))
                   for path in (directory / one).rglob("*") if path.is_file()}
             for one in ("main", "src")}
    return Alpine(files["main"], files["src"], done.stdout, directory)


def test_alpine_has_the_same(alpine):
    tree = f"usr/src/{NAME}-{version('--alpine')}/"
    check_contents(alpine.main | alpine.src, tree, {"AKMBUILD"})
    assert all(name.startswith((tree, "etc/depmod.d/")) for name in alpine.src)
    assert not any(name.startswith("usr/src") for name in alpine.main)


def test_alpine_source_is_for_akms(alpine):
    text = alpine.read(f"usr/src/{NAME}-{version('--alpine')}/AKMBUILD")
    assert f"modname={NAME}\n" in text
    assert re.search(rf"^modver={re.escape(version('--alpine'))}-r\d+$", text, re.M)
    assert "built_modules='drivers/virtio/balloon/virtio_balloon.ko'" in text
    assert alpine.said.splitlines()[0].split() == ["akms", "kmod"]
    assert {f"{NAME}-src", f"{NAME}-doc", f"{NAME}-bash-completion"} == \
        set(alpine.said.splitlines()[1].split())


def test_alpine_takes_ours(alpine, tmp_path):
    """depmod finds two modules of the same name, in whatever order."""
    if not shutil.which("depmod"):
        pytest.skip("this machine has no depmod")
    config = tmp_path / "config"
    config.write_text(alpine.read(f"etc/depmod.d/{NAME}.conf"))
    places = ("kernel/drivers/virtio", "kernel/extra/akms")
    module = tmp_path / "module.o"
    run("gcc", "-c", "-x", "c", "/dev/null", "-o", module)
    for order in (places, places[::-1]):
        modules = tmp_path / f"lib/modules/{KERNEL}"
        shutil.rmtree(modules, ignore_errors=True)
        for place in order:
            (modules / place).mkdir(parents=True)
            shutil.copy(module, modules / place / "virtio_balloon.ko")
        run("depmod", "-C", config, "-b", tmp_path, KERNEL)
        assert (modules / "modules.dep").read_text().startswith("kernel/extra/akms/")


def test_checksums_of_the_recipes(made):
    for tool, name in (("sha256sum", "PKGBUILD"), ("sha512sum", "APKBUILD")):
        total = run(tool, made.path("source")).stdout.split()[0]
        assert total in (made.directory / name).read_text()


# -- when something is wrong --

@pytest.fixture
def checkout(tmp_path):
    """A checkout of one commit, with what the working tree has."""
    path = tmp_path / "checkout"
    path.mkdir()
    run("sh", "-ec", 'git -C "$1" ls-files -z | tar -C "$1" --null -T - -c | tar -C "$2" -x',
        "sh", REPO, path)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "All of it")):
        run("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@localhost", *command,
            cwd=path)
    return path


@pytest.fixture
def without_tools(tmp_path):
    """A PATH that has none of the tools that make packages."""
    path = tmp_path / "bin"
    path.mkdir()
    for directory in ("/usr/sbin", "/usr/bin"):
        for name in os.listdir(directory):
            if name not in ("dpkg-deb", "rpmbuild", "makepkg", "abuild"):
                (path / name).unlink(missing_ok=True)
                (path / name).symlink_to(f"{directory}/{name}")
    return str(path)


def test_without_any_tool(checkout, without_tools, tmp_path):
    made = make_packages(tmp_path / "to", checkout, PATH=without_tools)
    assert made.status == 0
    for kind in KINDS[1:]:
        assert made.said[kind].startswith("not built, only checked: there is no "), kind


@pytest.mark.parametrize("kind, file, fault", (
    ("rpm", "rpm/virtio-balloon-oot.spec", ("dkms add", "if dkms add")),
    ("arch", "arch/PKGBUILD", ("package() {", "package() (")),
    ("alpine", "alpine/APKBUILD", ("amove usr/src", "amove $usr/src")),
    ("alpine", "alpine/APKBUILD", ("pkgrel=0", "pkgrel=@PKGREL@"))))
def test_mistake_is_found(checkout, without_tools, tmp_path, kind, file, fault):
    if not shutil.which("shellcheck"):
        pytest.skip("this machine has no shellcheck")
    path = checkout / "packaging" / file
    text = path.read_text()
    assert fault[0] in text
    path.write_text(text.replace(*fault))
    made = make_packages(tmp_path / "to", checkout, PATH=without_tools)
    assert made.status != 0
    assert [one for one, said in made.said.items() if said.startswith("FAILED")] == [kind]
