// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lifetime of a device: the order in which the parts start and stop, what leaves the
 * balloon when the driver or the device goes, function resets, shutdown, and memory that
 * goes offline.
 *
 * Only a device that was reset is certain to discard nothing any more. So requests that it
 * has not completed are taken back after the reset and not before.
 *
 * A reset of the function (FLR by the administrator, or recovery from a PCI error) is
 * handled as a suspend and resume. The transport calls before it: the parts stop, the
 * device is reset in the ordinary way, and requests in flight are taken back, so that the
 * host discards nothing of them later. Afterwards the queues are created again and the
 * parts start.
 *
 * The balloon stays as it is. A reset gives no memory back to the guest: the host has
 * discarded it, and the guest does not use the pages, whatever the device keeps of its
 * state. QEMU keeps target and actual. Firecracker starts with target 0, and the memory is
 * deflated in the ordinary way. The size is written to the device if it has another one.
 *
 * Unlike before a suspend, no PM notifier has stopped anything: processes run, and memory
 * may be held for hints. The parts handle that when they stop, as on removal.
 */
#include <linux/device.h>
#include <linux/memory.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "compat/compat.h"

/*
 * Deflating everything takes milliseconds with a healthy host. One without a completion for
 * the first time, or not done after the second, gets a reset instead.
 */
#define BALLOON_RETURN_SILENCE	HZ
#define BALLOON_RETURN_TIMEOUT	(5 * HZ)
/* If a report is not completed within this time, memory does not go offline. */
#define BALLOON_OFFLINE_TIMEOUT	HZ

static bool part_present(struct virtio_balloon *vb, const struct balloon_part *part)
{
	return part->feature == BALLOON_ALWAYS || virtio_has_feature(vb->vdev, part->feature);
}

/* Compaction soon returns the pages that it has isolated. */
static void device_wait_orphaned(struct virtio_balloon *vb)
{
	unsigned long complain = jiffies + BALLOON_RETURN_TIMEOUT;

	while (balloon_pages_orphaned(vb)) {
		if (!balloon_pages_release_orphaned(vb))
			schedule_timeout_uninterruptible(1);
		if (time_before(jiffies, complain))
			continue;
		dev_warn(&vb->vdev->dev,
			 "still waiting for memory compaction to give back %lu pages\n",
			 balloon_pages_orphaned(vb));
		complain += 60 * HZ;
	}
}

/**
 * balloon_device_exit() - exit all parts that were initialised
 * @vb: the balloon
 *
 * Context: probe or remove; may sleep.
 */
void balloon_device_exit(struct virtio_balloon *vb)
{
	device_wait_orphaned(vb);
	while (vb->nr_inited) {
		const struct balloon_part *part = &vb->parts[--vb->nr_inited];

		if (part->exit && part_present(vb, part))
			part->exit(vb);
	}
}

/**
 * balloon_device_init() - initialise all parts
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0, or the error of a part; then none is initialised.
 */
int balloon_device_init(struct virtio_balloon *vb)
{
	for (; vb->nr_inited < vb->nr_parts; vb->nr_inited++) {
		const struct balloon_part *part = &vb->parts[vb->nr_inited];
		int err = 0;

		if (part->init && part_present(vb, part))
			err = part->init(vb);
		if (err) {
			dev_err(&vb->vdev->dev, "cannot set up part '%s': %d\n", part->name, err);
			balloon_device_exit(vb);
			return err;
		}
	}
	return 0;
}

/**
 * balloon_device_stop() - stop all parts; what is in flight stays there
 * @vb: the balloon
 *
 * Context: the driver core's callbacks; may sleep, for about a second with a silent host.
 *	    May be called twice.
 */
void balloon_device_stop(struct virtio_balloon *vb)
{
	while (vb->nr_started) {
		const struct balloon_part *part = &vb->parts[--vb->nr_started];

		if (part->stop && part_present(vb, part))
			part->stop(vb);
	}
}

/**
 * balloon_device_start() - start all parts of a device that has its queues
 * @vb: the balloon
 *
 * Context: the driver core's callbacks; may sleep.
 * Return: 0; or the error of the part that did not start: then the device is detached and
 *	   nothing left in the balloon.
 */
int balloon_device_start(struct virtio_balloon *vb)
{
	for (; vb->nr_started < vb->nr_parts; vb->nr_started++) {
		const struct balloon_part *part = &vb->parts[vb->nr_started];
		int err = 0;

		if (part->start && part_present(vb, part))
			err = part->start(vb);
		if (err) {
			dev_err(&vb->vdev->dev, "cannot start part '%s': %d\n", part->name, err);
			balloon_device_detach(vb);
			balloon_device_release(vb);
			return err;
		}
	}
	return 0;
}

/**
 * balloon_device_attach() - get the device's queues, and let it run
 * @vb: the balloon; its parts are stopped
 *
 * Context: the driver core's callbacks, after the features were negotiated; may sleep.
 * Return: 0, or what the transport says.
 */
int balloon_device_attach(struct virtio_balloon *vb)
{
	int err = balloon_queues_create(vb);

	if (err) {
		dev_err(&vb->vdev->dev, "cannot get the virtqueues: %d\n", err);
		return err;
	}
	vb->up = true;
	vb->offered = balloon_compat_offered(vb->vdev);
	balloon_poison_tell(vb);
	virtio_device_ready(vb->vdev);
	balloon_event(vb, BALLOON_EVENT_UP, balloon_accepted(vb), 0);
	return 0;
}

/**
 * balloon_device_detach() - stop the parts, reset the device and delete its queues
 * @vb: the balloon
 *
 * What the host has acknowledged stays in the balloon; the rest is given back.
 *
 * Context: the driver core's callbacks; may sleep.
 */
void balloon_device_detach(struct virtio_balloon *vb)
{
	unsigned int i = vb->nr_parts;

	if (!vb->up)
		return;
	vb->up = false;

	balloon_device_stop(vb);
	virtio_reset_device(vb->vdev);
	balloon_event(vb, BALLOON_EVENT_DOWN, 0, 0);
	balloon_queues_cancel(vb);
	while (i--)
		if (vb->parts[i].release && part_present(vb, &vb->parts[i]))
			vb->parts[i].release(vb);
	balloon_queues_destroy(vb);
}

/**
 * balloon_device_return() - deflate everything, as long as the host completes requests
 * @vb: the balloon
 *
 * Context: remove, when the size worker is stopped; sleeps for at most
 *	    BALLOON_RETURN_TIMEOUT.
 */
void balloon_device_return(struct virtio_balloon *vb)
{
	struct balloon_pool *pool = &vb->pages.deflate;
	struct balloon_pool *inflate = &vb->pages.inflate;
	struct balloon_pool *busy;
	unsigned long end = jiffies + BALLOON_RETURN_TIMEOUT;

	/* These need no message to the host. */
	balloon_blocks_release(vb, ULONG_MAX);
	while (time_before(jiffies, end)) {
		balloon_pages_settle(vb);
		if (balloon_queue_broken(pool->stream.queue))
			return;
		if (!balloon_pages_count(vb) && !pool->nr_pages_in_flight)
			return;

		if (balloon_pages_deflate_batch(vb, pool, ULONG_MAX) > 0)
			continue;
		balloon_pool_kick(pool);
		balloon_pool_kick(inflate);
		/* The rest is being announced again, or compaction has it. */
		busy = pool->nr_pages_in_flight ? pool : inflate;
		/* What took the place of a moved page does not come from a broken queue. */
		if (!busy->nr_pages_in_flight && balloon_queue_broken(inflate->stream.queue))
			return;
		if (!busy->nr_pages_in_flight)
			schedule_timeout_uninterruptible(1);
		else if (!balloon_stream_wait(&busy->stream, BALLOON_RETURN_SILENCE))
			return;
	}
}

/**
 * balloon_device_release() - empty the balloon without telling the host
 * @vb: the balloon
 *
 * Context: the device is detached, or its host knows of no balloon; the parts are
 *	    stopped; may sleep.
 */
void balloon_device_release(struct virtio_balloon *vb)
{
	unsigned long nr = balloon_actual(vb);

	balloon_blocks_release(vb, ULONG_MAX);
	balloon_pages_empty(vb);
	if (!nr)
		return;
	balloon_event(vb, BALLOON_EVENT_RELEASE, nr, 0);
	dev_info(&vb->vdev->dev, "%lu KiB given back to the guest without telling the host\n",
		 nr << (PAGE_SHIFT - 10));
}

/**
 * balloon_shutdown() - reboot, power-off or kexec
 * @vdev: the device
 *
 * The reset takes all requests from the device, so that it cannot discard memory of the
 * next kernel.
 *
 * Context: the device's lock is held; may sleep, for about a second with a silent
 *	    host.
 */
void balloon_shutdown(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	if (!vb->up)
		return;
	balloon_device_stop(vb);
	virtio_reset_device(vdev);
	balloon_event(vb, BALLOON_EVENT_DOWN, 0, 0);
}

/**
 * balloon_shutdown_init() - have balloon_shutdown() called
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0, or why a notifier could not be registered.
 */
int balloon_shutdown_init(struct virtio_balloon *vb)
{
	return balloon_compat_shutdown_add(&vb->shutdown, vb->vdev, balloon_shutdown);
}

/**
 * balloon_shutdown_exit() - the counterpart of balloon_shutdown_init()
 * @vb: the balloon
 *
 * Context: remove; may sleep.
 */
void balloon_shutdown_exit(struct virtio_balloon *vb)
{
	balloon_compat_shutdown_remove(&vb->shutdown);
}

/**
 * balloon_reset_prepare() - the device is about to be reset
 * @vdev: the device
 *
 * Context: the transport holds its own device's lock, which does not keep the driver
 *	    from being unbound; may sleep, for about a second with a silent host.
 * Return: 0.
 */
int balloon_reset_prepare(struct virtio_device *vdev)
{
	device_lock(&vdev->dev);
	if (vdev->priv)
		balloon_device_detach(vdev->priv);
	device_unlock(&vdev->dev);
	return 0;
}

/**
 * balloon_reset_done() - the device was reset and has negotiated its features
 * @vdev: the device
 *
 * Context: as for balloon_reset_prepare().
 * Return: 0, or why the device cannot be used: then nothing is left in the balloon.
 */
int balloon_reset_done(struct virtio_device *vdev)
{
	struct virtio_balloon *vb;
	int err = -ENODEV;

	device_lock(&vdev->dev);
	vb = vdev->priv;
	/* Unbound meanwhile, or bound again: the queues of that driver are gone. */
	if (!vb || vb->up)
		goto unlock;
	err = balloon_device_attach(vb);
	if (err) {
		dev_err(&vdev->dev,
			"the device does not work after its reset, the guest goes on without a balloon; unbind and bind the driver to try again\n");
		balloon_device_release(vb);
		goto unlock;
	}
	err = balloon_device_start(vb);
unlock:
	device_unlock(&vdev->dev);
	return err;
}

#ifdef CONFIG_MEMORY_HOTREMOVE
/*
 * Before memory goes offline, frees what the driver has there: whole blocks of the balloon
 * and blocks that are held for hints. The kernel moves single pages.
 */
static int balloon_memory_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct virtio_balloon *vb = container_of(nb, struct virtio_balloon, blocks.memory_nb);
	struct memory_notify *range = data;

	if (action == MEM_GOING_OFFLINE) {
		WRITE_ONCE(vb->blocks.leaving, true);
		balloon_blocks_release_range(vb, range->start_pfn,
					     range->start_pfn + range->nr_pages);
		balloon_held_offline(&vb->hint.hold, range->start_pfn,
				     range->start_pfn + range->nr_pages);
		/* Completed blocks can be freed, too. */
		balloon_hint_look(vb);
		/* The kernel would wait for reported blocks without a limit. */
		if (!balloon_reporting_completed(vb, BALLOON_OFFLINE_TIMEOUT))
			return notifier_from_errno(-EBUSY);
	}
	if (action == MEM_ONLINE)
		balloon_pressure_memory(vb, range->nr_pages);
	if (action == MEM_OFFLINE)
		balloon_pressure_memory(vb, -(long)range->nr_pages);
	if (action == MEM_OFFLINE || action == MEM_CANCEL_OFFLINE)
		WRITE_ONCE(vb->blocks.leaving, false);
	/* The balloon may be smaller now than it should be, or have more room. */
	if (action != MEM_GOING_OFFLINE)
		balloon_work_kick(&vb->worker);
	return NOTIFY_OK;
}

/**
 * balloon_hotplug_init() - register the memory notifier
 * @vb: the balloon
 *
 * Context: probe, after the parts that the notifier uses; may sleep.
 * Return: 0, or why the notifier could not be registered.
 */
int balloon_hotplug_init(struct virtio_balloon *vb)
{
	vb->blocks.memory_nb.notifier_call = balloon_memory_event;
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
#endif
