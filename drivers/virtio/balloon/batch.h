/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Batches: buffers of the inflate and deflate queues with the pages they name,
 * see batch.c.
 */
#ifndef BALLOON_BATCH_H
#define BALLOON_BATCH_H

#include <linux/mm_types.h>

#include "queue.h"

/*
 * Units of 4096 bytes in one descriptor, and in one buffer at most. 256 in one
 * descriptor is what every known host takes; a buffer of two such descriptors
 * names a whole block of 2 MiB, and only then can a host with huge pages give
 * one back.
 */
#define BALLOON_DESC_NR_4K		256
#define BALLOON_BUFFER_DESCS		2
#define BALLOON_BUFFER_NR_4K_MAX	(BALLOON_DESC_NR_4K * BALLOON_BUFFER_DESCS)

/*
 * Batches of one pool, 64 MiB with the longest buffers. The host is notified after three
 * quarters of them: it works on these while the guest prepares the rest.
 */
#define BALLOON_POOL_NR_BATCHES		32
#define BALLOON_POOL_KICK_BATCHES	(BALLOON_POOL_NR_BATCHES * 3 / 4)

/**
 * struct balloon_batch - one buffer of the inflate or deflate queue
 * @request: its request
 * @sg: its descriptors
 * @node: place among the pool's free batches, or those of a discard
 * @pages: pages that only this batch owns, linked by lru
 * @nr_pages: how many pages the buffer names; @pages may be empty already
 * @nr_4k: how many entries of @pfns are used
 * @reannounced: its pages are in the balloon already, and count as such
 * @home: the page that this structure lies in, one of those that it names; NULL if it
 *	  was allocated at probe
 * @pfns: what the host reads
 *
 * No lock: a batch has one owner at a time.
 */
struct balloon_batch {
	struct balloon_request request;
	struct scatterlist sg[BALLOON_BUFFER_DESCS];
	struct list_head node;
	struct list_head pages;
	unsigned int nr_pages;
	unsigned int nr_4k;
	bool reannounced;
	struct page *home;
	__virtio32 pfns[BALLOON_BUFFER_NR_4K_MAX];
};

/**
 * struct balloon_pool - all batches of one user of a queue
 * @stream: the queue and the completed requests
 * @free: batches not in use
 * @batches: all of them, allocated at probe: inflation and deflation allocate no
 *	     memory for themselves
 * @nr_pages_in_flight: pages of batches that are neither free nor being filled; written by
 *			the user, read by anybody
 * @nr_pages_reannounced: those of them that are in the balloon; the user's
 * @nr_unkicked: buffers posted since the last kick
 * @kick_at_end: do not notify the host before balloon_pool_kick()
 * @may_borrow: a page that leaves the balloon may serve as a batch when none is free
 *
 * No lock but the queue's: one thread uses a pool at a time.
 */
struct balloon_pool {
	struct balloon_stream stream;
	struct list_head free;
	struct balloon_batch *batches[BALLOON_POOL_NR_BATCHES];
	unsigned long nr_pages_in_flight;
	unsigned long nr_pages_reannounced;
	unsigned int nr_unkicked;
	bool kick_at_end;
	bool may_borrow;
};

int balloon_pool_init(struct balloon_pool *pool, struct balloon_queue *queue,
		      struct balloon_work *work);
void balloon_pool_exit(struct balloon_pool *pool);
struct balloon_batch *balloon_pool_get(struct balloon_pool *pool);
void balloon_pool_put(struct balloon_pool *pool, struct balloon_batch *batch);
struct balloon_batch *balloon_pool_take(struct balloon_pool *pool);
void balloon_pool_kick(struct balloon_pool *pool);
bool balloon_pool_has(struct balloon_pool *pool, unsigned int nr);

unsigned int balloon_batch_nr_pages_max(struct virtio_balloon *vb);
struct balloon_batch *balloon_batch_borrow(struct virtio_balloon *vb, struct page *page);
void balloon_batch_add(struct virtio_balloon *vb, struct balloon_batch *batch, struct page *page);
void balloon_batch_commit(struct balloon_pool *pool, struct balloon_batch *batch);
void balloon_batch_drop(struct balloon_pool *pool, struct balloon_batch *batch);
void balloon_batch_post(struct balloon_pool *pool, struct balloon_batch *batch);

void balloon_fill_pfns(struct virtio_balloon *vb, __virtio32 *pfns, struct page *page);

#endif /* BALLOON_BATCH_H */
