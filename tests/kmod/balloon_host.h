/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The interface of /dev/balloon_host, a virtio balloon device whose host side
 * is a program in the guest itself.
 *
 * Every open file is one device: open, BALLOON_HOST_CREATE, BALLOON_HOST_OP
 * with BALLOON_OP_PLUG, then play the host with TAKE, ACK and CONFIG; read()
 * returns the event log. Closing the last copy of the file removes the device.
 *
 * All integers are in the byte order of the guest. Page frame numbers are in
 * the device's unit of 4096 bytes, whatever the guest's page size is.
 */
#ifndef _BALLOON_HOST_H
#define _BALLOON_HOST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BALLOON_HOST_QUEUES	8	/* queues a device can have */
#define BALLOON_HOST_CONFIG	64	/* bytes of configuration space */
#define BALLOON_HOST_DATA	65536	/* longest out data of one element */
#define BALLOON_HOST_DESCS	4096	/* most descriptors of one element */
#define BALLOON_HOST_RING	4096	/* largest queue */
#define BALLOON_HOST_NAME	16	/* queue and driver names, with NUL */

#include "balloon_host_event.h"

/* --- the device ----------------------------------------------------------- */

/**
 * struct balloon_host_create - describe the device; once per open file
 * @features: offered feature bits: 0-23, 27, 28 (INDIRECT_DESC),
 *	29 (EVENT_IDX), 32 (VERSION_1) and 33 (ACCESS_PLATFORM)
 * @required: bits without which the device refuses FEATURES_OK
 * @max_pfn: one more than the highest PFN that may be filled (see FILL)
 * @queue_size: ring size by queue index, a power of two; 0: no such queue,
 *	find_vqs fails with -ENOENT when the driver asks for it
 * @event_slots: length of the event log; 0: 32768
 * @config_len: bytes of configuration space; reads beyond return 0
 * @config: initial content
 */
struct balloon_host_create {
	__u64 features;
	__u64 required;
	__u64 max_pfn;
	__u16 queue_size[BALLOON_HOST_QUEUES];
	__u32 event_slots;
	__u32 config_len;
	__u8 config[BALLOON_HOST_CONFIG];
};

/**
 * enum balloon_host_op_code - operations that call into the driver
 * @BALLOON_OP_WAIT: start nothing, wait for the operation under way
 * @BALLOON_OP_PLUG: register the device, which probes the driver
 * @BALLOON_OP_REMOVE: unregister the device, which removes the driver
 * @BALLOON_OP_FREEZE: as the PM core does on the way down
 * @BALLOON_OP_RESTORE: as the PM core does on the way up
 * @BALLOON_OP_SHUTDOWN: as the driver core does on reboot and kexec
 * @BALLOON_OP_RESET_PREPARE: transport-level reset announced (newer kernels)
 * @BALLOON_OP_RESET_DONE: transport-level reset done (newer kernels)
 * @BALLOON_OP_NR: not an operation: one more than the last
 *
 * The driver may never return, so each runs in a kernel worker, one at a time.
 */
enum balloon_host_op_code {
	BALLOON_OP_WAIT,
	BALLOON_OP_PLUG,
	BALLOON_OP_REMOVE,
	BALLOON_OP_FREEZE,
	BALLOON_OP_RESTORE,
	BALLOON_OP_SHUTDOWN,
	BALLOON_OP_RESET_PREPARE,
	BALLOON_OP_RESET_DONE,
	BALLOON_OP_NR,
};

/* REMOVE: break the queues first, as on the surprise removal of a PCI card. */
#define BALLOON_OPF_SURPRISE	(1U << 0)
/*
 * FREEZE, RESTORE: which callback of the driver's own dev_pm_ops, if it has
 * any, goes before (FREEZE) or after (RESTORE) the virtio one. None: skip it.
 */
#define BALLOON_OPF_PM_SUSPEND	(1U << 1)	/* .suspend / .resume */
#define BALLOON_OPF_PM_FREEZE	(1U << 2)	/* .freeze / .thaw */
#define BALLOON_OPF_PM_POWEROFF	(1U << 3)	/* .poweroff / .restore */
/* FREEZE, RESTORE: leave the virtio callback out, as with NO_SOFT_RESET. */
#define BALLOON_OPF_NO_VIRTIO	(1U << 4)

/**
 * struct balloon_host_op - run an operation
 * @op: enum balloon_host_op_code
 * @flags: BALLOON_OPF_*
 * @timeout_ms: how long to wait for its end
 * @result: out: what the operation returned, 0 or a negative error
 *
 * The ioctl fails with ETIMEDOUT when the operation has not ended in time; it
 * goes on, and BALLOON_OP_WAIT can wait for it again. EBUSY: another operation
 * is under way.
 */
struct balloon_host_op {
	__u32 op;
	__u32 flags;
	__u32 timeout_ms;
	__s32 result;
};

/**
 * struct balloon_host_state - the device now
 * @features: accepted by the driver at the last finalization
 * @status: device status byte
 * @resets: number of resets so far
 * @op: the operation under way, 0: none
 * @plugged: 1 while the device is registered
 * @queues: number of queues that exist now
 * @lost: events overwritten unread so far
 * @kicked: bit mask of the queues kicked since they were last found empty
 * @pad: 0
 * @device: name on the virtio bus, such as "virtio2"
 * @driver: name of the driver bound to it, or empty
 */
struct balloon_host_state {
	__u64 features;
	__u32 status;
	__u32 resets;
	__u32 op;
	__u32 plugged;
	__u32 queues;
	__u32 lost;
	__u32 kicked;
	__u32 pad;
	char device[BALLOON_HOST_NAME];
	char driver[BALLOON_HOST_NAME];
};

/* CONFIG: store @data instead of loading it. */
#define BALLOON_CONFIG_WRITE	(1U << 0)
/* CONFIG: raise a config-change interrupt, after the store if there is one. */
#define BALLOON_CONFIG_IRQ	(1U << 1)
/* CONFIG: set status bits, such as DEVICE_NEEDS_RESET, from data[0]. */
#define BALLOON_CONFIG_STATUS	(1U << 2)

/**
 * struct balloon_host_config - the host's own access to configuration space
 * @offset: first byte
 * @len: number of bytes
 * @flags: BALLOON_CONFIG_*
 * @pad: 0
 * @data: in with BALLOON_CONFIG_WRITE, else out
 */
struct balloon_host_config {
	__u32 offset;
	__u32 len;
	__u32 flags;
	__u32 pad;
	__u8 data[BALLOON_HOST_CONFIG];
};

/* --- queues --------------------------------------------------------------- */

/**
 * struct balloon_host_queue - state and counters of one queue
 * @queue: in: index
 * @live: 1 while the queue exists and the device has not been reset
 * @size: ring size
 * @slot: position in the driver's own list of queues
 * @avail: avail index, free running
 * @last_avail: entries taken, free running
 * @used: used index, free running
 * @held: elements taken and not acknowledged
 * @kicks: notifications by the driver, since creation of the device
 * @taken: elements taken, since creation of the device
 * @acked: elements acknowledged, since creation of the device
 * @irqs: interrupts delivered
 * @irqs_off: interrupts that the driver suppressed
 * @name: the driver's name for the queue
 */
struct balloon_host_queue {
	__u32 queue;
	__u32 live;
	__u32 size;
	__u32 slot;
	__u16 avail;
	__u16 last_avail;
	__u16 used;
	__u16 held;
	__u64 kicks;
	__u64 taken;
	__u64 acked;
	__u64 irqs;
	__u64 irqs_off;
	char name[BALLOON_HOST_NAME];
};

/* MODE: the module takes and acknowledges by itself. */
#define BALLOON_MODE_AUTO	(1U << 0)
/* MODE: automatic mode also destroys the content of what it is given. */
#define BALLOON_MODE_FILL	(1U << 1)
/* MODE: ask the driver not to kick this queue. */
#define BALLOON_MODE_NO_KICK	(1U << 2)
/* MODE: automatic mode raises no interrupts. */
#define BALLOON_MODE_NO_IRQ	(1U << 3)

/**
 * struct balloon_host_mode - how a queue is served; survives resets
 * @queue: index
 * @flags: BALLOON_MODE_*; 0: by TAKE and ACK only
 * @delay_us: automatic mode: time from taking to acknowledging, at most 100000
 * @used_len: automatic mode: used length to return
 * @fill: BALLOON_MODE_FILL: 32-bit value to fill with
 * @pad: 0
 */
struct balloon_host_mode {
	__u32 queue;
	__u32 flags;
	__u32 delay_us;
	__u32 used_len;
	__u32 fill;
	__u32 pad;
};

#define BALLOON_DESC_IN		(1U << 0)	/* device writes it */

/**
 * struct balloon_host_desc - one descriptor of an element
 * @addr: guest-physical address
 * @len: length in bytes
 * @flags: BALLOON_DESC_*
 */
struct balloon_host_desc {
	__u64 addr;
	__u32 len;
	__u32 flags;
};

/**
 * struct balloon_host_take - take the next element of a queue
 * @queue: in: index
 * @desc_max: in: room at @desc_ptr
 * @desc_ptr: in: array of struct balloon_host_desc
 * @data_ptr: in: where the bytes of the out descriptors go
 * @data_max: in: room at @data_ptr
 * @desc_count: out: descriptors of the element; more than @desc_max is cut
 * @out_len: out: bytes of the out descriptors; more than @data_max is cut
 * @head: out: index to acknowledge it by
 * @in_len: out: bytes of the in descriptors
 * @seq: out: sequence number of its BALLOON_EV_TAKE
 * @resets: out: count of resets, to acknowledge it by
 * @pad: 0
 *
 * EAGAIN: nothing available, or DRIVER_OK not set. ENODEV: no such queue now.
 * EBADMSG: the ring is malformed.
 */
struct balloon_host_take {
	__u32 queue;
	__u32 desc_max;
	__u64 desc_ptr;
	__u64 data_ptr;
	__u32 data_max;
	__u32 desc_count;
	__u32 out_len;
	__u32 head;
	__u64 in_len;
	__u64 seq;
	__u32 resets;
	__u32 pad;
};

/* ACK: publish the used entry, raise no interrupt. */
#define BALLOON_ACK_NO_IRQ	(1U << 0)
/* ACK: raise the interrupt even if the driver suppressed it. */
#define BALLOON_ACK_FORCE_IRQ	(1U << 1)
/* ACK: write the entry whatever @head is: twice, never taken, out of range. */
#define BALLOON_ACK_BOGUS	(1U << 2)

/**
 * struct balloon_host_ack - return an element to the driver
 * @queue: index
 * @head: from TAKE
 * @used_len: the used length
 * @flags: BALLOON_ACK_*
 * @resets: from TAKE
 * @irq: out: 1 when an interrupt was raised
 *
 * ENOENT: not taken or already acknowledged. ESTALE: reset since it was taken.
 */
struct balloon_host_ack {
	__u32 queue;
	__u32 head;
	__u32 used_len;
	__u32 flags;
	__u32 resets;
	__u32 irq;
};

/* --- memory --------------------------------------------------------------- */

/**
 * struct balloon_host_range - consecutive pages of 4096 bytes
 * @pfn: first one
 * @count: how many
 */
struct balloon_host_range {
	__u64 pfn;
	__u64 count;
};

/**
 * struct balloon_host_fill - destroy the content of pages
 * @ranges: array of struct balloon_host_range
 * @count: its length
 * @value: 32-bit value to fill with
 * @filled: out: pages filled
 * @refused: out: pages left alone because the device does not own them
 *
 * The device owns the pages of an inflate, hint or report element from taking
 * to acknowledging it, and with MUST_TELL_HOST those of an inflate element
 * until a deflate of them is acknowledged. Nothing else is ever written.
 */
struct balloon_host_fill {
	__u64 ranges;
	__u32 count;
	__u32 value;
	__u64 filled;
	__u64 refused;
};

/**
 * struct balloon_host_read - read guest memory
 * @pfn: page
 * @ptr: where the bytes go
 * @offset: first byte in the page
 * @len: bytes, up to the end of the page
 */
struct balloon_host_read {
	__u64 pfn;
	__u64 ptr;
	__u32 offset;
	__u32 len;
};

#define BALLOON_PAGE_RAM	(1U << 0)	/* system RAM with a struct page */
#define BALLOON_PAGE_OFFLINE	(1U << 1)	/* PageOffline */
#define BALLOON_PAGE_BUDDY	(1U << 2)	/* in a free block */
#define BALLOON_PAGE_RESERVED	(1U << 3)	/* PageReserved */
#define BALLOON_PAGE_OWNED	(1U << 4)	/* owned by this device, see FILL */

/**
 * struct balloon_host_page - state of one page
 * @pfn: in: page
 * @refs: out: reference count
 * @flags: out: BALLOON_PAGE_*
 */
struct balloon_host_page {
	__u64 pfn;
	__u32 refs;
	__u32 flags;
};

/**
 * struct balloon_host_pages - ask for the state of pages
 * @pages: array of struct balloon_host_page
 * @count: its length
 * @pad: 0
 */
struct balloon_host_pages {
	__u64 pages;
	__u32 count;
	__u32 pad;
};

/**
 * enum balloon_host_grip - how a page is held
 * @BALLOON_GRIP_NOT: it no longer is
 * @BALLOON_GRIP_REF: by a reference, as by those who look at any page there is
 * @BALLOON_GRIP_LOCK: by its lock
 */
enum balloon_host_grip {
	BALLOON_GRIP_NOT,
	BALLOON_GRIP_REF,
	BALLOON_GRIP_LOCK,
};

/**
 * struct balloon_host_hold - hold a page until the next such request
 * @pfn: page
 * @grip: enum balloon_host_grip
 * @pad: 0
 *
 * The page must not become free meanwhile. EBUSY: its lock is taken.
 */
struct balloon_host_hold {
	__u64 pfn;
	__u32 grip;
	__u32 pad;
};

#define BALLOON_HOST_CREATE	_IOW('b', 0xb0, struct balloon_host_create)
#define BALLOON_HOST_OP		_IOWR('b', 0xb1, struct balloon_host_op)
#define BALLOON_HOST_STATE	_IOR('b', 0xb2, struct balloon_host_state)
#define BALLOON_HOST_CONFIG_IO	_IOWR('b', 0xb3, struct balloon_host_config)
#define BALLOON_HOST_QUEUE	_IOWR('b', 0xb4, struct balloon_host_queue)
#define BALLOON_HOST_MODE	_IOW('b', 0xb5, struct balloon_host_mode)
#define BALLOON_HOST_TAKE	_IOWR('b', 0xb6, struct balloon_host_take)
#define BALLOON_HOST_ACK	_IOWR('b', 0xb7, struct balloon_host_ack)
/* Raise the used-buffer interrupt of a queue, whatever the driver asked for. */
#define BALLOON_HOST_IRQ	_IO('b', 0xb8)
/*
 * With the queue: the interrupt comes late. What it was for is gone when the driver's
 * callback runs, as if another CPU had taken it since virtio_ring looked.
 */
#define BALLOON_IRQ_LATE	(1U << 8)
/* Call virtio_break_device(). */
#define BALLOON_HOST_BREAK	_IO('b', 0xb9)
#define BALLOON_HOST_FILL	_IOWR('b', 0xba, struct balloon_host_fill)
#define BALLOON_HOST_READ	_IOW('b', 0xbb, struct balloon_host_read)
#define BALLOON_HOST_PAGES	_IOW('b', 0xbc, struct balloon_host_pages)
#define BALLOON_HOST_HOLD	_IOW('b', 0xbd, struct balloon_host_hold)

/*
 * poll(): POLLIN: events to read; POLLPRI: a queue without automatic mode was
 * kicked and has not been found empty by TAKE since.
 */

#endif /* _BALLOON_HOST_H */
