# SPDX-License-Identifier: GPL-2.0-only
"""Shows that what a kernel complains of is found in its log, and nothing else.

The lines are those of real kernels, from 6.1 to 7.2.
"""

import pytest

from lab import logscan

COMPLAINTS = {
    "kasan": "BUG: KASAN: use-after-free in balloon_size_work+0x1d/0x5a0 [virtio_balloon]",
    "kasan-slab": "BUG: KASAN: slab-use-after-free in balloon_free+0x11/0x30",
    "kasan-null": "KASAN: null-ptr-deref in range [0x0000000000000008-0x000000000000000f]",
    "lockdep-circular": "WARNING: possible circular locking dependency detected",
    "lockdep-recursive": "WARNING: possible recursive locking detected",
    "lockdep-irq": "WARNING: possible irq lock inversion dependency detected",
    "lockdep-state": "WARNING: inconsistent lock state",
    "lockdep-safe": "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
    "lockdep-unlock": "WARNING: bad unlock balance detected!",
    "lockdep-held": "WARNING: lock held when returning to user space!",
    "lockdep-freed": "WARNING: held lock freed!",
    "lockdep-context": "[ BUG: Invalid wait context ]",
    "lockdep-limit": "BUG: MAX_LOCKDEP_CHAINS too low!",
    "locks-warn": "DEBUG_LOCKS_WARN_ON(lock->magic != lock)",
    "rcu": "WARNING: suspicious RCU usage",
    "rcu-stall": "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "sleeping": "BUG: sleeping function called from invalid context at mm/page_alloc.c:5190",
    "atomic": "BUG: scheduling while atomic: kworker/u4:1/31/0x00000002",
    "workqueue-atomic": "BUG: workqueue leaked lock or atomic: kworker/u4:1/0x00000001/31",
    "odebug": "ODEBUG: free active (active state 0) object type: work_struct hint: "
              "balloon_size_work+0x0/0x90 [virtio_balloon]",
    "odebug-timer": "ODEBUG: init destroyed (active state 0) object type: timer_list hint: 0x0",
    "kmemleak": "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "kmemleak-off": "kmemleak: Cannot allocate a kmemleak_object structure",
    "kmemleak-unknown": "kmemleak: Freeing unknown object at 0xffff888003c4a000",
    "hung-task": "INFO: task rmmod:115 blocked for more than 30 seconds.",
    "hung-task-io": "INFO: task kworker/u4:0:9 blocked in I/O wait for more than 30 seconds.",
    "workqueue-lockup": "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 "
                        "stuck for 33s!",
    "soft-lockup": "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/u4:2:40]",
    "list-add": "list_add corruption. prev->next should be next (ffff888004a), "
                "but was dead000000000122.",
    "list-del": "list_del corruption, ffffea0000123408->next is LIST_POISON1 (dead000000000100)",
    "bad-page": "BUG: Bad page state in process kworker/u4:1  pfn:04d2c",
    "bad-page-cache": "BUG: Bad rss-counter state mm:000000007f type:MM_ANONPAGES val:1",
    "vm-bug": "kernel BUG at mm/balloon_compaction.c:18!",
    "vm-warn": "WARNING: CPU: 0 PID: 31 at mm/page_alloc.c:1024 __free_pages_ok+0x3c/0x540",
    "page-poison": "pagealloc: memory corruption",
    "page-poison-bit": "pagealloc: single bit error",
    "refcount": "refcount_t: underflow; use-after-free.",
    "slub": "BUG kmalloc-128 (Tainted: G           O      ): Poison overwritten at 0xff",
    "slub-left": "BUG kmalloc-64 (Tainted: G    B   O ): Objects remaining in kmalloc-64 on "
                 "__kmem_cache_shutdown()",
    "alloc": "kworker/u4:1: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL)",
    "oops": "Oops: 0000 [#1] PREEMPT SMP KASAN",
    "gpf": "general protection fault, probably for non-canonical address 0xdffffc0000000001",
    "fault": "BUG: unable to handle page fault for address: fffffbfff4000000",
    "trace-only": "Call Trace:",
}

EXPECTED = {
    "kasan": "kasan: KernelAddressSanitizer initialized",
    "kmemleak": "kmemleak: Kernel memory leak detector initialized (mem pool available: 59000)",
    "kmemleak-off": "kmemleak: Automatic memory scanning thread ended",
    "lockdep": "Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
    "odebug": "ODEBUG: selftest passed",
    "rcu": "rcu: \tRCU lockdep checking is enabled.",
    "taint": "virtio_balloon: loading out-of-tree module taints kernel.",
    "probe": "virtio_balloon: probe of virtio0 failed with error -12",
    "part": "virtio_balloon virtio0: cannot set up part 'oom': -12",
    "command-line": "Kernel command line: kasan_multi_shot kmemleak=on WARNING: no",
}


def log_with(line):
    """A kernel log with that line in the middle."""
    before = [f"[    0.{n:06}] ordinary line {n}" for n in range(20)]
    return "\n".join([*before, f"[    1.000000] {line}", *before])


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaint_is_found(name):
    line = COMPLAINTS[name]
    found = logscan.scan(log_with(line))
    assert [line in one.line for one in found] == [True]
    assert line in logscan.report(found)


@pytest.mark.parametrize("name", EXPECTED)
def test_expected_line_is_none(name):
    assert not logscan.scan(log_with(EXPECTED[name]))


def test_allowed_line_is_none():
    line = COMPLAINTS["hung-task"]
    assert not logscan.scan(log_with(line), allowed=[r"task rmmod:\d+ blocked"])


def test_other_line_than_the_allowed():
    text = log_with(COMPLAINTS["hung-task"]) + "\n" + COMPLAINTS["kasan"]
    found = logscan.scan(text, allowed=[r"task rmmod:\d+ blocked"])
    assert [one.line for one in found] == [COMPLAINTS["kasan"]]
