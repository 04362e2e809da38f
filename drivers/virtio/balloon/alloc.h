/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where memory for the balloon comes from, see alloc.c.
 */
#ifndef BALLOON_ALLOC_H
#define BALLOON_ALLOC_H

#include <linux/types.h>

#include "histogram.h"

struct page;
struct virtio_balloon;

/**
 * struct balloon_alloc - how memory is taken from the allocator
 * @fragments: fragments are taken; otherwise blocks, and pages when there are none
 * @fragment_list: the free list that they are taken from, see alloc.c
 * @fragment_order: the largest order of it that may be available
 * @order: likewise for pages when there are no fragments
 * @block_order: likewise for a whole block
 * @nr_floor: pages that blocks which stay whole leave in the zones that they come from
 * @node: where to look first, or NUMA_NO_NODE
 * @orders: blocks and pages taken, by their order
 *
 * All of it is the size worker's; @orders is read by anybody.
 */
struct balloon_alloc {
	bool fragments;
	unsigned int fragment_list;
	int fragment_order;
	unsigned int order;
	unsigned int block_order;
	unsigned long nr_floor;
	int node;
	struct balloon_histogram orders;
};

const char *balloon_alloc_name(void);
void balloon_alloc_restart(struct virtio_balloon *vb, unsigned long nr_floor);
unsigned long balloon_alloc_spare(gfp_t gfp);
unsigned long balloon_alloc_whole(void);
unsigned int balloon_alloc_pages(struct virtio_balloon *vb, unsigned int nr_room,
				 struct list_head *pages);
bool balloon_alloc_split_block(struct virtio_balloon *vb, struct list_head *pages);
struct page *balloon_alloc_block(struct virtio_balloon *vb, unsigned long nr_pages);

#endif /* BALLOON_ALLOC_H */
