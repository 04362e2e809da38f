/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in the balloon, see pages.c.
 */
#ifndef BALLOON_PAGES_H
#define BALLOON_PAGES_H

#include <linux/mutex.h>

#include "batch.h"
#include "compat/compat.h"

/* Pages put on or taken off the kernel's list under its lock at a time. */
#define BALLOON_LIST_BATCH	512

/**
 * struct balloon_pages - single pages in the balloon and on their way in and out
 * @info: the kernel's list of balloon pages; its own lock
 * @nr_pages: pages in the balloon, those that compaction isolated or moves
 *	      included
 * @nr_freed: pages that were freed because the balloon shrank
 * @nr_leaving: threads that have taken pages out of the balloon and not freed them yet
 * @nr_orphaned: pages that compaction had when the balloon was emptied: freed when it
 *		 puts them back
 * @reannounced: pages of the balloon that were announced again, until all of them were
 * @lock: guards @reannounced and @nr_reannounced
 * @nr_reannounced: how many there are
 * @reannounced_busy: all that the worker tried to put back last had other references;
 *		      written by it
 * @fresh: pages entered the balloon since it was last announced again; set by anybody
 * @inflate: pages on their way in; the size worker's
 * @deflate: pages on their way out; the size worker's
 * @oom: pages on their way out; the OOM notifier's
 * @oom_lock: guards @oom; nothing is allocated under it
 */
struct balloon_pages {
	struct balloon_dev_info info;
	atomic_long_t nr_pages;
	atomic_long_t nr_freed;
	atomic_t nr_leaving;
	atomic_long_t nr_orphaned;
	struct list_head reannounced;
	spinlock_t lock;
	unsigned long nr_reannounced;
	bool reannounced_busy;
	bool fresh;
	struct balloon_pool inflate;
	struct balloon_pool deflate;
	struct balloon_pool oom;
	struct mutex oom_lock;
};

int balloon_pages_init(struct virtio_balloon *vb);
void balloon_pages_exit(struct virtio_balloon *vb);

void balloon_pages_enter(struct virtio_balloon *vb, struct list_head *pages);
unsigned long balloon_pages_replace(struct virtio_balloon *vb, struct list_head *pages);
void balloon_pages_lost(struct virtio_balloon *vb);
long balloon_pages_deflate_batch(struct virtio_balloon *vb, struct balloon_pool *pool,
				 unsigned long nr_pages);

void balloon_pages_add_reannounced(struct virtio_balloon *vb, struct list_head *pages,
				   unsigned long nr);
unsigned long balloon_pages_take_announced(struct virtio_balloon *vb, unsigned long nr,
					   struct list_head *pages);
unsigned long balloon_pages_put_back(struct virtio_balloon *vb);

void balloon_pages_settle_deflated(struct balloon_pool *pool);
void balloon_pages_settle(struct virtio_balloon *vb);
void balloon_pages_release(struct virtio_balloon *vb);
void balloon_pages_empty(struct virtio_balloon *vb);
bool balloon_pages_release_orphaned(struct virtio_balloon *vb);

unsigned long balloon_pages_count(struct virtio_balloon *vb);
unsigned long balloon_pages_orphaned(struct virtio_balloon *vb);
unsigned long balloon_pages_deflating(struct virtio_balloon *vb);
bool balloon_pages_freed_unacked(struct virtio_balloon *vb);

void balloon_free_list(struct list_head *pages);
void balloon_free_block(struct page *block, unsigned int order);
bool balloon_pages_adjust_managed(struct virtio_balloon *vb);
bool balloon_must_tell_host(struct virtio_balloon *vb);

#endif /* BALLOON_PAGES_H */
