/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where memory for the balloon comes from, see take.c.
 */
#ifndef BALLOON_TAKE_H
#define BALLOON_TAKE_H

#include <linux/types.h>

#include "histogram.h"

struct page;
struct seq_file;
struct virtio_balloon;

/**
 * struct balloon_take - how memory is taken from the allocator
 * @order: the largest order worth trying for pages
 * @block_order: likewise for a whole block
 * @node: where to look first, or NUMA_NO_NODE
 * @orders: blocks and pages taken, by their order
 *
 * All of it is the size worker's; @orders is read by anybody.
 */
struct balloon_take {
	unsigned int order;
	unsigned int block_order;
	int node;
	struct balloon_histogram orders;
};

void balloon_take_try_large(struct virtio_balloon *vb);
unsigned long balloon_take_spare(gfp_t gfp);
struct page *balloon_take_pages(struct virtio_balloon *vb, unsigned int nr_room,
				unsigned int *order);
struct page *balloon_take_block(struct virtio_balloon *vb,
				unsigned long nr_pages);
void balloon_take_show_orders(struct seq_file *file, struct virtio_balloon *vb);

#endif /* BALLOON_TAKE_H */
