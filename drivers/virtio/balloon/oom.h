/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for a guest that runs out of it, see oom.c.
 */
#ifndef BALLOON_OOM_H
#define BALLOON_OOM_H

#include <linux/mutex.h>
#include <linux/notifier.h>

#include "batch.h"

/**
 * struct balloon_oom - the OOM notifier
 * @nb: the notifier
 * @vb: the balloon; set once
 * @lock: one thread at a time; nobody allocates under it
 * @pool: batches of the deflate queue; guarded by @lock
 * @answers: what balloon_oom_answers() said in the last look; guarded by @lock
 * @answered_at: jiffies when that changed, or when the call began; guarded by @lock
 * @answers_in_vain: what balloon_oom_answers() said when the host was last waited for in
 *		     vain; guarded by @lock
 */
struct balloon_oom {
	struct notifier_block nb;
	struct virtio_balloon *vb;
	struct mutex lock;
	struct balloon_pool pool;
	unsigned long answers;
	unsigned long answered_at;
	unsigned long answers_in_vain;
};

int balloon_oom_init(struct virtio_balloon *vb);
int balloon_oom_start(struct virtio_balloon *vb);
void balloon_oom_stop(struct virtio_balloon *vb);
bool balloon_oom_settle(struct virtio_balloon *vb);
unsigned long balloon_oom_deflating(struct virtio_balloon *vb);
void balloon_oom_release_all(struct virtio_balloon *vb);
void balloon_oom_exit(struct virtio_balloon *vb);

#endif /* BALLOON_OOM_H */
