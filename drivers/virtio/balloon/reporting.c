// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting (VIRTIO 1.3, 5.5.6.7): the kernel takes free blocks off its
 * lists, some at a time, the host discards them, and they are free again.
 *
 * The kernel has one worker for this, and reports to one device in the whole system.
 * Blocks that are reported are nobody's: the worker may not go on before the host is
 * done with them, however long that takes. Only the answer ends this, or the reset of
 * the device, after which the host can discard nothing.
 *
 * So the parts are stopped first, then the device is reset, and what it never answered
 * is taken back; the kernel is told that there is no device to report to after that,
 * because it waits for its worker. No report begins when the driver is stopped or the
 * system is about to sleep.
 *
 * The queue has other users, see discard.c and hint.c. A report leaves half of the
 * ring to them. When they fill it a report waits for a moment, and is refused then. The
 * kernel comes back when more memory is freed.
 */
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "balloon.h"
#include "trace.h"

/* Bytes of an element at most; its used length has 32 bits. */
#define BALLOON_REPORTING_BYTES	SZ_2G
/* Look so often whether there is room. */
#define BALLOON_REPORTING_RETRY	(HZ / 50 ?: 1)
/* The kernel gets its blocks back if there is none for so long. */
#define BALLOON_REPORTING_ROOM	HZ

static struct virtio_balloon *balloon_reporting_vb(struct balloon_reporting *report)
{
	return report->stream.queue->vb;
}

/*
 * Memory that left the balloon, and of which the host does not know that yet, could
 * be among the blocks: the host hears of that first. Once nothing may begin, nothing
 * does: the device could be reset by then.
 */
static int balloon_reporting_try(struct balloon_reporting *report,
				   unsigned long nr_pages)
{
	struct virtio_balloon *vb = balloon_reporting_vb(report);
	int err = -ENOSPC;

	mutex_lock(&report->gate);
	if (!report->running || report->held)
		err = -ENODEV;
	else if (!balloon_pages_unseen(vb))
		err = balloon_queue_post(&report->stream, &report->request);
	if (!err) {
		WRITE_ONCE(report->nr_busy, nr_pages);
		balloon_queue_kick(report->stream.queue);
	}
	mutex_unlock(&report->gate);
	return err;
}

static int balloon_reporting_post(struct balloon_reporting *report,
				    unsigned long nr_pages)
{
	unsigned long end = jiffies + BALLOON_REPORTING_ROOM;
	int err;

	while ((err = balloon_reporting_try(report, nr_pages)) == -ENOSPC) {
		if (time_after(jiffies, end))
			return -EBUSY;
		schedule_timeout_idle(BALLOON_REPORTING_RETRY);
	}
	return err;
}

static void balloon_reporting_wait(struct balloon_reporting *report)
{
	while (!balloon_stream_wait(&report->stream, HZ)) {
		/* A broken device is not waited for, but keeps what it has. */
		if (balloon_queue_broken(report->stream.queue))
			schedule_timeout_idle(BALLOON_REPORTING_RETRY);
	}
	balloon_stream_take(&report->stream);
	/* The interrupt was for this report; others may wait for one. */
	while (!balloon_queue_arm(report->stream.queue, BALLOON_ARM_FIRST))
		balloon_stream_take(&report->stream);
	balloon_discard_retry(balloon_reporting_vb(report));
}

/* Blocks from the front of a list that make one element. */
static unsigned int balloon_reporting_fit(struct balloon_reporting *report,
					    struct scatterlist *sg,
					    unsigned int nr_sg)
{
	unsigned int nr = 0;
	size_t bytes = 0;

	nr_sg = min(nr_sg, report->nr_sg);
	while (nr < nr_sg && bytes + sg[nr].length <= BALLOON_REPORTING_BYTES)
		bytes += sg[nr++].length;
	return max(nr, 1U);
}

static unsigned long balloon_reporting_pages(struct scatterlist *sg,
					       unsigned int nr_sg)
{
	unsigned long nr_pages = 0;

	while (nr_sg--)
		nr_pages += sg[nr_sg].length >> PAGE_SHIFT;
	return nr_pages;
}

/*
 * Sends one element, which ends where it is told to, and waits for the answer; of
 * nr_pages that the kernel waits for.
 */
static int balloon_reporting_send(struct balloon_reporting *report,
				    struct scatterlist *sg, unsigned int nr_sg,
				    unsigned long nr_pages)
{
	int err;

	report->request.sg = sg;
	report->request.nr_sg = nr_sg;
	report->request.device_writes = true;
	err = balloon_reporting_post(report, nr_pages);
	if (err)
		return err;
	balloon_reporting_wait(report);
	WRITE_ONCE(report->nr_busy, 0);
	/* Stopped meanwhile: perhaps it was the reset that ended this. */
	return READ_ONCE(report->running) ? 0 : -ENODEV;
}

static void balloon_reporting_count(struct balloon_reporting *report,
				      unsigned int nr_blocks,
				      unsigned long nr_pages, ktime_t begin, int err)
{
	if (err) {
		balloon_event(balloon_reporting_vb(report),
			      BALLOON_EVENT_REPORT_FAILED, nr_pages, -err);
		WRITE_ONCE(report->nr_refused, report->nr_refused + 1);
	} else {
		WRITE_ONCE(report->nr_elements, report->nr_elements + 1);
		WRITE_ONCE(report->nr_blocks, report->nr_blocks + nr_blocks);
		WRITE_ONCE(report->nr_pages, report->nr_pages + nr_pages);
	}
	trace_balloon_free_report(balloon_reporting_vb(report)->vdev->index,
				  nr_blocks, nr_pages,
				  ktime_us_delta(ktime_get(), begin), err);
}

/*
 * The kernel's worker has isolated @nr_sg blocks, and frees them again when this
 * returns. An error means that they were not all reported.
 */
static int balloon_free_report(struct page_reporting_dev_info *info,
			       struct scatterlist *sg, unsigned int nr_sg)
{
	struct balloon_reporting *report =
		container_of(info, struct balloon_reporting, info);
	int err = 0;

	while (nr_sg && !err) {
		unsigned int nr = balloon_reporting_fit(report, sg, nr_sg);
		unsigned long nr_pages = balloon_reporting_pages(sg, nr);
		ktime_t begin = ktime_get();

		sg_mark_end(&sg[nr - 1]);
		err = balloon_reporting_send(report, sg, nr,
					       balloon_reporting_pages(sg, nr_sg));
		if (nr < nr_sg)
			sg_unmark_end(&sg[nr - 1]);
		balloon_reporting_count(report, nr, nr_pages, begin, err);
		sg += nr;
		nr_sg -= nr;
	}
	return err;
}

static void balloon_reporting_notify(struct balloon_stream *stream)
{
	wake_up(&stream->queue->wait);
}

/**
 * balloon_reporting_init() - prepare to report
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_reporting_init(struct virtio_balloon *vb)
{
	struct balloon_reporting *report;

	report = kzalloc(sizeof(*report), GFP_KERNEL);
	if (!report)
		return -ENOMEM;
	mutex_init(&report->gate);
	balloon_stream_init(&report->stream,
			    &vb->queues[BALLOON_QUEUE_REPORTING],
			    balloon_reporting_notify);
	report->info.report = balloon_free_report;
	report->info.order = BALLOON_BLOCK_ORDER_MIN;
	vb->reporting = report;
	return 0;
}

static int balloon_reporting_register(struct balloon_reporting *report)
{
	unsigned int size = balloon_queue_size(report->stream.queue);

	if (size < 2)
		return -ENOSPC;
	report->nr_sg = size / 2;
	return page_reporting_register(&report->info);
}

/**
 * balloon_reporting_start() - let the kernel report its free memory
 * @vb: the balloon
 *
 * The kernel reports to one device only. That there is one already is no reason to do
 * without a balloon.
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0.
 */
int balloon_reporting_start(struct virtio_balloon *vb)
{
	struct balloon_reporting *report = vb->reporting;
	int err;

	mutex_lock(&report->gate);
	report->running = true;
	mutex_unlock(&report->gate);
	if (report->registered)
		return 0;
	err = balloon_reporting_register(report);
	WRITE_ONCE(report->registered, !err);
	if (err)
		dev_warn(&vb->vdev->dev,
			 "free memory is not reported to this device: %s (%d)\n",
			 err == -EBUSY ? "another one has it already" :
			 err == -ENOSPC ? "its ring has room for one block only" :
			 "the kernel refuses", err);
	return 0;
}

/**
 * balloon_reporting_stop() - begin no more reports
 * @vb: the balloon
 *
 * One that is under way stays until the host answers or is reset.
 *
 * Context: the driver core's callbacks; may sleep for a moment.
 */
void balloon_reporting_stop(struct virtio_balloon *vb)
{
	mutex_lock(&vb->reporting->gate);
	WRITE_ONCE(vb->reporting->running, false);
	mutex_unlock(&vb->reporting->gate);
}

/**
 * balloon_reporting_release_all() - no device to report to any more
 * @vb: the balloon
 *
 * Context: after balloon_queues_cancel(); sleeps until the kernel's worker has its
 *	    blocks back.
 */
void balloon_reporting_release_all(struct virtio_balloon *vb)
{
	struct balloon_reporting *report = vb->reporting;

	if (!report || !report->registered)
		return;
	page_reporting_unregister(&report->info);
	WRITE_ONCE(report->registered, false);
}

/**
 * balloon_reporting_exit() - the counterpart of balloon_reporting_init()
 * @vb: the balloon
 *
 * Context: probe or remove, after balloon_reporting_release_all().
 */
void balloon_reporting_exit(struct virtio_balloon *vb)
{
	kfree(vb->reporting);
	vb->reporting = NULL;
}

/**
 * balloon_reporting_hold() - report nothing for a while
 * @vb: the balloon
 * @hold: whether, or not any more
 *
 * Context: may sleep for a moment.
 */
void balloon_reporting_hold(struct virtio_balloon *vb, bool hold)
{
	if (!vb->reporting)
		return;
	mutex_lock(&vb->reporting->gate);
	vb->reporting->held = hold;
	mutex_unlock(&vb->reporting->gate);
}

/**
 * balloon_reporting_busy() - memory that is being reported
 * @vb: the balloon
 *
 * Context: any.
 * Return: pages that the kernel's worker waits for.
 */
unsigned long balloon_reporting_busy(struct virtio_balloon *vb)
{
	return vb->reporting ? READ_ONCE(vb->reporting->nr_busy) : 0;
}

/**
 * balloon_reporting_answered() - see whether the host answers reports
 * @vb: the balloon
 * @timeout: jiffies
 *
 * Context: may sleep.
 * Return: true when nothing was being reported or an answer came; false if the host
 *	   kept what it was told of.
 */
bool balloon_reporting_answered(struct virtio_balloon *vb,
				  unsigned long timeout)
{
	struct balloon_reporting *report = vb->reporting;
	unsigned long end = jiffies + timeout;
	u64 nr_elements;

	if (!report)
		return true;
	nr_elements = READ_ONCE(report->nr_elements);
	while (balloon_reporting_busy(vb) &&
	       READ_ONCE(report->nr_elements) == nr_elements) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_idle(1);
	}
	return true;
}

/**
 * balloon_reporting_bytes() - free memory that was reported so far, in bytes
 * @vb: the balloon
 *
 * Context: any.
 */
u64 balloon_reporting_bytes(struct virtio_balloon *vb)
{
	return vb->reporting ?
	       READ_ONCE(vb->reporting->nr_pages) << PAGE_SHIFT : 0;
}

/**
 * balloon_reporting_state_name() - whether free memory goes to this device
 * @vb: the balloon
 *
 * Context: any.
 * Return: one word, see Documentation/ABI.
 */
const char *balloon_reporting_state_name(struct virtio_balloon *vb)
{
	struct balloon_reporting *report = vb->reporting;

	if (!report)
		return "none";
	if (!READ_ONCE(report->registered))
		return "unregistered";
	return READ_ONCE(report->nr_busy) ? "reporting" : "idle";
}

/**
 * balloon_reporting_show() - print what was reported
 * @file: where to
 * @vb: the balloon
 *
 * Context: debugfs; takes no lock.
 */
void balloon_reporting_show(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_reporting *report = vb->reporting;

	if (!report)
		return;
	seq_printf(file, "state %s\n", balloon_reporting_state_name(vb));
	seq_printf(file, "elements %llu\n", READ_ONCE(report->nr_elements));
	seq_printf(file, "blocks %llu\n", READ_ONCE(report->nr_blocks));
	seq_printf(file, "bytes %llu\n", balloon_reporting_bytes(vb));
	seq_printf(file, "refused %llu\n", READ_ONCE(report->nr_refused));
	seq_printf(file, "busy_bytes %llu\n",
		   (u64)READ_ONCE(report->nr_busy) << PAGE_SHIFT);
}
