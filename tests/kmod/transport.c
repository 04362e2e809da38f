// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport: what the virtio core and the driver call. It behaves as a
 * device on a bus would and records every access. Queues are numbered in the
 * order in which the driver names them, absent ones left out, as the PCI and
 * MMIO transports of Linux do.
 */
#include <linux/err.h>
#include <linux/string.h>
#include <linux/virtio_balloon.h>

#include "bh.h"

/* Alignment of the used ring, as virtio-mmio and legacy virtio-pci have it. */
#define BH_VRING_ALIGN		4096

static u64 bh_config_value(const u8 *data, unsigned int len)
{
	unsigned int i;
	u64 value = 0;

	for (i = 0; i < min(len, 8U); i++)
		value |= (u64)data[i] << (8 * i);
	return value;
}

static void bh_config_event(struct bh_dev *bd, u16 type, u32 flags,
			    unsigned int offset, const void *data,
			    unsigned int len)
{
	bh_event(bd, &(struct balloon_host_event) {
		.type = type,
		.queue = -1,
		.flags = flags,
		.where = offset,
		.len = len,
		.value = bh_config_value(data, len),
	});
}

static bool bh_config_inside(struct bh_dev *bd, unsigned int offset,
			     unsigned int len)
{
	return len <= bd->offer.config_len &&
	       offset <= bd->offer.config_len - len;
}

static void bh_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		   unsigned int len)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	unsigned long flags;

	memset(buf, 0, len);
	spin_lock_irqsave(&bd->lock, flags);
	if (bh_config_inside(bd, offset, len))
		memcpy(buf, bd->config + offset, len);
	else
		evflags |= BALLOON_EVF_RANGE;
	bh_config_event(bd, BALLOON_EV_CONFIG_READ, evflags, offset, buf, len);
	spin_unlock_irqrestore(&bd->lock, flags);
}

/* A host takes 'actual' and 'poison_val' from the driver and nothing else. */
static bool bh_config_writable(unsigned int offset, unsigned int len)
{
	const unsigned int actual =
		offsetof(struct virtio_balloon_config, actual);
	const unsigned int poison =
		offsetof(struct virtio_balloon_config, poison_val);

	return (offset >= actual && offset + len <= actual + 4) ||
	       (offset >= poison && offset + len <= poison + 4);
}

static void bh_set(struct virtio_device *vdev, unsigned int offset,
		   const void *buf, unsigned int len)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	unsigned long flags;

	spin_lock_irqsave(&bd->lock, flags);
	if (!bh_config_inside(bd, offset, len))
		evflags |= BALLOON_EVF_RANGE | BALLOON_EVF_IGNORED;
	else if (!bh_config_writable(offset, len))
		evflags |= BALLOON_EVF_IGNORED;
	else
		memcpy(bd->config + offset, buf, len);
	bh_config_event(bd, BALLOON_EV_CONFIG_WRITE, evflags, offset, buf, len);
	spin_unlock_irqrestore(&bd->lock, flags);
}

static u32 bh_generation(struct virtio_device *vdev)
{
	return READ_ONCE(vdev_to_bh(vdev)->generation);
}

static u8 bh_get_status(struct virtio_device *vdev)
{
	return READ_ONCE(vdev_to_bh(vdev)->status);
}

static void bh_set_status(struct virtio_device *vdev, u8 status)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	unsigned long flags;
	unsigned int i;
	u8 old;

	spin_lock_irqsave(&bd->lock, flags);
	old = bd->status;
	bd->status = status;
	if (bd->offer.required & ~bd->features)
		bd->status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_STATUS,
		.queue = -1,
		.flags = evflags,
		.where = old,
		.value = status,
	});
	spin_unlock_irqrestore(&bd->lock, flags);

	/* Kicks that came too early were latched: serve them now. */
	if (status & ~old & VIRTIO_CONFIG_S_DRIVER_OK)
		for (i = 0; i < BALLOON_HOST_QUEUES; i++)
			bh_serve(&bd->q[i]);
}

/*
 * After this returns the device neither interrupts nor touches memory. As on
 * QEMU, the target and 'actual' stay and the poison value is forgotten.
 */
static void bh_reset(struct virtio_device *vdev)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&bd->lock, flags);
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_RESET,
		.queue = -1,
		.flags = evflags,
		.value = bd->status,
	});
	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		if (i != BH_DEFLATE || (bd->features &
					BIT_ULL(VIRTIO_BALLOON_F_MUST_TELL_HOST)))
			bh_ring_check_freed(&bd->q[i]);
	bd->status = 0;
	bd->features = 0;
	bd->resets++;
	memset(bd->config + offsetof(struct virtio_balloon_config, poison_val),
	       0, sizeof(__le32));
	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		bh_ring_stop(&bd->q[i]);
	bitmap_zero(bd->owned, bd->offer.max_pfn);
	spin_unlock_irqrestore(&bd->lock, flags);
	bh_irq_sync(bd);
}

static void bh_del_vqs(struct virtio_device *vdev)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	struct virtqueue *vq, *next;
	unsigned int count = 0;
	unsigned int i;

	spin_lock_irq(&bd->lock);
	for (i = 0; i < BALLOON_HOST_QUEUES; i++) {
		bh_ring_stop(&bd->q[i]);
		bd->q[i].vq = NULL;
		bd->q[i].ring = NULL;
	}
	spin_unlock_irq(&bd->lock);
	bh_irq_sync(bd);

	list_for_each_entry_safe(vq, next, &vdev->vqs, list) {
		vring_del_virtqueue(vq);
		count++;
	}
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_DEL_VQS,
		.queue = -1,
		.flags = evflags,
		.len = count,
	});
}

static struct virtqueue *bh_find_vq(struct bh_dev *bd, unsigned int index,
				    unsigned int slot,
				    const struct virtqueue_info *info)
{
	struct virtqueue *vq;
	unsigned int size;
	struct balloon_host_event event = {
		.type = BALLOON_EV_FIND_VQ,
		.queue = index,
		.flags = bh_context(),
		.where = slot,
	};

	size = index < BALLOON_HOST_QUEUES ? bd->offer.queue_size[index] : 0;
	if (!size)
		return ERR_PTR(-ENOENT);
	vq = vring_create_virtqueue(index, size, BH_VRING_ALIGN, &bd->vdev,
				    true, false, info->ctx, bh_notify,
				    info->callback, info->name);
	if (!vq)
		return ERR_PTR(-ENOMEM);
	vq->num_max = size;
	bh_ring_attach(&bd->q[index], vq, slot);
	event.len = size;
	strscpy(event.name, info->name, sizeof(event.name));
	bh_event(bd, &event);
	return vq;
}

static int bh_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
		       struct virtqueue *vqs[], struct virtqueue_info info[],
		       struct irq_affinity *desc)
{
	struct bh_dev *bd = vdev_to_bh(vdev);
	u32 evflags = bh_context();
	unsigned int index = 0;
	unsigned int i;
	int err = 0;

	for (i = 0; i < nvqs; i++) {
		if (!info[i].name) {
			vqs[i] = NULL;
			continue;
		}
		vqs[i] = bh_find_vq(bd, index, i, &info[i]);
		err = PTR_ERR_OR_ZERO(vqs[i]);
		if (err)
			break;
		index++;
	}
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_FIND_VQS,
		.queue = -1,
		.flags = evflags,
		.len = index,
		.value = (s64)err,
	});
	if (err)
		bh_del_vqs(vdev);
	return err;
}

COMPAT_FIND_VQS(bh_find_vqs)

static void bh_synchronize_cbs(struct virtio_device *vdev)
{
	bh_irq_sync(vdev_to_bh(vdev));
}

static u64 bh_get_features(struct virtio_device *vdev)
{
	struct bh_dev *bd = vdev_to_bh(vdev);

	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_GET_FEATURES,
		.queue = -1,
		.flags = bh_context(),
		.value = bd->offer.features,
	});
	return bd->offer.features;
}

static int bh_finalize_features(struct virtio_device *vdev)
{
	struct bh_dev *bd = vdev_to_bh(vdev);

	vring_transport_features(vdev);
	spin_lock_irq(&bd->lock);
	bd->features = vdev->features;
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_FEATURES,
		.queue = -1,
		.value = vdev->features,
	});
	spin_unlock_irq(&bd->lock);
	return 0;
}

static const char *bh_bus_name(struct virtio_device *vdev)
{
	return dev_name(vdev->dev.parent);
}

/* What the virtio core knows of the device. */
const struct virtio_config_ops bh_config_ops = {
	.get = bh_get,
	.set = bh_set,
	.generation = bh_generation,
	.get_status = bh_get_status,
	.set_status = bh_set_status,
	.reset = bh_reset,
	.find_vqs = compat_find_vqs(bh_find_vqs),
	.del_vqs = bh_del_vqs,
	.synchronize_cbs = bh_synchronize_cbs,
	.get_features = bh_get_features,
	.finalize_features = bh_finalize_features,
	.bus_name = bh_bus_name,
};

/**
 * bh_config_irq - deliver a config-change interrupt
 * @work: bh_dev.config_irq
 *
 * Hard interrupt context, as from a PCI device.
 */
void bh_config_irq(struct irq_work *work)
{
	struct bh_dev *bd = container_of(work, struct bh_dev, config_irq);

	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_CONFIG_IRQ,
		.queue = -1,
		.flags = bh_context(),
	});
	virtio_config_changed(&bd->vdev);
}

/**
 * bh_config_io - the host's access to configuration space
 * @bd: the device
 * @io: the request; data is returned in it
 *
 * Return: 0 or a negative error.
 */
int bh_config_io(struct bh_dev *bd, struct balloon_host_config *io)
{
	bool raise = false;

	if (!bh_config_inside(bd, io->offset, io->len))
		return -EINVAL;
	spin_lock_irq(&bd->lock);
	if (io->flags & BALLOON_CONFIG_STATUS) {
		bd->status |= io->data[0];
	} else if (io->flags & BALLOON_CONFIG_WRITE) {
		memcpy(bd->config + io->offset, io->data, io->len);
		bd->generation++;
	} else {
		memcpy(io->data, bd->config + io->offset, io->len);
	}
	/* The core's own lock is set up once the device has a driver side. */
	raise = (io->flags & BALLOON_CONFIG_IRQ) &&
		(bd->status & VIRTIO_CONFIG_S_ACKNOWLEDGE);
	spin_unlock_irq(&bd->lock);
	if (raise)
		irq_work_queue(&bd->config_irq);
	return 0;
}
