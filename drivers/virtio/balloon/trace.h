/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in the group virtio_balloon. Each names the device by the number N
 * of its virtioN. Sizes are in pages, times in microseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_balloon

#if !defined(BALLOON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BALLOON_TRACE_H

#include <linux/tracepoint.h>

/* The command in the device's configuration is another one. */
TRACE_EVENT(balloon_hint_command,
	TP_PROTO(unsigned int device, u32 old, u32 id),
	TP_ARGS(device, old, id),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(u32, old)
		__field(u32, id)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->old = old;
		__entry->id = id;
	),
	TP_printk("virtio%u id=%u old=%u", __entry->device, __entry->id,
		  __entry->old)
);

/* The device was told that the round of a command begins. */
TRACE_EVENT(balloon_hint_begin,
	TP_PROTO(unsigned int device, u32 id, unsigned long held),
	TP_ARGS(device, id, held),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(u32, id)
		__field(unsigned long, held)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->id = id;
		__entry->held = held;
	),
	TP_printk("virtio%u id=%u held=%lu", __entry->device, __entry->id,
		  __entry->held)
);

/* It was told that the round is over, so long after it asked, if it did. */
TRACE_EVENT(balloon_hint_end,
	TP_PROTO(unsigned int device, u32 id, unsigned long held, u64 usecs),
	TP_ARGS(device, id, held, usecs),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(u32, id)
		__field(unsigned long, held)
		__field(u64, usecs)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->id = id;
		__entry->held = held;
		__entry->usecs = usecs;
	),
	TP_printk("virtio%u id=%u held=%lu usecs=%llu", __entry->device,
		  __entry->id, __entry->held, __entry->usecs)
);

DECLARE_EVENT_CLASS(balloon_hint_range,
	TP_PROTO(unsigned int device, u32 id, unsigned long pfn,
		 unsigned long pages, unsigned int blocks),
	TP_ARGS(device, id, pfn, pages, blocks),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(u32, id)
		__field(unsigned long, pfn)
		__field(unsigned long, pages)
		__field(unsigned int, blocks)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->id = id;
		__entry->pfn = pfn;
		__entry->pages = pages;
		__entry->blocks = blocks;
	),
	TP_printk("virtio%u id=%u pfn=%#lx pages=%lu blocks=%u",
		  __entry->device, __entry->id, __entry->pfn, __entry->pages,
		  __entry->blocks)
);

/* Adjacent blocks are on their way to be discarded, before they are hinted. */
DEFINE_EVENT(balloon_hint_range, balloon_hint_discard,
	TP_PROTO(unsigned int device, u32 id, unsigned long pfn,
		 unsigned long pages, unsigned int blocks),
	TP_ARGS(device, id, pfn, pages, blocks)
);

/* Adjacent blocks are hinted. */
DEFINE_EVENT(balloon_hint_range, balloon_hint_range_sent,
	TP_PROTO(unsigned int device, u32 id, unsigned long pfn,
		 unsigned long pages, unsigned int blocks),
	TP_ARGS(device, id, pfn, pages, blocks)
);

/* The device has seen the hint. */
DEFINE_EVENT(balloon_hint_range, balloon_hint_range_done,
	TP_PROTO(unsigned int device, u32 id, unsigned long pfn,
		 unsigned long pages, unsigned int blocks),
	TP_ARGS(device, id, pfn, pages, blocks)
);

/*
 * Memory that was held is free again. longest: of its stretches without a chance
 * for others to run.
 */
TRACE_EVENT(balloon_hint_release,
	TP_PROTO(unsigned int device, unsigned long blocks, unsigned long pages,
		 bool lost, u64 usecs, u64 longest),
	TP_ARGS(device, blocks, pages, lost, usecs, longest),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(unsigned long, blocks)
		__field(unsigned long, pages)
		__field(bool, lost)
		__field(u64, usecs)
		__field(u64, longest)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->blocks = blocks;
		__entry->pages = pages;
		__entry->lost = lost;
		__entry->usecs = usecs;
		__entry->longest = longest;
	),
	TP_printk("virtio%u blocks=%lu pages=%lu lost=%d usecs=%llu longest=%llu",
		  __entry->device, __entry->blocks, __entry->pages,
		  __entry->lost, __entry->usecs, __entry->longest)
);

/* The kernel took memory back that was held. */
TRACE_EVENT(balloon_hint_reclaim,
	TP_PROTO(unsigned int device, unsigned long wanted, unsigned long pages),
	TP_ARGS(device, wanted, pages),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(unsigned long, wanted)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->wanted = wanted;
		__entry->pages = pages;
	),
	TP_printk("virtio%u wanted=%lu pages=%lu", __entry->device,
		  __entry->wanted, __entry->pages)
);

/* Free memory of the kernel was reported; err: why it was not. */
TRACE_EVENT(balloon_free_report,
	TP_PROTO(unsigned int device, unsigned int blocks, unsigned long pages,
		 u64 usecs, int err),
	TP_ARGS(device, blocks, pages, usecs, err),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(unsigned int, blocks)
		__field(unsigned long, pages)
		__field(u64, usecs)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->blocks = blocks;
		__entry->pages = pages;
		__entry->usecs = usecs;
		__entry->err = err;
	),
	TP_printk("virtio%u blocks=%u pages=%lu usecs=%llu err=%d",
		  __entry->device, __entry->blocks, __entry->pages,
		  __entry->usecs, __entry->err)
);

#endif /* BALLOON_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
