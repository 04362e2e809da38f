// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pump: take what the driver offers, let the model judge it, acknowledge
 * it as the policy of its queue says, until something has happened or the
 * deadline has come.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "host.h"
#include "internal.h"

/* Look again at least this often: conditions may change without an event. */
#define PUMP_SLICE_MS		10
/* A look that takes so long was not one. */
#define STALL_S			0.2

double host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void hold(struct host *h, struct host_elem *e)
{
	struct host_elem **p = &h->held;

	while (*p)
		p = &(*p)->next;
	e->next = NULL;
	*p = e;
}

static void unhold(struct host *h, struct host_elem *e)
{
	struct host_elem **p = &h->held;

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	e->next = NULL;
}

/* Elements of before a reset can never be acknowledged any more. */
static void drop_stale(struct host *h)
{
	struct balloon_host_state state;
	struct host_elem *e, *next;

	host_state(h, &state);
	if (state.resets == h->resets)
		return;
	h->resets = state.resets;
	host_model_reset(h);
	for (e = h->held; e; e = next) {
		next = e->next;
		if (e->resets == state.resets)
			continue;
		unhold(h, e);
		host_elem_free(e);
	}
}

static void ack_by_policy(struct host *h, struct host_elem *e)
{
	host_ack(h, e, host_used_len(e, h->policy[e->role].len), 0);
}

static bool take_role(struct host *h, enum host_role role)
{
	struct host_elem *e;
	bool any = false;

	while (!h->automatic[role] && (e = host_take(h, role))) {
		any = true;
		host_log(h);
		/* The driver may have begun anew since the last look. */
		if (e->resets != h->resets)
			drop_stale(h);
		host_model_take(h, e);
		if (h->on_take && h->on_take(h, e, h->arg))
			continue;
		if (h->policy[role].ack == HOST_ACK_NOW)
			ack_by_policy(h, e);
		else
			hold(h, e);
	}
	return any;
}

static struct host_elem *held_first(struct host *h, enum host_role role)
{
	struct host_elem *e;

	for (e = h->held; e; e = e->next)
		if (e->role == role)
			return e;
	return NULL;
}

static struct host_elem *held_last(struct host *h, enum host_role role)
{
	struct host_elem *last = NULL;
	struct host_elem *e;

	for (e = h->held; e; e = e->next)
		if (e->role == role)
			last = e;
	return last;
}

/* Acknowledge of one queue what has waited long enough. */
static void release_due(struct host *h, enum host_role role)
{
	const struct host_policy *policy = &h->policy[role];
	double due = host_now() - policy->delay_ms / 1000.0;
	struct host_elem *e;

	switch (policy->ack) {
	case HOST_ACK_NOW:
	case HOST_ACK_LATER:
		while ((e = held_first(h, role)) && e->at <= due) {
			unhold(h, e);
			ack_by_policy(h, e);
		}
		break;
	case HOST_ACK_REVERSE:
		e = held_last(h, role);
		if (!e || e->at > due)
			break;
		while ((e = held_last(h, role))) {
			unhold(h, e);
			ack_by_policy(h, e);
		}
		break;
	case HOST_ACK_HOLD:
		break;
	}
}

/* The first of a queue that is held, or NULL. */
const struct host_elem *host_held_elem(struct host *h, enum host_role role)
{
	return held_first(h, role);
}

/* From now on what comes on a queue is held. */
void host_withhold(struct host *h, enum host_role role)
{
	h->policy[role].ack = HOST_ACK_HOLD;
}

/* From now on it is acknowledged at once, and what is held now. Returns how many were. */
unsigned int host_answer(struct host *h, enum host_role role)
{
	h->policy[role].ack = HOST_ACK_NOW;
	return host_release(h, role);
}

/**
 * host_release - acknowledge all held elements of a queue
 * @h: the device
 * @role: which queue
 *
 * Return: how many there were.
 */
unsigned int host_release(struct host *h, enum host_role role)
{
	struct host_elem *e;
	unsigned int count = 0;

	while ((e = held_first(h, role))) {
		unhold(h, e);
		ack_by_policy(h, e);
		count++;
	}
	return count;
}

/**
 * host_ack_held - acknowledge one held element
 * @h: the device
 * @n: which of all that are held, from 0, modulo how many there are
 * @len: used length
 * @flags: BALLOON_ACK_*
 *
 * Return: 0, or a negative errno: -ENOENT when none is held.
 */
int host_ack_held(struct host *h, unsigned int n, __u32 len, __u32 flags)
{
	unsigned int count = 0;
	struct host_elem *e;

	for (e = h->held; e; e = e->next)
		count++;
	if (!count)
		return -ENOENT;
	for (e = h->held, n %= count; n; n--)
		e = e->next;
	unhold(h, e);
	return host_ack(h, e, len, flags);
}

/**
 * host_held - how many elements of a queue are held
 * @h: the device
 * @role: which queue
 */
unsigned int host_held(struct host *h, enum host_role role)
{
	struct host_elem *e;
	unsigned int count = 0;

	for (e = h->held; e; e = e->next)
		count += e->role == role;
	return count;
}

/**
 * host_serve - serve the driver once, without waiting
 * @h: the device
 *
 * Return: whether there was anything to take.
 */
bool host_serve(struct host *h)
{
	bool any = false;
	int role;

	drop_stale(h);
	for (role = 0; role < HOST_ROLES; role++) {
		any |= take_role(h, role);
		release_due(h, role);
	}
	host_log(h);
	return any;
}

static void pump_once(struct host *h)
{
	if (!host_serve(h)) {
		struct pollfd fd = { .fd = h->fd, .events = POLLIN | POLLPRI };

		poll(&fd, 1, PUMP_SLICE_MS);
	}
}

/**
 * host_pump - serve the driver until something has happened
 * @h: the device
 * @done: asked after each round, or NULL: never
 * @arg: for @done
 * @ms: deadline
 *
 * Return: 0 or -ETIMEDOUT.
 */
int host_pump(struct host *h, host_done done, void *arg, unsigned int ms)
{
	double deadline = host_now() + ms / 1000.0, begin, took;

	for (;;) {
		begin = host_now();
		pump_once(h);
		if (done && done(h, arg))
			return 0;
		/* The machine stood still: nobody had that time. */
		took = host_now() - begin;
		if (done && took > STALL_S)
			deadline += took;
		if (host_now() > deadline)
			return -ETIMEDOUT;
	}
}

static bool at_target(struct host *h, void *arg)
{
	return host_actual(h) == *(__u32 *)arg;
}

/**
 * host_pump_target - set a target and serve the driver until it is reached
 * @h: the device
 * @pages: the target
 * @ms: deadline
 *
 * Return: 0 or -ETIMEDOUT.
 */
int host_pump_target(struct host *h, __u32 pages, unsigned int ms)
{
	host_set_target(h, pages);
	return host_pump(h, at_target, &pages, ms);
}

static bool holds(struct host *h, void *arg)
{
	return host_held(h, *(enum host_role *)arg);
}

/**
 * host_wait_held - serve the driver until an element of a queue is held
 * @h: the device
 * @role: which queue
 * @ms: deadline
 *
 * Return: whether there is one.
 */
bool host_wait_held(struct host *h, enum host_role role, unsigned int ms)
{
	return !host_pump(h, holds, &role, ms);
}

static bool op_ended(struct host *h, void *arg)
{
	int *result = arg;

	*result = host_op_wait(h, 0);
	return *result != -ETIMEDOUT;
}

/**
 * host_pump_op - run an operation while serving the driver
 * @h: the device
 * @op: BALLOON_OP_*
 * @flags: BALLOON_OPF_*
 * @ms: deadline
 *
 * Return: its result, or -ETIMEDOUT when it goes on.
 */
int host_pump_op(struct host *h, unsigned int op, unsigned int flags,
		 unsigned int ms)
{
	int result = host_op_start(h, op, flags);

	if (result < 0)
		return result;
	host_pump(h, op_ended, &result, ms);
	return result;
}

/**
 * host_pump_for - serve the driver for a time
 * @h: the device
 * @ms: how long
 *
 * For showing that something does not happen; never to wait for what should.
 */
void host_pump_for(struct host *h, unsigned int ms)
{
	host_pump(h, NULL, NULL, ms);
}
