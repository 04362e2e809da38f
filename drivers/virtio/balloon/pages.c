// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single pages in the balloon, and how they get in and out.
 *
 * A page belongs to the allocator, to one batch in flight, or to the balloon. It enters the
 * balloon only when the host has acknowledged its inflation: an inflation that the host
 * processes late would discard memory that is used again (VIRTIO 1.3, 5.5.6.1). A late
 * deflation is harmless: unless the host must be told first, a page is freed as soon as its
 * deflation is posted.
 *
 * Pages in the balloon are ordinary movable balloon pages of the kernel's list, PageOffline
 * and without marks of the driver, so that compaction, memory offlining, hibernation and
 * crash dumps recognise them.
 */
#include "balloon.h"
#include "compat/free.h"

/**
 * balloon_pages_adjust_managed() - whether ballooned pages are subtracted from MemTotal
 * @vb: the balloon
 *
 * Not with DEFLATE_ON_OOM: the guest can have that memory back when it needs it.
 *
 * Context: any.
 */
bool balloon_pages_adjust_managed(struct virtio_balloon *vb)
{
	return !virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
}

/**
 * balloon_must_tell_host() - whether pages are freed only when the host has acknowledged it
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_must_tell_host(struct virtio_balloon *vb)
{
	return virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_MUST_TELL_HOST);
}

/*
 * Adjusts the managed pages of each zone, once for each run of pages of a zone. Newer kernels
 * can do that themselves, but page by page, and they recompute the watermarks of all zones
 * each time.
 */
static unsigned long account_list(struct virtio_balloon *vb, struct list_head *pages, int sign)
{
	struct page *page, *first = NULL;
	unsigned long nr = 0;
	long run = 0;
	bool adjust = balloon_pages_adjust_managed(vb);

	list_for_each_entry(page, pages, lru) {
		nr++;
		if (!adjust)
			continue;
		if (first && page_zone(first) != page_zone(page)) {
			adjust_managed_page_count(first, sign * run);
			run = 0;
		}
		if (!run++)
			first = page;
	}
	if (run)
		adjust_managed_page_count(first, sign * run);
	return nr;
}

/**
 * balloon_pages_replace() - an acknowledged page takes the place of a moved one
 * @vb: the balloon
 * @pages: at most one batch of unlocked pages, linked by lru; empty afterwards
 *
 * The size of the balloon does not change: balloon_pages_count() counts a moving page
 * once.
 *
 * Context: may be called by several threads at once.
 * Return: how many pages there were.
 */
unsigned long balloon_pages_replace(struct virtio_balloon *vb, struct list_head *pages)
{
	unsigned long nr = account_list(vb, pages, -1);

	balloon_page_list_enqueue(&vb->pages.info, pages);
	return nr;
}

/**
 * balloon_pages_enter() - acknowledged pages become the balloon's
 * @vb: the balloon
 * @pages: at most one batch of unlocked pages, linked by lru; empty afterwards
 *
 * Context: may be called by several threads at once.
 */
void balloon_pages_enter(struct virtio_balloon *vb, struct list_head *pages)
{
	atomic_long_add(balloon_pages_replace(vb, pages), &vb->pages.nr_pages);
	WRITE_ONCE(vb->pages.fresh, true);
}

/**
 * balloon_pages_lost() - a page that left by a move will not be replaced
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_pages_lost(struct virtio_balloon *vb)
{
	atomic_long_dec(&vb->pages.nr_pages);
}

/* Corrects the node's counter for pages that the core took off its list. */
static void count_reannounced(struct list_head *pages, int sign)
{
	struct page *page;

	list_for_each_entry(page, pages, lru)
		balloon_compat_count_node(page, sign);
}

static unsigned long reannounced_take(struct balloon_pages *bp, unsigned long nr,
				      struct list_head *pages)
{
	unsigned long taken;

	spin_lock(&bp->lock);
	for (taken = 0; taken < nr && !list_empty(&bp->reannounced); taken++)
		list_move_tail(bp->reannounced.next, pages);
	bp->nr_reannounced -= taken;
	spin_unlock(&bp->lock);
	count_reannounced(pages, -1);
	return taken;
}

/**
 * balloon_pages_add_reannounced() - keep pages that were announced again
 * @vb: the balloon
 * @pages: from balloon_pages_take_announced(); empty afterwards
 * @nr: their number
 *
 * Context: the size worker, or when it is stopped.
 */
void balloon_pages_add_reannounced(struct virtio_balloon *vb, struct list_head *pages,
				   unsigned long nr)
{
	spin_lock(&vb->pages.lock);
	list_splice_tail_init(pages, &vb->pages.reannounced);
	vb->pages.nr_reannounced += nr;
	spin_unlock(&vb->pages.lock);
}

/**
 * balloon_pages_take_announced() - take pages to announce them again
 * @vb: the balloon
 * @nr: the most that are wanted, one batch
 * @pages: where they are added
 *
 * They stay in the balloon, for balloon_pages_add_reannounced().
 *
 * Context: the size worker.
 * Return: the number of pages.
 */
unsigned long balloon_pages_take_announced(struct virtio_balloon *vb, unsigned long nr,
					   struct list_head *pages)
{
	nr = balloon_page_list_dequeue(&vb->pages.info, pages, nr);
	count_reannounced(pages, 1);
	return nr;
}

/**
 * balloon_pages_put_back() - put a batch of reannounced pages on the kernel's list
 * @vb: the balloon
 *
 * A page with another reference stays for now, and a suspend does not wait for it.
 *
 * Context: the size worker.
 * Return: the number of pages that were put back.
 */
unsigned long balloon_pages_put_back(struct virtio_balloon *vb)
{
	unsigned long nr = 0, nr_busy = 0;
	struct page *page, *next;
	LIST_HEAD(pages);
	LIST_HEAD(busy);

	if (!reannounced_take(&vb->pages, BALLOON_LIST_BATCH, &pages))
		return 0;
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (balloon_compat_may_enqueue(page)) {
			nr++;
			continue;
		}
		list_move_tail(&page->lru, &busy);
		nr_busy++;
	}
	count_reannounced(&busy, 1);
	balloon_pages_add_reannounced(vb, &busy, nr_busy);
	WRITE_ONCE(vb->pages.reannounced_busy, !nr);
	balloon_page_list_enqueue(&vb->pages.info, &pages);
	return nr;
}

/*
 * Takes pages out of the balloon, one batch at most. The caller corrects the count of which
 * they are part. Returns their number.
 */
static unsigned long pages_dequeue(struct virtio_balloon *vb, unsigned long nr,
				   struct list_head *pages)
{
	if (!balloon_page_list_dequeue(&vb->pages.info, pages, nr))
		reannounced_take(&vb->pages, nr, pages);
	return account_list(vb, pages, 1);
}

/*
 * The length of the run of adjacent, ascending pages of one zone that a list begins with.
 * Their struct pages are adjacent, too: those of two memory sections need not be.
 */
static unsigned long list_run(struct list_head *pages)
{
	struct page *page, *first = list_first_entry(pages, struct page, lru);
	unsigned long pfn = page_to_pfn(first), nr = 0;

	list_for_each_entry(page, pages, lru) {
		if (page_to_pfn(page) != pfn + nr || page != first + nr ||
		    page_zone(page) != page_zone(first))
			break;
		nr++;
	}
	return nr;
}

/**
 * balloon_free_list() - free pages
 * @pages: linked by lru, with no other reference; empty afterwards
 *
 * Adjacent ones together where that is cheaper. A poisoned page is freed alone: only then
 * does the allocator keep it out of use.
 *
 * Context: any.
 */
void balloon_free_list(struct list_head *pages)
{
	while (!list_empty(pages)) {
		struct page *first = list_first_entry(pages, struct page, lru);
		unsigned long i, nr = list_run(pages);

		for (i = 0; i < nr; i++)
			list_del(pages->next);
		balloon_compat_free_run(first, nr);
	}
}

/* Frees the pages of a batch that left the balloon, except the one that is the batch. */
static void pages_free(struct virtio_balloon *vb, struct balloon_batch *batch)
{
	if (list_empty(&batch->pages))
		return;
	balloon_free_list(&batch->pages);
	atomic_long_add(batch->nr_pages - !!batch->home, &vb->pages.nr_freed);
}

/*
 * A page that can be a batch: in the kernel's direct mapping, and not poisoned. NULL if there
 * is none.
 */
static struct page *pages_pick_borrowed(struct list_head *pages)
{
	struct page *page;

	list_for_each_entry(page, pages, lru) {
		if (PageHighMem(page) || PageHWPoison(page))
			continue;
		list_del(&page->lru);
		return page;
	}
	return NULL;
}

/* As balloon_pages_deflate_batch(). */
static long pages_deflate(struct virtio_balloon *vb, struct balloon_pool *pool,
			  unsigned long nr_pages)
{
	struct balloon_batch *batch = balloon_pool_get(pool);
	struct page *page, *next;
	LIST_HEAD(pages);

	if (!batch && !pool->may_borrow)
		return -EBUSY;
	nr_pages = pages_dequeue(vb, min_t(unsigned long, nr_pages,
					   balloon_batch_nr_pages_max(vb)),
					 &pages);
	if (!nr_pages) {
		if (batch)
			balloon_pool_put(pool, batch);
		return -EAGAIN;
	}
	atomic_long_sub(nr_pages, &vb->pages.nr_pages);
	if (!batch) {
		page = pages_pick_borrowed(&pages);
		if (!page) {
			balloon_pages_enter(vb, &pages);
			return -EBUSY;
		}
		batch = balloon_batch_borrow(vb, page);
	}
	list_for_each_entry_safe(page, next, &pages, lru)
		balloon_batch_add(vb, batch, page);

	balloon_batch_commit(pool, batch);
	balloon_batch_post(pool, batch);
	if (!balloon_must_tell_host(vb))
		pages_free(vb, batch);
	return nr_pages;
}

/**
 * balloon_free_block() - free a block
 * @block: its first page, as it was allocated
 * @order: its order
 *
 * A block with a poisoned page is freed page by page, so that the allocator keeps that
 * page out of use. It does not look at the pages of a block.
 *
 * Context: any.
 */
void balloon_free_block(struct page *block, unsigned int order)
{
	unsigned long i, nr = 1UL << order;

	for (i = 0; i < nr && !PageHWPoison(block + i); i++)
		;
	if (i == nr) {
		__free_pages(block, order);
		return;
	}
	split_page(block, order);
	for (i = 0; i < nr; i++)
		__free_page(block + i);
}

/**
 * balloon_pages_deflate_batch() - deflate one batch
 * @vb: the balloon
 * @pool: batches of the deflate queue
 * @nr_pages: pages at most, at least one
 *
 * Allocates nothing. The pages are free when this returns, or, with
 * VIRTIO_BALLOON_F_MUST_TELL_HOST, when the host has acknowledged.
 *
 * Context: the pool's user.
 * Return: pages that left the balloon; -EBUSY until the host completes a batch; -EAGAIN
 *	   when there are no pages, or compaction has isolated all of them.
 */
long balloon_pages_deflate_batch(struct virtio_balloon *vb, struct balloon_pool *pool,
				 unsigned long nr_pages)
{
	long rc;

	/* Pages on the list may be orphaned, and are not in the balloon then. */
	if (balloon_pages_orphaned(vb))
		return -EAGAIN;
	atomic_inc(&vb->pages.nr_leaving);
	rc = pages_deflate(vb, pool, nr_pages);
	atomic_dec(&vb->pages.nr_leaving);
	return rc;
}

/**
 * balloon_pages_settle_deflated() - take in completed deflation
 * @pool: batches of the deflate queue
 *
 * Context: the pool's user; or, after balloon_queues_cancel(), when it is stopped.
 */
void balloon_pages_settle_deflated(struct balloon_pool *pool)
{
	struct virtio_balloon *vb = pool->stream.queue->vb;
	struct balloon_batch *batch;

	while ((batch = balloon_pool_take(pool))) {
		pages_free(vb, batch);
		balloon_pool_put(pool, batch);
	}
}

/* Acknowledged pages enter the balloon; cancelled ones are freed. */
static void pages_settle_inflated(struct virtio_balloon *vb, bool cancelled)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch;

	while ((batch = balloon_pool_take(pool))) {
		if (batch->reannounced)
			balloon_pages_add_reannounced(vb, &batch->pages, batch->nr_pages);
		else if (cancelled)
			balloon_free_list(&batch->pages);
		else
			balloon_pages_enter(vb, &batch->pages);
		balloon_pool_put(pool, batch);
	}
}

/**
 * balloon_pages_settle() - take in completed inflation and deflation
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_pages_settle(struct virtio_balloon *vb)
{
	pages_settle_inflated(vb, false);
	balloon_pages_settle_deflated(&vb->pages.deflate);
	/* If the OOM notifier has the lock, it does that itself. */
	if (vb->pages.oom.stream.queue && mutex_trylock(&vb->pages.oom_lock)) {
		balloon_pages_settle_deflated(&vb->pages.oom);
		mutex_unlock(&vb->pages.oom_lock);
	}
}

/**
 * balloon_pages_release() - take back all batches in flight
 * @vb: the balloon
 *
 * Pages on their way in and out are freed. Pages that were being reannounced stay in the
 * balloon.
 *
 * Context: the device is reset and its queues cancelled, so that the host can no longer
 *	    discard anything.
 */
void balloon_pages_release(struct virtio_balloon *vb)
{
	struct balloon_pages *pages = &vb->pages;

	pages_settle_inflated(vb, true);
	balloon_pages_settle_deflated(&pages->deflate);
	if (pages->oom.stream.queue)
		balloon_pages_settle_deflated(&pages->oom);
	pages->inflate.nr_unkicked = 0;
	pages->deflate.nr_unkicked = 0;
	pages->oom.nr_unkicked = 0;
}

/**
 * balloon_pages_count() - pages in the balloon
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_pages_count(struct virtio_balloon *vb)
{
	return atomic_long_read(&vb->pages.nr_pages);
}

/**
 * balloon_pages_orphaned() - pages that are freed when compaction puts them back
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_pages_orphaned(struct virtio_balloon *vb)
{
	return atomic_long_read(&vb->pages.nr_orphaned);
}

/**
 * balloon_pages_deflating() - pages whose deflation is not yet acknowledged
 * @vb: the balloon
 *
 * Context: any; exact in the size worker.
 */
unsigned long balloon_pages_deflating(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->pages.deflate.nr_pages_in_flight) +
	       READ_ONCE(vb->pages.oom.nr_pages_in_flight);
}

/**
 * balloon_pages_freed_unacked() - whether the deflation of freed pages is in flight
 * @vb: the balloon
 *
 * Unless the host must be told first, a page is free before the host has completed its
 * deflation. Code that names free memory on another queue must wait: the host could process
 * the two in the wrong order. Memory that was allocated before this returns false is safe.
 *
 * Context: any.
 */
bool balloon_pages_freed_unacked(struct virtio_balloon *vb)
{
	return !balloon_must_tell_host(vb) && balloon_pages_deflating(vb);
}

/**
 * balloon_pages_empty() - empty the balloon without telling the host
 * @vb: the balloon
 *
 * Pages that compaction has isolated become orphaned: the thread that has them may be
 * frozen, so this does not wait for it.
 *
 * Context: as for balloon_pages_release(), or the host never knew of the pages; no
 *	    page enters the balloon meanwhile; may sleep.
 */
void balloon_pages_empty(struct virtio_balloon *vb)
{
	struct balloon_pages *pages = &vb->pages;
	unsigned long nr;

	for (;;) {
		LIST_HEAD(list);

		nr = pages_dequeue(vb, BALLOON_LIST_BATCH, &list);
		if (!nr)
			break;
		atomic_long_sub(nr, &pages->nr_pages);
		balloon_free_list(&list);
		cond_resched();
	}
	atomic_long_add(atomic_long_xchg(&pages->nr_pages, 0), &pages->nr_orphaned);
}

/**
 * balloon_pages_release_orphaned() - free orphaned pages that compaction has put back
 * @vb: the balloon
 *
 * Context: the balloon is empty, and stays so while there are orphaned pages.
 * Return: whether there were any.
 */
bool balloon_pages_release_orphaned(struct virtio_balloon *vb)
{
	unsigned long nr = min_t(unsigned long, balloon_pages_orphaned(vb), BALLOON_LIST_BATCH);
	LIST_HEAD(list);

	if (!nr)
		return false;
	nr = pages_dequeue(vb, nr, &list);
	atomic_long_sub(nr, &vb->pages.nr_orphaned);
	balloon_free_list(&list);
	return nr > 0;
}

/**
 * balloon_pages_init() - allocate the pools
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_pages_init(struct virtio_balloon *vb)
{
	struct balloon_queue *deflate = &vb->queues[BALLOON_QUEUE_DEFLATE];
	struct balloon_pages *pages = &vb->pages;
	int err;

	INIT_LIST_HEAD(&pages->reannounced);
	spin_lock_init(&pages->lock);
	mutex_init(&pages->oom_lock);
	balloon_devinfo_init(&pages->info);
	err = balloon_pool_init(&pages->inflate, &vb->queues[BALLOON_QUEUE_INFLATE], &vb->worker);
	if (!err)
		err = balloon_pool_init(&pages->deflate, deflate, &vb->worker);
	if (!err && virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM))
		err = balloon_pool_init(&pages->oom, deflate, &vb->worker);
	if (err)
		balloon_pages_exit(vb);
	pages->oom.may_borrow = !balloon_must_tell_host(vb);
	return err;
}

/**
 * balloon_pages_exit() - free what balloon_pages_init() allocated
 * @vb: the balloon, empty
 *
 * Context: remove; may sleep.
 */
void balloon_pages_exit(struct virtio_balloon *vb)
{
	balloon_pool_exit(&vb->pages.oom);
	balloon_pool_exit(&vb->pages.deflate);
	balloon_pool_exit(&vb->pages.inflate);
}
