/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where memory for the balloon comes from, see take.c.
 */
#ifndef BALLOON_TAKE_H
#define BALLOON_TAKE_H

#include <linux/types.h>

#include "histogram.h"

struct page;
struct virtio_balloon;

/**
 * struct balloon_take - how memory is taken from the allocator
 * @fragments: fragments are taken; otherwise blocks, and pages when there are none
 * @fragment_list: the list of the allocator that they are taken from, see take.c
 * @fragment_order: the largest order of it that is worth trying
 * @order: likewise for pages when there are no fragments
 * @block_order: likewise for a whole block
 * @nr_floor: pages that whole blocks leave in the zones that they come from
 * @node: where to look first, or NUMA_NO_NODE
 * @orders: blocks and pages taken, by their order
 *
 * All of it is the size worker's; @orders is read by anybody.
 */
struct balloon_take {
	bool fragments;
	unsigned int fragment_list;
	int fragment_order;
	unsigned int order;
	unsigned int block_order;
	unsigned long nr_floor;
	int node;
	struct balloon_histogram orders;
};

const char *balloon_take_name(void);
void balloon_take_restart(struct virtio_balloon *vb, unsigned long nr_floor);
unsigned long balloon_take_spare(gfp_t gfp);
unsigned long balloon_take_whole(void);
unsigned int balloon_take_pages(struct virtio_balloon *vb, unsigned int nr_room,
				struct list_head *pages);
bool balloon_take_split_block(struct virtio_balloon *vb, struct list_head *pages);
struct page *balloon_take_block(struct virtio_balloon *vb, unsigned long nr_pages);

#endif /* BALLOON_TAKE_H */
