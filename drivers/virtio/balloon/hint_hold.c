// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is taken from the guest to be hinted, and held until DONE: blocks as they
 * lie in the allocator's lists, never reclaimed for, and never the last ones.
 *
 * A block is on its way with an element, of which nobody here knows, or it is at rest in a
 * list of its node. Only those can be given back when the guest runs short: the device
 * may still read a hint that it has not acknowledged, and would take for unused what
 * somebody uses by then (VIRTIO 1.3, 5.5.6.5, allows it; hosts lose data by it).
 *
 * Until the command is DONE the device may lose what a hinted page contains. What goes
 * back before that is initialised: by whoever frees or allocates it where the kernel does
 * that, else here.
 *
 * What is at rest counts as available to the guest: reclaim gets as much of it as it
 * wants, from the node where it wants it. The first page of each block is PageOffline, so
 * that memory offlining knows that it may go.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "balloon.h"
#include "compat/compat.h"

/* The private field of a block's first page is its order, and above that its round. */
#define BALLOON_HOLD_ORDER_MASK	0xffUL
#define BALLOON_HOLD_ROUND_STEP	(BALLOON_HOLD_ORDER_MASK + 1)

/* As it lies there: neither reclaim nor reserves are worth a hint. */
#define BALLOON_GFP_HOLD	((GFP_USER | __GFP_NOMEMALLOC | __GFP_NORETRY | \
				  __GFP_NOWARN) & ~__GFP_RECLAIM)

static unsigned int balloon_held_order(struct page *block)
{
	return page_private(block) & BALLOON_HOLD_ORDER_MASK;
}

/* The lock is held; @sign is -1 when the block leaves. */
static void balloon_held_account(struct balloon_held *held, struct page *block, int sign)
{
	long nr_pages = sign * (1L << balloon_held_order(block));

	held->nodes[page_to_nid(block)].nr_pages += nr_pages;
	atomic_long_add(nr_pages, &held->nr_pages);
	mod_node_page_state(page_pgdat(block), NR_KERNEL_MISC_RECLAIMABLE, nr_pages);
}

static void balloon_held_put(struct balloon_held *held, struct page *block,
			     unsigned long round)
{
	struct list_head *list = &held->nodes[page_to_nid(block)].blocks;

	set_page_private(block, balloon_held_order(block) | round);
	spin_lock(&held->lock);
	if (round == held->round)
		list_add_tail(&block->lru, list);
	else
		list_add(&block->lru, list);
	balloon_held_account(held, block, 1);
	spin_unlock(&held->lock);
}

/* A block of one node; of an earlier round only if @again is set. */
static struct page *balloon_held_pick(struct balloon_held *held, int node, bool again)
{
	struct page *block;

	spin_lock(&held->lock);
	block = list_first_entry_or_null(&held->nodes[node].blocks, struct page, lru);
	if (block && again &&
	    (page_private(block) & ~BALLOON_HOLD_ORDER_MASK) == held->round)
		block = NULL;
	if (block) {
		list_del(&block->lru);
		balloon_held_account(held, block, -1);
	}
	spin_unlock(&held->lock);
	return block;
}

static struct page *balloon_held_pick_any(struct balloon_held *held, bool again)
{
	struct page *block = NULL;
	int node;

	for_each_online_node(node) {
		block = balloon_held_pick(held, node, again);
		if (block)
			break;
	}
	return block;
}

static void balloon_held_free(struct page *block, bool lost)
{
	unsigned int order = balloon_held_order(block);
	unsigned long i;

	__ClearPageOffline(block);
	set_page_private(block, 0);
	if (lost && !balloon_poison_fills() && !want_init_on_alloc(GFP_KERNEL))
		for (i = 0; i < 1UL << order; i++) {
			clear_highpage(block + i);
			cond_resched();
		}
	balloon_free_block(block, order);
}

/* Movable, or the kernel would make it a block for unmovable memory; but not of CMA. */
static gfp_t balloon_held_gfp(void)
{
	return BALLOON_GFP_HOLD |
	       (global_zone_page_state(NR_FREE_CMA_PAGES) ? 0 : __GFP_MOVABLE);
}

/* Leaves to others as much as the default floor of the balloon. */
static struct page *balloon_held_alloc(struct balloon_hint *hint)
{
	unsigned long reserve = balloon_default_floor((u64)totalram_pages() << PAGE_SHIFT) >>
				PAGE_SHIFT;
	struct balloon_held *held = &hint->hold;
	gfp_t gfp = balloon_held_gfp();
	struct page *block;

	if (READ_ONCE(held->pressed) || READ_ONCE(hint->stream.queue->vb->blocks.leaving))
		return NULL;
	for (; held->order >= BALLOON_BLOCK_ORDER_MIN; held->order--) {
		if (balloon_take_spare(gfp) < reserve + (1UL << held->order))
			continue;
		block = alloc_pages(gfp, held->order);
		if (!block)
			continue;
		__SetPageOffline(block);
		set_page_private(block, held->order);
		held->nr_taken++;
		return block;
	}
	return NULL;
}

/*
 * What was held before the round comes first: taking it may have written to it. Kernels
 * that zero memory take more in the first round only. What is free in a later one is on
 * the other side already, and would be sent again.
 */
static struct page *balloon_held_next(struct balloon_hint *hint)
{
	struct balloon_held *held = &hint->hold;
	struct page *block = balloon_held_pick_any(held, true);

	if (block)
		held->nr_again += 1UL << balloon_held_order(block);
	else if (hint->first || !want_init_on_alloc(GFP_KERNEL))
		block = balloon_held_alloc(hint);
	return block;
}

/* Adds a block to an element, to its last descriptor if they are adjacent. */
static void balloon_held_add(struct balloon_held_element *element, struct page *block)
{
	unsigned int length = PAGE_SIZE << balloon_held_order(block);
	struct scatterlist *last = element->nr_sg ? &element->sg[element->nr_sg - 1] : NULL;

	list_add_tail(&block->lru, &element->blocks);
	element->nr_blocks++;
	element->nr_pages += length >> PAGE_SHIFT;
	if (last && page_to_pfn(sg_page(last)) + (last->length >> PAGE_SHIFT) ==
		    page_to_pfn(block)) {
		last->length += length;
	} else if (last && page_to_pfn(block) + (length >> PAGE_SHIFT) ==
			   page_to_pfn(sg_page(last))) {
		sg_set_page(last, block, last->length + length, 0);
	} else {
		last = &element->sg[element->nr_sg++];
		sg_init_table(last, 1);
		sg_set_page(last, block, length, 0);
	}
}

static void balloon_held_fill(struct balloon_hint *hint,
			      struct balloon_held_element *element, unsigned int nr_sg)
{
	struct page *block;

	element->nr_sg = 0;
	element->nr_blocks = 0;
	element->nr_pages = 0;
	while (element->nr_blocks < BALLOON_HELD_BLOCKS && element->nr_sg < nr_sg &&
	       !balloon_hint_interrupted(hint) && (block = balloon_held_next(hint))) {
		balloon_held_add(element, block);
		cond_resched();
	}
}

/* The blocks of an element that is not on its way are at rest. */
static void balloon_held_keep(struct balloon_held *held,
			      struct balloon_held_element *element, unsigned long round)
{
	struct page *block, *next;

	list_for_each_entry_safe(block, next, &element->blocks, lru) {
		list_del(&block->lru);
		balloon_held_put(held, block, round);
	}
}

static bool balloon_held_post(struct balloon_hint *hint, struct balloon_held_element *element)
{
	struct balloon_held *held = &hint->hold;

	unsigned int i;

	element->round = held->round;
	for (i = 0; i < element->nr_sg; i++) {
		element->requests[i].sg = &element->sg[i];
		element->requests[i].nr_sg = 1;
		element->requests[i].device_writes = true;
		if (balloon_queue_post(&hint->stream, &element->requests[i]))
			break;
	}
	element->nr_left = i;
	if (!i) {
		balloon_held_keep(held, element, 0);
		return false;
	}
	/* Another user of the queue may have filled it: the rest is hinted again. */
	if (i < element->nr_sg)
		element->round = 0;
	WRITE_ONCE(held->nr_in_flight, held->nr_in_flight + element->nr_blocks);
	held->nr_ranges += element->nr_left;
	held->nr_blocks += element->nr_blocks;
	held->nr_hinted += element->nr_pages;
	balloon_queue_kick(hint->stream.queue);
	return true;
}

/**
 * balloon_held_step() - hint some more blocks
 * @hint: the hints
 *
 * Context: the worker; may sleep.
 * Return: 0; -EAGAIN when the device has to answer first, here or on the deflate queue;
 *	   -ENOENT when it has answered everything and nothing is left.
 */
int balloon_held_step(struct balloon_hint *hint)
{
	struct balloon_queue *queue = hint->stream.queue;
	struct balloon_held *held = &hint->hold;
	struct balloon_held_element *element = &held->elements[!!held->elements[0].nr_left];
	unsigned int nr_sg = clamp(balloon_queue_size(queue) / 2, 1U, BALLOON_HELD_BLOCKS);

	if (element->nr_left || balloon_pages_unseen(queue->vb) ||
	    balloon_queue_room(queue) < nr_sg)
		return -EAGAIN;
	balloon_held_fill(hint, element, nr_sg);
	if (element->nr_blocks)
		return balloon_held_post(hint, element) ? 0 : -EAGAIN;
	if (balloon_hint_interrupted(hint))
		return 0;
	return held->nr_in_flight ? -EAGAIN : -ENOENT;
}

/**
 * balloon_held_settle() - the device is done with some blocks, or was reset
 * @held: what is held
 * @request: one of those of an element
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_held_settle(struct balloon_held *held, struct balloon_request *request)
{
	struct balloon_held_element *element =
		&held->elements[request >= held->elements[1].requests];

	if (--element->nr_left)
		return;
	WRITE_ONCE(held->nr_in_flight, held->nr_in_flight - element->nr_blocks);
	balloon_held_keep(held, element, element->round);
}

/**
 * balloon_held_begin() - everything that is held is to be hinted again
 * @hint: the hints
 *
 * Context: the worker, when a round begins.
 */
void balloon_held_begin(struct balloon_hint *hint)
{
	struct balloon_held *held = &hint->hold;

	spin_lock(&held->lock);
	held->round += BALLOON_HOLD_ROUND_STEP;
	spin_unlock(&held->lock);
	held->order = min_t(int, BALLOON_COMPAT_MAX_ORDER,
			    ilog2(virtio_max_dma_size(hint->stream.queue->vb->vdev) >>
				  PAGE_SHIFT));
	WRITE_ONCE(held->pressed, false);
}

/**
 * balloon_held_release() - give back what is held
 * @hint: the hints
 * @all: without a break for the device's next command
 *
 * One block at a time, so that neither interrupts nor other threads wait for all of
 * the guest's memory.
 *
 * Context: the worker, or when it is stopped; may sleep.
 * Return: false if something is left.
 */
bool balloon_held_release(struct balloon_hint *hint, bool all)
{
	struct balloon_held *held = &hint->hold;
	unsigned long nr = 0;
	struct page *block;
	ktime_t begin;

	while ((block = balloon_held_pick_any(held, false))) {
		begin = ktime_get();
		nr += 1UL << balloon_held_order(block);
		balloon_held_free(block, !hint->done);
		held->usecs_max = max_t(u64, held->usecs_max,
					ktime_us_delta(ktime_get(), begin));
		cond_resched();
		if (!all && balloon_hint_interrupted(hint))
			break;
	}
	held->nr_released += nr;
	if (nr)
		balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_RELEASE, nr,
			      !hint->done);
	return !balloon_held_pages(held);
}

/**
 * balloon_held_offline() - memory is about to go offline
 * @vb: the balloon
 * @start_pfn: its first page
 * @end_pfn: the page after its last
 *
 * What the device has not acknowledged keeps it from that for now.
 *
 * Context: may sleep.
 */
void balloon_held_offline(struct virtio_balloon *vb, unsigned long start_pfn,
			  unsigned long end_pfn)
{
	struct balloon_held *held;
	struct page *block, *next;
	LIST_HEAD(leaving);
	int node;

	if (!vb->hint)
		return;
	held = &vb->hint->hold;
	spin_lock(&held->lock);
	for_each_online_node(node)
		list_for_each_entry_safe(block, next, &held->nodes[node].blocks, lru) {
			unsigned long pfn = page_to_pfn(block);

			if (pfn >= end_pfn || pfn + BIT(balloon_held_order(block)) <= start_pfn)
				continue;
			list_move(&block->lru, &leaving);
			balloon_held_account(held, block, -1);
		}
	spin_unlock(&held->lock);
	list_for_each_entry_safe(block, next, &leaving, lru)
		balloon_held_free(block, true);
}

/**
 * balloon_held_pages() - what could be given back now
 * @held: what is held
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_held_pages(struct balloon_held *held)
{
	return atomic_long_read(&held->nr_pages);
}

static struct balloon_held *balloon_held_of(struct shrinker *shrinker)
{
	return container_of(balloon_compat_shrinker_of(shrinker), struct balloon_held,
			    shrinker);
}

static unsigned long balloon_held_count(struct shrinker *shrinker,
					struct shrink_control *control)
{
	return READ_ONCE(balloon_held_of(shrinker)->nodes[control->nid].nr_pages);
}

/* As much as is wanted, rounded up to a block. */
static unsigned long balloon_held_scan(struct shrinker *shrinker,
				       struct shrink_control *control)
{
	struct balloon_held *held = balloon_held_of(shrinker);
	unsigned long nr = 0;
	struct page *block;

	/* Or the worker would take the same memory again. */
	WRITE_ONCE(held->pressed, true);
	while (nr < control->nr_to_scan) {
		block = balloon_held_pick(held, control->nid, false);
		if (!block)
			break;
		nr += 1UL << balloon_held_order(block);
		balloon_held_free(block, true);
	}
	control->nr_scanned = nr;
	mm_account_reclaimed_pages(nr);
	atomic_long_add(nr, &held->nr_reclaimed);
	return nr ? nr : SHRINK_STOP;
}

/**
 * balloon_held_init() - nothing is held yet
 * @held: what will be
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_held_init(struct balloon_held *held)
{
	unsigned int i;

	held->nodes = kcalloc(nr_node_ids, sizeof(*held->nodes), GFP_KERNEL);
	if (!held->nodes)
		return -ENOMEM;
	for (i = 0; i < nr_node_ids; i++)
		INIT_LIST_HEAD(&held->nodes[i].blocks);
	for (i = 0; i < ARRAY_SIZE(held->elements); i++)
		INIT_LIST_HEAD(&held->elements[i].blocks);
	spin_lock_init(&held->lock);
	return 0;
}

/**
 * balloon_held_start() - give blocks back when memory is short
 * @held: what is held
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_held_start(struct balloon_held *held)
{
	return balloon_compat_shrinker_add(&held->shrinker, "virtio-balloon-hint",
					   balloon_held_count, balloon_held_scan);
}

/**
 * balloon_held_stop() - not any more
 * @held: what is held
 *
 * Context: may sleep.
 */
void balloon_held_stop(struct balloon_held *held)
{
	balloon_compat_shrinker_remove(&held->shrinker);
}

/**
 * balloon_held_exit() - the counterpart of balloon_held_init()
 * @held: empty
 *
 * Context: remove.
 */
void balloon_held_exit(struct balloon_held *held)
{
	kfree(held->nodes);
}
