/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is in the balloon, see pages.c.
 */
#ifndef BALLOON_PAGES_H
#define BALLOON_PAGES_H

#include "batch.h"
#include "compat/compat.h"

/**
 * struct balloon_pages - the memory in the balloon and on its way in and out
 * @info: the kernel's list of balloon pages; its own lock
 * @nr_pages: pages in the balloon, those that compaction isolated or moves
 *	      included
 * @inflate: on their way in; the size worker's
 * @deflate: told to be out; the size worker's
 * @element_nr_4k: units of 4096 bytes named by one element at most; set when
 *		   the device starts
 * @order: the largest order worth trying; the size worker's
 */
struct balloon_pages {
	struct balloon_dev_info info;
	atomic_long_t nr_pages;
	struct balloon_pool inflate;
	struct balloon_pool deflate;
	unsigned int element_nr_4k;
	unsigned int order;
};

int balloon_pages_init(struct virtio_balloon *vb);
int balloon_pages_start(struct virtio_balloon *vb);
void balloon_pages_exit(struct virtio_balloon *vb);

long balloon_pages_inflate(struct virtio_balloon *vb, unsigned long nr_pages);
long balloon_pages_deflate(struct virtio_balloon *vb, unsigned long nr_pages);
bool balloon_pages_settle(struct virtio_balloon *vb);
bool balloon_pages_arm(struct virtio_balloon *vb);
void balloon_pages_try_large(struct virtio_balloon *vb);

unsigned long balloon_pages_replace(struct virtio_balloon *vb,
				    struct list_head *pages);
void balloon_pages_lost(struct virtio_balloon *vb);
bool balloon_pages_adjust_managed(struct virtio_balloon *vb);
bool balloon_must_tell_host(struct virtio_balloon *vb);
unsigned long balloon_pages_count(struct virtio_balloon *vb);
unsigned long balloon_pages_inflating(struct virtio_balloon *vb);
unsigned long balloon_pages_deflating(struct virtio_balloon *vb);

void balloon_pages_return(struct virtio_balloon *vb);
unsigned long balloon_pages_release_all(struct virtio_balloon *vb);

#endif /* BALLOON_PAGES_H */
