// SPDX-License-Identifier: GPL-2.0-only
/*
 * How memory gets into the balloon. The host is told of allocated memory at once; nothing is
 * allocated in between. Fragments are sent by page number in every mode. Blocks are sent as
 * the mode says:
 *
 * pfn: the plain protocol. A batch of page numbers is posted on the inflate queue. The
 *	numbers of a block are consecutive and ascending, so that a host with huge pages
 *	can give one back.
 * auto: blocks are first discarded through the reporting queue, in one piece, and then
 *	sent by page number: the host's work for each 4 KiB then finds nothing to do.
 * range: whole blocks are discarded through the reporting queue and never sent by page
 *	number. The specification wants the inflate queue for this; no known host keeps
 *	count. Memory smaller than a block is sent as with pfn.
 */
#include <linux/sizes.h>

#include "balloon.h"
#include "compat/compat.h"
#include "param.h"

static const char * const balloon_mode_names[] = {
	[BALLOON_MODE_PFN]	= "pfn",
	[BALLOON_MODE_AUTO]	= "auto",
	[BALLOON_MODE_RANGE]	= "range",
	NULL
};

static struct balloon_choice balloon_mode = { balloon_mode_names, BALLOON_MODE_AUTO };

module_param_cb(inflate, &balloon_choice_ops, &balloon_mode, 0644);
MODULE_PARM_DESC(inflate,
		 "How the host is told of memory: 'pfn' (page by page), 'auto' (default: blocks are discarded through the reporting queue first) or 'range' (blocks through the reporting queue only); memory already in the balloon stays as it is");

/**
 * balloon_inflate_mode() - the mode in force
 * @vb: the balloon
 *
 * Context: any.
 */
enum balloon_mode balloon_inflate_mode(struct virtio_balloon *vb)
{
	if (!balloon_discard_usable(vb))
		return BALLOON_MODE_PFN;
	return balloon_choice(&balloon_mode);
}

/**
 * balloon_inflate_mode_name() - a mode's name
 * @mode: the mode
 *
 * Context: any.
 */
const char *balloon_inflate_mode_name(enum balloon_mode mode)
{
	return balloon_mode_names[mode];
}

/**
 * balloon_inflate_mode_reason() - why that mode is in force
 * @vb: the balloon
 *
 * Context: any.
 * Return: a few words.
 */
const char *balloon_inflate_mode_reason(struct virtio_balloon *vb)
{
	enum balloon_mode wanted = balloon_choice(&balloon_mode);

	if (balloon_inflate_mode(vb) == wanted)
		return wanted == BALLOON_MODE_AUTO ? "default" : "parameter";
	if (!(vb->offered & BIT_ULL(VIRTIO_BALLOON_F_REPORTING)))
		return "the device offers no free page reporting";
	if (READ_ONCE(vb->discards.broken))
		return "the reporting queue is broken";
	return "free pages must keep their contents (init_on_free or page_poison)";
}

/*
 * Adds pieces of memory until the batch has @nr_max pages. A batch that begins with
 * fragments ends with the last of them. It must not continue with a part of a block: the
 * rest of that block would fit no batch, and a host with huge pages gets one back only
 * if a single batch names all of it.
 */
static void batch_fill(struct virtio_balloon *vb, struct balloon_batch *batch, unsigned int nr_max)
{
	struct page *page, *next;

	while (batch->nr_pages < nr_max && !balloon_work_interrupted(&vb->worker)) {
		LIST_HEAD(pages);

		if (!balloon_alloc_pages(vb, nr_max - batch->nr_pages, &pages))
			break;
		list_for_each_entry_safe(page, next, &pages, lru)
			balloon_batch_add(vb, batch, page);
	}
}

/*
 * Gathering fragments takes the guest about as long as discarding them takes the host, and
 * each discard interrupts the virtual CPUs that run. Both cost half as much again when they
 * run at the same time, so guest and host take turns.
 */
static long inflate_batch(struct virtio_balloon *vb, unsigned long nr_pages)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = balloon_pool_get(pool);

	if (!batch)
		return -EBUSY;
	batch_fill(vb, batch, min_t(unsigned long, nr_pages, balloon_batch_nr_pages_max(vb)));
	/*
	 * The OOM notifier deflated something meanwhile, and the batch may have allocated
	 * the same memory: the host could process the two in the wrong order. The guest
	 * needs the memory anyway.
	 */
	if (balloon_pages_deflating(vb)) {
		balloon_free_list(&batch->pages);
		balloon_pool_put(pool, batch);
		return -EBUSY;
	}
	nr_pages = batch->nr_pages;
	pool->kick_at_end = vb->alloc.fragments;
	if (nr_pages) {
		balloon_batch_commit(pool, batch);
		balloon_batch_post(pool, batch);
		return nr_pages;
	}
	balloon_pool_put(pool, batch);
	return balloon_work_interrupted(&vb->worker) ? 0 : -ENOMEM;
}

/* A block that the host discards in one piece before it gets the page numbers. */
static long inflate_told_block(struct virtio_balloon *vb)
{
	const unsigned int nr_pages = 1U << BALLOON_BLOCK_ORDER_MIN;
	unsigned int nr_buffer = balloon_batch_nr_pages_max(vb);
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = NULL;
	struct page *block, *page, *next;
	unsigned int nr_left = nr_pages;
	LIST_HEAD(pages);

	if (!balloon_discard_get(vb) || !balloon_pool_has(pool, DIV_ROUND_UP(nr_pages, nr_buffer)))
		return -EBUSY;
	if (!balloon_alloc_split_block(vb, &pages))
		return 0;
	if (balloon_pages_deflating(vb)) {
		balloon_free_list(&pages);
		return -EBUSY;
	}
	block = list_first_entry(&pages, struct page, lru);
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (!batch) {
			batch = balloon_pool_get(pool);
			list_add_tail(&batch->node, &vb->discards.open->batches);
		}
		balloon_batch_add(vb, batch, page);
		if (--nr_left && batch->nr_pages < nr_buffer)
			continue;
		balloon_batch_commit(pool, batch);
		batch = NULL;
	}
	balloon_discard_add(vb, block, BALLOON_BLOCK_ORDER_MIN);
	return nr_pages;
}

/* Whole blocks until one discard is full; 0 if there are none. */
static long inflate_blocks(struct virtio_balloon *vb, unsigned long nr_pages)
{
	struct balloon_discard *discard = balloon_discard_get(vb);
	unsigned long nr = 0;

	/* A discard of reannounced blocks has no others: they are counted already. */
	if (discard && discard->reannounced) {
		balloon_discard_flush(vb);
		discard = balloon_discard_get(vb);
	}
	if (!discard || discard->reannounced)
		return -EBUSY;
	while (balloon_discard_get(vb) == discard && nr < nr_pages &&
	       !balloon_work_interrupted(&vb->worker)) {
		struct page *block = balloon_alloc_block(vb, nr_pages - nr);
		unsigned int order;

		if (!block)
			break;
		order = page_private(block);
		if (balloon_pages_deflating(vb)) {
			set_page_private(block, 0);
			__free_pages(block, order);
			break;
		}
		nr += 1UL << order;
		balloon_discard_account(vb, 1L << order);
		list_add_tail(&block->lru, &discard->blocks);
		balloon_discard_add(vb, block, order);
	}
	return nr;
}

/* Whole blocks, unless the mode is pfn; 0 if there are none. */
static long inflate_whole(struct virtio_balloon *vb, unsigned long nr_pages)
{
	if (nr_pages < 1UL << BALLOON_BLOCK_ORDER_MIN)
		return 0;
	switch (balloon_inflate_mode(vb)) {
	case BALLOON_MODE_RANGE:
		return inflate_blocks(vb, nr_pages);
	case BALLOON_MODE_AUTO:
		return inflate_told_block(vb);
	default:
		return 0;
	}
}

/**
 * balloon_inflate() - allocate some memory and tell the host
 * @vb: the balloon
 * @nr_pages: pages at most, at least one
 *
 * Context: the size worker, without locks: single pages are reclaimed for, and
 *	    reclaim may come back to the balloon.
 * Return: pages allocated; -EBUSY until the host completes a request; -ENOMEM.
 */
long balloon_inflate(struct virtio_balloon *vb, unsigned long nr_pages)
{
	long rc;

	if (vb->alloc.fragments) {
		rc = inflate_batch(vb, nr_pages);
		if (rc != -ENOMEM)
			return rc;
	}
	rc = inflate_whole(vb, nr_pages);
	return rc ? rc : inflate_batch(vb, nr_pages);
}

/**
 * balloon_inflate_blocks_reannounce() - have whole blocks in the balloon discarded again
 * @vb: the balloon
 * @nr_blocks: how many are left; updated
 *
 * Context: the size worker.
 * Return: pages of those that were posted; 0 when there are no more; -EBUSY until the host
 *	   completes a discard.
 */
long balloon_inflate_blocks_reannounce(struct virtio_balloon *vb, unsigned long *nr_blocks)
{
	struct balloon_discard *discard;
	struct page *block;
	long nr = 0;

	if (!*nr_blocks || !balloon_discard_usable(vb))
		return 0;
	discard = balloon_discard_get(vb);
	/* Not in a discard of new blocks, or they would be counted as new. */
	if (discard && discard->nr_pages && !discard->reannounced) {
		balloon_discard_flush(vb);
		return -EBUSY;
	}
	if (!discard)
		return -EBUSY;
	while (balloon_discard_get(vb) == discard && *nr_blocks) {
		block = balloon_blocks_take_any(vb);
		if (!block) {
			*nr_blocks = 0;
			break;
		}
		discard->reannounced = true;
		nr += 1L << page_private(block);
		--*nr_blocks;
		balloon_discard_account(vb, 1L << page_private(block));
		list_add_tail(&block->lru, &discard->blocks);
		balloon_discard_add(vb, block, page_private(block));
	}
	return nr;
}

/* The block was discarded: now its page numbers are sent. */
static void inflate_post_batches(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct balloon_batch *batch, *next;

	list_for_each_entry_safe(batch, next, &discard->batches, node) {
		list_del(&batch->node);
		balloon_batch_post(&vb->pages.inflate, batch);
	}
}

/**
 * balloon_inflate_settle() - take in completed discards
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_inflate_settle(struct virtio_balloon *vb)
{
	struct balloon_discard *discard;
	unsigned long nr;

	while ((discard = balloon_discard_take(vb))) {
		inflate_post_batches(vb, discard);
		nr = discard->reannounced ? balloon_blocks_put_back(vb, &discard->blocks) :
				      balloon_blocks_enter(vb, &discard->blocks);
		balloon_discard_account(vb, -(long)nr);
		balloon_discard_put(vb, discard);
	}
}

/**
 * balloon_inflate_flush() - post the open discard, and notify the host of all batches, those
 *			       for the deflate queue included
 * @vb: the balloon
 *
 * Context: the size worker, before it ends.
 */
void balloon_inflate_flush(struct virtio_balloon *vb)
{
	balloon_discard_flush(vb);
	balloon_pool_kick(&vb->pages.inflate);
	balloon_pool_kick(&vb->pages.deflate);
}

static void inflate_unaccount(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct page *block;

	list_for_each_entry(block, &discard->blocks, lru)
		balloon_discard_account(vb, -(1L << page_private(block)));
}

/* The host will not discard this any more: new blocks are freed. */
static void inflate_cancel(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	if (discard->reannounced)
		balloon_blocks_put_back(vb, &discard->blocks);
	balloon_blocks_free_list(&discard->blocks);
	balloon_discard_put(vb, discard);
}

/* Takes the pages from the batches, and gives these back. */
static void inflate_drop_batches(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct balloon_batch *batch, *next;

	list_for_each_entry_safe(batch, next, &discard->batches, node) {
		list_del(&batch->node);
		list_splice_tail_init(&batch->pages, &discard->stranded);
		balloon_batch_drop(&vb->pages.inflate, batch);
	}
}

/* The host may still discard this, but will never complete it: only the batches are reused. */
static void inflate_strand(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	struct balloon_discards *discards = &vb->discards;

	inflate_drop_batches(vb, discard);
	inflate_unaccount(vb, discard);
	WRITE_ONCE(discards->nr_stranded, discards->nr_stranded + discard->nr_pages);
}

/**
 * balloon_inflate_check_reporting() - use page numbers when the reporting queue is broken
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_inflate_check_reporting(struct virtio_balloon *vb)
{
	struct balloon_discards *discards = &vb->discards;
	struct balloon_discard *discard = discards->open;
	unsigned int i;

	if (!discards->stream.queue || discards->broken ||
	    !balloon_queue_broken(discards->stream.queue))
		return;
	/* Take in completions that came before; there will be no others. */
	balloon_inflate_settle(vb);
	WRITE_ONCE(discards->broken, true);
	discards->open = NULL;
	if (discard) {
		inflate_post_batches(vb, discard);
		inflate_unaccount(vb, discard);
		inflate_cancel(vb, discard);
	}
	for (i = 0; i < BALLOON_DISCARDS; i++)
		if (discards->discards[i].nr_pages)
			inflate_strand(vb, &discards->discards[i]);
}

/**
 * balloon_inflate_release() - take back the discards in flight
 * @vb: the balloon
 *
 * Context: the device is reset and its queues cancelled.
 */
void balloon_inflate_release(struct virtio_balloon *vb)
{
	struct balloon_discards *discards = &vb->discards;
	struct balloon_discard *discard = discards->open;

	discards->open = NULL;
	while (discard || (discard = balloon_discard_take(vb))) {
		inflate_drop_batches(vb, discard);
		balloon_free_list(&discard->stranded);
		inflate_cancel(vb, discard);
		discard = NULL;
	}
	WRITE_ONCE(discards->nr_block_pages, 0);
	WRITE_ONCE(discards->nr_stranded, 0);
	WRITE_ONCE(discards->broken, false);
}
