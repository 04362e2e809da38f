/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in the group virtio_balloon. Each names the device by the number N
 * of its virtioN. Sizes are in pages where they are not called bytes, times in
 * microseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_balloon

#if !defined(BALLOON_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BALLOON_TRACE_H

#include <linux/tracepoint.h>

#include "events.h"
#include "queue.h"
#include "size.h"

#define BALLOON_TRACE_QUEUES	\
	EM(BALLOON_QUEUE_INFLATE, "inflate")	\
	EM(BALLOON_QUEUE_DEFLATE, "deflate")	\
	EM(BALLOON_QUEUE_STATS, "stats")	\
	EM(BALLOON_QUEUE_HINT, "hint")	\
	EMe(BALLOON_QUEUE_REPORTING, "reporting")

/* The names that debugfs has for them. */
#define BALLOON_TRACE_EVENTS	\
	EM(BALLOON_EVENT_UP, "up")	\
	EM(BALLOON_EVENT_DOWN, "down")	\
	EM(BALLOON_EVENT_TARGET, "target")	\
	EM(BALLOON_EVENT_ACTUAL, "actual")	\
	EM(BALLOON_EVENT_STATE, "state")	\
	EM(BALLOON_EVENT_HINT_COMMAND, "hint-command")	\
	EM(BALLOON_EVENT_HINT_BEGIN, "hint-begin")	\
	EM(BALLOON_EVENT_HINT_END, "hint-end")	\
	EM(BALLOON_EVENT_HINT_RELEASE, "hint-release")	\
	EM(BALLOON_EVENT_REPORT_FAILED, "report-failed")	\
	EM(BALLOON_EVENT_OOM, "oom")	\
	EM(BALLOON_EVENT_RESYNC_BEGIN, "resync-begin")	\
	EM(BALLOON_EVENT_RESYNC_END, "resync-end")	\
	EM(BALLOON_EVENT_SLEEP_PREPARE, "sleep-prepare")	\
	EM(BALLOON_EVENT_SLEEP_END, "sleep-end")	\
	EM(BALLOON_EVENT_SLEEP, "sleep")	\
	EM(BALLOON_EVENT_WAKE, "wake")	\
	EMe(BALLOON_EVENT_RELEASE, "release")

/* Tools that read traces elsewhere need the numbers. */
#undef EM
#undef EMe
#define EM(symbol, name)	TRACE_DEFINE_ENUM(symbol);
#define EMe(symbol, name)	TRACE_DEFINE_ENUM(symbol);

BALLOON_TRACE_QUEUES
BALLOON_TRACE_EVENTS

#undef EM
#undef EMe
#define EM(symbol, name)	{ symbol, name },
#define EMe(symbol, name)	{ symbol, name }

/* What debugfs has in its log of events. */
TRACE_EVENT(balloon_event, TP_PROTO(unsigned int device, unsigned int event, u64 value, u64 other),
	TP_ARGS(device, event, value, other),
	TP_STRUCT__entry(__field(unsigned int, device)
		__field(unsigned int, event)
		__field(u64, value)
		__field(u64, other)
	),
	TP_fast_assign(__entry->device = device;
		__entry->event = event;
		__entry->value = value;
		__entry->other = other;
	),
	TP_printk("virtio%u %s value=%llu other=%llu", __entry->device,
		  __print_symbolic(__entry->event, BALLOON_TRACE_EVENTS),
		  __entry->value, __entry->other)
);

/* The balloon does something else now, or for another reason. */
TRACE_EVENT(balloon_state, TP_PROTO(unsigned int device, const char *before, const char *now),
	TP_ARGS(device, before, now),
	TP_STRUCT__entry(__field(unsigned int, device)
		__array(char, before, BALLOON_SIZE_STATE_LEN)
		__array(char, now, BALLOON_SIZE_STATE_LEN)
	),
	TP_fast_assign(__entry->device = device;
		strscpy(__entry->before, before, BALLOON_SIZE_STATE_LEN);
		strscpy(__entry->now, now, BALLOON_SIZE_STATE_LEN);
	),
	TP_printk("virtio%u before=%s now=%s", __entry->device, __entry->before, __entry->now)
);

/* An element is on a queue; bytes: of what it consists of, not of what it names. */
TRACE_EVENT(balloon_request, TP_PROTO(unsigned int device, unsigned int queue, unsigned int nr_sg,
		 u64 bytes),
	TP_ARGS(device, queue, nr_sg, bytes),
	TP_STRUCT__entry(__field(unsigned int, device)
		__field(unsigned int, queue)
		__field(unsigned int, nr_sg)
		__field(u64, bytes)
	),
	TP_fast_assign(__entry->device = device;
		__entry->queue = queue;
		__entry->nr_sg = nr_sg;
		__entry->bytes = bytes;
	),
	TP_printk("virtio%u %s descriptors=%u bytes=%llu", __entry->device,
		  __print_symbolic(__entry->queue, BALLOON_TRACE_QUEUES),
		  __entry->nr_sg, __entry->bytes)
);

/* The host is done with an element, so long after it was put there. */
TRACE_EVENT(balloon_answer, TP_PROTO(unsigned int device, unsigned int queue, u64 bytes, u64 usecs),
	TP_ARGS(device, queue, bytes, usecs),
	TP_STRUCT__entry(__field(unsigned int, device)
		__field(unsigned int, queue)
		__field(u64, bytes)
		__field(u64, usecs)
	),
	TP_fast_assign(__entry->device = device;
		__entry->queue = queue;
		__entry->bytes = bytes;
		__entry->usecs = usecs;
	),
	TP_printk("virtio%u %s bytes=%llu usecs=%llu", __entry->device,
		  __print_symbolic(__entry->queue, BALLOON_TRACE_QUEUES),
		  __entry->bytes, __entry->usecs)
);

/* The host is about to be notified of what is on a queue. */
TRACE_EVENT(balloon_notify, TP_PROTO(unsigned int device, unsigned int queue),
	TP_ARGS(device, queue),
	TP_STRUCT__entry(__field(unsigned int, device)
		__field(unsigned int, queue)
	),
	TP_fast_assign(__entry->device = device;
		__entry->queue = queue;
	),
	TP_printk("virtio%u %s", __entry->device,
		  __print_symbolic(__entry->queue, BALLOON_TRACE_QUEUES))
);

/* Free memory of the kernel was reported; err: why it was not. */
TRACE_EVENT(balloon_free_report,
	TP_PROTO(unsigned int device, unsigned int blocks, unsigned long pages, u64 usecs, int err),
	TP_ARGS(device, blocks, pages, usecs, err),
	TP_STRUCT__entry(__field(unsigned int, device)
		__field(unsigned int, blocks)
		__field(unsigned long, pages)
		__field(u64, usecs)
		__field(int, err)
	),
	TP_fast_assign(__entry->device = device;
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
