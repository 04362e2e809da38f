// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory for the balloon comes from.
 *
 * The largest blocks that lie there are taken first, then smaller ones, then single
 * pages. In a guest with several nodes each piece is taken from the one that has most
 * free memory, so that they all shrink alike: the host names a size, and no node.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "balloon.h"
#include "compat/compat.h"

/*
 * Memory for the balloon is never worth the reserves, an OOM kill or a warning.
 * Blocks are taken as they lie there; only single pages are reclaimed for.
 */
#define BALLOON_GFP_COMMON	(__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN)
/* As balloon_page_alloc() has it, which takes no node. */
#define BALLOON_GFP_PAGE	(BALLOON_COMPAT_GFP | BALLOON_GFP_COMMON)
#define BALLOON_GFP_MOVABLE	(BALLOON_GFP_PAGE & ~__GFP_RECLAIM)
/* Blocks that stay whole cannot be moved. */
#define BALLOON_GFP_BLOCK	((GFP_HIGHUSER | BALLOON_GFP_COMMON) & \
				 ~__GFP_RECLAIM)

/* The largest block worth taking: one discard's worth. */
#define BALLOON_BLOCK_ORDER_MAX	\
	min(BALLOON_COMPAT_MAX_ORDER, get_order(BALLOON_DISCARD_BYTES))

/**
 * balloon_take_try_large() - look for the largest blocks again
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_take_try_large(struct virtio_balloon *vb)
{
	vb->take.order = ilog2(balloon_element_nr_pages(vb));
	vb->take.block_order = BALLOON_BLOCK_ORDER_MAX;
}

/*
 * What allocations with these flags may take of a zone before the kernel would begin to
 * reclaim there, in pages. Memory for CMA is free for others only as long as they move.
 */
static unsigned long balloon_take_zone_spare(struct zone *zone,
					     enum zone_type highest, bool movable)
{
	unsigned long nr_free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long nr_kept = high_wmark_pages(zone) +
				zone->lowmem_reserve[highest];

	if (!movable)
		nr_kept += zone_page_state(zone, NR_FREE_CMA_PAGES);
	return nr_free > nr_kept ? nr_free - nr_kept : 0;
}

static unsigned long balloon_take_node_spare(int node, gfp_t gfp)
{
	struct zone *zones = NODE_DATA(node)->node_zones;
	enum zone_type i, highest = gfp_zone(gfp);
	unsigned long nr = 0;

	for (i = 0; i <= highest; i++)
		nr += balloon_take_zone_spare(&zones[i], highest,
					      !!(gfp & __GFP_MOVABLE));
	return nr;
}

/**
 * balloon_take_spare() - free memory that the kernel does not want to keep
 * @gfp: flags of the allocations that may take it
 *
 * Not that of zones which such allocations cannot have.
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_take_spare(gfp_t gfp)
{
	unsigned long nr = 0;
	int node;

	for_each_online_node(node)
		nr += balloon_take_node_spare(node, gfp);
	return nr;
}

/*
 * Begin with the node that has most to spare now. Where it has no block of the wanted
 * size, or no page, the others are asked as well.
 */
static void balloon_take_choose_node(struct virtio_balloon *vb, gfp_t gfp)
{
	unsigned long nr, most = 0;
	int node;

	vb->take.node = NUMA_NO_NODE;
	if (num_node_state(N_MEMORY) == 1)
		return;
	for_each_node_state(node, N_MEMORY) {
		nr = balloon_take_node_spare(node, gfp);
		if (nr > most) {
			most = nr;
			vb->take.node = node;
		}
	}
}

static bool balloon_take_fits(struct page *page, unsigned int order)
{
	return balloon_pfn_fits(page_to_pfn(page) + (1UL << order) - 1,
				PAGE_SHIFT);
}

/**
 * balloon_take_pages() - one block, split into pages that can be moved
 * @vb: the balloon
 * @nr_room: pages at most
 * @order: of the block
 *
 * An order that is not to be had is not tried again before balloon_take_try_large().
 *
 * Context: the size worker, without locks: single pages are reclaimed for, and
 *	    reclaim may come back to the balloon.
 * Return: the first page, or NULL if there is none that the device could name.
 */
struct page *balloon_take_pages(struct virtio_balloon *vb, unsigned int nr_room,
				unsigned int *order)
{
	struct balloon_take *take = &vb->take;
	struct page *page;

	balloon_take_choose_node(vb, BALLOON_GFP_MOVABLE);
	for (;;) {
		*order = min_t(unsigned int, take->order, ilog2(nr_room));
		if (!*order) {
			page = alloc_pages_node(take->node, BALLOON_GFP_PAGE, 0);
			break;
		}
		page = alloc_pages_node(take->node, BALLOON_GFP_MOVABLE, *order);
		if (page)
			break;
		take->order = *order - 1;
	}
	if (!page)
		return NULL;
	if (!balloon_take_fits(page, *order)) {
		__free_pages(page, *order);
		return NULL;
	}
	balloon_histogram_count(&take->orders, *order);
	if (*order)
		split_page(page, *order);
	return page;
}

/**
 * balloon_take_block() - the largest block there is, to be kept whole
 * @vb: the balloon
 * @nr_pages: its size at most
 *
 * Context: the size worker.
 * Blocks that stay whole come from zones that the kernel needs for itself, where it
 * keeps the floor and what it wants to have free.
 *
 * Return: its first page, whose private field is the order; NULL if there is no
 *	   block of BALLOON_BLOCK_ORDER_MIN or more that may be had.
 */
struct page *balloon_take_block(struct virtio_balloon *vb,
				unsigned long nr_pages)
{
	struct balloon_take *take = &vb->take;
	unsigned int order;
	struct page *page;

	balloon_take_choose_node(vb, BALLOON_GFP_BLOCK);
	for (;;) {
		order = min_t(unsigned int, take->block_order, ilog2(nr_pages));
		if (order < BALLOON_BLOCK_ORDER_MIN)
			return NULL;
		if (balloon_take_spare(BALLOON_GFP_BLOCK) <
		    balloon_floor(vb) + (1UL << order)) {
			take->block_order = order - 1;
			continue;
		}
		page = alloc_pages_node(take->node, BALLOON_GFP_BLOCK, order);
		if (page)
			break;
		take->block_order = order - 1;
	}
	if (!balloon_take_fits(page, order)) {
		__free_pages(page, order);
		return NULL;
	}
	balloon_histogram_count(&take->orders, order);
	set_page_private(page, order);
	return page;
}

static u64 balloon_take_order_of(unsigned int slot)
{
	return slot;
}

/**
 * balloon_take_show_orders() - in what blocks the allocator had memory
 * @file: debugfs
 * @vb: the balloon
 *
 * A line for each order of which a block was taken, and how many were.
 *
 * Context: may sleep; takes no lock.
 */
void balloon_take_show_orders(struct seq_file *file, struct virtio_balloon *vb)
{
	balloon_histogram_show(file, "order", &vb->take.orders,
			       balloon_take_order_of);
}
