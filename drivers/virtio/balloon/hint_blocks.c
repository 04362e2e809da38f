// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is taken from the guest to be hinted: blocks as they lie in the
 * allocator's lists, never reclaimed for, and never the last ones.
 *
 * A block is on its way with a range, of which nobody here knows, or it lies in
 * one of three lists. Only those can be given back when the guest runs short:
 * the device may still read a hint that it has not acknowledged, and would take
 * for unused what somebody uses by then (VIRTIO 1.3, 5.5.6.5, allows it; hosts lose
 * data by it).
 *
 * Until the command is DONE the device may lose what a hinted page contains, and
 * it may send the page no more: what goes back before that is written to.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "balloon.h"
#include "compat/compat.h"

/*
 * As it lies there: neither reclaim nor reserves are worth a hint. Not movable,
 * because nobody could move it.
 */
#define BALLOON_GFP_HINT	((GFP_HIGHUSER | __GFP_NOMEMALLOC | __GFP_NORETRY | \
				  __GFP_NOWARN) & ~__GFP_RECLAIM)

/* A range is sent on after this, be it long or short. */
#define BALLOON_HINT_FILL_TIME	(HZ / 10)

static unsigned long balloon_hint_block_pages(struct page *block)
{
	return 1UL << page_private(block);
}

static void balloon_hint_block_free(struct page *block, bool lost)
{
	unsigned int order = page_private(block);
	unsigned long i;

	set_page_private(block, 0);
	for (i = 0; lost && i < 1UL << order; i++) {
		clear_highpage(block + i);
		cond_resched();
	}
	balloon_free_block(block, order);
}

/*
 * What stays with the guest for others, in pages, on top of what the kernel wants to
 * have free: a host that does not answer keeps all the rest.
 */
static unsigned long balloon_hint_reserve(void)
{
	return balloon_default_floor((u64)totalram_pages() << PAGE_SHIFT) >>
	       PAGE_SHIFT;
}

/**
 * balloon_hint_blocks_spare() - what could be taken now
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_hint_blocks_spare(void)
{
	unsigned long nr_spare = balloon_take_spare(BALLOON_GFP_HINT);
	unsigned long reserve = balloon_hint_reserve();

	return nr_spare > reserve ? nr_spare - reserve : 0;
}

/**
 * balloon_hint_block_alloc() - take a block from the allocator
 * @hint: the hints
 * @order: the largest worth a try; becomes smaller when there are none so large
 *
 * Context: the worker and those that help it; may sleep.
 * Return: the block, in no list; NULL if none can be spared.
 */
struct page *balloon_hint_block_alloc(struct balloon_hint *hint, unsigned int *order)
{
	struct balloon_hint_blocks *blocks = &hint->blocks;
	/* Others may be about to take one as well. */
	unsigned long nr_blocks = hint->take.nr_helpers + 1;
	struct page *block;

	for (; *order >= BALLOON_BLOCK_ORDER_MIN; --*order) {
		if (balloon_hint_blocks_spare() < nr_blocks << *order)
			continue;
		block = alloc_pages(BALLOON_GFP_HINT, *order);
		if (!block)
			continue;
		set_page_private(block, *order);
		atomic_long_inc(&blocks->nr_taken);
		atomic_long_add(1L << *order, &blocks->nr_pages_taken);
		return block;
	}
	return NULL;
}

/**
 * balloon_hint_block_put() - hold a block
 * @blocks: the blocks
 * @block: in no list
 * @list: one of theirs
 *
 * Context: under @blocks->lock.
 */
void balloon_hint_block_put(struct balloon_hint_blocks *blocks,
			    struct page *block, struct list_head *list)
{
	list_add(&block->lru, list);
	blocks->nr_pages += balloon_hint_block_pages(block);
}

static struct page *balloon_hint_block_first(struct balloon_hint_blocks *blocks,
					     struct list_head *list)
{
	struct page *block;

	spin_lock(&blocks->lock);
	block = list_first_entry_or_null(list, struct page, lru);
	if (block) {
		list_del(&block->lru);
		blocks->nr_pages -= balloon_hint_block_pages(block);
	}
	spin_unlock(&blocks->lock);
	return block;
}

/* Whether the block continues the span at either end; then it is part of it. */
static bool balloon_hint_span_add(struct balloon_hint_span *span,
				  struct page *block, unsigned long nr_max)
{
	unsigned long pfn = page_to_pfn(block);
	unsigned long nr = balloon_hint_block_pages(block);

	if (!span->nr_pages)
		span->pfn = pfn;
	else if (span->nr_pages + nr > nr_max)
		return false;
	else if (pfn + nr == span->pfn)
		span->pfn = pfn;
	else if (pfn != span->pfn + span->nr_pages)
		return false;
	span->nr_pages += nr;
	return true;
}

/**
 * balloon_hint_span_next() - one more block, which may continue the span
 * @span: the span; becomes that of the block alone if it does not continue it
 * @block: the block
 * @nr_max: pages of a span at most
 *
 * Context: any.
 * Return: whether the block continues the span.
 */
bool balloon_hint_span_next(struct balloon_hint_span *span, struct page *block,
			    unsigned long nr_max)
{
	if (span->nr_pages && balloon_hint_span_add(span, block, nr_max))
		return true;
	span->nr_pages = 0;
	balloon_hint_span_add(span, block, nr_max);
	return false;
}

static bool balloon_hint_range_add(struct balloon_hint_range *range,
				   struct page *block, unsigned long nr_max)
{
	if (!balloon_hint_span_add(&range->span, block, nr_max))
		return false;
	range->nr_blocks++;
	list_add_tail(&block->lru, &range->blocks);
	return true;
}

/* Fills an empty range with blocks that are held already. */
static void balloon_hint_fill_from(struct balloon_hint *hint,
				   struct balloon_hint_range *range,
				   struct list_head *list)
{
	struct page *block;

	while ((block = balloon_hint_block_first(&hint->blocks, list))) {
		if (!balloon_hint_range_add(range, block, hint->nr_range_max)) {
			spin_lock(&hint->blocks.lock);
			balloon_hint_block_put(&hint->blocks, block, list);
			spin_unlock(&hint->blocks.lock);
			break;
		}
		cond_resched();
	}
}

/* Fills an empty range with memory that is free; the host is about to discard it. */
static void balloon_hint_fill_new(struct balloon_hint *hint,
				  struct balloon_hint_range *range)
{
	struct balloon_hint_blocks *blocks = &hint->blocks;
	unsigned long end = jiffies + BALLOON_HINT_FILL_TIME;
	struct page *block;

	while (!balloon_hint_interrupted(hint) && !READ_ONCE(blocks->pressed)) {
		block = blocks->spare;
		blocks->spare = NULL;
		if (!block)
			block = balloon_hint_block_alloc(hint, &blocks->order);
		if (!block)
			break;
		if (!balloon_hint_range_add(range, block, hint->nr_range_max)) {
			blocks->spare = block;
			break;
		}
		cond_resched();
		/* After a block: an empty range says that nothing is left. */
		if (time_after_eq(jiffies, end))
			break;
	}
}

/**
 * balloon_hint_blocks_fill() - adjacent blocks for one descriptor
 * @hint: the hints
 * @range: an empty range; stays empty when there are none
 *
 * What was hinted in an earlier round comes first: taking the memory may have
 * written to it, so that the device would send it. Then comes what was taken for
 * this one, then free memory, if it is to be taken in this round.
 *
 * Context: the worker; may sleep.
 */
void balloon_hint_blocks_fill(struct balloon_hint *hint,
			      struct balloon_hint_range *range)
{
	range->populated = false;
	range->again = true;
	balloon_hint_fill_from(hint, range, &hint->blocks.again);
	if (range->span.nr_pages)
		return;

	range->again = false;
	balloon_hint_fill_from(hint, range, &hint->blocks.fresh);
	if (range->span.nr_pages || !hint->taking)
		return;

	/* To take memory takes a while: the device can do its part meanwhile. */
	balloon_queue_kick(hint->stream.queue);
	if (hint->discard) {
		range->populated = true;
		balloon_hint_fill_new(hint, range);
		return;
	}
	balloon_hint_take(hint);
	balloon_hint_fill_from(hint, range, &hint->blocks.fresh);
}

/**
 * balloon_hint_blocks_keep() - hold the blocks of a range that is not on its way
 * @blocks: the blocks
 * @range: empty afterwards
 * @list: one of theirs
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_hint_blocks_keep(struct balloon_hint_blocks *blocks,
			      struct balloon_hint_range *range, struct list_head *list)
{
	spin_lock(&blocks->lock);
	list_splice_tail_init(&range->blocks, list);
	blocks->nr_pages += range->span.nr_pages;
	spin_unlock(&blocks->lock);
	range->span.nr_pages = 0;
	range->nr_blocks = 0;
}

/**
 * balloon_hint_blocks_begin() - everything that is held is to be hinted again
 * @blocks: the blocks
 *
 * Context: the worker, at the start of a round.
 */
void balloon_hint_blocks_begin(struct balloon_hint_blocks *blocks)
{
	spin_lock(&blocks->lock);
	list_splice_tail_init(&blocks->held, &blocks->again);
	list_splice_tail_init(&blocks->fresh, &blocks->again);
	spin_unlock(&blocks->lock);
	blocks->order = blocks->order_max;
	WRITE_ONCE(blocks->pressed, false);
}

/* Any block that is held. */
static struct page *balloon_hint_blocks_take(struct balloon_hint_blocks *blocks)
{
	struct page *block = balloon_hint_block_first(blocks, &blocks->held);

	if (!block)
		block = balloon_hint_block_first(blocks, &blocks->again);
	if (!block)
		block = balloon_hint_block_first(blocks, &blocks->fresh);
	return block;
}

/**
 * balloon_hint_blocks_free() - give a block back that is held
 * @blocks: the blocks
 * @release: what is given back; @lost is filled in
 *
 * One at a time, so that neither interrupts nor other threads wait for all of the
 * guest's memory.
 *
 * Context: the worker, or when it is stopped; may sleep.
 * Return: false if nothing is held.
 */
bool balloon_hint_blocks_free(struct balloon_hint_blocks *blocks,
			      struct balloon_hint_release *release)
{
	struct page *block = blocks->spare;
	/* That one was never hinted. */
	bool lost = release->lost && !block;
	ktime_t begin = ktime_get();
	u64 usecs;

	blocks->spare = NULL;
	if (!block)
		block = balloon_hint_blocks_take(blocks);
	if (!block)
		return false;
	release->nr_blocks++;
	release->nr_pages += balloon_hint_block_pages(block);
	balloon_hint_block_free(block, lost);
	usecs = ktime_us_delta(ktime_get(), begin);
	release->usecs += usecs;
	release->usecs_longest = max(release->usecs_longest, usecs);
	return true;
}

/**
 * balloon_hint_blocks_count() - what could be given back now
 * @blocks: the blocks
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_hint_blocks_count(struct balloon_hint_blocks *blocks)
{
	return READ_ONCE(blocks->nr_pages);
}

static unsigned long balloon_hint_count_objects(struct shrinker *shrinker,
						struct shrink_control *control)
{
	struct balloon_hint_blocks *blocks =
		container_of(balloon_compat_shrinker_of(shrinker),
			     struct balloon_hint_blocks, shrinker);

	return balloon_hint_blocks_count(blocks);
}

static unsigned long balloon_hint_scan_objects(struct shrinker *shrinker,
					       struct shrink_control *control)
{
	struct balloon_hint_blocks *blocks =
		container_of(balloon_compat_shrinker_of(shrinker),
			     struct balloon_hint_blocks, shrinker);
	unsigned long nr = 0;
	struct page *block;

	/* Or the worker would take the same memory again. */
	WRITE_ONCE(blocks->pressed, true);
	while (nr < control->nr_to_scan) {
		mutex_lock(&blocks->sorting);
		block = balloon_hint_blocks_take(blocks);
		mutex_unlock(&blocks->sorting);
		if (!block)
			break;
		nr += balloon_hint_block_pages(block);
		balloon_hint_block_free(block, true);
	}
	balloon_hint_count_reclaim(container_of(blocks, struct balloon_hint,
						blocks),
				   control->nr_to_scan, nr);
	/* Blocks are large: what went beyond the wish counts as well. */
	control->nr_scanned = nr;
	return nr ? nr : SHRINK_STOP;
}

/**
 * balloon_hint_blocks_init() - nothing is held yet
 * @blocks: the blocks
 *
 * Context: probe.
 */
void balloon_hint_blocks_init(struct balloon_hint_blocks *blocks)
{
	mutex_init(&blocks->sorting);
	spin_lock_init(&blocks->lock);
	INIT_LIST_HEAD(&blocks->again);
	INIT_LIST_HEAD(&blocks->fresh);
	INIT_LIST_HEAD(&blocks->held);
}

/**
 * balloon_hint_blocks_start() - give blocks back when memory is short
 * @blocks: the blocks
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_hint_blocks_start(struct balloon_hint_blocks *blocks)
{
	return balloon_compat_shrinker_add(&blocks->shrinker,
					   "virtio-balloon-hint",
					   balloon_hint_count_objects,
					   balloon_hint_scan_objects);
}

/**
 * balloon_hint_blocks_stop() - not any more
 * @blocks: the blocks
 *
 * Context: may sleep.
 */
void balloon_hint_blocks_stop(struct balloon_hint_blocks *blocks)
{
	balloon_compat_shrinker_remove(&blocks->shrinker);
}
