/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtqueues of the balloon, see queue.c and queue_watch.c.
 */
#ifndef BALLOON_QUEUE_H
#define BALLOON_QUEUE_H

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/wait.h>

#include "events.h"
#include "histogram.h"
#include "work.h"

struct virtio_balloon;
struct balloon_stream;

/* A queue without a completion for longer than this is silent. */
#define BALLOON_SILENCE		(10 * HZ)
/* How often queue_watch.c looks while requests are in flight. */
#define BALLOON_WATCH_TICK	(HZ / 4)

/* The maximum of users of one queue. */
#define BALLOON_QUEUE_STREAMS	3

/**
 * struct balloon_request - one buffer on its way to the host and back
 * @node: place among the queue's pending or the stream's done requests; guarded by the
 *	  queue's lock
 * @stream: the user that posted it; set by balloon_queue_post()
 * @sg: what the host reads, or may discard; the owner's until posted and again when done
 * @nr_sg: how many there are; each costs a slot of the ring
 * @posted: when it was posted, nanoseconds
 * @device_writes: the host may discard what @sg names, instead of reading it
 *
 * Embedded in a structure of its owner. From balloon_queue_post() until
 * balloon_stream_take() returns it, the host owns the memory that @sg names.
 */
struct balloon_request {
	struct list_head node;
	struct balloon_stream *stream;
	struct scatterlist *sg;
	unsigned int nr_sg;
	u64 posted;
	bool device_writes;
};

/**
 * struct balloon_stream - the requests of one user of a queue
 * @queue: the queue; set once; NULL without the queue's feature
 * @work: kicked when a request is added to @done, but not by balloon_stream_take() on the
 *	  stream itself; NULL if the user waits (balloon_stream_wait()); set once
 * @done: completed requests; guarded by the queue's lock
 * @nr_in_flight: requests that were posted and not completed; guarded by the queue's lock
 */
struct balloon_stream {
	struct balloon_queue *queue;
	struct balloon_work *work;
	struct list_head done;
	unsigned int nr_in_flight;
};

/**
 * struct balloon_queue_counts - counters of a queue since they were reset
 * @requests: buffers added to the ring
 * @completions: buffers that the host returned
 * @kicks: notifications of the host, without those that queue_watch.c repeats
 * @interrupts: interrupts by the host
 * @latency: completions by the microseconds that they took, in powers of two
 *
 * Written under the queue's lock; read without.
 */
struct balloon_queue_counts {
	unsigned long requests;
	unsigned long completions;
	unsigned long kicks;
	unsigned long interrupts;
	struct balloon_histogram latency;
};

/* How soon an armed queue interrupts. */
enum balloon_arm {
	BALLOON_ARM_FIRST,	/* at the next completion */
	BALLOON_ARM_MOST	/* when most of what is in flight is completed */
};

/**
 * struct balloon_queue - one virtqueue
 * @vb: the balloon; set once
 * @vq: the virtqueue, NULL while there is none; guarded by @lock
 * @size: descriptors that the ring has room for; set when it is created
 * @lock: irq-safe; balloon.h has the lock order
 * @wait: woken at completions
 * @streams: the users; filled before the queue is first created
 * @nr_streams: how many
 * @pending: posted requests that found no room in the ring, in their order; guarded by @lock
 * @stopped: no request is added to the ring; written by queue_watch.c; guarded by @lock
 * @unkicked: requests left @pending for the ring since the last kick; guarded by @lock
 * @nr_in_flight: requests in the ring; guarded by @lock
 * @nr_4k: units of 4096 bytes that they name; guarded by @lock
 * @progress: jiffies of the last completion, or of the first request after a rest; guarded
 *	      by @lock
 * @nr_looks: looks since then that found no progress; written by queue_watch.c, read by
 *	      anybody
 * @looked: @progress at the last look; likewise
 * @said_at: jiffies when the host's silence was logged last, or 0; likewise
 * @said_silent: that was logged, and the queue is still silent; likewise
 * @said_broken: that the queue is broken was logged; likewise
 * @arm: what the last user that armed it asked for; guarded by @lock
 * @slow_usecs: the slowest recent completion, in microseconds; guarded by @lock
 * @slow_at: jiffies when it came; guarded by @lock
 * @counts: for debugfs
 */
struct balloon_queue {
	struct virtio_balloon *vb;
	struct virtqueue *vq;
	unsigned int size;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct balloon_stream *streams[BALLOON_QUEUE_STREAMS];
	unsigned int nr_streams;
	struct list_head pending;
	bool stopped;
	bool unkicked;
	unsigned int nr_in_flight;
	unsigned long nr_4k;
	unsigned long progress;
	unsigned long looked;
	unsigned long said_at;
	unsigned int nr_looks;
	bool said_silent;
	bool said_broken;
	enum balloon_arm arm;
	u64 slow_usecs;
	unsigned long slow_at;
	struct balloon_queue_counts counts;
};

void balloon_queues_init(struct virtio_balloon *vb);
int balloon_queues_create(struct virtio_balloon *vb);
void balloon_queues_cancel(struct virtio_balloon *vb);
void balloon_queues_destroy(struct virtio_balloon *vb);
void balloon_queues_reset_counts(struct virtio_balloon *vb);

void balloon_stream_init(struct balloon_stream *stream, struct balloon_queue *queue,
			 struct balloon_work *work);
struct balloon_request *balloon_stream_take(struct balloon_stream *stream);
bool balloon_stream_wait(struct balloon_stream *stream, unsigned long timeout);

unsigned int balloon_queue_room(struct balloon_queue *queue);
void balloon_queue_post(struct balloon_stream *stream, struct balloon_request *request);
unsigned int balloon_queue_post_blocks(struct balloon_stream *stream,
				       struct balloon_request *requests, struct scatterlist *sg,
				       unsigned int nr_sg, unsigned int nr_each);
void balloon_queue_kick(struct balloon_queue *queue);
void balloon_queue_poll(struct balloon_queue *queue);
bool balloon_queue_arm(struct balloon_queue *queue, enum balloon_arm arm);
bool balloon_queue_broken(struct balloon_queue *queue);
unsigned long balloon_queues_patience(struct virtio_balloon *vb);

extern const char * const balloon_queue_names[BALLOON_QUEUE_NR];

/* queue_watch.c */
void balloon_watch_init(struct virtio_balloon *vb);
int balloon_watch_start(struct virtio_balloon *vb);
void balloon_watch_stop(struct virtio_balloon *vb);
void balloon_watch_release(struct virtio_balloon *vb);
bool balloon_queue_silent(struct balloon_queue *queue);

#endif /* BALLOON_QUEUE_H */
