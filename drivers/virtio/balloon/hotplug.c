// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that comes online or goes offline. What the driver has of memory that is about to
 * go offline is given back first: whole blocks of the balloon and blocks held for hints.
 * Single pages of the balloon are moved by the kernel (migrate.c).
 */
#include <linux/memory.h>

#include "balloon.h"

/* No memory goes offline while a host keeps a report for longer than this. */
#define BALLOON_OFFLINE_TIMEOUT	HZ

static int hotplug_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct virtio_balloon *vb = container_of(nb, struct virtio_balloon, blocks.memory_nb);
	struct memory_notify *range = data;

	if (action == MEM_GOING_OFFLINE) {
		WRITE_ONCE(vb->blocks.leaving, true);
		balloon_blocks_release_range(vb, range->start_pfn, range->start_pfn + range->nr_pages);
		balloon_held_offline(&vb->hint.hold, range->start_pfn,
				     range->start_pfn + range->nr_pages);
		/* What was held may have been let go meanwhile. */
		balloon_hint_look(vb);
		/* The kernel would wait for what is reported without an end. */
		if (!balloon_reporting_answered(vb, BALLOON_OFFLINE_TIMEOUT))
			return notifier_from_errno(-EBUSY);
	}
	if (action == MEM_ONLINE)
		balloon_shortage_memory(vb, range->nr_pages);
	if (action == MEM_OFFLINE)
		balloon_shortage_memory(vb, -(long)range->nr_pages);
	if (action == MEM_OFFLINE || action == MEM_CANCEL_OFFLINE)
		WRITE_ONCE(vb->blocks.leaving, false);
	/* The balloon may be smaller now than it should be, or have more room. */
	if (action != MEM_GOING_OFFLINE)
		balloon_work_kick(&vb->worker);
	return NOTIFY_OK;
}

/**
 * balloon_hotplug_init() - be told of memory that goes offline
 * @vb: the balloon
 *
 * Context: probe, when everything is there that the notifier uses; may sleep.
 * Return: 0, or why the notifier could not be registered.
 */
int balloon_hotplug_init(struct virtio_balloon *vb)
{
	vb->blocks.memory_nb.notifier_call = hotplug_event;
	return register_memory_notifier(&vb->blocks.memory_nb);
}

/**
 * balloon_hotplug_exit() - the counterpart of balloon_hotplug_init()
 * @vb: the balloon
 *
 * Context: probe or remove; may sleep, as long as the notifier runs.
 */
void balloon_hotplug_exit(struct virtio_balloon *vb)
{
	unregister_memory_notifier(&vb->blocks.memory_nb);
}
