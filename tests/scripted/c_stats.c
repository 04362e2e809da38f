// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: memory statistics (5.5.6.3), and the first buffer of
 * initialization (5.5.5).
 */
#include "conf.h"

#define ROUNDS		12
#define LAST_TAG	9	/* of the specification; more may follow */
#define LITTER_MIB	160	/* others free some 30 MiB meanwhile */

enum { MEMFREE = 4, MEMTOT = 5 };

static const struct conf_shape shapes[] = {
	{ "modern", HOST_F_MODERN | HOST_F_STATS_VQ },
	{ "modern, all", HOST_F_MODERN | CONF_BALLOON },
	{ "legacy", HOST_F_STATS_VQ },
};

static void next(struct host *h)
{
	ktap_eq(host_release(h, HOST_STATS), 1);
	device_want_held(h, HOST_STATS);
}

static void one(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int i;

	device_want_held(h, HOST_STATS);
	for (i = 0; i < ROUNDS && !ktap.wrong; i++) {
		host_pump_for(h, 10);
		ktap_eq(host_held(h, HOST_STATS), 1);
		host_irq(h, HOST_STATS);
		next(h);
	}
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(host_held(h, HOST_STATS), 1);
	device_sleep(h);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_le(host_held(h, HOST_STATS), 1);
	conf_finish(h);
}

static void first(__u64 features)
{
	struct host *h = conf_start(features);
	const struct host_elem *e;

	device_want_held(h, HOST_STATS);
	e = host_held_elem(h, HOST_STATS);
	ktap_check(e && e->out_len && !e->in_len, "it is no output buffer");
	device_sleep(h);
	device_want_held(h, HOST_STATS);
	conf_finish(h);
}

static void again(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int i;

	device_want_held(h, HOST_STATS);
	for (i = 0; i < ROUNDS && !ktap.wrong; i++)
		next(h);
	conf_finish(h);
}

/* The tags of the buffer at hand, one bit each; 0 when they repeat. */
static __u64 tags(struct host *h, bool *ascending)
{
	const struct host_elem *e = host_held_elem(h, HOST_STATS);
	__u16 tag, last = 0;
	__u64 set = 0;
	__u32 at;

	*ascending = true;
	for (at = 0; e && at + 10 <= e->out_len; at += 10) {
		memcpy(&tag, e->data + at, sizeof(tag));
		if (!ktap_check(tag < 64 && !(set & 1ull << tag),
				"tag %u, which is twice there or no tag", tag))
			return 0;
		*ascending &= tag >= last;
		last = tag;
		set |= 1ull << tag;
	}
	return set;
}

static __s64 figure(struct host *h, unsigned int tag)
{
	return model_stat(host_held_elem(h, HOST_STATS), tag);
}

/* Filled in afresh each time, the first one of a modern device included. */
static void filled(__u64 features)
{
	struct host *h = conf_start(features);
	struct canary litter;
	bool ascending;
	__s64 before;

	device_want_held(h, HOST_STATS);
	if (!(features & HOST_F_VERSION_1))
		next(h);
	ktap_check(tags(h, &ascending), "no statistics at all");
	if (figure(h, MEMTOT) >= 0)
		ktap_eq(figure(h, MEMTOT), host_meminfo("MemTotal") * HOST_PAGE);
	next(h);
	before = figure(h, MEMFREE);
	canary_new(&litter, LITTER_MIB);
	next(h);
	if (before >= 0)
		ktap_check(figure(h, MEMFREE) < before - (LITTER_MIB << 19),
			   "free memory is %lld, was %lld before %u MiB were taken",
			   figure(h, MEMFREE), before, LITTER_MIB);
	canary_free(&litter);
	conf_finish(h);
}

static void packed(__u64 features)
{
	struct host *h = conf_start(features);
	const struct host_elem *e;
	unsigned int i;

	device_want_held(h, HOST_STATS);
	for (i = 0; i < 3; i++) {
		e = host_held_elem(h, HOST_STATS);
		ktap_check(e && e->out_len && !(e->out_len % 10),
			   "%u bytes are no entries of 10",
			   e ? e->out_len : 0);
		next(h);
	}
	conf_finish(h);
}

static void stat_order(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | HOST_F_STATS_VQ);
	bool ascending;

	(void)arg;
	device_want_held(h, HOST_STATS);
	tags(h, &ascending);
	conf_finish(h);
	if (!ktap.wrong && ascending)
		ktap_skip_case("a permission that the driver does not use");
}

static void stat_subset(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | HOST_F_STATS_VQ);
	__u64 all = (1ull << (LAST_TAG + 1)) - 1;
	bool ascending;
	__u64 set;

	(void)arg;
	device_want_held(h, HOST_STATS);
	set = tags(h, &ascending);
	conf_finish(h);
	if (!ktap.wrong && (set & all) == all)
		ktap_skip_case("a permission that the driver does not use");
}

static void same(__u64 features)
{
	struct host *h = conf_start(features);
	bool ascending;
	__u64 set;
	unsigned int i;

	device_want_held(h, HOST_STATS);
	if (!(features & HOST_F_VERSION_1))
		next(h);
	set = tags(h, &ascending);
	for (i = 0; i < ROUNDS && !ktap.wrong; i++) {
		next(h);
		ktap_eq(tags(h, &ascending), set);
	}
	conf_finish(h);
}

/* The host that looks at the queue when notified finds the first buffer. */
static void announced(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int kicks = 0;
	size_t i;

	host_pump_for(h, CONF_LOOK_MS);
	for (i = 0; i < h->events; i++)
		kicks += h->log[i].type == BALLOON_EV_KICK &&
			 h->log[i].queue == host_queue(h, HOST_STATS) &&
			 (h->log[i].value & HOST_S_DRIVER_OK);
	ktap_check(kicks, "never notified after DRIVER_OK");
	conf_finish(h);
}

/* MEMTOT tells the order of bytes: it is known exactly. */
static void stat_native(const void *arg)
{
	struct host *h = conf_start(HOST_F_STATS_VQ);
	bool ascending;

	(void)arg;
	device_want_held(h, HOST_STATS);
	next(h);
	ktap_check(tags(h, &ascending) & ((2 << LAST_TAG) - 1),
		   "no tag of the specification, as of the other byte order");
	if (figure(h, MEMTOT) >= 0)
		ktap_eq(figure(h, MEMTOT), host_meminfo("MemTotal") * HOST_PAGE);
	conf_finish(h);
}

static const struct ktap_case cases[] = {
	CONF_OVER("BAL-STAT-01 one buffer at a time", one, shapes),
	CONF_OVER("BAL-STAT-02 a buffer after initialization", first, shapes),
	CONF_OVER("BAL-STAT-03 a new one for each that is used", again, shapes),
	CONF_OVER("BAL-STAT-04 buffers are filled in", filled, shapes),
	{ "BAL-STAT-06 entries may be in any order", stat_order },
	{ "BAL-STAT-07 statistics may be left out", stat_subset },
	CONF_OVER("BAL-STAT-08 always the same statistics", same, shapes),
	CONF_OVER("BAL-STAT-09 entries of 10 bytes", packed, shapes),
	{ "BAL-STAT-10 legacy: native byte order", stat_native },
	CONF_OVER("BAL-INIT-01 the first buffer is announced when live", announced, shapes),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
