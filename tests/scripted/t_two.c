// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two balloon devices in one guest, with all features: both get the driver and
 * work side by side, each with its own target, and no page is in both balloons.
 * One that goes, politely or with its host silent, takes nothing from the other.
 *
 * The kernel reports free pages to one device only. A driver that asks for that
 * has to do without it on the second, and say so: it may not fail.
 */
#include "device.h"

#define DEADLINE_MS	20000
#define CASE_S		90
#define SLICE_MS	5
#define FREE_SLACK	host_slack(3 * HOST_MIB)
#define DEVICES		2

#define MODERN	(HOST_F_MODERN | HOST_F_STATS_VQ)
#define TELL	(MODERN | HOST_F_MUST_TELL_HOST)
#define REPORT	(MODERN | HOST_F_REPORTING)
#define OOM	(TELL | HOST_F_DEFLATE_ON_OOM | HOST_F_REPORTING)

struct two {
	__u64 features[DEVICES];
	bool silent;		/* the first one's host, when it goes */
};

struct pair {
	struct host *h[DEVICES];
	__u64 total;
	__u64 free;
};

static bool at_target(struct host *h, __u32 target)
{
	return host_actual(h) == target && h->model->told == target &&
	       !host_held(h, HOST_INFLATE) && !host_held(h, HOST_DEFLATE);
}

/* Both hosts serve in turns until both balloons are as large as they should. */
static void settle(struct pair *p, __u32 first, __u32 second)
{
	double deadline = host_now() + DEADLINE_MS / 1000.0;
	__u32 target[DEVICES] = { first, second };
	int i;

	for (i = 0; i < DEVICES; i++)
		host_set_target(p->h[i], target[i]);
	while (host_now() < deadline) {
		for (i = 0; i < DEVICES; i++)
			host_pump_for(p->h[i], SLICE_MS);
		if (at_target(p->h[0], first) && at_target(p->h[1], second))
			return;
	}
	for (i = 0; i < DEVICES; i++)
		ktap_check(at_target(p->h[i], target[i]),
			   "device %d: target %u, actual %u, told %llu", i,
			   target[i], host_actual(p->h[i]),
			   p->h[i]->model->told);
}

static void check_disjoint(struct pair *p)
{
	const struct model *a = p->h[0]->model, *b = p->h[1]->model;
	__u64 pfn, both = 0;

	for (pfn = 0; pfn < a->pages && pfn < b->pages; pfn++)
		both += (a->state[pfn] & MODEL_BALLOON) &&
			(b->state[pfn] & MODEL_BALLOON);
	ktap_check(!both, "%llu pages are in both balloons", both);
}

static void plug(struct pair *p, const struct two *c)
{
	int i;

	p->total = host_meminfo("MemTotal");
	p->free = host_free_memory();
	for (i = 0; i < DEVICES; i++)
		p->h[i] = device_start(c->features[i], DEADLINE_MS);
}

static void unplug(struct host *h)
{
	device_remove(h);
	ktap_check(model_clean(h->model), "the model complains, see above");
}

/* Requests of the first one are never answered from here on. */
static void fall_silent(struct host *h)
{
	host_withhold(h, HOST_INFLATE);
	host_withhold(h, HOST_DEFLATE);
	host_withhold(h, HOST_REPORT);
	host_set_target(h, 40 * HOST_MIB);
	host_pump_for(h, 200);
}

static void two(const void *arg)
{
	const struct two *c = arg;
	struct pair p;

	plug(&p, c);
	settle(&p, 24 * HOST_MIB + 1, 10 * HOST_MIB + 3);
	check_disjoint(&p);
	settle(&p, 5, 30 * HOST_MIB);
	check_disjoint(&p);
	settle(&p, 16 * HOST_MIB, 12 * HOST_MIB);
	check_disjoint(&p);
	ktap_note("pages reported: %llu and %llu", p.h[0]->model->reported,
		  p.h[1]->model->reported);
	if (c->silent)
		fall_silent(p.h[0]);
	unplug(p.h[0]);
	ktap_eq(model_settle(p.h[1]->model, 20 * HOST_MIB + 7, DEADLINE_MS), 0);
	ktap_eq(model_settle(p.h[1]->model, 2, DEADLINE_MS), 0);
	unplug(p.h[1]);
	/* Not before: what one gave back the other may have taken. */
	ktap_eq(model_offline(p.h[0]->model), 0);
	ktap_eq(model_offline(p.h[1]->model), 0);
	host_free(p.h[0]);
	host_free(p.h[1]);
	ktap_eq(host_meminfo("MemTotal"), p.total);
	device_check_free(p.free, FREE_SLACK, 3000);
}

#define CASE(name, ...)	{ name, two, &(const struct two){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("alike", { MODERN, MODERN }, false),
	CASE("legacy and modern", { 0, TELL }, false),
	CASE("both report", { REPORT, REPORT }, false),
	CASE("both report, tell, oom", { OOM, OOM }, false),
	CASE("one silent", { REPORT, REPORT }, true),
	CASE("one silent, tell", { OOM, TELL }, true),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
