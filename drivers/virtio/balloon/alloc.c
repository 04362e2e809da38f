// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where memory for the balloon comes from.
 *
 * Free memory is of two kinds. Fragments are free pieces smaller than a block
 * (BALLOON_BLOCK_ORDER_MIN): that memory was used, so the host has pages for it, free page
 * reporting cannot return it, and the guest cannot use it as a huge page. Whole blocks are
 * the guest's supply of huge pages, and the host may have no page for them. So the balloon
 * takes, in this order:
 *
 * 1. fragments, the largest first, as long as they last;
 * 2. whole blocks;
 * 3. single pages, for which the kernel reclaims.
 *
 * take=blocks omits step 1, for hosts that back the guest with hugetlbfs: they get back
 * whole blocks or nothing.
 *
 * Inflation is balanced across NUMA nodes: each piece comes from the node with the most
 * free memory.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sizes.h>

#include "balloon.h"
#include "compat/compat.h"
#include "param.h"

/*
 * Allocations for the balloon use no reserves, and cause no OOM kill and no warning.
 * Only single pages are reclaimed for.
 */
#define BALLOON_GFP_COMMON	(__GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN)
/* The flags of balloon_page_alloc(), which takes no node. */
#define BALLOON_GFP_PAGE	(BALLOON_COMPAT_GFP | BALLOON_GFP_COMMON)
#define BALLOON_GFP_MOVABLE	(BALLOON_GFP_PAGE & ~__GFP_RECLAIM)
/* Blocks that stay whole cannot be moved. */
#define BALLOON_GFP_BLOCK	((GFP_HIGHUSER | BALLOON_GFP_COMMON) & \
				 ~__GFP_RECLAIM)

/* The largest block worth taking: one discard's worth. */
#define BALLOON_BLOCK_ORDER_MAX	\
	min(BALLOON_COMPAT_MAX_ORDER, get_order(BALLOON_DISCARD_BYTES))

/*
 * Fragments of one order that stay in each zone, in pages: a block's worth. The kernel's
 * next small allocations find them and split no block. Only small orders need this: the
 * kernel refills its per-CPU lists with several of them, and splits a block if there are
 * too few.
 */
#define BALLOON_FRAGMENT_STOCK	BIT(BALLOON_BLOCK_ORDER_MIN)

/* Single pages that are allocated in one go: an array of them fits the stack. */
#define BALLOON_ALLOC_BULK	32U

static const char * const balloon_alloc_names[] = { "fragments", "blocks", NULL };

enum { BALLOON_ALLOC_FRAGMENTS, BALLOON_ALLOC_BLOCKS };

static struct balloon_choice balloon_alloc_first = { balloon_alloc_names, BALLOON_ALLOC_FRAGMENTS };

module_param_cb(take, &balloon_choice_ops, &balloon_alloc_first, 0644);
MODULE_PARM_DESC(take,
		 "Which free memory goes first: 'fragments' (default: pieces smaller than a huge page, so that the guest keeps its huge pages and the host gets memory that it really holds) or 'blocks' (for hosts that back the guest with hugetlbfs, which get back whole huge pages only)");

/**
 * balloon_alloc_name() - which memory is taken first, as one word
 *
 * Context: any.
 */
const char *balloon_alloc_name(void)
{
	return balloon_alloc_names[balloon_choice(&balloon_alloc_first)];
}

/**
 * balloon_alloc_restart() - try fragments and the largest blocks again
 * @vb: the balloon
 * @nr_floor: pages that blocks which stay whole leave in the zones that they come from
 *
 * Context: the size worker.
 */
void balloon_alloc_restart(struct virtio_balloon *vb, unsigned long nr_floor)
{
	vb->alloc.nr_floor = nr_floor;
	vb->alloc.fragments = balloon_choice(&balloon_alloc_first) == BALLOON_ALLOC_FRAGMENTS;
	vb->alloc.fragment_list = 0;
	vb->alloc.fragment_order = BALLOON_BLOCK_ORDER_MIN - 1;
	vb->alloc.order = BALLOON_BLOCK_ORDER_MIN;
	vb->alloc.block_order = BALLOON_BLOCK_ORDER_MAX;
}

/*
 * Pages that allocations with these flags can take from a zone before the kernel begins to
 * reclaim there. Only movable allocations can have CMA memory.
 */
static unsigned long alloc_zone_spare(struct zone *zone, enum zone_type highest, bool movable)
{
	unsigned long nr_free = zone_page_state(zone, NR_FREE_PAGES);
	unsigned long nr_kept = high_wmark_pages(zone) + zone->lowmem_reserve[highest];

	if (!movable)
		nr_kept += zone_page_state(zone, NR_FREE_CMA_PAGES);
	return nr_free > nr_kept ? nr_free - nr_kept : 0;
}

static unsigned long alloc_node_spare(int node, gfp_t gfp)
{
	struct zone *zones = NODE_DATA(node)->node_zones;
	enum zone_type i, highest = gfp_zone(gfp);
	unsigned long nr = 0;

	for (i = 0; i <= highest; i++)
		nr += alloc_zone_spare(&zones[i], highest, !!(gfp & __GFP_MOVABLE));
	return nr;
}

/**
 * balloon_alloc_spare() - free memory above the high watermarks
 * @gfp: flags of the allocations that may take it
 *
 * Only zones that such allocations can use count.
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_alloc_spare(gfp_t gfp)
{
	unsigned long nr = 0;
	int node;

	for_each_online_node(node)
		nr += alloc_node_spare(node, gfp);
	return nr;
}

/**
 * balloon_alloc_whole() - free memory in whole blocks
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_alloc_whole(void)
{
	unsigned long nr = 0;
	int node, order, i;

	for_each_online_node(node)
		for (i = 0; i < MAX_NR_ZONES; i++)
			for (order = BALLOON_BLOCK_ORDER_MIN;
			     order <= BALLOON_COMPAT_MAX_ORDER; order++)
				nr += READ_ONCE(NODE_DATA(node)->node_zones[i]
						.free_area[order].nr_free) << order;
	return nr;
}

/*
 * Prefers the node that has the most to spare. The allocator falls back to other nodes.
 */
static void alloc_choose_node(struct virtio_balloon *vb, gfp_t gfp)
{
	unsigned long nr, most = 0;
	int node;

	vb->alloc.node = NUMA_NO_NODE;
	if (num_node_state(N_MEMORY) == 1)
		return;
	for_each_node_state(node, N_MEMORY) {
		nr = alloc_node_spare(node, gfp);
		if (nr > most) {
			most = nr;
			vb->alloc.node = node;
		}
	}
}

/* Whether the device can name a block. Frees it if not. */
static bool alloc_fits(struct page *page, unsigned int order)
{
	if (balloon_pfn_fits(page_to_pfn(page) + (1UL << order) - 1, PAGE_SHIFT))
		return true;
	__free_pages(page, order);
	return false;
}

/*
 * Counts an allocation, splits it into pages and adds them to a list. Returns the number of
 * pages: 0 for NULL, and for memory that the device cannot name.
 */
static unsigned int alloc_accept(struct balloon_alloc *alloc, struct page *page,
				 unsigned int order, struct list_head *pages)
{
	unsigned int i;

	if (!page || !alloc_fits(page, order))
		return 0;
	balloon_histogram_count(&alloc->orders, order);
	if (order)
		split_page(page, order);
	for (i = 0; i < 1U << order; i++)
		list_add_tail(&page[i].lru, pages);
	return 1U << order;
}

/*
 * The free lists that fragments are taken from, one after the other, with the flags of an
 * allocation that the kernel serves from them first. Memory that programs have used, and
 * that the host has, is in the first. Fragments in pageblocks for unmovable and reclaimable
 * memory can never become a huge page. Their small ones are left to the kernel, which would
 * convert another pageblock to get more.
 */
static const struct balloon_fragment_list {
	enum migratetype type;
	gfp_t gfp;
	int min_order;
} balloon_fragment_lists[] = {
#ifdef BALLOON_MIGRATION
	{ MIGRATE_MOVABLE, __GFP_MOVABLE, 0 },
#endif
	{ MIGRATE_RECLAIMABLE, __GFP_RECLAIMABLE, PAGE_ALLOC_COSTLY_ORDER + 1 },
	{ MIGRATE_UNMOVABLE, 0, PAGE_ALLOC_COSTLY_ORDER + 1 },
};

/* The flags with which the allocator tries this zone first. */
static gfp_t alloc_zone_gfp(enum zone_type zone)
{
	switch (zone) {
#ifdef CONFIG_ZONE_DMA
	case ZONE_DMA:
		return __GFP_DMA;
#endif
#ifdef CONFIG_ZONE_DMA32
	case ZONE_DMA32:
		return __GFP_DMA32;
#endif
#ifdef CONFIG_HIGHMEM
	case ZONE_HIGHMEM:
		return __GFP_HIGHMEM;
#endif
	case ZONE_MOVABLE:
		return __GFP_HIGHMEM;
	default:
		return 0;
	}
}

/*
 * Whether a piece of this order is available without splitting a block. Reads without the
 * zone's lock: a wrong guess costs a few blocks. Per-CPU lists do not count: the kernel
 * refills them from blocks, so they would never be empty.
 */
static bool alloc_has_fragment(struct zone *zone, unsigned int order,
			       const struct balloon_fragment_list *list)
{
	struct free_area *area = &zone->free_area[order];

	if (list_empty(&area->free_list[list->type]))
		return false;
	return order > PAGE_ALLOC_COSTLY_ORDER ||
	       READ_ONCE(area->nr_free) << order > BALLOON_FRAGMENT_STOCK;
}

/* Allocates one fragment, or several single pages. Returns the number of pages. */
static unsigned int alloc_piece_of(struct balloon_alloc *alloc, gfp_t gfp, int node,
				   unsigned int order, unsigned int nr_room,
			       struct list_head *pages)
{
	struct page *bulk[BALLOON_ALLOC_BULK] = {};
	unsigned int i, nr;

	if (order)
		return alloc_accept(alloc, alloc_pages_node(node, gfp, order), order, pages);
	nr = balloon_compat_alloc_bulk(gfp, node, min(nr_room, BALLOON_ALLOC_BULK), bulk);
	nr_room = 0;
	for (i = 0; i < nr; i++)
		nr_room += alloc_accept(alloc, bulk[i], 0, pages);
	return nr_room;
}

static unsigned int alloc_zone_fragment(struct balloon_alloc *alloc,
					struct zone *zone, unsigned int nr_room,
				       struct list_head *pages)
{
	const struct balloon_fragment_list *list = &balloon_fragment_lists[alloc->fragment_list];
	unsigned int order = min_t(unsigned int, alloc->fragment_order, ilog2(nr_room));
	enum zone_type highest = gfp_zone(BALLOON_GFP_MOVABLE);
	gfp_t gfp = list->gfp | alloc_zone_gfp(zone_idx(zone));

	/* Allocations that are not movable cannot use ZONE_MOVABLE. */
	if (gfp_zone(gfp) < zone_idx(zone) ||
	    !alloc_has_fragment(zone, alloc->fragment_order, list) ||
	    alloc_zone_spare(zone, highest, true) < nr_room)
		return 0;
	return alloc_piece_of(alloc, gfp | __GFP_THISNODE | BALLOON_GFP_COMMON,
			  zone_to_nid(zone), order, nr_room, pages);
}

static unsigned int alloc_node_fragment(struct balloon_alloc *alloc, int node, unsigned int nr_room,
					struct list_head *pages)
{
	struct zone *zones = NODE_DATA(node)->node_zones;
	unsigned int nr = 0;
	int i;

	for (i = MAX_NR_ZONES - 1; i >= 0 && !nr; i--)
		nr = alloc_zone_fragment(alloc, &zones[i], nr_room, pages);
	return nr;
}

/* The next order down, then the next list; false when all were tried. */
static bool alloc_next_fragments(struct balloon_alloc *alloc)
{
	if (--alloc->fragment_order >= balloon_fragment_lists[alloc->fragment_list].min_order)
		return true;
	alloc->fragment_order = BALLOON_BLOCK_ORDER_MIN - 1;
	return ++alloc->fragment_list < ARRAY_SIZE(balloon_fragment_lists);
}

/* Fragments, of the preferred node if it has some. */
static unsigned int alloc_fragments(struct balloon_alloc *alloc, unsigned int nr_room,
				    struct list_head *pages)
{
	unsigned int nr = 0;
	int node;

	do {
		if (alloc->node != NUMA_NO_NODE)
			nr = alloc_node_fragment(alloc, alloc->node, nr_room, pages);
		if (nr)
			return nr;
		for_each_node_state(node, N_MEMORY) {
			nr = alloc_node_fragment(alloc, node, nr_room, pages);
			if (nr)
				return nr;
		}
	} while (alloc_next_fragments(alloc));
	alloc->fragments = false;
	return 0;
}

/* A piece of the largest order that is available. */
static unsigned int alloc_piece(struct balloon_alloc *alloc, unsigned int nr_room,
				struct list_head *pages)
{
	unsigned int order;
	struct page *page;

	for (;;) {
		order = min_t(unsigned int, alloc->order, ilog2(nr_room));
		page = alloc_pages_node(alloc->node, order ? BALLOON_GFP_MOVABLE :
					BALLOON_GFP_PAGE, order);
		if (page || !order)
			return alloc_accept(alloc, page, order, pages);
		alloc->order = order - 1;
	}
}

/**
 * balloon_alloc_pages() - allocate movable pages
 * @vb: the balloon
 * @nr_room: the most that are wanted
 * @pages: where they are added, linked by lru; those of a block or fragment ascending
 *
 * Fragments as long as @vb->alloc.fragments is set. It is cleared, and nothing returned,
 * when there are no more. After that one block, or the largest piece that is available. An
 * order that is not available is not tried again before balloon_alloc_restart().
 *
 * Context: the size worker, without locks: single pages are reclaimed for, and
 *	    reclaim may come back to the balloon.
 * Return: the number of pages; 0 if there are none that the device can name.
 */
unsigned int balloon_alloc_pages(struct virtio_balloon *vb, unsigned int nr_room,
				 struct list_head *pages)
{
	alloc_choose_node(vb, BALLOON_GFP_MOVABLE);
	return vb->alloc.fragments ? alloc_fragments(&vb->alloc, nr_room, pages) :
		alloc_piece(&vb->alloc, nr_room, pages);
}

/**
 * balloon_alloc_split_block() - allocate a block of BALLOON_BLOCK_ORDER_MIN and split it
 * @vb: the balloon
 * @pages: where its pages are added, linked by lru, ascending
 *
 * Context: the size worker.
 * Return: whether there was one.
 */
bool balloon_alloc_split_block(struct virtio_balloon *vb, struct list_head *pages)
{
	const unsigned int order = BALLOON_BLOCK_ORDER_MIN;
	struct balloon_alloc *alloc = &vb->alloc;
	struct page *block;

	if (alloc->order < order)
		return false;
	alloc_choose_node(vb, BALLOON_GFP_MOVABLE);
	block = alloc_pages_node(alloc->node, BALLOON_GFP_MOVABLE, order);
	if (!block)
		alloc->order = order - 1;
	return alloc_accept(alloc, block, order, pages);
}

/**
 * balloon_alloc_block() - allocate the largest block, to be kept whole
 * @vb: the balloon
 * @nr_pages: its size at most
 *
 * Blocks that stay whole are unmovable: they come from zones that the kernel needs for
 * itself. So they leave the floor and the high watermarks there.
 *
 * Context: the size worker.
 * Return: its first page, whose private field is the order; NULL if no block of
 *	   BALLOON_BLOCK_ORDER_MIN or more may be taken.
 */
struct page *balloon_alloc_block(struct virtio_balloon *vb, unsigned long nr_pages)
{
	struct balloon_alloc *alloc = &vb->alloc;
	unsigned int order;
	struct page *page;

	alloc_choose_node(vb, BALLOON_GFP_BLOCK);
	for (;;) {
		order = min_t(unsigned int, alloc->block_order, ilog2(nr_pages));
		if (order < BALLOON_BLOCK_ORDER_MIN)
			return NULL;
		if (balloon_alloc_spare(BALLOON_GFP_BLOCK) < alloc->nr_floor + (1UL << order)) {
			alloc->block_order = order - 1;
			continue;
		}
		page = alloc_pages_node(alloc->node, BALLOON_GFP_BLOCK, order);
		if (page)
			break;
		alloc->block_order = order - 1;
	}
	if (!alloc_fits(page, order))
		return NULL;
	balloon_histogram_count(&alloc->orders, order);
	set_page_private(page, order);
	return page;
}
