/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's flag of reported blocks: set on the first page of each free block that was
 * reported, until the block is allocated.
 */
#ifndef BALLOON_COMPAT_REPORTED_H
#define BALLOON_COMPAT_REPORTED_H

#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched.h>

#if defined(CONFIG_PAGE_REPORTING) && defined(BALLOON_HAVE_REPORTED_FLAG)
#define BALLOON_COMPAT_FORGETS	true

/*
 * mm/page_reporting.c sets the flag with the zone's lock held, on the first page of a
 * block that is in the buddy lists; mm/page_alloc.c clears it with the same lock, when
 * it takes the block off its list. Nothing counts the flags. Checked with 6.1, 6.6,
 * 6.12 and 7.3.
 */
static inline void balloon_compat_forget_block(struct zone *zone, struct page *page)
{
	unsigned long flags;

	if (!PageBuddy(page) || !PageReported(page) || page_zone(page) != zone)
		return;
	spin_lock_irqsave(&zone->lock, flags);
	if (PageBuddy(page) && PageReported(page))
		__ClearPageReported(page);
	spin_unlock_irqrestore(&zone->lock, flags);
}

static inline void balloon_compat_forget_zone(struct zone *zone, unsigned int order)
{
	unsigned long pfn = ALIGN_DOWN(zone->zone_start_pfn, 1UL << order);

	for (; pfn < zone_end_pfn(zone); pfn += 1UL << order) {
		struct page *page = pfn_to_online_page(pfn);

		if (page)
			balloon_compat_forget_block(zone, page);
		cond_resched();
	}
}

/*
 * Has all free memory reported again. @order: the order of the smallest blocks that the
 * kernel reports. One block at a time: interrupts are off for a few instructions.
 */
static inline void balloon_compat_forget_reported(unsigned int order)
{
	int node, i;

	for_each_online_node(node)
		for (i = 0; i < MAX_NR_ZONES; i++)
			balloon_compat_forget_zone(&NODE_DATA(node)->node_zones[i], order);
}
#else
#define BALLOON_COMPAT_FORGETS	false

static inline void balloon_compat_forget_reported(unsigned int order)
{
}
#endif

#endif /* BALLOON_COMPAT_REPORTED_H */
