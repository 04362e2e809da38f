/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in the group virtio_balloon. Each has the number N of the device virtioN.
 * Sizes are in pages unless they are called bytes; times are in microseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_balloon

#if !defined(BALLOON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BALLOON_TRACE_H

#include <linux/tracepoint.h>

#include "events.h"

#define BALLOON_TRACE_QUEUES	\
	EM(BALLOON_QUEUE_INFLATE, "inflate")	\
	EM(BALLOON_QUEUE_DEFLATE, "deflate")	\
	EM(BALLOON_QUEUE_STATS, "stats")	\
	EM(BALLOON_QUEUE_HINT, "hint")	\
	EMe(BALLOON_QUEUE_REPORTING, "reporting")

/* Tools that read a trace on another machine need the numbers. */
#undef EM
#undef EMe
#undef BT_EVENT
#define EM(symbol, name)	TRACE_DEFINE_ENUM(symbol);
#define EMe(symbol, name)	TRACE_DEFINE_ENUM(symbol);
#define BT_EVENT(id, ...)		TRACE_DEFINE_ENUM(BALLOON_EVENT_##id);

BALLOON_TRACE_QUEUES
BALLOON_EVENTS(BT_EVENT)

#undef EM
#undef EMe
#undef BT_EVENT
#define EM(symbol, name)	{ symbol, name },
#define EMe(symbol, name)	{ symbol, name }
#define BT_EVENT(id, name, ...)	, { BALLOON_EVENT_##id, name }

/* The events of the log in debugfs. */
TRACE_EVENT(balloon_event,
	TP_PROTO(unsigned int device, unsigned int event, u64 value, u64 other),
	TP_ARGS(device, event, value, other),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(unsigned int, event)
		__field(u64, value)
		__field(u64, other)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->event = event;
		__entry->value = value;
		__entry->other = other;
	),
	TP_printk("virtio%u %s value=%llu other=%llu", __entry->device,
		  __print_symbolic(__entry->event,
				   { -1, "?" } BALLOON_EVENTS(BT_EVENT)),
		  __entry->value, __entry->other)
);

/* Events of a queue; bytes: the length of the buffer, not of the memory that it names. */
DECLARE_EVENT_CLASS(balloon_queue,
	TP_PROTO(unsigned int device, unsigned int queue, unsigned int nr_sg, u64 bytes,
		 u64 usecs),
	TP_ARGS(device, queue, nr_sg, bytes, usecs),
	TP_STRUCT__entry(
		__field(unsigned int, device)
		__field(unsigned int, queue)
		__field(unsigned int, nr_sg)
		__field(u64, bytes)
		__field(u64, usecs)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->queue = queue;
		__entry->nr_sg = nr_sg;
		__entry->bytes = bytes;
		__entry->usecs = usecs;
	),
	TP_printk("virtio%u %s descriptors=%u bytes=%llu usecs=%llu", __entry->device,
		  __print_symbolic(__entry->queue, BALLOON_TRACE_QUEUES),
		  __entry->nr_sg, __entry->bytes, __entry->usecs)
);

#define BALLOON_QUEUE_EVENT(name)							\
DEFINE_EVENT(balloon_queue, name,							\
	TP_PROTO(unsigned int device, unsigned int queue, unsigned int nr_sg,		\
		 u64 bytes, u64 usecs),							\
	TP_ARGS(device, queue, nr_sg, bytes, usecs))

/* A buffer was added to a queue. */
BALLOON_QUEUE_EVENT(balloon_request);
/* The host has completed it, after so many microseconds. */
BALLOON_QUEUE_EVENT(balloon_complete);
/* The host is about to be notified. */
BALLOON_QUEUE_EVENT(balloon_notify);

/* Free memory was reported, or could not be: err. */
TRACE_EVENT(balloon_free_report,
	TP_PROTO(unsigned int device, unsigned int blocks, unsigned long pages, u64 usecs, int err),
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
