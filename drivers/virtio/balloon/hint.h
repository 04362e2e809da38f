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
 * struct balloon_hint_command - tells the device that a round begins or ends
 * @request: its request
 * @sg: its descriptor
 * @id: what the device reads
 * @busy: in flight
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
 * struct balloon_held_node - held blocks of one node that are not in flight
 * @waiting: blocks to be hinted in this round
 * @hinted: blocks that were hinted in it
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
 * @nodes: blocks that are not in flight, by node; allocated at init
 * @nr_pages: pages of all nodes
 * @requests: requests in flight, one for each descriptor; the worker's, as is what follows
 * @sg: descriptors, each with adjacent blocks
 * @nr_sg: their number
 * @nr_left: those that are not completed
 * @leaving: their blocks, in any order
 * @nr_leaving: pages of these; read by anybody
 * @hint_again: these are to be hinted again: a round has begun since they were sent
 * @order: the largest that may be available
 * @reclaim_requested: the shrinker was called since the round began; written by it
 * @shrinker: frees blocks when memory is low
 * @nr_taken: blocks allocated so far
 * @nr_buffers: descriptors sent so far
 * @nr_blocks: blocks in them
 * @nr_hinted: pages of these
 * @nr_released: pages freed when hinting was over, or the device went
 * @usecs_max: the longest time that freeing one block took then
 * @nr_reclaimed: pages freed because memory was low
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
 * @BALLOON_HINT_NAMING: the kernel shows free blocks, which are hinted (reporting.c)
 * @BALLOON_HINT_FILLING: blocks are allocated and hinted (hint_hold.c)
 * @BALLOON_HINT_STOPPING: STOP is sent
 * @BALLOON_HINT_RESTING: nothing; the round is over, and held blocks stay held
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
 * struct balloon_hint - the device's command and the rounds
 * @stream: the hint queue, for commands and held blocks; without a queue where the feature
 *	    was not negotiated
 * @work: does everything except the work of the shrinker and of the kernel's worker
 * @state: what is done next
 * @id: the command that the present or last round is for; 0 when it is over
 * @sent: the id that the device was told last
 * @command: the command that was last read from the configuration
 * @command_at: jiffies when it changed
 * @suspended: nothing is hinted or held for now; written by pm.c
 * @done: the command was DONE: held blocks are freed as they are
 * @migrating: a round has begun since the last DONE
 * @holding: blocks are held in this migration, not isolated
 * @reason: why, or why not
 * @first_round: the number of its first round, counted as @nr_rounds
 * @nr_before: pages that were hinted before the migration; of @vb->reporting
 * @nr_commands: commands of the device
 * @nr_rounds: rounds begun
 * @commands: the last START, and the last STOP
 * @hold: memory that is held
 *
 * Written by the worker unless it says otherwise, and read by anybody.
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
