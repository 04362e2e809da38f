/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What inflating leaves to the guest, and when it pauses, see pressure.c.
 */
#ifndef BALLOON_PRESSURE_H
#define BALLOON_PRESSURE_H

#include <linux/ratelimit.h>

struct virtio_balloon;

/**
 * struct balloon_pressure - why inflating pauses, and until when
 * @ram: pages the guest had when the device was found, and what was plugged and
 *	 unplugged since then; the memory notifier's
 * @memory_came: some came online; set by the memory notifier, cleared by the worker
 * @backoff_ms: the present pause for want of memory, 0 without
 * @retry_at: jiffies when that pause ends
 * @at_floor: memory is left, but for the guest
 * @logged: the present want of memory was
 * @ratelimit: a host that flips its target makes many shortages
 * @oom_until: jiffies until when nothing is inflated after an OOM; written by
 *	       the OOM notifier
 * @oom_pause_ms: how long that is; the OOM notifier's
 *
 * The size worker's, but for what the notifiers write.
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
