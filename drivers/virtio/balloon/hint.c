// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page hints (VIRTIO 1.3, 5.5.6.5): a device that migrates the guest asks which memory
 * is free, and does not send it.
 *
 * The command id in the configuration has the device's request: an id of 2 or more begins a
 * round, which is announced with the same id on the queue; STOP ends the round; DONE ends
 * the migration. A round that has hinted everything ends itself with STOP. enum
 * balloon_hint_state has the table.
 *
 * The id is read after a configuration change, when the part starts, and after a suspend if
 * the command was not followed before it. It is not read at other times: QEMU shows STOP
 * there while hints arrive.
 *
 * There are two ways to hint:
 *
 * isolate
 *	The kernel shows free blocks (reporting.c), which are free again as soon as the
 *	device has acknowledged them. Nothing is allocated or written. A block is not shown
 *	again in the same migration unless it was used; the kernel's flags for that are
 *	cleared when a migration begins.
 * hold
 *	Blocks are allocated and held until DONE (hint_hold.c).
 *
 * Memory that is released before DONE must be initialised. With init_on_alloc=1 allocation
 * does that, so isolation is correct. With init_on_alloc=0 holding is cheap, because nothing
 * is written. That decides, unless the parameter does.
 *
 * The worker never waits. QEMU can miss a buffer that is posted when it stops polling the
 * queue: queue_watch.c notifies it again.
 */
#include <linux/mm.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "compat/compat.h"
#include "param.h"

/* A run longer than this makes room for others. */
#define BALLOON_HINT_RUN_MAX		(HZ / 2)
/* How often to check what no completion signals: the end of passes, room in the ring. */
#define BALLOON_HINT_LOOK		(HZ / 50 ?: 1)
/* For this long after a command, a configuration change may belong to it. */
#define BALLOON_HINT_RECENT		(10 * HZ)

static const char * const balloon_hint_modes[] = { "auto", "isolate", "hold", NULL };

enum { BALLOON_HINT_AUTO, BALLOON_HINT_ISOLATE, BALLOON_HINT_HOLD };

static struct balloon_choice balloon_hint_mode = { balloon_hint_modes, BALLOON_HINT_AUTO };

module_param_cb(hint, &balloon_choice_ops, &balloon_hint_mode, 0644);
MODULE_PARM_DESC(hint,
		 "How free memory is hinted to a host that migrates the guest: 'isolate' (free blocks are named and stay free), 'hold' (they are taken and held until the migration is over) or 'auto' (default: isolate where the kernel initialises what is allocated, else hold); from the next migration on");

static const char *hint_choose(struct virtio_balloon *vb, bool *holding)
{
	unsigned int mode = balloon_choice(&balloon_hint_mode);
	const char *no_hints = balloon_reporting_no_hints(vb);

	*holding = mode == BALLOON_HINT_HOLD || no_hints ||
		   (mode == BALLOON_HINT_AUTO && !want_init_on_alloc(GFP_KERNEL));
	if (mode != BALLOON_HINT_HOLD && no_hints)
		return no_hints;
	if (mode != BALLOON_HINT_AUTO)
		return "parameter";
	return *holding ? "allocation does not initialise memory (init_on_alloc=0)" :
			  "allocation initialises memory (init_on_alloc=1)";
}

/**
 * balloon_hint_mode_name() - how free memory is hinted, or would be now
 * @vb: the balloon
 * @reason: why; a few words
 *
 * Context: any.
 * Return: one word.
 */
const char *balloon_hint_mode_name(struct virtio_balloon *vb, const char **reason)
{
	bool holding = READ_ONCE(vb->hint.holding);

	*reason = "the device asks for no hints";
	if (!vb->hint.stream.queue)
		return "none";
	if (READ_ONCE(vb->hint.migrating))
		*reason = READ_ONCE(vb->hint.reason);
	else
		*reason = hint_choose(vb, &holding);
	return balloon_hint_modes[holding ? BALLOON_HINT_HOLD : BALLOON_HINT_ISOLATE];
}

/**
 * balloon_hint_changed() - the device's configuration may have changed
 * @vb: the balloon
 *
 * Context: any, hard interrupts included; not before the part is initialised.
 */
void balloon_hint_changed(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->reporting.command_changed, true);
	if (vb->hint.stream.queue)
		balloon_work_interrupt(&vb->hint.work);
}

/**
 * balloon_hint_look() - kick the worker
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_hint_look(struct virtio_balloon *vb)
{
	if (vb->hint.stream.queue)
		balloon_work_kick(&vb->hint.work);
}

/**
 * balloon_hint_suspend() - end the round, hint nothing and hold nothing for a while
 * @vb: the balloon
 * @suspend: whether from now on, or no longer
 *
 * Context: may sleep, until held blocks are freed.
 */
void balloon_hint_suspend(struct virtio_balloon *vb, bool suspend)
{
	if (!vb->hint.stream.queue)
		return;
	WRITE_ONCE(vb->hint.suspended, suspend);
	balloon_work_interrupt(&vb->hint.work);
	balloon_work_flush(&vb->hint.work);
}

static struct virtio_balloon *hint_vb(struct balloon_hint *hint)
{
	return container_of(hint, struct virtio_balloon, hint);
}

static bool hint_hinting(struct balloon_hint *hint)
{
	return hint->state == BALLOON_HINT_NAMING || hint->state == BALLOON_HINT_FILLING;
}

/* Nothing is hinted from here on. STOP is sent if the round was announced. */
static void hint_end_round(struct balloon_hint *hint)
{
	if (hint_hinting(hint)) {
		balloon_reporting_hint(hint_vb(hint), false);
		WRITE_ONCE(hint->state, BALLOON_HINT_STOPPING);
	}
	if (hint->state != BALLOON_HINT_STOPPING)
		WRITE_ONCE(hint->state, hint->id ? BALLOON_HINT_RESTING : BALLOON_HINT_IDLE);
}

static void hint_forget_named(struct balloon_hint *hint, bool report)
{
	struct virtio_balloon *vb = hint_vb(hint);

	if (!vb->reporting.named)
		return;
	balloon_reporting_forget(vb);
	WRITE_ONCE(vb->reporting.named, false);
	if (report)
		balloon_pace_begin(vb, false);
}

static void hint_end(struct balloon_hint *hint, bool done)
{
	WRITE_ONCE(hint->id, 0);
	WRITE_ONCE(hint->migrating, false);
	hint->done = done;
	hint_end_round(hint);
	if (!done)
		return;
	hint->sent = 0;
	/* What was hinted and not taken is still with the host, and can be reported. */
	hint_forget_named(hint, true);
}

/* A command that comes while STOP cannot be sent is forgotten. */
static void hint_stop_command(struct balloon_hint *hint)
{
	if (hint->state == BALLOON_HINT_STOPPING && hint->id)
		WRITE_ONCE(hint->id, hint->sent);
	hint_end_round(hint);
}

static void hint_begin_migration(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);
	const char *reason;
	bool holding;

	reason = hint_choose(vb, &holding);
	if (!holding && balloon_reporting_register(vb)) {
		reason = "the kernel shows free memory to another device";
		holding = true;
	}
	WRITE_ONCE(hint->reason, reason);
	WRITE_ONCE(hint->holding, holding);
	WRITE_ONCE(hint->migrating, true);
	hint->first_round = hint->nr_rounds + 1;
	hint->nr_before = READ_ONCE(vb->reporting.hints.pages);
	if (!holding)
		balloon_reporting_forget(vb);
}

static void hint_begin_round(struct balloon_hint *hint, u32 id)
{
	WRITE_ONCE(hint->id, id);
	hint_end_round(hint);
	if (hint->state != BALLOON_HINT_STOPPING)
		WRITE_ONCE(hint->state, BALLOON_HINT_STARTING);
	hint->done = false;
	if (!hint->migrating)
		hint_begin_migration(hint);
}

static u32 hint_read_config(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);
	u32 id;

	WRITE_ONCE(vb->reporting.command_changed, false);
	/* A change that comes from here on sets the flag again. */
	smp_mb();
	id = balloon_config_hint_id(vb);
	if (id == hint->command)
		return id;
	WRITE_ONCE(hint->command_at, jiffies);
	balloon_event(vb, BALLOON_EVENT_HINT_COMMAND, id, hint->command);
	hint->command = id;
	hint->nr_commands++;
	return id;
}

static void hint_read_command(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);
	u32 id;

	if (READ_ONCE(hint->suspended)) {
		/* A command that was not followed is read again afterwards. */
		if (hint->id && hint->id != hint->sent)
			WRITE_ONCE(vb->reporting.command_changed, true);
		/* Nothing is held then: the next command begins anew. */
		hint_end(hint, false);
		return;
	}
	if (!READ_ONCE(vb->reporting.command_changed))
		return;
	id = hint_read_config(hint);
	/* The configuration changed for another reason, or the part has rested meanwhile. */
	if (id == hint->id || (id > VIRTIO_BALLOON_CMD_ID_DONE && id == hint->sent))
		return;
	if (id == VIRTIO_BALLOON_CMD_ID_DONE)
		hint_end(hint, true);
	else if (id == VIRTIO_BALLOON_CMD_ID_STOP)
		hint_stop_command(hint);
	else
		hint_begin_round(hint, id);
}

/* Tells the device that a round begins or ends; false until it completes the last command. */
static bool hint_send(struct balloon_hint *hint, u32 id)
{
	struct balloon_hint_command *command = &hint->commands[id == VIRTIO_BALLOON_CMD_ID_STOP];

	if (command->busy)
		return false;
	command->id = cpu_to_virtio32(hint_vb(hint)->vdev, id);
	sg_init_one(&command->sg, &command->id, sizeof(command->id));
	command->request.sg = &command->sg;
	command->request.nr_sg = 1;
	command->busy = true;
	balloon_queue_post(&hint->stream, &command->request);
	balloon_queue_kick(hint->stream.queue);
	return true;
}

static void hint_begin_passes(struct virtio_balloon *vb)
{
	balloon_reporting_hint(vb, true);
	balloon_pace_begin(vb, true);
}

static bool hint_start_round(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);

	if (balloon_queue_broken(hint->stream.queue) || !hint_send(hint, hint->id))
		return false;
	hint->sent = hint->id;
	hint->nr_rounds++;
	balloon_event(vb, BALLOON_EVENT_HINT_BEGIN, hint->id, balloon_held_pages(&hint->hold));
	if (hint->holding) {
		balloon_held_begin(hint);
		WRITE_ONCE(hint->state, BALLOON_HINT_FILLING);
	} else {
		WRITE_ONCE(vb->reporting.named, true);
		hint_begin_passes(vb);
		WRITE_ONCE(hint->state, BALLOON_HINT_NAMING);
	}
	return true;
}

static bool hint_stop_round(struct balloon_hint *hint)
{
	if (!hint_send(hint, VIRTIO_BALLOON_CMD_ID_STOP))
		return false;
	balloon_event(hint_vb(hint), BALLOON_EVENT_HINT_END, hint->sent,
		      balloon_held_pages(&hint->hold));
	WRITE_ONCE(hint->state, !hint->id ? BALLOON_HINT_IDLE :
				hint->id == hint->sent ? BALLOON_HINT_RESTING :
							 BALLOON_HINT_STARTING);
	return true;
}

/* When passes are over. If they found little, the rest is held. */
static bool hint_named(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);
	u64 nr_named = READ_ONCE(vb->reporting.hints.pages) - hint->nr_before;

	if (READ_ONCE(vb->reporting.passes_left))
		return false;
	/* Read the command again before the round counts as complete. */
	if (balloon_work_interrupted(&hint->work))
		return true;
	if (READ_ONCE(vb->reporting.refused) && !balloon_work_interrupted(&hint->work)) {
		/* Something could not be hinted yet. */
		hint_begin_passes(vb);
		return false;
	}
	hint_end_round(hint);
	if (hint->nr_rounds == hint->first_round &&
	    balloon_choice(&balloon_hint_mode) == BALLOON_HINT_AUTO &&
	    !balloon_work_interrupted(&hint->work) && nr_named < balloon_alloc_whole() / 2) {
		WRITE_ONCE(hint->reason, "isolation finds less than half of what is free");
		WRITE_ONCE(hint->holding, true);
		balloon_held_begin(hint);
		WRITE_ONCE(hint->state, BALLOON_HINT_FILLING);
	}
	return true;
}

/* Whether the device takes no part in the round, here or on the queue that goes first. */
static bool hint_deserted(struct balloon_hint *hint)
{
	struct virtio_balloon *vb = hint_vb(hint);
	struct balloon_queue *deflate = &vb->queues[BALLOON_QUEUE_DEFLATE];

	return balloon_queue_silent(hint->stream.queue) ||
	       balloon_queue_broken(hint->stream.queue) ||
	       (balloon_pages_freed_unacked(vb) &&
		(balloon_queue_silent(deflate) || balloon_queue_broken(deflate)));
}

/* One step; false until the host completes something, or when nothing is left to do. */
static bool hint_step(struct balloon_hint *hint)
{
	int ret;

	if (hint_hinting(hint) && hint_deserted(hint))
		hint_end_round(hint);
	switch (hint->state) {
	case BALLOON_HINT_STARTING:
		return hint_start_round(hint);
	case BALLOON_HINT_NAMING:
		return hint_named(hint);
	case BALLOON_HINT_FILLING:
		ret = balloon_held_step(hint);
		if (ret == -ENOENT)
			hint_end_round(hint);
		return ret != -EAGAIN;
	case BALLOON_HINT_STOPPING:
		return hint_stop_round(hint);
	default:
		return false;
	}
}

static void hint_settle(struct balloon_hint *hint)
{
	struct balloon_request *request;

	while ((request = balloon_stream_take(&hint->stream))) {
		if (request->device_writes)
			balloon_held_settle(&hint->hold);
		else
			container_of(request, struct balloon_hint_command, request)->busy = false;
	}
}

/* A round is looked after even when the queue is of no use any more: it has to end. */
static bool hint_waits(struct balloon_hint *hint)
{
	struct balloon_queue *queue = hint->stream.queue;

	if (hint->state == BALLOON_HINT_STARTING || hint->state == BALLOON_HINT_STOPPING)
		return !balloon_queue_silent(queue) && !balloon_queue_broken(queue);
	return hint_hinting(hint);
}

static void hint_work(struct work_struct *work)
{
	struct balloon_hint *hint = container_of(to_delayed_work(work), struct balloon_hint,
						 work.work);
	struct balloon_queue *queue = hint->stream.queue;
	unsigned long end = jiffies + BALLOON_HINT_RUN_MAX;
	bool suspended, more = true;

	while (more && time_before(jiffies, end)) {
		WRITE_ONCE(hint->work.interrupted, false);
		/* What is changed from here on interrupts what follows. */
		smp_mb();
		hint_settle(hint);
		hint_read_command(hint);
		if (!balloon_work_running(&hint->work))
			return;
		more = hint_step(hint);
		cond_resched();
	}
	suspended = READ_ONCE(hint->suspended);
	if (!hint->id && !balloon_held_release(hint, suspended))
		more = true;
	if (!balloon_queue_arm(queue, BALLOON_ARM_FIRST) ||
	    (READ_ONCE(hint_vb(hint)->reporting.command_changed) && !suspended))
		balloon_work_kick(&hint->work);
	else if (more)
		balloon_work_plan(&hint->work, 0);
	else if (hint_waits(hint))
		balloon_work_plan(&hint->work, BALLOON_HINT_LOOK);
}

/**
 * balloon_hint_init() - allocate what hints need
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_hint_init(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = &vb->hint;
	int err = balloon_held_init(&hint->hold);

	if (err)
		return err;
	balloon_work_init(&hint->work, vb->wq, hint_work);
	balloon_stream_init(&hint->stream, &vb->queues[BALLOON_QUEUE_HINT], &hint->work);
	return 0;
}

/**
 * balloon_hint_start() - follow the device's commands from now on
 * @vb: the balloon
 *
 * Context: after DRIVER_OK.
 * Return: 0.
 */
int balloon_hint_start(struct virtio_balloon *vb)
{
	balloon_work_start(&vb->hint.work);
	balloon_hint_changed(vb);
	return 0;
}

/**
 * balloon_hint_stop() - hint nothing more; held blocks stay held
 * @vb: the balloon
 *
 * Context: may sleep, for one run of the worker at most.
 */
void balloon_hint_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->hint.work);
	balloon_reporting_hint(vb, false);
}

/**
 * balloon_hint_release() - free all held blocks
 * @vb: the balloon
 *
 * Context: the part is stopped, the device reset and its queues cancelled; may
 *	    sleep.
 */
void balloon_hint_release(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = &vb->hint;

	hint_settle(hint);
	balloon_held_release(hint, true);
	/* The kernel's worker notes nothing any more. */
	balloon_reporting_release(vb);
	/* Whoever shows memory to the device next shows this, too. */
	hint_forget_named(hint, false);
	hint->command = 0;
	hint->sent = 0;
	WRITE_ONCE(hint->migrating, false);
	WRITE_ONCE(hint->id, 0);
	WRITE_ONCE(hint->state, BALLOON_HINT_IDLE);
}

/**
 * balloon_hint_exit() - the counterpart of balloon_hint_init()
 * @vb: the balloon
 *
 * The memory notifier may have had a block when the others were released.
 *
 * Context: remove, after the memory notifier was unregistered; may sleep.
 */
void balloon_hint_exit(struct virtio_balloon *vb)
{
	balloon_held_release(&vb->hint, true);
	balloon_held_exit(&vb->hint.hold);
}

/**
 * balloon_hint_state_name() - the state, as one word
 * @vb: the balloon
 *
 * Context: any.
 * Return: one word, see Documentation/ABI.
 */
const char *balloon_hint_state_name(struct virtio_balloon *vb)
{
	enum balloon_hint_state state = READ_ONCE(vb->hint.state);

	if (!vb->hint.stream.queue)
		return "none";
	if (state != BALLOON_HINT_RESTING)
		return state == BALLOON_HINT_IDLE ? "idle" : "hinting";
	return READ_ONCE(vb->hint.holding) ? "holding" : "waiting";
}

/**
 * balloon_hint_recent() - whether a round is open, or a command came recently
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_hint_recent(struct virtio_balloon *vb)
{
	unsigned long at = READ_ONCE(vb->hint.command_at);

	return READ_ONCE(vb->hint.id) || (at && time_before(jiffies, at + BALLOON_HINT_RECENT));
}

/**
 * balloon_hint_unsettled() - how much is left before the system may sleep
 * @hint: the hints
 *
 * Context: any.
 * Return: 0 if nothing is; else a number that falls.
 */
unsigned long balloon_hint_unsettled(struct balloon_hint *hint)
{
	enum balloon_hint_state state = READ_ONCE(hint->state);

	return balloon_held_pages(&hint->hold) + READ_ONCE(hint->hold.nr_leaving) +
	       (state != BALLOON_HINT_IDLE && state != BALLOON_HINT_RESTING);
}
