/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free page hints, see hint.c, hint_take.c, hint_send.c and hint_blocks.c.
 */
#ifndef BALLOON_HINT_H
#define BALLOON_HINT_H

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "compat/shrinker.h"
#include "queue.h"
#include "work.h"

/* Ranges and commands that the host may have at a time. */
#define BALLOON_HINT_RANGES		64
#define BALLOON_HINT_COMMANDS		4
/* Threads beside the worker that take memory. */
#define BALLOON_HINT_HELPERS		3
/* What one descriptor names at most. */
#define BALLOON_HINT_RANGE_BYTES	SZ_1G

/**
 * struct balloon_hint_command - the host is told that a round begins or ends
 * @request: how it travels
 * @sg: its descriptor
 * @node: place among the free ones
 * @id: what the host reads
 */
struct balloon_hint_command {
	struct balloon_request request;
	struct scatterlist sg;
	struct list_head node;
	__virtio32 id;
};

/**
 * struct balloon_hint_span - memory that one descriptor can name
 * @pfn: first page
 * @nr_pages: how many there are
 */
struct balloon_hint_span {
	unsigned long pfn;
	unsigned long nr_pages;
};

/**
 * struct balloon_hint_range - adjacent blocks, hinted with one descriptor
 * @request: how it travels
 * @sg: its descriptor
 * @node: place among the free ones, or among those that are to be posted
 * @blocks: the blocks, in any order; nobody else knows them
 * @span: where they are
 * @nr_blocks: how many blocks that is
 * @round: in which it is hinted
 * @id: the command that it is hinted for
 * @populated: the host has to discard it first: the kernel has just zeroed it
 * @again: it was taken in an earlier round
 */
struct balloon_hint_range {
	struct balloon_request request;
	struct scatterlist sg;
	struct list_head node;
	struct list_head blocks;
	struct balloon_hint_span span;
	unsigned int nr_blocks;
	unsigned int round;
	u32 id;
	bool populated;
	bool again;
};

/**
 * struct balloon_hint_blocks - what is held for hints and is not on its way
 * @sorting: held while @fresh is not there because it is being sorted, so that the
 *	     shrinker waits; nothing is allocated under it
 * @lock: guards lists and counts; taken inside @sorting or no lock but reclaim's
 * @again: to be hinted in this round, taken in an earlier one
 * @fresh: to be hinted in this round, taken for it; by their address
 * @held: hinted, and acknowledged
 * @nr_pages: pages of all three
 * @order_max: the largest order that one descriptor can name
 * @order: the largest order worth a try; the worker's
 * @nr_taken: blocks taken from the allocator so far, by any thread
 * @nr_pages_taken: pages of these
 * @spare: a block that did not fit the range before; the worker's
 * @pressed: the kernel wanted memory back since the round began
 * @shrinker: gives blocks back when memory is short
 */
struct balloon_hint_blocks {
	struct mutex sorting;
	spinlock_t lock;
	struct list_head again;
	struct list_head fresh;
	struct list_head held;
	unsigned long nr_pages;
	unsigned int order_max;
	unsigned int order;
	atomic_long_t nr_taken;
	atomic_long_t nr_pages_taken;
	struct page *spare;
	bool pressed;
	struct balloon_compat_shrinker shrinker;
};

/**
 * struct balloon_hint_helper - a thread that takes memory beside the worker
 * @work: it
 * @hint: for whom
 */
struct balloon_hint_helper {
	struct work_struct work;
	struct balloon_hint *hint;
};

/**
 * struct balloon_hint_take - how memory is taken
 * @helpers: the threads that do so beside the worker
 * @nr_helpers: how many of them are used now
 * @nr_spans: descriptors that it takes to name what is taken and not sent, or fewer;
 *	      under the lock of the blocks
 * @nr_spans_max: take no more when there are so many
 * @over: end after the block at hand
 * @until: jiffies of when to look what the device wants
 * @begin: jiffies of when the round began
 * @nr_before: pages taken from the allocator until then
 * @judged: whether there is too much is known
 * @large: there is more than can be taken in good time
 *
 * But for @nr_spans and @over it is written by the worker when no other thread runs.
 */
struct balloon_hint_take {
	struct balloon_hint_helper helpers[BALLOON_HINT_HELPERS];
	unsigned int nr_helpers;
	unsigned int nr_spans;
	unsigned int nr_spans_max;
	bool over;
	unsigned long until;
	unsigned long begin;
	long nr_before;
	bool judged;
	bool large;
};

/**
 * struct balloon_hint_counts - what happened so far
 * @commands: commands of the device
 * @rounds: rounds begun
 * @ranges: descriptors sent, each with adjacent blocks
 * @blocks: blocks in them
 * @pages: pages in them
 * @pages_again: those of them that had been taken in an earlier round
 * @pages_discarded: pages discarded before they were hinted
 * @pages_released: pages given back when hinting was over, or the device went
 * @nr_reclaimed: pages given back because memory was short, in any thread
 * @stop_usecs_max: longest time from the device's wish that a round ends to STOP
 * @release_usecs_max: longest time without a chance for others while giving back
 *
 * But for @nr_reclaimed they are written by the worker, or when it is stopped.
 */
struct balloon_hint_counts {
	u64 commands;
	u64 rounds;
	u64 ranges;
	u64 blocks;
	u64 pages;
	u64 pages_again;
	u64 pages_discarded;
	u64 pages_released;
	atomic_long_t nr_reclaimed;
	u64 stop_usecs_max;
	u64 release_usecs_max;
};

/**
 * struct balloon_hint_release - memory that was given back
 * @nr_blocks: blocks
 * @nr_pages: their pages
 * @lost: what they contained was lost
 * @usecs: how long it took, without what others did in between
 * @usecs_longest: for the block that took longest
 */
struct balloon_hint_release {
	unsigned long nr_blocks;
	unsigned long nr_pages;
	bool lost;
	u64 usecs;
	u64 usecs_longest;
};

/**
 * struct balloon_hint - the device's command and what became of it
 * @stream: the hint queue
 * @discards: the reporting queue, if there is one
 * @work: does everything but what the shrinker does
 * @changed: the configuration changed: the command may be another
 * @id: the command that the present or last round is for; 0 when it is over
 * @command: what the device's configuration said last
 * @round: counts rounds
 * @round_id: the command of the round that was announced last
 * @command_at: jiffies of when it became that
 * @hold: nothing is hinted or held for now; written by pm.c
 * @seen: when the configuration changed; written before @changed is set
 * @asked: when the device asked for the end of the round; 0 if it did not
 * @start_due: the round has to be announced
 * @pause: how long the last step left the guest alone before that, in jiffies
 * @hinting: it was, and goes on
 * @stop_due: it was, and its end was not yet
 * @exhausted: there is no more memory to hint in this round
 * @taking: more memory is taken in this round
 * @done: the device needs no hints any more: blocks are freed as they come back
 * @discard: memory is populated by taking it, and the host can undo that
 * @nr_discarding: ranges on the reporting queue
 * @nr_hinting: ranges on the hint queue
 * @nr_old: those of them that were sent in earlier rounds
 * @nr_range_max: pages of one range at most
 * @blocks: memory that is held
 * @take: how it is taken
 * @ready: ranges to be posted
 * @free_ranges: ranges not in use
 * @free_commands: commands not in use
 * @ranges: all of them
 * @commands: all of them
 * @counts: for those who want to see
 *
 * But for @changed, @seen, @hold, @blocks, @take and @counts it is written by the worker alone.
 */
struct balloon_hint {
	struct balloon_stream stream;
	struct balloon_stream discards;
	struct balloon_work work;
	bool changed;
	u32 id;
	u32 command;
	unsigned int round;
	u32 round_id;
	unsigned long command_at;
	bool hold;
	ktime_t seen;
	ktime_t asked;
	bool start_due;
	unsigned long pause;
	bool hinting;
	bool stop_due;
	bool exhausted;
	bool taking;
	bool done;
	bool discard;
	unsigned int nr_discarding;
	unsigned int nr_hinting;
	unsigned int nr_old;
	unsigned long nr_range_max;
	struct balloon_hint_blocks blocks;
	struct balloon_hint_take take;
	struct list_head ready;
	struct list_head free_ranges;
	struct list_head free_commands;
	struct balloon_hint_range ranges[BALLOON_HINT_RANGES];
	struct balloon_hint_command commands[BALLOON_HINT_COMMANDS];
	struct balloon_hint_counts counts;
};

int balloon_hint_init(struct virtio_balloon *vb);
int balloon_hint_start(struct virtio_balloon *vb);
void balloon_hint_stop(struct virtio_balloon *vb);
void balloon_hint_release_all(struct virtio_balloon *vb);
void balloon_hint_exit(struct virtio_balloon *vb);

void balloon_hint_changed(struct virtio_balloon *vb);
void balloon_hint_hold(struct virtio_balloon *vb, bool hold);
bool balloon_hint_recent(struct virtio_balloon *vb);
unsigned long balloon_hint_unsettled(struct balloon_hint *hint);
bool balloon_hint_interrupted(struct balloon_hint *hint);
const char *balloon_hint_state_name(struct virtio_balloon *vb);

void balloon_hint_range_put(struct balloon_hint *hint,
			    struct balloon_hint_range *range, struct list_head *list);
void balloon_hint_settle(struct virtio_balloon *vb, bool cancelled);
bool balloon_hint_command(struct virtio_balloon *vb, u32 id);
bool balloon_hint_send(struct balloon_hint *hint,
		       struct balloon_hint_range *range);

void balloon_hint_take_init(struct balloon_hint *hint);
void balloon_hint_take_begin(struct balloon_hint *hint);
void balloon_hint_take_judge(struct balloon_hint *hint);
bool balloon_hint_take(struct balloon_hint *hint);
bool balloon_hint_take_first(struct balloon_hint *hint);
unsigned long balloon_hint_take_pause(struct balloon_hint *hint);

struct page *balloon_hint_block_alloc(struct balloon_hint *hint, unsigned int *order);
void balloon_hint_block_put(struct balloon_hint_blocks *blocks,
			    struct page *block, struct list_head *list);
bool balloon_hint_span_next(struct balloon_hint_span *span, struct page *block,
			    unsigned long nr_max);
void balloon_hint_blocks_init(struct balloon_hint_blocks *blocks);
int balloon_hint_blocks_start(struct balloon_hint_blocks *blocks);
void balloon_hint_blocks_stop(struct balloon_hint_blocks *blocks);
void balloon_hint_blocks_begin(struct balloon_hint_blocks *blocks);
void balloon_hint_blocks_fill(struct balloon_hint *hint,
			      struct balloon_hint_range *range);
void balloon_hint_blocks_keep(struct balloon_hint_blocks *blocks,
			      struct balloon_hint_range *range, struct list_head *list);
bool balloon_hint_blocks_free(struct balloon_hint_blocks *blocks,
			      struct balloon_hint_release *release);
unsigned long balloon_hint_blocks_count(struct balloon_hint_blocks *blocks);
unsigned long balloon_hint_blocks_spare(void);

void balloon_hint_count_command(struct balloon_hint *hint, u32 id);
void balloon_hint_count_begin(struct balloon_hint *hint);
void balloon_hint_count_end(struct balloon_hint *hint);
void balloon_hint_count_sent(struct balloon_hint *hint,
			     struct balloon_hint_range *range);
void balloon_hint_count_done(struct balloon_hint *hint,
			     struct balloon_hint_range *range);
void balloon_hint_count_release(struct balloon_hint *hint,
				const struct balloon_hint_release *release);
void balloon_hint_count_reclaim(struct balloon_hint *hint,
				unsigned long nr_wanted, unsigned long nr_pages);
void balloon_hint_show(struct seq_file *file, struct virtio_balloon *vb);

#endif /* BALLOON_HINT_H */
