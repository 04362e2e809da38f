// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every combination of the six device feature bits, on a modern and on a
 * legacy device, probes and removes cleanly. In each:
 *
 *   - the driver accepts only what is offered, and numbers its queues as a
 *     host that numbers by offered features would;
 *   - no queue is kicked before DRIVER_OK (VIRTIO 1.3, 3.1.1);
 *   - configuration is not written before the features are settled, and
 *     'poison_val' is written before DRIVER_OK if at all (5.5.6.5.1);
 *   - a modern device sees FEATURES_OK before DRIVER_OK;
 *   - removal resets the device, and leaves no queue and no interrupt behind.
 *
 * A device that offers every bit besides gets the same, a balloon that works, and none
 * of its unknown bits accepted: three drafts claim bit 6, and a driver that accepts
 * it agrees to something that the host does not mean.
 */
#include "ktap.h"
#include "model.h"

#define COMBINATIONS	64
#define DEADLINE_MS	10000
#define COMBINATION_S	(2 * DEADLINE_MS / 1000 + 10)
#define CASE_S		(4 * DEADLINE_MS / 1000 + 10)

/* Bits that no balloon has, nor the kernel for the driver. */
#define BIT_6		HOST_F(6)
#define UNKNOWN_LEGACY	0x0fffffc0ull
#define UNKNOWN		(UNKNOWN_LEGACY | ~0ull << 42)

struct probe_case {
	__u64 features;
	bool works;	/* see that it does */
};

static void check_numbering(struct host *h, __u64 accepted)
{
	static const __u64 optional[] = {
		HOST_F_STATS_VQ, HOST_F_FREE_PAGE_HINT, HOST_F_REPORTING,
	};
	bool declined = false;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!(h->offered & optional[i]))
			continue;
		if (!(accepted & optional[i]))
			declined = true;
		else
			ktap_check(!declined,
				   "accepted %#llx of %#llx: queues are misnumbered",
				   accepted, h->offered);
	}
}

static void check_kicks(struct host *h)
{
	const struct balloon_host_event *e = NULL;
	__u64 after = 0;

	while ((e = host_find(h, BALLOON_EV_KICK, HOST_ANY, after))) {
		ktap_check(e->value & HOST_S_DRIVER_OK,
			   "queue %d kicked in status %#llx", e->queue,
			   (__u64)e->value);
		after = e->seq;
	}
}

static void check_config(struct host *h, __u64 driver_ok)
{
	const struct balloon_host_event *settled;
	const struct balloon_host_event *e;
	__u64 after = 0;
	__u64 start;

	settled = h->offered & HOST_F_VERSION_1 ?
		host_find_status(h, HOST_S_FEATURES_OK) :
		host_find(h, BALLOON_EV_FEATURES, HOST_ANY, 0);
	start = settled ? settled->seq : 0;
	ktap_check(start, "features were never settled");
	while ((e = host_find(h, BALLOON_EV_CONFIG_WRITE, HOST_ANY, after))) {
		after = e->seq;
		ktap_check(e->seq > start,
			   "offset %u written before the features were settled",
			   e->where);
		ktap_check(!(e->flags & BALLOON_EVF_IGNORED),
			   "write of %u bytes to offset %u", e->len, e->where);
		ktap_eq(e->len, 4);
		if (e->where == HOST_CFG_POISON)
			ktap_check(e->seq < driver_ok,
				   "poison_val written after DRIVER_OK");
	}
}

/* A legacy device has no FEATURES_OK. */
static void check_order(struct host *h, const struct balloon_host_event *ok)
{
	const struct balloon_host_event *e;
	__u64 ok_seq = ok->seq;

	e = host_find_status(h, HOST_S_FEATURES_OK);
	if (h->offered & HOST_F_VERSION_1)
		ktap_check(e && e->seq < ok_seq, "DRIVER_OK without FEATURES_OK");
	e = host_find_status(h, HOST_S_FAILED);
	ktap_check(!e, "the driver set FAILED");
}

static void check_removed(struct host *h)
{
	struct balloon_host_state state;
	__u64 last_reset = 0;
	const struct balloon_host_event *e;

	host_state(h, &state);
	ktap_eq(state.queues, 0);
	ktap_eq(host_count(h, BALLOON_EV_LEFT_VQS, HOST_ANY), 0);
	while ((e = host_find(h, BALLOON_EV_RESET, HOST_ANY, last_reset)))
		last_reset = e->seq;
	e = host_find(h, BALLOON_EV_DEL_VQS, HOST_ANY, 0);
	ktap_check(e && e->seq > last_reset,
		   "queues deleted before the device was reset");
}

static void probe(const void *arg)
{
	const struct probe_case *c = arg;
	struct host_offer offer = { .features = c->features };
	const struct balloon_host_event *ok;
	struct balloon_host_state state;
	struct host *h = host_new(&offer);
	struct model *m = model_new(h);

	ktap_eq(host_pump_op(h, BALLOON_OP_PLUG, 0, DEADLINE_MS), 0);
	host_state(h, &state);
	ktap_check(state.driver[0], "no driver is bound");
	ktap_check(!(state.features & ~c->features),
		   "accepted %#llx, offered %#llx", state.features,
		   c->features);
	ktap_check(!(state.features & UNKNOWN),
		   "accepted %#llx, which nobody knows", state.features & UNKNOWN);
	check_numbering(h, state.features);
	ok = host_find_status(h, HOST_S_DRIVER_OK);
	if (!ktap_check(ok, "DRIVER_OK was never set"))
		return;
	check_order(h, ok);
	check_config(h, host_find_status(h, HOST_S_DRIVER_OK)->seq);
	host_pump_for(h, 20);
	check_kicks(h);
	if (c->works) {
		ktap_eq(model_settle(m, HOST_MIB, DEADLINE_MS), 0);
		ktap_eq(model_settle(m, 0, DEADLINE_MS), 0);
	}
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	check_removed(h);
	ktap_check(model_clean(m), "see above");
	ktap_eq(h->lost, 0);
	if (ktap.wrong)
		host_print_log(h, 60);
	host_free(h);
}

static const struct ktap_case more[] = {
	{ "modern,bit-6", probe,
	  &(const struct probe_case){ HOST_F_MODERN | 0x3f | BIT_6, true } },
	{ "legacy,bit-6", probe,
	  &(const struct probe_case){ HOST_F_EVENT_IDX | 0x3f | BIT_6, true } },
	{ "modern,every-bit", probe,
	  &(const struct probe_case){ HOST_F_MODERN | 0x3f | UNKNOWN, true } },
	{ "legacy,every-bit", probe,
	  &(const struct probe_case){ HOST_F_EVENT_IDX | 0x3f | UNKNOWN_LEGACY, true } },
};

static struct ktap_case cases[2 * COMBINATIONS + COUNT(more)];

/* Number @nr of them: six bits, and whether the device is a modern one. */
static struct ktap_case combination(unsigned int nr)
{
	static struct probe_case probes[2 * COMBINATIONS];
	static char names[2 * COMBINATIONS][64];
	unsigned int bits = nr % COMBINATIONS;
	bool modern = nr / COMBINATIONS;

	probes[nr].features = bits | HOST_F_EVENT_IDX | HOST_F_INDIRECT_DESC |
			      (modern ? HOST_F_VERSION_1 : 0);
	snprintf(names[nr], sizeof(names[nr]), "%s%s%s%s%s%s%s",
		 modern ? "modern" : "legacy",
		 bits & HOST_F_MUST_TELL_HOST ? ",tell" : "",
		 bits & HOST_F_STATS_VQ ? ",stats" : "",
		 bits & HOST_F_DEFLATE_ON_OOM ? ",oom" : "",
		 bits & HOST_F_FREE_PAGE_HINT ? ",hint" : "",
		 bits & HOST_F_PAGE_POISON ? ",poison" : "",
		 bits & HOST_F_REPORTING ? ",report" : "");
	return (struct ktap_case){ names[nr], probe, &probes[nr], COMBINATION_S };
}

int main(int argc, char **argv)
{
	unsigned int nr;

	for (nr = 0; nr < 2 * COMBINATIONS; nr++)
		cases[nr] = combination(nr);
	memcpy(cases + nr, more, sizeof(more));
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
