/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for a guest that runs out of it, see oom.c.
 */
#ifndef BALLOON_OOM_H
#define BALLOON_OOM_H

#include <linux/notifier.h>

struct virtio_balloon;

/**
 * struct balloon_oom - the OOM notifier
 * @nb: the notifier
 * @completions: oom_completions() at the last check
 * @completed_at: jiffies when that changed, or when the call began
 * @completions_in_vain: oom_completions() when a wait for the host last timed out
 *
 * Guarded by the lock of the pool, @oom_lock of struct balloon_pages.
 */
struct balloon_oom {
	struct notifier_block nb;
	unsigned long completions;
	unsigned long completed_at;
	unsigned long completions_in_vain;
};

int balloon_oom_start(struct virtio_balloon *vb);
void balloon_oom_stop(struct virtio_balloon *vb);

#endif /* BALLOON_OOM_H */
