// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation, with the balloon inflated.
 *
 * The device loses its queues in both. Virtio has one restore callback for a wake-up, for
 * the resume after an image was made or failed, and for an image that is continued in a
 * later boot. The driver core's callbacks enclose virtio's and tell more:
 *
 *	suspend, freeze, poweroff	the parts stop
 *	  virtio freeze			requests are taken back, the queues are deleted
 *	  virtio restore		the queues are created again
 *	resume, thaw			the balloon is as it was; the parts start
 *	restore				as thaw, if no image was started (see below); else the
 *					host knows of no balloon: everything is freed, and the
 *					parts start
 *
 * Virtio's callbacks are left out by a suspend that is called off and by a transport that
 * keeps its state: then the parts just stop and start.
 *
 * Balloon pages are PageOffline, so that an image does not contain them. Of held blocks only
 * the first page is, so they are freed before, in the PM notifier. There the balloon also
 * stops following its target, so that nothing is in flight later. A boot kernel that is about
 * to load an image empties the balloon, because loading would overwrite memory that the host
 * has discarded. So does a guest whose host must be told before it uses a page again.
 *
 * The driver core calls a driver's restore not only for an image that was started, but also
 * when another device refuses to freeze, and when one refuses to power off: the kernel then
 * resumes with PMSG_RESTORE, as if it had been loaded. In the first case the host knows of
 * no balloon, in the other two it still has it. To tell them apart, a page that is not in
 * the image, because it is PageOffline, and a copy that is get the same random number when
 * the device is about to sleep and when it is awake again. A kernel that continues finds
 * them equal. One that was loaded finds in the page what another kernel has left there, or
 * what was written after the image was made. The page exists only from the notifier's first
 * call to its last: it is not part of the balloon, and in a dump would look as if it were.
 */
#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/suspend.h>

#include "balloon.h"

/*
 * The wait for the host ends without progress for this long. The worker takes completions
 * in when most of them are there, or once a second.
 */
#define BALLOON_PM_SILENCE	(3 * HZ)
/* It also ends after this. */
#define BALLOON_PM_TIMEOUT	(20 * HZ)

/* Tells this moment from any image that was made before it. */
static void image_mark(struct balloon_pm *pm)
{
	if (!pm->page)
		return;
	get_random_bytes(pm->mark, sizeof(pm->mark));
	memcpy(page_address(pm->page), pm->mark, sizeof(pm->mark));
}

/*
 * An image may be made. Without memory for the page, each restore counts as the start of an
 * image.
 */
static void image_prepare(struct balloon_pm *pm)
{
	if (pm->page)
		return;
	pm->page = alloc_page(GFP_KERNEL);
	if (pm->page)
		__SetPageOffline(pm->page);
	image_mark(pm);
}

/* Whether this kernel may have been loaded from an image since image_mark(). */
static bool image_started(const struct balloon_pm *pm)
{
	return !pm->page || memcmp(page_address(pm->page), pm->mark, sizeof(pm->mark));
}

/* No image is made or loaded any more. */
static void image_finish(struct balloon_pm *pm)
{
	if (!pm->page)
		return;
	__ClearPageOffline(pm->page);
	__free_page(pm->page);
	pm->page = NULL;
}

/* Reannounced pages that the worker is about to put back on the kernel's list. */
static unsigned long pm_reannounced(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->pages.reannounced_busy) ? 0 : READ_ONCE(vb->pages.nr_reannounced);
}

/* How much must settle before the system may sleep; 0 if nothing is left. */
static unsigned long pm_unsettled(struct virtio_balloon *vb)
{
	unsigned long nr = balloon_inflating(vb) + balloon_pages_deflating(vb) +
			   pm_reannounced(vb) + balloon_hint_unsettled(&vb->hint) +
			   READ_ONCE(vb->reporting.nr_busy);

	if (READ_ONCE(vb->size.hold) == BALLOON_HOLD_EMPTY)
		nr += balloon_actual(vb);
	return nr;
}

static void pm_settle(struct virtio_balloon *vb)
{
	unsigned long end = jiffies + BALLOON_PM_TIMEOUT;
	unsigned long patience = jiffies + BALLOON_PM_SILENCE;
	unsigned long least = ULONG_MAX, nr;

	while ((nr = pm_unsettled(vb)) && time_before(jiffies, end)) {
		if (nr < least) {
			least = nr;
			patience = jiffies + BALLOON_PM_SILENCE;
		} else if (time_after(jiffies, patience)) {
			return;
		}
		schedule_timeout_idle(1);
	}
}

static void pm_hold(struct virtio_balloon *vb, enum balloon_hold hold)
{
	balloon_event(vb, hold == BALLOON_HOLD_NOT ? BALLOON_EVENT_SLEEP_END :
		      BALLOON_EVENT_SLEEP_PREPARE, balloon_actual(vb), 0);
	balloon_size_hold(vb, hold);
	if (hold == BALLOON_HOLD_NOT) {
		/* Before hints, so that a round can send blocks. */
		balloon_reporting_suspend(vb, false);
		balloon_hint_suspend(vb, false);
		return;
	}
	balloon_hint_suspend(vb, true);
	balloon_reporting_suspend(vb, true);
	pm_settle(vb);
}

/*
 * Without this the kernel would try for 20 s to freeze its reporting worker, which waits for
 * completion. A kernel that is about to load an image has to try: an error of the notifier
 * would leave its swap space locked.
 */
static int pm_prepare(struct virtio_balloon *vb, enum balloon_hold hold)
{
	unsigned long nr;

	pm_hold(vb, hold);
	nr = READ_ONCE(vb->reporting.nr_busy);
	if (!nr)
		return NOTIFY_DONE;
	dev_warn(&vb->vdev->dev,
		 "cannot sleep: the host has been told of %lu KiB of free memory and does not answer; unbind the driver to sleep without it\n",
		 nr << (PAGE_SHIFT - 10));
	image_finish(&vb->pm);
	pm_hold(vb, BALLOON_HOLD_NOT);
	return notifier_from_errno(-EBUSY);
}

static int pm_notify(struct notifier_block *nb, unsigned long event, void *data)
{
	struct virtio_balloon *vb = container_of(nb, struct virtio_balloon, pm.nb);

	switch (event) {
	case PM_HIBERNATION_PREPARE:
		image_prepare(&vb->pm);
		fallthrough;
	case PM_SUSPEND_PREPARE:
		return pm_prepare(vb, balloon_must_tell_host(vb) ? BALLOON_HOLD_EMPTY :
				  BALLOON_HOLD_STILL);
	case PM_RESTORE_PREPARE:
		pm_hold(vb, BALLOON_HOLD_EMPTY);
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		image_finish(&vb->pm);
		pm_hold(vb, BALLOON_HOLD_NOT);
		break;
	}
	return NOTIFY_DONE;
}

static struct virtio_balloon *balloon_pm_of(struct device *dev)
{
	return dev_to_virtio(dev)->priv;
}

/* suspend, freeze and poweroff */
static int pm_down(struct device *dev)
{
	struct virtio_balloon *vb = balloon_pm_of(dev);

	vb->pm.asleep = true;
	vb->pm.rebuilt = false;
	balloon_device_stop(vb);
	image_mark(&vb->pm);
	balloon_event(vb, BALLOON_EVENT_SLEEP, balloon_actual(vb), 0);
	return 0;
}

static int pm_wake(struct virtio_balloon *vb, bool known)
{
	struct device *dev = &vb->vdev->dev;

	vb->pm.asleep = false;
	/* If memory outlives a reboot, the page must not match an older image. */
	image_mark(&vb->pm);
	balloon_event(vb, BALLOON_EVENT_WAKE, balloon_actual(vb), known);
	if (!vb->up) {
		dev_err(dev,
			"the device did not wake up, the guest goes on without a balloon; unbind and bind the driver to try again\n");
		pm_relax(dev);
		balloon_device_release(vb);
		return 0;
	}
	if (vb->pm.rebuilt && !known)
		balloon_device_release(vb);
	return balloon_device_start(vb);
}

/* The host still has what it had. */
static int pm_resume(struct device *dev)
{
	return pm_wake(balloon_pm_of(dev), true);
}

/* An image was started, or another device has refused to sleep. */
static int pm_restore(struct device *dev)
{
	struct virtio_balloon *vb = balloon_pm_of(dev);

	return pm_wake(vb, !image_started(&vb->pm));
}

const struct dev_pm_ops balloon_pm_ops = {
	.suspend = pm_down,
	.resume = pm_resume,
	.freeze = pm_down,
	.thaw = pm_resume,
	.poweroff = pm_down,
	.restore = pm_restore,
};

/**
 * balloon_pm_virtio_freeze() - the transport is about to lose the queues
 * @vdev: the device
 *
 * Without a prior callback of the driver core the type of resume is unknown, and the balloon
 * is emptied.
 *
 * Context: may sleep.
 * Return: 0.
 */
int balloon_pm_virtio_freeze(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	balloon_device_detach(vb);
	if (!vb->pm.asleep)
		balloon_device_release(vb);
	return 0;
}

/**
 * balloon_pm_virtio_restore() - the device was reset and can have its queues again
 * @vdev: the device
 *
 * Context: may sleep.
 * Return: 0, or what the transport says.
 */
int balloon_pm_virtio_restore(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;
	int err = balloon_device_attach(vb);

	if (err)
		return err;
	vb->pm.rebuilt = true;
	return vb->pm.asleep ? 0 : balloon_device_start(vb);
}

/**
 * balloon_pm_init() - register the PM notifier
 * @vb: the balloon
 *
 * The device can keep the system awake until the balloon has its target, if the administrator
 * enables that (power/wakeup in sysfs): a suspend does not delay a target that comes just
 * before it.
 *
 * Context: probe; may sleep.
 * Return: 0, or why the notifier could not be registered.
 */
int balloon_pm_init(struct virtio_balloon *vb)
{
	int err;

	vb->pm.nb.notifier_call = pm_notify;
	err = register_pm_notifier(&vb->pm.nb);
	if (err)
		return err;
	device_set_wakeup_capable(&vb->vdev->dev, true);
	return 0;
}

/**
 * balloon_pm_exit() - the counterpart of balloon_pm_init()
 * @vb: the balloon
 *
 * Context: remove; may sleep, as long as the notifier runs.
 */
void balloon_pm_exit(struct virtio_balloon *vb)
{
	device_init_wakeup(&vb->vdev->dev, false);
	unregister_pm_notifier(&vb->pm.nb);
	image_finish(&vb->pm);
}
