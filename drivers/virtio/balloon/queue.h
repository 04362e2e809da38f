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

/* A host that has completed nothing for longer than this is called silent. */
#define BALLOON_SILENCE		(10 * HZ)
/* How often queue_watch.c looks while requests are in flight. */
#define BALLOON_WATCH_TICK	(HZ / 4)

/* Users of one queue at most. */
#define BALLOON_QUEUE_STREAMS	3

/**
 * struct balloon_request - one buffer on its way to the host and back
 * @node: place among the queue's pending or the stream's done requests; guarded by the
 *	  queue's lock
 * @stream: who posted it; set by balloon_queue_post()
 * @sg: what the host reads, or may discard; the owner's until posted and again when done
 * @nr_sg: how many there are; each costs a slot of the ring
 * @posted: when it was posted, nanoseconds
 * @device_writes: the host may discard what @sg names, instead of reading it
 *
 * Lives inside a structure of its owner. From post until it comes back through
 * balloon_stream_take() what @sg names is the host's.
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
 * @work: kicked when something arrives in @done, unless by balloon_stream_take() on the
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
 * struct balloon_queue_counts - what a queue has done since it was reset
 * @requests: buffers posted
 * @completions: buffers that the host was done with
 * @kicks: notifications of the host
 * @interrupts: by the host
 * @latency: completions by the microseconds that they took, in powers of two
 *
 * Written under the queue's lock; read by anybody.
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
	BALLOON_ARM_FIRST,	/* when the next request is done */
	BALLOON_ARM_MOST	/* when most of what is in flight is done */
};

/**
 * struct balloon_queue - one virtqueue
 * @vb: the balloon; set once
 * @vq: the virtqueue, NULL while there is none; guarded by @lock
 * @size: descriptors that the ring has room for; set when it is created
 * @lock: irq-safe, taken inside no other lock of the driver but a page lock
 * @wait: woken when something was completed
 * @streams: the users; filled before the queue is first created
 * @nr_streams: how many
 * @pending: posted requests that found no room in the ring, in their order; guarded by @lock
 * @stopped: nothing is put into the ring; queue_watch.c's; guarded by @lock
 * @unkicked: pending requests were put there since the last kick; guarded by @lock
 * @nr_in_flight: requests the host has; guarded by @lock
 * @nr_4k: units of 4096 bytes that they name; guarded by @lock
 * @progress: jiffies of the last completion, or of the first request after a rest; guarded
 *	      by @lock
 * @nr_looks: looks since then that found the queue as before; queue_watch.c's, read by
 *	      anybody
 * @looked: @progress at the last look; likewise
 * @said_at: jiffies when the host's silence was logged last, or 0; likewise
 * @said_silent: it was, and still lasts; likewise
 * @said_broken: that the queue is broken was logged; likewise
 * @arm: what the last user who armed it asked for; guarded by @lock
 * @slow_usecs: what the slowest completion of late took, in microseconds; guarded by @lock
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
