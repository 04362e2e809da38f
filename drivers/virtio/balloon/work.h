/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A work item that can be kicked from any context, and does not run once it was stopped.
 */
#ifndef BALLOON_WORK_H
#define BALLOON_WORK_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

/**
 * struct balloon_work - a work item with a stop
 * @work: runs the part's function; its own synchronisation
 * @wq: where it runs; set once
 * @lock: innermost lock, irq-safe; makes a kick and a stop exclude each other
 * @running: kicks have an effect; guarded by @lock
 * @interrupted: the present run should end soon; set by anybody, cleared by the function
 */
struct balloon_work {
	struct delayed_work work;
	struct workqueue_struct *wq;
	spinlock_t lock;
	bool running;
	bool interrupted;
};

void balloon_work_init(struct balloon_work *work, struct workqueue_struct *wq, work_func_t func);
void balloon_work_start(struct balloon_work *work);
void balloon_work_kick(struct balloon_work *work);
void balloon_work_interrupt(struct balloon_work *work);
void balloon_work_plan(struct balloon_work *work, unsigned long delay);
void balloon_work_flush(struct balloon_work *work);
void balloon_work_stop(struct balloon_work *work);

/* Whether the work item was not stopped. */
static inline bool balloon_work_running(struct balloon_work *work)
{
	return READ_ONCE(work->running);
}

/* For long loops of the function: whether to end the run. */
static inline bool balloon_work_interrupted(struct balloon_work *work)
{
	return READ_ONCE(work->interrupted) || !READ_ONCE(work->running);
}

#endif /* BALLOON_WORK_H */
