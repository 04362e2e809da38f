# SPDX-License-Identifier: GPL-2.0-only
"""A guest: booted, talked to, and ended."""

import itertools
import os
import socket
import sys

from . import initramfs, logscan
from .balloon import HostBalloon
from .channel import NOT_STARTED, Channel
from .deadline import poll
from .errors import (CommandFailed, CommandTimedOut, GuestDied, LabError,
                     LogError, TimedOut)
from .kernel import DRIVER
from .meminfo import parse_meminfo, parse_vmstat
from .paths import new_run
from .process import Process
from .qemu import Options
from .qmp import QMP
from .traces import Traces
from .units import MIB
from .vmlinux import extracted

# What the kernel says when it starts its first process.
INIT = "Run /init"

_numbers = itertools.count(1)


class Guest(HostBalloon):
    """One guest, from start() to stop(); a context manager does both.

    kernel          a Kernel
    driver          "ours", "in-tree", or None for a guest without one; a kernel that
                    has ours built in takes "ours" only
    load            load the driver at boot; False leaves that to the caller
    module_params   "name=value ..." for our driver, now and on every modprobe; on the
                    kernel's command line if it is built in
    extra_modules   names of the kernel's modules, or paths of others: put where
                    modprobe finds them, not loaded
    files           {path in the guest: path on the host}
    name            of its directory in .lab/runs
    boot_timeout    seconds until the agent answers
    keep_initrd     keep the initramfs after the end, to boot it by hand
    options         every other keyword is a field of qemu.Options
    """

    def __init__(self, kernel, driver="ours", *, load=True, module_params="",
                 extra_modules=(), files=None, name=None, boot_timeout=60,
                 keep_initrd=False, **options):
        self.kernel = kernel
        self.driver = driver
        self._load = load and driver is not None
        self._module_params = module_params if driver == "ours" else ""
        self._extra_modules = list(extra_modules)
        self._files = files
        self._boot_timeout = boot_timeout
        self._keep_initrd = keep_initrd
        self.options = Options(**self._for_kernel(options))
        # With KASAN a kernel does not survive the first steps of the PVH entry.
        uncompressed = self.options.is_q35 and not kernel.is_debug
        self.options.kernel = (extracted(kernel.vmlinuz) if uncompressed
                               else kernel.vmlinuz)
        self.run = new_run(name or f"{kernel}-{driver}-{os.getpid()}-{next(_numbers)}")
        self.log_file = self.options.log_file = self.run / "kernel.log"
        self.options.trace_file = self.run / "qemu.trace"
        self.traces = Traces(self.options.trace_file)
        self._process = None
        self.channel = None
        self.monitor = None

    def _for_kernel(self, options):
        """The options, and what the kernel has to be told and to boot on."""
        words = [self.kernel.append, options.get("append", "")]
        if self.kernel.driver_built_in:
            if self.driver != "ours":
                raise LabError(f"{self.kernel} has our driver built in, and cannot have "
                               f"{self.driver!r}: take another kernel")
            words += [f"{DRIVER}.{word}" for word in self._module_params.split()]
        return {"machine": self.kernel.machine, **options,
                "append": " ".join(word for word in words if word)}

    # -- life --

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.stop()
            return
        print(f"guest artefacts: {self.run}", file=sys.stderr)
        self.kill()

    def start(self):
        """Boot, and wait until the agent answers.

        A guest that comes in from elsewhere does not boot: wait for its
        migration, then call sync(). One whose emulated machine hangs before
        there is a first process, as happens on a machine that is very busy,
        gets a second chance.
        """
        try:
            self._start_once()
        except TimedOut as error:
            if INIT in self.log() or self.options.incoming:
                raise
            print(f"did not get as far as its first process, booted again: {error}",
                  file=sys.stderr)
            self.log_file.rename(self.log_file.with_suffix(".hung"))
            self._start_once()
        return self

    def _start_once(self):
        try:
            self._start_qemu()
            self.monitor.negotiate()
            if not self.options.incoming:
                self._wait_boot()
        except BaseException:
            self.kill()
            raise

    def _make_initrd(self):
        return initramfs.build(
            self.run / "initrd",
            initramfs.base(self.kernel, self.driver, self._extra_modules),
            self._modules_to_load(), self._module_params, self._files)

    def _start_qemu(self):
        self.options.initrd = self._make_initrd()
        # Inherited sockets: no name, no waiting for QEMU to listen, no limit
        # to the length of a path.
        agent, agent_there = socket.socketpair()
        qmp, qmp_there = socket.socketpair()
        with agent_there, qmp_there:
            self.options.agent_fd = agent_there.fileno()
            self.options.qmp_fd = qmp_there.fileno()
            self.channel = Channel(agent, self.run / "agent.log")
            self.monitor = QMP(qmp)
            self._process = Process(self.options, self.run,
                                    (agent_there.fileno(), qmp_there.fileno()))

    def _modules_to_load(self):
        modules = ["virtio_mmio" if self.options.is_microvm else "virtio_pci"]
        if self.options.disks:
            modules.append("virtio_blk")
        if self.options.virtio_mem:
            modules.append("virtio_mem")
        if self._load:
            modules.append(DRIVER)
        return modules

    def _wait_boot(self):
        try:
            failed = self.channel.wait_hello(self._boot_timeout)
        except LabError as error:
            raise self._with_evidence(error) from error
        if failed:
            raise self._with_evidence(LabError(f"not loaded: {' '.join(failed)}"))

    def _with_evidence(self, error):
        """The same error, with what a person would look at first."""
        tail = "\n".join(self.log().splitlines()[-25:])
        return type(error)(f"{error}\n{self.stderr()}{tail}\nguest artefacts: {self.run}")

    def sync(self, timeout=30):
        """Wait until the agent answers again: after migration, or a wake-up."""
        try:
            self.channel.sync(timeout)
        except (TimedOut, GuestDied) as error:
            raise self._with_evidence(error) from error

    def stop(self, timeout=60):
        """Power off and check that it went well; always leaves no process."""
        try:
            if self._process and self._process.running():
                self.channel.power_off()
                self.wait_exit(timeout)
        finally:
            self.kill()

    def wait_exit(self, timeout=60):
        """Wait until QEMU ends by itself, and check that it went well."""
        try:
            status = self._process.wait(timeout)
        except TimedOut as error:
            raise self._with_evidence(error) from None
        if status or "Kernel panic" in self.log():
            raise self._with_evidence(GuestDied(f"QEMU ended with status {status}"))

    def kill(self):
        """End QEMU at once, if it runs, and close what belongs to it."""
        if self._process and self._process.running():
            self._process.kill()
        for end in (self.channel, self.monitor):
            if end:
                end.close()
        if not self._keep_initrd:
            (self.run / "initrd").unlink(missing_ok=True)

    def running(self):
        return self._process is not None and self._process.running()

    # -- inside the guest --

    def sh(self, script, timeout=30, on_output=None):
        """Run a shell script in the guest; its Result, whatever the status."""
        try:
            result = self.channel.run(script, timeout, on_output)
        except (TimedOut, GuestDied) as error:
            raise self._with_evidence(error) from error
        if result.status == NOT_STARTED:
            raise LabError(f"the guest could not start a process for: {script}")
        return result

    def check(self, script, timeout=30):
        """Run a shell script that has to succeed; its output."""
        result = self.sh(script, timeout)
        if result.timed_out:
            raise CommandTimedOut(script, result)
        if not result.ok:
            raise CommandFailed(script, result)
        return result.out

    def read(self, path):
        """Contents of a file in the guest, without the last newline."""
        return self.check(f"cat {path}").rstrip("\n")

    def meminfo(self):
        """The guest's /proc/meminfo, in bytes."""
        return parse_meminfo(self.read("/proc/meminfo"))

    def vmstat(self):
        """The guest's /proc/vmstat."""
        return parse_vmstat(self.read("/proc/vmstat"))

    # -- QEMU --

    @property
    def pid(self):
        return self._process.pid

    def qmp(self, command, /, **arguments):
        """Run a QMP command; hyphens as in qmp("x", **{"node-name": "y"})."""
        return self.monitor.execute(command, arguments)

    def wait_event(self, name, timeout=30, match=lambda data: True):
        return self.monitor.wait_event(name, timeout, match)

    def rss(self):
        """Bytes of the host's memory that QEMU holds."""
        return self._process.rss()

    def host_memory(self):
        """Bytes of the host's memory behind the guest's own."""
        return self._process.guest_memory(self.options.memory_mib * MIB)

    def host_pages(self):
        """Bytes of that in transparent huge pages."""
        return self._process.huge_pages()

    def cpu_seconds(self):
        """CPU time that QEMU used so far."""
        return self._process.cpu_seconds()

    def thread_seconds(self, name):
        """That of its threads whose names begin with this."""
        return self._process.thread_seconds(name)

    def trace_counts(self):
        """Counter of the events in traces= since the last trace_reset()."""
        return self.traces.counts()

    def trace_reset(self):
        self.traces.reset()

    def wait_for(self, predicate, timeout, what):
        """Poll until predicate() is true; its value."""
        return poll(predicate, timeout, what)

    def stderr(self):
        """What QEMU said so far."""
        return self._process.stderr() if self._process else ""

    # -- the kernel log --

    def log(self):
        """All that the kernel said so far."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(errors="replace")
        return text.replace("\r\n", "\n")

    def log_mark(self):
        """A place in the log, for log_since()."""
        return len(self.log())

    def log_since(self, mark):
        return self.log()[mark:]

    def wait_log(self, text, timeout=30, since=0):
        """Wait until the kernel says something with that text in it."""
        self.wait_for(lambda: text in self.log_since(since), timeout,
                      f"{text!r} in {self.log_file}")

    def check_log(self, allowed=(), since=0):
        """Fail if the kernel complained; allowed: patterns of expected lines."""
        complaints = logscan.scan(self.log_since(since), allowed)
        if complaints:
            raise LogError(f"{logscan.report(complaints)}\nguest artefacts: {self.run}")
