/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whole blocks in the balloon, see blocks.c.
 */
#ifndef BALLOON_BLOCKS_H
#define BALLOON_BLOCKS_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "compat/compat.h"

/* The smallest block that is kept whole: a huge page of most hosts. */
#define BALLOON_BLOCK_ORDER_MIN	min(get_order(SZ_2M), BALLOON_COMPAT_MAX_ORDER)

struct virtio_balloon;

/**
 * struct balloon_blocks - whole blocks in the balloon
 * @lock: guards @lists, @nr_blocks and @round; innermost, not used in interrupts
 * @lists: blocks of each order, linked by the first page's lru, the oldest first
 * @nr_blocks: the number of blocks
 * @round: the mark of blocks that enter or are put back now
 * @nr_pages: pages of all blocks
 * @memory_nb: the memory notifier; device.c's
 * @leaving: memory is going offline now; written by device.c, read by anybody
 */
struct balloon_blocks {
	spinlock_t lock;
	struct list_head lists[BALLOON_COMPAT_MAX_ORDER + 1];
	unsigned long nr_blocks;
	unsigned long round;
	atomic_long_t nr_pages;
	struct notifier_block memory_nb;
	bool leaving;
};

int balloon_blocks_init(struct virtio_balloon *vb);
struct page *balloon_blocks_take_any(struct virtio_balloon *vb);
unsigned long balloon_blocks_put_back(struct virtio_balloon *vb, struct list_head *blocks);
unsigned long balloon_blocks_new_round(struct virtio_balloon *vb);
unsigned long balloon_blocks_enter(struct virtio_balloon *vb, struct list_head *blocks);
unsigned long balloon_blocks_release(struct virtio_balloon *vb, unsigned long nr_pages);
void balloon_blocks_release_range(struct virtio_balloon *vb, unsigned long start_pfn,
				  unsigned long end_pfn);
bool balloon_blocks_break_one(struct virtio_balloon *vb);
void balloon_blocks_free_list(struct list_head *blocks);
unsigned long balloon_blocks_count(struct virtio_balloon *vb);

#endif /* BALLOON_BLOCKS_H */
