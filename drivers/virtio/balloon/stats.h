/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory statistics for the host, see stats.c.
 */
#ifndef BALLOON_STATS_H
#define BALLOON_STATS_H

#include <linux/virtio_balloon.h>
#include <linux/vmstat.h>

#include "queue.h"
#include "work.h"

/**
 * struct balloon_stats - the statistics queue's only buffer
 * @work: collects and sends
 * @stream: the statistics queue
 * @request: the one request of it
 * @sg: its descriptor
 * @nr_tags: tags from this on are not sent; never changes, since each buffer must have the
 *	     same tags
 * @nr: the number of statistics in it
 * @stat: what the host reads; the worker's while it is not in flight
 * @events: room for the kernel's event counters, too large for a stack
 */
struct balloon_stats {
	struct balloon_work work;
	struct balloon_stream stream;
	struct balloon_request request;
	struct scatterlist sg;
	unsigned int nr_tags;
	unsigned int nr;
	struct virtio_balloon_stat stat[VIRTIO_BALLOON_S_NR];
	unsigned long events[NR_VM_EVENT_ITEMS];
};

int balloon_stats_init(struct virtio_balloon *vb);
int balloon_stats_start(struct virtio_balloon *vb);
void balloon_stats_stop(struct virtio_balloon *vb);

#endif /* BALLOON_STATS_H */
