// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is allocated to be hinted, and held until DONE: free blocks, without reclaim,
 * and never the last ones.
 *
 * A block is in flight, or in a list of its node. Only blocks in a list can be freed when
 * memory is low: the device may still read a hint that it has not completed, and would then
 * treat memory in use as unused (VIRTIO 1.3, 5.5.6.5, permits releasing it earlier; with some
 * hosts that loses data).
 *
 * Until DONE the device may lose the contents of a hinted page. Blocks that are freed before
 * that are initialised here, unless the kernel initialises them when they are freed or
 * allocated.
 *
 * Blocks in a list count as available: reclaim gets as many as it wants, from the node where
 * it wants them. The first page of each block is PageOffline, so that memory offlining knows
 * that it can be freed. Its private field is the block's order.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "balloon.h"
#include "compat/compat.h"

/* Without reclaim and reserves. */
#define BALLOON_GFP_HOLD	((GFP_USER | __GFP_NOMEMALLOC | __GFP_NORETRY | \
				  __GFP_NOWARN) & ~__GFP_RECLAIM)

/* Bytes of a descriptor at most; the used length of a buffer has 32 bits. */
#define BALLOON_HELD_BYTES	SZ_2G

static unsigned long held_size(struct page *block)
{
	return 1UL << page_private(block);
}

/* The lock is held; @sign is -1 when the block leaves. */
static void held_account(struct balloon_held *held, struct page *block, int sign)
{
	long nr_pages = sign * (long)held_size(block);

	held->nodes[page_to_nid(block)].nr_pages += nr_pages;
	atomic_long_add(nr_pages, &held->nr_pages);
	mod_node_page_state(page_pgdat(block), NR_KERNEL_MISC_RECLAIMABLE, nr_pages);
}

static void held_put(struct balloon_held *held, struct page *block, bool hinted)
{
	struct balloon_held_node *node = &held->nodes[page_to_nid(block)];

	spin_lock(&held->lock);
	list_move(&block->lru, hinted ? &node->hinted : &node->waiting);
	held_account(held, block, 1);
	spin_unlock(&held->lock);
}

/* A block of one node; if @waits is set, only one that was not hinted in this round. */
static struct page *held_pick(struct balloon_held *held, int nid, bool waits)
{
	struct balloon_held_node *node = &held->nodes[nid];
	struct page *block;

	spin_lock(&held->lock);
	block = list_first_entry_or_null(&node->waiting, struct page, lru);
	if (!block && !waits)
		block = list_first_entry_or_null(&node->hinted, struct page, lru);
	if (block) {
		list_del_init(&block->lru);
		held_account(held, block, -1);
	}
	spin_unlock(&held->lock);
	return block;
}

static struct page *held_pick_any(struct balloon_held *held, bool waits)
{
	struct page *block = NULL;
	int nid;

	for_each_online_node(nid) {
		block = held_pick(held, nid, waits);
		if (block)
			break;
	}
	return block;
}

static void held_free(struct page *block, bool lost)
{
	unsigned long i, nr_pages = held_size(block);
	bool fill = lost && !balloon_poison_fills() && !want_init_on_alloc(GFP_KERNEL);

	__ClearPageOffline(block);
	set_page_private(block, 0);
	for (i = 0; i < nr_pages && fill; i++) {
		if (!PageHWPoison(block + i))
			clear_highpage(block + i);
		cond_resched();
	}
	balloon_free_block(block, ilog2(nr_pages));
}

/*
 * Leaves the high watermarks and, together with the blocks in lists, the default floor of the
 * balloon: the device may never complete the blocks in flight.
 */
static bool held_may_take(struct balloon_held *held, gfp_t gfp, unsigned long nr_pages)
{
	u64 floor = balloon_default_floor((u64)totalram_pages() << PAGE_SHIFT);
	unsigned long nr_spare = balloon_alloc_spare(gfp);

	return nr_spare >= nr_pages &&
	       nr_spare + balloon_held_pages(held) >= (floor >> PAGE_SHIFT) + nr_pages;
}

/* Movable, or the kernel would convert the pageblock; but not from CMA. */
static struct page *held_alloc(struct balloon_hint *hint)
{
	gfp_t gfp = BALLOON_GFP_HOLD |
		    (global_zone_page_state(NR_FREE_CMA_PAGES) ? 0 : __GFP_MOVABLE);
	struct balloon_held *held = &hint->hold;
	struct page *block;

	if (READ_ONCE(held->reclaim_requested) || READ_ONCE(hint->stream.queue->vb->blocks.leaving))
		return NULL;
	for (; held->order >= BALLOON_BLOCK_ORDER_MIN; held->order--) {
		if (!held_may_take(held, gfp, 1UL << held->order))
			continue;
		block = alloc_pages(gfp, held->order);
		if (!block)
			continue;
		__SetPageOffline(block);
		set_page_private(block, held->order);
		INIT_LIST_HEAD(&block->lru);
		held->nr_taken++;
		return block;
	}
	return NULL;
}

/*
 * Blocks that were held before the round come first: allocating them may have written to
 * them. Kernels that zero memory allocate more only in the first round. Memory that is free
 * in a later one was sent already, and zeroing it would have it sent again.
 */
static struct page *held_next(struct balloon_hint *hint)
{
	struct page *block = held_pick_any(&hint->hold, true);

	if (!block && (hint->nr_rounds == hint->first_round || !want_init_on_alloc(GFP_KERNEL)))
		block = held_alloc(hint);
	return block;
}

/* Adds a block to the next buffers, to the last descriptor if they are adjacent. */
static void held_add(struct balloon_held *held, struct page *block)
{
	struct scatterlist *last = held->nr_sg ? &held->sg[held->nr_sg - 1] : NULL;
	unsigned int length = held_size(block) << PAGE_SHIFT;

	if (last && last->length > BALLOON_HELD_BYTES - length)
		last = NULL;
	list_add_tail(&block->lru, &held->leaving);
	held->nr_leaving += held_size(block);
	if (last && sg_phys(last) + last->length == page_to_phys(block)) {
		last->length += length;
	} else if (last && page_to_phys(block) + length == sg_phys(last)) {
		sg_set_page(last, block, last->length + length, 0);
	} else {
		sg_init_table(&held->sg[held->nr_sg], 1);
		sg_set_page(&held->sg[held->nr_sg++], block, length, 0);
	}
}

/* Returns the number of blocks. */
static unsigned int held_fill(struct balloon_hint *hint, unsigned int nr_sg)
{
	struct balloon_held *held = &hint->hold;
	unsigned int nr;
	struct page *block;

	held->nr_sg = 0;
	for (nr = 0; nr < BALLOON_HELD_BLOCKS && held->nr_sg < nr_sg; nr++) {
		if (balloon_work_interrupted(&hint->work))
			break;
		block = held_next(hint);
		if (!block)
			break;
		held_add(held, block);
		cond_resched();
	}
	return nr;
}

/* Blocks that are not in flight any more go to the lists. */
static void held_keep(struct balloon_held *held, bool hinted)
{
	struct page *block, *next;

	list_for_each_entry_safe(block, next, &held->leaving, lru)
		held_put(held, block, hinted);
	WRITE_ONCE(held->nr_leaving, 0);
}

/**
 * balloon_held_step() - hint some more blocks
 * @hint: the hints
 *
 * Context: the worker; may sleep.
 * Return: 0; -EAGAIN until the device completes something, here or on the deflate queue;
 *	   -ENOENT when nothing is in flight and nothing is left.
 */
int balloon_held_step(struct balloon_hint *hint)
{
	struct balloon_queue *queue = hint->stream.queue;
	struct balloon_held *held = &hint->hold;
	unsigned int nr_sg = clamp(queue->size / 2, 1U, BALLOON_HELD_BLOCKS);
	unsigned int nr_blocks;

	if (held->nr_left || balloon_queue_room(queue) < nr_sg ||
	    balloon_pages_freed_unacked(queue->vb))
		return -EAGAIN;
	nr_blocks = held_fill(hint, nr_sg);
	if (!nr_blocks)
		return balloon_work_interrupted(&hint->work) ? 0 : -ENOENT;
	/* Memory that was deflated meanwhile may be among the blocks: that is completed first. */
	if (balloon_pages_freed_unacked(queue->vb) || balloon_queue_broken(queue)) {
		held_keep(held, false);
		return -EAGAIN;
	}
	held->nr_left = balloon_queue_post_blocks(&hint->stream, held->requests, held->sg,
						  held->nr_sg, 1);
	held->hint_again = false;
	held->nr_buffers += held->nr_left;
	held->nr_blocks += nr_blocks;
	held->nr_hinted += held->nr_leaving;
	return 0;
}

/**
 * balloon_held_settle() - a buffer was completed or cancelled
 * @held: what is held
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_held_settle(struct balloon_held *held)
{
	if (!--held->nr_left)
		held_keep(held, !held->hint_again);
}

/**
 * balloon_held_begin() - have all held blocks hinted again
 * @hint: the hints
 *
 * Context: the worker, when a round begins.
 */
void balloon_held_begin(struct balloon_hint *hint)
{
	struct balloon_held *held = &hint->hold;
	int nid;

	spin_lock(&held->lock);
	for_each_online_node(nid)
		list_splice_init(&held->nodes[nid].hinted, &held->nodes[nid].waiting);
	spin_unlock(&held->lock);
	/* The device may ignore what was on its way when it got another command. */
	held->hint_again = held->nr_left;
	held->order = min_t(int, BALLOON_COMPAT_MAX_ORDER,
			    ilog2(virtio_max_dma_size(hint->stream.queue->vb->vdev) >> PAGE_SHIFT));
	WRITE_ONCE(held->reclaim_requested, false);
}

/**
 * balloon_held_release() - free held blocks
 * @hint: the hints
 * @all: even if a new command of the device interrupts the worker
 *
 * One block at a time, so that neither interrupts nor other threads wait for all of them.
 *
 * Context: the worker, or when it is stopped; may sleep.
 * Return: false if blocks are left.
 */
bool balloon_held_release(struct balloon_hint *hint, bool all)
{
	struct balloon_held *held = &hint->hold;
	unsigned long nr = 0;
	struct page *block;
	ktime_t begin;

	while ((all || !balloon_work_interrupted(&hint->work)) &&
	       (block = held_pick_any(held, false))) {
		nr += held_size(block);
		begin = ktime_get();
		held_free(block, !hint->done);
		held->usecs_max = max_t(u64, held->usecs_max, ktime_us_delta(ktime_get(), begin));
		cond_resched();
	}
	held->nr_released += nr;
	if (nr)
		balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_RELEASE, nr, !hint->done);
	return !balloon_held_pages(held);
}

/* Moves the blocks of a list that overlap a range to another list. */
static void held_pull(struct balloon_held *held, struct list_head *from,
		      struct list_head *to, unsigned long start_pfn,
		      unsigned long end_pfn)
{
	struct page *block, *next;

	list_for_each_entry_safe(block, next, from, lru) {
		unsigned long pfn = page_to_pfn(block);

		if (pfn >= end_pfn || pfn + held_size(block) <= start_pfn)
			continue;
		list_move(&block->lru, to);
		held_account(held, block, -1);
	}
}

/**
 * balloon_held_offline() - memory is about to go offline
 * @held: what is held
 * @start_pfn: its first page
 * @end_pfn: the page after its last
 *
 * Blocks in flight keep it online for now.
 *
 * Context: may sleep.
 */
void balloon_held_offline(struct balloon_held *held, unsigned long start_pfn, unsigned long end_pfn)
{
	struct page *block, *next;
	LIST_HEAD(inside);
	int nid;

	if (!held->nodes)
		return;
	spin_lock(&held->lock);
	for_each_online_node(nid) {
		held_pull(held, &held->nodes[nid].waiting, &inside, start_pfn, end_pfn);
		held_pull(held, &held->nodes[nid].hinted, &inside, start_pfn, end_pfn);
	}
	spin_unlock(&held->lock);
	list_for_each_entry_safe(block, next, &inside, lru) {
		list_del_init(&block->lru);
		held_free(block, true);
	}
}

/**
 * balloon_held_pages() - pages that could be freed now
 * @held: what is held
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_held_pages(struct balloon_held *held)
{
	return atomic_long_read(&held->nr_pages);
}

static struct balloon_held *held_of(struct shrinker *shrinker)
{
	return container_of(balloon_compat_shrinker_of(shrinker), struct balloon_held, shrinker);
}

static unsigned long held_count(struct shrinker *shrinker, struct shrink_control *control)
{
	return READ_ONCE(held_of(shrinker)->nodes[control->nid].nr_pages);
}

/* Frees as much as is wanted, rounded up to a block. */
static unsigned long held_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	struct balloon_held *held = held_of(shrinker);
	unsigned long nr = 0;
	struct page *block;

	/* Or the worker would allocate the same memory again. */
	WRITE_ONCE(held->reclaim_requested, true);
	while (nr < control->nr_to_scan && (block = held_pick(held, control->nid, false))) {
		nr += held_size(block);
		held_free(block, true);
	}
	control->nr_scanned = nr;
	mm_account_reclaimed_pages(nr);
	atomic_long_add(nr, &held->nr_reclaimed);
	return nr ? nr : SHRINK_STOP;
}

/**
 * balloon_held_init() - allocate the lists and register the shrinker
 * @held: what is held
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_held_init(struct balloon_held *held)
{
	unsigned int i;
	int err;

	held->nodes = kcalloc(nr_node_ids, sizeof(*held->nodes), GFP_KERNEL);
	if (!held->nodes)
		return -ENOMEM;
	for (i = 0; i < nr_node_ids; i++) {
		INIT_LIST_HEAD(&held->nodes[i].waiting);
		INIT_LIST_HEAD(&held->nodes[i].hinted);
	}
	INIT_LIST_HEAD(&held->leaving);
	spin_lock_init(&held->lock);
	err = balloon_compat_shrinker_add(&held->shrinker, "virtio-balloon-hint",
					  held_count, held_scan);
	if (err)
		kfree(held->nodes);
	return err;
}

/**
 * balloon_held_exit() - the counterpart of balloon_held_init()
 * @held: empty
 *
 * Context: remove; may sleep.
 */
void balloon_held_exit(struct balloon_held *held)
{
	balloon_compat_shrinker_remove(&held->shrinker);
	kfree(held->nodes);
	held->nodes = NULL;
}
