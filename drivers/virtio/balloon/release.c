// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ways out of the balloon that are not a smaller target: when the driver goes
 * and the host is told as long as it listens, and when the device was reset and
 * there is nobody to be told.
 *
 * A reporting queue that broke is one of them: what it has comes back after the reset,
 * and the rest is told by number.
 *
 * Only a device that was reset can be trusted to discard nothing any more: what it
 * has not acknowledged is free after that and not before.
 */
#include "balloon.h"

/*
 * Telling a healthy host that a driver goes takes milliseconds. One that has
 * been silent for the first time, or is busy for longer than the second, gets
 * a reset instead.
 */
#define BALLOON_RETURN_SILENCE	HZ
#define BALLOON_RETURN_TIMEOUT	(5 * HZ)

/**
 * balloon_pages_return() - deflate everything, as long as the host answers
 * @vb: the balloon
 *
 * Context: the driver goes, the size worker is stopped; sleeps for at most
 *	    BALLOON_RETURN_TIMEOUT.
 */
void balloon_pages_return(struct virtio_balloon *vb)
{
	struct balloon_pool *pool = &vb->pages.deflate;
	struct balloon_pool *inflate = &vb->pages.inflate;
	struct balloon_pool *busy;
	unsigned long end = jiffies + BALLOON_RETURN_TIMEOUT;

	/* They need no message. */
	balloon_blocks_release(vb, ULONG_MAX);
	while (time_before(jiffies, end)) {
		balloon_pages_settle(vb);
		if (balloon_queue_broken(pool->stream.queue))
			return;
		if (!balloon_pages_count(vb) && !pool->nr_pages_held)
			return;

		if (balloon_pages_deflate_batch(vb, pool, ULONG_MAX) > 0)
			continue;
		balloon_pool_kick(pool);
		balloon_pool_kick(inflate);
		/* The rest is being announced again, or compaction has it. */
		busy = pool->nr_pages_held ? pool : inflate;
		/* What took the place of a moved page does not come from a broken queue. */
		if (!busy->nr_pages_held && balloon_queue_broken(inflate->stream.queue))
			return;
		if (!busy->nr_pages_held)
			schedule_timeout_uninterruptible(1);
		else if (!balloon_stream_wait(&busy->stream, BALLOON_RETURN_SILENCE))
			return;
	}
}

/**
 * balloon_pages_cancel_deflated() - free what the host will not hear of
 * @pool: batches of the deflate queue
 *
 * Context: the device is reset and its queues cancelled.
 */
void balloon_pages_cancel_deflated(struct balloon_pool *pool)
{
	struct balloon_batch *batch;

	while ((batch = balloon_pool_cancelled(pool))) {
		balloon_free_list(&batch->pages);
		balloon_pool_put(pool, batch);
	}
}

/**
 * balloon_pages_cancel() - take back what the host has not acknowledged
 * @vb: the balloon
 *
 * What was on its way in is free, and so is what was on its way out. What was being
 * announced again is in the balloon.
 *
 * Context: the device is reset and its queues cancelled, so that the host can
 *	    no longer discard anything.
 */
void balloon_pages_cancel(struct virtio_balloon *vb)
{
	struct balloon_pages *pages = &vb->pages;
	struct balloon_batch *batch;

	while ((batch = balloon_pool_cancelled(&pages->inflate))) {
		if (batch->again)
			balloon_pages_set_aside(vb, &batch->pages, batch->nr_pages);
		else
			balloon_free_list(&batch->pages);
		balloon_pool_put(&pages->inflate, batch);
	}
	balloon_pages_cancel_deflated(&pages->deflate);
}

/**
 * balloon_pages_release() - empty the balloon without telling the host
 * @vb: the balloon
 *
 * Pages that compaction has isolated become stale: whoever has them may be frozen,
 * and nobody waits here.
 *
 * Context: as for balloon_pages_cancel(), or the host never knew of the pages; no
 *	    page is put into the balloon meanwhile; may sleep.
 */
void balloon_pages_release(struct virtio_balloon *vb)
{
	struct balloon_pages *pages = &vb->pages;
	unsigned long nr;

	for (;;) {
		LIST_HEAD(list);

		nr = balloon_pages_dequeue(vb, BALLOON_LIST_BATCH, &list);
		if (!nr)
			break;
		atomic_long_sub(nr, &pages->nr_pages);
		balloon_free_list(&list);
		cond_resched();
	}
	atomic_long_add(atomic_long_xchg(&pages->nr_pages, 0), &pages->nr_stale);
}

/**
 * balloon_pages_release_stale() - free stale pages that compaction has put back
 * @vb: the balloon
 *
 * Context: the balloon is empty, and stays so while there are stale pages.
 * Return: whether there was one.
 */
bool balloon_pages_release_stale(struct virtio_balloon *vb)
{
	unsigned long nr = min_t(unsigned long, balloon_pages_stale(vb), BALLOON_LIST_BATCH);
	LIST_HEAD(list);

	if (!nr)
		return false;
	nr = balloon_pages_dequeue(vb, nr, &list);
	atomic_long_sub(nr, &vb->pages.nr_stale);
	balloon_free_list(&list);
	return nr > 0;
}

/**
 * balloon_pages_wait_stale() - wait until no page is stale
 * @vb: the balloon, empty
 *
 * Compaction gives back what it has isolated before long.
 *
 * Context: remove; sleeps.
 */
void balloon_pages_wait_stale(struct virtio_balloon *vb)
{
	unsigned long complain = jiffies + BALLOON_RETURN_TIMEOUT;

	while (balloon_pages_stale(vb)) {
		if (!balloon_pages_release_stale(vb))
			schedule_timeout_uninterruptible(1);
		if (time_before(jiffies, complain))
			continue;
		dev_warn(&vb->vdev->dev,
			 "still waiting for memory compaction to give back %lu pages\n",
			 balloon_pages_stale(vb));
		complain += 60 * HZ;
	}
}

/* The host may still discard this, but will not say so: only the batches are of use. */
static void inflate_strand(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct balloon_discards *discards = vb->discards;
	struct balloon_batch *batch, *next;
	struct page *block;

	list_for_each_entry_safe(batch, next, &discard->batches, node) {
		list_del(&batch->node);
		list_splice_tail_init(&batch->pages, &discard->stranded);
		balloon_batch_drop(&vb->pages.inflate, batch);
	}
	list_for_each_entry(block, &discard->blocks, lru)
		balloon_discard_account(vb, -(1L << page_private(block)));
	WRITE_ONCE(discards->nr_stranded, discards->nr_stranded + discard->nr_pages);
}

/* What was not posted yet is told by number, or was in the balloon before. */
static void inflate_unpost(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct balloon_batch *batch, *next;
	struct page *block;

	list_for_each_entry_safe(batch, next, &discard->batches, node) {
		list_del(&batch->node);
		balloon_batch_post(&vb->pages.inflate, batch);
	}
	list_for_each_entry(block, &discard->blocks, lru)
		balloon_discard_account(vb, -(1L << page_private(block)));
	if (discard->again)
		balloon_blocks_put_back(vb, &discard->blocks);
	balloon_blocks_free_list(&discard->blocks);
	balloon_discard_put(vb, discard);
}

/**
 * balloon_inflate_check_reporting() - go on by page numbers when the queue is broken
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_inflate_check_reporting(struct virtio_balloon *vb)
{
	struct balloon_discards *discards = vb->discards;
	struct balloon_discard *discard;
	unsigned int i;

	if (!discards || discards->broken || !balloon_queue_broken(discards->stream.queue))
		return;
	/* What came back before is all that does. */
	balloon_inflate_settle(vb);
	WRITE_ONCE(discards->broken, true);
	discard = discards->open;
	discards->open = NULL;
	if (discard)
		inflate_unpost(vb, discard);
	for (i = 0; i < BALLOON_DISCARDS; i++)
		if (discards->discards[i].nr_pages)
			inflate_strand(vb, &discards->discards[i]);
}

/**
 * balloon_inflate_release_all() - give back what was being discarded
 * @vb: the balloon
 *
 * Context: the device is reset and its queues cancelled.
 */
void balloon_inflate_release_all(struct virtio_balloon *vb)
{
	struct balloon_discard *discard;
	struct balloon_batch *batch, *next;

	while ((discard = balloon_discard_cancelled(vb))) {
		/* pages.c gives back what is parked. */
		list_for_each_entry_safe(batch, next, &discard->batches, node)
			list_move_tail(&batch->node, &vb->pages.inflate.parked);
		if (discard->again)
			balloon_blocks_put_back(vb, &discard->blocks);
		balloon_blocks_free_list(&discard->blocks);
		balloon_free_list(&discard->stranded);
		balloon_discard_put(vb, discard);
	}
	if (!vb->discards)
		return;
	WRITE_ONCE(vb->discards->nr_block_pages, 0);
	WRITE_ONCE(vb->discards->nr_stranded, 0);
	WRITE_ONCE(vb->discards->broken, false);
}

/**
 * balloon_release() - empty the balloon without telling the host
 * @vb: the balloon
 *
 * Context: the device is detached, or does not know what is in the balloon; the
 *	    parts are stopped; may sleep.
 */
void balloon_release(struct virtio_balloon *vb)
{
	unsigned long nr = balloon_size_actual(vb);

	balloon_blocks_release(vb, ULONG_MAX);
	balloon_pages_release(vb);
	if (!nr)
		return;
	balloon_event(vb, BALLOON_EVENT_RELEASE, nr, 0);
	dev_info(&vb->vdev->dev, "%lu KiB given back to the guest without telling the host\n",
		 nr << (PAGE_SHIFT - 10));
}
