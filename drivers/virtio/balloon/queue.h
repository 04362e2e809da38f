/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtqueues of the balloon, see queue.c, and queue_count.c for what is counted.
 */
#ifndef BALLOON_QUEUE_H
#define BALLOON_QUEUE_H

#include <linux/list.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/wait.h>

#include "histogram.h"

struct seq_file;
struct virtio_balloon;
struct balloon_stream;

/* The queues in the order of the specification, 5.5.2. */
enum balloon_queue_id {
	BALLOON_QUEUE_INFLATE,
	BALLOON_QUEUE_DEFLATE,
	BALLOON_QUEUE_STATS,
	BALLOON_QUEUE_HINT,
	BALLOON_QUEUE_REPORTING,
	BALLOON_QUEUE_NR
};

/* Longer than this without an answer a host is called silent. */
#define BALLOON_SILENCE			(10 * HZ)

/* Users of one queue at most. */
#define BALLOON_QUEUE_STREAMS	3

/**
 * struct balloon_request - one element on its way to the host and back
 * @node: place in the stream's done list; guarded by the queue's lock
 * @stream: who posted it; set by balloon_queue_post()
 * @sg: what the host reads, or may discard; the owner's until posted and again
 *	when done
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
 * @queue: the queue; set once
 * @done: requests the host is done with; guarded by the queue's lock
 * @nr_in_flight: requests the host has; guarded by the queue's lock
 * @notify: something arrived in @done; called in any context, without locks,
 *	    never from balloon_stream_take() on the stream itself. Set once.
 */
struct balloon_stream {
	struct balloon_queue *queue;
	struct list_head done;
	unsigned int nr_in_flight;
	void (*notify)(struct balloon_stream *stream);
};

/**
 * struct balloon_queue_counts - what a queue has done since it was reset
 * @requests: elements posted
 * @answers: elements that the host was done with
 * @kicks: notifications of the host
 * @interrupts: by the host
 * @latency: answers by the microseconds that they took, in powers of two
 *
 * Written under the queue's lock; read by anybody.
 */
struct balloon_queue_counts {
	unsigned long requests;
	unsigned long answers;
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
 * @lock: irq-safe, taken inside no other lock of the driver but a page lock
 * @wait: woken when something was reaped
 * @streams: the users; filled before the queue is first created
 * @nr_streams: how many
 * @nr_in_flight: requests the host has; guarded by @lock
 * @nr_4k: units of 4096 bytes that they name; guarded by @lock
 * @progress: jiffies of the last answer, or of the first request after a rest; guarded
 *	      by @lock
 * @nr_looks: looks since then that found the queue as before; queue_watch.c's, read by
 *	      anybody
 * @looked: @progress at the last look; likewise
 * @said_at: jiffies when the host's silence was logged last, or 0; likewise
 * @said_silent: it was, and still lasts; likewise
 * @said_broken: that the queue is broken was logged; likewise
 * @arm: what the last user who armed it asked for; guarded by @lock
 * @slow_usecs: what the slowest answer of late took, in microseconds
 * @slow_at: jiffies when it came
 * @counts: for debugfs
 */
struct balloon_queue {
	struct virtio_balloon *vb;
	struct virtqueue *vq;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct balloon_stream *streams[BALLOON_QUEUE_STREAMS];
	unsigned int nr_streams;
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

void balloon_stream_init(struct balloon_stream *stream, struct balloon_queue *queue,
			 void (*notify)(struct balloon_stream *stream));
struct balloon_request *balloon_stream_take(struct balloon_stream *stream);
bool balloon_stream_wait(struct balloon_stream *stream, unsigned long timeout);

unsigned int balloon_queue_room(struct balloon_queue *queue);
int balloon_queue_post(struct balloon_stream *stream, struct balloon_request *request);
int balloon_queue_post_blocks(struct balloon_stream *stream, struct balloon_request *requests,
			      struct scatterlist *sg, unsigned int nr_sg,
			      unsigned int nr_each);
void balloon_queue_kick(struct balloon_queue *queue);
void balloon_queue_renotify(struct balloon_queue *queue);
void balloon_queue_poll(struct balloon_queue *queue);
bool balloon_queue_arm(struct balloon_queue *queue, enum balloon_arm arm);
bool balloon_queue_broken(struct balloon_queue *queue);
bool balloon_queue_silent(struct balloon_queue *queue);
unsigned int balloon_queue_size(struct balloon_queue *queue);

extern const char * const balloon_queue_names[BALLOON_QUEUE_NR];

void balloon_watch_init(struct virtio_balloon *vb);
int balloon_watch_start(struct virtio_balloon *vb);
void balloon_watch_stop(struct virtio_balloon *vb);
void balloon_watch_forget(struct balloon_queue *queue);
void balloon_watch(struct balloon_queue *queue);

unsigned long balloon_request_nr_4k(struct balloon_queue *queue, struct balloon_request *request);
void balloon_queue_count_request(struct balloon_request *request);
void balloon_queue_count_answer(struct balloon_request *request);
unsigned long balloon_queues_patience(struct virtio_balloon *vb);
void balloon_queue_count_kick(struct balloon_queue *queue);
void balloon_queue_count_interrupt(struct balloon_queue *queue);
void balloon_queues_show(struct seq_file *file, struct virtio_balloon *vb);
void balloon_queues_show_latency(struct seq_file *file, struct virtio_balloon *vb);
void balloon_queues_reset_counts(struct virtio_balloon *vb);

#endif /* BALLOON_QUEUE_H */
