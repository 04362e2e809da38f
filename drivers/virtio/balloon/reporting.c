// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory that the kernel shows to the driver, without anybody taking it.
 *
 * The kernel's page reporting takes free blocks off its lists, 32 at a time, calls
 * report() and puts them back. It notes for each that it was reported, until somebody
 * allocates it. The driver is its client for both features that are about free memory:
 * report() sends the blocks to the reporting queue (VIRTIO 1.3, 5.5.6.7), or during a
 * round of hints to the hint queue (5.5.6.5).
 *
 * The kernel has one worker for this, and one client in the whole system. Blocks that
 * are shown are nobody's: the worker may not go on before the host is done with them,
 * however long that takes. Only the answer ends this, or the reset of the device, after
 * which the host can discard nothing. A host that does not answer holds 32 blocks.
 *
 * So the parts are stopped first, then the device is reset, and what it never answered
 * is taken back; the kernel is told that there is no client any more after that,
 * because it waits for its worker. Nothing is posted when the driver is stopped or the
 * system is about to sleep.
 *
 * The pace is the driver's. The kernel's worker is a delayed work item in a structure of
 * ours, so it can be run at once. One pass brings a sixteenth of each free list, so one
 * follows the other until a pass brings nothing. Nobody waits for a pass: a work item
 * looks whether it is over. That needs no dependency between workqueues, and whatever
 * stops the driver finds nothing that sleeps.
 *
 * The queues have other users, see discard.c and hint.c. An element leaves half of the
 * ring to them. When they fill it an element waits for a moment, and is refused then.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "balloon.h"
#include "compat/reported.h"
#include "trace.h"

/* Bytes of an element at most; its used length has 32 bits. */
#define BALLOON_REPORTING_BYTES		SZ_2G
/* Notify a host that does not answer again. */
#define BALLOON_REPORTING_LOOK		(HZ / 4)
/* Look so often whether there is room. */
#define BALLOON_REPORTING_RETRY		(HZ / 50 ?: 1)
/* The kernel gets its blocks back if there is none for so long. */
#define BALLOON_REPORTING_ROOM		HZ
/* Twice as many passes as it takes to show all memory, if meanwhile more is freed. */
#define BALLOON_REPORTING_PASSES	32
/* Blocks from the front of a list that make one element. */
static unsigned int balloon_reporting_fit(struct balloon_reporting *reporting,
					  struct scatterlist *sg, unsigned int nr_sg)
{
	unsigned int nr = 0;
	size_t bytes = 0;

	nr_sg = min(nr_sg, reporting->hinting ? reporting->hint_sg : reporting->report_sg);
	while (nr < nr_sg && bytes + sg[nr].length <= BALLOON_REPORTING_BYTES)
		bytes += sg[nr++].length;
	return max(nr, 1U);
}

static unsigned long balloon_reporting_pages(struct balloon_reporting *reporting,
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

/* Posts blocks from the front of a list as one element, which ends where it is told to. */
static int balloon_reporting_post(struct balloon_reporting *reporting,
				  struct scatterlist *sg, unsigned int nr, bool is_last)
{
	struct balloon_request *request = &reporting->requests[reporting->nr_left];
	int err;

	request->sg = sg;
	request->nr_sg = nr;
	request->device_writes = true;
	sg_mark_end(&sg[nr - 1]);
	err = balloon_queue_post(reporting->stream, request);
	if (!is_last)
		sg_unmark_end(&sg[nr - 1]);
	if (err)
		return err;
	reporting->nr_left++;
	reporting->nr_sg += nr;
	return 0;
}

/*
 * Posts as many blocks as fit. Reports are one element. Hints have one element each: that is
 * how Linux has always sent them, and QEMU before 7.0 looks at the first descriptor only.
 */
static int balloon_reporting_add(struct balloon_reporting *reporting,
				 struct scatterlist *sg, unsigned int nr_sg)
{
	unsigned int i, nr = balloon_reporting_fit(reporting, sg, nr_sg);
	unsigned int nr_each = reporting->hinting ? 1 : nr;
	int err = 0;

	reporting->nr_sg = 0;
	reporting->nr_left = 0;
	for (i = 0; i < nr && !err; i += nr_each)
		err = balloon_reporting_post(reporting, sg + i, nr_each, i + nr_each == nr_sg);
	if (!reporting->nr_left)
		return err;
	WRITE_ONCE(reporting->nr_busy, balloon_reporting_pages(reporting, sg, nr_sg));
	balloon_queue_kick(reporting->stream->queue);
	return 0;
}

/*
 * Memory that left the balloon, and of which the host does not know that yet, could
 * be among the blocks: the host hears of that first. Once nothing may begin, nothing
 * does: the device could be reset by then.
 */
static int balloon_reporting_try(struct balloon_reporting *reporting,
				 struct scatterlist *sg, unsigned int nr_sg)
{
	int err = -ENOSPC;

	mutex_lock(&reporting->gate);
	reporting->stream = reporting->hinting ? &reporting->hints : &reporting->reports;
	reporting->posted_notes = READ_ONCE(reporting->notes);
	if (!reporting->running || reporting->held)
		err = -ENODEV;
	else if (!(reporting->hinting ? reporting->hint_sg : reporting->report_sg))
		err = -EOPNOTSUPP;
	else if (!balloon_pages_unseen(reporting->vb))
		err = balloon_reporting_add(reporting, sg, nr_sg);
	mutex_unlock(&reporting->gate);
	return err;
}

static void balloon_reporting_wait(struct balloon_reporting *reporting)
{
	struct balloon_stream *stream = reporting->stream;

	while (reporting->nr_left) {
		if (balloon_stream_wait(stream, BALLOON_REPORTING_LOOK)) {
			balloon_stream_take(stream);
			reporting->nr_left--;
		} else if (balloon_queue_broken(stream->queue)) {
			/* It is not waited for, but keeps what it has. */
			schedule_timeout_idle(BALLOON_REPORTING_RETRY);
		} else {
			balloon_queue_renotify(stream->queue);
		}
	}
	/* The interrupt was for these; others may wait for one. */
	while (!balloon_queue_arm(stream->queue, BALLOON_ARM_FIRST))
		balloon_stream_take(stream);
	if (stream == &reporting->reports)
		balloon_discard_retry(reporting->vb);
}

/* Sends what fits and waits for the answer. An error: nothing was reported. */
static int balloon_reporting_send(struct balloon_reporting *reporting,
				  struct scatterlist *sg, unsigned int nr_sg)
{
	unsigned long end = jiffies + BALLOON_REPORTING_ROOM;
	int err;

	while ((err = balloon_reporting_try(reporting, sg, nr_sg)) == -ENOSPC) {
		if (time_after(jiffies, end))
			return -EBUSY;
		schedule_timeout_idle(BALLOON_REPORTING_RETRY);
	}
	if (err)
		return err;
	balloon_reporting_wait(reporting);
	WRITE_ONCE(reporting->nr_busy, 0);
	/* Stopped meanwhile: perhaps it was the reset that ended this. */
	return READ_ONCE(reporting->running) ? 0 : -ENODEV;
}

static void balloon_reporting_count(struct balloon_reporting *reporting,
				    unsigned int nr_blocks, unsigned long nr_pages)
{
	bool hinted = reporting->stream == &reporting->hints;
	struct balloon_reporting_counts *counts = hinted ? &reporting->hinted :
							   &reporting->reported;

	WRITE_ONCE(counts->elements, counts->elements + (hinted ? nr_blocks : 1));
	WRITE_ONCE(counts->blocks, counts->blocks + nr_blocks);
	WRITE_ONCE(counts->pages, counts->pages + nr_pages);
	WRITE_ONCE(reporting->nr_pass, reporting->nr_pass + nr_pages);
}

static void balloon_reporting_refuse(struct balloon_reporting *reporting,
				     unsigned long nr_pages, int err)
{
	balloon_event(reporting->vb, BALLOON_EVENT_REPORT_FAILED, nr_pages, -err);
	WRITE_ONCE(reporting->nr_refused, reporting->nr_refused + 1);
}

/*
 * Whether blocks that the device is done with have to be shown again: a device that has
 * another command by now may have ignored a hint, and what was reported when the kernel's
 * notes were erased is to be hinted.
 */
static bool balloon_reporting_again(struct balloon_reporting *reporting)
{
	if (reporting->posted_notes != READ_ONCE(reporting->notes))
		return true;
	return reporting->stream == &reporting->hints &&
	       (!READ_ONCE(reporting->hinting) || READ_ONCE(*reporting->overtaken));
}

/*
 * The kernel's worker has isolated @nr_sg blocks, and frees them again when this
 * returns. An error means that they were not all reported.
 */
static int balloon_reporting_report(struct page_reporting_dev_info *info,
				    struct scatterlist *sg, unsigned int nr_sg)
{
	struct balloon_reporting *reporting =
		container_of(info, struct balloon_reporting, info);
	unsigned long nr_pages;
	unsigned int nr;
	ktime_t begin;
	int err;

	while (nr_sg) {
		begin = ktime_get();
		err = balloon_reporting_send(reporting, sg, nr_sg);
		if (err == -EOPNOTSUPP)
			return err;
		nr = reporting->nr_sg;
		nr_pages = balloon_reporting_pages(reporting, sg, err ? nr_sg : nr);
		trace_balloon_free_report(reporting->vb->vdev->index, nr, nr_pages,
					  ktime_us_delta(ktime_get(), begin), err);
		if (err) {
			balloon_reporting_refuse(reporting, nr_pages, err);
			return err;
		}
		balloon_reporting_count(reporting, nr, nr_pages);
		if (balloon_reporting_again(reporting))
			return -EAGAIN;
		sg += nr;
		nr_sg -= nr;
	}
	return 0;
}

/* Whether the kernel's worker runs or is about to; not if only its timer does. */
static bool balloon_reporting_under_way(struct balloon_reporting *reporting)
{
	unsigned int busy = work_busy(&reporting->info.work.work);

	return (busy & WORK_BUSY_RUNNING) ||
	       ((busy & WORK_BUSY_PENDING) && !timer_pending(&reporting->info.work.timer));
}

static void balloon_reporting_pass(struct work_struct *work)
{
	struct balloon_reporting *reporting = container_of(to_delayed_work(work),
							   struct balloon_reporting,
							   pass.work);

	mutex_lock(&reporting->gate);
	if (!reporting->passing) {
		mutex_unlock(&reporting->gate);
		return;
	}
	if (!balloon_reporting_under_way(reporting)) {
		if (reporting->begun && (!reporting->nr_pass ||
					 reporting->nr_passes >= BALLOON_REPORTING_PASSES)) {
			WRITE_ONCE(reporting->passing, false);
			if (reporting->hinting && reporting->passed)
				reporting->passed(reporting->vb);
		} else {
			WRITE_ONCE(reporting->nr_pass, 0);
			reporting->begun = true;
			reporting->nr_passes++;
			mod_delayed_work(reporting->wq, &reporting->info.work, 0);
		}
	}
	if (reporting->passing)
		balloon_work_plan(&reporting->pass, 1);
	mutex_unlock(&reporting->gate);
}

/* Runs passes from now on until one brings nothing. The gate is held. */
static void balloon_reporting_begin(struct balloon_reporting *reporting)
{
	reporting->begun = false;
	reporting->nr_passes = 0;
	WRITE_ONCE(reporting->passing, true);
	balloon_work_kick(&reporting->pass);
}

/**
 * balloon_reporting_begin_passes() - report what is free
 * @vb: the balloon
 *
 * Context: may sleep for a moment.
 */
void balloon_reporting_begin_passes(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = vb->reporting;

	mutex_lock(&reporting->gate);
	if (reporting->report_sg && !reporting->hinting && !reporting->held &&
	    reporting->running)
		balloon_reporting_begin(reporting);
	mutex_unlock(&reporting->gate);
}

/**
 * balloon_reporting_now() - report everything that is free
 * @vb: the balloon
 *
 * Returns when the host has it.
 *
 * Context: may sleep, for BALLOON_SILENCE after the last answer at most.
 * Return: 0; -EOPNOTSUPP without a reporting queue; -EBUSY during a round of hints, or
 *	   when the driver is being stopped; -ETIMEDOUT if the host does not answer;
 *	   -EINTR for a signal.
 */
int balloon_reporting_now(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = vb->reporting;
	unsigned long progress, end = jiffies + BALLOON_SILENCE;

	if (!reporting || !reporting->registered || !reporting->report_sg)
		return -EOPNOTSUPP;
	balloon_reporting_begin_passes(vb);
	progress = READ_ONCE(reporting->nr_pass);
	while (READ_ONCE(reporting->passing) && !READ_ONCE(reporting->hinting)) {
		if (READ_ONCE(reporting->nr_pass) != progress)
			end = jiffies + BALLOON_SILENCE;
		progress = READ_ONCE(reporting->nr_pass);
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		if (schedule_timeout_interruptible(1) && signal_pending(current))
			return -EINTR;
	}
	return READ_ONCE(reporting->hinting) || READ_ONCE(reporting->held) ||
	       !READ_ONCE(reporting->running) ? -EBUSY : 0;
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
	struct balloon_reporting *reporting = vb->reporting;

	if (balloon_poison_fills())
		return "free pages must keep their contents (init_on_free or page_poison)";
	if (!BALLOON_COMPAT_FORGETS)
		return "this kernel's notes of reported memory cannot be erased";
	if (!reporting || !READ_ONCE(reporting->registered))
		return "the kernel shows no free memory to this device";
	return reporting->hint_sg ? NULL : "the hint queue has room for one block only";
}

/**
 * balloon_reporting_forget() - have everything that is free shown again
 * @vb: the balloon
 * @report: to be reported, now; else to be hinted, soon
 *
 * Context: may sleep; a walk over the blocks of all memory.
 */
void balloon_reporting_forget(struct virtio_balloon *vb, bool report)
{
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting || (report && !reporting->report_sg))
		return;
	WRITE_ONCE(reporting->notes, reporting->notes + 1);
	balloon_compat_forget_reported(reporting->order);
	if (report)
		balloon_reporting_begin_passes(vb);
}

/**
 * balloon_reporting_hint() - a round of hints begins, or is over
 * @vb: the balloon
 * @hint: which
 *
 * At its beginning passes begin, and @passed is called when they have ended. After the
 * end nothing is posted to the hint queue.
 *
 * Context: may sleep for a moment.
 */
void balloon_reporting_hint(struct virtio_balloon *vb, bool hint)
{
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting)
		return;
	mutex_lock(&reporting->gate);
	if (reporting->hinting)
		WRITE_ONCE(reporting->passing, false);
	WRITE_ONCE(reporting->hinting, hint);
	if (hint)
		balloon_reporting_begin(reporting);
	mutex_unlock(&reporting->gate);
}

/**
 * balloon_reporting_passing() - whether passes run
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_reporting_passing(struct virtio_balloon *vb)
{
	return vb->reporting && READ_ONCE(vb->reporting->passing);
}

static void balloon_reporting_notify(struct balloon_stream *stream)
{
	wake_up(&stream->queue->wait);
}

/**
 * balloon_reporting_init() - prepare to report and to hint
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_reporting_init(struct virtio_balloon *vb)
{
	bool reports = virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_REPORTING);
	bool hints = virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
	struct balloon_reporting *reporting;

	if (!reports && !hints)
		return 0;
	reporting = kzalloc(sizeof(*reporting), GFP_KERNEL);
	if (!reporting)
		return -ENOMEM;
	mutex_init(&reporting->gate);
	balloon_work_init(&reporting->pass, vb->wq, balloon_reporting_pass);
	if (reports)
		balloon_stream_init(&reporting->reports,
				    &vb->queues[BALLOON_QUEUE_REPORTING],
				    balloon_reporting_notify);
	if (hints)
		balloon_stream_init(&reporting->hints, &vb->queues[BALLOON_QUEUE_HINT],
				    balloon_reporting_notify);
	reporting->info.report = balloon_reporting_report;
	reporting->info.order = BALLOON_BLOCK_ORDER_MIN;
	reporting->order = BALLOON_BLOCK_ORDER_MIN;
	reporting->vb = vb;
	vb->reporting = reporting;
	return 0;
}

/* The kernel plans the first pass when it registers a client: that says where and how soon. */
static int balloon_reporting_register(struct balloon_reporting *reporting)
{
	int err;

	if (!reporting->report_sg && !reporting->hint_sg)
		return -ENOSPC;
	err = page_reporting_register(&reporting->info);
	reporting->wq = reporting->info.work.wq ?: balloon_compat_system_wq;
	reporting->delay = reporting->info.work.timer.expires - jiffies;
	return err;
}

/**
 * balloon_reporting_start() - let the kernel show its free memory
 * @vb: the balloon
 *
 * The kernel has one client only. That there is one already is no reason to do without
 * a balloon.
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0.
 */
int balloon_reporting_start(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = vb->reporting;
	int err = 0;

	if (!reporting)
		return 0;
	mutex_lock(&reporting->gate);
	reporting->running = true;
	/* The other half is for others. */
	if (reporting->reports.queue)
		reporting->report_sg = balloon_queue_size(reporting->reports.queue) / 2;
	if (reporting->hints.queue)
		reporting->hint_sg = balloon_queue_size(reporting->hints.queue) / 2;
	mutex_unlock(&reporting->gate);
	if (!reporting->registered)
		err = balloon_reporting_register(reporting);
	WRITE_ONCE(reporting->registered, !err);
	if (err && reporting->reports.queue)
		dev_warn(&vb->vdev->dev,
			 "free memory is not reported to this device: %s (%d)\n",
			 err == -EBUSY ? "another one has it already" :
			 err == -ENOSPC ? "its ring has room for one block only" :
			 "the kernel refuses", err);
	if (!err)
		balloon_work_start(&reporting->pass);
	return 0;
}

/**
 * balloon_reporting_stop() - post nothing more
 * @vb: the balloon
 *
 * One element that is under way stays until the host answers or is reset.
 *
 * Context: the driver core's callbacks; may sleep for a moment.
 */
void balloon_reporting_stop(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting)
		return;
	balloon_work_stop(&reporting->pass);
	mutex_lock(&reporting->gate);
	WRITE_ONCE(reporting->running, false);
	WRITE_ONCE(reporting->passing, false);
	WRITE_ONCE(reporting->hinting, false);
	mutex_unlock(&reporting->gate);
}

/**
 * balloon_reporting_release_all() - no client of the kernel any more
 * @vb: the balloon
 *
 * Context: after balloon_queues_cancel(); sleeps until the kernel's worker has its
 *	    blocks back.
 */
void balloon_reporting_release_all(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting || !reporting->registered)
		return;
	page_reporting_unregister(&reporting->info);
	WRITE_ONCE(reporting->registered, false);
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
 * balloon_reporting_hold() - report and hint nothing for a while
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
	WRITE_ONCE(vb->reporting->held, hold);
	mutex_unlock(&vb->reporting->gate);
}

/**
 * balloon_reporting_busy() - memory that the host has been told of
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
 * balloon_reporting_answered() - see whether the host answers
 * @vb: the balloon
 * @timeout: jiffies
 *
 * Context: may sleep.
 * Return: true when nothing was under way or an answer came; false if the host kept what
 *	   it was told of.
 */
bool balloon_reporting_answered(struct virtio_balloon *vb, unsigned long timeout)
{
	struct balloon_reporting *reporting = vb->reporting;
	unsigned long end = jiffies + timeout;
	u64 nr;

	if (!reporting)
		return true;
	nr = READ_ONCE(reporting->reported.elements) + READ_ONCE(reporting->hinted.elements);
	while (balloon_reporting_busy(vb) &&
	       READ_ONCE(reporting->reported.elements) +
	       READ_ONCE(reporting->hinted.elements) == nr) {
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
	return vb->reporting ? READ_ONCE(vb->reporting->reported.pages) << PAGE_SHIFT : 0;
}

/**
 * balloon_reporting_hinted() - what went to the hint queue so far
 * @vb: the balloon
 *
 * Context: any.
 */
struct balloon_reporting_counts balloon_reporting_hinted(struct virtio_balloon *vb)
{
	return vb->reporting ? vb->reporting->hinted : (struct balloon_reporting_counts) {};
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
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting || !reporting->reports.queue)
		return "none";
	if (!READ_ONCE(reporting->registered))
		return "unregistered";
	return READ_ONCE(reporting->nr_busy) ? "reporting" : "idle";
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
	struct balloon_reporting *reporting = vb->reporting;

	if (!reporting || !reporting->reports.queue)
		return;
	seq_printf(file, "state %s\n", balloon_reporting_state_name(vb));
	seq_printf(file, "elements %llu\n", READ_ONCE(reporting->reported.elements));
	seq_printf(file, "blocks %llu\n", READ_ONCE(reporting->reported.blocks));
	seq_printf(file, "bytes %llu\n", balloon_reporting_bytes(vb));
	seq_printf(file, "refused %llu\n", READ_ONCE(reporting->nr_refused));
	seq_printf(file, "busy_bytes %llu\n",
		   (u64)READ_ONCE(reporting->nr_busy) << PAGE_SHIFT);
}
