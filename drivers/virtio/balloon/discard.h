/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The free page reporting queue, see discard.c.
 */
#ifndef BALLOON_DISCARD_H
#define BALLOON_DISCARD_H

#include "queue.h"

/* Blocks in one buffer, and bytes: nothing can use memory in flight. */
#define BALLOON_DISCARD_SG		16
#define BALLOON_DISCARD_BYTES		SZ_32M
/* Buffers in flight at a time. */
#define BALLOON_DISCARDS		2

/**
 * struct balloon_discard - one buffer of the reporting queue
 * @request: its request
 * @sg: the blocks the host may discard
 * @node: place among the free discards
 * @batches: batches to be posted on the inflate queue afterwards
 * @blocks: whole blocks that enter the balloon afterwards, linked by lru
 * @stranded: pages of its batches, if the queue is broken, linked by lru
 * @nr_pages: pages of all of them
 * @reannounced: @blocks are in the balloon already, and count as such
 *
 * No lock: a discard has one owner at a time.
 */
struct balloon_discard {
	struct balloon_request request;
	struct scatterlist sg[BALLOON_DISCARD_SG];
	struct list_head node;
	struct list_head batches;
	struct list_head blocks;
	struct list_head stranded;
	unsigned long nr_pages;
	bool reannounced;
};

/**
 * struct balloon_discards - the size worker's use of the reporting queue
 * @stream: the queue; without one where the feature was not negotiated
 * @free: discards not in use
 * @open: the discard that is being filled, or NULL
 * @nr_block_pages: pages of blocks in @open and in flight; written by the size
 *		    worker, read by anybody
 * @nr_stranded: pages on a broken queue, unused until the device is reset; likewise
 * @broken: the queue is broken, and is not used; likewise
 * @nr_sg: blocks in one buffer at most, half of the ring; set at start
 * @discards: all of them
 *
 * No lock but the queue's: the size worker uses it.
 */
struct balloon_discards {
	struct balloon_stream stream;
	struct list_head free;
	struct balloon_discard *open;
	unsigned long nr_block_pages;
	unsigned long nr_stranded;
	bool broken;
	unsigned int nr_sg;
	struct balloon_discard discards[BALLOON_DISCARDS];
};

int balloon_discard_init(struct virtio_balloon *vb);
int balloon_discard_start(struct virtio_balloon *vb);

bool balloon_discard_usable(struct virtio_balloon *vb);
struct balloon_discard *balloon_discard_get(struct virtio_balloon *vb);
void balloon_discard_add(struct virtio_balloon *vb, struct page *page, unsigned int order);
void balloon_discard_flush(struct virtio_balloon *vb);
struct balloon_discard *balloon_discard_take(struct virtio_balloon *vb);
void balloon_discard_put(struct virtio_balloon *vb, struct balloon_discard *discard);
void balloon_discard_account(struct virtio_balloon *vb, long nr_pages);
unsigned long balloon_discard_announcing(struct virtio_balloon *vb);

#endif /* BALLOON_DISCARD_H */
