// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes over a queue and how long the host takes for it: counters for debugfs, and
 * tracepoints of each request. Called by queue.c with the queue's lock held, so that
 * there is one writer; who reads takes no lock. The clock is one that may be asked
 * while the system falls asleep.
 */
#include <linux/seq_file.h>

#include "balloon.h"
#include "trace.h"

/* For so long a slow answer is remembered. Memory that is unplugged is tried each 50 s. */
#define BALLOON_SLOW_WINDOW	(60 * HZ)

const char * const balloon_queue_names[BALLOON_QUEUE_NR] = {
	[BALLOON_QUEUE_INFLATE]	= "inflate",
	[BALLOON_QUEUE_DEFLATE]	= "deflate",
	[BALLOON_QUEUE_STATS]	= "stats",
	[BALLOON_QUEUE_HINT]	= "hint",
	[BALLOON_QUEUE_REPORTING] = "reporting",
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

/**
 * balloon_request_nr_4k() - the memory that a request names
 * @queue: where it was posted
 * @request: the request
 *
 * Context: whoever owns the request.
 * Return: units of 4096 bytes.
 */
unsigned long balloon_request_nr_4k(struct balloon_queue *queue, struct balloon_request *request)
{
	u64 bytes = request_bytes(request);

	if (request->device_writes)
		return bytes >> BALLOON_PFN_SHIFT;
	if (queue == &queue->vb->queues[BALLOON_QUEUE_INFLATE] ||
	    queue == &queue->vb->queues[BALLOON_QUEUE_DEFLATE])
		return (unsigned long)bytes / sizeof(__virtio32);
	return 0;
}

/**
 * balloon_queue_count_request() - a request was posted
 * @request: the request, with its stream
 *
 * Context: holds the queue's lock.
 */
void balloon_queue_count_request(struct balloon_request *request)
{
	struct balloon_queue *queue = request->stream->queue;

	request->posted = ktime_get_mono_fast_ns();
	queue_count(&queue->counts.requests);
	if (trace_balloon_request_enabled())
		trace_balloon_request(queue->vb->vdev->index, queue_id(queue), request->nr_sg,
				      request_bytes(request));
}

/**
 * balloon_queue_count_answer() - the host is done with a request
 * @request: the request
 *
 * Context: holds the queue's lock.
 */
void balloon_queue_count_answer(struct balloon_request *request)
{
	struct balloon_queue *queue = request->stream->queue;
	u64 now = ktime_get_mono_fast_ns();
	/* This clock may step back a little. */
	u64 usecs = now > request->posted ? now - request->posted : 0;

	do_div(usecs, NSEC_PER_USEC);
	queue_count(&queue->counts.answers);
	balloon_histogram_count(&queue->counts.latency, balloon_log2_slot(usecs));
	if (usecs >= queue->slow_usecs ||
	    time_after(jiffies, queue->slow_at + BALLOON_SLOW_WINDOW)) {
		WRITE_ONCE(queue->slow_usecs, usecs);
		queue->slow_at = jiffies;
	}
	if (trace_balloon_answer_enabled())
		trace_balloon_answer(queue->vb->vdev->index, queue_id(queue),
				     request_bytes(request), usecs);
}

/**
 * balloon_queues_patience() - how long to wait for an answer of the host
 * @vb: the balloon
 *
 * An idle host answers in a millisecond; when its processors are busy, an answer now and
 * then takes a few hundred. So this is a multiple of the slowest one of late, on the
 * inflate or the deflate queue.
 *
 * Context: any.
 * Return: jiffies, between 0.2 and 1 s; a host that does not answer by then is silent.
 */
unsigned long balloon_queues_patience(struct virtio_balloon *vb)
{
	u64 usecs = max(READ_ONCE(vb->queues[BALLOON_QUEUE_INFLATE].slow_usecs),
			READ_ONCE(vb->queues[BALLOON_QUEUE_DEFLATE].slow_usecs));

	return clamp_t(unsigned long, usecs_to_jiffies(4 * min_t(u64, usecs, USEC_PER_SEC)),
		       HZ / 5, HZ);
}

/**
 * balloon_queue_count_kick() - the host is about to be notified
 * @queue: the queue
 *
 * Context: holds the queue's lock.
 */
void balloon_queue_count_kick(struct balloon_queue *queue)
{
	queue_count(&queue->counts.kicks);
	trace_balloon_notify(queue->vb->vdev->index, queue_id(queue));
}

/**
 * balloon_queue_count_interrupt() - the host has interrupted
 * @queue: the queue
 *
 * Context: holds the queue's lock.
 */
void balloon_queue_count_interrupt(struct balloon_queue *queue)
{
	queue_count(&queue->counts.interrupts);
}

static void queue_show(struct seq_file *file, const char *name, struct balloon_queue *queue)
{
	struct balloon_queue_counts *counts = &queue->counts;

	seq_printf(file, "%s_in_flight %u\n", name, READ_ONCE(queue->nr_in_flight));
	seq_printf(file, "%s_requests %lu\n", name, READ_ONCE(counts->requests));
	seq_printf(file, "%s_answers %lu\n", name, READ_ONCE(counts->answers));
	seq_printf(file, "%s_kicks %lu\n", name, READ_ONCE(counts->kicks));
	seq_printf(file, "%s_interrupts %lu\n", name, READ_ONCE(counts->interrupts));
}

/**
 * balloon_queues_show() - what went over the queues, a name and a number a line
 * @file: debugfs
 * @vb: the balloon
 *
 * Context: may sleep; takes no lock.
 */
void balloon_queues_show(struct seq_file *file, struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++)
		if (READ_ONCE(vb->queues[i].vq))
			queue_show(file, balloon_queue_names[i], &vb->queues[i]);
}

/**
 * balloon_queues_show_latency() - how long the host took to answer
 * @file: debugfs
 * @vb: the balloon
 *
 * A line for each slot of a queue that is not empty: the queue, the least number of
 * microseconds, and how many requests took that or more, less than twice as much.
 *
 * Context: may sleep; takes no lock.
 */
void balloon_queues_show_latency(struct seq_file *file, struct virtio_balloon *vb)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		snprintf(name, sizeof(name), "%s_usecs", balloon_queue_names[i]);
		balloon_histogram_show(file, name, &vb->queues[i].counts.latency,
				       balloon_log2_least);
	}
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
