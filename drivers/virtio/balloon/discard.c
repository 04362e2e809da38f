// SPDX-License-Identifier: GPL-2.0-only
/*
 * The free page reporting queue (VIRTIO 1.3, 5.5.6.7) as a way to discard blocks: a
 * descriptor has the address and the length of a block, and the host may discard its
 * contents. That is one call to the host's kernel for a block, where the inflate queue
 * needs one for each 4 KiB.
 *
 * A discard is one buffer with several blocks. The size worker fills it, posts it, and takes
 * it when it is completed. inflate.c decides what happens to the blocks then.
 *
 * Discarded memory comes back with zeros. The driver does not use the queue where the guest
 * expects something else in free pages, see balloon_poison_is_zero().
 */
#include <linux/sizes.h>

#include "balloon.h"

/**
 * balloon_discard_usable() - whether there is a queue to discard through
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_discard_usable(struct virtio_balloon *vb)
{
	return vb->discards.stream.queue && !READ_ONCE(vb->discards.broken) &&
	       balloon_poison_is_zero();
}

static bool discard_full(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	return discard->request.nr_sg >= vb->discards.nr_sg ||
	       discard->nr_pages >= BALLOON_DISCARD_BYTES >> PAGE_SHIFT;
}

/**
 * balloon_discard_get() - the discard that blocks can be added to
 * @vb: the balloon
 *
 * Context: the size worker; only if balloon_discard_usable().
 * Return: the discard, or NULL until the host completes one.
 */
struct balloon_discard *balloon_discard_get(struct virtio_balloon *vb)
{
	struct balloon_discards *discards = &vb->discards;

	/* A full one is left when its queue is broken. */
	if (discards->open)
		return discard_full(vb, discards->open) ? NULL : discards->open;
	if (list_empty(&discards->free))
		return NULL;

	discards->open = list_first_entry(&discards->free, struct balloon_discard, node);
	list_del(&discards->open->node);
	sg_init_table(discards->open->sg, BALLOON_DISCARD_SG);
	return discards->open;
}

/**
 * balloon_discard_add() - add a block that the host may discard
 * @vb: the balloon
 * @page: its first page; the block is on one of the discard's lists
 * @order: its order
 *
 * Posts the discard when it is full.
 *
 * Context: the size worker, after balloon_discard_get() returned a discard.
 */
void balloon_discard_add(struct virtio_balloon *vb, struct page *page, unsigned int order)
{
	struct balloon_discards *discards = &vb->discards;
	struct balloon_discard *discard = discards->open;

	sg_set_page(&discard->sg[discard->request.nr_sg++], page, PAGE_SIZE << order, 0);
	discard->nr_pages += 1UL << order;
	if (discard_full(vb, discard))
		balloon_discard_flush(vb);
}

/**
 * balloon_discard_flush() - post the discard that is being filled
 * @vb: the balloon
 *
 * It stays open if the queue is broken.
 *
 * Context: the size worker.
 */
void balloon_discard_flush(struct virtio_balloon *vb)
{
	struct balloon_discard *discard = vb->discards.open;

	if (!discard || !discard->request.nr_sg ||
	    balloon_queue_broken(vb->discards.stream.queue))
		return;
	balloon_queue_post_blocks(&vb->discards.stream, &discard->request, discard->sg,
				  discard->request.nr_sg, discard->request.nr_sg);
	vb->discards.open = NULL;
}

/**
 * balloon_discard_take() - the next completed discard
 * @vb: the balloon
 *
 * Context: the size worker; or, after balloon_queues_cancel(), when it is stopped.
 * Return: the discard, to be emptied and given to balloon_discard_put(), or NULL.
 */
struct balloon_discard *balloon_discard_take(struct virtio_balloon *vb)
{
	struct balloon_request *request = NULL;

	if (vb->discards.stream.queue)
		request = balloon_stream_take(&vb->discards.stream);
	return request ? container_of(request, struct balloon_discard, request) : NULL;
}

/**
 * balloon_discard_put() - return a discard whose lists are empty
 * @vb: the balloon
 * @discard: the discard
 *
 * Context: the size worker.
 */
void balloon_discard_put(struct virtio_balloon *vb, struct balloon_discard *discard)
{
	discard->request.nr_sg = 0;
	discard->nr_pages = 0;
	discard->reannounced = false;
	list_add(&discard->node, &vb->discards.free);
}

/**
 * balloon_discard_account() - blocks are being discarded, or no longer
 * @vb: the balloon
 * @nr_pages: pages of them, negative when they are no longer
 *
 * Context: the size worker, or when it is stopped.
 */
void balloon_discard_account(struct virtio_balloon *vb, long nr_pages)
{
	WRITE_ONCE(vb->discards.nr_block_pages, vb->discards.nr_block_pages + nr_pages);
}

/**
 * balloon_discard_announcing() - pages of blocks that are being reannounced
 * @vb: the balloon
 *
 * Context: the size worker, or when it is stopped.
 */
unsigned long balloon_discard_announcing(struct virtio_balloon *vb)
{
	struct balloon_discard *discard;
	unsigned long nr_pages = 0;
	struct page *block;
	unsigned int i;

	if (vb->discards.broken)
		return 0;
	for (i = 0; i < BALLOON_DISCARDS; i++) {
		discard = &vb->discards.discards[i];
		if (!discard->reannounced)
			continue;
		list_for_each_entry(block, &discard->blocks, lru)
			nr_pages += 1UL << page_private(block);
	}
	return nr_pages;
}

/**
 * balloon_discard_init() - no block is being discarded yet
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_discard_init(struct virtio_balloon *vb)
{
	struct balloon_discards *discards = &vb->discards;
	unsigned int i;

	INIT_LIST_HEAD(&discards->free);
	for (i = 0; i < BALLOON_DISCARDS; i++) {
		INIT_LIST_HEAD(&discards->discards[i].batches);
		INIT_LIST_HEAD(&discards->discards[i].blocks);
		INIT_LIST_HEAD(&discards->discards[i].stranded);
		list_add_tail(&discards->discards[i].node, &discards->free);
	}
	balloon_stream_init(&discards->stream, &vb->queues[BALLOON_QUEUE_REPORTING],
			    &vb->worker);
	return 0;
}

/**
 * balloon_discard_start() - learn how many blocks a discard may have
 * @vb: the balloon
 *
 * Half the ring is for free page reporting, whose report may never be completed: that must
 * not stop inflation.
 *
 * Context: after DRIVER_OK.
 * Return: 0.
 */
int balloon_discard_start(struct virtio_balloon *vb)
{
	vb->discards.nr_sg = clamp_t(unsigned int, vb->discards.stream.queue->size / 2, 1,
				     BALLOON_DISCARD_SG);
	return 0;
}
