/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A work item that can be kicked from any context, and that stays quiet once
 * it was stopped.
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
 */
struct balloon_work {
	struct delayed_work work;
	struct workqueue_struct *wq;
	spinlock_t lock;
	bool running;
};

void balloon_work_init(struct balloon_work *work, struct workqueue_struct *wq, work_func_t func);
void balloon_work_start(struct balloon_work *work);
void balloon_work_kick(struct balloon_work *work);
void balloon_work_plan(struct balloon_work *work, unsigned long delay);
void balloon_work_flush(struct balloon_work *work);
void balloon_work_stop(struct balloon_work *work);
bool balloon_work_running(struct balloon_work *work);

#endif /* BALLOON_WORK_H */
