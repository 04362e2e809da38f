// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whole blocks in the balloon, which inflate=range takes.
 *
 * A block is not split: its pages cannot be moved and are never told to the host one by one.
 * Each of its pages is PageOffline while it is in the balloon, so that dumps and
 * hibernation leave it out and memory offlining knows that it can be freed. The mark is
 * removed from each page before the block is freed, because the allocator treats a page
 * with a type as corrupt.
 *
 * virtio-mem and CMA call no notifier before they take a range: they fail on ranges that have
 * a block in them. Memory offlining does, see balloon_memory_event() in device.c.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "balloon.h"
#include "compat/compat.h"

/*
 * The private field of a block's first page is its order, and above that, while the block is
 * in a list, the round in which it was added.
 */
#define BALLOON_BLOCK_ORDER_MASK	0xffUL
#define BALLOON_BLOCK_ROUND_STEP	(BALLOON_BLOCK_ORDER_MASK + 1)

static unsigned int block_order(struct page *block)
{
	return page_private(block) & BALLOON_BLOCK_ORDER_MASK;
}

static unsigned long block_round(struct page *block)
{
	return page_private(block) & ~BALLOON_BLOCK_ORDER_MASK;
}

/* The lock is held. */
static void block_rest(struct balloon_blocks *blocks, struct page *block)
{
	unsigned int order = block_order(block);

	set_page_private(block, blocks->round | order);
	list_move_tail(&block->lru, &blocks->lists[order]);
	blocks->nr_blocks++;
}

/* The lock is held. */
static void block_pick(struct balloon_blocks *blocks, struct page *block)
{
	set_page_private(block, block_order(block));
	list_del(&block->lru);
	blocks->nr_blocks--;
}

/* The kernel's statistics; @nr_pages is negative on the way out. */
static void block_account(struct virtio_balloon *vb, struct page *block, long nr_pages)
{
	if (balloon_pages_adjust_managed(vb))
		adjust_managed_page_count(block, -nr_pages);
	if (nr_pages > 0)
		count_vm_events(BALLOON_INFLATE, nr_pages);
	else
		count_vm_events(BALLOON_DEFLATE, -nr_pages);
	balloon_compat_count_node(block, nr_pages);
	atomic_long_add(nr_pages, &vb->blocks.nr_pages);
}

/**
 * balloon_blocks_enter() - blocks that the host discarded enter the balloon
 * @vb: the balloon
 * @blocks: linked by lru, their order in the private field; empty afterwards
 *
 * Context: may sleep.
 * Return: their pages.
 */
unsigned long balloon_blocks_enter(struct virtio_balloon *vb, struct list_head *blocks)
{
	unsigned long nr_entered = 0;
	struct page *block;

	list_for_each_entry(block, blocks, lru) {
		unsigned long i, nr = 1UL << block_order(block);

		for (i = 0; i < nr; i++)
			__SetPageOffline(block + i);
		block_account(vb, block, nr);
		nr_entered += nr;
		cond_resched();
	}
	balloon_blocks_put_back(vb, blocks);
	WRITE_ONCE(vb->pages.fresh, true);
	return nr_entered;
}

/**
 * balloon_blocks_put_back() - put blocks into the lists
 * @vb: the balloon
 * @blocks: new ones, or from balloon_blocks_take_any(); linked by lru; empty afterwards
 *
 * Context: the size worker, or when it is stopped.
 * Return: their pages.
 */
unsigned long balloon_blocks_put_back(struct virtio_balloon *vb, struct list_head *blocks)
{
	struct page *block, *next;
	unsigned long nr = 0;

	spin_lock(&vb->blocks.lock);
	list_for_each_entry_safe(block, next, blocks, lru) {
		nr += 1UL << block_order(block);
		block_rest(&vb->blocks, block);
	}
	spin_unlock(&vb->blocks.lock);
	return nr;
}

/**
 * balloon_blocks_new_round() - balloon_blocks_take_any() returns all present blocks once
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: their number.
 */
unsigned long balloon_blocks_new_round(struct virtio_balloon *vb)
{
	unsigned long nr;

	spin_lock(&vb->blocks.lock);
	vb->blocks.round += BALLOON_BLOCK_ROUND_STEP;
	nr = vb->blocks.nr_blocks;
	spin_unlock(&vb->blocks.lock);
	return nr;
}

/* A block that was taken off its list leaves the balloon. */
static void block_leave(struct virtio_balloon *vb, struct page *block)
{
	unsigned long i, nr = 1UL << block_order(block);

	for (i = 0; i < nr; i++)
		__ClearPageOffline(block + i);
	block_account(vb, block, -(long)nr);
}

static void block_free(struct page *block)
{
	unsigned int order = block_order(block);

	set_page_private(block, 0);
	balloon_free_block(block, order);
}

/**
 * balloon_blocks_free_list() - free blocks that never were in the balloon
 * @blocks: linked by lru; empty afterwards
 *
 * Context: the host can no longer discard them; may sleep.
 */
void balloon_blocks_free_list(struct list_head *blocks)
{
	struct page *block, *next;

	list_for_each_entry_safe(block, next, blocks, lru) {
		list_del(&block->lru);
		block_free(block);
		cond_resched();
	}
}

/* One of the largest blocks of order @max at most, or one of the smallest. */
static struct page *blocks_take(struct balloon_blocks *blocks, int max, bool smallest)
{
	int order = smallest ? 0 : max, step = smallest ? 1 : -1;
	struct page *block = NULL;

	spin_lock(&blocks->lock);
	for (; order >= 0 && order <= max && !block; order += step)
		block = list_first_entry_or_null(&blocks->lists[order], struct page, lru);
	if (block)
		block_pick(blocks, block);
	spin_unlock(&blocks->lock);
	return block;
}

/**
 * balloon_blocks_take_any() - take a block to announce it again
 * @vb: the balloon
 *
 * It stays in the balloon, for balloon_blocks_put_back().
 *
 * Context: the size worker.
 * Return: a block of an earlier round, or NULL.
 */
struct page *balloon_blocks_take_any(struct virtio_balloon *vb)
{
	struct balloon_blocks *blocks = &vb->blocks;
	struct page *block = NULL;
	int order;

	spin_lock(&blocks->lock);
	for (order = BALLOON_COMPAT_MAX_ORDER; order >= 0 && !block; order--) {
		block = list_first_entry_or_null(&blocks->lists[order], struct page, lru);
		if (block && block_round(block) == blocks->round)
			block = NULL;
	}
	if (block)
		block_pick(blocks, block);
	spin_unlock(&blocks->lock);
	return block;
}

/**
 * balloon_blocks_release() - free blocks, as many as fit
 * @vb: the balloon
 * @nr_pages: pages at most
 *
 * The host is not told: discarded memory may be used without that.
 * Allocates nothing and does not wait.
 *
 * Context: any thread; may sleep.
 * Return: pages that were freed.
 */
unsigned long balloon_blocks_release(struct virtio_balloon *vb, unsigned long nr_pages)
{
	unsigned long freed = 0;

	atomic_inc(&vb->pages.nr_leaving);
	while (freed < nr_pages) {
		int max = min_t(int, ilog2(nr_pages - freed), BALLOON_COMPAT_MAX_ORDER);
		struct page *block = blocks_take(&vb->blocks, max, false);
		unsigned long nr;

		if (!block)
			break;
		nr = 1UL << block_order(block);

		block_leave(vb, block);
		block_free(block);
		atomic_long_add(nr, &vb->pages.nr_freed);
		freed += nr;
		cond_resched();
	}
	atomic_dec(&vb->pages.nr_leaving);
	return freed;
}

/**
 * balloon_blocks_break_one() - split a block into ordinary balloon pages
 * @vb: the balloon
 *
 * For a target that no whole block fits. The size of the balloon does not change.
 *
 * Context: the size worker.
 * Return: false if there is no block.
 */
bool balloon_blocks_break_one(struct virtio_balloon *vb)
{
	struct page *block = blocks_take(&vb->blocks, BALLOON_COMPAT_MAX_ORDER, true);
	unsigned int order, i;
	LIST_HEAD(pages);

	if (!block)
		return false;
	order = block_order(block);
	atomic_inc(&vb->pages.nr_leaving);
	block_leave(vb, block);
	set_page_private(block, 0);
	split_page(block, order);
	for (i = 0; i < 1U << order; i++) {
		list_add_tail(&block[i].lru, &pages);
		if ((i + 1) % BALLOON_LIST_BATCH == 0)
			balloon_pages_enter(vb, &pages);
	}
	balloon_pages_enter(vb, &pages);
	atomic_dec(&vb->pages.nr_leaving);
	return true;
}

/**
 * balloon_blocks_count() - pages of the blocks in the balloon
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_blocks_count(struct virtio_balloon *vb)
{
	return atomic_long_read(&vb->blocks.nr_pages);
}

/**
 * balloon_blocks_release_range() - free the blocks that overlap a range
 * @vb: the balloon
 * @start_pfn: its first page
 * @end_pfn: the page after its last
 *
 * Context: may sleep.
 */
void balloon_blocks_release_range(struct virtio_balloon *vb, unsigned long start_pfn,
				  unsigned long end_pfn)
{
	struct balloon_blocks *blocks = &vb->blocks;
	struct page *block, *next;
	LIST_HEAD(leaving);
	int order;

	spin_lock(&blocks->lock);
	for (order = 0; order <= BALLOON_COMPAT_MAX_ORDER; order++)
		list_for_each_entry_safe(block, next, &blocks->lists[order], lru) {
			unsigned long pfn = page_to_pfn(block);

			if (pfn >= end_pfn || pfn + (1UL << order) <= start_pfn)
				continue;
			block_pick(blocks, block);
			list_add_tail(&block->lru, &leaving);
		}
	spin_unlock(&blocks->lock);

	list_for_each_entry_safe(block, next, &leaving, lru) {
		list_del(&block->lru);
		block_leave(vb, block);
		block_free(block);
		cond_resched();
	}
}

/**
 * balloon_blocks_init() - initialise the lists
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_blocks_init(struct virtio_balloon *vb)
{
	unsigned int order;

	spin_lock_init(&vb->blocks.lock);
	for (order = 0; order <= BALLOON_COMPAT_MAX_ORDER; order++)
		INIT_LIST_HEAD(&vb->blocks.lists[order]);
	return 0;
}
