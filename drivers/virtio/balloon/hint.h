/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Free page hints, see hint.c and hint_hold.c.
 */
#ifndef BALLOON_HINT_H
#define BALLOON_HINT_H

#include "compat/shrinker.h"
#include "queue.h"
#include "work.h"

struct virtio_balloon;

/**
 * struct balloon_hint_command - the device is told that a round begins or ends
 * @request: how it travels
 * @sg: its descriptor
 * @id: what the device reads
 * @busy: the device has it
 */
struct balloon_hint_command {
	struct balloon_request request;
	struct scatterlist sg;
	__virtio32 id;
	bool busy;
};

/* Blocks that are sent together: as many as free page reporting shows. */
#define BALLOON_HELD_BLOCKS		32U

/**
 * struct balloon_held_node - blocks of one node that are at rest
 * @waiting: blocks to be hinted in this round
 * @hinted: others
 * @nr_pages: pages of both
 */
struct balloon_held_node {
	struct list_head waiting;
	struct list_head hinted;
	unsigned long nr_pages;
};

/**
 * struct balloon_held - memory that is held for hints
 * @lock: guards @nodes; innermost
 * @nodes: what is at rest, by node; set while there is a device with hints
 * @nr_pages: pages of all nodes
 * @requests: what is on its way, one for each descriptor; the worker's, as is what follows
 * @sg: descriptors, each with adjacent blocks
 * @nr_sg: how many there are
 * @nr_left: how many the device has
 * @leaving: the blocks, in any order
 * @nr_leaving: pages of them; read by anybody
 * @hint_again: they are to be hinted again: a round has begun since they were sent
 * @order: the largest worth a try
 * @reclaim_requested: the kernel wanted memory back since the round began; written by anybody
 * @shrinker: gives blocks back when memory is short
 * @nr_taken: blocks taken from the allocator so far
 * @nr_buffers: descriptors sent so far
 * @nr_blocks: blocks in them
 * @nr_hinted: pages of these
 * @nr_released: pages given back when hinting was over, or the device went
 * @usecs_max: the longest that one block took then
 * @nr_reclaimed: pages given back because memory was short
 */
struct balloon_held {
	spinlock_t lock;
	struct balloon_held_node *nodes;
	atomic_long_t nr_pages;
	struct balloon_request requests[BALLOON_HELD_BLOCKS];
	struct scatterlist sg[BALLOON_HELD_BLOCKS];
	unsigned int nr_sg;
	unsigned int nr_left;
	struct list_head leaving;
	unsigned long nr_leaving;
	bool hint_again;
	int order;
	bool reclaim_requested;
	struct balloon_compat_shrinker shrinker;
	u64 nr_taken;
	u64 nr_buffers;
	u64 nr_blocks;
	u64 nr_hinted;
	u64 nr_released;
	u64 usecs_max;
	atomic_long_t nr_reclaimed;
};

/**
 * enum balloon_hint_state - what is done next
 * @BALLOON_HINT_IDLE: nothing; no command was read, or DONE
 * @BALLOON_HINT_STARTING: the id is sent
 * @BALLOON_HINT_NAMING: the kernel shows what is free, and that is hinted (reporting.c)
 * @BALLOON_HINT_FILLING: blocks are taken and hinted (hint_hold.c)
 * @BALLOON_HINT_STOPPING: STOP is sent
 * @BALLOON_HINT_RESTING: nothing; the round is over, what is held stays so
 *
 * ==========  ==============  ===========  ===========  ==================================
 * state       another id      STOP         DONE, sleep  end
 * ==========  ==============  ===========  ===========  ==================================
 * IDLE        STARTING        -            -            -
 * STARTING    STARTING        RESTING      IDLE         sent: NAMING or FILLING
 * NAMING      STOPPING        STOPPING     STOPPING     nothing new: STOPPING or FILLING
 * FILLING     STOPPING        STOPPING     STOPPING     nothing left: STOPPING
 * STOPPING    -               -            -            sent: STARTING for another id, IDLE
 *                                                       for none, else RESTING
 * RESTING     STARTING        -            IDLE         -
 * ==========  ==============  ===========  ===========  ==================================
 *
 * NAMING and FILLING also end when the device is silent (queue_watch.c). The same id, or
 * another and then STOP, changes nothing while STOP cannot be sent.
 */
enum balloon_hint_state {
	BALLOON_HINT_IDLE,
	BALLOON_HINT_STARTING,
	BALLOON_HINT_NAMING,
	BALLOON_HINT_FILLING,
	BALLOON_HINT_STOPPING,
	BALLOON_HINT_RESTING,
};

/**
 * struct balloon_hint - the device's command and what became of it
 * @stream: the hint queue, for commands and what is held; without a queue where the feature
 *	    was not negotiated
 * @work: does everything but what the shrinker and the kernel's worker do
 * @state: what is done next
 * @id: the command that the present or last round is for; 0 when it is over
 * @sent: the id that the device was told last
 * @command: what the device's configuration said last
 * @command_at: jiffies of when it became that
 * @suspended: nothing is hinted or held for now; written by pm.c
 * @done: the device needs no hints any more: what is held goes back as it is
 * @migrating: a round has begun since then
 * @holding: blocks are held in this migration
 * @reason: why, or why not
 * @first_round: the number of its first round, counted as @nr_rounds
 * @nr_before: pages that were hinted before the migration; of @vb->reporting
 * @nr_commands: commands of the device
 * @nr_rounds: rounds begun
 * @commands: the last START, and the last STOP
 * @hold: memory that is held
 *
 * But for those of which it is said it is the worker's, and read by anybody.
 */
struct balloon_hint {
	struct balloon_stream stream;
	struct balloon_work work;
	enum balloon_hint_state state;
	u32 id;
	u32 sent;
	u32 command;
	unsigned long command_at;
	bool suspended;
	bool done;
	bool migrating;
	bool holding;
	const char *reason;
	u64 first_round;
	u64 nr_before;
	u64 nr_commands;
	u64 nr_rounds;
	struct balloon_hint_command commands[2];
	struct balloon_held hold;
};

int balloon_hint_init(struct virtio_balloon *vb);
int balloon_hint_start(struct virtio_balloon *vb);
void balloon_hint_stop(struct virtio_balloon *vb);
void balloon_hint_release(struct virtio_balloon *vb);
void balloon_hint_exit(struct virtio_balloon *vb);

void balloon_hint_changed(struct virtio_balloon *vb);
void balloon_hint_look(struct virtio_balloon *vb);
void balloon_hint_suspend(struct virtio_balloon *vb, bool suspend);
bool balloon_hint_recent(struct virtio_balloon *vb);
unsigned long balloon_hint_unsettled(struct balloon_hint *hint);
const char *balloon_hint_state_name(struct virtio_balloon *vb);
const char *balloon_hint_mode_name(struct virtio_balloon *vb, const char **reason);

int balloon_held_init(struct balloon_held *held);
void balloon_held_exit(struct balloon_held *held);
void balloon_held_begin(struct balloon_hint *hint);
int balloon_held_step(struct balloon_hint *hint);
void balloon_held_settle(struct balloon_held *held);
bool balloon_held_release(struct balloon_hint *hint, bool all);
void balloon_held_offline(struct balloon_held *held, unsigned long start_pfn,
			  unsigned long end_pfn);
unsigned long balloon_held_pages(struct balloon_held *held);

#endif /* BALLOON_HINT_H */
