# SPDX-License-Identifier: GPL-2.0-only
"""From what a guest should be to QEMU's command line.

The one place for each option of QEMU.
"""

from dataclasses import dataclass, field
from pathlib import Path

from . import tsc
from .errors import LabError
from .paths import ROOTS

ROOT = ROOTS / "trixie"
BALLOON_ID = "balloon0"

# For a kernel under test: seen on the serial port, and after an oops QEMU ends
# (-no-reboot) instead of leaving a test to its timeout. The self-tests of the
# cryptographic algorithms take a quarter of the boot, emulated.
APPEND = ("console=ttyS0 loglevel=7 printk.time=1 panic=-1 oops=panic "
          "cryptomgr.notests")

# Without fast short string instructions, which are emulated byte by byte and which a
# kernel that sees them takes for clearing pages: a third of the time to take memory.
CPU_WITHOUT = ("erms", "fsrm", "fzrm", "fsrs")
CPU = "max," + ",".join(f"{feature}=off" for feature in CPU_WITHOUT)

# transport: (device, its properties)
TRANSPORTS = {
    "pci-modern": ("virtio-balloon-pci", {"disable-legacy": "on"}),
    "pci-legacy": ("virtio-balloon-pci", {"disable-legacy": "off",
                                          "disable-modern": "on"}),
    "pci-transitional": ("virtio-balloon-pci", {"disable-legacy": "off",
                                                "disable-modern": "off"}),
    "mmio-modern": ("virtio-balloon-device", {}),
    "mmio-legacy": ("virtio-balloon-device", {}),
}


def environment():
    """QEMU's modules have to be those it was built with."""
    return {"QEMU_MODULE_DIR": str(ROOT / "usr/lib/x86_64-linux-gnu/qemu")}


def program():
    """QEMU, run from the build root that has it with that root's libraries.

    setpriv: QEMU ends with the thread that started it, however that ends.
    """
    libraries = ROOT / "usr/lib/x86_64-linux-gnu"
    return ["setpriv", "--pdeathsig", "KILL", "--",
            str(ROOT / "lib64/ld-linux-x86-64.so.2"),
            "--library-path", f"{libraries}:{libraries}/pulseaudio",
            str(ROOT / "usr/bin/qemu-system-x86_64"),
            "-L", str(ROOT / "usr/share/qemu"),
            "-L", str(ROOT / "usr/share/seabios")]


# The few names of QEMU that are written so.
UNDERSCORED = ("in_order",)


def properties(first, props):
    """QEMU's "first,name=value,..."; deflate_on_oom=True is deflate-on-oom=on."""
    words = {True: "on", False: "off"}
    parts = [first]
    for name, value in props.items():
        text = words[value] if isinstance(value, bool) else str(value)
        name = name if name in UNDERSCORED else name.replace("_", "-")
        parts.append(f"{name}={text.replace(',', ',,')}")
    return ",".join(parts)


@dataclass
class Options:
    """A guest, as far as QEMU has to know about it."""

    kernel: Path = None
    initrd: Path = None
    append: str = ""
    memory_mib: int = 1024
    smp: int = 2
    machine: str = "q35"            # or microvm; may have ",options"
    # {"transport": ..., "root_port": True, property: value}; None: no balloon
    balloon: dict = None
    # {"type": "memfd", "hugetlb": True, ...} or {"type": "ram", "reserve": False}
    memory_backend: dict = None
    max_memory_mib: int = 0         # room for hotplug
    virtio_mem: dict = None         # {"size": "1G", "requested-size": "512M", ...}
    disks: list = field(default_factory=list)       # paths of raw images
    traces: list = field(default_factory=list)      # names of trace events
    trace_file: Path = None
    log_file: Path = None           # what the kernel says on ttyS0
    agent_fd: int = -1              # sockets that QEMU inherits
    qmp_fd: int = -1
    incoming: str = ""              # such as file:PATH, or defer
    icount: str = ""                # such as shift=0,sleep=off
    extra: list = field(default_factory=list)       # any other arguments

    @property
    def is_microvm(self):
        return self.machine.startswith("microvm")

    @property
    def is_q35(self):
        return self.machine.startswith("q35")

    def argv(self):
        """The command line."""
        return [*program(), *self._machine(), *self._memory(), *self._boot(),
                *self._serial(), *self._qmp(), *self._balloon(), *self._disks(),
                *self._tracing(), *self.extra]

    def _machine(self):
        machine = self.machine
        if self.is_microvm and "acpi=" not in machine:
            # Without ACPI it neither powers off nor finds its virtio-mmio.
            machine += ",acpi=on"
        if self.memory_backend:
            machine += ",memory-backend=ram0"
        # An instruction count needs the virtual CPUs to take turns. KVM is
        # never looked for: it may be there and not work.
        accel = "tcg,thread=single" if self.icount else "tcg,thread=multi"
        argv = ["-nodefaults", "-no-user-config", "-display", "none",
                "-name", "debug-threads=on", "-no-reboot", "-accel", accel, "-cpu", CPU,
                "-machine", machine, "-smp", str(self.smp)]
        if self.icount:
            argv += ["-icount", self.icount]
        return argv

    def _memory(self):
        size = f"{self.memory_mib}M"
        if self.max_memory_mib:
            size += f",slots=4,maxmem={self.max_memory_mib}M"
        argv = ["-m", size]
        if self.memory_backend:
            props = dict(self.memory_backend)
            kind = props.pop("type")
            props |= {"id": "ram0", "size": f"{self.memory_mib}M"}
            argv += ["-object", properties(f"memory-backend-{kind}", props)]
        if self.virtio_mem:
            props = {"id": "vmem0", "memdev": "vmem0-ram", **self.virtio_mem}
            size = props.pop("size")
            argv += ["-object", f"memory-backend-ram,id=vmem0-ram,size={size}",
                     "-device", properties("virtio-mem-pci", props)]
        return argv

    def _boot(self):
        words = [APPEND, self.append]
        if self.is_microvm:
            words.append(tsc.kernel_arguments(self.icount))
        argv = ["-kernel", str(self.kernel), "-initrd", str(self.initrd),
                "-append", " ".join(words)]
        if self.incoming:
            argv += ["-incoming", self.incoming]
        return argv

    def _serial(self):
        """ttyS0 is the kernel log, ttyS1 the agent's."""
        argv = ["-chardev", f"file,id=log,path={self.log_file}",
                "-chardev", f"socket,id=agent,fd={self.agent_fd}",
                "-serial", "chardev:log"]
        if self.is_microvm:     # has one port of its own
            return argv + ["-device", "isa-serial,chardev=agent,index=1"]
        return argv + ["-serial", "chardev:agent"]

    def _qmp(self):
        return ["-chardev", f"socket,id=qmp,fd={self.qmp_fd}",
                "-mon", "chardev=qmp,mode=control"]

    def _balloon(self):
        if self.balloon is None:
            return []
        props = dict(self.balloon)
        transport = props.pop("transport",
                              "mmio-modern" if self.is_microvm else "pci-modern")
        if transport not in TRANSPORTS:
            raise LabError(f"no transport {transport!r}: {', '.join(TRANSPORTS)}")
        device, fixed = TRANSPORTS[transport]
        props = {"id": BALLOON_ID, **fixed, **props}
        argv = []
        if transport == "mmio-modern":
            argv += ["-global", "virtio-mmio.force-legacy=false"]
        if props.pop("root_port", False):
            argv += ["-device", "pcie-root-port,id=rp0,chassis=1,slot=1"]
            props["bus"] = "rp0"
        argv += self._hinting_thread(props)
        return argv + ["-device", properties(device, props)]

    @staticmethod
    def _hinting_thread(props):
        """QEMU takes hints only in an iothread: add one, unless one is given."""
        hinting = {name.replace("_", "-"): value for name, value in props.items()
                   }.get("free-page-hint")
        if hinting not in (True, "on") or "iothread" in props:
            return []
        props["iothread"] = "io0"
        return ["-object", "iothread,id=io0"]

    def _disks(self):
        device = "virtio-blk-device" if self.is_microvm else "virtio-blk-pci"
        argv = []
        for n, path in enumerate(self.disks):
            argv += ["-drive", properties("if=none,format=raw,cache=unsafe",
                                          {"id": f"disk{n}", "file": path}),
                     "-device", f"{device},drive=disk{n}"]
        return argv

    def _tracing(self):
        argv = ["-D", str(self.trace_file)] if self.traces else []
        for event in self.traces:
            argv += ["-trace", event]
        return argv
