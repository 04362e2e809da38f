// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the rings and the rest: kicks come in, interrupts go out, elements
 * are served by user space (TAKE and ACK) or, in automatic mode, by a worker.
 *
 * Interrupts are delivered by irq_work, that is, in hard interrupt context on
 * the CPU that raised them, as the interrupt of a PCI device would be; raising
 * one that is still pending merges with it, like an edge.
 */
#include <linux/delay.h>
#include <linux/uaccess.h>

#include "bh.h"

#define BH_DELAY_MAX_US		100000

static void bh_queue_irq(struct irq_work *work)
{
	struct bh_queue *q = container_of(work, struct bh_queue, irq);
	struct bh_dev *bd = q->bd;
	u32 evflags = bh_context();
	struct virtqueue *vq = NULL;
	unsigned long flags;

	spin_lock_irqsave(&bd->lock, flags);
	if (q->live) {
		vq = q->vq;
		q->count.irqs++;
		bh_event(bd, &(struct balloon_host_event) {
			.type = BALLOON_EV_IRQ,
			.queue = q->index,
			.flags = evflags,
		});
	}
	spin_unlock_irqrestore(&bd->lock, flags);
	/* bh_irq_sync() waits for us before the queue goes away. */
	if (vq && xchg(&q->late, false))
		vq->callback(vq);
	else if (vq)
		vring_interrupt(0, vq);
}

/**
 * bh_irq_raise - raise the used-buffer interrupt of a queue
 * @q: the queue
 */
void bh_irq_raise(struct bh_queue *q)
{
	irq_work_queue(&q->irq);
}

/**
 * bh_irq_sync - wait until no interrupt of the device is pending or running
 * @bd: the device
 *
 * Not from the driver's own interrupt callbacks.
 */
void bh_irq_sync(struct bh_dev *bd)
{
	unsigned int i;

	for (i = 0; i < BALLOON_HOST_QUEUES; i++)
		irq_work_sync(&bd->q[i].irq);
	irq_work_sync(&bd->config_irq);
}

/**
 * bh_serve - let automatic mode look at a queue
 * @q: the queue
 *
 * Any context; does nothing when the mode is off.
 */
void bh_serve(struct bh_queue *q)
{
	if (READ_ONCE(q->mode.flags) & BALLOON_MODE_AUTO)
		queue_work(bh_serve_wq, &q->work);
}

/**
 * bh_notify - the driver kicks a queue
 * @vq: the driver's queue
 *
 * Any context.
 *
 * Return: true; a device of this kind always hears a kick.
 */
bool bh_notify(struct virtqueue *vq)
{
	struct bh_queue *q = vq->priv;
	u32 evflags = bh_context();
	unsigned long flags;
	u16 avail;

	spin_lock_irqsave(&q->bd->lock, flags);
	avail = bh_ring_avail(q);
	q->count.kicks++;
	q->kicked = true;
	bh_event(q->bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_KICK,
		.queue = q->index,
		.flags = evflags,
		.where = avail,
		.len = (u16)(avail - q->last_avail),
		.value = q->bd->status,
	});
	spin_unlock_irqrestore(&q->bd->lock, flags);
	bh_serve(q);
	return true;
}

/* Take one element for automatic mode and destroy what it names, if asked. */
static int bh_auto_take(struct bh_queue *q, struct bh_elem *elem,
			struct balloon_host_mode *mode, u32 *resets)
{
	struct bh_dev *bd = q->bd;
	u64 seq;
	int err;

	elem->keep = READ_ONCE(q->mode.flags) & BALLOON_MODE_FILL;
	if (elem->keep)
		mutex_lock(&bd->io_mutex);
	spin_lock_irq(&bd->lock);
	*mode = q->mode;
	*resets = bd->resets;
	if (mode->flags & BALLOON_MODE_AUTO)
		err = bh_ring_pop(q, elem, &seq, BALLOON_EVF_AUTO);
	else
		err = -EAGAIN;
	spin_unlock_irq(&bd->lock);
	if (elem->keep) {
		if (!err && q->index != BH_DEFLATE)
			bh_fill_elem(bd, elem, mode->fill,
				     q->index == BH_INFLATE);
		mutex_unlock(&bd->io_mutex);
	}
	return err;
}

static void bh_auto_work(struct work_struct *work)
{
	struct bh_queue *q = container_of(work, struct bh_queue, work);
	struct balloon_host_mode mode;
	struct bh_elem elem;
	u32 resets;

	while (!bh_auto_take(q, &elem, &mode, &resets)) {
		struct balloon_host_ack ack = {
			.head = elem.head,
			.used_len = mode.used_len,
		};

		if (mode.flags & BALLOON_MODE_NO_IRQ)
			ack.flags = BALLOON_ACK_NO_IRQ;
		if (mode.delay_us)
			usleep_range(mode.delay_us, mode.delay_us + 50);
		spin_lock_irq(&q->bd->lock);
		if (q->bd->resets == resets)
			bh_ring_push(q, &ack, BALLOON_EVF_AUTO);
		spin_unlock_irq(&q->bd->lock);
		cond_resched();
	}
}

/**
 * bh_queue_init - set up a queue of a new device
 * @bd: the device
 * @index: which queue
 */
void bh_queue_init(struct bh_dev *bd, unsigned int index)
{
	struct bh_queue *q = &bd->q[index];

	q->bd = bd;
	q->index = index;
	q->mode.queue = index;
	init_irq_work(&q->irq, bh_queue_irq);
	INIT_WORK(&q->work, bh_auto_work);
}

/**
 * bh_set_mode - choose how a queue is served
 * @bd: the device
 * @mode: the choice
 *
 * Return: 0 or a negative error.
 */
int bh_set_mode(struct bh_dev *bd, const struct balloon_host_mode *mode)
{
	struct bh_queue *q;

	if (mode->queue >= BALLOON_HOST_QUEUES ||
	    mode->delay_us > BH_DELAY_MAX_US)
		return -EINVAL;
	q = &bd->q[mode->queue];
	spin_lock_irq(&bd->lock);
	q->mode = *mode;
	if (q->live) {
		bh_ring_set_kick(q);
		/* What was added while kicks were off would go unnoticed. */
		if (bh_ring_avail(q) != q->last_avail)
			q->kicked = true;
	}
	spin_unlock_irq(&bd->lock);
	wake_up_interruptible(&bd->wait);
	bh_serve(q);
	return 0;
}

/* Copy an element from the bounce buffers to user space. */
static int bh_take_copy(struct bh_dev *bd, struct balloon_host_take *take,
			const struct bh_elem *elem)
{
	u32 descs = min(take->desc_max, elem->descs);
	u32 bytes = min(take->data_max, elem->copied);

	if (copy_to_user(u64_to_user_ptr(take->desc_ptr), bd->descs,
			 descs * sizeof(*bd->descs)) ||
	    copy_to_user(u64_to_user_ptr(take->data_ptr), bd->data, bytes))
		return -EFAULT;
	take->desc_count = elem->descs;
	take->out_len = elem->out_len;
	take->in_len = elem->in_len;
	take->head = elem->head;
	return 0;
}

/**
 * bh_take - take the next element for user space
 * @bd: the device
 * @take: the request and its answer
 *
 * Return: 0 or a negative error.
 */
int bh_take(struct bh_dev *bd, struct balloon_host_take *take)
{
	struct bh_elem elem = { .keep = true };
	int err;

	if (take->queue >= BALLOON_HOST_QUEUES)
		return -EINVAL;
	err = mutex_lock_interruptible(&bd->io_mutex);
	if (err)
		return err;
	spin_lock_irq(&bd->lock);
	err = bh_ring_pop(&bd->q[take->queue], &elem, &take->seq, 0);
	take->resets = bd->resets;
	spin_unlock_irq(&bd->lock);
	if (!err)
		err = bh_take_copy(bd, take, &elem);
	mutex_unlock(&bd->io_mutex);
	return err;
}
