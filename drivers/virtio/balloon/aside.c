// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the balloon that are announced again, see resync.c. The kernel gives
 * balloon pages from one end of its list and puts them back there, so they are kept
 * aside until all were announced.
 *
 * They are in the balloon all the time, on their way to the host and aside: MemTotal
 * and the node's counter of balloon pages do not move. But they cannot be moved there.
 * Before Linux 6.17 they are not PageOffline either; since then a page keeps its type
 * until it is free.
 */
#include "balloon.h"

/* While pages are aside they are no less in the balloon: MemTotal stays as it is. */
static void pages_adjust_aside(struct virtio_balloon *vb, struct list_head *pages, long sign)
{
	struct page *page;

	list_for_each_entry(page, pages, lru) {
		balloon_compat_count_node(page, -sign);
		if (balloon_pages_adjust_managed(vb))
			adjust_managed_page_count(page, sign);
	}
}

/**
 * balloon_aside_take() - take pages that are aside
 * @vb: the balloon
 * @nr: how many at most
 * @pages: where they go; the caller's then
 *
 * Context: any.
 * Return: how many there were.
 */
unsigned long balloon_aside_take(struct virtio_balloon *vb, unsigned long nr,
				 struct list_head *pages)
{
	struct balloon_pages *bp = &vb->pages;
	unsigned long taken;

	spin_lock(&bp->lock);
	for (taken = 0; taken < nr && !list_empty(&bp->aside); taken++)
		list_move_tail(bp->aside.next, pages);
	bp->nr_aside -= taken;
	spin_unlock(&bp->lock);
	pages_adjust_aside(vb, pages, 1);
	return taken;
}

/**
 * balloon_pages_set_aside() - keep pages that were announced again
 * @vb: the balloon
 * @pages: of a batch of balloon_pages_announce_batch(); empty afterwards
 * @nr: how many there are
 *
 * Context: the size worker, or when it is stopped.
 */
void balloon_pages_set_aside(struct virtio_balloon *vb, struct list_head *pages, unsigned long nr)
{
	spin_lock(&vb->pages.lock);
	list_splice_tail_init(pages, &vb->pages.aside);
	vb->pages.nr_aside += nr;
	spin_unlock(&vb->pages.lock);
}

/**
 * balloon_pages_announce_batch() - tell the host of some pages in the balloon again
 * @vb: the balloon
 *
 * They go aside when it has answered.
 *
 * Context: the size worker.
 * Return: pages; 0 when there are no more; -EBUSY while the host has to answer
 *	   first.
 */
long balloon_pages_announce_batch(struct virtio_balloon *vb)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = balloon_pool_get(pool);
	struct page *page, *next;
	LIST_HEAD(pages);

	if (!batch)
		return -EBUSY;
	if (!balloon_pages_list_take(vb, balloon_element_nr_pages(vb), &pages)) {
		balloon_pool_put(pool, batch);
		return 0;
	}
	pages_adjust_aside(vb, &pages, -1);
	list_for_each_entry_safe(page, next, &pages, lru) {
		balloon_compat_hide(page);
		balloon_batch_add(vb, batch, page);
	}
	batch->again = true;
	balloon_batch_hold(pool, batch);
	balloon_batch_post(pool, batch);
	return batch->nr_pages;
}

/**
 * balloon_pages_put_back() - what is aside is as any other page in the balloon
 * @vb: the balloon
 *
 * One batch of it. A page that somebody is looking at stays aside for now, and the
 * system need not wait for it before it sleeps.
 *
 * Context: the size worker.
 * Return: how many pages were put back.
 */
unsigned long balloon_pages_put_back(struct virtio_balloon *vb)
{
	struct page *page, *next;
	unsigned long nr_busy = 0;
	LIST_HEAD(pages);
	LIST_HEAD(busy);

	if (!balloon_aside_take(vb, BALLOON_LIST_BATCH, &pages))
		return 0;
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (balloon_compat_may_enqueue(page))
			continue;
		list_move_tail(&page->lru, &busy);
		nr_busy++;
	}
	pages_adjust_aside(vb, &busy, -1);
	balloon_pages_set_aside(vb, &busy, nr_busy);
	WRITE_ONCE(vb->pages.aside_busy, list_empty(&pages));
	return balloon_pages_replace(vb, &pages);
}

/**
 * balloon_pages_unsettled() - pages that the worker is about to put back
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_pages_unsettled(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->pages.aside_busy) ? 0 : balloon_pages_aside(vb);
}

/**
 * balloon_pages_aside() - pages that were announced again and not yet put back
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_pages_aside(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->pages.nr_aside);
}
