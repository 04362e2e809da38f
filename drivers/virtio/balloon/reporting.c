// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory that the kernel shows to the driver, without an allocation.
 *
 * The kernel's page reporting isolates free blocks, 32 at a time, calls report() and puts
 * them back. It flags each block as reported until it is allocated. The driver is its
 * client for both features that are about free memory: report() sends the blocks to the
 * reporting queue (VIRTIO 1.3, 5.5.6.7), or during a round of hints to the hint queue
 * (5.5.6.5).
 *
 * The kernel has one worker for this, and one client in the whole system. Isolated blocks
 * cannot be used, and the worker must wait until the host is done with them. Only
 * completion or device reset ends a posted report; after a reset the host can discard
 * nothing. A host that completes nothing holds 32 blocks.
 *
 * So the parts are stopped first, then the device is reset, and its requests are taken back.
 * After that the client is unregistered, for which the kernel waits for its worker. Nothing
 * is posted when the driver is stopped or the system is about to sleep.
 *
 * The queues have other users, see discard.c and hint.c. A buffer leaves half of the ring to
 * them. When they fill the ring, a buffer waits for a moment, and is then refused.
 */
#include <linux/mm.h>
#include <linux/sizes.h>

#include "balloon.h"
#include "compat/compat.h"
#include "compat/reported.h"
#include "trace.h"

/* Bytes of a buffer at most; its used length has 32 bits. */
#define BALLOON_REPORTING_BYTES		SZ_2G
/* How often to look whether there is room. */
#define BALLOON_REPORTING_RETRY		(HZ / 50 ?: 1)
/* The kernel gets its blocks back if there is no room for this long. */
#define BALLOON_REPORTING_ROOM		HZ

static struct virtio_balloon *reporting_vb(struct balloon_reporting *reporting)
{
	return container_of(reporting, struct virtio_balloon, reporting);
}

/* Blocks from the front of a list that are posted together. */
static unsigned int reporting_fit(struct balloon_reporting *reporting,
				  struct scatterlist *sg, unsigned int nr_sg)
{
	size_t bytes = sg->length;
	unsigned int nr = 1;

	nr_sg = min(nr_sg, reporting->to->nr_sg);
	while (nr < nr_sg && bytes + sg[nr].length <= BALLOON_REPORTING_BYTES)
		bytes += sg[nr++].length;
	return nr;
}

static unsigned long reporting_pages(struct balloon_reporting *reporting,
				     struct scatterlist *sg, unsigned int nr_sg)
{
	unsigned long nr, nr_pages = 0;

	while (nr_sg--) {
		nr = sg[nr_sg].length >> PAGE_SHIFT;
		reporting->order = min_t(unsigned int, reporting->order, ilog2(nr));
		nr_pages += nr;
	}
	return nr_pages;
}

/*
 * Posts as many blocks as fit. Reports are one buffer. Hints have one buffer each: that is
 * how Linux has always sent them, and QEMU before 7.0 looks at the first descriptor only.
 */
static void reporting_post(struct balloon_reporting *reporting, struct scatterlist *sg,
			   unsigned int nr_sg)
{
	unsigned int nr = reporting_fit(reporting, sg, nr_sg);
	unsigned int nr_each = reporting->hinting ? 1 : nr;

	reporting->nr_left = balloon_queue_post_blocks(&reporting->to->stream,
						       reporting->requests, sg, nr, nr_each);
	reporting->nr_sg = nr;
}

/*
 * Memory that was deflated, and whose deflation is in flight, could be among the blocks: it
 * must be completed first. Under the gate, so that nothing is posted to a device that may be
 * reset already.
 */
static int reporting_try(struct balloon_reporting *reporting,
			 struct scatterlist *sg, unsigned int nr_sg)
{
	int err = -ENOSPC;

	mutex_lock(&reporting->gate);
	reporting->to = reporting->hinting ? &reporting->hints : &reporting->reports;
	if (!reporting->running || reporting->suspended)
		err = -ENODEV;
	else if (!reporting->to->nr_sg)
		err = -EOPNOTSUPP;
	else if (balloon_queue_broken(reporting->to->stream.queue))
		err = -EIO;
	else
		WRITE_ONCE(reporting->nr_busy, reporting_pages(reporting, sg, nr_sg));
	if (err == -ENOSPC && !balloon_pages_freed_unacked(reporting_vb(reporting)) &&
	    balloon_queue_room(reporting->to->stream.queue) >=
	    reporting_fit(reporting, sg, nr_sg)) {
		reporting_post(reporting, sg, nr_sg);
		err = 0;
	}
	mutex_unlock(&reporting->gate);
	return err;
}

static void reporting_wait(struct balloon_reporting *reporting)
{
	struct balloon_stream *stream = &reporting->to->stream;

	while (reporting->nr_left) {
		if (balloon_stream_wait(stream, BALLOON_SILENCE)) {
			balloon_stream_take(stream);
			reporting->nr_left--;
		} else if (balloon_queue_broken(stream->queue)) {
			/* A broken queue keeps its blocks until the reset. */
			schedule_timeout_idle(BALLOON_REPORTING_RETRY);
		}
	}
	/* The interrupt was for these; other users may need another one. */
	while (!balloon_queue_arm(stream->queue, BALLOON_ARM_FIRST))
		balloon_stream_take(stream);
}

/*
 * Sends the blocks that fit and waits for completion. An error means that the kernel must
 * show them again: a device that got another command since then may have ignored hints, and
 * blocks that were reported while the flags were cleared must be hinted.
 */
static int reporting_send(struct balloon_reporting *reporting,
			  struct scatterlist *sg, unsigned int nr_sg)
{
	unsigned long end = jiffies + BALLOON_REPORTING_ROOM;
	unsigned int i;
	int err;

	while ((err = reporting_try(reporting, sg, nr_sg)) == -ENOSPC && time_before(jiffies, end))
		schedule_timeout_idle(BALLOON_REPORTING_RETRY);
	if (err)
		return err;
	reporting_wait(reporting);
	/* Only the last block of the kernel's list is the end of it. */
	for (i = 0; i < reporting->nr_sg; i++)
		if (i + 1 < nr_sg)
			sg_unmark_end(&sg[i]);
	/* Stopped meanwhile: the reset may have ended this. */
	if (!READ_ONCE(reporting->running))
		return -ENODEV;
	if (reporting->shown_notes != READ_ONCE(reporting->notes) ||
	    (reporting->to == &reporting->hints &&
	     (!READ_ONCE(reporting->hinting) || READ_ONCE(reporting->command_changed))))
		return -EAGAIN;
	return 0;
}

/* The host has completed this, even if the kernel must show the blocks again. */
static void reporting_count(struct balloon_reporting *reporting, unsigned long nr_pages)
{
	struct balloon_reporting_queue *to = reporting->to;

	WRITE_ONCE(to->buffers, to->buffers + (to == &reporting->hints ? reporting->nr_sg : 1));
	WRITE_ONCE(to->blocks, to->blocks + reporting->nr_sg);
	WRITE_ONCE(to->pages, to->pages + nr_pages);
	WRITE_ONCE(reporting->nr_pass, reporting->nr_pass + nr_pages);
}

/*
 * The kernel's worker has isolated @nr_sg blocks, and frees them again when this
 * returns. An error means that they were not all reported.
 */
static int reporting_report(struct page_reporting_dev_info *info,
			    struct scatterlist *sg, unsigned int nr_sg)
{
	struct balloon_reporting *reporting = container_of(info, struct balloon_reporting, info);
	struct virtio_balloon *vb = reporting_vb(reporting);
	unsigned long nr_pages;
	ktime_t begin;
	int err = 0;

	reporting->shown_notes = READ_ONCE(reporting->notes);
	for (; nr_sg && !err; sg += reporting->nr_sg, nr_sg -= reporting->nr_sg) {
		reporting->nr_sg = nr_sg;
		begin = ktime_get();
		err = reporting_send(reporting, sg, nr_sg);
		if (err == -EOPNOTSUPP)
			break;
		nr_pages = reporting_pages(reporting, sg, reporting->nr_sg);
		trace_balloon_free_report(vb->vdev->index, reporting->nr_sg, nr_pages,
					  ktime_us_delta(ktime_get(), begin), err);
		if (!err || err == -EAGAIN) {
			reporting_count(reporting, nr_pages);
			continue;
		}
		balloon_event(vb, BALLOON_EVENT_REPORT_FAILED, nr_pages, -err);
		WRITE_ONCE(reporting->nr_refused, reporting->nr_refused + 1);
		WRITE_ONCE(reporting->refused, true);
	}
	WRITE_ONCE(reporting->nr_busy, 0);
	return err;
}

/**
 * balloon_reporting_no_hints() - why blocks that are free cannot be hinted
 * @vb: the balloon
 *
 * Context: any.
 * Return: a few words, or NULL if they can.
 */
const char *balloon_reporting_no_hints(struct virtio_balloon *vb)
{
	if (balloon_poison_fills())
		return "free pages must keep their contents (init_on_free or page_poison)";
	if (!BALLOON_COMPAT_FORGETS)
		return "this kernel's notes of reported memory cannot be erased";
	if (vb->reporting.reports.nr_sg && !READ_ONCE(vb->reporting.registered))
		return "the kernel shows no free memory to this device";
	return vb->reporting.hints.nr_sg ? NULL : "the hint queue has room for one block only";
}

/**
 * balloon_reporting_forget() - have all free memory shown again
 * @vb: the balloon
 *
 * Context: may sleep; a walk over the blocks of all memory.
 */
void balloon_reporting_forget(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;

	WRITE_ONCE(reporting->notes, reporting->notes + 1);
	balloon_compat_forget_reported(reporting->order);
}

/**
 * balloon_reporting_hint() - a round of hints begins, or is over
 * @vb: the balloon
 * @hint: which
 *
 * Blocks that are under way when it begins do not count for it. After its end nothing is
 * posted to the hint queue.
 *
 * Context: may sleep for a moment.
 */
void balloon_reporting_hint(struct virtio_balloon *vb, bool hint)
{
	struct balloon_reporting *reporting = &vb->reporting;

	mutex_lock(&reporting->gate);
	if (reporting->hinting)
		WRITE_ONCE(reporting->passes_left, 0);
	WRITE_ONCE(reporting->hinting, hint);
	if (hint)
		WRITE_ONCE(reporting->notes, reporting->notes + 1);
	mutex_unlock(&reporting->gate);
}

static void reporting_init_queue(struct virtio_balloon *vb, struct balloon_reporting_queue *queue,
				 unsigned int feature, enum balloon_queue_id id)
{
	if (virtio_has_feature(vb->vdev, feature))
		balloon_stream_init(&queue->stream, &vb->queues[id], NULL);
}

/**
 * balloon_reporting_init() - prepare to report and to hint
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_reporting_init(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;

	mutex_init(&reporting->gate);
	reporting_init_queue(vb, &reporting->reports, VIRTIO_BALLOON_F_REPORTING,
			     BALLOON_QUEUE_REPORTING);
	reporting_init_queue(vb, &reporting->hints, VIRTIO_BALLOON_F_FREE_PAGE_HINT,
			     BALLOON_QUEUE_HINT);
	reporting->info.report = reporting_report;
	reporting->info.order = BALLOON_BLOCK_ORDER_MIN;
	reporting->order = BALLOON_BLOCK_ORDER_MIN;
	return 0;
}

/* Half of a ring is for its other users. */
static void reporting_start_queue(struct balloon_reporting_queue *queue)
{
	if (queue->stream.queue)
		queue->nr_sg = queue->stream.queue->size / 2;
}

/**
 * balloon_reporting_register() - become the kernel's client
 * @vb: the balloon
 *
 * Passes reorder the free lists: a device that has only hints registers with its first
 * migration. The kernel has one client in the whole system.
 *
 * Context: the driver core's callbacks, or hint.c's worker; may sleep.
 * Return: 0, or what the kernel says.
 */
int balloon_reporting_register(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;
	int err;

	if (reporting->registered)
		return 0;
	err = page_reporting_register(&reporting->info);
	if (err)
		return err;
	/* The kernel has queued the first pass: that shows the workqueue and the delay. */
	reporting->wq = reporting->info.work.wq ?: balloon_compat_system_wq;
	reporting->delay = reporting->info.work.timer.expires - jiffies;
	WRITE_ONCE(reporting->registered, true);
	return 0;
}

/**
 * balloon_reporting_start() - report and hint from now on
 * @vb: the balloon
 *
 * If the kernel has another client, the balloon works without reports.
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0.
 */
int balloon_reporting_start(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;
	int err = 0;

	mutex_lock(&reporting->gate);
	reporting->running = true;
	reporting_start_queue(&reporting->reports);
	reporting_start_queue(&reporting->hints);
	mutex_unlock(&reporting->gate);
	if (reporting->reports.stream.queue)
		err = reporting->reports.nr_sg ? balloon_reporting_register(vb) : -ENOSPC;
	if (err)
		dev_warn(&vb->vdev->dev, "free memory is not reported to this device: %s (%d)\n",
			 err == -EBUSY ? "another one has it already" :
			 err == -ENOSPC ? "its ring has room for one block only" :
			 "the kernel refuses", err);
	return 0;
}

/**
 * balloon_reporting_stop() - post nothing more
 * @vb: the balloon
 *
 * A posted report stays until completion or device reset.
 *
 * Context: the driver core's callbacks; may sleep for a moment.
 */
void balloon_reporting_stop(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;

	mutex_lock(&reporting->gate);
	WRITE_ONCE(reporting->running, false);
	WRITE_ONCE(reporting->passes_left, 0);
	WRITE_ONCE(reporting->hinting, false);
	mutex_unlock(&reporting->gate);
}

/**
 * balloon_reporting_release() - unregister from the kernel
 * @vb: the balloon
 *
 * Context: after balloon_queues_cancel(); sleeps until the kernel's worker has its
 *	    blocks back.
 */
void balloon_reporting_release(struct virtio_balloon *vb)
{
	if (!vb->reporting.registered)
		return;
	page_reporting_unregister(&vb->reporting.info);
	WRITE_ONCE(vb->reporting.registered, false);
}

/**
 * balloon_reporting_suspend() - report and hint nothing for a while
 * @vb: the balloon
 * @suspend: whether from now on, or no longer
 *
 * Context: may sleep for a moment.
 */
void balloon_reporting_suspend(struct virtio_balloon *vb, bool suspend)
{
	mutex_lock(&vb->reporting.gate);
	WRITE_ONCE(vb->reporting.suspended, suspend);
	mutex_unlock(&vb->reporting.gate);
}

/**
 * balloon_reporting_completed() - wait for the host to complete something
 * @vb: the balloon
 * @timeout: jiffies
 *
 * Context: may sleep.
 * Return: true if nothing was under way or a buffer was completed; false on a timeout.
 */
bool balloon_reporting_completed(struct virtio_balloon *vb, unsigned long timeout)
{
	struct balloon_reporting *reporting = &vb->reporting;
	unsigned long end = jiffies + timeout;
	u64 nr_reported = READ_ONCE(reporting->reports.pages);
	u64 nr_hinted = READ_ONCE(reporting->hints.pages);

	while (READ_ONCE(reporting->nr_busy) &&
	       READ_ONCE(reporting->reports.pages) == nr_reported &&
	       READ_ONCE(reporting->hints.pages) == nr_hinted) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_idle(1);
	}
	return true;
}
