# SPDX-License-Identifier: GPL-2.0-only
"""Shows that balloonstat says what the kernel itself shows where our driver is not.

It may be the in-tree driver, as a module or built in, or none at all.
"""

import json

import pytest

from suite.balloonstat import FEATURES, KIB, MIB, VMSTAT, words

ONCE = """\
device: virtio3
driver: virtio_balloon, a module
features: STATS_VQ DEFLATE_ON_OOM REPORTING bit_7 VERSION_1
meminfo.MemTotal: 1984 MiB
meminfo.MemAvailable: 1024 MiB
meminfo.Balloon: 1024 MiB
vmstat.balloon_inflate: 262144 pages
vmstat.balloon_deflate: 1024 pages
vmstat.balloon_migrate: 9 pages

All balloons of this guest together have 1020 MiB: balloon_inflate less
balloon_deflate.
MemTotal contains the balloon, because device and driver have agreed on
DEFLATE_ON_OOM.
This is all that the kernel shows. The size of the balloon and its target are
shown by the out-of-tree driver, or by the host: by QMP with query-balloon, by
libvirt with virsh dommemstat DOMAIN and virsh domstats --balloon DOMAIN.
"""


@pytest.fixture
def in_tree(fake, monkeypatch, module):
    """A balloon of 1020 MiB with the driver of the kernel."""
    if module.page_size() != 4 * KIB:
        pytest.skip("made for pages of 4 KiB")
    fake.device("virtio3", 5, "virtio_balloon")
    (fake.root / "proc/vmstat").write_text(VMSTAT.replace("deflate 0", "deflate 1024"))
    return fake


@pytest.mark.parametrize("arguments", [[], ["--once"], ["virtio3"], ["--screen"], ["1", "5"]])
def test_module_of_the_kernel(in_tree, arguments):
    """Once, whatever was asked for."""
    in_tree.module()
    done = in_tree.run(*arguments, status=1)
    assert done.stdout == ONCE
    assert "virtio3 is a balloon, but its driver, virtio_balloon, shows nothing" in done.stderr
    assert "is not\nloaded" in done.stderr and "modinfo -n virtio_balloon" in done.stderr
    assert "/sys/module/virtio_balloon/version" in done.stderr


def test_built_in(in_tree):
    done = in_tree.run(status=1)
    assert done.stdout == ONCE.replace("a module", "built into the kernel")
    said = words(done.stderr)
    assert "virtio_balloon, is built into this kernel (CONFIG_VIRTIO_BALLOON=y)" in said
    assert "No module can take its place" in said and "make overlay KERNEL=DIR" in said


def test_no_driver(fake):
    fake.device("virtio3", 5)
    (fake.devices / "virtio3/features").write_text("0" * 64 + "\n")
    done = fake.run(status=1)
    assert "virtio3 is a balloon without a driver" in done.stderr
    assert "driver: none\nfeatures: none\nmeminfo.MemTotal: 1984 MiB\n" in done.stdout
    # Nobody took or left anything of MemTotal.
    assert "MemTotal contains" not in done.stdout and "MemTotal is without" not in done.stdout


def test_without_deflate_on_oom_the_total_is_smaller(in_tree):
    features = FEATURES[:2] + "0" + FEATURES[3:]
    (in_tree.devices / "virtio3/features").write_text(features + "\n")
    said = words(in_tree.run(status=1).stdout)
    assert "features: STATS_VQ REPORTING bit_7 VERSION_1" in said
    assert ("MemTotal is without the balloon, because device and driver have not agreed on "
            "DEFLATE_ON_OOM.") in said


@pytest.mark.parametrize("loaded", [True, False])
def test_json(in_tree, loaded):
    if loaded:
        in_tree.module()
    line, = in_tree.run("--json", status=1).stdout.splitlines()
    sample = json.loads(line)
    assert isinstance(sample.pop("time"), float)
    assert sample == {
        "device": "virtio3", "driver": "virtio_balloon", "built_in": not loaded,
        "features": ["STATS_VQ", "DEFLATE_ON_OOM", "REPORTING", "bit_7", "VERSION_1"],
        "meminfo": {"MemTotal": 1984 * MIB, "MemAvailable": 1024 * MIB, "Balloon": 1024 * MIB},
        "vmstat": {"balloon_inflate": 262144, "balloon_deflate": 1024, "balloon_migrate": 9}}


def test_json_without_a_driver(fake):
    fake.device("virtio3", 5)
    sample = json.loads(fake.run("--json", status=1).stdout)
    assert (sample["driver"], sample["built_in"]) == (None, None)


def test_kernel_that_shows_nothing(fake):
    """An old one, or one with a /proc of its own."""
    fake.device("virtio3", 5, "virtio_balloon")
    (fake.devices / "virtio3/features").unlink()
    for name in ("meminfo", "vmstat"):
        (fake.root / "proc" / name).unlink()
    out = fake.run(status=1).stdout
    assert out.startswith("device: virtio3\ndriver: virtio_balloon, built into the kernel\n"
                          "features: unknown\n\nThis is all that the kernel shows.")


def test_only_balloons_without_our_driver(fake):
    """Of several devices that were named."""
    fake.balloon("virtio0")
    fake.device("virtio1", 1, "virtio_net")
    for name in ("virtio3", "virtio4"):
        fake.device(name, 5, "virtio_balloon")
    out = fake.run("-d", "virtio0", "-d", "virtio1", "-d", "virtio4", status=1).stdout
    assert [line for line in out.splitlines() if "device: " in line] == ["device: virtio4"]


def test_ours_is_shown_alone(fake):
    fake.balloon("virtio0")
    fake.device("virtio3", 5, "virtio_balloon")
    done = fake.run("--once")
    assert "device: virtio3" not in done.stdout and "virtio3 is a balloon, but" in done.stderr
