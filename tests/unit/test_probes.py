# SPDX-License-Identifier: GPL-2.0-only
"""Shows that compat/Kbuild.probe finds out what each kernel release has.

A build is tested for the kernels of the lab. For those between them, of which no
headers are to be had, the probes look at the few lines that tell them apart. A probe
that takes one release for another means a crash there, or counts that are wrong.
"""

import re
import subprocess

import pytest

from lab.paths import REPO

COMPAT = REPO / "drivers/virtio/balloon/compat"
HEADERS = ("linux/balloon.h", "linux/balloon_compaction.h", "linux/mmzone.h",
           "linux/page-flags.h", "linux/shrinker.h", "linux/stackdepot.h",
           "linux/virtio.h", "linux/virtio_config.h")
UAPI = "uapi/linux/virtio_balloon.h"

# What a release brings, in its header, and what has to be found out from then on.
# "-" takes lines away. The words are the kernel's, as far as a probe looks at them.
CHANGES = [
    ("6.1", "linux/balloon_compaction.h", "spinlock_t pages_lock;", None),
    ("6.1", UAPI, "#define VIRTIO_BALLOON_S_NR       10", "BALLOON_COMPAT_STATS_NR=10"),
    ("6.4", "linux/mmzone.h", "#define MAX_ORDER_NR_PAGES (1 << MAX_ORDER)",
     "BALLOON_HAVE_INCLUSIVE_MAX_ORDER"),
    ("6.7", "linux/shrinker.h", "struct shrinker *shrinker_alloc(unsigned int flags,",
     "BALLOON_HAVE_SHRINKER_ALLOC"),
    ("6.8", "linux/mmzone.h", "-MAX_ORDER_NR_PAGES", "-BALLOON_HAVE_INCLUSIVE_MAX_ORDER"),
    ("6.11", "linux/virtio_config.h", "struct virtqueue_info {",
     "BALLOON_HAVE_VIRTQUEUE_INFO"),
    ("6.12", UAPI, "-VIRTIO_BALLOON_S_NR", "-BALLOON_COMPAT_STATS_NR=10"),
    ("6.12", UAPI, "#define VIRTIO_BALLOON_S_NR\t16", "BALLOON_COMPAT_STATS_NR=16"),
    ("6.14", "linux/virtio.h", "int (*reset_prepare)(struct virtio_device *dev);",
     "BALLOON_HAVE_DRIVER_RESET"),
    ("6.15", "linux/virtio.h", "void (*shutdown)(struct virtio_device *dev);",
     "BALLOON_HAVE_DRIVER_SHUTDOWN"),
    ("6.16", "linux/mmzone.h", "NR_BALLOON_PAGES,", "BALLOON_HAVE_NODE_COUNTER"),
    ("6.17", "linux/page-flags.h",
     "static inline bool page_has_movable_ops(const struct page *page)",
     "BALLOON_HAVE_MOVABLE_BY_TYPE"),
    ("7.0", "linux/balloon.h", "bool adjust_managed_page_count;",
     "BALLOON_HAVE_CORE_ACCOUNTING"),
]
RELEASES = ("6.1", "6.4", "6.7", "6.8", "6.11", "6.12", "6.13", "6.14", "6.15", "6.16",
            "6.17", "6.18", "6.19", "7.0")

PROBE = """
srctree := {srctree}
src := {src}
include $(src)/Kbuild.probe
all:
\t@echo $(ccflags-y)
"""


def number(release):
    return tuple(int(part) for part in release.split("."))


def headers_of(release):
    """{header: text}, and what is to be found in them."""
    lines = {name: [] for name in (*HEADERS, UAPI)}
    found = set()
    for since, header, line, macro in CHANGES:
        if number(since) > number(release):
            break
        if line.startswith("-"):
            lines[header] = [one for one in lines[header] if line[1:] not in one]
        else:
            lines[header].append(line)
        if macro and macro.startswith("-"):
            found.discard(macro[1:])
        elif macro:
            found.add(macro)
    return lines, found


def probe(srctree):
    """What the probes find, as a set of macros."""
    done = subprocess.run(["make", "--no-print-directory", "-f", "-"], check=True,
                          input=PROBE.format(srctree=srctree, src=COMPAT), text=True,
                          capture_output=True)
    assert not done.stderr, done.stderr
    return set(re.findall(r"-D(\S+)", done.stdout))


@pytest.mark.parametrize("release", RELEASES)
def test_release(release, tmp_path):
    lines, want = headers_of(release)
    for header, text in lines.items():
        path = tmp_path / "include" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        if text or header != "linux/balloon.h":
            path.write_text("".join(f"{line}\n" for line in text))
    assert probe(tmp_path) == want


def test_without_any_header(tmp_path):
    """What cannot be found out is taken for the oldest kernel."""
    assert probe(tmp_path) == {"BALLOON_COMPAT_STATS_NR=10"}


def test_statistics_of_a_tree_with_the_overlay(tmp_path):
    """Its header is ours; what the kernel's own driver knows is in the one put aside."""
    for path, number in ((f"include/{UAPI}", 16),
                         ("drivers/virtio/balloon/in-tree/virtio_balloon.h", 10)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(f"#define VIRTIO_BALLOON_S_NR {number}\n")
        assert probe(tmp_path) == {f"BALLOON_COMPAT_STATS_NR={number}"}


def test_every_probe_is_used():
    """A macro that no source asks for, or one that no probe gives, is a slip."""
    given = set(re.findall(r"BALLOON_(?:HAVE|COMPAT)_\w+", (COMPAT / "Kbuild.probe").read_text()))
    text = "".join(path.read_text() for path in COMPAT.parent.rglob("*.[ch]"))
    asked = set(re.findall(r"BALLOON_HAVE_\w+", text))
    assert asked == {name for name in given if "HAVE" in name}
    assert all(name in text for name in given)
