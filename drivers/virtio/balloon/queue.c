// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only code that touches a virtqueue.
 *
 * A part of the driver posts requests through a stream of its own, any number
 * of them, and kicks once for many. The host's answers are reaped by whoever
 * comes first, the interrupt or another user of the queue, and sorted into the
 * streams they belong to; the stream's owner then takes them.
 *
 * Interrupts are off except where a user armed the queue: with many requests
 * in flight one interrupt for most of them does. Who takes requests arms the
 * queue afterwards, also for what other streams still have in flight.
 *
 * The host is not trusted. Lengths it returns are ignored (VIRTIO 1.3, 5.5.6.2.1
 * says why), a ring it corrupts is marked broken by virtio_ring, and a broken
 * ring wakes nobody, so that waiters look for it themselves.
 */
#include <linux/virtio_config.h>

#include "balloon.h"
#include "compat/compat.h"

/* Breaking a queue wakes nobody: look at least this often. */
#define BALLOON_WAIT_SLICE	(HZ / 4)

/* As /proc/interrupts has them. */
static const char * const balloon_queue_irq_names[BALLOON_QUEUE_NR] = {
	[BALLOON_QUEUE_INFLATE]	= "inflate",
	[BALLOON_QUEUE_DEFLATE]	= "deflate",
	[BALLOON_QUEUE_STATS]	= "stats",
	[BALLOON_QUEUE_HINT]	= "free_page_vq",
	[BALLOON_QUEUE_REPORTING] = "reporting_vq",
};

/* The host has one request less. Holds queue->lock. */
static void queue_came_back(struct balloon_queue *queue, struct balloon_request *request)
{
	list_add_tail(&request->node, &request->stream->done);
	request->stream->nr_in_flight--;
	queue->nr_in_flight--;
	WRITE_ONCE(queue->nr_4k, queue->nr_4k - balloon_request_nr_4k(queue, request));
	queue->progress = jiffies;
}

/* Sorts what the host is done with into streams. Holds queue->lock. */
static void queue_reap(struct balloon_queue *queue)
{
	struct balloon_request *request;
	unsigned int len;

	if (!queue->vq)
		return;
	while ((request = virtqueue_get_buf(queue->vq, &len))) {
		balloon_queue_count_answer(request);
		queue_came_back(queue, request);
	}
}

static void queue_notify(struct balloon_queue *queue, struct balloon_stream *except)
{
	unsigned int i;

	for (i = 0; i < queue->nr_streams; i++) {
		struct balloon_stream *stream = queue->streams[i];

		if (stream != except && !list_empty_careful(&stream->done))
			stream->notify(stream);
	}
}

/* Has the host interrupt; false if there is something to reap. Holds queue->lock. */
static bool queue_enable(struct balloon_queue *queue)
{
	if (!queue->vq || !queue->nr_in_flight || virtqueue_is_broken(queue->vq))
		return true;
	return queue->arm == BALLOON_ARM_FIRST ? virtqueue_enable_cb(queue->vq) :
		virtqueue_enable_cb_delayed(queue->vq);
}

/*
 * An interrupt that comes before the queues are known, or after they are gone,
 * finds no queue: nothing was posted then, so nothing is missed.
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
	unsigned int nr_in_flight;
	unsigned long flags;
	bool broken;

	if (!queue)
		return;

	spin_lock_irqsave(&queue->lock, flags);
	balloon_queue_count_interrupt(queue);
	nr_in_flight = queue->nr_in_flight;
	if (queue->vq)
		virtqueue_disable_cb(queue->vq);
	queue_reap(queue);
	/*
	 * Another CPU reaped what this interrupt was for, and may have armed the queue for
	 * the rest. Nobody is notified now who would do it again.
	 */
	if (queue->nr_in_flight == nr_in_flight && !queue_enable(queue))
		queue_reap(queue);
	broken = queue->vq && virtqueue_is_broken(queue->vq);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (broken)
		balloon_work_kick(&queue->vb->watch);
	wake_up(&queue->wait);
	queue_notify(queue, NULL);
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
	}
}

/* The transports number optional queues by what was negotiated. */
static bool queue_wanted(struct virtio_balloon *vb, enum balloon_queue_id id)
{
	switch (id) {
	case BALLOON_QUEUE_STATS:
		return virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_STATS_VQ);
	case BALLOON_QUEUE_HINT:
		return virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_FREE_PAGE_HINT);
	case BALLOON_QUEUE_REPORTING:
		return virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_REPORTING);
	default:
		return true;
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
		if (!queue_wanted(vb, i))
			continue;
		infos[i].name = balloon_queue_irq_names[i];
		infos[i].callback = queue_interrupt;
	}

	err = virtio_find_vqs(vb->vdev, BALLOON_QUEUE_NR, vqs, infos, NULL);
	if (err)
		return err;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		if (!vqs[i])
			continue;
		virtqueue_disable_cb(vqs[i]);
		WRITE_ONCE(vb->queues[i].vq, vqs[i]);
	}
	return 0;
}

/**
 * balloon_queues_cancel() - take back every request from a device that was reset
 * @vb: the balloon
 *
 * Afterwards balloon_stream_take() returns them, answered or not.
 *
 * Context: every part is stopped and the device reset: the host reads no more.
 */
void balloon_queues_cancel(struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		struct balloon_queue *queue = &vb->queues[i];
		struct balloon_request *request;
		unsigned long flags;

		spin_lock_irqsave(&queue->lock, flags);
		queue_reap(queue);
		while (queue->vq && (request = virtqueue_detach_unused_buf(queue->vq)))
			queue_came_back(queue, request);
		spin_unlock_irqrestore(&queue->lock, flags);
		balloon_watch_forget(queue);
		wake_up(&queue->wait);
	}
}

/**
 * balloon_queues_destroy() - give the virtqueues back to the transport
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
 * @notify: called when requests of this stream are done
 *
 * Context: init of a part, before the queues are created.
 */
void balloon_stream_init(struct balloon_stream *stream, struct balloon_queue *queue,
			 void (*notify)(struct balloon_stream *stream))
{
	INIT_LIST_HEAD(&stream->done);
	stream->queue = queue;
	stream->nr_in_flight = 0;
	stream->notify = notify;
	if (!WARN_ON_ONCE(queue->nr_streams >= BALLOON_QUEUE_STREAMS))
		queue->streams[queue->nr_streams++] = stream;
}

/* Whether the stream has something to take, reaping for everybody on the way. */
static bool stream_ready(struct balloon_stream *stream)
{
	struct balloon_queue *queue = stream->queue;
	unsigned int before;
	unsigned long flags;
	bool ready, reaped;

	spin_lock_irqsave(&queue->lock, flags);
	before = queue->nr_in_flight;
	if (list_empty(&stream->done))
		queue_reap(queue);
	reaped = before != queue->nr_in_flight;
	ready = !list_empty(&stream->done);
	spin_unlock_irqrestore(&queue->lock, flags);

	if (reaped) {
		wake_up(&queue->wait);
		queue_notify(queue, stream);
	}
	return ready;
}

/**
 * balloon_queue_poll() - take in answers that no interrupt came for
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
	wake_up(&queue->wait);
	queue_notify(queue, NULL);
}

/**
 * balloon_stream_take() - the next request that the host is done with
 * @stream: the stream
 *
 * After balloon_queues_cancel() also those it never answered.
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
 * For the few who cannot come back later. Ends early on a broken device.
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

static int queue_add(struct virtqueue *vq, struct balloon_request *request)
{
	if (request->device_writes)
		return virtqueue_add_inbuf(vq, request->sg, request->nr_sg, request, GFP_NOWAIT);
	return virtqueue_add_outbuf(vq, request->sg, request->nr_sg, request, GFP_NOWAIT);
}

/**
 * balloon_queue_room() - how many requests of one descriptor could be posted now
 * @queue: the queue
 *
 * For those who would have to prepare something for them.
 *
 * Context: any.
 * Return: requests.
 */
unsigned int balloon_queue_room(struct balloon_queue *queue)
{
	unsigned long flags;
	unsigned int room;

	spin_lock_irqsave(&queue->lock, flags);
	room = queue->vq ? queue->vq->num_free : 0;
	spin_unlock_irqrestore(&queue->lock, flags);
	return room;
}

/**
 * balloon_queue_post() - hand a request to the host, without a notification
 * @stream: whose request it is
 * @request: @sg and @nr_sg filled in
 *
 * Allocates nothing, since indirect descriptors are not negotiated. On an error
 * the request stays the caller's.
 *
 * Context: any.
 * Return: 0; -ENOSPC when the ring is full; -EIO when the device is broken;
 *         -ENODEV when there is no queue.
 */
int balloon_queue_post(struct balloon_stream *stream, struct balloon_request *request)
{
	struct balloon_queue *queue = stream->queue;
	unsigned long flags;
	int err = -ENODEV;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->vq) {
		request->stream = stream;
		err = queue_add(queue->vq, request);
	}
	if (!err) {
		balloon_queue_count_request(request);
		if (!queue->nr_in_flight)
			queue->progress = jiffies;
		stream->nr_in_flight++;
		queue->nr_in_flight++;
		WRITE_ONCE(queue->nr_4k, queue->nr_4k + balloon_request_nr_4k(queue, request));
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return err;
}

/**
 * balloon_queue_post_blocks() - have the host discard blocks
 * @stream: whose they are
 * @requests: room for one for each element
 * @sg: the blocks
 * @nr_sg: how many
 * @nr_each: blocks in one element; @nr_sg is a multiple of it
 *
 * Notifies the host.
 *
 * Context: any.
 * Return: elements that were posted, at least one; or the error of the first.
 */
int balloon_queue_post_blocks(struct balloon_stream *stream, struct balloon_request *requests,
			      struct scatterlist *sg, unsigned int nr_sg,
			      unsigned int nr_each)
{
	int nr = 0, err = 0;

	for (; nr_sg && !err; nr_sg -= nr_each, sg += nr_each) {
		struct scatterlist *last = &sg[nr_each - 1];
		bool was_last = sg_is_last(last);

		requests[nr].sg = sg;
		requests[nr].nr_sg = nr_each;
		requests[nr].device_writes = true;
		sg_mark_end(last);
		err = balloon_queue_post(stream, &requests[nr]);
		if (!was_last)
			sg_unmark_end(last);
		nr += !err;
	}
	if (nr)
		balloon_queue_kick(stream->queue);
	return nr ? nr : err;
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
	if (queue->vq && virtqueue_kick_prepare(queue->vq)) {
		vq = queue->vq;
		balloon_queue_count_kick(queue);
	}
	spin_unlock_irqrestore(&queue->lock, flags);

	/* Outside the lock: this leaves the guest. */
	if (vq)
		virtqueue_notify(vq);
	balloon_watch(queue);
}

/**
 * balloon_queue_renotify() - notify the host again, whether it wants to know or not
 * @queue: the queue
 *
 * For requests that it should have answered by now.
 *
 * Context: any.
 */
void balloon_queue_renotify(struct balloon_queue *queue)
{
	struct virtqueue *vq = READ_ONCE(queue->vq);

	if (vq && READ_ONCE(queue->nr_in_flight))
		virtqueue_notify(vq);
}

/**
 * balloon_queue_arm() - ask for an interrupt if anything is in flight
 * @queue: the queue
 * @arm: when
 *
 * A broken queue has nothing more to say, and is not asked.
 *
 * Context: any.
 * Return: false if requests were done before the interrupt was asked for: take
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
 * balloon_queue_broken() - whether the queue will never answer again
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
 * balloon_queue_size() - descriptors that the ring has room for
 * @queue: a queue that exists
 *
 * Context: between balloon_queues_create() and balloon_queues_destroy().
 */
unsigned int balloon_queue_size(struct balloon_queue *queue)
{
	return virtqueue_get_vring_size(queue->vq);
}
