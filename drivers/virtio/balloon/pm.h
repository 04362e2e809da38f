/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Suspend and hibernation, see pm.c.
 */
#ifndef BALLOON_PM_H
#define BALLOON_PM_H

#include <linux/notifier.h>
#include <linux/pm.h>

struct virtio_balloon;
struct page;
struct virtio_device;

/**
 * struct balloon_pm - where the device is between awake and asleep
 * @nb: says that the system is about to sleep, or awake again
 * @asleep: the driver's own callback said so; one of those that say what kind of
 *	    wake-up it is will follow
 * @rebuilt: the device was reset meanwhile, and has its queues again
 * @page: a page that is in no image of hibernation, while one may be made; or NULL
 * @mark: what was written to it last, as the image has it
 *
 * But for @nb, which is set once, it belongs to the driver core's callbacks and to
 * the notifier, which come one after the other.
 */
struct balloon_pm {
	struct notifier_block nb;
	bool asleep;
	bool rebuilt;
	struct page *page;
	u8 mark[16];
};

int balloon_pm_init(struct virtio_balloon *vb);
void balloon_pm_exit(struct virtio_balloon *vb);
int balloon_pm_virtio_freeze(struct virtio_device *vdev);
int balloon_pm_virtio_restore(struct virtio_device *vdev);

extern const struct dev_pm_ops balloon_pm_ops;

#endif /* BALLOON_PM_H */
