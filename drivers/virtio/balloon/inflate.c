// SPDX-License-Identifier: GPL-2.0-only
/*
 * How memory gets into the balloon: what take.c finds is told to the host at once;
 * nothing is allocated in between. Fragments are told by number in every mode; what
 * follows is the way of whole blocks.
 *
 * pfn: the plain protocol. A batch of page numbers goes on the inflate queue; the
 *	numbers of a block stand together and ascend, which is what a host with
 *	huge pages needs to give one back.
 * auto: blocks are first discarded through the reporting queue, in one piece, and
 *	then told like that: what the host does for each 4 KiB then finds nothing
 *	left to do.
 * range: whole blocks are discarded through the reporting queue and not told by
 *	number at all. Outside the letter of the specification, which would have
 *	them on the inflate queue; right on every known host, none of which keeps
 *	count. What is smaller than a block goes the way of pfn.
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

static unsigned int balloon_element;

static int element_set(const char *val, const struct kernel_param *kp)
{
	unsigned int nr_4k;
	int err = kstrtouint(val, 0, &nr_4k);

	if (err)
		return err;
	if (nr_4k && nr_4k != BALLOON_DESC_NR_4K && nr_4k != BALLOON_ELEMENT_NR_4K_MAX)
		return -EINVAL;
	WRITE_ONCE(balloon_element, nr_4k);
	return 0;
}

static const struct kernel_param_ops balloon_element_ops = {
	.set = element_set,
	.get = param_get_uint,
};

module_param_cb(element, &balloon_element_ops, &balloon_element, 0644);
MODULE_PARM_DESC(element,
		 "Page numbers in one element of the inflate and deflate queues: 256, which every host takes, 512, which hosts with huge pages want, or 0 (default) for 512 where the host is known to take them");

/**
 * balloon_element_nr_pages() - pages that one element may name
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned int balloon_element_nr_pages(struct virtio_balloon *vb)
{
	unsigned int nr_4k = READ_ONCE(balloon_element);

	if (!nr_4k)
		nr_4k = vb->inflate.element_safe_nr_4k;
	return balloon_4k_whole_pages(min(nr_4k, vb->inflate.element_max_nr_4k), PAGE_SHIFT);
}

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
 * balloon_inflate_mode_reason() - why the mode in force is in force
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
	if (!vb->reporting_offered)
		return "the device offers no free page reporting";
	if (vb->discards && READ_ONCE(vb->discards->broken))
		return "the reporting queue is broken";
	return "free pages must keep their contents (init_on_free or page_poison)";
}

/*
 * While memory was taken the guest ran out of it, and has got some of the balloon's:
 * that may be what was taken, and the host, which did not see it leave, must not
 * mistake the order. The guest has more use for it anyway.
 */
static bool inflate_overtaken(struct virtio_balloon *vb)
{
	return balloon_pages_deflating(vb);
}

/*
 * Adds pieces of memory until the batch has @nr_max pages. A batch that begins with
 * fragments ends with the last of them. It must not go on with a part of a block: the
 * rest of that block would fit no batch, and a host with huge pages gets one back only
 * if a single batch names all of it.
 */
static void batch_fill(struct virtio_balloon *vb, struct balloon_batch *batch, unsigned int nr_max)
{
	struct page *page, *next;

	while (batch->nr_pages < nr_max && !balloon_size_interrupted(vb)) {
		LIST_HEAD(pages);

		if (!balloon_take_pages(vb, nr_max - batch->nr_pages, &pages))
			break;
		list_for_each_entry_safe(page, next, &pages, lru)
			balloon_batch_add(vb, batch, page);
	}
}

/*
 * To gather fragments takes the guest about as long as the host needs for them, and each
 * discard on the host interrupts the virtual CPUs that run at the moment. At the same
 * time both cost half as much again; so guest and host take turns.
 */
static long inflate_batch(struct virtio_balloon *vb, unsigned long nr_pages)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = balloon_pool_get(pool);

	if (!batch)
		return -EBUSY;
	batch_fill(vb, batch, min_t(unsigned long, nr_pages, balloon_element_nr_pages(vb)));
	if (inflate_overtaken(vb)) {
		balloon_free_list(&batch->pages);
		balloon_pool_put(pool, batch);
		return -EBUSY;
	}
	nr_pages = batch->nr_pages;
	pool->take_turns = vb->take.fragments;
	if (nr_pages) {
		balloon_batch_hold(pool, batch);
		balloon_batch_post(pool, batch);
		return nr_pages;
	}
	balloon_pool_put(pool, batch);
	return balloon_size_interrupted(vb) ? 0 : -ENOMEM;
}

/* A block that the host discards in one piece, and is told of by number after that. */
static long inflate_told_block(struct virtio_balloon *vb)
{
	const unsigned int nr_pages = 1U << BALLOON_BLOCK_ORDER_MIN;
	unsigned int nr_element = balloon_element_nr_pages(vb);
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = NULL;
	struct page *block, *page, *next;
	unsigned int nr_left = nr_pages;
	LIST_HEAD(pages);

	if (!balloon_discard_get(vb) || !balloon_pool_has(pool, DIV_ROUND_UP(nr_pages, nr_element)))
		return -EBUSY;
	if (!balloon_take_split_block(vb, &pages))
		return 0;
	if (inflate_overtaken(vb)) {
		balloon_free_list(&pages);
		return -EBUSY;
	}
	block = list_first_entry(&pages, struct page, lru);
	list_for_each_entry_safe(page, next, &pages, lru) {
		if (!batch) {
			batch = balloon_pool_get(pool);
			list_add_tail(&batch->node, &vb->discards->open->batches);
		}
		balloon_batch_add(vb, batch, page);
		if (--nr_left && batch->nr_pages < nr_element)
			continue;
		balloon_batch_hold(pool, batch);
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

	/* Blocks that are announced again travel alone: they must not be counted once more. */
	if (discard && discard->again) {
		balloon_discard_flush(vb);
		discard = balloon_discard_get(vb);
	}
	if (!discard || discard->again)
		return -EBUSY;
	/* One that is full and could not be posted takes no more. */
	while (balloon_discard_get(vb) == discard && nr < nr_pages &&
	       !balloon_size_interrupted(vb)) {
		struct page *block = balloon_take_block(vb, nr_pages - nr);
		unsigned int order;

		if (!block)
			break;
		order = page_private(block);
		if (inflate_overtaken(vb)) {
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

/* Whole blocks, unless the host is told by number alone; 0 if there are none. */
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
 * balloon_inflate() - take some memory and tell the host
 * @vb: the balloon
 * @nr_pages: how much is wanted, at least one page
 *
 * Context: the size worker, without locks: single pages are reclaimed for, and
 *	    reclaim may come back to the balloon.
 * Return: pages taken; -EBUSY while the host has to answer first; -ENOMEM.
 */
long balloon_inflate(struct virtio_balloon *vb, unsigned long nr_pages)
{
	long rc;

	if (vb->take.fragments) {
		rc = inflate_batch(vb, nr_pages);
		if (rc != -ENOMEM)
			return rc;
	}
	rc = inflate_whole(vb, nr_pages);
	return rc ? rc : inflate_batch(vb, nr_pages);
}

/**
 * balloon_inflate_blocks_again() - have whole blocks in the balloon discarded again
 * @vb: the balloon
 * @nr_blocks: how many still are to be; less afterwards
 *
 * Context: the size worker.
 * Return: pages of those that were; 0 when there are no more; -EBUSY while the host
 *	   has to answer first.
 */
long balloon_inflate_blocks_again(struct virtio_balloon *vb, unsigned long *nr_blocks)
{
	struct balloon_discard *discard;
	struct page *block;
	long nr = 0;

	if (!*nr_blocks || !balloon_discard_usable(vb))
		return 0;
	discard = balloon_discard_get(vb);
	if (discard && discard->nr_pages && !discard->again) {
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
		discard->again = true;
		nr += 1L << page_private(block);
		--*nr_blocks;
		balloon_discard_account(vb, 1L << page_private(block));
		list_add_tail(&block->lru, &discard->blocks);
		balloon_discard_add(vb, block, page_private(block));
	}
	return nr;
}

/**
 * balloon_inflate_settle() - go on with what the host has discarded
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: whether there was anything.
 */
bool balloon_inflate_settle(struct virtio_balloon *vb)
{
	struct balloon_discard *discard;
	struct balloon_batch *batch, *next;
	unsigned long nr;
	bool any = false;

	while ((discard = balloon_discard_take(vb))) {
		any = true;
		list_for_each_entry_safe(batch, next, &discard->batches, node) {
			list_del(&batch->node);
			balloon_batch_post(&vb->pages.inflate, batch);
		}
		nr = discard->again ? balloon_blocks_put_back(vb, &discard->blocks) :
			balloon_blocks_enter(vb, &discard->blocks);
		balloon_discard_account(vb, -(long)nr);
		balloon_discard_put(vb, discard);
	}
	return any;
}

/**
 * balloon_inflate_flush() - tell the host of everything there is to tell
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

/**
 * balloon_inflate_start() - learn how long an element may be on this host
 * @vb: the balloon
 *
 * Some hosts never answer more than 256 numbers, or read the first descriptor
 * only. Of the known hosts only one offers PAGE_POISON, and it takes any length;
 * there an element names a whole block.
 *
 * Context: after DRIVER_OK.
 * Return: 0.
 */
int balloon_inflate_start(struct virtio_balloon *vb)
{
	u64 offered = balloon_compat_offered(vb->vdev);

	vb->reporting_offered = offered & BIT_ULL(VIRTIO_BALLOON_F_REPORTING);
	vb->inflate.element_safe_nr_4k = BALLOON_DESC_NR_4K;
	if (offered & BIT_ULL(VIRTIO_BALLOON_F_PAGE_POISON))
		vb->inflate.element_safe_nr_4k = BALLOON_ELEMENT_NR_4K_MAX;
	vb->inflate.element_max_nr_4k = BALLOON_DESC_NR_4K *
		min3(balloon_queue_size(&vb->queues[BALLOON_QUEUE_INFLATE]),
		     balloon_queue_size(&vb->queues[BALLOON_QUEUE_DEFLATE]),
		     (unsigned int)BALLOON_ELEMENT_DESCS);
	return 0;
}
