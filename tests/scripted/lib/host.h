/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Play the host of a virtio balloon: a thin layer over /dev/balloon_host
 * (tests/kmod/balloon_host.h) that pumps elements, keeps deadlines and answers
 * questions about the event log.
 *
 * Functions that return int return 0 or a negative errno unless said
 * otherwise. What cannot happen in a sane test environment (no memory, no
 * /dev/balloon_host) ends the program with a message.
 */
#ifndef _HOST_H
#define _HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balloon_host.h"

#define HOST_PAGE		4096u
#define HOST_MIB		(1048576u / HOST_PAGE)	/* device pages in it */

#define HOST_F(bit)		(1ULL << (bit))
#define HOST_F_MUST_TELL_HOST	HOST_F(0)
#define HOST_F_STATS_VQ		HOST_F(1)
#define HOST_F_DEFLATE_ON_OOM	HOST_F(2)
#define HOST_F_FREE_PAGE_HINT	HOST_F(3)
#define HOST_F_PAGE_POISON	HOST_F(4)
#define HOST_F_REPORTING	HOST_F(5)
#define HOST_F_INDIRECT_DESC	HOST_F(28)
#define HOST_F_EVENT_IDX	HOST_F(29)
#define HOST_F_VERSION_1	HOST_F(32)

/* What most hosts offer to a modern guest. */
#define HOST_F_MODERN		(HOST_F_VERSION_1 | HOST_F_EVENT_IDX | \
				 HOST_F_INDIRECT_DESC)

#define HOST_S_ACKNOWLEDGE	1
#define HOST_S_DRIVER		2
#define HOST_S_DRIVER_OK	4
#define HOST_S_FEATURES_OK	8
#define HOST_S_NEEDS_RESET	64
#define HOST_S_FAILED		128

/* Offsets in configuration space. */
#define HOST_CFG_TARGET		0
#define HOST_CFG_ACTUAL		4
#define HOST_CFG_CMD_ID		8
#define HOST_CFG_POISON		12

#define HOST_CMD_STOP		0
#define HOST_CMD_DONE		1

/* Any queue, in questions about the log. */
#define HOST_ANY		(-2)

/* The queues by what they are for; their index depends on the features. */
enum host_role {
	HOST_INFLATE,
	HOST_DEFLATE,
	HOST_STATS,
	HOST_HINT,
	HOST_REPORT,
	HOST_ROLES,
	HOST_NONE = -1,
};

/**
 * enum host_ack - when a role's elements are acknowledged by the pump
 * @HOST_ACK_NOW: at once
 * @HOST_ACK_LATER: after host_policy.delay_ms
 * @HOST_ACK_REVERSE: when no element has come for delay_ms, last one first
 * @HOST_ACK_HOLD: when the test says so, by host_release()
 */
enum host_ack {
	HOST_ACK_NOW,
	HOST_ACK_LATER,
	HOST_ACK_REVERSE,
	HOST_ACK_HOLD,
};

/**
 * enum host_len - the used length returned
 * @HOST_LEN_ZERO: nothing was written: right for out buffers
 * @HOST_LEN_TOTAL: the whole length, as old devices do
 * @HOST_LEN_ODD: some odd number inside it
 * @HOST_LEN_HUGE: more than the buffer has
 */
enum host_len {
	HOST_LEN_ZERO,
	HOST_LEN_TOTAL,
	HOST_LEN_ODD,
	HOST_LEN_HUGE,
};

struct host_policy {
	enum host_ack ack;
	unsigned int delay_ms;
	enum host_len len;
};

/**
 * struct host_elem - an element that the host has and the driver waits for
 * @next: next of those held, in order of arrival
 * @queue: index
 * @role: what the queue is for
 * @head: to acknowledge it by
 * @resets: to acknowledge it by
 * @seq: of its BALLOON_EV_TAKE
 * @at: time it was taken, as host_now()
 * @out_len: bytes at @data
 * @in_len: bytes of the in descriptors
 * @descs: number of descriptors at @desc
 * @desc: descriptors
 * @data: content of the out descriptors
 */
struct host_elem {
	struct host_elem *next;
	int queue;
	enum host_role role;
	__u32 head;
	__u32 resets;
	__u64 seq;
	double at;
	__u32 out_len;
	__u64 in_len;
	__u32 descs;
	struct balloon_host_desc *desc;
	__u8 *data;
};

struct model;

/**
 * struct host - one device
 * @fd: /dev/balloon_host
 * @offered: features
 * @policy: by role; may be changed at any time
 * @automatic: roles that the kernel module serves; the pump leaves them alone
 * @held: elements taken and not acknowledged, oldest first
 * @model: judges and destroys, or NULL
 * @on_take: called for each element before the policy acts on it, or NULL;
 *	returning true takes it off the pump: the callee acknowledges it
 * @arg: for @on_take
 * @log: all events read so far
 * @events: length of @log
 * @room: room at @log
 * @lost: events that the kernel overwrote
 * @resets: resets seen in the log
 * @total: MemTotal before there was the device, in device pages
 * @ms: deadline for plugging and removing it, of device_plug()
 * @desc: scratch for TAKE
 * @data: scratch for TAKE
 */
struct host {
	int fd;
	__u64 offered;
	struct host_policy policy[HOST_ROLES];
	bool automatic[HOST_ROLES];
	struct host_elem *held;
	struct model *model;
	bool (*on_take)(struct host *h, struct host_elem *e, void *arg);
	void *arg;
	struct balloon_host_event *log;
	size_t events;
	size_t room;
	__u64 lost;
	__u32 resets;
	__u64 total;
	unsigned int ms;
	struct balloon_host_desc *desc;
	__u8 *data;
};

#define HOST_NO_QUEUE	0xffff

/**
 * struct host_offer - the device to make; zeroes mean what QEMU has
 * @features: offered
 * @required: the driver must accept these
 * @target: num_pages at plug time
 * @cmd_id: free_page_hint_cmd_id at plug time
 * @size: queue sizes by role; HOST_NO_QUEUE: the device lacks it all the same
 * @config_len: bytes of configuration space
 * @event_slots: length of the kernel's log
 */
struct host_offer {
	__u64 features;
	__u64 required;
	__u32 target;
	__u32 cmd_id;
	__u16 size[HOST_ROLES];
	__u32 config_len;
	__u32 event_slots;
};

/* host_new() only makes the device: BALLOON_OP_PLUG shows it to the guest. */
struct host *host_new(const struct host_offer *offer);
void host_free(struct host *h);
int host_op(struct host *h, unsigned int op, unsigned int flags,
	    unsigned int ms);
int host_op_start(struct host *h, unsigned int op, unsigned int flags);
int host_op_wait(struct host *h, unsigned int ms);
int host_break(struct host *h);
void host_state(struct host *h, struct balloon_host_state *state);
bool host_driver_ok(struct host *h);
bool host_bound(struct host *h);

/* The driver as a module and on the bus, driver.c. */
void host_load_driver(void);
int host_unload_driver(unsigned int ms);
int host_unbind(struct host *h, unsigned int ms);
int host_bind(struct host *h, unsigned int ms);
bool host_set_parameter(const char *name, const char *value);
int host_attribute(struct host *h, const char *name, char *text, size_t size);
int host_set_attribute(struct host *h, const char *name, const char *text);
int host_debugfs(struct host *h, const char *file, char *text, size_t size);
long long host_debugfs_value(struct host *h, const char *file, const char *name);

/* Configuration space. */
__u32 host_config(struct host *h, unsigned int offset);
void host_set_config(struct host *h, unsigned int offset, __u32 value,
		     bool irq);
/* A command id of hinting (5.5.6.5), or HOST_CMD_STOP or _DONE. */
void host_set_command(struct host *h, __u32 id);
void host_set_target(struct host *h, __u32 pages);
__u32 host_actual(struct host *h);
void host_config_irq(struct host *h);
void host_set_status(struct host *h, __u8 bits);

/* Queues. */
int host_queue(struct host *h, enum host_role role);
enum host_role host_role(struct host *h, int queue);
void host_queue_info(struct host *h, enum host_role role,
		     struct balloon_host_queue *info);
void host_mode(struct host *h, enum host_role role, __u32 flags,
	       __u32 delay_us);
void host_irq(struct host *h, enum host_role role);
void host_irq_late(struct host *h, enum host_role role);
void host_break_queue(struct host *h, enum host_role role);

/* Elements. */
struct host_elem *host_take(struct host *h, enum host_role role);
int host_ack(struct host *h, struct host_elem *e, __u32 len,
	     __u32 flags);
int host_ack_raw(struct host *h, int queue, __u32 head, __u32 len,
		 __u32 flags);
__u32 host_used_len(const struct host_elem *e, enum host_len len);
unsigned int host_release(struct host *h, enum host_role role);
int host_ack_held(struct host *h, unsigned int n, __u32 len, __u32 flags);
unsigned int host_held(struct host *h, enum host_role role);
const struct host_elem *host_held_elem(struct host *h, enum host_role role);
void host_withhold(struct host *h, enum host_role role);
unsigned int host_answer(struct host *h, enum host_role role);

/* The pump. host_pump() returns 0 when done() said so, -ETIMEDOUT at the deadline. */
typedef bool (*host_done)(struct host *h, void *arg);
bool host_serve(struct host *h);
int host_pump(struct host *h, host_done done, void *arg, unsigned int ms);
int host_pump_target(struct host *h, __u32 pages, unsigned int ms);
bool host_wait_held(struct host *h, enum host_role role, unsigned int ms);
int host_pump_op(struct host *h, unsigned int op, unsigned int flags,
		 unsigned int ms);
void host_pump_for(struct host *h, unsigned int ms);
double host_now(void);

/* The log. */
void host_log(struct host *h);
unsigned int host_count(struct host *h, unsigned int type, int queue);
const struct balloon_host_event *host_find(struct host *h, unsigned int type,
					   int queue, __u64 after);
const struct balloon_host_event *host_find_status(struct host *h, __u8 bit);
void host_print_log(struct host *h, unsigned int last);

/* Memory. */
__u64 host_fill(struct host *h, const struct balloon_host_range *ranges,
		unsigned int count, __u32 value);
int host_pages(struct host *h, struct balloon_host_page *pages,
	       unsigned int count);
int host_read(struct host *h, __u64 pfn, void *buf);
bool host_is_free(struct host *h, __u64 pfn);
int host_hold(struct host *h, __u64 pfn, enum balloon_host_grip grip);
__u64 host_vm_events(const char *prefix);
__u64 host_meminfo(const char *field);
__u64 host_free_memory(void);
__u64 host_slack(__u64 pages);
unsigned int host_patience(unsigned int ms);
__u64 host_wait_free(__u64 pages, unsigned int ms);

#endif /* _HOST_H */
