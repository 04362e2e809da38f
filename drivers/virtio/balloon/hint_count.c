// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hinting has done so far: counters for debugfs, and the tracepoints of each
 * step. Everything but what the shrinker does is counted by the worker alone.
 */
#include <linux/seq_file.h>

#include "balloon.h"
#include "trace.h"

/* For so long after a command the device may change its configuration for it. */
#define BALLOON_HINT_RECENT	(10 * HZ)

/* Read by anybody at any time, but written in one place at a time. */
static void balloon_count(u64 *counter, u64 n)
{
	WRITE_ONCE(*counter, *counter + n);
}

static unsigned int balloon_hint_device(struct balloon_hint *hint)
{
	return hint->stream.queue->vb->vdev->index;
}

/**
 * balloon_hint_count_command() - the device's command is another one
 * @hint: the hints; its command is still the one before
 * @id: the command
 *
 * Context: the worker.
 */
void balloon_hint_count_command(struct balloon_hint *hint, u32 id)
{
	WRITE_ONCE(hint->command_at, jiffies);
	balloon_count(&hint->counts.commands, 1);
	balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_COMMAND, id,
		      hint->command);
	trace_balloon_hint_command(balloon_hint_device(hint), hint->command,
				   id);
}

/**
 * balloon_hint_count_begin() - the device was told that a round begins
 * @hint: the hints
 *
 * Context: the worker.
 */
void balloon_hint_count_begin(struct balloon_hint *hint)
{
	balloon_count(&hint->counts.rounds, 1);
	balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_BEGIN, hint->id,
		      balloon_hint_blocks_count(&hint->blocks));
	trace_balloon_hint_begin(balloon_hint_device(hint), hint->id,
				 balloon_hint_blocks_count(&hint->blocks));
}

/**
 * balloon_hint_count_end() - the device was told, and kicked, that a round is over
 * @hint: the hints
 *
 * Context: the worker.
 */
void balloon_hint_count_end(struct balloon_hint *hint)
{
	struct balloon_hint_counts *counts = &hint->counts;
	u64 usecs = 0;

	if (hint->asked) {
		usecs = ktime_us_delta(ktime_get(), hint->asked);
		WRITE_ONCE(counts->stop_usecs_max,
			   max(usecs, counts->stop_usecs_max));
		hint->asked = 0;
	}
	balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_END,
		      hint->round_id, balloon_hint_blocks_count(&hint->blocks));
	trace_balloon_hint_end(balloon_hint_device(hint), hint->round_id,
			       balloon_hint_blocks_count(&hint->blocks), usecs);
}

/**
 * balloon_hint_count_sent() - a range is on its way
 * @hint: the hints
 * @range: the range, to be discarded first if it is @populated
 *
 * Context: the worker.
 */
void balloon_hint_count_sent(struct balloon_hint *hint,
			     struct balloon_hint_range *range)
{
	struct balloon_hint_counts *counts = &hint->counts;

	if (range->populated) {
		trace_balloon_hint_discard(balloon_hint_device(hint), range->id,
					   range->span.pfn, range->span.nr_pages,
					   range->nr_blocks);
		return;
	}
	balloon_count(&counts->ranges, 1);
	balloon_count(&counts->blocks, range->nr_blocks);
	balloon_count(&counts->pages, range->span.nr_pages);
	if (range->again)
		balloon_count(&counts->pages_again, range->span.nr_pages);
	trace_balloon_hint_range_sent(balloon_hint_device(hint), range->id,
				      range->span.pfn, range->span.nr_pages,
				      range->nr_blocks);
}

/**
 * balloon_hint_count_done() - the device is done with a range
 * @hint: the hints
 * @range: the range; it was discarded if it is @populated
 *
 * Context: the worker.
 */
void balloon_hint_count_done(struct balloon_hint *hint,
			     struct balloon_hint_range *range)
{
	if (range->populated)
		balloon_count(&hint->counts.pages_discarded, range->span.nr_pages);
	else
		trace_balloon_hint_range_done(balloon_hint_device(hint),
					      range->id, range->span.pfn,
					      range->span.nr_pages,
					      range->nr_blocks);
}

/**
 * balloon_hint_count_release() - memory is free again
 * @hint: the hints
 * @release: how much, and how long it took
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_hint_count_release(struct balloon_hint *hint,
				const struct balloon_hint_release *release)
{
	struct balloon_hint_counts *counts = &hint->counts;

	if (!release->nr_blocks)
		return;
	balloon_count(&counts->pages_released, release->nr_pages);
	WRITE_ONCE(counts->release_usecs_max,
		   max(release->usecs_longest, counts->release_usecs_max));
	balloon_event(hint->stream.queue->vb, BALLOON_EVENT_HINT_RELEASE,
		      release->nr_pages, release->lost);
	trace_balloon_hint_release(balloon_hint_device(hint),
				   release->nr_blocks, release->nr_pages,
				   release->lost, release->usecs,
				   release->usecs_longest);
}

/**
 * balloon_hint_count_reclaim() - the kernel took memory back
 * @hint: the hints
 * @nr_wanted: pages it asked for
 * @nr_pages: pages it got
 *
 * Context: reclaim, any thread.
 */
void balloon_hint_count_reclaim(struct balloon_hint *hint,
				unsigned long nr_wanted, unsigned long nr_pages)
{
	atomic_long_add(nr_pages, &hint->counts.nr_reclaimed);
	trace_balloon_hint_reclaim(balloon_hint_device(hint), nr_wanted,
				   nr_pages);
}

static void balloon_hint_show_bytes(struct seq_file *file, const char *name,
				    u64 nr_pages)
{
	seq_printf(file, "%s %llu\n", name, nr_pages << PAGE_SHIFT);
}

/**
 * balloon_hint_state_name() - what is going on
 * @vb: the balloon
 *
 * Context: any.
 * Return: one word.
 */
const char *balloon_hint_state_name(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;

	if (!hint)
		return "none";
	if (READ_ONCE(hint->hinting) || READ_ONCE(hint->start_due))
		return "hinting";
	return READ_ONCE(hint->id) ? "holding" : "idle";
}

/**
 * balloon_hint_recent() - whether the device was busy with hints a moment ago
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_hint_recent(struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;

	return hint && (READ_ONCE(hint->id) ||
			(READ_ONCE(hint->command_at) &&
			 time_before(jiffies, READ_ONCE(hint->command_at) +
					      BALLOON_HINT_RECENT)));
}

/**
 * balloon_hint_unsettled() - what there still is to be given back
 * @hint: the hints
 *
 * Context: any.
 * Return: 0 when nothing is; else a number that sinks.
 */
unsigned long balloon_hint_unsettled(struct balloon_hint *hint)
{
	return balloon_hint_blocks_count(&hint->blocks) +
	       READ_ONCE(hint->nr_hinting) + READ_ONCE(hint->nr_discarding) +
	       READ_ONCE(hint->hinting) + READ_ONCE(hint->start_due);
}

/**
 * balloon_hint_show() - what hinting has done so far, a name and a number a line
 * @file: debugfs
 * @vb: the balloon
 *
 * Context: may sleep; takes no lock.
 */
void balloon_hint_show(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_hint *hint = vb->hint;
	struct balloon_hint_counts *counts;

	seq_printf(file, "state %s\n", balloon_hint_state_name(vb));
	if (!hint)
		return;
	counts = &hint->counts;
	seq_printf(file, "id %u\n", READ_ONCE(hint->id));
	balloon_hint_show_bytes(file, "held_bytes",
				balloon_hint_blocks_count(&hint->blocks));
	seq_printf(file, "commands %llu\n", READ_ONCE(counts->commands));
	seq_printf(file, "rounds %llu\n", READ_ONCE(counts->rounds));
	seq_printf(file, "ranges %llu\n", READ_ONCE(counts->ranges));
	seq_printf(file, "blocks %llu\n", READ_ONCE(counts->blocks));
	seq_printf(file, "blocks_taken %ld\n",
		   atomic_long_read(&hint->blocks.nr_taken));
	balloon_hint_show_bytes(file, "bytes", READ_ONCE(counts->pages));
	balloon_hint_show_bytes(file, "bytes_again",
				READ_ONCE(counts->pages_again));
	balloon_hint_show_bytes(file, "bytes_discarded",
				READ_ONCE(counts->pages_discarded));
	balloon_hint_show_bytes(file, "bytes_released",
				READ_ONCE(counts->pages_released));
	balloon_hint_show_bytes(file, "bytes_reclaimed",
				atomic_long_read(&counts->nr_reclaimed));
	seq_printf(file, "stop_usecs_max %llu\n",
		   READ_ONCE(counts->stop_usecs_max));
	seq_printf(file, "release_usecs_max %llu\n",
		   READ_ONCE(counts->release_usecs_max));
}
