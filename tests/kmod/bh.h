/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of balloon_host.ko share.
 *
 * Locks, outermost first:
 *   bh_dev.op_mutex	one operation on the driver at a time; held across calls
 *			into the driver, so possibly for ever
 *   bh_dev.io_mutex	the bounce buffers of one ioctl
 *   bh_dev.lock	everything the driver and the host both see; interrupts
 *			off, and never held across a call into the driver
 *   bh_events.lock	the event log
 */
#ifndef _BH_H
#define _BH_H

#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "balloon_host.h"
#include "compat.h"

/* A balloon PFN counts 4096 bytes whatever PAGE_SIZE is. */
#define BH_PFN_SHIFT	12
#define BH_PFN_SIZE	BIT(BH_PFN_SHIFT)

/* The first two queues carry PFN arrays and exist always. */
enum { BH_INFLATE, BH_DEFLATE };

struct bh_dev;

/**
 * struct bh_events - the log of one device
 * @lock: guards all of it; taken with interrupts off
 * @ring: @slots entries
 * @slots: length of @ring
 * @head: entries ever written
 * @tail: entries ever read or overwritten
 * @lost: entries overwritten unread
 * @told: value of @lost last told to a reader
 */
struct bh_events {
	spinlock_t lock;
	struct balloon_host_event *ring;
	u32 slots;
	u64 head;
	u64 tail;
	u64 lost;
	u64 told;
};

/**
 * struct bh_queue - the device side of one split ring
 * @bd: owner; constant
 * @index: constant
 * @vq: the driver's queue, NULL when it has none; bh_dev.lock
 * @ring: its ring; valid while @live; bh_dev.lock
 * @slot: position in the driver's list; bh_dev.lock
 * @live: created and the device not reset since; bh_dev.lock
 * @kicked: kicked and not found empty since; bh_dev.lock
 * @last_avail: entries taken; bh_dev.lock
 * @used: used index; bh_dev.lock
 * @signalled: used index at the last decision about an interrupt; bh_dev.lock
 * @held: number of bits in @out; bh_dev.lock
 * @out: heads taken and not acknowledged; bh_dev.lock
 * @mode: how it is served; bh_dev.lock
 * @count: what user space may ask for; bh_dev.lock
 * @late: the next interrupt comes when there is nothing to be taken any more
 * @irq: delivers the used-buffer interrupt in hard interrupt context
 * @work: serves the queue in automatic mode
 */
struct bh_queue {
	struct bh_dev *bd;
	unsigned int index;
	struct virtqueue *vq;
	const struct vring *ring;
	unsigned int slot;
	bool live;
	bool kicked;
	u16 last_avail;
	u16 used;
	u16 signalled;
	u16 held;
	DECLARE_BITMAP(out, BALLOON_HOST_RING);
	struct balloon_host_mode mode;
	struct balloon_host_queue count;
	bool late;
	struct irq_work irq;
	struct work_struct work;
};

/**
 * struct bh_dev - one device
 * @ref: held by the open file, by each of the two struct device, by work
 * @parent: what the virtio device hangs on; has the PM callbacks
 * @vdev: the device that the driver sees
 * @ev: the log; has its own lock
 * @lock: see the head of this file
 * @offer: what CREATE asked for; constant
 * @config: configuration space; @lock
 * @generation: of @config; @lock
 * @status: device status; @lock
 * @features: accepted by the driver; @lock
 * @resets: number of resets; @lock
 * @q: the queues
 * @owned: one bit a PFN below @offer.max_pfn: the device may write it; @lock
 * @config_irq: delivers the config-change interrupt
 * @wait: readers and pollers
 * @io_mutex: guards @descs, @data, @held and @grip
 * @descs: descriptors of the element being taken
 * @data: out data of the element being taken
 * @held: page that is held for user space, or NULL
 * @grip: enum balloon_host_grip: how
 * @op_mutex: held while an operation runs
 * @op_work: runs @op
 * @close_work: removes the device after its file was closed
 * @op: operation under way or 0; @lock
 * @op_flags: of @op; @lock
 * @op_result: of the last operation; @lock
 * @op_done: completed when no operation is under way
 * @plugged: registered; @lock
 * @used_up: was registered once: it cannot be again; @lock
 * @gone: completed when @close_work has ended
 */
struct bh_dev {
	struct kref ref;
	struct device parent;
	struct virtio_device vdev;
	struct bh_events ev;
	spinlock_t lock;
	struct balloon_host_create offer;
	u8 config[BALLOON_HOST_CONFIG];
	u32 generation;
	u8 status;
	u64 features;
	u32 resets;
	struct bh_queue q[BALLOON_HOST_QUEUES];
	unsigned long *owned;
	struct irq_work config_irq;
	wait_queue_head_t wait;
	struct mutex io_mutex;
	struct balloon_host_desc *descs;
	u8 *data;
	struct page *held;
	u32 grip;
	struct mutex op_mutex;
	struct work_struct op_work;
	struct work_struct close_work;
	u32 op;
	u32 op_flags;
	int op_result;
	struct completion op_done;
	bool plugged;
	bool used_up;
	struct completion gone;
};

#define vdev_to_bh(_vdev)	container_of(_vdev, struct bh_dev, vdev)

/**
 * struct bh_elem - an element taken from a ring
 * @keep: in: store the content in the device's bounce buffers
 * @head: index of its first descriptor
 * @descs: number of descriptors
 * @out_len: bytes of the out descriptors
 * @copied: of them, bytes stored in bh_dev.data
 * @in_len: bytes of the in descriptors
 */
struct bh_elem {
	bool keep;
	unsigned int head;
	unsigned int descs;
	u32 out_len;
	u32 copied;
	u64 in_len;
};

/* events.c */
int bh_events_init(struct bh_events *ev, u32 slots);
void bh_events_exit(struct bh_events *ev);
u32 bh_context(void);
u64 bh_event(struct bh_dev *bd, const struct balloon_host_event *what);
ssize_t bh_events_read(struct bh_dev *bd, char __user *buf, size_t len);
bool bh_events_pending(struct bh_dev *bd);

/* transport.c */
extern const struct virtio_config_ops bh_config_ops;
void bh_config_irq(struct irq_work *work);
int bh_config_io(struct bh_dev *bd, struct balloon_host_config *io);

/* ring.c */
void bh_ring_attach(struct bh_queue *q, struct virtqueue *vq, unsigned int slot);
void bh_ring_stop(struct bh_queue *q);
int bh_ring_pop(struct bh_queue *q, struct bh_elem *elem, u64 *seq,
		u32 evflags);
int bh_ring_push(struct bh_queue *q, const struct balloon_host_ack *ack,
		 u32 evflags);
void bh_ring_set_kick(struct bh_queue *q);
u16 bh_ring_avail(struct bh_queue *q);
void bh_ring_check_freed(struct bh_queue *q);

/* serve.c */
void bh_queue_init(struct bh_dev *bd, unsigned int index);
bool bh_notify(struct virtqueue *vq);
void bh_serve(struct bh_queue *q);
void bh_irq_raise(struct bh_queue *q);
void bh_irq_sync(struct bh_dev *bd);
int bh_set_mode(struct bh_dev *bd, const struct balloon_host_mode *mode);
int bh_take(struct bh_dev *bd, struct balloon_host_take *take);

/* memory.c */
void *bh_ptr(u64 addr, u64 len);
void bh_own_pfns(struct bh_dev *bd, const void *array, u32 len, bool own);
u32 bh_free_pfns(struct bh_dev *bd, const void *array, u32 len, u32 *example);
u32 bh_free_range(u64 addr, u32 len, u32 *example);
void bh_own_range(struct bh_dev *bd, u64 addr, u64 len, bool own);
void bh_fill_elem(struct bh_dev *bd, const struct bh_elem *elem, u32 value,
		  bool pfns);
int bh_fill(struct bh_dev *bd, struct balloon_host_fill *fill);
int bh_read_page(struct bh_dev *bd, const struct balloon_host_read *rd);
int bh_page_states(struct bh_dev *bd, const struct balloon_host_pages *req);
int bh_hold(struct bh_dev *bd, const struct balloon_host_hold *req);

/* ops.c */
int bh_op(struct bh_dev *bd, struct balloon_host_op *op);
void bh_op_init(struct bh_dev *bd);
void bh_close(struct bh_dev *bd);

/* device.c */
struct bh_dev *bh_dev_create(const struct balloon_host_create *offer);
void bh_dev_get(struct bh_dev *bd);
void bh_dev_put(struct bh_dev *bd);

/* chardev.c */
int bh_chardev_init(void);
void bh_chardev_exit(void);

/* main.c */
extern struct workqueue_struct *bh_serve_wq;
extern struct workqueue_struct *bh_op_wq;
extern unsigned int bh_close_ms;

#endif /* _BH_H */
