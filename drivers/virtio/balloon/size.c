// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon follows its target.
 *
 * One work item does all of it: it takes in completed requests, reads the target if that
 * changed, posts batches until none is free or the target is reached, and ends. It never
 * waits for the host: the interrupt for most of what is in flight runs it again, and so does
 * queue_watch.c when an interrupt is missing or the host is silent. A silent host therefore
 * costs only the memory in flight, and the worker can always be stopped at once.
 *
 * Deflation does not wait for inflation. Pages that are on their way in when the target
 * falls are deflated as soon as the host has acknowledged them.
 */
#include <linux/device.h>
#include <linux/sizes.h>

#include "balloon.h"

/* A run ends after this, so that the freezer, for example, can stop it. */
#define BALLOON_RUN_MAX		(HZ / 2)
/* How often to look whether the host answers again, or has repeated its target. */
#define BALLOON_TICK		HZ
/* Bytes of blocks that are freed before the target is checked again. */
#define BALLOON_RELEASE_STEP	SZ_64M

/**
 * balloon_size_changed() - the device's configuration may have changed
 * @vb: the balloon
 *
 * Ends a pause because of low memory: a new target is worth a new attempt.
 *
 * Context: any, hard interrupts included.
 */
void balloon_size_changed(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->size.target_changed, true);
	pm_stay_awake(&vb->vdev->dev);
	balloon_work_interrupt(&vb->worker);
}

/**
 * balloon_size_hold() - do not follow the target for a while
 * @vb: the balloon
 * @hold: what to do instead
 *
 * Context: may sleep, for one run of the worker at most.
 */
void balloon_size_hold(struct virtio_balloon *vb, enum balloon_hold hold)
{
	WRITE_ONCE(vb->size.hold, hold);
	balloon_work_interrupt(&vb->worker);
	balloon_work_flush(&vb->worker);
}

/* Lets the system sleep, unless a target has just arrived. */
static void size_relax(struct virtio_balloon *vb)
{
	pm_relax(&vb->vdev->dev);
	if (READ_ONCE(vb->size.target_changed))
		pm_stay_awake(&vb->vdev->dev);
}

/* Whether the last step moved something, so that another may. */
static bool size_moving(enum balloon_size_state state)
{
	return state == BALLOON_SIZE_INFLATING || state == BALLOON_SIZE_DEFLATING ||
	       state == BALLOON_SIZE_RESYNCING;
}

static void size_read_target(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;
	unsigned long target;

	if (!READ_ONCE(size->target_changed))
		return;
	WRITE_ONCE(size->target_changed, false);
	/* A change that comes from here on sets the flag again. */
	smp_mb();
	target = balloon_4k_to_pages(balloon_config_target(vb), PAGE_SHIFT);
	balloon_reannounce_target_read(vb, target == size->target);
	if (target == size->target)
		return;
	balloon_event(vb, BALLOON_EVENT_TARGET, target, size->target);
	WRITE_ONCE(size->target, target);
	size->target_at = ktime_get();
	balloon_pressure_forget(vb);
}

/* What the host is told of again, and is in the balloon all the time. */
static unsigned long size_announcing(struct virtio_balloon *vb)
{
	return vb->pages.inflate.nr_pages_reannounced + balloon_discard_announcing(vb);
}

/* Tells the device how large the balloon is; not at every step. */
static void size_publish(struct virtio_balloon *vb, bool now)
{
	struct balloon_size *size = &vb->size;
	u32 nr_4k = balloon_pages_to_4k(balloon_actual(vb), PAGE_SHIFT);

	if (nr_4k == size->actual_4k)
		return;
	if (!now && !balloon_actual_due(size->actual_4k, nr_4k, jiffies_to_msecs(jiffies -
							 size->actual_when)))
		return;
	balloon_config_set_actual(vb, nr_4k);
	size->actual_4k = nr_4k;
	size->actual_when = jiffies;
}

static void size_set_state(struct virtio_balloon *vb, enum balloon_size_state state)
{
	enum balloon_size_state before = vb->size.state;

	if (state == before)
		return;
	WRITE_ONCE(vb->size.state, state);
	balloon_event(vb, BALLOON_EVENT_STATE, state, before);
}

/* Counts each target once, when the host has completed all of it. */
static void size_reached(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;

	if (!size->target_at || balloon_inflating(vb) || balloon_pages_deflating(vb))
		return;
	balloon_histogram_count(&size->reached,
				balloon_log2_slot(ktime_ms_delta(ktime_get(), size->target_at)));
	size->target_at = 0;
}

/* Logs the last size on the way to a target, not each one that the device is told. */
static void size_told(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;

	if (size->logged_4k == size->actual_4k)
		return;
	balloon_event(vb, BALLOON_EVENT_ACTUAL, balloon_4k_to_pages(size->actual_4k, PAGE_SHIFT),
		      balloon_4k_to_pages(size->logged_4k, PAGE_SHIFT));
	size->logged_4k = size->actual_4k;
}

static enum balloon_size_state size_no_memory(struct virtio_balloon *vb)
{
	return vb->pressure.at_floor ? BALLOON_SIZE_FLOOR : BALLOON_SIZE_NO_MEMORY;
}

static enum balloon_size_state size_inflate(struct virtio_balloon *vb, unsigned long nr_pages)
{
	long rc;

	if (balloon_pressure_oom_pause(vb))
		return BALLOON_SIZE_OOM;
	if (balloon_pressure_pausing(vb))
		return size_no_memory(vb);
	/*
	 * A page whose deflation is in flight may be allocated for the next inflation:
	 * the host could process the two in the wrong order.
	 */
	if (balloon_pages_deflating(vb))
		return BALLOON_SIZE_IDLE;

	nr_pages = balloon_pressure_room(vb, nr_pages);
	rc = nr_pages ? balloon_inflate(vb, nr_pages) : -ENOMEM;
	if (rc == -EBUSY)
		return BALLOON_SIZE_IDLE;
	if (rc == -ENOMEM) {
		balloon_pressure_begin(vb, !nr_pages, vb->size.target);
		return size_no_memory(vb);
	}
	if (rc > 0)
		balloon_pressure_end(vb);
	return BALLOON_SIZE_INFLATING;
}

static enum balloon_size_state size_deflate(struct virtio_balloon *vb, unsigned long nr_pages)
{
	long rc;

	if (balloon_blocks_release(vb, min_t(unsigned long, nr_pages, BALLOON_RELEASE_STEP >>
					     PAGE_SHIFT)))
		return BALLOON_SIZE_DEFLATING;

	rc = balloon_pages_deflate_batch(vb, &vb->pages.deflate, nr_pages);
	if (rc == -EBUSY)
		return BALLOON_SIZE_IDLE;
	/* No page is there, or compaction has them all. */
	if (rc == -EAGAIN && !balloon_blocks_break_one(vb))
		return BALLOON_SIZE_ISOLATED;
	return BALLOON_SIZE_DEFLATING;
}

/*
 * One batch towards the target. IDLE: there is nothing to do until the host completes
 * something or the target changes. INFLATING, DEFLATING, RESYNCING: call it again.
 */
static enum balloon_size_state size_step(struct virtio_balloon *vb)
{
	unsigned long target = vb->size.target;
	unsigned long have = balloon_actual(vb);
	unsigned long coming = balloon_inflating(vb) - size_announcing(vb);

	if (READ_ONCE(vb->size.hold) != BALLOON_HOLD_NOT)
		balloon_reannounce_end(vb);
	/* First the pages of a balloon that was emptied when an image started. */
	if (balloon_pages_orphaned(vb))
		return balloon_pages_release_orphaned(vb) ?
			BALLOON_SIZE_DEFLATING : BALLOON_SIZE_ISOLATED;
	if (balloon_reannounce_put_back(vb))
		return BALLOON_SIZE_RESYNCING;
	switch (READ_ONCE(vb->size.hold)) {
	case BALLOON_HOLD_STILL:
		return BALLOON_SIZE_HELD;
	case BALLOON_HOLD_EMPTY:
		target = 0;
		break;
	case BALLOON_HOLD_NOT:
		break;
	}
	if (have > target || have + coming < target)
		balloon_reannounce_end(vb);
	if (have > target)
		return size_deflate(vb, have - target);
	if (have + coming < target)
		return size_inflate(vb, target - have - coming);
	balloon_pressure_forget(vb);
	if (have == target && target == vb->size.target)
		size_reached(vb);
	if (balloon_reannounce_due(vb, balloon_hint_recent(vb)) && balloon_reannounce_step(vb))
		return BALLOON_SIZE_RESYNCING;
	return BALLOON_SIZE_IDLE;
}

/* Whether the host completes nothing on a queue where it owes the balloon something. */
static bool size_host_silent(struct virtio_balloon *vb)
{
	return balloon_queue_silent(&vb->queues[BALLOON_QUEUE_INFLATE]) ||
	       balloon_queue_silent(&vb->queues[BALLOON_QUEUE_DEFLATE]) ||
	       (vb->discards.nr_block_pages &&
		balloon_queue_silent(&vb->queues[BALLOON_QUEUE_REPORTING]));
}

static bool size_broken(struct virtio_balloon *vb)
{
	if (!balloon_queue_broken(&vb->queues[BALLOON_QUEUE_INFLATE]) &&
	    !balloon_queue_broken(&vb->queues[BALLOON_QUEUE_DEFLATE]))
		return false;
	if (vb->size.state != BALLOON_SIZE_BROKEN)
		dev_err(&vb->vdev->dev,
			"the device is broken, the balloon stays as it is; unbind the driver to get its %lu KiB back\n",
			(balloon_actual(vb) +
			 balloon_inflating(vb)) << (PAGE_SHIFT - 10));
	size_set_state(vb, BALLOON_SIZE_BROKEN);
	pm_relax(&vb->vdev->dev);
	return true;
}

/* The state while batches are in flight and there is nothing else to do. */
static enum balloon_size_state size_waiting(struct virtio_balloon *vb)
{
	if (balloon_pages_deflating(vb))
		return BALLOON_SIZE_DEFLATING;
	if (vb->reannounce.active)
		return BALLOON_SIZE_RESYNCING;
	if (balloon_inflating(vb))
		return BALLOON_SIZE_INFLATING;
	return BALLOON_SIZE_IDLE;
}

/* Jiffies until the worker, which cannot continue now, tries again. */
static unsigned long size_pause(struct virtio_balloon *vb, enum balloon_size_state state,
				bool silent)
{
	if (size_moving(state))
		return 0;
	if (state == BALLOON_SIZE_ISOLATED)
		return BALLOON_ISOLATED_RETRY;
	if (state == BALLOON_SIZE_NO_MEMORY || state == BALLOON_SIZE_FLOOR)
		return balloon_pressure_pause(vb);
	if (state == BALLOON_SIZE_OOM)
		return balloon_pressure_oom_pause(vb);
	if (silent || vb->reannounce.suspected)
		return BALLOON_TICK;
	return MAX_SCHEDULE_TIMEOUT;
}

static void size_plan(struct virtio_balloon *vb, enum balloon_size_state state, bool silent)
{
	unsigned long pause = min(size_pause(vb, state, silent), balloon_reannounce_pause(vb));

	if (pause != MAX_SCHEDULE_TIMEOUT)
		balloon_work_plan(&vb->worker, pause);
}

/* Arms the queues; false if there are completions already. */
static bool size_arm(struct virtio_balloon *vb)
{
	bool armed = true;
	unsigned int i;

	static const enum balloon_queue_id queues[] = {
		BALLOON_QUEUE_INFLATE,
		BALLOON_QUEUE_DEFLATE,
		BALLOON_QUEUE_REPORTING,
	};

	for (i = 0; i < ARRAY_SIZE(queues); i++)
		armed &= balloon_queue_arm(&vb->queues[queues[i]], BALLOON_ARM_MOST);
	return armed;
}

static void size_rest(struct virtio_balloon *vb, enum balloon_size_state state)
{
	bool silent = size_host_silent(vb);

	balloon_inflate_flush(vb);
	if (!size_arm(vb))
		balloon_work_kick(&vb->worker);
	size_plan(vb, state, silent);

	if (silent)
		state = BALLOON_SIZE_HOST_SILENT;
	else if (state == BALLOON_SIZE_IDLE)
		state = size_waiting(vb);
	size_set_state(vb, state);
	size_publish(vb, !size_moving(state));
	if (!size_moving(state)) {
		size_told(vb);
		size_relax(vb);
	}
}

static void balloon_size_work(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(to_delayed_work(work), struct virtio_balloon,
						 worker.work);
	unsigned long end = jiffies + BALLOON_RUN_MAX;
	enum balloon_size_state state;

	balloon_alloc_restart(vb, balloon_floor(vb));
	do {
		WRITE_ONCE(vb->worker.interrupted, false);
		/* What is changed from here on interrupts what follows. */
		smp_mb();
		balloon_inflate_settle(vb);
		balloon_pages_settle(vb);
		if (!balloon_work_running(&vb->worker))
			return;
		if (size_broken(vb)) {
			/* The other queues have other users, whose completions were reaped. */
			if (!size_arm(vb))
				balloon_work_kick(&vb->worker);
			return;
		}
		balloon_inflate_check_reporting(vb);
		size_read_target(vb);
		state = size_step(vb);
		if (size_moving(state))
			size_set_state(vb, state);
		size_publish(vb, false);
		cond_resched();
	} while (size_moving(state) && time_before(jiffies, end));

	size_rest(vb, state);
}

/**
 * balloon_size_report() - tell the device how large the balloon is now
 * @vb: the balloon
 *
 * Context: the worker is stopped; may sleep.
 */
void balloon_size_report(struct virtio_balloon *vb)
{
	size_publish(vb, true);
}

/**
 * balloon_size_init() - prepare the worker
 * @vb: the balloon
 *
 * Context: probe, before any part: parts kick it.
 */
void balloon_size_init(struct virtio_balloon *vb)
{
	balloon_work_init(&vb->worker, vb->wq, balloon_size_work);
}

/**
 * balloon_size_start() - follow the target from now on
 * @vb: the balloon
 *
 * Corrects the size that an earlier driver has written to the device.
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0.
 */
int balloon_size_start(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;

	size->actual_4k = balloon_config_actual(vb);
	size_publish(vb, true);
	size->actual_when = jiffies;
	balloon_reannounce_start(vb);
	size_set_state(vb, BALLOON_SIZE_IDLE);
	WRITE_ONCE(size->target_changed, true);
	balloon_work_start(&vb->worker);
	balloon_work_kick(&vb->worker);
	return 0;
}

/**
 * balloon_size_stop() - leave the balloon as it is
 * @vb: the balloon
 *
 * Context: may sleep, for one run of the worker at most.
 */
void balloon_size_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->worker);
	balloon_reannounce_end(vb);
	pm_relax(&vb->vdev->dev);
}
