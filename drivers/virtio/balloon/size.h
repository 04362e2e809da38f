/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The balloon follows its target, see size.c.
 */
#ifndef BALLOON_SIZE_H
#define BALLOON_SIZE_H

#include <linux/ktime.h>

#include "events.h"
#include "histogram.h"

struct virtio_balloon;

/* Pages that compaction has, or that are locked, come back soon. */
#define BALLOON_ISOLATED_RETRY	(HZ / 50 ?: 1)

/* Why the balloon does not follow its target. */
enum balloon_hold {
	BALLOON_HOLD_NOT,	/* it does */
	BALLOON_HOLD_STILL,	/* it stays as it is */
	BALLOON_HOLD_EMPTY	/* it is emptied */
};

/**
 * struct balloon_size - the worker that moves the balloon to its target
 * @target_changed: the target must be read again; set by anybody
 * @target: pages; written by the worker
 * @target_at: when the target changed; 0 once it was reached; the worker's
 * @hold: enum balloon_hold; written by pm.c
 * @state: enum balloon_size_state; written by the worker
 * @actual_4k: the size last written to the device, in units of 4096 bytes; the worker's
 * @actual_when: jiffies of that; the worker's
 * @logged_4k: the last @actual_4k in the event log; the worker's
 * @reached: targets by the milliseconds that they took, in powers of two
 */
struct balloon_size {
	bool target_changed;
	unsigned long target;
	ktime_t target_at;
	enum balloon_hold hold;
	enum balloon_size_state state;
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
void balloon_size_hold(struct virtio_balloon *vb, enum balloon_hold hold);

#endif /* BALLOON_SIZE_H */
