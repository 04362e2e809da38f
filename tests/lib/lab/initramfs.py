# SPDX-License-Identifier: GPL-2.0-only
"""The guest's root file system: an initramfs in two parts.

The base depends on the kernel, the driver and the set of modules, and is
cached. The overlay is what one guest gets on top: the kernel unpacks archives
that follow one another as one. Nothing is compressed: that would only cost
time, most of all in an emulated guest.
"""

import lzma
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .cache import cached, digest
from .cpio import Cpio
from .errors import LabError
from .kernel import DRIVER
from .paths import AGENT

BUSYBOX = Path("/bin/busybox")
# Real kmod instead of busybox's: it knows updates/ and modprobe.d.
KMOD_TOOLS = ("depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod")
# Any guest may get a device that needs one of these; a kernel may lack some.
BASE_MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_mem")
LIBRARIES = "lib/x86_64-linux-gnu"
LOADER = "lib64/ld-linux-x86-64.so.2"


def agent():
    """/init, compiled."""
    def compile_agent(path):
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", path, AGENT],
                       check=True)
    return cached(f"init-{digest(AGENT)}", compile_agent)


def _applets():
    listed = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True,
                            text=True).stdout.split()
    return [name for name in listed if name not in KMOD_TOOLS]


def _kmod_files(root):
    """kmod of a build root and the libraries it needs, without entering it."""
    kmod = root / "usr/bin/kmod"
    libraries = root / "usr" / LIBRARIES
    done = subprocess.run([root / LOADER, "--library-path", libraries,
                           "--list", kmod], check=True, capture_output=True, text=True)
    needed = re.findall(rf"=> ({re.escape(str(libraries))}/\S+)", done.stdout)
    files = {f"{LIBRARIES}/{Path(path).name}": Path(path) for path in needed}
    return files | {"bin/kmod": kmod, LOADER: root / LOADER}


def _decompressed(path):
    """A module's contents, and its name without the compression's."""
    if path.suffix == ".ko":
        return path.read_bytes(), path.name
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes()), path.stem
    raise LabError(f"do not know how to decompress {path}")


def _module_sources(kernel, names):
    """Files of the kernel's own modules, with all they need."""
    found = {}
    for name in names:
        for path in kernel.depends(name):
            found[path.relative_to(kernel.module_dir)] = path
    return found


class Modules:
    """What goes below /lib/modules/RELEASE."""

    def __init__(self, kernel, driver, extra):
        names = [m for m in BASE_MODULES if kernel.has_module(m)]
        names += [m for m in extra if isinstance(m, str)]
        if driver:
            names.append(DRIVER)
        self.kernel = kernel
        self.in_tree = _module_sources(kernel, names)
        # Where Debian puts modules of others: depmod prefers these.
        self.updates = [Path(m) for m in extra if not isinstance(m, str)]
        if driver == "ours" and not kernel.driver_built_in:
            self.updates.append(kernel.our_module)

    def key(self):
        return (self.kernel.release, sorted(map(str, self.in_tree)), *self.updates)

    def stage(self, base):
        """Lay out /lib/modules below base, ready for modprobe."""
        tree = base / "lib/modules" / self.kernel.release
        for place, source in self.in_tree.items():
            data, name = _decompressed(source)
            (tree / place.parent).mkdir(parents=True, exist_ok=True)
            (tree / place.parent / name).write_bytes(data)
        (tree / "updates").mkdir(parents=True)
        for source in self.updates:
            # As distributions install them: debug information is ten times
            # the module, and loading it takes the guest's time and memory.
            subprocess.run(["strip", "--strip-debug", "-o",
                            tree / "updates" / source.name, source], check=True)
        for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
            shutil.copy(self.kernel.module_dir / name, tree)
        # -C: the default search order, whatever this machine prefers.
        subprocess.run(["depmod", "-C", "/dev/null", "-b", base, self.kernel.release],
                       check=True)
        return tree


def _add_userland(archive, root):
    for name in ("proc", "sys", "dev", "tmp", "run", "bin", "etc/modprobe.d", "usr"):
        archive.directory(name)
    archive.symlink("sbin", "bin")
    archive.symlink("usr/bin", "../bin")
    archive.symlink("usr/sbin", "../bin")
    archive.copy("bin/busybox", BUSYBOX)
    for name in _applets():
        if name != "busybox":
            archive.symlink(f"bin/{name}", "busybox")
    for path, source in _kmod_files(root).items():
        archive.copy(path, source)
    for name in KMOD_TOOLS:
        archive.symlink(f"bin/{name}", "kmod")
    archive.file("etc/passwd", b"root::0:0:root:/tmp:/bin/sh\n")
    archive.file("etc/fstab", b"")      # swapoff -a reads it


def base(kernel, driver, extra=()):
    """The cached part: userland, agent and modules."""
    modules = Modules(kernel, driver, extra)
    init = agent()

    def write(path):
        with tempfile.TemporaryDirectory() as stage, open(path, "wb") as out:
            archive = Cpio(out)
            _add_userland(archive, kernel.root)
            archive.copy("init", init)
            modules.stage(Path(stage))
            for file in sorted(Path(stage).rglob("*")):
                if file.is_file():
                    archive.copy(file.relative_to(stage), file)
            archive.finish()

    key = digest(init, BUSYBOX, kernel.root / "usr/bin/kmod", Path(__file__),
                 *modules.key())
    return cached(f"base-{kernel.series}-{key}.cpio", write)


def build(path, base_archive, load=(), module_params="", files=None):
    """Write a guest's initramfs: the base, and what only this guest gets."""
    shutil.copyfile(base_archive, path)
    with open(path, "ab") as out:
        archive = Cpio(out)
        archive.file("etc/lab/modules", "\n".join([*load, ""]).encode())
        if module_params:
            archive.file("etc/modprobe.d/lab.conf",
                         f"options {DRIVER} {module_params}\n".encode())
        for target, source in (files or {}).items():
            archive.copy(target, Path(source))
        archive.finish()
    return path
