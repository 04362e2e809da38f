// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: feature bits (2.2, 6, 5.5.3), the queues that come with them
 * (5.5.2), and what of the configuration space a driver touches (2.5, 5.5.4).
 */
#include "conf.h"

/*
 * Bits 6 to 23 and 50 to 63 are of the device type, which has no such features, and
 * the others are reserved and mean nothing yet. Bits 28 to 41 the kernel knows.
 */
#define UNKNOWN_LEGACY	0x0fffffc0ull
#define UNKNOWN		(UNKNOWN_LEGACY | ~0ull << 42)

static const struct conf_shape both[] = {
	{ "modern, all", HOST_F_MODERN | CONF_BALLOON },
	{ "modern, stats", HOST_F_MODERN | HOST_F_STATS_VQ },
	{ "legacy, all", HOST_F_EVENT_IDX | CONF_BALLOON },
};

static void only_offered(__u64 features)
{
	struct host *h = conf_start(features);
	__u64 more = conf_accepted(h) & ~features;

	ktap_check(!more, "accepted %#llx, which was not offered", more);
	conf_finish(h);
}

static void feat_offered(const void *arg)
{
	__u64 bit;

	(void)arg;
	for (bit = 0; bit < 6; bit++) {
		only_offered(HOST_F_MODERN | HOST_F(bit));
		only_offered(HOST_F(bit));
	}
	conf_each(conf_any, COUNT(conf_any), only_offered);
}

static void feat_requires(const void *arg)
{
	struct host *h = conf_start(HOST_F(33) | CONF_TELL);

	(void)arg;
	ktap_check(!(conf_accepted(h) & HOST_F(33)),
		   "ACCESS_PLATFORM accepted without VERSION_1");
	conf_finish(h);
}

static void foreign(__u64 features)
{
	bool modern = features & HOST_F_VERSION_1;
	struct host *h = conf_start(features | (modern ? UNKNOWN : UNKNOWN_LEGACY));
	__u64 more = conf_accepted(h) & UNKNOWN;

	ktap_check(!more, "accepted %#llx", more);
	conf_finish(h);
}

static void works(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	conf_finish(h);
}

static const struct conf_shape poor[] = {
	{ "modern, nothing", CONF_PLAIN },
	{ "legacy, nothing", 0 },
	{ "modern, tell only", CONF_PLAIN | CONF_TELL },
	{ "modern, reporting only", CONF_PLAIN | HOST_F_REPORTING },
};

static const struct conf_shape rich[] = {
	{ "modern", HOST_F_MODERN | CONF_TELL | UNKNOWN },
	{ "legacy", CONF_TELL | UNKNOWN_LEGACY },
};

static void feat_version(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);

	(void)arg;
	ktap_check(conf_accepted(h) & HOST_F_VERSION_1,
		   "VERSION_1 was not accepted");
	conf_finish(h);
}

static void feat_tell(const void *arg)
{
	struct host *h;
	unsigned int i;

	(void)arg;
	for (i = 0; i < COUNT(both); i++) {
		h = conf_start(both[i].features | CONF_TELL);
		ktap_check(conf_accepted(h) & CONF_TELL,
			   "MUST_TELL_HOST was not accepted");
		conf_finish(h);
	}
}

/* This guest leaves free pages as they are: nothing writes a poison value. */
static void feat_poison(const void *arg)
{
	struct host *h;

	(void)arg;
	if (conf_fills_pages())
		ktap_skip_case("only in a guest that does not fill free pages");
	h = conf_start(HOST_F_MODERN | HOST_F_PAGE_POISON | HOST_F_REPORTING);
	ktap_check(!(conf_accepted(h) & HOST_F_PAGE_POISON),
		   "PAGE_POISON was accepted");
	conf_finish(h);
}

/* Queues by feature: those of features not negotiated do not exist. */
static void feat_queues(const void *arg)
{
	__u64 bits[] = { HOST_F_STATS_VQ, HOST_F_FREE_PAGE_HINT,
			    HOST_F_REPORTING };
	unsigned int i, set, want;
	struct balloon_host_state state;
	struct host *h;

	(void)arg;
	for (set = 0; set < 8; set++) {
		__u64 features = HOST_F_MODERN;

		for (i = 0; i < 3; i++)
			features |= set & 1u << i ? bits[i] : 0;
		h = conf_start(features);
		host_state(h, &state);
		for (want = 2, i = 0; i < 3; i++)
			want += !!(state.features & bits[i]);
		ktap_eq(state.queues, want);
		conf_finish(h);
	}
}

/* --- configuration space -------------------------------------------------- */

static void cfg_width(const void *arg)
{
	struct host *h = conf_life(HOST_F_MODERN | CONF_BALLOON);
	size_t i;

	(void)arg;
	for (i = 0; i < h->events; i++)
		if (h->log[i].type == BALLOON_EV_CONFIG_READ)
			ktap_check(h->log[i].len <= 4 &&
				   h->log[i].where / 4 ==
				   (h->log[i].where + h->log[i].len - 1) / 4,
				   "%u bytes read at %u in one go",
				   h->log[i].len, h->log[i].where);
	conf_free(h);
}

static void untouched(__u64 features)
{
	struct host *h = conf_life(features);
	size_t i;

	for (i = 0; i < h->events; i++) {
		if (h->log[i].type != BALLOON_EV_CONFIG_READ &&
		    h->log[i].type != BALLOON_EV_CONFIG_WRITE)
			continue;
		ktap_check((features & HOST_F_FREE_PAGE_HINT) ||
			   h->log[i].where / 4 != 2,
			   "the command id was accessed, which does not exist");
		ktap_check((features & HOST_F_PAGE_POISON) ||
			   h->log[i].where / 4 < 3,
			   "offset %u was accessed, which does not exist",
			   h->log[i].where);
	}
	conf_free(h);
}

static const struct conf_shape some[] = {
	{ "modern, no hint, no poison", HOST_F_MODERN | 7 },
	{ "modern, no poison", HOST_F_MODERN | 0xf },
	{ "modern, no hint", HOST_F_MODERN | 0x17 },
	{ "legacy, no hint, no poison", HOST_F_EVENT_IDX | 0x27 },
};

static void sized(__u32 bytes, __u64 features)
{
	struct host_offer offer = {
		.features = features,
		.config_len = bytes,
	};
	struct host *h = conf_start_offer(&offer);

	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	conf_finish(h);
}

static void cfg_long(const void *arg)
{
	(void)arg;
	sized(64, HOST_F_MODERN | CONF_TELL);
	sized(17, HOST_F_MODERN | CONF_BALLOON);
	sized(64, CONF_TELL);
}

static void cfg_short(const void *arg)
{
	(void)arg;
	sized(8, HOST_F_MODERN | CONF_TELL | HOST_F_STATS_VQ);
	sized(12, HOST_F_MODERN | CONF_TELL | HOST_F_FREE_PAGE_HINT);
	sized(8, 0);
}

static void cfg_readonly(__u64 features)
{
	struct host *h = conf_life(features);
	size_t i;

	for (i = 0; i < h->events; i++)
		if (h->log[i].type == BALLOON_EV_CONFIG_WRITE)
			ktap_check(!(h->log[i].flags & BALLOON_EVF_IGNORED),
				   "%u bytes written to offset %u",
				   h->log[i].len, h->log[i].where);
	conf_free(h);
}

static const struct ktap_case cases[] = {
	{ "GEN-FEAT-01 only what is offered", feat_offered },
	{ "GEN-FEAT-02 nothing without what it requires", feat_requires },
	CONF_OVER("GEN-FEAT-03 no bit of other device types", foreign, both),
	CONF_OVER("GEN-FEAT-04 works without optional features", works, poor),
	CONF_OVER("GEN-FEAT-05 works with unknown features offered", works, rich),
	{ "GEN-FEAT-06 VERSION_1 is accepted", feat_version },
	{ "GEN-CFG-01 fields are read one by one", cfg_width },
	CONF_OVER("GEN-CFG-03 absent fields are not accessed", untouched, some),
	{ "GEN-CFG-04 longer configuration space is fine", cfg_long },
	{ "GEN-CFG-05 configuration space just large enough", cfg_short },
	{ "BAL-FEAT-01 MUST_TELL_HOST is accepted", feat_tell },
	{ "BAL-FEAT-02 PAGE_POISON is declined without poison", feat_poison },
	{ "BAL-VQ-02 optional queues go with their features", feat_queues },
	CONF_OVER("BAL-CFG-02 only the driver's fields are written", cfg_readonly, both),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
