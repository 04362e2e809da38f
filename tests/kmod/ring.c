// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device side of a split virtqueue: take elements from the avail ring, put
 * entries into the used ring, ask for kicks and decide about interrupts.
 *
 * Everything here runs under bh_dev.lock. Buffers are read at the address that
 * the driver put into the descriptor, as a real device would.
 */
#include <linux/bitmap.h>
#include <linux/string.h>
#include <linux/virtio_balloon.h>

#include "bh.h"

/* Called for each descriptor of an element; an error ends the walk. */
typedef int (*bh_desc_fn)(struct bh_queue *q, u64 addr, u32 len, bool in,
			  void *arg);

static struct virtio_device *bh_vdev(struct bh_queue *q)
{
	return &q->bd->vdev;
}

static bool bh_accepted(struct bh_queue *q, unsigned int bit)
{
	return q->bd->features & BIT_ULL(bit);
}

/**
 * bh_ring_avail - how far the driver has got
 * @q: the queue; live
 *
 * Return: the avail index.
 */
u16 bh_ring_avail(struct bh_queue *q)
{
	return virtio16_to_cpu(bh_vdev(q), READ_ONCE(q->ring->avail->idx));
}

/**
 * bh_ring_set_kick - tell the driver whether to kick
 * @q: the queue; live
 *
 * With EVENT_IDX an index that the driver has passed already suppresses kicks.
 */
void bh_ring_set_kick(struct bh_queue *q)
{
	bool want = !(q->mode.flags & BALLOON_MODE_NO_KICK);
	u16 event = want ? q->last_avail : q->last_avail - 1;
	u16 flags = want ? 0 : VRING_USED_F_NO_NOTIFY;

	if (bh_accepted(q, VIRTIO_RING_F_EVENT_IDX))
		WRITE_ONCE(vring_avail_event(q->ring),
			   cpu_to_virtio16(bh_vdev(q), event));
	else
		WRITE_ONCE(q->ring->used->flags,
			   cpu_to_virtio16(bh_vdev(q), flags));
	/* Pairs with the driver's barrier between avail index and this. */
	virt_mb();
}

/**
 * bh_ring_attach - start the device side of a new queue
 * @q: the queue
 * @vq: what the driver uses
 * @slot: position in the driver's list
 *
 * Process context.
 */
void bh_ring_attach(struct bh_queue *q, struct virtqueue *vq, unsigned int slot)
{
	struct balloon_host_queue *count = &q->count;

	spin_lock_irq(&q->bd->lock);
	vq->priv = q;
	q->vq = vq;
	q->ring = virtqueue_get_vring(vq);
	q->slot = slot;
	q->last_avail = 0;
	q->used = 0;
	q->signalled = 0;
	q->held = 0;
	q->kicked = false;
	bitmap_zero(q->out, BALLOON_HOST_RING);
	strscpy(count->name, vq->name, sizeof(count->name));
	q->live = true;
	bh_ring_set_kick(q);
	spin_unlock_irq(&q->bd->lock);
}

/**
 * bh_ring_stop - the device side stops looking at the ring
 * @q: the queue
 */
void bh_ring_stop(struct bh_queue *q)
{
	q->live = false;
	q->kicked = false;
	q->held = 0;
	bitmap_zero(q->out, BALLOON_HOST_RING);
}

/* Walk a table of @num descriptors; a table in memory may not nest. */
static int bh_walk_table(struct bh_queue *q, const struct vring_desc *table,
			 unsigned int num, unsigned int index, bool nested,
			 bh_desc_fn fn, void *arg)
{
	struct virtio_device *vdev = bh_vdev(q);
	const struct vring_desc *indirect;
	unsigned int steps;
	u16 flags;
	u32 len;
	u64 addr;
	int err;

	for (steps = 0; steps < num; steps++) {
		if (index >= num)
			return -EBADMSG;
		addr = virtio64_to_cpu(vdev, table[index].addr);
		len = virtio32_to_cpu(vdev, table[index].len);
		flags = virtio16_to_cpu(vdev, table[index].flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			indirect = bh_ptr(addr, len);
			if (nested || !indirect || len % sizeof(*indirect))
				return -EBADMSG;
			err = bh_walk_table(q, indirect,
					    len / sizeof(*indirect), 0, true,
					    fn, arg);
		} else {
			err = fn(q, addr, len, flags & VRING_DESC_F_WRITE, arg);
		}
		if (err)
			return err;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		index = virtio16_to_cpu(vdev, table[index].next);
	}
	return -EBADMSG;
}

static int bh_walk(struct bh_queue *q, unsigned int head, bh_desc_fn fn,
		   void *arg)
{
	return bh_walk_table(q, q->ring->desc, q->ring->num, head, false, fn,
			     arg);
}

/* The device may write what an in descriptor or an inflated PFN names. */
static void bh_own_desc(struct bh_queue *q, u64 addr, u32 len, bool in,
			bool own)
{
	void *data;

	if (in) {
		bh_own_range(q->bd, addr, len, own);
	} else if (q->index == BH_INFLATE || q->index == BH_DEFLATE) {
		data = bh_ptr(addr, len);
		if (data)
			bh_own_pfns(q->bd, data, len, own);
	}
}

/* Store one descriptor and its out data in the bounce buffers, if wanted. */
static int bh_pop_desc(struct bh_queue *q, u64 addr, u32 len, bool in,
		       void *arg)
{
	struct bh_dev *bd = q->bd;
	struct bh_elem *elem = arg;
	u32 part = min(len, BALLOON_HOST_DATA - elem->copied);
	void *data;

	if (elem->descs == BALLOON_HOST_DESCS)
		return -EBADMSG;
	if (elem->keep)
		bd->descs[elem->descs] = (struct balloon_host_desc) {
			.addr = addr,
			.len = len,
			.flags = in ? BALLOON_DESC_IN : 0,
		};
	elem->descs++;
	if (in) {
		elem->in_len += len;
	} else {
		data = bh_ptr(addr, part);
		if (!data)
			return -EBADMSG;
		if (elem->keep)
			memcpy(bd->data + elem->copied, data, part);
		elem->copied += part;
		elem->out_len += len;
	}
	if (q->index != BH_DEFLATE)
		bh_own_desc(q, addr, len, in, true);
	return 0;
}

/**
 * bh_ring_pop - take the next element
 * @q: the queue
 * @elem: result; with @elem->keep set before, its content is stored in
 *	bh_dev.descs and bh_dev.data, and bh_dev.io_mutex must be held too
 * @seq: sequence number of the event
 * @evflags: flags for the event
 *
 * Return: 0, -EAGAIN when there is none, or another negative error.
 */
int bh_ring_pop(struct bh_queue *q, struct bh_elem *elem, u64 *seq,
		u32 evflags)
{
	const struct vring *ring = q->ring;
	int err;

	if (!q->live)
		return -ENODEV;
	if (!(q->bd->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return -EAGAIN;
	if (bh_ring_avail(q) == q->last_avail) {
		q->kicked = false;
		return -EAGAIN;
	}
	/* The index is read before the entry that it announces. */
	virt_rmb();
	*elem = (struct bh_elem) {
		.keep = elem->keep,
		.head = virtio16_to_cpu(bh_vdev(q),
			ring->avail->ring[q->last_avail % ring->num]),
	};
	q->last_avail++;
	bh_ring_set_kick(q);
	if (elem->head >= ring->num || test_bit(elem->head, q->out))
		return -EBADMSG;
	err = bh_walk(q, elem->head, bh_pop_desc, elem);
	if (err)
		return err;
	__set_bit(elem->head, q->out);
	q->held++;
	q->count.taken++;
	*seq = bh_event(q->bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_TAKE,
		.queue = q->index,
		.flags = evflags,
		.where = elem->head,
		.len = elem->out_len,
		.value = elem->in_len,
	});
	return 0;
}

static int bh_disown_desc(struct bh_queue *q, u64 addr, u32 len, bool in,
			  void *arg)
{
	bh_own_desc(q, addr, len, in, false);
	return 0;
}

/* Pages found free, and one of them. */
struct bh_freed {
	u32 count;
	u32 example;
};

static int bh_freed_desc(struct bh_queue *q, u64 addr, u32 len, bool in,
			 void *arg)
{
	struct bh_freed *freed = arg;
	void *data;

	if (in) {
		freed->count += bh_free_range(addr, len, &freed->example);
		return 0;
	}
	data = q->index == BH_INFLATE || q->index == BH_DEFLATE ?
	       bh_ptr(addr, len) : NULL;
	if (data)
		freed->count += bh_free_pfns(q->bd, data, len, &freed->example);
	return 0;
}

/**
 * bh_ring_check_freed - look for pages that the driver freed too early
 * @q: any queue but the deflate queue without MUST_TELL_HOST
 *
 * To be called when the device is reset: until now it could have written the
 * pages of each element that it has not acknowledged.
 */
void bh_ring_check_freed(struct bh_queue *q)
{
	struct bh_freed freed = {};
	unsigned int head;

	if (!q->live)
		return;
	for_each_set_bit(head, q->out, q->ring->num)
		bh_walk(q, head, bh_freed_desc, &freed);
	if (!freed.count)
		return;
	bh_event(q->bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_FREED,
		.queue = q->index,
		.where = freed.example,
		.len = freed.count,
	});
}

/* Whose the pages are once this element is returned to the driver. */
static void bh_push_owner(struct bh_queue *q, unsigned int head)
{
	/* Until it is told otherwise the host may use an inflated page. */
	if (q->index == BH_INFLATE &&
	    bh_accepted(q, VIRTIO_BALLOON_F_MUST_TELL_HOST))
		return;
	bh_walk(q, head, bh_disown_desc, NULL);
}

/* Does the driver want to hear of what was used since it last did? */
static bool bh_wants_irq(struct bh_queue *q)
{
	const struct vring *ring = q->ring;
	u16 flags, event;
	u16 old = q->signalled;

	q->signalled = q->used;
	/* The used index is out before the driver's wish is read. */
	virt_mb();
	if (bh_accepted(q, VIRTIO_RING_F_EVENT_IDX)) {
		event = virtio16_to_cpu(bh_vdev(q),
					READ_ONCE(vring_used_event(ring)));
		return vring_need_event(event, q->used, old);
	}
	flags = virtio16_to_cpu(bh_vdev(q), READ_ONCE(ring->avail->flags));
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}

/**
 * bh_ring_push - return an element to the driver
 * @q: the queue
 * @ack: which one and how
 * @evflags: flags for the event
 *
 * Return: 1 when an interrupt was raised, 0 when not, or a negative error.
 */
int bh_ring_push(struct bh_queue *q, const struct balloon_host_ack *ack,
		 u32 evflags)
{
	struct virtio_device *vdev = bh_vdev(q);
	struct vring_used_elem *slot;
	bool mine;

	if (!q->live)
		return -ENODEV;
	mine = ack->head < q->ring->num && test_bit(ack->head, q->out);
	if (!mine && !(ack->flags & BALLOON_ACK_BOGUS))
		return -ENOENT;
	if (mine) {
		bh_push_owner(q, ack->head);
		__clear_bit(ack->head, q->out);
		q->held--;
	}
	slot = &q->ring->used->ring[q->used % q->ring->num];
	slot->id = cpu_to_virtio32(vdev, ack->head);
	slot->len = cpu_to_virtio32(vdev, ack->used_len);
	/* The entry is out before the index that announces it. */
	virt_wmb();
	q->used++;
	WRITE_ONCE(q->ring->used->idx, cpu_to_virtio16(vdev, q->used));
	q->count.acked++;
	bh_event(q->bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_ACK,
		.queue = q->index,
		.flags = evflags,
		.where = ack->head,
		.len = ack->used_len,
		.value = ack->flags,
	});
	if (ack->flags & BALLOON_ACK_NO_IRQ)
		return 0;
	if (bh_wants_irq(q) || (ack->flags & BALLOON_ACK_FORCE_IRQ)) {
		bh_irq_raise(q);
		return 1;
	}
	q->count.irqs_off++;
	bh_event(q->bd, &(struct balloon_host_event) {
		.type = BALLOON_EV_IRQ_OFF,
		.queue = q->index,
		.flags = evflags,
	});
	return 0;
}
