// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's view of guest memory. It may read all of it, but it writes only
 * pages that the driver has given to it: they are marked in bh_dev.owned when
 * an element is taken, and the marks go when the element is returned, when a
 * deflation ends MUST_TELL_HOST's longer claim, and on reset.
 *
 * Pages are reached through the direct map: kernels that unmap free pages
 * (debug_pagealloc) cannot be served.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bh.h"

/* Most ranges or pages in one request. */
#define BH_REQUEST_MAX		4096
/* Pages from one that is looked at to the next. */
#define BH_STRIDE		64

/**
 * bh_ptr - where the driver's buffer is
 * @addr: guest-physical address
 * @len: length
 *
 * Return: kernel address, or NULL when it is not memory.
 */
void *bh_ptr(u64 addr, u64 len)
{
	u64 last = len ? addr + len - 1 : addr;
	u64 pfn;

	if (last < addr)
		return NULL;
	for (pfn = PHYS_PFN(addr); pfn <= PHYS_PFN(last); pfn++)
		if (!pfn_valid(pfn) || PageHighMem(pfn_to_page(pfn)))
			return NULL;
	return phys_to_virt(addr);
}

static void bh_own(struct bh_dev *bd, u64 pfn, bool own)
{
	if (pfn < bd->offer.max_pfn)
		__assign_bit(pfn, bd->owned, own);
}

/**
 * bh_own_pfns - the pages of a PFN array change hands
 * @bd: the device; its lock held
 * @array: little-endian or, on a legacy device, native 32-bit PFNs
 * @len: bytes of @array
 * @own: now the device's
 */
void bh_own_pfns(struct bh_dev *bd, const void *array, u32 len, bool own)
{
	const __virtio32 *pfns = array;
	u32 i;

	for (i = 0; i < len / sizeof(*pfns); i++)
		bh_own(bd, virtio32_to_cpu(&bd->vdev, pfns[i]), own);
}

/**
 * bh_free_pfns - count the pages of a PFN array that nobody holds
 * @bd: the device
 * @array: see bh_own_pfns()
 * @len: bytes of @array
 * @example: set to one such PFN, if there is any
 *
 * Return: how many.
 */
u32 bh_free_pfns(struct bh_dev *bd, const void *array, u32 len, u32 *example)
{
	const __virtio32 *pfns = array;
	unsigned long page;
	u32 count = 0;
	u32 i, pfn;

	for (i = 0; i < len / sizeof(*pfns); i++) {
		pfn = virtio32_to_cpu(&bd->vdev, pfns[i]);
		page = PHYS_PFN((u64)pfn << BH_PFN_SHIFT);
		if (!pfn_valid(page) || page_ref_count(pfn_to_page(page)))
			continue;
		*example = pfn;
		count++;
	}
	return count;
}

/**
 * bh_own_range - the pages wholly inside a range of memory change hands
 * @bd: the device; its lock held
 * @addr: guest-physical address
 * @len: length
 * @own: now the device's
 */
void bh_own_range(struct bh_dev *bd, u64 addr, u64 len, bool own)
{
	u64 first = DIV_ROUND_UP_ULL(addr, BH_PFN_SIZE);
	u64 end = min_t(u64, (addr + len) >> BH_PFN_SHIFT, bd->offer.max_pfn);

	if (first >= end)
		return;
	if (own)
		bitmap_set(bd->owned, first, end - first);
	else
		bitmap_clear(bd->owned, first, end - first);
}

static bool bh_is_ram(u64 pfn)
{
	unsigned long page = PHYS_PFN(pfn << BH_PFN_SHIFT);

	return pfn < (1ULL << (64 - BH_PFN_SHIFT)) && pfn_valid(page) &&
	       page_is_ram(page);
}

/* Ownership may end at any moment: look and write under the same lock. */
static bool bh_fill_page(struct bh_dev *bd, u64 pfn, u32 value)
{
	u32 *word;
	bool mine;
	unsigned int i;

	if (!bh_is_ram(pfn))
		return false;
	word = bh_ptr(pfn << BH_PFN_SHIFT, BH_PFN_SIZE);
	if (!word)
		return false;
	spin_lock_irq(&bd->lock);
	mine = pfn < bd->offer.max_pfn && test_bit(pfn, bd->owned);
	for (i = 0; mine && i < BH_PFN_SIZE / sizeof(*word); i++)
		WRITE_ONCE(word[i], value);
	spin_unlock_irq(&bd->lock);
	return mine;
}

/**
 * bh_fill_elem - destroy the content of all pages of an element
 * @bd: the device; io_mutex held since the element was taken
 * @elem: the element
 * @value: what to fill with
 * @pfns: it is a PFN array, else memory ranges
 */
void bh_fill_elem(struct bh_dev *bd, const struct bh_elem *elem, u32 value,
		  bool pfns)
{
	const __virtio32 *array = (const __virtio32 *)bd->data;
	const struct balloon_host_desc *desc;
	unsigned int i;
	u64 pfn;

	for (i = 0; pfns && i < elem->copied / sizeof(*array); i++)
		bh_fill_page(bd, virtio32_to_cpu(&bd->vdev, array[i]), value);
	for (i = 0; !pfns && i < elem->descs; i++) {
		desc = &bd->descs[i];
		if (!(desc->flags & BALLOON_DESC_IN))
			continue;
		for (pfn = DIV_ROUND_UP_ULL(desc->addr, BH_PFN_SIZE);
		     pfn < (desc->addr + desc->len) >> BH_PFN_SHIFT; pfn++)
			bh_fill_page(bd, pfn, value);
	}
}

static int bh_fill_range(struct bh_dev *bd, struct balloon_host_fill *fill,
			 const struct balloon_host_range *range)
{
	u64 i;

	for (i = 0; i < range->count; i++) {
		if (bh_fill_page(bd, range->pfn + i, fill->value))
			fill->filled++;
		else
			fill->refused++;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * bh_fill - destroy the content of pages for user space
 * @bd: the device
 * @fill: the request and its answer
 *
 * Return: 0 or a negative error.
 */
int bh_fill(struct bh_dev *bd, struct balloon_host_fill *fill)
{
	struct balloon_host_range *ranges;
	int err = 0;
	u32 i;

	if (fill->count > BH_REQUEST_MAX)
		return -EINVAL;
	ranges = vmemdup_user(u64_to_user_ptr(fill->ranges),
			      array_size(fill->count, sizeof(*ranges)));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	fill->filled = 0;
	fill->refused = 0;
	for (i = 0; i < fill->count && !err; i++)
		err = bh_fill_range(bd, fill, &ranges[i]);
	kvfree(ranges);
	return err;
}

/**
 * bh_read_page - read guest memory for user space
 * @bd: the device
 * @rd: the request
 *
 * Return: 0 or a negative error.
 */
int bh_read_page(struct bh_dev *bd, const struct balloon_host_read *rd)
{
	unsigned long *copy = (unsigned long *)bd->data;
	const unsigned long *page;
	u32 i;
	int err = 0;

	if (rd->offset > BH_PFN_SIZE || rd->len > BH_PFN_SIZE - rd->offset)
		return -EINVAL;
	if (!bh_is_ram(rd->pfn))
		return -ENXIO;
	page = bh_ptr(rd->pfn << BH_PFN_SHIFT, BH_PFN_SIZE);
	if (!page)
		return -ENXIO;
	err = mutex_lock_interruptible(&bd->io_mutex);
	if (err)
		return err;
	/*
	 * By way of our own buffer: the page may be anything at all. It may be
	 * free, too, and KASAN is not to mind a host that looks at it.
	 */
	for (i = 0; i < BH_PFN_SIZE / sizeof(*page); i++)
		copy[i] = READ_ONCE_NOCHECK(page[i]);
	if (copy_to_user(u64_to_user_ptr(rd->ptr), bd->data + rd->offset, rd->len))
		err = -EFAULT;
	mutex_unlock(&bd->io_mutex);
	return err;
}

/* Free blocks are marked at their first page only; look for one around us. */
static bool bh_in_free_block(unsigned long pfn)
{
	unsigned long head;
	struct page *page;
	unsigned int order;

	for (order = 0; order <= COMPAT_MAX_ORDER; order++) {
		head = pfn & ~((1UL << order) - 1);
		if (!pfn_valid(head))
			return false;
		page = pfn_to_page(head);
		if (PageBuddy(page) && READ_ONCE(page->private) >= order)
			return true;
	}
	return false;
}

/**
 * bh_free_range - count the pages of a range that are in the allocator's free lists
 * @addr: guest-physical address
 * @len: length
 * @example: set to the PFN of one, if there is any
 *
 * Blocks are freed whole, and can be large: one page in BH_STRIDE is looked at.
 *
 * Return: how many were found.
 */
u32 bh_free_range(u64 addr, u32 len, u32 *example)
{
	unsigned long pfn, end = PHYS_PFN(addr + len);
	u32 count = 0;

	for (pfn = PFN_UP(addr); pfn < end; pfn += BH_STRIDE) {
		if (!pfn_valid(pfn) || !bh_in_free_block(pfn))
			continue;
		*example = PFN_PHYS(pfn) >> BH_PFN_SHIFT;
		count++;
	}
	return count;
}

static void bh_page_state(struct bh_dev *bd, struct balloon_host_page *state)
{
	unsigned long pfn = PHYS_PFN(state->pfn << BH_PFN_SHIFT);
	struct page *page;

	state->refs = 0;
	state->flags = 0;
	if (!bh_is_ram(state->pfn))
		return;
	page = pfn_to_page(pfn);
	state->refs = page_ref_count(page);
	state->flags = BALLOON_PAGE_RAM;
	if (PageOffline(page))
		state->flags |= BALLOON_PAGE_OFFLINE;
	if (PageReserved(page))
		state->flags |= BALLOON_PAGE_RESERVED;
	if (bh_in_free_block(pfn))
		state->flags |= BALLOON_PAGE_BUDDY;
	spin_lock_irq(&bd->lock);
	if (state->pfn < bd->offer.max_pfn && test_bit(state->pfn, bd->owned))
		state->flags |= BALLOON_PAGE_OWNED;
	spin_unlock_irq(&bd->lock);
}

/**
 * bh_page_states - tell user space the state of pages
 * @bd: the device
 * @req: the request; the answer goes to the same array
 *
 * Nothing keeps the pages from changing meanwhile.
 *
 * Return: 0 or a negative error.
 */
int bh_page_states(struct bh_dev *bd, const struct balloon_host_pages *req)
{
	void __user *user = u64_to_user_ptr(req->pages);
	struct balloon_host_page *pages;
	int err = 0;
	u32 i;

	if (req->count > BH_REQUEST_MAX)
		return -EINVAL;
	pages = vmemdup_user(user, array_size(req->count, sizeof(*pages)));
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	for (i = 0; i < req->count; i++)
		bh_page_state(bd, &pages[i]);
	if (copy_to_user(user, pages, array_size(req->count, sizeof(*pages))))
		err = -EFAULT;
	kvfree(pages);
	return err;
}

static void bh_let_go(struct bh_dev *bd)
{
	if (!bd->held)
		return;
	if (bd->grip == BALLOON_GRIP_LOCK)
		folio_unlock(page_folio(bd->held));
	put_page(bd->held);
	bd->held = NULL;
}

static int bh_grip(struct bh_dev *bd, const struct balloon_host_hold *req)
{
	struct page *page;

	if (!bh_is_ram(req->pfn))
		return -ENXIO;
	page = pfn_to_page(PHYS_PFN(req->pfn << BH_PFN_SHIFT));
	if (!page_ref_count(page))
		return -ENXIO;
	if (req->grip == BALLOON_GRIP_LOCK && !folio_trylock(page_folio(page)))
		return -EBUSY;
	get_page(page);
	bd->held = page;
	bd->grip = req->grip;
	return 0;
}

/**
 * bh_hold - hold a page for user space, and let go of the one before
 * @bd: the device
 * @req: the request
 *
 * Return: 0 or a negative error.
 */
int bh_hold(struct bh_dev *bd, const struct balloon_host_hold *req)
{
	int err = 0;

	mutex_lock(&bd->io_mutex);
	bh_let_go(bd);
	if (req->grip != BALLOON_GRIP_NOT)
		err = bh_grip(bd, req);
	mutex_unlock(&bd->io_mutex);
	return err;
}
