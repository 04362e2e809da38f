/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon follows its target, see size.c.
 */
#ifndef BALLOON_SIZE_H
#define BALLOON_SIZE_H

#include <linux/ktime.h>

#include "histogram.h"
#include "work.h"

struct balloon_stream;
struct seq_file;
struct virtio_balloon;

/* Pages that somebody holds for a moment, compaction for one, come back soon. */
#define BALLOON_ISOLATED_RETRY	(HZ / 50 ?: 1)

/* Why the balloon is where it is; names in size_state.c. */
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

/* Room for the longest name of a state. */
#define BALLOON_SIZE_STATE_LEN	24

/* Why the balloon does not follow its target. */
enum balloon_hold {
	BALLOON_HOLD_NOT,	/* it does */
	BALLOON_HOLD_STILL,	/* it stays as it is */
	BALLOON_HOLD_EMPTY	/* it gives everything back */
};

/**
 * struct balloon_size - the worker that moves the balloon to its target
 * @work: the worker
 * @target_changed: the target must be read again; set by anybody
 * @target: pages; written by the worker
 * @target_at: when the target became that; 0 once it was reached; the worker's
 * @hold: enum balloon_hold; written by pm.c
 * @state: enum balloon_size_state; written by the worker
 * @last_answer: jiffies of the last acknowledgment, or of the first request
 *		 after a rest; the worker's
 * @awaiting: the host owes an answer; the worker's
 * @actual_4k: what the device was told last, in units of 4096 bytes; the worker's
 * @actual_when: jiffies of that; the worker's
 * @logged_4k: what the log of events has last of @actual_4k; the worker's
 * @reached: targets by the milliseconds that they took, in powers of two
 */
struct balloon_size {
	struct balloon_work work;
	bool target_changed;
	unsigned long target;
	ktime_t target_at;
	enum balloon_hold hold;
	enum balloon_size_state state;
	unsigned long last_answer;
	bool awaiting;
	u32 actual_4k;
	unsigned long actual_when;
	u32 logged_4k;
	struct balloon_histogram reached;
};

void balloon_size_init(struct virtio_balloon *vb);
int balloon_size_start(struct virtio_balloon *vb);
void balloon_size_stop(struct virtio_balloon *vb);
void balloon_size_report(struct virtio_balloon *vb);

void balloon_size_changed(struct virtio_balloon *vb);
void balloon_size_kick(struct virtio_balloon *vb);
void balloon_size_hold(struct virtio_balloon *vb, enum balloon_hold hold);
void balloon_size_notify(struct balloon_stream *stream);
bool balloon_size_interrupted(struct virtio_balloon *vb);

bool balloon_size_silent(struct virtio_balloon *vb);
unsigned long balloon_size_actual(struct virtio_balloon *vb);
unsigned long balloon_size_inflating(struct virtio_balloon *vb);
unsigned long balloon_size_announcing(struct virtio_balloon *vb);

void balloon_size_set_state(struct virtio_balloon *vb, enum balloon_size_state state);
const char *balloon_size_state_name(enum balloon_size_state state);
void balloon_size_reached(struct virtio_balloon *vb);
void balloon_size_told(struct virtio_balloon *vb);
void balloon_size_show(struct seq_file *file, struct virtio_balloon *vb);
void balloon_size_show_reached(struct seq_file *file, struct virtio_balloon *vb);

#endif /* BALLOON_SIZE_H */
