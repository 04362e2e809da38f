/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Announcing the balloon again, see reannounce.c.
 */
#ifndef BALLOON_REANNOUNCE_H
#define BALLOON_REANNOUNCE_H

#include <linux/types.h>

struct virtio_balloon;

/**
 * struct balloon_reannounce - announcing the balloon again
 * @wanted: requested by an administrator; written by anybody
 * @known: the target was read since the start
 * @suspected: the host may have repeated its target
 * @suspected_at: jiffies of that
 * @ended_at: jiffies of the end of the last one
 * @ended: there was one
 * @active: under way
 * @nr_blocks: whole blocks that are left to be announced
 * @nr_block_pages: pages of whole blocks that were not announced
 * @nr_reannounced_before: pages that an earlier one had not put back, and that are not
 *			   announced
 * @stirred_at: jiffies when a page was last announced or put back
 *
 * The size worker's, except @wanted.
 */
struct balloon_reannounce {
	bool wanted;
	bool known;
	bool suspected;
	unsigned long suspected_at;
	unsigned long ended_at;
	bool ended;
	bool active;
	unsigned long nr_blocks;
	unsigned long nr_block_pages;
	unsigned long nr_reannounced_before;
	unsigned long stirred_at;
};

void balloon_reannounce_start(struct virtio_balloon *vb);
void balloon_reannounce_request(struct virtio_balloon *vb);
void balloon_reannounce_target_read(struct virtio_balloon *vb, bool same);
bool balloon_reannounce_due(struct virtio_balloon *vb, bool hinted);
bool balloon_reannounce_step(struct virtio_balloon *vb);
void balloon_reannounce_end(struct virtio_balloon *vb);
unsigned long balloon_reannounce_pause(struct virtio_balloon *vb);
bool balloon_reannounce_put_back(struct virtio_balloon *vb);

#endif /* BALLOON_REANNOUNCE_H */
