// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset of the function underneath the driver: FLR by the administrator, or on the way
 * out of a PCI error.
 *
 * It is treated as a suspend and the wake-up from it. The transport says before that it
 * comes: the parts stop, the device is reset in the ordinary way and what is in flight
 * taken back, so that the host discards nothing of it later. Afterwards there are
 * queues again and the parts start.
 *
 * The balloon stays as it is. A reset gives no memory back to the guest: what the host
 * discarded is discarded, and pages in the balloon are in no use, whatever the host
 * remembers of them. QEMU keeps target and actual; Firecracker begins with a target of
 * 0, which gives the memory back the ordinary way. The device is told the size if it
 * has another one.
 *
 * Nothing has been held still before, as the PM notifier does: processes run, and
 * hints may be held. The parts cope with that when they stop, as on removal.
 */
#include <linux/device.h>

#include "balloon.h"

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
		balloon_detach(vdev->priv);
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
	err = balloon_attach(vb);
	if (err) {
		dev_err(&vdev->dev,
			"the device does not work after its reset, the guest goes on without a balloon; unbind and bind the driver to try again\n");
		balloon_release(vb);
		goto unlock;
	}
	err = balloon_go_on(vb);
unlock:
	device_unlock(&vdev->dev);
	return err;
}
