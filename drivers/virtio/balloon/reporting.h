/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free page reporting, see reporting.c.
 */
#ifndef BALLOON_REPORTING_H
#define BALLOON_REPORTING_H

#include <linux/mutex.h>
#include <linux/page_reporting.h>

#include "queue.h"

struct seq_file;

/**
 * struct balloon_reporting - free memory of the kernel, told to the host
 * @gate: held while a report begins, and to say that none may
 * @info: what the kernel calls; its order is in pages
 * @stream: the reporting queue
 * @request: the element that is under way
 * @nr_sg: blocks in one element at most; set at start
 * @registered: the kernel knows @info; the driver core's callbacks
 * @running: between start and stop; written with @gate held
 * @held: the system is about to sleep; @gate
 * @nr_busy: pages of blocks that the kernel's worker has taken, while the host has
 *	     some of them; written by the worker, read by anybody, as are the counters
 * @nr_elements: elements that the host has answered
 * @nr_blocks: blocks in them
 * @nr_pages: pages of these
 * @nr_refused: elements that were not sent, or were taken back by a reset
 *
 * The kernel has one worker for all reports.
 */
struct balloon_reporting {
	struct mutex gate;
	struct page_reporting_dev_info info;
	struct balloon_stream stream;
	struct balloon_request request;
	unsigned int nr_sg;
	bool registered;
	bool running;
	bool held;
	unsigned long nr_busy;
	u64 nr_elements;
	u64 nr_blocks;
	u64 nr_pages;
	u64 nr_refused;
};

#ifdef CONFIG_PAGE_REPORTING
int balloon_reporting_init(struct virtio_balloon *vb);
int balloon_reporting_start(struct virtio_balloon *vb);
void balloon_reporting_stop(struct virtio_balloon *vb);
void balloon_reporting_release_all(struct virtio_balloon *vb);
void balloon_reporting_exit(struct virtio_balloon *vb);
void balloon_reporting_hold(struct virtio_balloon *vb, bool hold);
unsigned long balloon_reporting_busy(struct virtio_balloon *vb);
bool balloon_reporting_answered(struct virtio_balloon *vb,
				  unsigned long timeout);
u64 balloon_reporting_bytes(struct virtio_balloon *vb);
const char *balloon_reporting_state_name(struct virtio_balloon *vb);
void balloon_reporting_show(struct seq_file *file, struct virtio_balloon *vb);
#else
static inline void balloon_reporting_release_all(struct virtio_balloon *vb)
{
}

static inline void balloon_reporting_hold(struct virtio_balloon *vb, bool hold)
{
}

static inline unsigned long balloon_reporting_busy(struct virtio_balloon *vb)
{
	return 0;
}

static inline bool balloon_reporting_answered(struct virtio_balloon *vb,
						unsigned long timeout)
{
	return true;
}

static inline u64 balloon_reporting_bytes(struct virtio_balloon *vb)
{
	return 0;
}

static inline const char *
balloon_reporting_state_name(struct virtio_balloon *vb)
{
	return "none";
}

static inline void balloon_reporting_show(struct seq_file *file,
					    struct virtio_balloon *vb)
{
}
#endif

#endif /* BALLOON_REPORTING_H */
