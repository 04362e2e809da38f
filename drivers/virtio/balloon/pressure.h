/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The floor, and pauses of inflation when memory is low, see pressure.c.
 */
#ifndef BALLOON_PRESSURE_H
#define BALLOON_PRESSURE_H

#include <linux/ratelimit.h>

struct virtio_balloon;

/**
 * struct balloon_pressure - why inflating pauses, and until when
 * @ram: pages that the guest had at probe, plus what was plugged and unplugged since then;
 *	 written by the memory notifier
 * @memory_came: memory came online; set by the memory notifier, cleared by the worker
 * @backoff_ms: the length of the present pause, or 0
 * @retry_at: jiffies when that pause ends
 * @at_floor: the pause is because of the floor
 * @logged: the present episode was logged
 * @ratelimit: a host that changes its target all the time causes many episodes
 * @oom_until: jiffies until when nothing is inflated after an OOM; written by
 *	       the OOM notifier
 * @oom_pause_ms: how long that is; the OOM notifier's
 *
 * The size worker's, except what the notifiers write.
 */
struct balloon_pressure {
	unsigned long ram;
	bool memory_came;
	unsigned int backoff_ms;
	unsigned long retry_at;
	bool at_floor;
	bool logged;
	struct ratelimit_state ratelimit;
	unsigned long oom_until;
	unsigned int oom_pause_ms;
};

int balloon_pressure_init(struct virtio_balloon *vb);
int balloon_pressure_start(struct virtio_balloon *vb);

unsigned long balloon_floor(struct virtio_balloon *vb);
unsigned long balloon_pressure_room(struct virtio_balloon *vb, unsigned long nr_pages);

bool balloon_pressure_pausing(struct virtio_balloon *vb);
unsigned long balloon_pressure_pause(struct virtio_balloon *vb);
void balloon_pressure_begin(struct virtio_balloon *vb, bool at_floor, unsigned long nr_wanted);
void balloon_pressure_end(struct virtio_balloon *vb);
void balloon_pressure_forget(struct virtio_balloon *vb);

void balloon_pressure_memory(struct virtio_balloon *vb, long nr_pages);

void balloon_pressure_oom(struct virtio_balloon *vb);
unsigned long balloon_pressure_oom_pause(struct virtio_balloon *vb);

#endif /* BALLOON_PRESSURE_H */
