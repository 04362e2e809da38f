/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shutdown: a callback of virtio drivers on newer kernels, and a reboot notifier on older
 * ones, where virtio does nothing.
 */
#ifndef BALLOON_COMPAT_SHUTDOWN_H
#define BALLOON_COMPAT_SHUTDOWN_H

#include <linux/device.h>
#include <linux/reboot.h>
#include <linux/virtio.h>

typedef void (*balloon_shutdown_fn)(struct virtio_device *vdev);

#ifdef BALLOON_HAVE_DRIVER_SHUTDOWN
/* An initializer for struct virtio_driver. */
#define BALLOON_COMPAT_SHUTDOWN(fn)	.shutdown = fn,

struct balloon_compat_shutdown {
};

static inline int
balloon_compat_shutdown_add(struct balloon_compat_shutdown *compat,
			    struct virtio_device *vdev, balloon_shutdown_fn fn)
{
	return 0;
}

static inline void
balloon_compat_shutdown_remove(struct balloon_compat_shutdown *compat)
{
}
#else
#define BALLOON_COMPAT_SHUTDOWN(fn)

struct balloon_compat_shutdown {
	struct notifier_block nb;
	struct virtio_device *vdev;
	balloon_shutdown_fn fn;
};

/* If the lock is taken, the device is being removed, which resets it as well. */
static inline int balloon_compat_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	struct balloon_compat_shutdown *compat =
		container_of(nb, struct balloon_compat_shutdown, nb);

	if (!device_trylock(&compat->vdev->dev))
		return NOTIFY_DONE;
	compat->fn(compat->vdev);
	device_unlock(&compat->vdev->dev);
	return NOTIFY_DONE;
}

static inline int
balloon_compat_shutdown_add(struct balloon_compat_shutdown *compat,
			    struct virtio_device *vdev, balloon_shutdown_fn fn)
{
	compat->vdev = vdev;
	compat->fn = fn;
	compat->nb.notifier_call = balloon_compat_reboot;
	return register_reboot_notifier(&compat->nb);
}

static inline void
balloon_compat_shutdown_remove(struct balloon_compat_shutdown *compat)
{
	unregister_reboot_notifier(&compat->nb);
}
#endif

#endif /* BALLOON_COMPAT_SHUTDOWN_H */
