# SPDX-License-Identifier: GPL-2.0-only
"""Shows that the driver can go at any moment: unloaded, unplugged, or the guest ends.

Every page comes back to the guest, and nothing is waited for in vain.
"""

from lab import MIB, initramfs
from suite import books
from suite.books import Books
from suite.guests import full_size
from suite.programs import tool_file

ENDS_OF_RANGE = True

GUEST = {"memory_mib": 768, "balloon": {"root_port": True}, "append": "init_on_alloc=0"}
BALLOON = 300 * MIB
ON_THE_WAY = 40 * MIB
BALLOON_ID = "balloon0"


def start_inflating(guest):
    """The balloon is on its way to a target that it has not reached."""
    guest.set_target(full_size(guest) - BALLOON)
    guest.wait_for(lambda: guest.actual() <= full_size(guest) - ON_THE_WAY, 30,
                   f"{ON_THE_WAY} bytes to be in the balloon")


def unplug(guest):
    guest.qmp("device_del", id=BALLOON_ID)
    guest.wait_event("DEVICE_DELETED", 60,
                     lambda data: data.get("device") == BALLOON_ID)


def plug(guest):
    guest.qmp("device_add", driver="virtio-balloon-pci", id=BALLOON_ID, bus="rp0",
              **{"disable-legacy": "on"})


def check_inflates_anew(guest, balloon):
    """When another kernel comes up; to the target that the host has had before."""
    guest.channel.wait_hello(120)
    guest.sync()
    # query-balloon still has the number of the guest's earlier life.
    guest.wait_for(lambda: Books.read(guest).inflated == balloon, 60,
                   f"{balloon} bytes to be in the balloon again")
    total = guest.meminfo()["MemTotal"]
    guest.resize(full_size(guest))
    rise = guest.meminfo()["MemTotal"] - total
    assert rise == balloon, f"MemTotal rose by {rise} bytes, expected {balloon}"


def test_unload_while_inflating(guest, start):
    start_inflating(guest)
    guest.check("rmmod virtio_balloon")
    books.check_without_driver(guest, start)
    actual = guest.actual()
    assert actual == full_size(guest), (
        f"the host still counts {full_size(guest) - actual} bytes in the balloon")

    guest.check("modprobe virtio_balloon")
    guest.wait_actual(full_size(guest) - BALLOON)
    books.check(guest, start)


def test_unload_while_deflating(guest, start):
    full = full_size(guest)
    guest.resize(full - BALLOON)
    guest.set_target(full)
    guest.check("rmmod virtio_balloon")
    books.check_without_driver(guest, start)
    guest.check("modprobe virtio_balloon")
    guest.wait_actual(full)
    books.check(guest, start)


def test_unbind_and_bind(guest, start):
    """The same through sysfs, with the module still loaded."""
    guest.resize(full_size(guest) - BALLOON)
    where = "/sys/bus/virtio/drivers/virtio_balloon"
    device = guest.check(f"cd {where} && ls -d virtio*").strip()
    guest.check(f"echo {device} > {where}/unbind")
    books.check_without_driver(guest, start)
    guest.check(f"echo {device} > {where}/bind")
    guest.wait_actual(full_size(guest) - BALLOON)
    books.check(guest, start)


def test_unplug_and_plug(guest, start):
    """The device goes with an inflated balloon, and another one comes."""
    guest.resize(full_size(guest) - BALLOON)
    unplug(guest)
    books.check_without_driver(guest, start)

    plug(guest)
    guest.resize(full_size(guest) - BALLOON)
    books.check(guest, start)


def test_unplug_while_inflating(guest, start):
    start_inflating(guest)
    unplug(guest)
    books.check_without_driver(guest, start)
    plug(guest)
    guest.resize(full_size(guest))


def test_reboot_while_inflating(boot):
    """QEMU is told to end when the guest reboots: it must come to that."""
    guest = boot(memory_mib=768)
    start_inflating(guest)
    guest.channel.send("reboot -f")
    guest.wait_exit(30)


def test_power_off_while_inflating(boot):
    guest = boot(memory_mib=768)
    start_inflating(guest)
    guest.stop(timeout=30)


def test_reset_while_inflated(boot):
    """A guest that the host resets begins anew, and inflates to the old target."""
    guest = boot(memory_mib=512)
    full = full_size(guest)
    guest.resize(full - 100 * MIB)
    # -no-reboot: let the reset through for once.
    guest.qmp("set-action", reboot="reset")
    guest.qmp("system_reset")
    check_inflates_anew(guest, 100 * MIB)


def test_kexec_while_inflated(boot, kernel, driver, tmp_path):
    """The next kernel owns all memory at once, and inflates to the same target."""
    files = {"bin/kexec": tool_file("kexec"), "next/vmlinuz": kernel.vmlinuz,
             "next/initrd": initramfs.build(tmp_path / "initrd",
                                            initramfs.base(kernel, driver),
                                            ["virtio_pci", "virtio_balloon"])}
    guest = boot(memory_mib=768, files=files)
    guest.resize(full_size(guest) - BALLOON)
    guest.channel.send("kexec /next/vmlinuz /next/initrd")
    check_inflates_anew(guest, BALLOON)
    assert not guest.sh("test -e /next").ok, "it is still the first kernel"
