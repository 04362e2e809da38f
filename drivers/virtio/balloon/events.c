// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event log: the last 256 events, timestamped, in debugfs and as a tracepoint. Single
 * requests are no events; queue.c counts them.
 *
 * There is no lock. A writer takes a number, and with it an entry that no other writer uses
 * until 255 more events were written. A reader skips entries that change while it reads.
 */
#include <linux/sched/clock.h>
#include <linux/seq_file.h>

#include "balloon.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

/* Names in debugfs: of the event, of its value and of the other one. */
#define EVENT_NAMES(id, ...)	[BALLOON_EVENT_##id] = { __VA_ARGS__ },
static const struct {
	const char *name, *value, *other;
} balloon_event_names[BALLOON_EVENT_NR] = {
	BALLOON_EVENTS(EVENT_NAMES)
};

const char * const balloon_state_names[BALLOON_SIZE_NR] = {
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
 * balloon_event() - log an event
 * @vb: the balloon
 * @event: the event
 * @value: its first value, see BALLOON_EVENTS
 * @other: its second value
 *
 * Context: any.
 */
void balloon_event(struct virtio_balloon *vb, enum balloon_event event, u64 value, u64 other)
{
	struct balloon_events *events = vb->events;
	unsigned long number = atomic_long_inc_return(&events->nr);
	struct balloon_event_entry *entry;

	entry = &events->entries[number % BALLOON_EVENTS_NR];
	WRITE_ONCE(entry->number, 0);
	/* No reader takes the new values for the old event. */
	smp_wmb();
	WRITE_ONCE(entry->when, local_clock());
	WRITE_ONCE(entry->event, event);
	WRITE_ONCE(entry->value, value);
	WRITE_ONCE(entry->other, other);
	/* Pairs with the acquire in event_read(). */
	smp_store_release(&entry->number, number);
	atomic_long_inc(&events->totals[event]);
	if (event == BALLOON_EVENT_STATE)
		atomic_long_inc(&events->states[value]);
	trace_balloon_event(vb->vdev->index, event, value, other);
}

/* Copies an event; false if it is being written, or was replaced by another one. */
static bool event_read(struct balloon_events *events, unsigned long number,
		       struct balloon_event_entry *copy)
{
	struct balloon_event_entry *entry;

	entry = &events->entries[number % BALLOON_EVENTS_NR];
	/* Pairs with the release in balloon_event(). */
	if (smp_load_acquire(&entry->number) != number)
		return false;
	copy->when = READ_ONCE(entry->when);
	copy->event = READ_ONCE(entry->event);
	copy->value = READ_ONCE(entry->value);
	copy->other = READ_ONCE(entry->other);
	/* The copy is of this event if the number has not changed. */
	smp_rmb();
	return READ_ONCE(entry->number) == number;
}

static void event_show_value(struct seq_file *file, enum balloon_event event,
			     const char *name, u64 value)
{
	if (!name)
		return;
	if (event == BALLOON_EVENT_STATE)
		seq_printf(file, " %s=%s", name,
			   value < BALLOON_SIZE_NR ? balloon_state_names[value] : "?");
	else if (event == BALLOON_EVENT_UP)
		seq_printf(file, " %s=%#llx", name, value);
	else
		seq_printf(file, " %s=%llu", name, value);
}

static void event_show(struct seq_file *file, const struct balloon_event_entry *entry)
{
	u64 usecs = entry->when;
	u32 fraction;

	do_div(usecs, NSEC_PER_USEC);
	fraction = do_div(usecs, USEC_PER_SEC);
	seq_printf(file, "%llu.%06u %s", usecs, fraction, balloon_event_names[entry->event].name);
	event_show_value(file, entry->event, balloon_event_names[entry->event].value, entry->value);
	event_show_value(file, entry->event, balloon_event_names[entry->event].other, entry->other);
	seq_putc(file, '\n');
}

/**
 * balloon_events_show() - the last events, the oldest first, one per line
 * @file: debugfs
 * @vb: the balloon
 *
 * Context: may sleep; takes no lock.
 */
void balloon_events_show(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_events *events = vb->events;
	unsigned long last = atomic_long_read(&events->nr);
	unsigned long number = READ_ONCE(events->first);
	struct balloon_event_entry entry;

	if (last >= BALLOON_EVENTS_NR)
		number = max(number, last - BALLOON_EVENTS_NR + 1);
	for (; number <= last; number++)
		if (event_read(events, number, &entry))
			event_show(file, &entry);
}

/**
 * balloon_events_reset() - show only events from now on
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_events_reset(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->events->first, atomic_long_read(&vb->events->nr) + 1);
}

/* Dashes of the name become underscores. */
static void show_total(struct seq_file *file, const char *what, const char *name, long nr)
{
	seq_printf(file, "%s_", what);
	for (; *name; name++)
		seq_putc(file, *name == '-' ? '_' : *name);
	seq_printf(file, " %ld\n", nr);
}

/**
 * balloon_events_show_totals() - events and states since the device was bound
 * @file: debugfs
 * @vb: the balloon
 *
 * Context: may sleep; takes no lock.
 */
void balloon_events_show_totals(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_events *events = vb->events;
	unsigned int i;

	for (i = 0; i < BALLOON_EVENT_NR; i++)
		show_total(file, "event", balloon_event_names[i].name,
			   atomic_long_read(&events->totals[i]));
	for (i = 0; i < BALLOON_SIZE_NR; i++)
		show_total(file, "state", balloon_state_names[i],
			   atomic_long_read(&events->states[i]));
}
