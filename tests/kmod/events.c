// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event log: everything the driver does to the device and everything the
 * device does to the driver, in one order across all devices. When user space
 * does not read, the oldest entries are overwritten and counted.
 */
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "bh.h"

#define BH_EVENT_SLOTS		32768
#define BH_EVENT_SLOTS_MAX	1048576

/* Order of all events of all devices; bumped with bh_events.lock held. */
static atomic64_t bh_event_seq = ATOMIC64_INIT(0);

/**
 * bh_events_init - allocate a log
 * @ev: the log
 * @slots: entries, 0 for the default
 *
 * Return: 0 or a negative error.
 */
int bh_events_init(struct bh_events *ev, u32 slots)
{
	if (!slots)
		slots = BH_EVENT_SLOTS;
	if (slots > BH_EVENT_SLOTS_MAX)
		return -EINVAL;
	spin_lock_init(&ev->lock);
	ev->slots = slots;
	ev->ring = vzalloc(array_size(slots, sizeof(*ev->ring)));
	return ev->ring ? 0 : -ENOMEM;
}

/**
 * bh_events_exit - free a log
 * @ev: the log
 */
void bh_events_exit(struct bh_events *ev)
{
	vfree(ev->ring);
}

/**
 * bh_context - in which context the driver calls
 *
 * To be asked before any lock of ours turns interrupts off.
 *
 * Return: BALLOON_EVF_* flags.
 */
u32 bh_context(void)
{
	u32 flags = 0;

	if (in_hardirq())
		flags |= BALLOON_EVF_HARDIRQ;
	if (in_interrupt() || irqs_disabled())
		flags |= BALLOON_EVF_ATOMIC;
	return flags;
}

/**
 * bh_event - record an event
 * @bd: the device
 * @what: the event; place, time, task and count of resets are filled in here
 *
 * Any context.
 *
 * Return: its sequence number.
 */
u64 bh_event(struct bh_dev *bd, const struct balloon_host_event *what)
{
	struct bh_events *ev = &bd->ev;
	struct balloon_host_event *slot;
	unsigned long flags;
	u64 seq;

	spin_lock_irqsave(&ev->lock, flags);
	if (ev->head - ev->tail == ev->slots) {
		ev->tail++;
		ev->lost++;
	}
	seq = atomic64_inc_return(&bh_event_seq);
	slot = &ev->ring[ev->head++ % ev->slots];
	*slot = *what;
	slot->seq = seq;
	slot->ns = ktime_get_ns();
	slot->pid = current->pid;
	slot->reset = READ_ONCE(bd->resets);
	spin_unlock_irqrestore(&ev->lock, flags);

	if (wq_has_sleeper(&bd->wait))
		wake_up_interruptible(&bd->wait);
	return seq;
}

/**
 * bh_events_pending - is there anything to read?
 * @bd: the device
 *
 * Return: true when read() would return an event.
 */
bool bh_events_pending(struct bh_dev *bd)
{
	return READ_ONCE(bd->ev.head) != READ_ONCE(bd->ev.tail);
}

/* Fetch the oldest entry, or word of the entries lost before it. */
static bool bh_events_pop(struct bh_events *ev, struct balloon_host_event *out)
{
	bool any = true;

	spin_lock_irq(&ev->lock);
	if (ev->lost != ev->told) {
		*out = (struct balloon_host_event) {
			.type = BALLOON_EV_LOST,
			.queue = -1,
			.value = ev->lost - ev->told,
		};
		ev->told = ev->lost;
	} else if (ev->head != ev->tail) {
		*out = ev->ring[ev->tail++ % ev->slots];
	} else {
		any = false;
	}
	spin_unlock_irq(&ev->lock);
	return any;
}

/**
 * bh_events_read - hand events to user space
 * @bd: the device
 * @buf: where to
 * @len: room
 *
 * Return: bytes stored, whole events only, or a negative error.
 */
ssize_t bh_events_read(struct bh_dev *bd, char __user *buf, size_t len)
{
	struct balloon_host_event event;
	size_t done = 0;

	if (len < sizeof(event))
		return -EINVAL;
	while (len - done >= sizeof(event) && bh_events_pop(&bd->ev, &event)) {
		if (copy_to_user(buf + done, &event, sizeof(event)))
			return -EFAULT;
		done += sizeof(event);
	}
	return done;
}
