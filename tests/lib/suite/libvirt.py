# SPDX-License-Identifier: GPL-2.0-only
"""Guests that libvirt runs: what Guest is, with virsh between it and QEMU.

Each Host is a libvirtd of its own, see scripts/libvirt-host. What is in its parent
directory is at the same path for all of them.
"""

import re
import shutil
import socket
import subprocess
import uuid

from lab import KIB, Guest, LabError
from lab.channel import Channel
from lab.deadline import SCALE, poll
from lab.paths import REPO
from lab.qemu import APPEND, CPU_WITHOUT

SCRIPT = REPO / "scripts/libvirt-host"
NAME = "balloon"

XML = """\
<domain type='qemu'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>{cpus}</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{append}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'>{left_out}</cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'>
      <source path='{log}' append='on'/><target port='0'/>
    </serial>
    <serial type='unix'>
      <source mode='bind' path='{agent}'/><target port='1'/>
    </serial>
    <video><model type='none'/></video>
    <memballoon model='virtio' autodeflate='on' freePageReporting='on'>
      <stats period='1'/>
    </memballoon>
  </devices>
</domain>
"""


class Host:
    """A libvirtd, from start() to stop()."""

    def __init__(self, directory):
        self.directory = directory
        self._daemon = None

    @property
    def uri(self):
        return f"qemu+unix:///system?socket={self.directory}/sock/libvirt-sock"

    def start(self):
        """Its packages are installed first, where they are missing."""
        self.directory.mkdir(parents=True)
        with open(self.directory / "libvirt-host.log", "wb") as log:
            self._daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--pid", "--fork",
                 "--kill-child", SCRIPT, self.directory],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        poll(self._answers, 120, f"libvirtd to answer, see {self.directory}")
        return self

    def _answers(self):
        if self._daemon.poll() is not None:
            text = (self.directory / "libvirt-host.log").read_text(errors="replace")
            raise LabError(f"libvirtd ended with status {self._daemon.returncode}:\n{text}")
        return self._run("version").returncode == 0

    def stop(self):
        """And all its guests with it."""
        if self._daemon and self._daemon.poll() is None:
            self._daemon.kill()
            self._daemon.wait()

    def _run(self, *arguments, timeout=60):
        return subprocess.run(
            [SCRIPT, self.directory, "virsh", "-c", self.uri, *map(str, arguments)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout * SCALE, check=False)

    def virsh(self, *arguments, timeout=60):
        """A command that has to succeed; what it says."""
        done = self._run(*arguments, timeout=timeout)
        if done.returncode:
            raise LabError(f"virsh {' '.join(map(str, arguments))}: "
                           f"{(done.stdout + done.stderr).strip()}")
        return done.stdout

    def forget(self, name):
        """End a domain, if it is there."""
        self._run("destroy", name)
        self._run("undefine", name, "--managed-save")


class Domain(Guest):
    """A guest of libvirt's; what the balloon is told goes through virsh."""

    def __init__(self, host, kernel, driver="ours", **options):
        super().__init__(kernel, driver, **options)
        self.host = host
        # Where it is seen by every host.
        self.run = host.directory.parent / f"{kernel}-{driver}"
        self.run.mkdir()
        self.log_file = self.options.log_file = self.run / "kernel.log"
        self._uuid = uuid.uuid4()
        self._sockets = 0

    # -- life --

    def _xml(self, agent):
        options = self.options
        return XML.format(
            name=NAME, uuid=self._uuid, memory=options.memory_mib, cpus=options.smp,
            kernel=options.kernel, initrd=self.run / "initrd",
            append=f"{APPEND} {options.append}", log=self.log_file, agent=agent,
            left_out="".join(f"<feature policy='disable' name='{name}'/>"
                             for name in CPU_WITHOUT))

    def _write_xml(self):
        """With a socket of its own: one that is moved is at two hosts for a moment."""
        self._sockets += 1
        agent = self.run / f"agent{self._sockets}"
        path = self.run / f"domain{self._sockets}.xml"
        path.write_text(self._xml(agent))
        return path, agent

    def _connect(self, agent):
        if self.channel:
            self.channel.close()
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(agent))
        self.channel = Channel(sock, self.run / f"{agent.name}.log")

    def _start_once(self):
        self._make_initrd()
        self.options.kernel = shutil.copy(self.options.kernel, self.run / "kernel")
        path, self._agent = self._write_xml()
        self.host.virsh("define", path)
        self.host.virsh("start", NAME)
        self._connect(self._agent)
        self._wait_boot()

    def state(self):
        return self.host.virsh("domstate", NAME).strip()

    def running(self):
        return self.state() == "running"

    def stop(self, timeout=60):
        try:
            self.channel.power_off()
            poll(lambda: not self.running(), timeout, "the domain to be shut off")
        finally:
            self.kill()

    def kill(self):
        """Whatever state it is in; the host forgets it."""
        if self.channel:
            self.channel.close()
        self.host.forget(NAME)

    # -- what libvirt does with it --

    def managed_save(self):
        self.host.virsh("managedsave", NAME, timeout=120)
        assert self.state() == "shut off"

    def start_again(self):
        """From what was saved."""
        self.host.virsh("start", NAME, timeout=120)
        self._connect(self._agent)
        self.sync(60)

    def migrate(self, there):
        """Live, to another host, which keeps it."""
        path, agent = self._write_xml()
        self.host.virsh("migrate", "--live", "--persistent", "--undefinesource",
                        "--xml", path, "--persistent-xml", path,
                        "--migrateuri", f"unix://{self.run}/migration", NAME, there.uri,
                        timeout=180)
        self.host, self._agent = there, agent
        self._connect(agent)
        self.sync(60)

    # -- the balloon --

    def set_target(self, size):
        self.host.virsh("setmem", NAME, f"{size // KIB}KiB", "--live")

    def memory_statistics(self):
        """{name: bytes}, or what it counts."""
        text = self.host.virsh("dommemstat", NAME)
        found = re.findall(r"^(\w+) (\d+)$", text, re.M)
        counts = ("swap_in", "swap_out", "major_fault", "minor_fault", "last_update",
                  "hugetlb_pgalloc", "hugetlb_pgfail")
        return {name: int(value) * (1 if name in counts else KIB)
                for name, value in found}

    def actual(self):
        return self.memory_statistics()["actual"]

    def rss(self):
        return self.memory_statistics()["rss"]
