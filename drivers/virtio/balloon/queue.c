// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only code that touches a virtqueue.
 *
 * Each user of a queue has a stream. It posts any number of requests and kicks once for
 * many. A request that finds the ring full is pending: it is added, in order, as soon as
 * others are completed. The first code that looks, be it the interrupt or a user of the
 * queue, sorts completed requests into their streams and kicks the work items of the
 * other users.
 *
 * Interrupts are off unless a user armed the queue: one interrupt is enough for most of
 * many requests in flight. A user that takes requests arms the queue afterwards, also for
 * what other streams have in flight.
 *
 * The host is not trusted. Used lengths are ignored (VIRTIO 1.3, 5.5.6.2.1). virtio_ring
 * marks a ring that the host corrupts as broken. A broken ring wakes no waiter, so waiters
 * check for it.
 */
#include <linux/virtio_config.h>

#include "balloon.h"
#include "compat/compat.h"
#include "trace.h"

/* A queue that breaks wakes no waiter: check at least this often. */
#define BALLOON_WAIT_SLICE	(HZ / 4)
/* A slow completion counts for this long. virtio-mem retries an unplug after 50 s. */
#define BALLOON_SLOW_WINDOW	(60 * HZ)

const char * const balloon_queue_names[BALLOON_QUEUE_NR] = {
	[BALLOON_QUEUE_INFLATE]	= "inflate",
	[BALLOON_QUEUE_DEFLATE]	= "deflate",
	[BALLOON_QUEUE_STATS]	= "stats",
	[BALLOON_QUEUE_HINT]	= "hint",
	[BALLOON_QUEUE_REPORTING] = "reporting",
};

/* Names for /proc/interrupts, and the feature without which there is no such queue. */
static const struct {
	const char *name;
	int feature;
} queue_infos[BALLOON_QUEUE_NR] = {
	[BALLOON_QUEUE_INFLATE]	= { "inflate", -1 },
	[BALLOON_QUEUE_DEFLATE]	= { "deflate", -1 },
	[BALLOON_QUEUE_STATS]	= { "stats", VIRTIO_BALLOON_F_STATS_VQ },
	[BALLOON_QUEUE_HINT]	= { "free_page_vq", VIRTIO_BALLOON_F_FREE_PAGE_HINT },
	[BALLOON_QUEUE_REPORTING] = { "reporting_vq", VIRTIO_BALLOON_F_REPORTING },
};

static void queue_count(unsigned long *counter)
{
	WRITE_ONCE(*counter, *counter + 1);
}

static unsigned int queue_id(struct balloon_queue *queue)
{
	return queue - queue->vb->queues;
}

static u64 request_bytes(struct balloon_request *request)
{
	u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < request->nr_sg; i++)
		bytes += request->sg[i].length;
	return bytes;
}

/* The memory that a request names, in units of 4096 bytes. */
static unsigned long request_nr_4k(struct balloon_request *request)
{
	u64 bytes = request_bytes(request);

	if (request->device_writes)
		return bytes >> BALLOON_PFN_SHIFT;
	return queue_id(request->stream->queue) <= BALLOON_QUEUE_DEFLATE ?
	       (unsigned long)bytes / sizeof(__virtio32) : 0;
}

static void queue_count_completion(struct balloon_queue *queue, struct balloon_request *request)
{
	/* This clock can be read during a suspend, and may step back a little. */
	u64 now = ktime_get_mono_fast_ns();
	u64 usecs = now > request->posted ? now - request->posted : 0;

	do_div(usecs, NSEC_PER_USEC);
	queue_count(&queue->counts.completions);
	balloon_histogram_count(&queue->counts.latency, balloon_log2_slot(usecs));
	if (usecs >= queue->slow_usecs ||
	    time_after(jiffies, queue->slow_at + BALLOON_SLOW_WINDOW)) {
		WRITE_ONCE(queue->slow_usecs, usecs);
		queue->slow_at = jiffies;
	}
	if (trace_balloon_complete_enabled())
		trace_balloon_complete(queue->vb->vdev->index, queue_id(queue), request->nr_sg,
				       request_bytes(request), usecs);
}

/* The host has returned a request. Holds queue->lock. */
static void queue_came_back(struct balloon_queue *queue, struct balloon_request *request)
{
	list_add_tail(&request->node, &request->stream->done);
	request->stream->nr_in_flight--;
	queue->nr_in_flight--;
	WRITE_ONCE(queue->nr_4k, queue->nr_4k - request_nr_4k(request));
	queue->progress = jiffies;
}

/*
 * Puts a request into the ring; false if there is no room. Allocates nothing, since
 * indirect descriptors are not negotiated. Holds queue->lock.
 */
static bool queue_add(struct balloon_queue *queue, struct balloon_request *request)
{
	int err;

	if (!queue->vq || queue->stopped)
		return false;
	err = request->device_writes ?
	      virtqueue_add_inbuf(queue->vq, request->sg, request->nr_sg, request, GFP_NOWAIT) :
	      virtqueue_add_outbuf(queue->vq, request->sg, request->nr_sg, request, GFP_NOWAIT);
	if (err)
		return false;
	request->posted = ktime_get_mono_fast_ns();
	queue_count(&queue->counts.requests);
	if (!queue->nr_in_flight++)
		queue->progress = jiffies;
	WRITE_ONCE(queue->nr_4k, queue->nr_4k + request_nr_4k(request));
	if (trace_balloon_request_enabled())
		trace_balloon_request(queue->vb->vdev->index, queue_id(queue), request->nr_sg,
				      request_bytes(request), 0);
	return true;
}

static void queue_add_pending(struct balloon_queue *queue)
{
	struct balloon_request *request, *next;

	list_for_each_entry_safe(request, next, &queue->pending, node) {
		list_del(&request->node);
		if (!queue_add(queue, request)) {
			list_add(&request->node, &queue->pending);
			return;
		}
		queue->unkicked = true;
	}
}

/* Sorts completed requests into streams. Returns whether there were any. */
static bool queue_reap(struct balloon_queue *queue)
{
	struct balloon_request *request;
	unsigned int len;
	bool any = false;

	while (queue->vq && (request = virtqueue_get_buf(queue->vq, &len))) {
		queue_count_completion(queue, request);
		queue_came_back(queue, request);
		any = true;
	}
	/* If nothing is in flight, no completion will come to add pending requests. */
	if (any || !queue->nr_in_flight)
		queue_add_pending(queue);
	return any;
}

/* The rest of the work after a reap, without the lock. */
static void queue_reaped(struct balloon_queue *queue, struct balloon_stream *except)
{
	unsigned int i;

	if (READ_ONCE(queue->unkicked))
		balloon_queue_kick(queue);
	wake_up(&queue->wait);
	for (i = 0; i < queue->nr_streams; i++) {
		struct balloon_stream *stream = queue->streams[i];

		if (stream != except && stream->work && !list_empty_careful(&stream->done))
			balloon_work_kick(stream->work);
	}
}

/* Enables the interrupt; false if there is something to reap. Holds queue->lock. */
static bool queue_enable(struct balloon_queue *queue)
{
	if (!queue->vq || !queue->nr_in_flight || virtqueue_is_broken(queue->vq))
		return true;
	return queue->arm == BALLOON_ARM_FIRST ? virtqueue_enable_cb(queue->vq) :
		virtqueue_enable_cb_delayed(queue->vq);
}

/*
 * An interrupt that comes before the queues are set, or after they were deleted, finds no
 * queue. Nothing was posted then, so nothing is missed.
 */
static struct balloon_queue *queue_find(struct virtqueue *vq)
{
	struct virtio_balloon *vb = vq->vdev->priv;
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++)
		if (READ_ONCE(vb->queues[i].vq) == vq)
			return &vb->queues[i];
	return NULL;
}

static void queue_interrupt(struct virtqueue *vq)
{
	struct balloon_queue *queue = queue_find(vq);
	unsigned long flags;
	bool broken;

	if (!queue)
		return;

	spin_lock_irqsave(&queue->lock, flags);
	queue_count(&queue->counts.interrupts);
	if (queue->vq)
		virtqueue_disable_cb(queue->vq);
	/*
	 * If there is nothing, another CPU reaped what this interrupt was for, and may have
	 * armed the queue for the rest. No user is kicked now that would arm it again.
	 */
	if (!queue_reap(queue) && !queue_enable(queue))
		queue_reap(queue);
	broken = queue->vq && virtqueue_is_broken(queue->vq);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (broken)
		balloon_work_kick(&queue->vb->watch);
	queue_reaped(queue, NULL);
}

/**
 * balloon_queues_init() - prepare the queues of a new device
 * @vb: the balloon
 *
 * Context: probe, before any part is initialised.
 */
void balloon_queues_init(struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		vb->queues[i].vb = vb;
		spin_lock_init(&vb->queues[i].lock);
		init_waitqueue_head(&vb->queues[i].wait);
		INIT_LIST_HEAD(&vb->queues[i].pending);
	}
}

/**
 * balloon_queues_create() - find the virtqueues that were negotiated
 * @vb: the balloon
 *
 * Context: probe or restore, before DRIVER_OK; may sleep.
 * Return: 0, or what the transport says.
 */
int balloon_queues_create(struct virtio_balloon *vb)
{
	struct virtqueue_info infos[BALLOON_QUEUE_NR] = {};
	struct virtqueue *vqs[BALLOON_QUEUE_NR] = {};
	unsigned int i;
	int err;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		/* The transports number optional queues by what was negotiated. */
		if (queue_infos[i].feature >= 0 &&
		    !virtio_has_feature(vb->vdev, queue_infos[i].feature))
			continue;
		infos[i].name = queue_infos[i].name;
		infos[i].callback = queue_interrupt;
	}

	err = virtio_find_vqs(vb->vdev, BALLOON_QUEUE_NR, vqs, infos, NULL);
	if (err)
		return err;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		if (!vqs[i])
			continue;
		virtqueue_disable_cb(vqs[i]);
		vb->queues[i].size = virtqueue_get_vring_size(vqs[i]);
		WRITE_ONCE(vb->queues[i].vq, vqs[i]);
	}
	return 0;
}

/**
 * balloon_queues_cancel() - take back every request from a device that was reset
 * @vb: the balloon
 *
 * Afterwards balloon_stream_take() returns them, completed or not.
 *
 * Context: all parts are stopped and the device is reset: the host reads no more.
 */
void balloon_queues_cancel(struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		struct balloon_queue *queue = &vb->queues[i];
		struct balloon_request *request, *next;
		unsigned long flags;

		spin_lock_irqsave(&queue->lock, flags);
		list_for_each_entry_safe(request, next, &queue->pending, node) {
			list_move_tail(&request->node, &request->stream->done);
			request->stream->nr_in_flight--;
		}
		queue->unkicked = false;
		queue_reap(queue);
		while (queue->vq && (request = virtqueue_detach_unused_buf(queue->vq)))
			queue_came_back(queue, request);
		spin_unlock_irqrestore(&queue->lock, flags);
		wake_up(&queue->wait);
	}
}

/**
 * balloon_queues_destroy() - delete the virtqueues
 * @vb: the balloon
 *
 * Context: after balloon_queues_cancel(); may sleep.
 */
void balloon_queues_destroy(struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		struct balloon_queue *queue = &vb->queues[i];

		spin_lock_irq(&queue->lock);
		WRITE_ONCE(queue->vq, NULL);
		spin_unlock_irq(&queue->lock);
	}
	vb->vdev->config->del_vqs(vb->vdev);
}

/**
 * balloon_stream_init() - become a user of a queue
 * @stream: the stream
 * @queue: the queue
 * @work: kicked when requests of this stream are done; NULL for a user that waits
 *
 * Context: init of a part, before the queues are created.
 */
void balloon_stream_init(struct balloon_stream *stream, struct balloon_queue *queue,
			 struct balloon_work *work)
{
	INIT_LIST_HEAD(&stream->done);
	stream->queue = queue;
	stream->nr_in_flight = 0;
	stream->work = work;
	if (!WARN_ON_ONCE(queue->nr_streams >= BALLOON_QUEUE_STREAMS))
		queue->streams[queue->nr_streams++] = stream;
}

/* Whether the stream has something to take. Reaps for all users. */
static bool stream_ready(struct balloon_stream *stream)
{
	struct balloon_queue *queue = stream->queue;
	bool ready, reaped = false;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (list_empty(&stream->done))
		reaped = queue_reap(queue);
	ready = !list_empty(&stream->done);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (reaped || READ_ONCE(queue->unkicked))
		queue_reaped(queue, stream);
	return ready;
}

/**
 * balloon_queue_poll() - take in completions that came without an interrupt
 * @queue: the queue
 *
 * Context: any.
 */
void balloon_queue_poll(struct balloon_queue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	queue_reap(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	queue_reaped(queue, NULL);
}

/**
 * balloon_stream_take() - the next completed request
 * @stream: the stream
 *
 * After balloon_queues_cancel() also requests that were not completed.
 *
 * Context: any; one taker at a time for each stream.
 * Return: the request, or NULL.
 */
struct balloon_request *balloon_stream_take(struct balloon_stream *stream)
{
	struct balloon_queue *queue = stream->queue;
	struct balloon_request *request;
	unsigned long flags;

	if (!stream_ready(stream))
		return NULL;

	spin_lock_irqsave(&queue->lock, flags);
	request = list_first_entry(&stream->done, struct balloon_request, node);
	list_del_init(&request->node);
	spin_unlock_irqrestore(&queue->lock, flags);
	return request;
}

/**
 * balloon_stream_wait() - wait until a request can be taken
 * @stream: the stream
 * @timeout: jiffies at most
 *
 * For users that cannot return and be kicked. Ends early if the queue is broken.
 *
 * Context: may sleep.
 * Return: whether balloon_stream_take() has something.
 */
bool balloon_stream_wait(struct balloon_stream *stream, unsigned long timeout)
{
	struct balloon_queue *queue = stream->queue;
	unsigned long end = jiffies + timeout;

	while (!stream_ready(stream)) {
		long left = end - jiffies;

		if (balloon_queue_broken(queue) || left <= 0)
			return false;
		if (!balloon_queue_arm(queue, BALLOON_ARM_FIRST))
			continue;
		wait_event_idle_timeout(queue->wait, !list_empty_careful(&stream->done),
					min_t(long, left, BALLOON_WAIT_SLICE));
	}
	return true;
}

/**
 * balloon_queue_room() - how many requests of one descriptor could be posted now
 * @queue: the queue
 *
 * For users that must not prepare what would be pending.
 *
 * Context: any.
 * Return: requests.
 */
unsigned int balloon_queue_room(struct balloon_queue *queue)
{
	unsigned long flags;
	unsigned int room;

	spin_lock_irqsave(&queue->lock, flags);
	room = queue->vq && !virtqueue_is_broken(queue->vq) && list_empty(&queue->pending) ?
	       queue->vq->num_free : 0;
	spin_unlock_irqrestore(&queue->lock, flags);
	return room;
}

/**
 * balloon_queue_post() - hand a request to the host, without a notification
 * @stream: whose request it is
 * @request: @sg and @nr_sg filled in
 *
 * It is pending while the ring has no room, and on a broken queue until
 * balloon_queues_cancel().
 *
 * Context: any.
 */
void balloon_queue_post(struct balloon_stream *stream, struct balloon_request *request)
{
	struct balloon_queue *queue = stream->queue;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	request->stream = stream;
	stream->nr_in_flight++;
	if (!list_empty(&queue->pending) || !queue_add(queue, request))
		list_add_tail(&request->node, &queue->pending);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/**
 * balloon_queue_post_blocks() - post blocks that the host may discard, and notify it
 * @stream: whose they are
 * @requests: room for one for each buffer
 * @sg: the blocks
 * @nr_sg: how many
 * @nr_each: blocks in one buffer; @nr_sg is a multiple of it
 *
 * The last block of each buffer is marked as the end of a list, and stays so.
 *
 * Context: any.
 * Return: buffers.
 */
unsigned int balloon_queue_post_blocks(struct balloon_stream *stream,
				       struct balloon_request *requests, struct scatterlist *sg,
				       unsigned int nr_sg, unsigned int nr_each)
{
	unsigned int nr;

	for (nr = 0; nr_sg; nr_sg -= nr_each, sg += nr_each, nr++) {
		requests[nr].sg = sg;
		requests[nr].nr_sg = nr_each;
		requests[nr].device_writes = true;
		sg_mark_end(&sg[nr_each - 1]);
		balloon_queue_post(stream, &requests[nr]);
	}
	balloon_queue_kick(stream->queue);
	return nr;
}

/**
 * balloon_queue_kick() - notify the host of what was posted, if it wants to know
 * @queue: the queue
 *
 * Context: any.
 */
void balloon_queue_kick(struct balloon_queue *queue)
{
	struct virtqueue *vq = NULL;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	queue->unkicked = false;
	if (queue->vq && virtqueue_kick_prepare(queue->vq)) {
		vq = queue->vq;
		queue_count(&queue->counts.kicks);
		trace_balloon_notify(queue->vb->vdev->index, queue_id(queue), 0, 0, 0);
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	/* Outside the lock: this leaves the guest. */
	if (vq)
		virtqueue_notify(vq);
	if (queue_id(queue) != BALLOON_QUEUE_STATS)
		balloon_work_plan(&queue->vb->watch, BALLOON_WATCH_TICK);
}

/**
 * balloon_queue_arm() - ask for an interrupt if anything is in flight
 * @queue: the queue
 * @arm: when
 *
 * A broken queue is not armed.
 *
 * Context: any.
 * Return: false if requests were completed before the interrupt was enabled: take
 *         them, then arm again.
 */
bool balloon_queue_arm(struct balloon_queue *queue, enum balloon_arm arm)
{
	unsigned long flags;
	bool armed;

	spin_lock_irqsave(&queue->lock, flags);
	queue->arm = arm;
	armed = queue_enable(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	return armed;
}

/**
 * balloon_queue_broken() - whether the queue will complete nothing any more
 * @queue: the queue
 *
 * Context: any.
 */
bool balloon_queue_broken(struct balloon_queue *queue)
{
	unsigned long flags;
	bool broken;

	spin_lock_irqsave(&queue->lock, flags);
	broken = !queue->vq || virtqueue_is_broken(queue->vq);
	spin_unlock_irqrestore(&queue->lock, flags);
	return broken;
}

/**
 * balloon_queues_patience() - how long to wait for the host to complete something
 * @vb: the balloon
 *
 * An idle host completes a request in a millisecond. When its processors are busy, a
 * request takes a few hundred now and then. So this is four times the slowest recent one on
 * the inflate or the deflate queue.
 *
 * Context: any.
 * Return: jiffies, between 0.2 and 1 s.
 */
unsigned long balloon_queues_patience(struct virtio_balloon *vb)
{
	u64 usecs = max(READ_ONCE(vb->queues[BALLOON_QUEUE_INFLATE].slow_usecs),
			READ_ONCE(vb->queues[BALLOON_QUEUE_DEFLATE].slow_usecs));

	return clamp_t(unsigned long, usecs_to_jiffies(4 * min_t(u64, usecs, USEC_PER_SEC)),
		       HZ / 5, HZ);
}

/**
 * balloon_queues_reset_counts() - count from 0 again
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_queues_reset_counts(struct virtio_balloon *vb)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		struct balloon_queue *queue = &vb->queues[i];

		spin_lock_irqsave(&queue->lock, flags);
		memset(&queue->counts, 0, sizeof(queue->counts));
		spin_unlock_irqrestore(&queue->lock, flags);
	}
}
