/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event log, see events.c.
 */
#ifndef BALLOON_EVENTS_H
#define BALLOON_EVENTS_H

#include <linux/types.h>

struct seq_file;
struct virtio_balloon;

/*
 * Events: BALLOON_EVENT_NAME, the name, and the names of its two values. Sizes are in pages.
 */
#define BALLOON_EVENTS(E)					\
	E(UP, "up", "features", NULL)				\
	E(DOWN, "down", NULL, NULL)				\
	E(TARGET, "target", "pages", "before")			\
	E(ACTUAL, "actual", "pages", "before")			\
	E(STATE, "state", "now", "before")			\
	E(SILENT, "silent", "queue", "pages")			\
	E(BROKEN, "broken", "queue", "pages")			\
	E(HINT_COMMAND, "hint-command", "id", "before")		\
	E(HINT_BEGIN, "hint-begin", "id", "held")		\
	E(HINT_END, "hint-end", "id", "held")			\
	E(HINT_RELEASE, "hint-release", "pages", "lost")	\
	E(REPORT_FAILED, "report-failed", "pages", "error")	\
	E(OOM, "oom", "pages", NULL)				\
	E(RESYNC_BEGIN, "resync-begin", "pages", NULL)		\
	E(RESYNC_END, "resync-end", "pages", "missed")		\
	E(SLEEP_PREPARE, "sleep-prepare", "pages", NULL)	\
	E(SLEEP_END, "sleep-end", "pages", NULL)		\
	E(SLEEP, "sleep", "pages", NULL)			\
	E(WAKE, "wake", "pages", "known")			\
	E(RELEASE, "release", "pages", NULL)

#define BALLOON_EVENT_ENUM(id, ...)	BALLOON_EVENT_##id,
enum balloon_event {
	BALLOON_EVENTS(BALLOON_EVENT_ENUM)
	BALLOON_EVENT_NR
};

/* The queues in the order of the specification, 5.5.2. */
enum balloon_queue_id {
	BALLOON_QUEUE_INFLATE,
	BALLOON_QUEUE_DEFLATE,
	BALLOON_QUEUE_STATS,
	BALLOON_QUEUE_HINT,
	BALLOON_QUEUE_REPORTING,
	BALLOON_QUEUE_NR
};

/* What the size worker does, or why it does nothing. */
enum balloon_size_state {
	BALLOON_SIZE_IDLE,
	BALLOON_SIZE_INFLATING,
	BALLOON_SIZE_DEFLATING,
	BALLOON_SIZE_NO_MEMORY,
	BALLOON_SIZE_FLOOR,
	BALLOON_SIZE_ISOLATED,
	BALLOON_SIZE_OOM,
	BALLOON_SIZE_HOST_SILENT,
	BALLOON_SIZE_BROKEN,
	BALLOON_SIZE_HELD,
	BALLOON_SIZE_RESYNCING,
	BALLOON_SIZE_NR
};

extern const char * const balloon_state_names[BALLOON_SIZE_NR];

/* A power of two. */
#define BALLOON_EVENTS_NR	256

/**
 * struct balloon_event_entry - one event
 * @number: its number, from 1, or 0 while it is being written
 * @when: nanoseconds, as in the kernel's log
 * @event: enum balloon_event
 * @value: its first value
 * @other: its second value
 */
struct balloon_event_entry {
	unsigned long number;
	u64 when;
	enum balloon_event event;
	u64 value;
	u64 other;
};

/**
 * struct balloon_events - the last events of a device
 * @nr: events so far
 * @first: the number of the first that is shown; see balloon_events_reset()
 * @totals: events of each kind
 * @states: how often the size worker entered each state
 * @entries: the last events, by their number
 */
struct balloon_events {
	atomic_long_t nr;
	unsigned long first;
	atomic_long_t totals[BALLOON_EVENT_NR];
	atomic_long_t states[BALLOON_SIZE_NR];
	struct balloon_event_entry entries[BALLOON_EVENTS_NR];
};

void balloon_event(struct virtio_balloon *vb, enum balloon_event event, u64 value, u64 other);
void balloon_events_show(struct seq_file *file, struct virtio_balloon *vb);
void balloon_events_show_totals(struct seq_file *file, struct virtio_balloon *vb);
void balloon_events_reset(struct virtio_balloon *vb);

#endif /* BALLOON_EVENTS_H */
