// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happened to a balloon lately, for those who ask afterwards: in debugfs, and as
 * a tracepoint while it happens. Single requests are not events, there are thousands
 * of them; they are counted in queue_count.c.
 *
 * Who writes takes a number, and with it an entry that is nobody else's before 255
 * more have come; no lock is needed. Who reads leaves out what changes meanwhile.
 */
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "balloon.h"
#include "trace.h"

/* Names in debugfs: of the event, of its value and of the other one. Sizes in pages. */
static const struct {
	const char *name, *value, *other;
} balloon_event_names[BALLOON_EVENT_NR] = {
	[BALLOON_EVENT_UP]		= { "up", "features" },
	[BALLOON_EVENT_DOWN]		= { "down" },
	[BALLOON_EVENT_TARGET]		= { "target", "pages", "before" },
	[BALLOON_EVENT_ACTUAL]		= { "actual", "pages", "before" },
	[BALLOON_EVENT_STATE]		= { "state", "now", "before" },
	[BALLOON_EVENT_HINT_COMMAND]	= { "hint-command", "id", "before" },
	[BALLOON_EVENT_HINT_BEGIN]	= { "hint-begin", "id", "held" },
	[BALLOON_EVENT_HINT_END]	= { "hint-end", "id", "held" },
	[BALLOON_EVENT_HINT_RELEASE]	= { "hint-release", "pages", "lost" },
	[BALLOON_EVENT_REPORT_FAILED]	= { "report-failed", "pages", "error" },
	[BALLOON_EVENT_OOM]		= { "oom", "pages" },
	[BALLOON_EVENT_RESYNC_BEGIN]	= { "resync-begin", "pages" },
	[BALLOON_EVENT_RESYNC_END]	= { "resync-end", "pages", "missed" },
	[BALLOON_EVENT_SLEEP_PREPARE]	= { "sleep-prepare", "pages" },
	[BALLOON_EVENT_SLEEP_END]	= { "sleep-end", "pages" },
	[BALLOON_EVENT_SLEEP]		= { "sleep", "pages" },
	[BALLOON_EVENT_WAKE]		= { "wake", "pages", "known" },
	[BALLOON_EVENT_RELEASE]		= { "release", "pages" },
};

/**
 * balloon_event() - something happened
 * @vb: the balloon
 * @event: what
 * @value: how much, or what now; see balloon_event_names
 * @other: the other value that it may have
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
	/* Nobody takes a new entry for the one that was there. */
	smp_wmb();
	WRITE_ONCE(entry->when, local_clock());
	WRITE_ONCE(entry->event, event);
	WRITE_ONCE(entry->value, value);
	WRITE_ONCE(entry->other, other);
	/* Pairs with the acquire of who reads. */
	smp_store_release(&entry->number, number);
	trace_balloon_event(vb->vdev->index, event, value, other);
}

/* Copies an event; false if it is being written, or another one by now. */
static bool event_read(struct balloon_events *events, unsigned long number,
		       struct balloon_event_entry *copy)
{
	struct balloon_event_entry *entry;

	entry = &events->entries[number % BALLOON_EVENTS_NR];
	/* Pairs with the release of who wrote it. */
	if (smp_load_acquire(&entry->number) != number)
		return false;
	copy->when = READ_ONCE(entry->when);
	copy->event = READ_ONCE(entry->event);
	copy->value = READ_ONCE(entry->value);
	copy->other = READ_ONCE(entry->other);
	/* What was read is of this event if the number is still the same. */
	smp_rmb();
	return READ_ONCE(entry->number) == number;
}

static void event_show_value(struct seq_file *file, enum balloon_event event,
			     const char *name, u64 value)
{
	if (!name)
		return;
	if (event == BALLOON_EVENT_STATE)
		seq_printf(file, " %s=%s", name, balloon_size_state_name(value));
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
 * balloon_events_show() - the last events, the oldest first, one a line
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
 * balloon_events_reset() - show only what comes from now on
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_events_reset(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->events->first, atomic_long_read(&vb->events->nr) + 1);
}

/**
 * balloon_events_init() - make room for the events
 * @vb: the balloon
 *
 * Context: probe, before any part that has events; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_events_init(struct virtio_balloon *vb)
{
	vb->events = kvzalloc(sizeof(*vb->events), GFP_KERNEL);
	if (!vb->events)
		return -ENOMEM;
	vb->events->first = 1;
	return 0;
}

/**
 * balloon_events_exit() - the counterpart of balloon_events_init()
 * @vb: the balloon
 *
 * Context: remove, after all other parts.
 */
void balloon_events_exit(struct virtio_balloon *vb)
{
	kvfree(vb->events);
	vb->events = NULL;
}
