/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code is written for the newest kernel; this supplies what older ones
 * lack. The Kbuild looks into the kernel's headers and defines COMPAT_HAS_*.
 */
#ifndef _BH_COMPAT_H
#define _BH_COMPAT_H

#include <linux/errno.h>
#include <linux/mmzone.h>
#include <linux/virtio_config.h>

#ifdef COMPAT_HAS_VIRTQUEUE_INFO

#define COMPAT_FIND_VQS(func)
#define compat_find_vqs(func)	func

#else

struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

/* Most queues that a driver may ask for through the old interface. */
#define COMPAT_VQS	16

/* Wrap a find_vqs of today in one with separate arrays. */
#define COMPAT_FIND_VQS(func)						\
static int compat_##func(struct virtio_device *vdev, unsigned int nvqs,	\
			 struct virtqueue *vqs[],			\
			 vq_callback_t *callbacks[],			\
			 const char * const names[], const bool *ctx,	\
			 struct irq_affinity *desc)			\
{									\
	struct virtqueue_info info[COMPAT_VQS] = {};			\
	unsigned int i;							\
									\
	if (nvqs > COMPAT_VQS)						\
		return -ENOENT;						\
	for (i = 0; i < nvqs; i++) {					\
		info[i].name = names[i];				\
		info[i].callback = callbacks ? callbacks[i] : NULL;	\
		info[i].ctx = ctx ? ctx[i] : false;			\
	}								\
	return func(vdev, nvqs, vqs, info, desc);			\
}

#define compat_find_vqs(func)	compat_##func

#endif /* COMPAT_HAS_VIRTQUEUE_INFO */

#ifndef COMPAT_HAS_RESET_PREPARE
static inline int virtio_device_reset_prepare(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}

static inline int virtio_device_reset_done(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}
#endif /* COMPAT_HAS_RESET_PREPARE */

/*
 * The largest order of a free block. MAX_ORDER was one more than that at first
 * and later the order itself; one too many does no harm here.
 */
#ifdef MAX_PAGE_ORDER
#define COMPAT_MAX_ORDER	MAX_PAGE_ORDER
#else
#define COMPAT_MAX_ORDER	MAX_ORDER
#endif

#ifndef CONFIG_PM_SLEEP
static inline int virtio_device_freeze(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}

static inline int virtio_device_restore(struct virtio_device *vdev)
{
	return -EOPNOTSUPP;
}
#endif /* CONFIG_PM_SLEEP */

#endif /* _BH_COMPAT_H */
