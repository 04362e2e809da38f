// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device: making it, its configuration space, its queues and elements.
 * See host.h; the pump is in pump.c, the log in log.c, memory in memory.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host.h"
#include "internal.h"

static const __u16 host_sizes[HOST_ROLES] = {
	[HOST_INFLATE] = 128,
	[HOST_DEFLATE] = 128,
	[HOST_STATS] = 128,
	[HOST_HINT] = 1024,
	[HOST_REPORT] = 32,
};

/* The feature without which a queue does not exist; 0: always there. */
static const __u64 host_role_feature[HOST_ROLES] = {
	[HOST_STATS] = HOST_F_STATS_VQ,
	[HOST_HINT] = HOST_F_FREE_PAGE_HINT,
	[HOST_REPORT] = HOST_F_REPORTING,
};

void host_die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

void *host_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		host_die("calloc");
	return p;
}

int host_ioctl(struct host *h, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(h->fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

/* An ioctl that fails only when the test itself is wrong. */
static void host_must(struct host *h, unsigned long request, void *arg,
		      const char *what)
{
	int err = host_ioctl(h, request, arg);

	if (err < 0) {
		errno = -err;
		host_die(what);
	}
}

static void put_le32(__u8 *p, __u32 value)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		p[i] = value >> (8 * i);
}

static __u32 get_le32(const __u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (__u32)p[3] << 24;
}

static bool host_has_role(__u64 features, enum host_role role)
{
	return !host_role_feature[role] || (features & host_role_feature[role]);
}

/* Sizes go by index, and the driver is expected to take what is offered. */
static void host_fill_sizes(struct balloon_host_create *create,
			    const struct host_offer *offer)
{
	unsigned int index = 0;
	__u16 size;
	int role;

	for (role = 0; role < HOST_ROLES; role++) {
		if (!host_has_role(offer->features, role))
			continue;
		size = offer->size[role] ? offer->size[role] : host_sizes[role];
		create->queue_size[index++] = size == HOST_NO_QUEUE ? 0 : size;
	}
}

/**
 * host_new - make a device
 * @offer: what it is like
 *
 * Return: the device, not plugged.
 */
struct host *host_new(const struct host_offer *offer)
{
	struct balloon_host_create create = {
		.features = offer->features,
		.required = offer->required,
		.max_pfn = host_max_pfn(),
		.event_slots = offer->event_slots,
		.config_len = offer->config_len ? offer->config_len : 16,
	};
	struct host *h = host_alloc(sizeof(*h));

	h->total = host_meminfo("MemTotal");
	h->offered = offer->features;
	/* To acknowledge a stats buffer is to ask for the next one. */
	h->policy[HOST_STATS].ack = HOST_ACK_HOLD;
	h->desc = host_alloc(BALLOON_HOST_DESCS * sizeof(*h->desc));
	h->data = host_alloc(BALLOON_HOST_DATA);
	host_fill_sizes(&create, offer);
	put_le32(create.config + HOST_CFG_TARGET, offer->target);
	put_le32(create.config + HOST_CFG_CMD_ID, offer->cmd_id);
	h->fd = open("/dev/balloon_host", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (h->fd < 0)
		host_die("/dev/balloon_host");
	host_must(h, BALLOON_HOST_CREATE, &create, "BALLOON_HOST_CREATE");
	return h;
}

/**
 * host_free - close a device, which removes it
 * @h: the device
 */
void host_free(struct host *h)
{
	struct host_elem *e;

	close(h->fd);
	while ((e = h->held)) {
		h->held = e->next;
		host_elem_free(e);
	}
	free(h->log);
	free(h->desc);
	free(h->data);
	free(h);
}

/**
 * host_op - run an operation on the driver
 * @h: the device
 * @op: BALLOON_OP_*
 * @flags: BALLOON_OPF_*
 * @ms: how long to wait; nothing is pumped meanwhile, see host_pump_op()
 *
 * Return: its result, or -ETIMEDOUT when it goes on.
 */
int host_op(struct host *h, unsigned int op, unsigned int flags,
	    unsigned int ms)
{
	struct balloon_host_op req = {
		.op = op,
		.flags = flags,
		.timeout_ms = ms,
	};
	int err = host_ioctl(h, BALLOON_HOST_OP, &req);

	return err < 0 ? err : req.result;
}

/**
 * host_op_start - start an operation, wait for nothing
 * @h: the device
 * @op: BALLOON_OP_*
 * @flags: BALLOON_OPF_*
 */
int host_op_start(struct host *h, unsigned int op, unsigned int flags)
{
	int err = host_op(h, op, flags, 0);

	return err == -ETIMEDOUT ? 0 : err;
}

/**
 * host_op_wait - wait for the operation under way
 * @h: the device
 * @ms: how long
 *
 * Return: its result, or -ETIMEDOUT when it goes on.
 */
int host_op_wait(struct host *h, unsigned int ms)
{
	return host_op(h, BALLOON_OP_WAIT, 0, ms);
}

int host_break(struct host *h)
{
	return host_ioctl(h, BALLOON_HOST_BREAK, NULL);
}

void host_state(struct host *h, struct balloon_host_state *state)
{
	host_must(h, BALLOON_HOST_STATE, state, "BALLOON_HOST_STATE");
}

bool host_driver_ok(struct host *h)
{
	struct balloon_host_state state;

	host_state(h, &state);
	return state.status & HOST_S_DRIVER_OK;
}

bool host_bound(struct host *h)
{
	struct balloon_host_state state;

	host_state(h, &state);
	return state.driver[0];
}

/* --- configuration space -------------------------------------------------- */

__u32 host_config(struct host *h, unsigned int offset)
{
	struct balloon_host_config io = { .offset = offset, .len = 4 };

	host_must(h, BALLOON_HOST_CONFIG_IO, &io, "reading configuration");
	return get_le32(io.data);
}

void host_set_config(struct host *h, unsigned int offset, __u32 value,
		     bool irq)
{
	struct balloon_host_config io = {
		.offset = offset,
		.len = 4,
		.flags = BALLOON_CONFIG_WRITE,
	};

	if (irq)
		io.flags |= BALLOON_CONFIG_IRQ;
	put_le32(io.data, value);
	host_must(h, BALLOON_HOST_CONFIG_IO, &io, "writing configuration");
}

void host_set_command(struct host *h, __u32 id)
{
	host_set_config(h, HOST_CFG_CMD_ID, id, true);
}

void host_set_target(struct host *h, __u32 pages)
{
	host_set_config(h, HOST_CFG_TARGET, pages, true);
}

__u32 host_actual(struct host *h)
{
	return host_config(h, HOST_CFG_ACTUAL);
}

void host_config_irq(struct host *h)
{
	struct balloon_host_config io = { .flags = BALLOON_CONFIG_IRQ };

	host_must(h, BALLOON_HOST_CONFIG_IO, &io, "config interrupt");
}

void host_set_status(struct host *h, __u8 bits)
{
	struct balloon_host_config io = {
		.flags = BALLOON_CONFIG_STATUS | BALLOON_CONFIG_IRQ,
		.data[0] = bits,
	};

	host_must(h, BALLOON_HOST_CONFIG_IO, &io, "setting status");
}

/* --- queues --------------------------------------------------------------- */

/**
 * host_queue - index of a queue
 * @h: the device
 * @role: what it is for
 *
 * Queues are numbered by accepted features, as the Linux transports do.
 *
 * Return: the index, or -ENODEV when the features leave it out.
 */
int host_queue(struct host *h, enum host_role role)
{
	struct balloon_host_state state;
	int index = 0;
	int r;

	host_state(h, &state);
	if (!host_has_role(state.features, role))
		return -ENODEV;
	for (r = 0; r < (int)role; r++)
		index += host_has_role(state.features, r);
	return index;
}

enum host_role host_role(struct host *h, int queue)
{
	int role;

	for (role = 0; role < HOST_ROLES; role++)
		if (host_queue(h, role) == queue)
			return role;
	return HOST_NONE;
}

void host_queue_info(struct host *h, enum host_role role,
		     struct balloon_host_queue *info)
{
	int queue = host_queue(h, role);

	memset(info, 0, sizeof(*info));
	if (queue < 0)
		return;
	info->queue = queue;
	host_must(h, BALLOON_HOST_QUEUE, info, "BALLOON_HOST_QUEUE");
}

/**
 * host_mode - let the kernel module serve a queue by itself
 * @h: the device
 * @role: which queue, by accepted features
 * @flags: BALLOON_MODE_*
 * @delay_us: from taking to acknowledging
 */
void host_mode(struct host *h, enum host_role role, __u32 flags,
	       __u32 delay_us)
{
	int queue = host_queue(h, role);
	struct balloon_host_mode mode = {
		.queue = queue,
		.flags = flags,
		.delay_us = delay_us,
		.fill = 0xbadc0ded,
	};

	if (queue < 0)
		return;
	h->automatic[role] = flags & BALLOON_MODE_AUTO;
	host_must(h, BALLOON_HOST_MODE, &mode, "BALLOON_HOST_MODE");
}

static void raise_irq(struct host *h, enum host_role role, long flags)
{
	long queue = host_queue(h, role);

	if (queue >= 0)
		host_must(h, BALLOON_HOST_IRQ, (void *)(queue | flags), "BALLOON_HOST_IRQ");
}

/* One that the driver did not ask for. */
void host_irq(struct host *h, enum host_role role)
{
	raise_irq(h, role, 0);
}

/* One whose requests another CPU has taken when the driver hears of it. */
void host_irq_late(struct host *h, enum host_role role)
{
	raise_irq(h, role, BALLOON_IRQ_LATE);
}

/* An answer to an element that cannot be: the driver's side takes the queue for broken. */
void host_break_queue(struct host *h, enum host_role role)
{
	struct balloon_host_queue info;

	host_queue_info(h, role, &info);
	host_ack_raw(h, host_queue(h, role), info.size, 0,
		     BALLOON_ACK_BOGUS | BALLOON_ACK_FORCE_IRQ);
}

/* --- elements ------------------------------------------------------------- */

void host_elem_free(struct host_elem *e)
{
	free(e->desc);
	free(e->data);
	free(e);
}

static struct host_elem *host_elem_new(struct host *h,
				       const struct balloon_host_take *take,
				       enum host_role role)
{
	struct host_elem *e = host_alloc(sizeof(*e));

	e->queue = take->queue;
	e->role = role;
	e->head = take->head;
	e->resets = take->resets;
	e->seq = take->seq;
	e->at = host_now();
	e->out_len = take->out_len;
	e->in_len = take->in_len;
	e->descs = take->desc_count;
	e->desc = host_alloc(e->descs * sizeof(*e->desc) + 1);
	memcpy(e->desc, h->desc, e->descs * sizeof(*e->desc));
	e->data = host_alloc(e->out_len + 1);
	memcpy(e->data, h->data, e->out_len < BALLOON_HOST_DATA ?
	       e->out_len : BALLOON_HOST_DATA);
	return e;
}

/**
 * host_take - take the next element of a queue
 * @h: the device
 * @role: which queue
 *
 * Return: the element, to be given to host_ack(), or NULL when there is none.
 */
struct host_elem *host_take(struct host *h, enum host_role role)
{
	int queue = host_queue(h, role);
	struct balloon_host_take take = {
		.queue = queue,
		.desc_max = BALLOON_HOST_DESCS,
		.desc_ptr = (uintptr_t)h->desc,
		.data_ptr = (uintptr_t)h->data,
		.data_max = BALLOON_HOST_DATA,
	};
	int err;

	if (queue < 0)
		return NULL;
	err = host_ioctl(h, BALLOON_HOST_TAKE, &take);
	if (err == -EBADMSG)
		printf("# malformed ring on queue %d\n", queue);
	return err < 0 ? NULL : host_elem_new(h, &take, role);
}

int host_ack_raw(struct host *h, int queue, __u32 head, __u32 len,
		 __u32 flags)
{
	struct balloon_host_ack ack = {
		.queue = queue,
		.head = head,
		.used_len = len,
		.flags = flags,
	};
	struct balloon_host_state state;

	host_state(h, &state);
	ack.resets = state.resets;
	return host_ioctl(h, BALLOON_HOST_ACK, &ack);
}

/**
 * host_ack - acknowledge an element and free it
 * @h: the device
 * @e: the element, not on the list of those held
 * @len: used length
 * @flags: BALLOON_ACK_*
 *
 * Return: 0, or a negative errno: -ESTALE when the device was reset since.
 */
int host_ack(struct host *h, struct host_elem *e, __u32 len, __u32 flags)
{
	struct balloon_host_ack ack = {
		.queue = e->queue,
		.head = e->head,
		.used_len = len,
		.flags = flags,
		.resets = e->resets,
	};
	int err;

	host_model_ack(h, e);
	err = host_ioctl(h, BALLOON_HOST_ACK, &ack);
	host_elem_free(e);
	return err;
}

__u32 host_used_len(const struct host_elem *e, enum host_len len)
{
	switch (len) {
	case HOST_LEN_TOTAL:
		return e->out_len + e->in_len;
	case HOST_LEN_ODD:
		return (e->out_len + e->in_len) / 2 | 1;
	case HOST_LEN_HUGE:
		return 0xffffffff;
	default:
		return 0;
	}
}
