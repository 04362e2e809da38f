// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page hints (VIRTIO 1.3, 5.5.6.5): the device that migrates the guest asks
 * which memory is free, and does not send it.
 *
 * The command id in the configuration says what the device wants: an id of 2 or
 * more begins a round, which is announced with the same id on the queue; STOP ends
 * it, and what was hinted is held; DONE ends it all, and what is held is free again.
 * A round that has hinted everything ends itself with STOP.
 *
 * The id is read when the device says that its configuration changed, when the part
 * starts, and after a hold if the command was not answered before it; and never else:
 * QEMU shows STOP there while hints are coming in.
 *
 * What is done differently here than one might expect, each for a reason:
 * - Adjacent blocks go into one descriptor, and many descriptors are sent with one
 *   notification: a guest of 64 GiB needs dozens of them, not 16384.
 * - When the largest blocks are used up smaller ones follow, down to 2 MiB: a guest
 *   that has run for a while has few of the largest.
 * - Whatever is held is hinted again in each round. Kernels that zero memory when
 *   it is allocated have written to it by taking it, and without another hint the
 *   device sends all of it.
 * - Such kernels take memory in the first round of a migration only. Later the other
 *   side has what is free: to write to it would make the device send it once more.
 * - Where such memory can be discarded through the reporting queue, it is, before
 *   it is hinted: the host would pay for memory that nobody uses.
 * - A full ring is waited for, and memory is taken only when there is a range for
 *   it: nothing is allocated to be thrown back.
 * - What the ring has room for is taken before the round is announced, as far as 1.8 s
 *   allow: from then to STOP a processor of QEMU's host does nothing but look at the ring.
 * - Several threads take memory where the kernel zeroes it. Where even that would take too
 *   long nothing is done for 5 s: a migration that is over by then was better without.
 * - DONE frees block by block, and the worker makes room for others in between.
 * - Memory that the kernel wants back comes from what is not on its way to the device,
 *   and is written to before anybody gets it.
 * - A new command takes effect after the block at hand.
 *
 * The worker waits for nobody. The device does not wait for hints either: it is
 * free to send what it was not told about.
 */
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "compat/compat.h"

/* A run longer than this makes room for others. */
#define BALLOON_HINT_RUN_MAX		(HZ / 2)
/* When to look again for what others have on their way to the host. */
#define BALLOON_HINT_RETRY		(HZ / 20)
/* Ranges that may wait to be discarded, and how long each may be. */
#define BALLOON_HINT_DISCARDS		4
#define BALLOON_HINT_DISCARD_BYTES	SZ_32M

/**
 * balloon_hint_changed() - the device's configuration may have changed
 * @vb: the balloon
 *
 * Context: any, hard interrupts included.
 */
void balloon_hint_changed(struct virtio_balloon *vb)
{
	if (!vb->hint)
		return;
	/* The first of several counts. */
	if (!READ_ONCE(vb->hint->changed))
		vb->hint->seen = ktime_get();
	smp_store_release(&vb->hint->changed, true);	/* and @seen before */
	balloon_work_kick(&vb->hint->work);
}

/**
 * balloon_hint_hold() - end the round, hint nothing and hold nothing for a while
 * @vb: the balloon
 * @hold: whether from now on, or no longer
 *
 * Context: may sleep, for as long as giving back takes what is held.
 */
void balloon_hint_hold(struct virtio_balloon *vb, bool hold)
{
	if (!vb->hint)
		return;
	WRITE_ONCE(vb->hint->hold, hold);
	balloon_work_flush(&vb->hint->work);
}

/**
 * balloon_hint_interrupted() - whether the present block should be the last
 * @hint: the hints
 *
 * Context: any.
 */
bool balloon_hint_interrupted(struct balloon_hint *hint)
{
	return READ_ONCE(hint->changed) || READ_ONCE(hint->hold) ||
	       !balloon_work_running(&hint->work);
}

static void balloon_hint_notify(struct balloon_stream *stream)
{
	balloon_work_kick(&stream->queue->vb->hint->work);
}

/* Ends the round; says so only if the host was told that it began. */
static void balloon_hint_end_round(struct balloon_hint *hint)
{
	if (hint->hinting)
		hint->stop_due = true;
	WRITE_ONCE(hint->hinting, false);
	WRITE_ONCE(hint->start_due, false);
}

static void balloon_hint_begin_round(struct balloon_hint *hint, u32 id)
{
	hint->taking = !hint->id || !want_init_on_alloc(GFP_KERNEL);
	WRITE_ONCE(hint->id, id);
	hint->round++;
	hint->done = false;
	hint->exhausted = false;
	WRITE_ONCE(hint->start_due, true);
	hint->nr_old = hint->nr_hinting;
	balloon_hint_blocks_begin(&hint->blocks);
	balloon_hint_take_begin(hint);
}

static void balloon_hint_read_command(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;
	ktime_t seen;
	u32 id;

	if (READ_ONCE(hint->hold)) {
		/* A command that was not answered is read again after the hold. */
		if (hint->start_due)
			WRITE_ONCE(hint->changed, true);
		balloon_hint_end_round(hint);
		/* Nothing is held: what comes next begins anew. */
		WRITE_ONCE(hint->id, 0);
		return;
	}
	if (!smp_load_acquire(&hint->changed))	/* and @seen afterwards */
		return;
	seen = hint->seen;
	WRITE_ONCE(hint->changed, false);
	/* A change that comes from here on sets the flag again. */
	smp_mb();
	id = balloon_config_hint_id(vb);
	if (id != hint->command) {
		balloon_hint_count_command(hint, id);
		hint->command = id;
	}
	/* The configuration changed for another reason. */
	if (id == hint->id)
		return;

	if (hint->hinting)
		hint->asked = seen;
	balloon_hint_end_round(hint);
	if (id == VIRTIO_BALLOON_CMD_ID_DONE) {
		WRITE_ONCE(hint->id, 0);
		hint->done = true;
	} else if (id != VIRTIO_BALLOON_CMD_ID_STOP) {
		balloon_hint_begin_round(hint, id);
	}
}

static struct balloon_hint_range *balloon_hint_pop(struct list_head *list)
{
	struct balloon_hint_range *range;

	range = list_first_entry_or_null(list, struct balloon_hint_range, node);
	if (range)
		list_del(&range->node);
	return range;
}

/* Whether one more range can go to where it has to go first. */
static bool balloon_hint_has_room(struct balloon_hint *hint)
{
	if (!hint->discard || !hint->taking || !list_empty_careful(&hint->blocks.again))
		return balloon_queue_room(hint->stream.queue);
	return hint->nr_discarding < BALLOON_HINT_DISCARDS &&
	       balloon_queue_room(hint->discards.queue);
}

/* One more range; false when there is none, or none can be sent now. */
static bool balloon_hint_next_range(struct balloon_hint *hint)
{
	struct balloon_hint_range *range;

	/* Before memory is taken for nothing. */
	if (balloon_pages_unseen(hint->stream.queue->vb))
		return false;
	range = balloon_hint_pop(&hint->ready);
	if (range)
		return balloon_hint_send(hint, range);
	if (!balloon_hint_has_room(hint))
		return false;
	range = balloon_hint_pop(&hint->free_ranges);
	if (!range)
		return false;

	balloon_hint_blocks_fill(hint, range);
	if (range->span.nr_pages)
		return balloon_hint_send(hint, range);
	list_add(&range->node, &hint->free_ranges);
	hint->exhausted = !balloon_hint_interrupted(hint);
	return true;
}

/*
 * Memory that is taken before the round is announced; false when that is enough. What
 * has to be discarded first is not left waiting: the host pays for it. It is as much as
 * tells how long that takes.
 */
static bool balloon_hint_gather(struct balloon_hint *hint)
{
	if (balloon_hint_interrupted(hint))
		return true;
	if (!hint->taking)
		return false;
	if (!hint->discard)
		return balloon_hint_take_first(hint);
	if (hint->take.judged || hint->exhausted)
		return false;
	/* What is there already would be hinted, and that before the round has begun. */
	if (!list_empty_careful(&hint->blocks.again) ||
	    !list_empty_careful(&hint->blocks.fresh) || !balloon_hint_next_range(hint))
		return false;
	balloon_hint_take_judge(hint);
	return true;
}

/* What was not sent when its round ended is for the next one. */
static void balloon_hint_drop_ready(struct balloon_hint *hint)
{
	struct balloon_hint_range *range;

	while ((range = balloon_hint_pop(&hint->ready)))
		balloon_hint_range_put(hint, range, hint->start_due ?
				       &hint->blocks.fresh : &hint->blocks.again);
}

/* One step; false when the host has to answer, or nothing is left to be done. */
static bool balloon_hint_step(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;

	if (!hint->hinting)
		balloon_hint_drop_ready(hint);
	if (hint->stop_due) {
		if (!balloon_hint_command(vb, VIRTIO_BALLOON_CMD_ID_STOP))
			return false;
		hint->stop_due = false;
		/* Giving memory back may take a while. */
		balloon_queue_kick(hint->stream.queue);
		balloon_hint_count_end(hint);
	}
	if (hint->start_due) {
		hint->pause = balloon_hint_take_pause(hint);
		if (hint->pause)
			return false;
		if (balloon_hint_gather(hint))
			return true;
		if (!balloon_hint_command(vb, hint->id))
			return false;
		WRITE_ONCE(hint->start_due, false);
		hint->round_id = hint->id;
		WRITE_ONCE(hint->hinting, true);
		balloon_hint_count_begin(hint);
	}
	if (!hint->hinting)
		return false;
	/* What was discarded in the end has still to be hinted. */
	if (!hint->exhausted || !list_empty(&hint->ready))
		return balloon_hint_next_range(hint);
	if (hint->nr_discarding || hint->nr_old)
		return false;
	balloon_hint_end_round(hint);
	return true;
}

/* Gives back what is held; false when there was no time for all of it. */
static bool balloon_hint_release(struct balloon_hint *hint, bool all)
{
	struct balloon_hint_release release = { .lost = !hint->done };
	unsigned long end = jiffies + BALLOON_HINT_RUN_MAX;
	bool more;

	do {
		more = balloon_hint_blocks_free(&hint->blocks, &release);
		cond_resched();
	} while (more && (all || (time_before(jiffies, end) &&
				  !balloon_hint_interrupted(hint))));
	balloon_hint_count_release(hint, &release);
	return !more;
}

static bool balloon_hint_arm(struct balloon_hint *hint)
{
	bool armed = true;

	if (hint->discards.queue)
		armed = balloon_queue_arm(hint->discards.queue,
					  BALLOON_ARM_FIRST);
	return balloon_queue_arm(hint->stream.queue, BALLOON_ARM_MOST) && armed;
}

static void balloon_hint_work(struct work_struct *work)
{
	struct balloon_hint *hint = container_of(to_delayed_work(work),
						 struct balloon_hint,
						 work.work);
	struct virtio_balloon *vb = hint->stream.queue->vb;
	unsigned long end = jiffies + BALLOON_HINT_RUN_MAX;
	bool more = true;

	while (more && time_before(jiffies, end)) {
		balloon_hint_settle(vb, false);
		balloon_hint_read_command(vb);
		if (!balloon_work_running(&hint->work))
			return;
		more = balloon_hint_step(vb);
		cond_resched();
	}
	if (READ_ONCE(hint->hold))
		balloon_hint_release(hint, true);
	else if (hint->done && !balloon_hint_release(hint, false))
		more = true;
	balloon_queue_kick(hint->stream.queue);
	if (!balloon_hint_arm(hint) ||
	    (READ_ONCE(hint->changed) && !READ_ONCE(hint->hold)))
		balloon_work_kick(&hint->work);
	else if (more)
		balloon_work_plan(&hint->work, 0);
	else if (hint->start_due && hint->pause)
		/* As long as that step found: time has gone on. */
		balloon_work_plan(&hint->work, hint->pause);
	else if (hint->hinting && !hint->nr_hinting && !hint->nr_discarding &&
		 !balloon_queue_broken(hint->stream.queue))
		/* Others are waited for, and nothing of ours will come back. */
		balloon_work_plan(&hint->work, BALLOON_HINT_RETRY);
}

/**
 * balloon_hint_init() - allocate what hinting needs
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_hint_init(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = kzalloc(sizeof(*hint), GFP_KERNEL);
	unsigned int i;

	if (!hint)
		return -ENOMEM;
	balloon_work_init(&hint->work, vb->wq, balloon_hint_work);
	balloon_hint_blocks_init(&hint->blocks);
	balloon_hint_take_init(hint);
	INIT_LIST_HEAD(&hint->ready);
	INIT_LIST_HEAD(&hint->free_ranges);
	INIT_LIST_HEAD(&hint->free_commands);
	for (i = 0; i < BALLOON_HINT_RANGES; i++) {
		INIT_LIST_HEAD(&hint->ranges[i].blocks);
		list_add_tail(&hint->ranges[i].node, &hint->free_ranges);
	}
	for (i = 0; i < BALLOON_HINT_COMMANDS; i++)
		list_add_tail(&hint->commands[i].node, &hint->free_commands);
	balloon_stream_init(&hint->stream, &vb->queues[BALLOON_QUEUE_HINT],
			    balloon_hint_notify);
	if (balloon_discard_usable(vb))
		balloon_stream_init(&hint->discards,
				    &vb->queues[BALLOON_QUEUE_REPORTING],
				    balloon_hint_notify);
	vb->hint = hint;
	return 0;
}

/**
 * balloon_hint_start() - do what the device's command says from now on
 * @vb: the balloon
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_hint_start(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;
	unsigned long nr_max = BALLOON_HINT_RANGE_BYTES >> PAGE_SHIFT;
	int err = balloon_hint_blocks_start(&hint->blocks);

	if (err)
		return err;
	hint->discard = hint->discards.queue && want_init_on_alloc(GFP_KERNEL);
	if (hint->discard)
		nr_max = BALLOON_HINT_DISCARD_BYTES >> PAGE_SHIFT;
	hint->nr_range_max = min_t(unsigned long, nr_max,
				   virtio_max_dma_size(vb->vdev) >> PAGE_SHIFT);
	hint->blocks.order_max = min_t(unsigned int, BALLOON_COMPAT_MAX_ORDER,
				       ilog2(hint->nr_range_max));
	balloon_work_start(&hint->work);
	balloon_hint_changed(vb);
	return 0;
}

/**
 * balloon_hint_stop() - hold what is held, and hint nothing more
 * @vb: the balloon
 *
 * Context: may sleep, for one run of the worker at most.
 */
void balloon_hint_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->hint->work);
	balloon_hint_blocks_stop(&vb->hint->blocks);
}

/**
 * balloon_hint_release_all() - give back everything that was held
 * @vb: the balloon
 *
 * Context: the part is stopped, the device reset and its queues cancelled; may
 *	    sleep.
 */
void balloon_hint_release_all(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;

	if (!hint)
		return;
	balloon_hint_settle(vb, true);
	balloon_hint_drop_ready(hint);
	balloon_hint_release(hint, true);
	hint->start_due = false;
	hint->stop_due = false;
	hint->asked = 0;
	hint->command = 0;
	WRITE_ONCE(hint->hinting, false);
	WRITE_ONCE(hint->id, 0);
}

/**
 * balloon_hint_exit() - the counterpart of balloon_hint_init()
 * @vb: the balloon; nothing is held
 *
 * Context: remove.
 */
void balloon_hint_exit(struct virtio_balloon *vb)
{
	kfree(vb->hint);
	vb->hint = NULL;
}
