// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the size worker does and why, in words, and how long it took: for sysfs,
 * debugfs and traces.
 */
#include <linux/seq_file.h>

#include "balloon.h"
#include "trace.h"

static const char * const balloon_size_state_names[BALLOON_SIZE_NR] = {
	[BALLOON_SIZE_IDLE]		= "idle",
	[BALLOON_SIZE_INFLATING]	= "inflating",
	[BALLOON_SIZE_DEFLATING]	= "deflating",
	[BALLOON_SIZE_NO_MEMORY]	= "waiting-for-memory",
	[BALLOON_SIZE_FLOOR]		= "floor",
	[BALLOON_SIZE_ISOLATED]		= "waiting-for-compaction",
	[BALLOON_SIZE_OOM]		= "paused-after-oom",
	[BALLOON_SIZE_HOST_SILENT]	= "host-silent",
	[BALLOON_SIZE_BROKEN]		= "broken",
	[BALLOON_SIZE_HELD]		= "suspending",
	[BALLOON_SIZE_RESYNCING]	= "resyncing",
};

/**
 * balloon_size_state_name() - the word that sysfs has for a state
 * @state: the state
 *
 * Context: any.
 */
const char *balloon_size_state_name(enum balloon_size_state state)
{
	return state < BALLOON_SIZE_NR ? balloon_size_state_names[state] : "?";
}

/**
 * balloon_size_set_state() - the balloon does something else, or for another reason
 * @vb: the balloon
 * @state: what it does
 *
 * Context: the size worker, or before it is started.
 */
void balloon_size_set_state(struct virtio_balloon *vb, enum balloon_size_state state)
{
	enum balloon_size_state before = vb->size.state;

	if (state == before)
		return;
	WRITE_ONCE(vb->size.state, state);
	balloon_event(vb, BALLOON_EVENT_STATE, state, before);
	trace_balloon_state(vb->vdev->index, balloon_size_state_name(before),
			    balloon_size_state_name(state));
}

/**
 * balloon_size_silent() - whether the host has not answered for long
 * @vb: the balloon
 *
 * Context: any.
 */
bool balloon_size_silent(struct virtio_balloon *vb)
{
	enum balloon_size_state state = READ_ONCE(vb->size.state);

	return state == BALLOON_SIZE_HOST_SILENT || state == BALLOON_SIZE_BROKEN;
}

/**
 * balloon_size_reached() - the balloon has the size that was asked for
 * @vb: the balloon
 *
 * Counted once for each target, when the host knows all of it.
 *
 * Context: the size worker.
 */
void balloon_size_reached(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;

	if (!size->target_at || balloon_size_inflating(vb) || balloon_pages_deflating(vb))
		return;
	balloon_histogram_count(&size->reached, balloon_log2_slot(ktime_ms_delta(ktime_get(),
								 size->target_at)));
	size->target_at = 0;
}

/**
 * balloon_size_told() - the device was told a size that will stay for a while
 * @vb: the balloon
 *
 * On the way to a target it is told many, which would fill the log of events.
 *
 * Context: the size worker.
 */
void balloon_size_told(struct virtio_balloon *vb)
{
	struct balloon_size *size = &vb->size;

	if (size->logged_4k == size->actual_4k)
		return;
	balloon_event(vb, BALLOON_EVENT_ACTUAL, balloon_4k_to_pages(size->actual_4k, PAGE_SHIFT),
		      balloon_4k_to_pages(size->logged_4k, PAGE_SHIFT));
	size->logged_4k = size->actual_4k;
}

static void size_show_bytes(struct seq_file *file, const char *name, unsigned long nr_pages)
{
	seq_printf(file, "%s %llu\n", name, (u64)nr_pages << PAGE_SHIFT);
}

/**
 * balloon_size_show() - where memory is, a name and a value a line
 * @file: debugfs
 * @vb: the balloon
 *
 * What is announced again is in the balloon and on the way in.
 *
 * Context: may sleep; takes no lock.
 */
void balloon_size_show(struct seq_file *file, struct virtio_balloon *vb)
{
	seq_printf(file, "state %s\n", balloon_size_state_name(READ_ONCE(vb->size.state)));
	size_show_bytes(file, "target_bytes", READ_ONCE(vb->size.target));
	size_show_bytes(file, "pages_bytes", balloon_pages_count(vb));
	size_show_bytes(file, "blocks_bytes", balloon_blocks_count(vb));
	size_show_bytes(file, "inflating_bytes", balloon_size_inflating(vb));
	size_show_bytes(file, "deflating_bytes", balloon_pages_deflating(vb));
	size_show_bytes(file, "aside_bytes", balloon_pages_aside(vb));
	size_show_bytes(file, "stale_bytes", balloon_pages_stale(vb));
}

/**
 * balloon_size_show_reached() - how long it took to reach targets
 * @file: debugfs
 * @vb: the balloon
 *
 * A line for each slot that is not empty: the least number of milliseconds, and how
 * many targets took that or more, less than twice as much.
 *
 * Context: may sleep; takes no lock.
 */
void balloon_size_show_reached(struct seq_file *file, struct virtio_balloon *vb)
{
	balloon_histogram_show(file, "msecs", &vb->size.reached, balloon_log2_least);
}
