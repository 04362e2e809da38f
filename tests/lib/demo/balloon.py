# SPDX-License-Identifier: GPL-2.0-only
"""Memory that goes to the host and comes back, with each of both drivers."""

from bench import contest, phase
from lab import GIB, MIB, Guest
from lab.kernel import DRIVER
from suite.books import SYSFS

from .screen import IN_TREE, OURS, bar, follow, mib, say, title

DRIVERS = {IN_TREE: contest.IN_TREE, OURS: contest.DEFAULT}
MEMORY_MIB = 2048
NOTIFY_EVENT = "virtio_queue_notify"
HEAD = f"{'seconds':>8} {'target':>9} {'balloon':>9} {'QEMU holds':>11}  done"
FIGURES = (("wall", "{}: seconds", "{:.2f}"),
           ("cpu", "{}: processor time of QEMU, s", "{:.2f}"),
           ("notifications", "{}: notifications to the host", "{:.0f}"))


def _balloon(guest):
    """As QEMU has it, in bytes."""
    return guest.options.memory_mib * MIB - guest.actual()


def _follow(guest, target, over):
    """Print lines until over(size of the balloon in bytes)."""
    say(HEAD)
    start = _balloon(guest)
    guest.set_target(guest.options.memory_mib * MIB - target)

    def line(seconds):
        size = _balloon(guest)
        done = 1 - abs(target - size) / (abs(target - start) or 1)
        say(f"{seconds:8.1f} {mib(target):>9} {mib(size):>9} {mib(guest.rss()):>11}  "
            f"{bar(done)}")
        return over(size)

    follow(line)


def _move(guest, target, what):
    """{figure: value} of a move to a balloon of so many bytes."""
    title(what)
    host = phase.Host(guest)
    guest.trace_reset()
    before = host.cpu()
    _follow(guest, target, lambda size: size == target)
    return {"cpu": host.cpu() - before, "wall": phase.traced_seconds(guest),
            "notifications": guest.trace_counts()[NOTIFY_EVENT]}


def _use_memory(guest, size):
    """The guest uses memory once and frees it: QEMU holds it from then on."""
    guest.check("mount -o remount,size=95% /tmp; "
                f"dd if=/dev/zero of=/tmp/fill bs=1M count={size // MIB} 2>/dev/null; "
                "rm /tmp/fill", timeout=180)
    say(f"The guest has used {mib(size)} and freed it. QEMU still holds {mib(guest.rss())}.")


def _turn(guest, name):
    """A driver is loaded, gives 1 GiB to the host, takes it back, and is unloaded."""
    title(f"The guest loads {'the in-tree driver' if name == IN_TREE else name}")
    _use_memory(guest, GIB + 256 * MIB)
    contest.load(guest, DRIVERS[name])
    say("/proc/modules: " + guest.check(f"grep {DRIVER} /proc/modules").strip())
    return {"inflate 1 GiB": _move(guest, GIB, f"Inflate, {name}: the host takes 1 GiB"),
            "deflate 1 GiB": _move(guest, 0, f"Deflate, {name}: the host gives it back")}


def _floor(guest):
    """The host wants everything; the driver stops, and the guest still works."""
    title("The host takes all but one page: this driver stops at its floor")
    say("(With the in-tree driver, processes of the guest would be killed.)")

    def stands(_size):
        return guest.read(f"{SYSFS}/state") == "floor"

    _follow(guest, MEMORY_MIB * MIB - 4096, stands)
    say("state: floor. The guest's shell answers: "
        + guest.check("awk '/^MemAvailable/ { print $2 / 1024 \" MiB are available\" }' "
                      "/proc/meminfo").strip())
    _move(guest, 0, "The host gives everything back")


def show(kernel, comparison):
    """Both drivers in one guest, one after the other."""
    title(f"Booting Linux {kernel.release}, {MEMORY_MIB} MiB, emulated by QEMU")
    figures = {}
    with Guest(kernel, memory_mib=MEMORY_MIB, load=False, name="demo",
               balloon={"free_page_reporting": True},
               traces=[*phase.TIME_EVENTS, NOTIFY_EVENT],
               extra=["-msg", "timestamp=on"]) as guest:
        total = guest.meminfo()["MemTotal"]
        for name in DRIVERS:
            figures[name] = _turn(guest, name)
            if name == OURS:
                _floor(guest)
            contest.unload(guest)
            if guest.meminfo()["MemTotal"] != total:
                raise SystemExit(f"demo: {name} has not given all memory back")
        guest.check_log()
    for what in figures[OURS]:
        for key, text, form in FIGURES:
            comparison.add(text.format(what), figures[IN_TREE][what][key],
                           figures[OURS][what][key], form)
