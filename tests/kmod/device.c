// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of a device. Three parties hold it: the open file, the parent device
 * and the virtio device; the last one frees it.
 *
 * The parent belongs to no bus; its device type carries the PM callbacks, so
 * real suspend and hibernation go through the device as through any other.
 */
#include <linux/bitmap.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>
#include <linux/virtio_ids.h>
#include <linux/vmalloc.h>

#include "bh.h"

/* Of the device type, reserved, and what a split ring can have. */
#define BH_FEATURES	(GENMASK_ULL(27, 0) | GENMASK_ULL(63, 42) | \
			 BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
			 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
			 BIT_ULL(VIRTIO_F_VERSION_1) | \
			 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM))

/* Highest PFN that a 32-bit array can name, and so the longest bitmap. */
#define BH_PFN_MAX	BIT_ULL(32)

static DEFINE_IDA(bh_ida);

static int __maybe_unused bh_pm_down(struct device *dev)
{
	struct bh_dev *bd = container_of(dev, struct bh_dev, parent);

	return bd->plugged ? virtio_device_freeze(&bd->vdev) : 0;
}

static int __maybe_unused bh_pm_up(struct device *dev)
{
	struct bh_dev *bd = container_of(dev, struct bh_dev, parent);

	return bd->plugged ? virtio_device_restore(&bd->vdev) : 0;
}

static const struct dev_pm_ops bh_pm_ops = {
	SET_SYSTEM_SLEEP_PM_OPS(bh_pm_down, bh_pm_up)
};

static const struct device_type bh_parent_type = {
	.name = "balloon_host",
	.pm = &bh_pm_ops,
};

static void bh_dev_free(struct kref *ref)
{
	struct bh_dev *bd = container_of(ref, struct bh_dev, ref);

	bh_events_exit(&bd->ev);
	vfree(bd->owned);
	vfree(bd->descs);
	vfree(bd->data);
	kvfree(bd);
	module_put(THIS_MODULE);
}

/**
 * bh_dev_get - hold a device
 * @bd: the device
 */
void bh_dev_get(struct bh_dev *bd)
{
	kref_get(&bd->ref);
}

/**
 * bh_dev_put - let go of a device
 * @bd: the device; may be freed
 */
void bh_dev_put(struct bh_dev *bd)
{
	kref_put(&bd->ref, bh_dev_free);
}

static void bh_parent_release(struct device *dev)
{
	ida_free(&bh_ida, dev->id);
	bh_dev_put(container_of(dev, struct bh_dev, parent));
}

static void bh_vdev_release(struct device *dev)
{
	bh_dev_put(container_of(dev, struct bh_dev, vdev.dev));
}

static int bh_check_offer(const struct balloon_host_create *offer)
{
	unsigned int i;
	u16 size;

	if (offer->features & ~BH_FEATURES || offer->max_pfn > BH_PFN_MAX ||
	    offer->config_len > BALLOON_HOST_CONFIG)
		return -EINVAL;
	for (i = 0; i < BALLOON_HOST_QUEUES; i++) {
		size = offer->queue_size[i];
		if (size > BALLOON_HOST_RING || (size & (size - 1)))
			return -EINVAL;
	}
	return 0;
}

static int bh_dev_alloc(struct bh_dev *bd)
{
	bd->descs = vzalloc(array_size(BALLOON_HOST_DESCS,
				       sizeof(*bd->descs)));
	bd->data = vzalloc(BALLOON_HOST_DATA);
	bd->owned = vzalloc(BITS_TO_LONGS(bd->offer.max_pfn + 1) *
			    sizeof(long));
	if (!bd->descs || !bd->data || !bd->owned)
		return -ENOMEM;
	return bh_events_init(&bd->ev, bd->offer.event_slots);
}

static void bh_vdev_init(struct bh_dev *bd)
{
	struct virtio_device *vdev = &bd->vdev;

	vdev->id.device = VIRTIO_ID_BALLOON;
	vdev->id.vendor = VIRTIO_DEV_ANY_ID;
	vdev->config = &bh_config_ops;
	vdev->dev.parent = &bd->parent;
	vdev->dev.release = bh_vdev_release;
}

static int bh_parent_add(struct bh_dev *bd)
{
	struct device *dev = &bd->parent;
	int id = ida_alloc(&bh_ida, GFP_KERNEL);
	int err;

	if (id < 0)
		return id;
	dev->id = id;
	dev->type = &bh_parent_type;
	dev->release = bh_parent_release;
	/* A device that insists on ACCESS_PLATFORM maps its rings here. */
	dev->coherent_dma_mask = DMA_BIT_MASK(64);
	dev->dma_mask = &dev->coherent_dma_mask;
	err = dev_set_name(dev, "balloon_host%d", id);
	if (err) {
		ida_free(&bh_ida, id);
		return err;
	}
	/* Dropped by its release. */
	bh_dev_get(bd);
	err = device_register(dev);
	if (err)
		put_device(dev);
	return err;
}

/**
 * bh_dev_create - make a device, not yet plugged
 * @offer: its description
 *
 * Return: the device, to be given to bh_close(), or an error pointer.
 */
struct bh_dev *bh_dev_create(const struct balloon_host_create *offer)
{
	struct bh_dev *bd;
	unsigned int i;
	int err;

	err = bh_check_offer(offer);
	if (err)
		return ERR_PTR(err);
	bd = kvzalloc(sizeof(*bd), GFP_KERNEL);
	if (!bd)
		return ERR_PTR(-ENOMEM);
	__module_get(THIS_MODULE);
	kref_init(&bd->ref);
	spin_lock_init(&bd->lock);
	mutex_init(&bd->io_mutex);
	init_waitqueue_head(&bd->wait);
	bd->offer = *offer;
	memcpy(bd->config, offer->config, sizeof(bd->config));
	init_irq_work(&bd->config_irq, bh_config_irq);
	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		bh_queue_init(bd, i);
	bh_op_init(bd);
	bh_vdev_init(bd);
	err = bh_dev_alloc(bd);
	if (!err)
		err = bh_parent_add(bd);
	if (err) {
		bh_dev_put(bd);
		return ERR_PTR(err);
	}
	return bd;
}
