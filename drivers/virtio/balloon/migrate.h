/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compaction of balloon pages, see migrate.c.
 */
#ifndef BALLOON_MIGRATE_H
#define BALLOON_MIGRATE_H

#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>

#include "queue.h"
#include "work.h"

struct page;

/* Moving pages at a time; more are refused, and mm tries them again. */
#define BALLOON_MOVES			32
/* A page of the guest in units of the device. */
#define BALLOON_PAGE_NR_4K		(PAGE_SIZE / SZ_4K)

/**
 * struct balloon_move - a page that replaces another
 * @inflate: the request for @new
 * @deflate: the request for @old
 * @new_sg: descriptor of @inflate
 * @old_sg: descriptor of @deflate
 * @node: place among free moves
 * @new: referenced; enters the balloon when its inflation is acknowledged
 * @old: referenced until its deflation is acknowledged
 * @nr_pending: requests that are not completed
 * @new_pfns: the page numbers of @inflate
 * @old_pfns: the page numbers of @deflate
 *
 * The lists are guarded by the lock of struct balloon_migrate; a move has one
 * owner at a time for the rest.
 */
struct balloon_move {
	struct balloon_request inflate;
	struct balloon_request deflate;
	struct scatterlist new_sg;
	struct scatterlist old_sg;
	struct list_head node;
	struct page *new;
	struct page *old;
	atomic_t nr_pending;
	__virtio32 new_pfns[BALLOON_PAGE_NR_4K];
	__virtio32 old_pfns[BALLOON_PAGE_NR_4K];
};

/**
 * struct balloon_migrate - the compaction callback
 * @wq: for @work: not frozen before the threads that move pages
 * @work: settles moves
 * @gate: held for reading in the callback, for writing to change @open
 * @open: the callback may begin moves; guarded by @gate
 * @lock: guards @free; balloon.h has the lock order
 * @free: moves not in use
 * @settling: held while completed @deflate requests are taken
 * @silent: a wait timed out, and no request of a move was completed since
 * @inflate: requests for the new pages
 * @deflate: requests for the old pages
 * @nr_moving: moves in use
 * @progress_at: jiffies when the first of them began, or when a request was completed since
 * @moves: all of them
 */
struct balloon_migrate {
	struct workqueue_struct *wq;
	struct balloon_work work;
	struct rw_semaphore gate;
	bool open;
	spinlock_t lock;
	struct list_head free;
	struct mutex settling;
	bool silent;
	struct balloon_stream inflate;
	struct balloon_stream deflate;
	atomic_t nr_moving;
	unsigned long progress_at;
	struct balloon_move moves[BALLOON_MOVES];
};

int balloon_migrate_init(struct virtio_balloon *vb);
int balloon_migrate_start(struct virtio_balloon *vb);
void balloon_migrate_stop(struct virtio_balloon *vb);
void balloon_migrate_release(struct virtio_balloon *vb);
void balloon_migrate_exit(struct virtio_balloon *vb);

#endif /* BALLOON_MIGRATE_H */
