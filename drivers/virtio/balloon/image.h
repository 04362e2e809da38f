/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recognising an image of hibernation that was started, see image.c.
 */
#ifndef BALLOON_IMAGE_H
#define BALLOON_IMAGE_H

#include <linux/types.h>

struct page;

/**
 * struct balloon_image - what an image is recognised by
 * @page: a page that is in no image, while one may be made; or NULL
 * @mark: what was written to it last, as the image has it
 */
struct balloon_image {
	struct page *page;
	u8 mark[16];
};

void balloon_image_prepare(struct balloon_image *image);
void balloon_image_mark(struct balloon_image *image);
bool balloon_image_started(const struct balloon_image *image);
void balloon_image_finish(struct balloon_image *image);

#endif /* BALLOON_IMAGE_H */
