/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of what happened lately, see events.c.
 */
#ifndef BALLOON_EVENTS_H
#define BALLOON_EVENTS_H

#include <linux/types.h>

struct seq_file;
struct virtio_balloon;

/* What happens; names and the meaning of the two values in events.c. */
enum balloon_event {
	BALLOON_EVENT_UP,
	BALLOON_EVENT_DOWN,
	BALLOON_EVENT_TARGET,
	BALLOON_EVENT_ACTUAL,
	BALLOON_EVENT_STATE,
	BALLOON_EVENT_HINT_COMMAND,
	BALLOON_EVENT_HINT_BEGIN,
	BALLOON_EVENT_HINT_END,
	BALLOON_EVENT_HINT_RELEASE,
	BALLOON_EVENT_REPORT_FAILED,
	BALLOON_EVENT_OOM,
	BALLOON_EVENT_RESYNC_BEGIN,
	BALLOON_EVENT_RESYNC_END,
	BALLOON_EVENT_SLEEP_PREPARE,
	BALLOON_EVENT_SLEEP_END,
	BALLOON_EVENT_SLEEP,
	BALLOON_EVENT_WAKE,
	BALLOON_EVENT_RELEASE,
	BALLOON_EVENT_NR
};

/* A power of two. */
#define BALLOON_EVENTS_NR	256

/**
 * struct balloon_event_entry - one event
 * @number: its number, from 1, or 0 while it is being written
 * @when: nanoseconds, as in the kernel's log
 * @event: enum balloon_event
 * @value: what there is now
 * @other: what there was before, or something else that belongs to it
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
 * @entries: the last of them, by their number
 */
struct balloon_events {
	atomic_long_t nr;
	unsigned long first;
	struct balloon_event_entry entries[BALLOON_EVENTS_NR];
};

int balloon_events_init(struct virtio_balloon *vb);
void balloon_events_exit(struct virtio_balloon *vb);

void balloon_event(struct virtio_balloon *vb, enum balloon_event event, u64 value, u64 other);
void balloon_events_show(struct seq_file *file, struct virtio_balloon *vb);
void balloon_events_reset(struct virtio_balloon *vb);

#endif /* BALLOON_EVENTS_H */
