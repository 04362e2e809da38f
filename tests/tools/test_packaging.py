# SPDX-License-Identifier: GPL-2.0-only
"""The Debian package has what a build needs and no more, and its scripts do their job.

Nothing is installed: the package is looked at, and its scripts run among commands
that are made up.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from lab import SERIES, Kernel
from lab.paths import KERNELS, REPO
from suite import roots, sources
from suite.commands import Commands
from suite.sources import MAIN, version

NAME = "virtio-balloon-oot"
PACKAGE = f"{NAME}-dkms"
VERSION = version()
DRIVER = MAIN.parent
# Of the source tree, what is no source.
HELPERS = {"dkms.conf", "refresh-initramfs", "installed", "headers", "VERSION"}
SOURCE_PARTS = ("Makefile", "Kbuild", "drivers", "include", "packaging", "scripts",
                "Documentation", "CHANGELOG.md", "SECURITY.md")
SIZE = 1 << 20
BUILD_TIMEOUT = 230
RELEASE = "6.1.0-1-test"
NOBODY = 65534
# Not that of a make which runs us.
ENVIRONMENT = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1600000000"}

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"),
                                reason="this machine has no dpkg-deb")


def run(*command, **options):
    options.setdefault("check", True)
    return subprocess.run(command, capture_output=True, text=True, **options)


def make_package(to, repo=REPO, **options):
    done = run("make", "--no-print-directory", "--silent", "deb", f"DIR={to}", cwd=repo,
               env=ENVIRONMENT, **options)
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("deb"))


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    """What it has for the machine, and in DEBIAN for dpkg."""
    path = tmp_path_factory.mktemp("unpacked") / "package"
    run("dpkg-deb", "--raw-extract", package, path)
    return path


@pytest.fixture(scope="module")
def tree(unpacked):
    return unpacked / "usr/src" / f"{NAME}-{VERSION}"


def files_in(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*")
            if not path.is_dir()}


def control(unpacked):
    text = (unpacked / "DEBIAN/control").read_text()
    return dict(re.findall(r"^(\S+): ((?:.*)(?:\n .*)*)$", text, re.M))


# -- the source tree: a build reads all of it, and nothing else --

def objects(tree):
    """The .o files that Kbuild links."""
    text = (tree / DRIVER / "Kbuild").read_text().replace("\\\n", " ")
    return {word for line in re.findall(r"^virtio_balloon-.*=(.*)$", text, re.M)
            for word in line.split()}


def includes(path):
    return re.findall(r'^\s*#\s*include\s+"(.*)"', path.read_text(), re.M)


def reached(tree):
    """Every file that a build comes to from the topmost Kbuild."""
    found = {Path("Kbuild"), DRIVER / "Kbuild", DRIVER / "compat/Kbuild.probe",
             Path("include/uapi/linux/virtio_balloon.h")}
    to_do = [DRIVER / name.replace(".o", ".c") for name in objects(tree)]
    while to_do:
        path = to_do.pop()
        assert (tree / path).exists(), f"{path} is not in the package"
        if path not in found:
            found.add(path)
            to_do += [Path(os.path.normpath(path.parent / name))
                      for name in includes(tree / path)]
    return {str(path) for path in found}


def test_source_is_what_a_build_reads(tree):
    assert len(objects(tree)) > 20
    assert files_in(tree) == reached(tree) | HELPERS


def test_source_is_unchanged(tree):
    for name in files_in(tree) - HELPERS:
        assert (tree / name).read_bytes() == (REPO / name).read_bytes(), name


def test_kbuild_finds_its_files(tree):
    """What Kbuild names by path."""
    assert "drivers/virtio/balloon/" in (tree / "Kbuild").read_text()
    text = (tree / DRIVER / "Kbuild").read_text()
    assert re.findall(r"^include \$\(balloon-dir\)/(.*)$", text, re.M) == ["compat/Kbuild.probe"]
    for path in re.findall(r"-I\$\(balloon-dir\)(/\S+)", text):
        assert (tree / f"{DRIVER}{path}").resolve().is_dir(), path


@pytest.fixture
def checkout():
    """A copy of what a package is made from, where everybody may look."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o777)
        sources.copy(path, SOURCE_PARTS)
        yield path


def test_needs_no_root(package, checkout):
    """The files are root's all the same."""
    if os.getuid():
        pytest.skip("this is not root")
    again = make_package(checkout / "deb", checkout, user=NOBODY)
    assert again.stat().st_uid == NOBODY
    assert again.read_bytes() == package.read_bytes()


def test_same_sources_same_package(package, checkout):
    """Also where somebody has built, and from a directory of another name."""
    for name in ("virtio_balloon.mod.c", "virtio_balloon.ko", "main.o", ".main.o.cmd",
                 "main.c.orig", "core"):
        (checkout / DRIVER / name).write_text("left behind\n")
    again = make_package(checkout / "deb", checkout)
    assert again.read_bytes() == package.read_bytes()


# -- dkms.conf --

def dkms_conf(tree, kernel=RELEASE, config="CONFIG_VIRTIO_BALLOON=m\n", tmp=None):
    """Its variables, as DKMS gets them."""
    (tmp / ".config").write_text(config)
    script = ('kernelver=$2 kernel_source_dir=$3; . "$1"/dkms.conf >/dev/null; set -o posix; '
              'set | grep -E "^(PACKAGE|BUILT|DEST|BUILD|AUTO|MAKE|CLEAN|POST|PRE|REMAKE)"')
    lines = run("bash", "-c", script, "bash", tree, kernel, tmp).stdout.splitlines()
    return {name: re.sub(r"^\(\[0\]=\"(.*)\"\)$|^'(.*)'$", r"\1\2", value)
            for name, _, value in (line.partition("=") for line in lines)}


def test_dkms_conf(tree, tmp_path):
    conf = dkms_conf(tree, tmp=tmp_path)
    assert conf["PACKAGE_NAME"] == NAME
    assert conf["PACKAGE_VERSION"] == VERSION
    assert conf["BUILT_MODULE_NAME"] == "virtio_balloon"
    assert conf["BUILT_MODULE_LOCATION"] == str(DRIVER)
    assert conf["DEST_MODULE_LOCATION"].startswith("/updates")
    assert conf["AUTOINSTALL"] == "yes"
    # What DKMS does by itself is what Kbuild wants.
    assert not set(conf) & {"MAKE", "CLEAN", "REMAKE_INITRD"}
    assert ") := virtio_balloon.o" in (tree / DRIVER / "Kbuild").read_text()


def test_dkms_scripts(tree, tmp_path):
    conf = dkms_conf(tree, tmp=tmp_path)
    scripts = {name: value for name, value in conf.items()
               if name.startswith(("POST_", "PRE_"))}
    assert set(scripts) == {"POST_INSTALL", "POST_REMOVE"}
    for value in scripts.values():
        script, release = value.split()
        assert os.access(tree / script, os.X_OK)
        assert release == RELEASE


@pytest.mark.parametrize("release, wanted", (
    ("6.1.0-56-cloud-amd64", True), ("6.12.117+deb13-amd64", True), ("6.10.3", True),
    ("7.2.12", True), ("7.0-rc1", True), ("10.4.1", True), ("12.0-generic", True),
    ("6.0.12", False), ("5.15.0-100-generic", False), ("5.14.0-427.el9.x86_64", False),
    ("4.19.0-26-amd64", False), ("2.6.32", False)))
def test_kernels_to_build_for(tree, tmp_path, release, wanted):
    pattern = dkms_conf(tree, release, tmp=tmp_path)["BUILD_EXCLUSIVE_KERNEL"]
    done = run("bash", "-c", "[[ $1 =~ $2 ]]", "bash", release, pattern, check=False)
    assert (done.returncode == 0) == wanted


@pytest.mark.parametrize("config, wanted", (
    ("CONFIG_VIRTIO_BALLOON=m\n", True), ("# CONFIG_VIRTIO_BALLOON is not set\n", True),
    ("CONFIG_VIRTIO=y\nCONFIG_VIRTIO_BALLOON=y\n", False)))
def test_kernel_with_a_driver_built_in(tree, tmp_path, config, wanted):
    pattern = dkms_conf(tree, config=config, tmp=tmp_path)["BUILD_EXCLUSIVE_KERNEL"]
    done = run("bash", "-c", "[[ $1 =~ $2 ]]", "bash", RELEASE, pattern, check=False)
    assert (done.returncode == 0) == wanted


# -- what dpkg gets to know --

def test_control(package, unpacked):
    fields = control(unpacked)
    assert fields["Package"] == PACKAGE
    assert fields["Version"] == VERSION
    assert fields["Architecture"] == "all"
    assert package.name == f"{PACKAGE}_{VERSION}_all.deb"
    assert "dkms" in fields["Depends"]
    assert re.match(r".+ <\S+@\S+>$", fields["Maintainer"])
    assert 0 < int(fields["Installed-Size"]) << 10 < SIZE


def test_description(unpacked):
    synopsis, *lines = control(unpacked)["Description"].split("\n")
    assert 0 < len(synopsis) < 80 and not synopsis.endswith(".")
    assert lines and all(line.startswith(" ") and len(line) <= 80 for line in lines)


def test_version_has_one_place():
    """No script, template or source repeats it."""
    number = re.match(r"\d+\.\d+\.\d+", VERSION)[0]
    for directory in ("scripts", "packaging", "drivers"):
        for path in (REPO / directory).rglob("*"):
            if path.is_file() and not path.suffix == ".pyc":
                assert number.encode() not in path.read_bytes(), path


def test_version_reaches_all(unpacked, tree):
    assert (tree / "VERSION").read_text() == f"{VERSION}\n"
    said = run(unpacked / "usr/bin/balloonstat", "--version").stdout
    assert said == f"balloonstat {VERSION}\n"


def test_placeholders_are_gone(unpacked):
    for path in unpacked.rglob("*"):
        if path.parent.name == "DEBIAN" or path.name == "dkms.conf":
            assert not re.search(r"@[A-Z]+@|#[A-Z_]+#", path.read_text()), path


def test_owners_and_modes(package):
    programs = {"refresh-initramfs", "installed", "headers", "bin/balloonstat"}
    for line in run("dpkg-deb", "--contents", package).stdout.splitlines():
        mode, owner, *_, path = line.split()
        assert owner == "root/root", line
        directory = path.endswith("/")
        executable = directory or path.endswith(tuple(programs))
        assert mode == ("d" if directory else "-") + ("rwxr-xr-x" if executable
                                                      else "rw-r--r--"), line


def test_documents(unpacked):
    doc = unpacked / "usr/share/doc" / PACKAGE
    assert "GPL-2.0-only" in (doc / "copyright").read_text()
    change = run("gzip", "-dc", doc / "changelog.gz").stdout
    assert change.startswith(f"{PACKAGE} ({VERSION}) ")
    assert re.search(r"^ -- .+ <\S+>  \w{3}, \d\d \w{3} \d{4} ", change, re.M)
    for name in ("Documentation/install.rst", "Documentation/admin-guide.rst", "CHANGELOG.md",
                 "SECURITY.md"):
        assert (doc / Path(name).name).read_bytes() == (REPO / name).read_bytes()


def test_tools(unpacked):
    done = run(unpacked / "usr/bin/balloonstat", "--help")
    assert done.stdout.startswith("usage: balloonstat")
    manual = run("gzip", "-dc", unpacked / "usr/share/man/man8/balloonstat.8.gz").stdout
    assert ".TH BALLOONSTAT 8" in manual
    manual = run("gzip", "-dc", unpacked / "usr/share/man/man4/virtio_balloon.4.gz").stdout
    assert ".TH VIRTIO_BALLOON 4" in manual
    assert (unpacked / "usr/lib/systemd/system/balloonstat-prometheus.timer").exists()
    assert (unpacked / "usr/share/doc" / PACKAGE / "examples/virtio_balloon.rules.yml").exists()


def test_checksums(unpacked):
    run("md5sum", "--check", "--quiet", "DEBIAN/md5sums", cwd=unpacked)
    listed = (unpacked / "DEBIAN/md5sums").read_text().splitlines()
    assert len(listed) == len(files_in(unpacked / "usr"))


# -- scripts --

@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path / "commands")


def test_maintainer_scripts_are_sound(unpacked):
    for name in ("postinst", "prerm"):
        path = unpacked / "DEBIAN" / name
        text = path.read_text()
        assert text.startswith("#!/bin/sh\n") and "\nset -e\n" in text
        assert path.stat().st_mode & 0o777 == 0o755
        run("sh", "-n", path)


@pytest.mark.parametrize("action", ("remove", "upgrade", "deconfigure"))
def test_prerm_takes_the_module(unpacked, commands, action):
    commands.add("dkms", f"test $1 = remove || echo {NAME}/{VERSION}: added")
    commands.run(unpacked / "DEBIAN/prerm", action)
    of_ours = f"-m {NAME} -v {VERSION}"
    assert commands.calls == [f"dkms status {of_ours}", f"dkms remove {of_ours} --all"]


def test_prerm_with_nothing_to_take(unpacked, commands):
    commands.add("dkms")
    commands.run(unpacked / "DEBIAN/prerm", "remove")
    assert commands.calls == [f"dkms status -m {NAME} -v {VERSION}"]


def test_prerm_of_a_failed_upgrade(unpacked, commands):
    commands.add("dkms", f"echo {NAME}/{VERSION}: added")
    commands.run(unpacked / "DEBIAN/prerm", "failed-upgrade", VERSION)
    assert not commands.calls


@pytest.fixture
def postinst(unpacked, commands, tmp_path):
    """It, with what it calls by path among the commands that are made up."""
    text = (unpacked / "DEBIAN/postinst").read_text()
    script = tmp_path / "postinst"
    script.write_text(text.replace("/usr/lib/dkms/common.postinst", "common.postinst")
                      .replace(f"/usr/src/{NAME}-{VERSION}", str(commands.path)))
    script.chmod(0o755)
    for name in ("common.postinst", "headers", "installed"):
        commands.add(name)
    return script


BUILDS = [f"common.postinst {NAME} {VERSION} /usr/share/{PACKAGE}  {{}}", "headers ",
          "installed "]


@pytest.mark.parametrize("action", ("configure", "abort-upgrade", "abort-remove",
                                    "abort-deconfigure"))
def test_postinst_builds(postinst, commands, action):
    """Also when dpkg has given up what the prerm script had begun."""
    commands.add("dkms", f"echo {NAME}/{VERSION}: added")
    commands.run(postinst, action, "0.0.9")
    assert commands.calls == [f"dkms status -m {NAME}",
                              *(call.format("0.0.9") for call in BUILDS)]


def test_postinst_leaves_no_other_version(postinst, commands):
    """Not even what "make dkms-install" has left, on two kernels."""
    commands.add("dkms", f"test $1 = remove || for kernel in {RELEASE} other; do "
                         f"echo {NAME}/0.0.9, $kernel, x86_64: installed; done")
    commands.run(postinst, "configure", "")
    assert commands.calls[:2] == [f"dkms status -m {NAME}",
                                  f"dkms remove -m {NAME} -v 0.0.9 --all"]
    assert commands.calls[2:] == [call.format("") for call in BUILDS]


def test_postinst_with_a_version_that_cannot_be_removed(postinst, commands):
    commands.add("dkms", f"test $1 != remove && echo {NAME}/0.0.9: broken")
    done = commands.run(postinst, "configure", "")
    assert f"dkms remove -m {NAME} -v 0.0.9 --all" in done.stderr
    assert len(commands.calls) == 5


def test_postinst_and_a_driver_built_in(postinst, commands):
    commands.add("installed", "exit 1")
    commands.add("dkms")
    commands.run(postinst, "configure", "")


OURS = "usr/lib/modules/x/updates/dkms/virtio_balloon.ko.xz"
OTHER = "usr/lib/modules/x/kernel/drivers/virtio/virtio_blk.ko"


@pytest.mark.parametrize("image", ("initrd.img-{}", "initramfs-{}.img", "initrd-{}"))
def test_initramfs_with_a_driver(tree, commands, tmp_path, image):
    path = tmp_path / image.format(RELEASE)
    path.touch()
    # More than a pipe holds: what lists must not be cut off.
    commands.add("lsinitramfs", f"echo {OURS}; yes {OTHER} | head -n 9000 || echo >&2 cut")
    commands.add("depmod")
    commands.add("update-initramfs")
    done = commands.run(tree / "refresh-initramfs", RELEASE, BOOT=str(tmp_path))
    assert commands.calls == [f"lsinitramfs {path}", f"depmod {RELEASE}",
                              f"update-initramfs -u -k {RELEASE}"]
    assert not done.stderr


def test_initramfs_of_dracut(tree, commands, tmp_path):
    if shutil.which("lsinitramfs", path="/usr/bin:/bin"):
        pytest.skip("this machine has initramfs-tools")
    path = tmp_path / f"initramfs-{RELEASE}.img"
    path.touch()
    commands.add("lsinitrd", f"echo {OURS}")
    commands.add("depmod")
    commands.add("dracut")
    commands.run(tree / "refresh-initramfs", RELEASE, BOOT=str(tmp_path))
    assert commands.calls == [f"lsinitrd {path}", f"depmod {RELEASE}",
                              f"dracut --force {path} {RELEASE}"]


def test_initramfs_without_a_driver(tree, commands, tmp_path):
    (tmp_path / f"initrd.img-{RELEASE}").touch()
    commands.add("lsinitramfs", f"echo {OTHER}")
    commands.add("depmod")
    commands.add("update-initramfs")
    commands.run(tree / "refresh-initramfs", RELEASE, BOOT=str(tmp_path))
    assert commands.calls == [f"lsinitramfs {tmp_path}/initrd.img-{RELEASE}"]


def test_no_initramfs(tree, commands, tmp_path):
    (tmp_path / "initrd.img-other").touch()
    commands.add("lsinitramfs")
    commands.add("update-initramfs")
    commands.run(tree / "refresh-initramfs", RELEASE, BOOT=str(tmp_path))
    assert not commands.calls


def test_initramfs_that_fails_is_told(tree, commands, tmp_path):
    (tmp_path / f"initrd.img-{RELEASE}").touch()
    commands.add("lsinitramfs", f"echo {OURS}")
    commands.add("depmod")
    commands.add("update-initramfs", "exit 1")
    done = commands.run(tree / "refresh-initramfs", RELEASE, BOOT=str(tmp_path))
    assert "could not be made anew" in done.stderr


# -- a build from it --

@pytest.mark.timeout(BUILD_TIMEOUT)
def test_module_builds(tree, tmp_path):
    """As DKMS does it, for the newest kernel, whose kbuild is the strictest."""
    series = SERIES[-1]
    if os.getuid():
        pytest.skip("needs root, to enter a build root")
    if not (KERNELS / series / "info.json").exists():
        pytest.skip(f"no kernel {series} in the lab")
    copy = tmp_path / "build"
    shutil.copytree(tree, copy)
    kernel = Kernel(series)
    done = roots.run(kernel.root, {copy: "/src"}, "make", "-j2", "-C", kernel.kdir, "M=/src")
    assert not done.returncode, done.stdout
    module = copy / DRIVER / "virtio_balloon.ko"
    assert f"version={VERSION}\0".encode() in module.read_bytes()
