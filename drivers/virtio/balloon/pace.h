/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When free memory is reported, see pace.c.
 */
#ifndef BALLOON_PACE_H
#define BALLOON_PACE_H

#include "work.h"

struct virtio_balloon;

/**
 * struct balloon_pace - when free memory is reported
 * @tick: checks whether to run passes; deferrable
 * @is_default: the kernel's own delay was not changed; set at start
 * @passing: passes ran at the last tick
 * @nr_free: free memory then
 * @nr_settled: ticks since it changed
 * @patience: ticks that it must be stable for
 * @expires: what the driver last set the kernel's timer to
 * @nr_reported: pages reported when passes ended last
 * @nr_free_then: free memory then
 * @ended_at: jiffies of that
 *
 * Written by the tick, or while it is stopped.
 */
struct balloon_pace {
	struct balloon_work tick;
	bool is_default;
	bool passing;
	unsigned long nr_free;
	unsigned int nr_settled;
	unsigned int patience;
	unsigned long expires;
	u64 nr_reported;
	unsigned long nr_free_then;
	unsigned long ended_at;
};

#ifdef CONFIG_PAGE_REPORTING
int balloon_pace_init(struct virtio_balloon *vb);
int balloon_pace_start(struct virtio_balloon *vb);
void balloon_pace_stop(struct virtio_balloon *vb);
void balloon_pace_begin(struct virtio_balloon *vb, bool hint);
int balloon_pace_now(struct virtio_balloon *vb);
#else
static inline void balloon_pace_begin(struct virtio_balloon *vb, bool hint)
{
}

static inline int balloon_pace_now(struct virtio_balloon *vb)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* BALLOON_PACE_H */
