// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that call into the driver: plug, remove, power management, reset,
 * shutdown, and the closing of the file. The driver may never come back, so
 * each runs in a worker and whoever asked waits for a bounded time.
 */
#include <linux/bitops.h>
#include <linux/pm.h>
#include <linux/printk.h>

#include "bh.h"

/* From taking to acknowledging once the file is closed. */
#define BH_CLOSE_DELAY_US	200

static int bh_op_plug(struct bh_dev *bd)
{
	bool again;
	int err;

	spin_lock_irq(&bd->lock);
	again = bd->used_up;
	bd->used_up = true;
	spin_unlock_irq(&bd->lock);
	if (again)
		return -EEXIST;
	/* Dropped by the virtio device's release. */
	bh_dev_get(bd);
	err = register_virtio_device(&bd->vdev);
	if (err) {
		put_device(&bd->vdev.dev);
		return err;
	}
	spin_lock_irq(&bd->lock);
	bd->plugged = true;
	spin_unlock_irq(&bd->lock);
	return 0;
}

static int bh_op_remove(struct bh_dev *bd, u32 flags)
{
	u32 left = 0;
	u32 i;

	if (!READ_ONCE(bd->plugged))
		return -ENODEV;
	if (flags & BALLOON_OPF_SURPRISE)
		virtio_break_device(&bd->vdev);
	/* Ours is not the last reference: it goes with bd->plugged. */
	get_device(&bd->vdev.dev);
	unregister_virtio_device(&bd->vdev);
	spin_lock_irq(&bd->lock);
	bd->plugged = false;
	spin_unlock_irq(&bd->lock);

	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		left += !!bd->q[i].vq;
	if (left) {
		bh_event(bd, &(struct balloon_host_event) {
			.type = BALLOON_EV_LEFT_VQS,
			.queue = -1,
			.len = left,
		});
		bh_config_ops.del_vqs(&bd->vdev);
	}
	bh_irq_sync(bd);
	put_device(&bd->vdev.dev);
	return 0;
}

typedef int (*bh_pm_fn)(struct device *dev);

/* The callback of the driver's own dev_pm_ops that this wake-up or sleep is. */
static bh_pm_fn bh_pm_callback(struct bh_dev *bd, u32 flags, bool down)
{
	struct device_driver *drv = bd->vdev.dev.driver;
	const struct dev_pm_ops *pm = drv ? drv->pm : NULL;

	if (!pm)
		return NULL;
	if (flags & BALLOON_OPF_PM_SUSPEND)
		return down ? pm->suspend : pm->resume;
	if (flags & BALLOON_OPF_PM_FREEZE)
		return down ? pm->freeze : pm->thaw;
	if (flags & BALLOON_OPF_PM_POWEROFF)
		return down ? pm->poweroff : pm->restore;
	return NULL;
}

static int bh_op_pm(struct bh_dev *bd, u32 flags, bool down)
{
	struct device *dev = &bd->vdev.dev;
	bh_pm_fn callback;
	int err = 0, rc;

	/* As in PM proper no driver comes or goes meanwhile. */
	device_lock(dev);
	callback = bh_pm_callback(bd, flags, down);
	if (down && callback)
		err = callback(dev);
	if (!err && !(flags & BALLOON_OPF_NO_VIRTIO))
		err = down ? virtio_device_freeze(&bd->vdev) :
			     virtio_device_restore(&bd->vdev);
	/* The core wakes up a device whose parent did not wake up well, too. */
	if (!down && callback) {
		rc = callback(dev);
		err = err ? err : rc;
	}
	device_unlock(dev);
	return err;
}

static int bh_op_shutdown(struct bh_dev *bd)
{
	struct device *dev = &bd->vdev.dev;

	device_lock(dev);
	if (dev->bus->shutdown)
		dev->bus->shutdown(dev);
	device_unlock(dev);
	return 0;
}

/* A transport holds the lock of its own device, and not of the virtio device. */
static int bh_op_reset(struct bh_dev *bd, bool prepare)
{
	return prepare ? virtio_device_reset_prepare(&bd->vdev) :
			 virtio_device_reset_done(&bd->vdev);
}

static int bh_op_run(struct bh_dev *bd, u32 op, u32 flags)
{
	if (op == BALLOON_OP_PLUG)
		return bh_op_plug(bd);
	if (!READ_ONCE(bd->plugged))
		return -ENODEV;
	switch (op) {
	case BALLOON_OP_REMOVE:
		return bh_op_remove(bd, flags);
	case BALLOON_OP_FREEZE:
	case BALLOON_OP_RESTORE:
		return bh_op_pm(bd, flags, op == BALLOON_OP_FREEZE);
	case BALLOON_OP_SHUTDOWN:
		return bh_op_shutdown(bd);
	case BALLOON_OP_RESET_PREPARE:
	case BALLOON_OP_RESET_DONE:
		return bh_op_reset(bd, op == BALLOON_OP_RESET_PREPARE);
	default:
		return -EINVAL;
	}
}

static void bh_op_work(struct work_struct *work)
{
	struct bh_dev *bd = container_of(work, struct bh_dev, op_work);
	u32 op = bd->op;
	int err;

	mutex_lock(&bd->op_mutex);
	err = bh_op_run(bd, op, bd->op_flags);
	mutex_unlock(&bd->op_mutex);
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_OP,
		.queue = -1,
		.where = op,
		.value = (s64)err,
	});
	spin_lock_irq(&bd->lock);
	bd->op = 0;
	bd->op_result = err;
	complete_all(&bd->op_done);
	spin_unlock_irq(&bd->lock);
	bh_dev_put(bd);
}

static int bh_op_start(struct bh_dev *bd, const struct balloon_host_op *op)
{
	int err = 0;

	spin_lock_irq(&bd->lock);
	if (bd->op) {
		err = -EBUSY;
	} else {
		bd->op = op->op;
		bd->op_flags = op->flags;
		reinit_completion(&bd->op_done);
	}
	spin_unlock_irq(&bd->lock);
	if (err)
		return err;
	bh_dev_get(bd);
	queue_work(bh_op_wq, &bd->op_work);
	return 0;
}

/**
 * bh_op - run an operation or wait for the one under way
 * @bd: the device
 * @op: the request and its answer
 *
 * Return: 0 when it has ended, -ETIMEDOUT when it has not, or another error.
 */
int bh_op(struct bh_dev *bd, struct balloon_host_op *op)
{
	long left;
	int err;

	if (op->op >= BALLOON_OP_NR)
		return -EINVAL;
	if (op->op != BALLOON_OP_WAIT) {
		err = bh_op_start(bd, op);
		if (err)
			return err;
	}
	left = wait_for_completion_interruptible_timeout(&bd->op_done,
							 msecs_to_jiffies(op->timeout_ms));
	if (left < 0)
		return -EINTR;
	if (!left)
		return -ETIMEDOUT;
	op->result = READ_ONCE(bd->op_result);
	return 0;
}

static void bh_close_work(struct work_struct *work)
{
	struct bh_dev *bd = container_of(work, struct bh_dev, close_work);
	unsigned int i;

	mutex_lock(&bd->op_mutex);
	bh_op_remove(bd, 0);
	mutex_unlock(&bd->op_mutex);
	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		cancel_work_sync(&bd->q[i].work);
	device_unregister(&bd->parent);
	complete_all(&bd->gone);
	bh_dev_put(bd);
}

/**
 * bh_op_init - set up what this file owns of a new device
 * @bd: the device
 */
void bh_op_init(struct bh_dev *bd)
{
	mutex_init(&bd->op_mutex);
	init_completion(&bd->op_done);
	complete_all(&bd->op_done);
	init_completion(&bd->gone);
	INIT_WORK(&bd->op_work, bh_op_work);
	INIT_WORK(&bd->close_work, bh_close_work);
}

/* Return all that is held, and serve what comes; slowly, or stats spin. */
static void bh_close_drain(struct bh_queue *q)
{
	struct balloon_host_mode mode = {
		.queue = q->index,
		.flags = BALLOON_MODE_AUTO,
		.delay_us = BH_CLOSE_DELAY_US,
	};
	struct balloon_host_ack ack = {};

	spin_lock_irq(&q->bd->lock);
	for_each_set_bit(ack.head, q->out, BALLOON_HOST_RING)
		bh_ring_push(q, &ack, BALLOON_EVF_AUTO);
	spin_unlock_irq(&q->bd->lock);
	bh_set_mode(q->bd, &mode);
}

/**
 * bh_close - the file is closed: remove the device
 * @bd: the device
 *
 * From now on every queue is served, so a driver that waits for an
 * acknowledgment can end. One that does not end even so keeps its worker, the
 * device and this module for ever: the closing process does not wait for it
 * longer than the module parameter close_ms says, and the guest is to be
 * thrown away.
 */
void bh_close(struct bh_dev *bd)
{
	unsigned int i;

	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		bh_close_drain(&bd->q[i]);
	bh_dev_get(bd);
	queue_work(bh_op_wq, &bd->close_work);
	if (!wait_for_completion_timeout(&bd->gone,
					 msecs_to_jiffies(bh_close_ms)))
		pr_err("balloon_host: driver has not let go of %s for %u ms\n",
		       dev_name(&bd->parent), bh_close_ms);
	bh_dev_put(bd);
}
