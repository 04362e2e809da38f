/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Freeing adjacent single pages. The allocator spends most of the time on joining them one by
 * one.
 *
 * Newer kernels free such a range in blocks, except pages that are poisoned or have other
 * references. In older ones the function of that name goes page by page, and warns of other
 * references.
 */
#ifndef BALLOON_COMPAT_FREE_H
#define BALLOON_COMPAT_FREE_H

#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/page_ref.h>

#include "compat.h"

#if defined(BALLOON_HAVE_FREE_RANGE) && defined(CONFIG_CONTIG_ALLOC)
static inline void balloon_compat_free_run(struct page *first, unsigned long nr)
{
	free_contig_range(page_to_pfn(first), nr);
}
#else
/*
 * The largest block to join pages to: it goes to one free list, that of its first pageblock.
 * Pages are not joined where the kernel accounts each allocation and must free it as it was
 * allocated, nor where a movable page has a type until the allocator frees it.
 */
#if defined(CONFIG_MEM_ALLOC_PROFILING) || defined(BALLOON_HAVE_STICKY_TYPE) || \
	(defined(CONFIG_PAGE_OWNER) && defined(BALLOON_HAVE_PAGE_OWNER_STACKS))
#define BALLOON_COMPAT_JOIN_ORDER_MAX	0
#else
#define BALLOON_COMPAT_JOIN_ORDER_MAX	\
	min3((int)pageblock_order, (int)get_order(SZ_2M), (int)BALLOON_COMPAT_MAX_ORDER)
#endif

/*
 * Drops the last reference of each page, so that they are a block as the allocator returns
 * one. Fails if a page has another reference for a moment, or is poisoned: a poisoned page
 * must be freed alone, so that the allocator keeps it out of use.
 */
static inline bool balloon_compat_join(struct page *first, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr && !PageHWPoison(first + i); i++)
		if (!page_ref_freeze(first + i, 1))
			break;
	if (i < nr) {
		while (i--)
			page_ref_unfreeze(first + i, 1);
		return false;
	}
	/* The allocator does that only for the first page of a block. */
	for (i = 0; i < nr; i++)
		balloon_compat_hide(first + i);
	page_ref_unfreeze(first, 1);
	return true;
}

static inline void balloon_compat_free_run(struct page *first, unsigned long nr)
{
	while (nr) {
		unsigned long pfn = page_to_pfn(first), i, piece;
		unsigned int order = min_t(unsigned int, ilog2(nr), BALLOON_COMPAT_JOIN_ORDER_MAX);

		if (pfn)
			order = min_t(unsigned int, order, __ffs(pfn));
		piece = 1UL << order;
		if (order && balloon_compat_join(first, piece))
			__free_pages(first, order);
		else
			for (i = 0; i < piece; i++)
				put_page(first + i);
		first += piece;
		nr -= piece;
	}
}
#endif

#endif /* BALLOON_COMPAT_FREE_H */
