// SPDX-License-Identifier: GPL-2.0-only
/* The event log: fetching it and asking it questions. See host.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "internal.h"

#define LOG_BATCH	256

static const char * const log_names[BALLOON_EV_NR] = {
	[BALLOON_EV_LOST] = "lost",
	[BALLOON_EV_RESET] = "reset",
	[BALLOON_EV_STATUS] = "status",
	[BALLOON_EV_GET_FEATURES] = "get-features",
	[BALLOON_EV_FEATURES] = "features",
	[BALLOON_EV_CONFIG_READ] = "config-read",
	[BALLOON_EV_CONFIG_WRITE] = "config-write",
	[BALLOON_EV_FIND_VQ] = "find-vq",
	[BALLOON_EV_FIND_VQS] = "find-vqs",
	[BALLOON_EV_DEL_VQS] = "del-vqs",
	[BALLOON_EV_KICK] = "kick",
	[BALLOON_EV_TAKE] = "take",
	[BALLOON_EV_ACK] = "ack",
	[BALLOON_EV_IRQ] = "irq",
	[BALLOON_EV_IRQ_OFF] = "irq-off",
	[BALLOON_EV_CONFIG_IRQ] = "config-irq",
	[BALLOON_EV_OP] = "op",
	[BALLOON_EV_BREAK] = "break",
	[BALLOON_EV_LEFT_VQS] = "left-vqs",
	[BALLOON_EV_FREED] = "freed",
};

static const char *log_name(unsigned int type)
{
	return type < BALLOON_EV_NR && log_names[type] ? log_names[type] : "?";
}

static void log_grow(struct host *h)
{
	if (h->room - h->events >= LOG_BATCH)
		return;
	h->room = h->room * 2 + LOG_BATCH;
	h->log = realloc(h->log, h->room * sizeof(*h->log));
	if (!h->log)
		host_die("realloc");
}

/**
 * host_log - fetch what has happened since it was last called
 * @h: the device
 */
void host_log(struct host *h)
{
	ssize_t got;
	size_t i, n;

	for (;;) {
		log_grow(h);
		got = read(h->fd, h->log + h->events,
			   LOG_BATCH * sizeof(*h->log));
		if (got <= 0)
			break;
		n = got / sizeof(*h->log);
		for (i = 0; i < n; i++)
			if (h->log[h->events + i].type == BALLOON_EV_LOST)
				h->lost += h->log[h->events + i].value;
		h->events += n;
	}
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		host_die("reading events");
}

static bool log_match(const struct balloon_host_event *e, unsigned int type,
		      int queue)
{
	return e->type == type && (queue == HOST_ANY || e->queue == queue);
}

/**
 * host_count - count events
 * @h: the device
 * @type: BALLOON_EV_*
 * @queue: index, or HOST_ANY
 */
unsigned int host_count(struct host *h, unsigned int type, int queue)
{
	unsigned int count = 0;
	size_t i;

	host_log(h);
	for (i = 0; i < h->events; i++)
		count += log_match(&h->log[i], type, queue);
	return count;
}

/**
 * host_find - find the first event of a kind
 * @h: the device
 * @type: BALLOON_EV_*
 * @queue: index, or HOST_ANY
 * @after: only with a higher sequence number than this
 *
 * Return: the event, valid until the log is fetched again, or NULL.
 */
const struct balloon_host_event *host_find(struct host *h, unsigned int type,
					   int queue, __u64 after)
{
	size_t i;

	host_log(h);
	for (i = 0; i < h->events; i++)
		if (h->log[i].seq > after && log_match(&h->log[i], type, queue))
			return &h->log[i];
	return NULL;
}

/**
 * host_find_status - find the write that first set a status bit
 * @h: the device
 * @bit: HOST_S_*
 *
 * Return: the event, valid until the log is fetched again, or NULL.
 */
const struct balloon_host_event *host_find_status(struct host *h, __u8 bit)
{
	const struct balloon_host_event *e = NULL;
	__u64 after = 0;

	while ((e = host_find(h, BALLOON_EV_STATUS, HOST_ANY, after))) {
		if (e->value & bit)
			return e;
		after = e->seq;
	}
	return NULL;
}

/**
 * host_print_log - print the end of the log as diagnostics
 * @h: the device
 * @last: how many events
 */
void host_print_log(struct host *h, unsigned int last)
{
	const struct balloon_host_event *e;
	size_t i;

	host_log(h);
	for (i = h->events > last ? h->events - last : 0; i < h->events; i++) {
		e = &h->log[i];
		printf("# %llu %.6f %-12s queue %d reset %u pid %u: ", e->seq,
		       e->ns / 1e9, log_name(e->type), e->queue, e->reset,
		       e->pid);
		printf("where %#x len %u value %#llx flags %#x %s\n", e->where,
		       e->len, e->value, e->flags, e->name);
	}
	fflush(stdout);
}
