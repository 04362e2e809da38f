// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names a queue that is silent or broken, once, with the memory that it holds.
 *
 * It looks once a second while anything is in flight, and at once when an interrupt
 * finds a queue broken. A statistics buffer is in flight all the time, by design: that
 * queue is never silent, but it can be broken.
 */
#include "balloon.h"

#define BALLOON_WATCH_TICK	HZ

static const char *balloon_queue_name(struct balloon_queue *queue)
{
	return balloon_queue_names[queue - queue->vb->queues];
}

/* Logs a queue that broke, unless all of them did: size.c says that. */
static void balloon_queue_say_broken(struct balloon_queue *queue, unsigned long nr_4k)
{
	struct balloon_queue *queues = queue->vb->queues;

	if (queue->said_broken || balloon_queue_broken(&queues[BALLOON_QUEUE_INFLATE]) ||
	    balloon_queue_broken(&queues[BALLOON_QUEUE_DEFLATE]))
		return;
	queue->said_broken = true;
	dev_err(&queue->vb->vdev->dev,
		"the %s queue is broken and is not used any more; the %lu KiB that it holds come back when the driver is unbound\n",
		balloon_queue_name(queue), nr_4k * 4);
}

static void balloon_queue_say_silent(struct balloon_queue *queue, bool silent,
				     unsigned long since, unsigned long nr_4k)
{
	if (silent == queue->said_silent)
		return;
	queue->said_silent = silent;
	if (silent)
		dev_warn(&queue->vb->vdev->dev,
			 "the host has not answered on the %s queue for %lu s and holds %lu KiB there; look at the host, the guest goes on\n",
			 balloon_queue_name(queue), since / HZ, nr_4k * 4);
	else
		dev_info(&queue->vb->vdev->dev, "the host answers again on the %s queue\n",
			 balloon_queue_name(queue));
}

/* Returns whether to look again. */
static bool balloon_queue_look(struct balloon_queue *queue)
{
	unsigned long flags, since, nr_4k;
	unsigned int nr;
	bool broken;

	spin_lock_irqsave(&queue->lock, flags);
	broken = queue->vq && virtqueue_is_broken(queue->vq);
	nr = queue->nr_in_flight;
	nr_4k = queue->nr_4k;
	since = jiffies - queue->progress;
	spin_unlock_irqrestore(&queue->lock, flags);

	if (broken)
		balloon_queue_say_broken(queue, nr_4k);
	if (broken || queue == &queue->vb->queues[BALLOON_QUEUE_STATS])
		return false;
	balloon_queue_say_silent(queue, nr && since >= BALLOON_SILENCE, since, nr_4k);
	return nr;
}

static void balloon_watch_work(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(to_delayed_work(work),
						 struct virtio_balloon, watch.work);
	bool again = false;
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++)
		again |= balloon_queue_look(&vb->queues[i]);
	if (again)
		balloon_work_plan(&vb->watch, BALLOON_WATCH_TICK);
}

/**
 * balloon_watch() - something was posted: look whether it is answered
 * @queue: the queue
 *
 * Context: any.
 */
void balloon_watch(struct balloon_queue *queue)
{
	if (queue != &queue->vb->queues[BALLOON_QUEUE_STATS])
		balloon_work_plan(&queue->vb->watch, BALLOON_WATCH_TICK);
}

/**
 * balloon_watch_init() - prepare the work item
 * @vb: the balloon
 *
 * Context: probe, before any part: they may cause a look.
 */
void balloon_watch_init(struct virtio_balloon *vb)
{
	balloon_work_init(&vb->watch, vb->wq, balloon_watch_work);
}

/**
 * balloon_watch_start() - look from now on; nothing was said of these queues yet
 * @vb: the balloon
 *
 * Context: after DRIVER_OK, before anything is posted.
 * Return: 0.
 */
int balloon_watch_start(struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		vb->queues[i].said_broken = false;
		vb->queues[i].said_silent = false;
	}
	balloon_work_start(&vb->watch);
	return 0;
}

/**
 * balloon_watch_stop() - look no more
 * @vb: the balloon
 *
 * Context: may sleep.
 */
void balloon_watch_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->watch);
}
