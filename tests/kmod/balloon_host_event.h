/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The event log of /dev/balloon_host, part of balloon_host.h.
 */
#ifndef _BALLOON_HOST_EVENT_H
#define _BALLOON_HOST_EVENT_H

#include <linux/types.h>

/**
 * enum balloon_host_event_type - what happened
 * @BALLOON_EV_LOST: events were overwritten before they were read;
 *	value: how many
 * @BALLOON_EV_RESET: the driver or the core reset the device;
 *	value: status before
 * @BALLOON_EV_STATUS: status written; value: new status, where: old status
 * @BALLOON_EV_GET_FEATURES: offered features read; value: the features
 * @BALLOON_EV_FEATURES: features finalized; value: what the driver accepted
 * @BALLOON_EV_CONFIG_READ: where: offset, len, value: first 8 bytes
 * @BALLOON_EV_CONFIG_WRITE: where: offset, len, value: first 8 bytes
 * @BALLOON_EV_FIND_VQ: a queue was created; queue: index, where: position in
 *	the driver's own list, len: size, name: the driver's name for it
 * @BALLOON_EV_FIND_VQS: find_vqs returned; len: queues created,
 *	value: 0 or the negative error
 * @BALLOON_EV_DEL_VQS: del_vqs was called; len: queues deleted
 * @BALLOON_EV_KICK: the driver notified a queue; value: device status then,
 *	where: avail index, len: avail index minus entries already taken
 * @BALLOON_EV_TAKE: an element was taken; where: head, len: out bytes,
 *	value: in bytes
 * @BALLOON_EV_ACK: an element was acknowledged; where: head, len: used
 *	length, value: BALLOON_ACK_* flags
 * @BALLOON_EV_IRQ: used-buffer interrupt delivered
 * @BALLOON_EV_IRQ_OFF: used-buffer interrupt suppressed by the driver
 * @BALLOON_EV_CONFIG_IRQ: config-change interrupt delivered
 * @BALLOON_EV_OP: an operation ended; where: BALLOON_OP_*,
 *	value: 0 or the negative error
 * @BALLOON_EV_BREAK: virtio_break_device() was called
 * @BALLOON_EV_LEFT_VQS: after removal the driver had left queues behind;
 *	len: how many
 * @BALLOON_EV_FREED: on reset, pages named by a request that was taken and not
 *	acknowledged were free already; queue: any, but deflate with MUST_TELL_HOST
 *	only; where: one such PFN, len: how many
 * @BALLOON_EV_NR: not an event: one more than the last
 */
enum balloon_host_event_type {
	BALLOON_EV_LOST = 1,
	BALLOON_EV_RESET,
	BALLOON_EV_STATUS,
	BALLOON_EV_GET_FEATURES,
	BALLOON_EV_FEATURES,
	BALLOON_EV_CONFIG_READ,
	BALLOON_EV_CONFIG_WRITE,
	BALLOON_EV_FIND_VQ,
	BALLOON_EV_FIND_VQS,
	BALLOON_EV_DEL_VQS,
	BALLOON_EV_KICK,
	BALLOON_EV_TAKE,
	BALLOON_EV_ACK,
	BALLOON_EV_IRQ,
	BALLOON_EV_IRQ_OFF,
	BALLOON_EV_CONFIG_IRQ,
	BALLOON_EV_OP,
	BALLOON_EV_BREAK,
	BALLOON_EV_LEFT_VQS,
	BALLOON_EV_FREED,
	BALLOON_EV_NR,
};

/* Flags of an event: how the driver called, and what the device made of it. */
#define BALLOON_EVF_HARDIRQ	(1U << 0)	/* in hard interrupt context */
#define BALLOON_EVF_ATOMIC	(1U << 1)	/* where sleeping is forbidden */
#define BALLOON_EVF_IGNORED	(1U << 2)	/* a write the device ignored */
#define BALLOON_EVF_RANGE	(1U << 3)	/* outside configuration space */
#define BALLOON_EVF_AUTO	(1U << 4)	/* done by automatic mode */

/**
 * struct balloon_host_event - one entry of the log, as read() returns it
 * @seq: place in the order of all events of all devices since module load
 * @ns: CLOCK_MONOTONIC time
 * @type: enum balloon_host_event_type
 * @queue: queue index, or -1
 * @flags: BALLOON_EVF_*
 * @where: see the type
 * @len: see the type
 * @pid: task that was running, meaningless with BALLOON_EVF_HARDIRQ
 * @reset: how often the device had been reset before
 * @value: see the type
 * @name: see the type, else empty
 */
struct balloon_host_event {
	__u64 seq;
	__u64 ns;
	__u16 type;
	__s16 queue;
	__u32 flags;
	__u32 where;
	__u32 len;
	__u32 pid;
	__u32 reset;
	__u64 value;
	char name[BALLOON_HOST_NAME];
};

#endif /* _BALLOON_HOST_EVENT_H */
