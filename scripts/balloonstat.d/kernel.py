# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel itself shows of a balloon, whatever its driver."""

import os
import textwrap
import time

from reading import read
from words import size

# Bits of the VIRTIO specification; the names are those of the kernel's headers,
# without VIRTIO_BALLOON_F_ and VIRTIO_F_.
BALLOON_FEATURES = ("MUST_TELL_HOST", "STATS_VQ", "DEFLATE_ON_OOM", "FREE_PAGE_HINT",
                    "PAGE_POISON", "REPORTING")
FEATURES = dict(enumerate(BALLOON_FEATURES)) | {
    24: "NOTIFY_ON_EMPTY", 27: "ANY_LAYOUT", 28: "RING_INDIRECT_DESC", 29: "RING_EVENT_IDX",
    32: "VERSION_1", 33: "ACCESS_PLATFORM", 34: "RING_PACKED", 35: "IN_ORDER",
    36: "ORDER_PLATFORM", 37: "SR_IOV", 38: "NOTIFICATION_DATA", 39: "NOTIF_CONFIG_DATA",
    40: "RING_RESET", 41: "ADMIN_VQ",
}

HOST_KNOWS = (
    "This is all that the kernel shows. The size of the balloon and its target are shown by the "
    "out-of-tree driver, or by the host: by QMP with query-balloon, by libvirt with "
    "virsh dommemstat DOMAIN and virsh domstats --balloon DOMAIN.")


def page_size():
    return os.sysconf("SC_PAGE_SIZE")


def features(source, device):
    """The names of the features that device and driver agreed on; None if unreadable."""
    bits = read(source.file(device, "features"))
    return bits and [FEATURES.get(bit, f"bit_{bit}") for bit, on in enumerate(bits) if on == "1"]


def kernel_sample(source, device):
    """What --json prints of a balloon that is not ours."""
    driver = source.driver(device)
    return {"time": round(time.time(), 3), "device": device, "driver": driver,
            "built_in": source.built_in(driver) if driver else None,
            "features": features(source, device), "meminfo": source.meminfo(),
            "vmstat": source.vmstat()}


def all_balloons(vmstat):
    """Bytes in all balloons of the guest, or None."""
    inflated, deflated = (vmstat.get(f"balloon_{name}") for name in ("inflate", "deflate"))
    return None if None in (inflated, deflated) else (inflated - deflated) * page_size()


def kernel_sentences(sample):
    together = all_balloons(sample["vmstat"] or {})
    if together is not None:
        yield (f"All balloons of this guest together have {size(together)}: balloon_inflate "
               "less balloon_deflate.")
    if sample["driver"] and sample["features"] is not None:
        agreed = "DEFLATE_ON_OOM" in sample["features"]
        yield (f"MemTotal {'contains' if agreed else 'is without'} the balloon, because device "
               f"and driver have {'agreed' if agreed else 'not agreed'} on DEFLATE_ON_OOM.")
    yield HOST_KNOWS


def kernel_lines(sample):
    kind = {None: "", True: ", built into the kernel", False: ", a module"}[sample["built_in"]]
    names = sample["features"]
    yield f"device: {sample['device']}"
    yield f"driver: {sample['driver'] or 'none'}{kind}"
    yield f"features: {'unknown' if names is None else ' '.join(names) or 'none'}"
    yield from (f"meminfo.{name}: {size(value)}" for name, value in sample["meminfo"].items())
    yield from (f"vmstat.{name}: {value} pages"
                for name, value in (sample["vmstat"] or {}).items())
    yield ""
    for sentence in kernel_sentences(sample):
        yield from textwrap.wrap(sentence, 79, break_long_words=False, break_on_hyphens=False)
