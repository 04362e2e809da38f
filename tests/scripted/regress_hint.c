// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs that balloon drivers had with free page hints, each as one case that fails
 * when the bug is there; Documentation/regressions.rst has the list:
 *
 *   - the kernel gets as much back as it is told, and asks for no more (5);
 *   - with a full ring no memory is taken only to be thrown back (25);
 *   - what is held is hinted again in the next round (26);
 *   - nothing is given back that the host may still be reading about (30).
 *
 * They are bugs of holding hinted memory; our driver has another way, too. A driver that
 * does not hint has none of them: its cases are skipped.
 */
#include "conf.h"

#define MS		10000
#define CASE_S		60
#define MODE		"/sys/module/virtio_balloon/parameters/hint"
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define BLOCKS_MAX	4096
#define FULL_RING_MS	1500
/* What else the guest allocates meanwhile, in pages, or scans. */
#define RELEASE_TRIES	10
#define SLACK		(16 * HOST_MIB)

/**
 * struct hints - what came since the last look
 * @pages: pages in descriptors
 * @stops: rounds that the driver has ended
 * @blocks: descriptors
 * @pfn: their first pages, up to BLOCKS_MAX
 */
static struct hints {
	__u64 pages;
	unsigned int stops;
	unsigned int blocks;
	__u64 pfn[BLOCKS_MAX];
} hints;

static bool note(struct host *h, struct host_elem *e, void *arg)
{
	__u32 i;

	(void)h;
	(void)arg;
	if (e->role != HOST_HINT)
		return false;
	if (e->out_len == 4 && model_u32(e->data) == HOST_CMD_STOP)
		hints.stops++;
	for (i = 0; i < e->descs; i++) {
		if (!(e->desc[i].flags & BALLOON_DESC_IN))
			continue;
		hints.pages += e->desc[i].len / HOST_PAGE;
		if (hints.blocks < BLOCKS_MAX)
			hints.pfn[hints.blocks] = e->desc[i].addr / HOST_PAGE;
		hints.blocks++;
	}
	return false;
}

static struct host *start(unsigned int ring)
{
	struct host_offer offer = {
		.features = FEATURES,
		.size[HOST_HINT] = ring,
	};
	struct host *h;

	/* Others have no such parameter. */
	conf_write(MODE, "hold");
	h = conf_start_offer(&offer);
	memset(&hints, 0, sizeof(hints));
	h->on_take = note;
	return h;
}

static bool stopped(struct host *h, void *arg)
{
	(void)h;
	(void)arg;
	return hints.stops;
}

static void finish(struct host *h)
{
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, CONF_LOOK_MS);
	model_hint_done(h->model);
	conf_finish(h);
}

/* A whole round; everything is acknowledged. */
static void round_of(struct host *h, __u32 id)
{
	memset(&hints, 0, sizeof(hints));
	host_set_command(h, id);
	ktap_check(!host_pump(h, stopped, NULL, MS), "the round does not end");
	host_pump_for(h, CONF_LOOK_MS);
}

static void first_round(struct host *h)
{
	round_of(h, 7);
	if (hints.blocks)
		return;
	finish(h);
	ktap_skip_case("the driver hints nothing");
}

static unsigned int count_free(struct host *h)
{
	unsigned int i, count = 0;

	for (i = 0; i < hints.blocks && i < BLOCKS_MAX; i++)
		count += host_is_free(h, hints.pfn[i]);
	return count;
}

static void drop_slab(void)
{
	ktap_check(conf_write("/proc/sys/vm/drop_caches", "2"), "drop_caches: %s",
		   strerror(errno));
}

/* The first time for everything else that can be dropped. */
static void reclaim(const void *arg)
{
	struct host *h = start(0);
	__u64 scanned, others;

	(void)arg;
	drop_slab();
	scanned = host_vm_events("slabs_scanned");
	drop_slab();
	others = host_vm_events("slabs_scanned") - scanned;
	first_round(h);
	scanned = host_vm_events("slabs_scanned");
	drop_slab();
	scanned = host_vm_events("slabs_scanned") - scanned;
	ktap_note("%llu pages hinted, %llu objects scanned, %llu of others",
		  hints.pages, scanned, others);
	ktap_eq(count_free(h), hints.blocks);
	ktap_ge(scanned, hints.pages);
	ktap_ge(hints.pages + others + SLACK, scanned);
	finish(h);
}

/* Room for the command and one hint, and a host that does not look. */
static void full_ring(const void *arg)
{
	struct host *h = start(2);
	__u64 taken;

	(void)arg;
	h->policy[HOST_HINT].ack = HOST_ACK_HOLD;
	taken = host_vm_events("pgalloc_");
	host_set_command(h, 7);
	host_pump_for(h, FULL_RING_MS);
	taken = host_vm_events("pgalloc_") - taken;
	ktap_note("%llu pages allocated, %llu hinted", taken, hints.pages);
	ktap_ge(hints.pages + SLACK, taken);
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	host_release(h, HOST_HINT);
	finish(h);
}

static void again(const void *arg)
{
	struct host *h = start(0);
	__u64 first;

	(void)arg;
	first_round(h);
	first = hints.pages;
	host_set_command(h, HOST_CMD_STOP);
	host_pump_for(h, CONF_LOOK_MS);
	round_of(h, 8);
	ktap_note("%llu pages hinted, then %llu", first, hints.pages);
	ktap_ge(hints.pages + SLACK, first);
	finish(h);
}

static void unseen(const void *arg)
{
	struct host *h = start(0);
	unsigned int i;

	(void)arg;
	h->policy[HOST_HINT].ack = HOST_ACK_HOLD;
	host_set_command(h, 7);
	host_pump_for(h, FULL_RING_MS);
	drop_slab();
	ktap_eq(count_free(h), 0);
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	host_release(h, HOST_HINT);
	host_pump(h, stopped, NULL, MS);
	/* A driver may first have to see that the host answered. */
	for (i = 0; i < RELEASE_TRIES && hints.blocks && !count_free(h); i++) {
		host_pump_for(h, CONF_LOOK_MS);
		drop_slab();
	}
	if (hints.blocks)
		ktap_check(count_free(h), "nothing of it was given back");
	finish(h);
	if (!hints.blocks)
		ktap_skip_case("the driver hints nothing");
}

static const struct ktap_case cases[] = {
	{ "5-reclaim", reclaim },
	{ "25-full-ring", full_ring },
	{ "26-hinted-again", again },
	{ "30-unseen-hints", unseen },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
