// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: what requests of pages look like (5.5.6), and how the legacy
 * interface differs in that (5.5.4, 5.5.6.2.1).
 */
#include "conf.h"

#define SOME		(6 * HOST_MIB)
#define LESS		(2 * HOST_MIB)

static const struct conf_shape legacy[] = {
	{ "legacy", 0 },
	{ "legacy, tell, event index", CONF_TELL | HOST_F_EVENT_IDX },
};

/* An array of 32-bit numbers of pages of 4096 bytes, to be read. */
static bool is_array(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int i;
	__u32 pfn;

	(void)arg;
	if (ktap.wrong || (e->role != HOST_INFLATE && e->role != HOST_DEFLATE))
		return false;
	ktap_check(e->out_len && !(e->out_len % 4) && !e->in_len,
		   "queue %d: %u out and %llu in bytes", e->queue,
		   e->out_len, e->in_len);
	for (i = 0; i < e->out_len / 4; i++) {
		pfn = model_u32(e->data + 4 * i);
		if (!ktap_check(ram_has(&h->model->ram, pfn),
				"queue %d: %#x is no page of memory", e->queue,
				pfn))
			break;
	}
	return false;
}

static void arrays(__u64 features)
{
	struct host *h = conf_start(features);

	h->on_take = is_array;
	conf_settle(h, SOME);
	conf_settle(h, 0);
	conf_finish(h);
}

static bool is_given(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int *wrong = arg;
	unsigned int i;
	__u32 pfn;

	if (e->role != HOST_DEFLATE)
		return false;
	for (i = 0; i < e->out_len / 4; i++) {
		pfn = model_u32(e->data + 4 * i);
		/* The model has seen the element: it is being deflated now. */
		*wrong += pfn >= h->model->pages ||
			  !(h->model->state[pfn] & MODEL_BALLOON);
	}
	return false;
}

static void given(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int wrong = 0;

	h->on_take = is_given;
	h->arg = &wrong;
	conf_settle(h, SOME);
	conf_settle(h, LESS);
	conf_settle(h, SOME);
	conf_settle(h, 0);
	ktap_check(!wrong, "%u pages deflated that were not in the balloon",
		   wrong);
	conf_finish(h);
}

static void lengths(__u64 features)
{
	struct host *h = conf_start(features | HOST_F_STATS_VQ);
	static const enum host_len len[] = {
		HOST_LEN_TOTAL, HOST_LEN_ODD, HOST_LEN_HUGE,
	};
	unsigned int i, role;

	for (i = 0; i < COUNT(len); i++) {
		for (role = 0; role < HOST_ROLES; role++)
			h->policy[role].len = len[i];
		conf_settle(h, SOME);
		device_want_held(h, HOST_STATS);
		host_release(h, HOST_STATS);
		device_want_held(h, HOST_STATS);
		conf_settle(h, 0);
	}
	conf_finish(h);
}

/* All four bytes of 'actual' in one call of the transport. */
static void whole(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int writes = 0;
	size_t i;

	conf_settle(h, SOME + 3);
	conf_settle(h, 0);
	for (i = 0; i < h->events; i++) {
		if (h->log[i].type != BALLOON_EV_CONFIG_WRITE)
			continue;
		writes++;
		ktap_check(h->log[i].where == HOST_CFG_ACTUAL &&
			   h->log[i].len == 4, "%u bytes written at %u",
			   h->log[i].len, h->log[i].where);
	}
	ktap_check(writes, "'actual' was never written");
	conf_finish(h);
}

/* Each byte of the number is another one, so that their order shows. */
static void endian(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, 0x0c05);
	ktap_eq(host_actual(h), 0x0c05);
	ktap_eq(h->model->told, 0x0c05);
	conf_settle(h, 0x0201);
	conf_finish(h);
}

static const struct ktap_case cases[] = {
	CONF_OVER("BAL-OP-13 arrays of page numbers", arrays, conf_any),
	CONF_OVER("BAL-OP-15 deflates only what it has given", given, conf_any),
	CONF_OVER("BAL-LEG-01 used lengths are ignored", lengths, legacy),
	CONF_OVER("BAL-LEG-02 actual is written in one go", whole, legacy),
	CONF_OVER("BAL-LEG-04 configuration is little-endian", endian, legacy),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
