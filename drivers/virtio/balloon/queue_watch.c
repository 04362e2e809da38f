// SPDX-License-Identifier: GPL-2.0-only
/*
 * Logs a queue that is silent or broken, once, with the memory that is in flight there.
 *
 * It looks four times a second while anything is in flight, and at once when an interrupt
 * finds a queue broken. A statistics buffer is always in flight, by design: that queue is
 * never silent, but it can be broken.
 *
 * Completions may have come without an interrupt, so each look takes them in. QEMU can miss
 * a buffer that is posted while it turns its notifications on: the host is notified again
 * at each look until the queue is silent. Then the work items of the queue's users are
 * kicked, so that they can give up. A guest that was stopped sees jiffies leap, so looks are
 * counted and not time.
 */
#include "balloon.h"

#define BALLOON_WATCH_LOOKS	(BALLOON_SILENCE / BALLOON_WATCH_TICK)
/* A host that completes something now and then must not fill the log. */
#define BALLOON_WATCH_QUIET	(300 * HZ)

static const char *queue_name(struct balloon_queue *queue)
{
	return balloon_queue_names[queue - queue->vb->queues];
}

static void queue_event(struct balloon_queue *queue, enum balloon_event event, unsigned long nr_4k)
{
	balloon_event(queue->vb, event, queue - queue->vb->queues,
		      balloon_4k_to_pages(nr_4k, PAGE_SHIFT));
}

/* Logs a queue that broke, unless all of them did: size.c says that. */
static void queue_say_broken(struct balloon_queue *queue, unsigned long nr_4k)
{
	struct balloon_queue *queues = queue->vb->queues;

	if (queue->said_broken || balloon_queue_broken(&queues[BALLOON_QUEUE_INFLATE]) ||
	    balloon_queue_broken(&queues[BALLOON_QUEUE_DEFLATE]))
		return;
	queue->said_broken = true;
	queue_event(queue, BALLOON_EVENT_BROKEN, nr_4k);
	dev_err(&queue->vb->vdev->dev,
		"the %s queue is broken and is not used any more; it holds %lu KiB until the driver is unbound\n",
		queue_name(queue), nr_4k * 4);
	/* The size worker continues without the reporting queue. */
	balloon_work_kick(&queue->vb->worker);
}

static void queue_say_silent(struct balloon_queue *queue, unsigned long nr_4k)
{
	if (queue->said_silent || (queue->said_at &&
				   time_before(jiffies, queue->said_at + BALLOON_WATCH_QUIET)))
		return;
	queue->said_silent = true;
	queue_event(queue, BALLOON_EVENT_SILENT, nr_4k);
	queue->said_at = jiffies ?: 1;
	dev_warn(&queue->vb->vdev->dev,
		 "the host has not answered on the %s queue for %u s and holds %lu KiB there; look at the host, the guest goes on\n",
		 queue_name(queue), queue->nr_looks * BALLOON_WATCH_TICK / HZ,
		 nr_4k * 4);
}

static void queue_say_recovered(struct balloon_queue *queue)
{
	if (queue->said_silent)
		dev_info(&queue->vb->vdev->dev, "the host answers again on the %s queue\n",
			 queue_name(queue));
	queue->said_silent = false;
}

/* Notifies the host again, even if it suppresses notifications. */
static void queue_renotify(struct balloon_queue *queue)
{
	struct virtqueue *vq = READ_ONCE(queue->vq);

	if (vq && READ_ONCE(queue->nr_in_flight))
		virtqueue_notify(vq);
}

static void queue_judge(struct balloon_queue *queue, bool progress, unsigned long nr_4k)
{
	unsigned int i;

	if (progress) {
		WRITE_ONCE(queue->nr_looks, 0);
		queue_say_recovered(queue);
		return;
	}
	WRITE_ONCE(queue->nr_looks, queue->nr_looks + 1);
	if (queue->nr_looks < BALLOON_WATCH_LOOKS) {
		queue_renotify(queue);
		return;
	}
	queue_say_silent(queue, nr_4k);
	for (i = 0; i < queue->nr_streams && queue->nr_looks == BALLOON_WATCH_LOOKS; i++)
		if (queue->streams[i]->work)
			balloon_work_kick(queue->streams[i]->work);
}

/* Returns whether to look again. */
static bool queue_look(struct balloon_queue *queue)
{
	bool is_stats = queue == &queue->vb->queues[BALLOON_QUEUE_STATS];
	unsigned long flags, nr_4k;
	bool broken, progress;
	unsigned int nr;

	if (!is_stats)
		balloon_queue_poll(queue);
	spin_lock_irqsave(&queue->lock, flags);
	broken = queue->vq && virtqueue_is_broken(queue->vq);
	nr = queue->nr_in_flight + !list_empty(&queue->pending);
	nr_4k = queue->nr_4k;
	progress = !queue->nr_in_flight || queue->progress != queue->looked;
	queue->looked = queue->progress;
	spin_unlock_irqrestore(&queue->lock, flags);

	if (broken)
		queue_say_broken(queue, nr_4k);
	if (broken || is_stats)
		return false;
	queue_judge(queue, progress, nr_4k);
	return nr;
}

static void watch_work(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(to_delayed_work(work),
						 struct virtio_balloon, watch.work);
	bool again = false;
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++)
		again |= queue_look(&vb->queues[i]);
	if (again)
		balloon_work_plan(&vb->watch, BALLOON_WATCH_TICK);
}

/**
 * balloon_queue_silent() - whether the host has completed nothing for BALLOON_SILENCE
 * @queue: the queue
 *
 * Context: any.
 */
bool balloon_queue_silent(struct balloon_queue *queue)
{
	return READ_ONCE(queue->nr_looks) >= BALLOON_WATCH_LOOKS &&
	       READ_ONCE(queue->progress) == READ_ONCE(queue->looked);
}

/**
 * balloon_watch_init() - prepare the work item
 * @vb: the balloon
 *
 * Context: probe, before any part: parts kick it.
 */
void balloon_watch_init(struct virtio_balloon *vb)
{
	balloon_work_init(&vb->watch, vb->wq, watch_work);
}

static void watch_stop_queues(struct virtio_balloon *vb, bool stop)
{
	struct balloon_queue *queue;
	unsigned long flags;

	for (queue = vb->queues; queue < vb->queues + BALLOON_QUEUE_NR; queue++) {
		spin_lock_irqsave(&queue->lock, flags);
		queue->stopped = stop;
		spin_unlock_irqrestore(&queue->lock, flags);
	}
}

/**
 * balloon_watch_start() - let the queues run, and start looking
 * @vb: the balloon
 *
 * Requests may be in flight or pending, if the device was not reset meanwhile.
 *
 * Context: after DRIVER_OK, before all other parts.
 * Return: 0.
 */
int balloon_watch_start(struct virtio_balloon *vb)
{
	watch_stop_queues(vb, false);
	balloon_work_start(&vb->watch);
	balloon_work_plan(&vb->watch, BALLOON_WATCH_TICK);
	return 0;
}

/**
 * balloon_watch_stop() - stop looking, and add no pending request to a ring
 * @vb: the balloon
 *
 * Context: all other parts are stopped; may sleep.
 */
void balloon_watch_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->watch);
	watch_stop_queues(vb, true);
}

/**
 * balloon_watch_release() - forget what was logged of queues that will be deleted
 * @vb: the balloon
 *
 * Context: the parts are stopped, and the queues cancelled.
 */
void balloon_watch_release(struct virtio_balloon *vb)
{
	struct balloon_queue *queue;

	for (queue = vb->queues; queue < vb->queues + BALLOON_QUEUE_NR; queue++) {
		WRITE_ONCE(queue->nr_looks, 0);
		queue->said_at = 0;
		queue->said_silent = false;
		queue->said_broken = false;
	}
}
