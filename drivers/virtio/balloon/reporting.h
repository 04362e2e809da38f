/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver as a client of the kernel's free page reporting, see reporting.c.
 */
#ifndef BALLOON_REPORTING_H
#define BALLOON_REPORTING_H

#include <linux/mutex.h>
#include <linux/page_reporting.h>

#include "queue.h"
#include "work.h"

struct virtio_balloon;

/**
 * struct balloon_reporting_queue - a queue that free memory is sent to
 * @stream: its stream; without a queue where the feature was not negotiated
 * @nr_sg: blocks that are posted together at most; 0 if none may be; under the gate
 * @buffers: buffers that the host has completed; written by the kernel's worker
 * @blocks: blocks in them; likewise
 * @pages: pages of these; likewise
 */
struct balloon_reporting_queue {
	struct balloon_stream stream;
	unsigned int nr_sg;
	u64 buffers;
	u64 blocks;
	u64 pages;
};

/**
 * struct balloon_reporting - free memory that the kernel shows to the driver
 * @gate: held while blocks are posted, and to forbid that; guards @hinting, @running,
 *	  @suspended and @passes_left
 * @info: has the callback, which the kernel calls in one thread at a time
 * @wq: where the kernel runs @info.work; written by the driver core's callbacks
 * @delay: the kernel's delay before the first pass, in jiffies; likewise
 * @reports: the reporting queue
 * @hints: the hint queue
 * @to: that of the two where @requests are; written under @gate
 * @requests: what is under way: one buffer of reports, or one for each block of hints
 * @nr_sg: blocks in them
 * @nr_left: buffers that the host has not completed
 * @notes: how often the kernel's reported flags were cleared or a round began; hint.c's
 * @shown_notes: @notes when the kernel showed the blocks that are under way
 * @registered: the kernel knows @info; the driver core's callbacks, or hint.c's worker
 * @running: between start and stop
 * @suspended: the system is about to sleep
 * @hinting: blocks go to the hint queue
 * @named: blocks were hinted, and the reported flags were not cleared since; hint.c's
 * @command_changed: the device may have another command than the one of the round; hint.c's
 * @pass: runs passes; pace.c's
 * @passes_left: passes to run at most, until one brings nothing; likewise
 * @refused: blocks were not sent since passes began; written by the kernel's worker
 * @nr_pass: pages that this pass has brought; written by it, or when it does not run
 * @order: the smallest order that the kernel has shown so far; likewise
 * @nr_busy: pages of blocks that the kernel's worker has taken and not given back;
 *	     likewise, read by anybody
 * @nr_refused: how often blocks were not sent, or taken back by a reset; likewise
 */
struct balloon_reporting {
	struct mutex gate;
	struct page_reporting_dev_info info;
	struct workqueue_struct *wq;
	unsigned long delay;
	struct balloon_reporting_queue reports;
	struct balloon_reporting_queue hints;
	struct balloon_reporting_queue *to;
	struct balloon_request requests[PAGE_REPORTING_CAPACITY];
	unsigned int nr_sg;
	unsigned int nr_left;
	unsigned int notes;
	unsigned int shown_notes;
	bool registered;
	bool running;
	bool suspended;
	bool hinting;
	bool named;
	bool command_changed;
	struct balloon_work pass;
	unsigned int passes_left;
	bool refused;
	unsigned long nr_pass;
	unsigned int order;
	unsigned long nr_busy;
	u64 nr_refused;
};

#ifdef CONFIG_PAGE_REPORTING
int balloon_reporting_init(struct virtio_balloon *vb);
int balloon_reporting_start(struct virtio_balloon *vb);
void balloon_reporting_stop(struct virtio_balloon *vb);
void balloon_reporting_release(struct virtio_balloon *vb);
void balloon_reporting_suspend(struct virtio_balloon *vb, bool suspend);
bool balloon_reporting_completed(struct virtio_balloon *vb, unsigned long timeout);

int balloon_reporting_register(struct virtio_balloon *vb);
const char *balloon_reporting_no_hints(struct virtio_balloon *vb);
void balloon_reporting_forget(struct virtio_balloon *vb);
void balloon_reporting_hint(struct virtio_balloon *vb, bool hint);
#else
static inline void balloon_reporting_release(struct virtio_balloon *vb)
{
}

static inline void balloon_reporting_suspend(struct virtio_balloon *vb, bool suspend)
{
}

static inline bool balloon_reporting_completed(struct virtio_balloon *vb, unsigned long timeout)
{
	return true;
}

static inline int balloon_reporting_register(struct virtio_balloon *vb)
{
	return -EOPNOTSUPP;
}

static inline const char *balloon_reporting_no_hints(struct virtio_balloon *vb)
{
	return "the kernel has no free page reporting";
}

static inline void balloon_reporting_forget(struct virtio_balloon *vb)
{
}

static inline void balloon_reporting_hint(struct virtio_balloon *vb, bool hint)
{
}
#endif

#endif /* BALLOON_REPORTING_H */
