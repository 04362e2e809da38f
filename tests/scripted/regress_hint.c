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
#include "guest.h"
#include "hint_log.h"

#define CASE_S		60
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define FULL_RING_MS	1500
/* What else the guest allocates meanwhile, in pages, or scans. */
#define RELEASE_TRIES	10
#define SLACK		(16 * HOST_MIB)

static struct hint_log hints;

static struct host *start(unsigned int ring)
{
	/* Others have no such parameter. */
	host_set_parameter("hint", "hold");
	return hint_log_start(&hints, FEATURES, ring);
}

/* A whole round; everything is acknowledged. */
static void round_of(struct host *h, __u32 id)
{
	memset(&hints, 0, sizeof(hints));
	host_set_command(h, id);
	ktap_check(hint_log_wait(h, &hints, HOST_CMD_STOP), "the round does not end");
	host_pump_for(h, CONF_LOOK_MS);
}

static void first_round(struct host *h)
{
	round_of(h, 7);
	if (hints.blocks)
		return;
	hint_log_finish(h);
	ktap_skip_case("the driver hints nothing");
}

static void drop_slab(void)
{
	ktap_check(guest_write("/proc/sys/vm/drop_caches", "2"), "drop_caches: %s",
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
	ktap_eq(hint_log_free(h, &hints), hints.blocks);
	ktap_ge(scanned, hints.pages);
	ktap_ge(hints.pages + others + SLACK, scanned);
	hint_log_finish(h);
}

/* Room for the command and one hint, and a host that does not look. */
static void full_ring(const void *arg)
{
	struct host *h = start(2);
	__u64 taken;

	(void)arg;
	host_withhold(h, HOST_HINT);
	taken = host_vm_events("pgalloc_");
	host_set_command(h, 7);
	host_pump_for(h, FULL_RING_MS);
	taken = host_vm_events("pgalloc_") - taken;
	ktap_note("%llu pages allocated, %llu hinted", taken, hints.pages);
	ktap_ge(hints.pages + SLACK, taken);
	host_answer(h, HOST_HINT);
	hint_log_finish(h);
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
	hint_log_finish(h);
}

static void unseen(const void *arg)
{
	struct host *h = start(0);
	unsigned int i;

	(void)arg;
	host_withhold(h, HOST_HINT);
	host_set_command(h, 7);
	host_pump_for(h, FULL_RING_MS);
	drop_slab();
	ktap_eq(hint_log_free(h, &hints), 0);
	host_answer(h, HOST_HINT);
	hint_log_wait(h, &hints, HOST_CMD_STOP);
	/* A driver may first have to see that the host answered. */
	for (i = 0; i < RELEASE_TRIES && hints.blocks && !hint_log_free(h, &hints); i++) {
		host_pump_for(h, CONF_LOOK_MS);
		drop_slab();
	}
	if (hints.blocks)
		ktap_check(hint_log_free(h, &hints), "nothing of it was given back");
	hint_log_finish(h);
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
