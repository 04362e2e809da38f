// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory model: the books, and the inflate and deflate queues. Hints,
 * reports and statistics are in model_queues.c. See model.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "model.h"

#define COMPLAINTS_SHOWN	10
#define RANGES_MAX		4096

/**
 * model_complain - note a violation
 * @m: the model
 * @format: what is wrong
 */
void model_complain(struct model *m, const char *format, ...)
{
	va_list args;

	if (m->complaints++ >= COMPLAINTS_SHOWN)
		return;
	printf("# model: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/**
 * model_new - attach a model to a device
 * @h: the device; the pump calls the model from now on
 */
struct model *model_new(struct host *h)
{
	struct model *m = host_alloc(sizeof(*m));

	m->h = h;
	ram_read(&m->ram);
	m->pages = ram_end(&m->ram);
	m->state = host_alloc(m->pages + 1);
	h->model = m;
	return m;
}

void model_free(struct model *m)
{
	m->h->model = NULL;
	free(m->state);
	free(m);
}

/**
 * model_clean - has the driver kept to the protocol so far?
 * @m: the model
 */
bool model_clean(struct model *m)
{
	const struct balloon_host_event *e;

	while ((e = host_find(m->h, BALLOON_EV_FREED, HOST_ANY, m->freed_seq))) {
		m->freed_seq = e->seq;
		if (m->lenient)
			continue;
		model_complain(m, "at reset %u pages under way on queue %d are free, as %#x",
			       e->len, e->queue, e->where);
	}
	if (m->complaints)
		printf("# model: %u complaints in all\n", m->complaints);
	return !m->complaints;
}

struct settle {
	struct model *m;
	__u32 target;
};

static bool settled(struct host *h, void *arg)
{
	struct settle *s = arg;

	return host_actual(h) == s->target && s->m->told == s->target &&
	       !host_held(h, HOST_INFLATE) && !host_held(h, HOST_DEFLATE);
}

/**
 * model_settle - set a target and serve the driver until all agree on it
 * @m: the model
 * @target: pages
 * @ms: deadline
 *
 * Return: 0 when 'actual' and what the host was told are the target, or
 * -ETIMEDOUT.
 */
int model_settle(struct model *m, __u32 target, unsigned int ms)
{
	struct settle s = { m, target };
	int err;

	host_set_target(m->h, target);
	err = host_pump(m->h, settled, &s, ms);
	if (err)
		printf("# target %u: actual %u, told %llu, held %u and %u\n",
		       target, host_actual(m->h), m->told,
		       host_held(m->h, HOST_INFLATE),
		       host_held(m->h, HOST_DEFLATE));
	return err;
}

/**
 * model_some_page - a page that the host believes to be in the balloon
 * @m: the model
 *
 * Return: the first one, or 0.
 */
__u64 model_some_page(const struct model *m)
{
	__u64 pfn;

	for (pfn = 0; pfn < m->pages; pfn++)
		if (m->state[pfn] & MODEL_BALLOON)
			return pfn;
	return 0;
}

/**
 * model_offline - pages that were in the balloon once and are marked so still
 * @m: the model
 *
 * Return: how many; after removal of the driver there must be none.
 */
__u64 model_offline(struct model *m)
{
	struct balloon_host_page *pages;
	unsigned int i, nr = 0;
	__u64 pfn, count = 0;

	pages = host_alloc(RANGES_MAX * sizeof(*pages));
	for (pfn = 0; pfn < m->pages; pfn++) {
		if (m->state[pfn] & MODEL_SEEN)
			pages[nr++].pfn = pfn;
		if (nr < RANGES_MAX && pfn + 1 < m->pages)
			continue;
		if (nr && host_pages(m->h, pages, nr))
			host_die("BALLOON_HOST_PAGES");
		for (i = 0; i < nr; i++)
			count += !!(pages[i].flags & BALLOON_PAGE_OFFLINE);
		nr = 0;
	}
	free(pages);
	return count;
}

__u32 model_u32(const __u8 *p)
{
	__u32 value;

	/* Native order: right for legacy devices and little-endian guests. */
	memcpy(&value, p, sizeof(value));
	return value;
}

static bool must_tell(struct model *m)
{
	struct balloon_host_state state;

	host_state(m->h, &state);
	return state.features & HOST_F_MUST_TELL_HOST;
}

static unsigned int elem_pfns(const struct host_elem *e)
{
	return e->out_len / sizeof(__u32);
}

static __u32 elem_pfn(const struct host_elem *e, unsigned int i)
{
	return model_u32(e->data + i * sizeof(__u32));
}

static __u8 *page_state(struct model *m, __u64 pfn)
{
	static __u8 nowhere;

	nowhere = 0;
	return pfn < m->pages ? &m->state[pfn] : &nowhere;
}

/*
 * While the host may write a page, nobody in the guest may have freed it. What
 * a reset made void meanwhile may be free: then nothing can be said.
 */
static void check_held(struct model *m, const struct host_elem *e,
		       const char *when)
{
	unsigned int count = elem_pfns(e);
	struct balloon_host_page *pages;
	struct balloon_host_state state;
	unsigned int i;

	if (m->lenient || count > RANGES_MAX)
		return;
	pages = host_alloc((count + 1) * sizeof(*pages));
	for (i = 0; i < count; i++)
		pages[i].pfn = elem_pfn(e, i);
	if (host_pages(m->h, pages, count))
		count = 0;
	host_state(m->h, &state);
	if (state.resets != e->resets)
		count = 0;
	for (i = 0; i < count; i++)
		if ((pages[i].flags & BALLOON_PAGE_BUDDY) || !pages[i].refs)
			model_complain(m, "pfn %#llx is free %s (refs %u flags %#x)",
				       (__u64)pages[i].pfn, when,
				       pages[i].refs, pages[i].flags);
	free(pages);
}

static void destroy(struct model *m, const struct balloon_host_range *ranges,
		    unsigned int count, __u32 value)
{
	__u64 refused = host_fill(m->h, ranges, count, value);
	unsigned int i;

	for (i = 0; i < count; i++)
		m->destroyed += ranges[i].count;
	m->destroyed -= refused;
}

/* Destroy what a PFN array names, runs of ascending PFNs in one. */
static void destroy_pfns(struct model *m, const struct host_elem *e,
			 __u32 value)
{
	struct balloon_host_range *ranges;
	unsigned int count = 0;
	unsigned int i;
	__u32 pfn;

	if (m->inhibited)
		return;
	ranges = host_alloc(RANGES_MAX * sizeof(*ranges));
	for (i = 0; i < elem_pfns(e); i++) {
		pfn = elem_pfn(e, i);
		if (count && ranges[count - 1].pfn +
			     ranges[count - 1].count == pfn) {
			ranges[count - 1].count++;
			continue;
		}
		if (count == RANGES_MAX) {
			destroy(m, ranges, count, value);
			count = 0;
		}
		ranges[count++] = (struct balloon_host_range) { pfn, 1 };
	}
	destroy(m, ranges, count, value);
	free(ranges);
}

/* What an array of PFNs must look like, whichever way the pages go. */
static void check_array(struct model *m, const struct host_elem *e)
{
	if (!e->out_len || e->out_len % sizeof(__u32))
		model_complain(m, "queue %d: %u bytes are no array of PFNs",
			       e->queue, e->out_len);
	if (e->in_len)
		model_complain(m, "queue %d: element has %llu in bytes",
			       e->queue, e->in_len);
}

static void inflate_page(struct model *m, __u32 pfn)
{
	__u8 *state = page_state(m, pfn);

	if (!ram_has(&m->ram, pfn))
		model_complain(m, "inflating pfn %#x, which is no RAM", pfn);
	else if (*state & MODEL_INFLATING)
		model_complain(m, "inflating pfn %#x, whose inflate is not acknowledged",
			       pfn);
	else if (*state & MODEL_DEFLATING)
		model_complain(m, "inflating pfn %#x, whose deflate is not acknowledged",
			       pfn);
	else if (*state & MODEL_HINTING)
		model_hint_lost(m, pfn);
	else if (*state & MODEL_REPORTING)
		model_complain(m, "inflating pfn %#x, whose report is not acknowledged",
			       pfn);
	if (*state & (MODEL_BALLOON | MODEL_BEFORE))
		m->resynced++;
	*state |= MODEL_INFLATING | MODEL_SEEN;
}

static void take_inflate(struct model *m, const struct host_elem *e)
{
	unsigned int i;

	check_array(m, e);
	for (i = 0; i < elem_pfns(e); i++)
		inflate_page(m, elem_pfn(e, i));
	check_held(m, e, "while it is being inflated");
	destroy_pfns(m, e, MODEL_JUNK_INFLATE);
}

static void ack_inflate(struct model *m, const struct host_elem *e)
{
	unsigned int i;
	__u8 *state;

	/* Until now the host could have discarded it. */
	check_held(m, e, "and its inflate is not acknowledged");
	for (i = 0; i < elem_pfns(e); i++) {
		state = page_state(m, elem_pfn(e, i));
		if (!(*state & (MODEL_BALLOON | MODEL_BEFORE)))
			m->told++;
		*state &= ~(MODEL_INFLATING | MODEL_HINTED | MODEL_BEFORE);
		*state |= MODEL_BALLOON;
	}
	m->inflated += elem_pfns(e);
}

static void deflate_page(struct model *m, __u32 pfn)
{
	__u8 *state = page_state(m, pfn);

	if (!ram_has(&m->ram, pfn))
		model_complain(m, "deflating pfn %#x, which is no RAM", pfn);
	else if (*state & MODEL_DEFLATING)
		model_complain(m, "deflating pfn %#x twice", pfn);
	else if (*state & MODEL_INFLATING)
		model_complain(m, "deflating pfn %#x, whose inflate is not acknowledged",
			       pfn);
	else if (!(*state & (MODEL_BALLOON | MODEL_BEFORE)))
		model_complain(m, "deflating pfn %#x, which is not in the balloon",
			       pfn);
	*state |= MODEL_DEFLATING;
}

static void take_deflate(struct model *m, const struct host_elem *e)
{
	unsigned int i;

	check_array(m, e);
	for (i = 0; i < elem_pfns(e); i++)
		deflate_page(m, elem_pfn(e, i));
	if (!must_tell(m))
		return;
	/* The pages stay the host's until it acknowledges. */
	check_held(m, e, "and its deflate is not acknowledged");
	destroy_pfns(m, e, MODEL_JUNK_DEFLATE);
}

static void ack_deflate(struct model *m, const struct host_elem *e)
{
	unsigned int i;
	__u8 *state;

	if (must_tell(m))
		check_held(m, e, "and its deflate is not acknowledged");
	for (i = 0; i < elem_pfns(e); i++) {
		state = page_state(m, elem_pfn(e, i));
		if (*state & (MODEL_BALLOON | MODEL_BEFORE))
			m->told--;
		*state &= ~(MODEL_DEFLATING | MODEL_BALLOON | MODEL_BEFORE);
	}
	m->deflated += elem_pfns(e);
}

/**
 * model_take - an element was taken
 * @m: the model
 * @e: the element
 */
void model_take(struct model *m, const struct host_elem *e)
{
	switch (e->role) {
	case HOST_INFLATE:
		take_inflate(m, e);
		break;
	case HOST_DEFLATE:
		take_deflate(m, e);
		break;
	case HOST_STATS:
		model_take_stats(m, e);
		break;
	case HOST_HINT:
		model_take_hint(m, e);
		break;
	case HOST_REPORT:
		model_take_report(m, e);
		break;
	default:
		model_complain(m, "element on unknown queue %d", e->queue);
	}
}

/**
 * model_ack - an element is about to be acknowledged
 * @m: the model
 * @e: the element
 */
void model_ack(struct model *m, const struct host_elem *e)
{
	if (e->role == HOST_INFLATE)
		ack_inflate(m, e);
	else if (e->role == HOST_DEFLATE)
		ack_deflate(m, e);
	else if (e->role == HOST_STATS)
		m->stats_out--;
	else if (e->role == HOST_HINT)
		model_ack_hint(m, e);
	else if (e->role == HOST_REPORT)
		model_ack_report(m, e);
}

/**
 * model_reset - the device was reset: what was under way is void
 * @m: the model
 *
 * Pages in the balloon may stay there, as on QEMU: the driver may keep them over
 * a suspend and deflate them afterwards, or give them back by the reset.
 */
void model_reset(struct model *m)
{
	__u64 pfn;

	for (pfn = 0; pfn < m->pages; pfn++) {
		if (m->state[pfn] & MODEL_BALLOON)
			m->state[pfn] |= MODEL_BEFORE;
		m->state[pfn] &= MODEL_BEFORE | MODEL_SEEN;
	}
	m->cmd_active = HOST_CMD_STOP;
	m->cmd_last = HOST_CMD_STOP;
	m->stats_out = 0;
}

void host_model_take(struct host *h, struct host_elem *e)
{
	if (h->model)
		model_take(h->model, e);
}

void host_model_ack(struct host *h, struct host_elem *e)
{
	struct balloon_host_state state;

	if (!h->model)
		return;
	/* One that a reset has made void changes nothing. */
	host_state(h, &state);
	if (state.resets == e->resets)
		model_ack(h->model, e);
}

void host_model_reset(struct host *h)
{
	if (h->model)
		model_reset(h->model);
}
