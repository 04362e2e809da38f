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
 * struct balloon_pm - suspend and hibernation
 * @nb: the PM notifier
 * @asleep: a callback of the driver core has stopped the parts; one that tells the type of
 *	    resume will follow
 * @rebuilt: the device was reset meanwhile, and has its queues again
 * @page: a page that is in no hibernation image, while one may be made; or NULL
 * @mark: what was last written to it; an image has this copy
 *
 * @nb is set once. The rest is used by the driver core's callbacks and the notifier, which
 * never run at the same time.
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
