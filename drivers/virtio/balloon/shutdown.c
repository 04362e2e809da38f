// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reboot, power-off and kexec: the device is quiet when the next kernel comes, and
 * nothing is given back page by page to a guest that is about to end.
 */
#include <linux/virtio_config.h>

#include "balloon.h"

/**
 * balloon_shutdown() - the guest ends
 * @vdev: the device
 *
 * What the device still had is lost to it by the reset, so that it cannot discard
 * memory of a kernel that it does not know.
 *
 * Context: the device's lock is held; may sleep, for about a second with a silent
 *	    host.
 */
void balloon_shutdown(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	if (!vb->up)
		return;
	balloon_quiesce(vb);
	virtio_reset_device(vdev);
	balloon_event(vb, BALLOON_EVENT_DOWN, 0, 0);
}

/**
 * balloon_shutdown_init() - be told of the end
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
