// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/balloon_host: one open file is one device. See balloon_host.h.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "bh.h"

/* Serialises CREATE; a file's device is set once and never changes. */
static DEFINE_MUTEX(bh_create_mutex);

static struct bh_dev *bh_file_dev(struct file *file)
{
	/* Pairs with the release in bh_ioctl_create(). */
	return smp_load_acquire(&file->private_data);
}

static int bh_open(struct inode *inode, struct file *file)
{
	file->private_data = NULL;
	return 0;
}

static int bh_release(struct inode *inode, struct file *file)
{
	const struct balloon_host_hold nothing = { .grip = BALLOON_GRIP_NOT };

	if (!file->private_data)
		return 0;
	bh_hold(file->private_data, &nothing);
	bh_close(file->private_data);
	return 0;
}

static ssize_t bh_read(struct file *file, char __user *buf, size_t len,
		       loff_t *pos)
{
	struct bh_dev *bd = bh_file_dev(file);
	int err;

	if (!bd)
		return -ENODEV;
	if (!(file->f_flags & O_NONBLOCK)) {
		err = wait_event_interruptible(bd->wait, bh_events_pending(bd));
		if (err)
			return err;
	} else if (!bh_events_pending(bd)) {
		return -EAGAIN;
	}
	return bh_events_read(bd, buf, len);
}

/* Which queues wait for user space. */
static u32 bh_kicked(struct bh_dev *bd, bool manual)
{
	struct bh_queue *q;
	u32 mask = 0;

	for (q = bd->q; q < bd->q + BALLOON_HOST_QUEUES; q++)
		if (READ_ONCE(q->kicked) &&
		    !(manual && READ_ONCE(q->mode.flags) & BALLOON_MODE_AUTO))
			mask |= BIT(q->index);
	return mask;
}

static __poll_t bh_poll(struct file *file, struct poll_table_struct *table)
{
	struct bh_dev *bd = bh_file_dev(file);
	__poll_t mask = 0;

	if (!bd)
		return EPOLLERR;
	poll_wait(file, &bd->wait, table);
	if (bh_events_pending(bd))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (bh_kicked(bd, true))
		mask |= EPOLLPRI;
	return mask;
}

static int bh_ioctl_create(struct file *file, const struct balloon_host_create *offer)
{
	struct bh_dev *bd;
	int err = 0;

	mutex_lock(&bh_create_mutex);
	if (file->private_data) {
		err = -EBUSY;
	} else {
		bd = bh_dev_create(offer);
		if (IS_ERR(bd))
			err = PTR_ERR(bd);
		else
			/* Set up as a whole before it is seen. */
			smp_store_release(&file->private_data, bd);
	}
	mutex_unlock(&bh_create_mutex);
	return err;
}

static int bh_ioctl_state(struct bh_dev *bd, struct balloon_host_state *state)
{
	struct device *dev = &bd->vdev.dev;
	unsigned int i;

	spin_lock_irq(&bd->lock);
	state->features = bd->features;
	state->status = bd->status;
	state->resets = bd->resets;
	state->op = bd->op;
	state->plugged = bd->plugged;
	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		state->queues += !!bd->q[i].vq;
	spin_unlock_irq(&bd->lock);
	state->lost = READ_ONCE(bd->ev.lost);
	state->kicked = bh_kicked(bd, false);
	if (state->plugged) {
		strscpy(state->device, dev_name(dev), sizeof(state->device));
		/* No lock: the one for this is held while the driver hangs. */
		if (READ_ONCE(dev->driver))
			strscpy(state->driver, dev_driver_string(dev),
				sizeof(state->driver));
	}
	return 0;
}

static int bh_ioctl_queue(struct bh_dev *bd, struct balloon_host_queue *info)
{
	u32 index = info->queue;
	struct bh_queue *q;

	if (index >= BALLOON_HOST_QUEUES)
		return -EINVAL;
	q = &bd->q[index];
	spin_lock_irq(&bd->lock);
	*info = q->count;
	info->queue = index;
	info->live = q->live;
	info->slot = q->slot;
	info->last_avail = q->last_avail;
	info->used = q->used;
	info->held = q->held;
	info->size = q->live ? q->ring->num : 0;
	info->avail = q->live ? bh_ring_avail(q) : 0;
	spin_unlock_irq(&bd->lock);
	return 0;
}

static int bh_ioctl_ack(struct bh_dev *bd, struct balloon_host_ack *ack)
{
	int irq = -ESTALE;

	if (ack->queue >= BALLOON_HOST_QUEUES)
		return -EINVAL;
	spin_lock_irq(&bd->lock);
	if (ack->resets == bd->resets)
		irq = bh_ring_push(&bd->q[ack->queue], ack, 0);
	spin_unlock_irq(&bd->lock);
	if (irq < 0)
		return irq;
	ack->irq = irq;
	return 0;
}

static int bh_ioctl_irq(struct bh_dev *bd, unsigned long value)
{
	unsigned long queue = value & ~(unsigned long)BALLOON_IRQ_LATE;

	if (queue >= BALLOON_HOST_QUEUES)
		return -EINVAL;
	if (value & BALLOON_IRQ_LATE)
		WRITE_ONCE(bd->q[queue].late, true);
	bh_irq_raise(&bd->q[queue]);
	return 0;
}

static int bh_ioctl_break(struct bh_dev *bd)
{
	/* The list that the core walks exists from this status on. */
	if (!(READ_ONCE(bd->status) & VIRTIO_CONFIG_S_ACKNOWLEDGE))
		return -ENODEV;
	bh_event(bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_BREAK,
		.queue = -1,
	});
	virtio_break_device(&bd->vdev);
	return 0;
}

/* What an ioctl brings, and takes back. */
union bh_arg {
	struct balloon_host_create create;
	struct balloon_host_op op;
	struct balloon_host_state state;
	struct balloon_host_config config;
	struct balloon_host_queue queue;
	struct balloon_host_mode mode;
	struct balloon_host_take take;
	struct balloon_host_ack ack;
	struct balloon_host_fill fill;
	struct balloon_host_read read;
	struct balloon_host_pages pages;
	struct balloon_host_hold hold;
};

static int bh_call(struct bh_dev *bd, unsigned int cmd, union bh_arg *arg)
{
	switch (cmd) {
	case BALLOON_HOST_OP:
		return bh_op(bd, &arg->op);
	case BALLOON_HOST_STATE:
		return bh_ioctl_state(bd, &arg->state);
	case BALLOON_HOST_CONFIG_IO:
		return bh_config_io(bd, &arg->config);
	case BALLOON_HOST_QUEUE:
		return bh_ioctl_queue(bd, &arg->queue);
	case BALLOON_HOST_MODE:
		return bh_set_mode(bd, &arg->mode);
	case BALLOON_HOST_TAKE:
		return bh_take(bd, &arg->take);
	case BALLOON_HOST_ACK:
		return bh_ioctl_ack(bd, &arg->ack);
	case BALLOON_HOST_BREAK:
		return bh_ioctl_break(bd);
	case BALLOON_HOST_FILL:
		return bh_fill(bd, &arg->fill);
	case BALLOON_HOST_READ:
		return bh_read_page(bd, &arg->read);
	case BALLOON_HOST_PAGES:
		return bh_page_states(bd, &arg->pages);
	case BALLOON_HOST_HOLD:
		return arg->hold.grip > BALLOON_GRIP_LOCK ? -EINVAL : bh_hold(bd, &arg->hold);
	default:
		return -ENOTTY;
	}
}

static long bh_ioctl(struct file *file, unsigned int cmd, unsigned long value)
{
	void __user *user = (void __user *)value;
	struct bh_dev *bd = bh_file_dev(file);
	size_t size = _IOC_SIZE(cmd);
	union bh_arg arg;
	int err;

	if (size > sizeof(arg))
		return -ENOTTY;
	memset(&arg, 0, sizeof(arg));
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, user, size))
		return -EFAULT;
	if (cmd == BALLOON_HOST_CREATE)
		return bh_ioctl_create(file, &arg.create);
	if (!bd)
		return -ENODEV;
	/* The only one whose value is no address. */
	if (cmd == BALLOON_HOST_IRQ)
		return bh_ioctl_irq(bd, value);
	err = bh_call(bd, cmd, &arg);
	if (!err && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(user, &arg, size))
		err = -EFAULT;
	return err;
}

static const struct file_operations bh_fops = {
	.owner = THIS_MODULE,
	.open = bh_open,
	.release = bh_release,
	.read = bh_read,
	.poll = bh_poll,
	.unlocked_ioctl = bh_ioctl,
};

static struct miscdevice bh_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "balloon_host",
	.fops = &bh_fops,
	.mode = 0600,
};

/**
 * bh_chardev_init - let user space in
 *
 * Return: 0 or a negative error.
 */
int bh_chardev_init(void)
{
	return misc_register(&bh_misc);
}

/**
 * bh_chardev_exit - no open file is left: let nobody in any more
 */
void bh_chardev_exit(void)
{
	misc_deregister(&bh_misc);
}
