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

struct seq_file;

/**
 * struct balloon_reporting_counts - elements that the host has answered
 * @elements: how many
 * @blocks: blocks in them
 * @pages: pages of these
 */
struct balloon_reporting_counts {
	u64 elements;
	u64 blocks;
	u64 pages;
};

/**
 * struct balloon_reporting - free memory that the kernel shows to the driver
 * @vb: the balloon; set once
 * @gate: held while an element is posted, and to say that none may be; guards
 *	  @hinting, @running, @held and what passes are counted by
 * @info: what the kernel calls, in one thread at a time; its order is in pages
 * @wq: where the kernel runs @info.work; the driver core's callbacks
 * @delay: how soon after memory is freed it did so at first, in jiffies; likewise
 * @reports: the reporting queue; without a queue if there is none
 * @hints: the hint queue; likewise
 * @stream: that of the two where @requests are; written under @gate
 * @report_sg: blocks in one element of the reporting queue at most; 0 if it is not used
 * @hint_sg: of the hint queue
 * @requests: what is under way: one element of reports, or one for each block of hints
 * @nr_sg: blocks in them
 * @nr_left: elements that the host has not answered
 * @notes: how often the kernel's notes were erased; hint.c's worker
 * @posted_notes: and when @requests were posted
 * @registered: the kernel knows @info; the driver core's callbacks
 * @running: between start and stop
 * @held: the system is about to sleep
 * @hinting: blocks go to the hint queue
 * @overtaken: set when the device may have another command; hint.c's
 * @passed: passes have ended, hint.c wants to know; set once, as is @overtaken
 * @pass: runs passes
 * @passing: until one brings nothing
 * @begun: one was begun
 * @nr_passes: how many were
 * @nr_pass: pages that this one has brought; the kernel's worker, or nobody's
 * @order: the smallest blocks that the kernel has shown so far; likewise
 * @nr_busy: pages of blocks that the kernel's worker has taken, while the host has
 *	     some of them; likewise, read by anybody, as are the counters
 * @reported: what went to the reporting queue
 * @hinted: what went to the hint queue
 * @nr_refused: elements that were not sent, or were taken back by a reset
 */
struct balloon_reporting {
	struct virtio_balloon *vb;
	struct mutex gate;
	struct page_reporting_dev_info info;
	struct workqueue_struct *wq;
	unsigned long delay;
	struct balloon_stream reports;
	struct balloon_stream hints;
	struct balloon_stream *stream;
	unsigned int report_sg;
	unsigned int hint_sg;
	struct balloon_request requests[PAGE_REPORTING_CAPACITY];
	unsigned int nr_sg;
	unsigned int nr_left;
	unsigned int notes;
	unsigned int posted_notes;
	bool registered;
	bool running;
	bool held;
	bool hinting;
	const bool *overtaken;
	void (*passed)(struct virtio_balloon *vb);
	struct balloon_work pass;
	bool passing;
	bool begun;
	unsigned int nr_passes;
	unsigned long nr_pass;
	unsigned int order;
	unsigned long nr_busy;
	struct balloon_reporting_counts reported;
	struct balloon_reporting_counts hinted;
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
bool balloon_reporting_answered(struct virtio_balloon *vb, unsigned long timeout);
u64 balloon_reporting_bytes(struct virtio_balloon *vb);
struct balloon_reporting_counts balloon_reporting_hinted(struct virtio_balloon *vb);
const char *balloon_reporting_state_name(struct virtio_balloon *vb);
void balloon_reporting_show(struct seq_file *file, struct virtio_balloon *vb);
int balloon_reporting_now(struct virtio_balloon *vb);
void balloon_reporting_begin_passes(struct virtio_balloon *vb);

const char *balloon_reporting_no_hints(struct virtio_balloon *vb);
void balloon_reporting_forget(struct virtio_balloon *vb, bool report);
void balloon_reporting_hint(struct virtio_balloon *vb, bool hint);
bool balloon_reporting_passing(struct virtio_balloon *vb);
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

static inline struct balloon_reporting_counts
balloon_reporting_hinted(struct virtio_balloon *vb)
{
	return (struct balloon_reporting_counts) {};
}

static inline const char *balloon_reporting_state_name(struct virtio_balloon *vb)
{
	return "none";
}

static inline void balloon_reporting_show(struct seq_file *file,
					  struct virtio_balloon *vb)
{
}

static inline int balloon_reporting_now(struct virtio_balloon *vb)
{
	return -EOPNOTSUPP;
}

static inline const char *balloon_reporting_no_hints(struct virtio_balloon *vb)
{
	return "the kernel has no free page reporting";
}

static inline void balloon_reporting_forget(struct virtio_balloon *vb, bool report)
{
}

static inline void balloon_reporting_hint(struct virtio_balloon *vb, bool hint)
{
}

static inline bool balloon_reporting_passing(struct virtio_balloon *vb)
{
	return false;
}
#endif

#endif /* BALLOON_REPORTING_H */
