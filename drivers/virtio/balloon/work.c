// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts, configuration changes and sysfs writers kick work items at any moment, also
 * while their part is being stopped. A late kick must not queue the work again, or it would
 * run on freed memory. Cancelling alone does not prevent that.
 */
#include "work.h"

/**
 * balloon_work_init() - prepare a work item; it starts out stopped
 * @work: the work item
 * @wq: the workqueue to run on
 * @func: the function to run, given &work->work.work
 *
 * Context: any.
 */
void balloon_work_init(struct balloon_work *work, struct workqueue_struct *wq, work_func_t func)
{
	INIT_DELAYED_WORK(&work->work, func);
	spin_lock_init(&work->lock);
	work->wq = wq;
	work->running = false;
	work->interrupted = false;
}

/**
 * balloon_work_start() - let kicks have an effect; does not run anything yet
 * @work: the work item
 *
 * Context: any.
 */
void balloon_work_start(struct balloon_work *work)
{
	unsigned long flags;

	spin_lock_irqsave(&work->lock, flags);
	work->running = true;
	spin_unlock_irqrestore(&work->lock, flags);
}

/**
 * balloon_work_kick() - run now, even if a later run is planned
 * @work: the work item
 *
 * Without effect on a stopped work item. A kick while the function runs makes
 * it run once more.
 *
 * Context: any, hard interrupts included.
 */
void balloon_work_kick(struct balloon_work *work)
{
	unsigned long flags;

	spin_lock_irqsave(&work->lock, flags);
	if (work->running)
		mod_delayed_work(work->wq, &work->work, 0);
	spin_unlock_irqrestore(&work->lock, flags);
}

/**
 * balloon_work_interrupt() - end the present run soon, and run again
 * @work: the work item
 *
 * Context: any, hard interrupts included.
 */
void balloon_work_interrupt(struct balloon_work *work)
{
	/* The function clears this, and then looks at what was changed before. */
	smp_mb();
	WRITE_ONCE(work->interrupted, true);
	balloon_work_kick(work);
}

/**
 * balloon_work_plan() - run after @delay, unless an earlier run is planned
 * @work: the work item
 * @delay: jiffies
 *
 * For the function itself, when it ends. It never cancels a kick that came while
 * it ran. Without effect on a stopped work item.
 *
 * Context: any.
 */
void balloon_work_plan(struct balloon_work *work, unsigned long delay)
{
	unsigned long flags;

	spin_lock_irqsave(&work->lock, flags);
	if (work->running)
		queue_delayed_work(work->wq, &work->work, delay);
	spin_unlock_irqrestore(&work->lock, flags);
}

/**
 * balloon_work_stop() - end the work item
 * @work: the work item
 *
 * When this returns the function does not run, and will not until
 * balloon_work_start(). May be called twice.
 *
 * Context: may sleep, as long as one run of the function takes.
 */
void balloon_work_stop(struct balloon_work *work)
{
	unsigned long flags;

	spin_lock_irqsave(&work->lock, flags);
	work->running = false;
	spin_unlock_irqrestore(&work->lock, flags);
	cancel_delayed_work_sync(&work->work);
}

/**
 * balloon_work_flush() - run now, and wait until that has ended
 * @work: the work item
 *
 * That run sees all changes made before. Without effect on a stopped work item.
 *
 * Context: may sleep, as long as two runs of the function take.
 */
void balloon_work_flush(struct balloon_work *work)
{
	balloon_work_kick(work);
	flush_delayed_work(&work->work);
}
