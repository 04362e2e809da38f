// SPDX-License-Identifier: GPL-2.0-only
/*
 * When free memory is reported.
 *
 * The kernel reports a sixteenth of free memory 2 s after memory was freed, and then every
 * 2 s. A guest that leaves freed memory unused should return it at once. A guest that reuses
 * the same memory all the time would have to get it from the host again and again. So a tick
 * checks four times a second whether memory was freed and free memory is stable. Then all of
 * it is reported. Memory that is reported although no more memory was free than the last
 * time was used meanwhile: if that happens soon, free memory must be stable for twice as
 * long the next time, up to the kernel's 2 s.
 *
 * The tick does not wake an idle processor. There the kernel's own timer starts the pass.
 *
 * The kernel's work item is in a structure of the driver, so it can be run at once. One pass
 * shows a sixteenth of each free list, so passes are repeated until one brings nothing. No
 * thread waits for a pass: a work item checks whether it has ended. So there is no dependency
 * between workqueues, and stopping the driver finds no thread that sleeps. Hints use passes,
 * too (hint.c).
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/vmstat.h>

#include "balloon.h"

/* The kernel's own pace, and how often the driver checks whether to be faster. */
#define BALLOON_PACE_KERNEL	(2 * HZ)
#define BALLOON_PACE_TICK	(HZ / 4)
#define BALLOON_PACE_PATIENCE	(BALLOON_PACE_KERNEL / BALLOON_PACE_TICK)
/* Reports at a tenth of the kernel's rate cost a tenth, even if the memory is reused. */
#define BALLOON_PACE_RECENT	(10 * BALLOON_PACE_KERNEL)
/* A smaller change of free memory would not fill a buffer. */
#define BALLOON_PACE_SETTLED	\
	((unsigned long)PAGE_REPORTING_CAPACITY << BALLOON_BLOCK_ORDER_MIN)

/* Twice as many passes as it takes to show all memory, in case more is freed meanwhile. */
#define BALLOON_PACE_PASSES	32
/*
 * A writer of report_now waits for less than the 120 s of the hung task detector: unbinding
 * waits for the writer.
 */
#define BALLOON_PACE_NOW	(100 * HZ)

/* Milliseconds, or -1 for auto. */
static int balloon_report_delay = -1;

static int report_delay_set(const char *val, const struct kernel_param *kp)
{
	int ms = -1;

	if (!sysfs_streq(val, "auto") && (kstrtoint(val, 0, &ms) || ms < 0))
		return -EINVAL;
	WRITE_ONCE(balloon_report_delay, ms);
	return 0;
}

static int report_delay_get(char *buffer, const struct kernel_param *kp)
{
	int ms = READ_ONCE(balloon_report_delay);

	return ms < 0 ? sysfs_emit(buffer, "auto\n") : sysfs_emit(buffer, "%d\n", ms);
}

static const struct kernel_param_ops balloon_report_delay_ops = {
	.set = report_delay_set,
	.get = report_delay_get,
};

module_param_cb(report_delay, &balloon_report_delay_ops, NULL, 0644);
MODULE_PARM_DESC(report_delay,
		 "Milliseconds from when memory is freed to when some of it is reported to the host; 'auto' (default): at once when the guest leaves it alone, and at the kernel's pace when it is used again and again");

/* Whether the kernel's worker runs or is about to; not if only its timer does. */
static bool pace_pass_under_way(struct balloon_reporting *reporting)
{
	unsigned int busy = work_busy(&reporting->info.work.work);

	return (busy & WORK_BUSY_RUNNING) ||
	       ((busy & WORK_BUSY_PENDING) && !timer_pending(&reporting->info.work.timer));
}

/* Whether the kernel's worker waits for a silent or broken queue. */
static bool pace_stuck(struct balloon_reporting *reporting)
{
	struct balloon_queue *queue;

	if (!READ_ONCE(reporting->nr_busy))
		return false;
	queue = READ_ONCE(reporting->to)->stream.queue;
	return balloon_queue_silent(queue) || balloon_queue_broken(queue);
}

static void pace_pass(struct work_struct *work)
{
	struct balloon_reporting *reporting = container_of(to_delayed_work(work),
							   struct balloon_reporting,
							   pass.work);

	mutex_lock(&reporting->gate);
	if (pace_stuck(reporting))
		WRITE_ONCE(reporting->passes_left, 0);
	if (reporting->passes_left && !pace_pass_under_way(reporting)) {
		WRITE_ONCE(reporting->passes_left,
			   reporting->nr_pass ? reporting->passes_left - 1 : 0);
		WRITE_ONCE(reporting->nr_pass, 0);
		if (reporting->passes_left)
			mod_delayed_work(reporting->wq, &reporting->info.work, 0);
	}
	if (reporting->passes_left)
		balloon_work_plan(&reporting->pass, 1);
	mutex_unlock(&reporting->gate);
}

/* Runs passes from now on until one brings nothing. The gate is held. */
static void pace_begin(struct balloon_reporting *reporting)
{
	struct balloon_reporting_queue *to = reporting->hinting ? &reporting->hints :
								  &reporting->reports;

	if (!reporting->registered || !reporting->running || reporting->suspended || !to->nr_sg ||
	    !balloon_work_running(&reporting->pass))
		return;
	WRITE_ONCE(reporting->refused, false);
	/* As if the pass before had brought something. */
	WRITE_ONCE(reporting->nr_pass, 1);
	WRITE_ONCE(reporting->passes_left, BALLOON_PACE_PASSES + 1);
	balloon_work_kick(&reporting->pass);
}

/**
 * balloon_pace_begin() - have the kernel show what is free, now
 * @vb: the balloon
 * @hint: for hints; else for reports, unless there is a round of hints
 *
 * Context: may sleep for a moment.
 */
void balloon_pace_begin(struct virtio_balloon *vb, bool hint)
{
	struct balloon_reporting *reporting = &vb->reporting;

	mutex_lock(&reporting->gate);
	if (reporting->hinting == hint)
		pace_begin(reporting);
	mutex_unlock(&reporting->gate);
}

/**
 * balloon_pace_now() - report everything that is free
 * @vb: the balloon
 *
 * Returns when the host has completed it.
 *
 * Context: may sleep, for BALLOON_PACE_NOW at most, and for BALLOON_SILENCE after the
 *	    last completion.
 * Return: 0; -EOPNOTSUPP without a reporting queue; -EBUSY during a migration with hints,
 *	   or when something could not be sent; -ETIMEDOUT if the host completes nothing;
 *	   -EINTR for a signal.
 */
int balloon_pace_now(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;
	unsigned long end = jiffies + BALLOON_PACE_NOW;
	u64 nr_refused = READ_ONCE(reporting->nr_refused);

	if (!reporting->registered || !reporting->reports.nr_sg)
		return -EOPNOTSUPP;
	balloon_pace_begin(vb, false);
	while (READ_ONCE(reporting->passes_left) && !READ_ONCE(reporting->hinting)) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		if (schedule_timeout_interruptible(1) && signal_pending(current))
			return -EINTR;
	}
	if (pace_stuck(reporting))
		return -ETIMEDOUT;
	/* Hinted blocks are not shown again before the migration is over. */
	return READ_ONCE(reporting->named) || READ_ONCE(reporting->suspended) ||
	       !READ_ONCE(reporting->running) ||
	       READ_ONCE(reporting->nr_refused) != nr_refused ? -EBUSY : 0;
}

/* Passes have ended: adjusts how long free memory must be stable. */
static void pace_judge(struct balloon_pace *pace, u64 nr_reported)
{
	u64 nr_more = pace->nr_free > pace->nr_free_then ? pace->nr_free - pace->nr_free_then : 0;

	if (time_before(jiffies, pace->ended_at + BALLOON_PACE_RECENT) &&
	    nr_reported - pace->nr_reported > 2 * nr_more)
		pace->patience = min_t(unsigned int, 2 * pace->patience, BALLOON_PACE_PATIENCE);
	else
		pace->patience = 1;
	pace->nr_reported = nr_reported;
	pace->nr_free_then = pace->nr_free;
	pace->ended_at = jiffies;
}

/* Sets the administrator's delay for each pass that the kernel plans. */
static void pace_retime(struct virtio_balloon *vb, unsigned long delay)
{
	struct delayed_work *work = &vb->reporting.info.work;

	mutex_lock(&vb->reporting.gate);
	if (!vb->reporting.passes_left && timer_pending(&work->timer) &&
	    work->timer.expires != vb->pace.expires) {
		mod_delayed_work(vb->reporting.wq, work, delay);
		vb->pace.expires = work->timer.expires;
	}
	mutex_unlock(&vb->reporting.gate);
}

/*
 * Reports before the kernel would, if memory was freed and free memory is stable. Not if the
 * kernel's delay was changed.
 */
static void pace_adapt(struct virtio_balloon *vb)
{
	unsigned long nr_free = global_zone_page_state(NR_FREE_PAGES);
	struct timer_list *timer = &vb->reporting.info.work.timer;
	bool passing = READ_ONCE(vb->reporting.passes_left);
	struct balloon_pace *pace = &vb->pace;
	unsigned long low = min(nr_free, pace->nr_free);

	if (max(nr_free, pace->nr_free) - low < BALLOON_PACE_SETTLED)
		pace->nr_settled++;
	else
		pace->nr_settled = 0;
	pace->nr_free = nr_free;
	if (pace->passing && !passing)
		pace_judge(pace, vb->reporting.reports.pages);
	pace->passing = passing;
	if (!passing && pace->is_default && timer_pending(timer) &&
	    time_before_eq(timer->expires, jiffies + BALLOON_PACE_KERNEL) &&
	    pace->nr_settled >= pace->patience) {
		balloon_pace_begin(vb, false);
		pace->passing = true;
	}
}

static void pace_tick(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(to_delayed_work(work),
						 struct virtio_balloon, pace.tick.work);
	unsigned long tick = BALLOON_PACE_TICK;
	int ms = READ_ONCE(balloon_report_delay);

	if (ms < 0) {
		pace_adapt(vb);
	} else {
		pace_retime(vb, msecs_to_jiffies(ms));
		tick = clamp(msecs_to_jiffies(ms), 1UL, tick);
	}
	balloon_work_plan(&vb->pace.tick, tick);
}

/**
 * balloon_pace_init() - prepare the work items
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_pace_init(struct virtio_balloon *vb)
{
	balloon_work_init(&vb->reporting.pass, vb->wq, pace_pass);
	balloon_work_init(&vb->pace.tick, vb->wq, pace_tick);
	/* It does not wake an idle processor. */
	INIT_DEFERRABLE_WORK(&vb->pace.tick.work, pace_tick);
	return 0;
}

/**
 * balloon_pace_start() - start the tick
 * @vb: the balloon
 *
 * Context: after the start of reporting.c.
 * Return: 0.
 */
int balloon_pace_start(struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;

	balloon_work_start(&reporting->pass);
	if (!reporting->registered || !reporting->reports.nr_sg)
		return 0;
	/* Some jiffies may have passed until @delay was read. */
	vb->pace.is_default = reporting->delay <= BALLOON_PACE_KERNEL &&
			      reporting->delay > BALLOON_PACE_KERNEL - BALLOON_PACE_TICK;
	vb->pace.patience = 1;
	balloon_work_start(&vb->pace.tick);
	balloon_work_kick(&vb->pace.tick);
	return 0;
}

/**
 * balloon_pace_stop() - stop the tick and the passes
 * @vb: the balloon
 *
 * Context: may sleep.
 */
void balloon_pace_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->pace.tick);
	balloon_work_stop(&vb->reporting.pass);
}
