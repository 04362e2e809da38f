// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether an image of hibernation was started, or just not made after all.
 *
 * The driver core calls a driver's restore for both: when another device refuses to be
 * frozen, and when one refuses while the machine is to be powered off, the kernel goes
 * on with PMSG_RESTORE, as if it had been loaded. In the one case the host knows of no
 * balloon, in the other it still has it.
 *
 * So there is a page that is not in the image, because it is PageOffline, and a number
 * that is. Both become the same, another one each time, when the device is about to
 * sleep and when it is awake again. A kernel that goes on finds them so; one that was
 * loaded finds in the page what somebody else has left there, or what was written after
 * the image was made.
 *
 * The page is there from the notice of hibernation to its end only: it is not part of
 * the balloon, and would be taken for one in a dump.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/random.h>

#include "balloon.h"

/**
 * balloon_image_prepare() - an image may be made
 * @image: what it is recognised by
 *
 * Without memory for it any wake-up that can come from an image is taken for one.
 *
 * Context: the PM notifier; may sleep.
 */
void balloon_image_prepare(struct balloon_image *image)
{
	if (image->page)
		return;
	image->page = alloc_page(GFP_KERNEL);
	if (image->page)
		__SetPageOffline(image->page);
	balloon_image_mark(image);
}

/**
 * balloon_image_mark() - what is made of the memory so far is no image of what comes
 * @image: what it is recognised by
 *
 * Context: any but interrupts.
 */
void balloon_image_mark(struct balloon_image *image)
{
	if (!image->page)
		return;
	get_random_bytes(image->mark, sizeof(image->mark));
	memcpy(page_address(image->page), image->mark, sizeof(image->mark));
}

/**
 * balloon_image_started() - whether this kernel was loaded from an image
 * @image: what it is recognised by
 *
 * Context: any.
 * Return: false only if it surely was not since balloon_image_mark().
 */
bool balloon_image_started(const struct balloon_image *image)
{
	return !image->page || memcmp(page_address(image->page), image->mark, sizeof(image->mark));
}

/**
 * balloon_image_finish() - no image is made or loaded any more
 * @image: what it is recognised by
 *
 * Context: may sleep.
 */
void balloon_image_finish(struct balloon_image *image)
{
	if (!image->page)
		return;
	__ClearPageOffline(image->page);
	__free_page(image->page);
	image->page = NULL;
}
