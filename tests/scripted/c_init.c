// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: how a driver takes a device into use, the status bits and the
 * order of things (2.1, 3.1, 3.4). Most of it is the virtio core's doing; a
 * driver can spoil it. A device lives its life and its log is judged.
 */
#include "conf.h"
#include "guest.h"

#define REFUSED		HOST_F(20)	/* what no driver accepts */
#define SUSPEND		16

static const struct conf_shape modern[] = {
	{ "modern, all", HOST_F_MODERN | CONF_BALLOON },
	{ "modern, nothing", CONF_PLAIN },
};

static const struct conf_shape legacy[] = {
	{ "legacy, all", HOST_F_EVENT_IDX | CONF_BALLOON },
	{ "legacy, nothing", 0 },
};

static const struct conf_shape both[] = {
	{ "modern, all", HOST_F_MODERN | CONF_BALLOON },
	{ "modern, stats", HOST_F_MODERN | HOST_F_STATS_VQ },
	{ "legacy, all", HOST_F_EVENT_IDX | CONF_BALLOON },
};

/* A device that wants what the driver does not know, and so refuses it. */
static struct host *refused(void)
{
	struct host_offer offer = {
		.features = HOST_F_MODERN | CONF_TELL | REFUSED,
		.required = REFUSED,
	};
	struct host *h = host_new(&offer);

	model_new(h);
	host_pump_op(h, BALLOON_OP_PLUG, 0, CONF_MS);
	host_pump_for(h, 50);
	return h;
}

static __u64 seq_of(const struct balloon_host_event *e)
{
	return e ? e->seq : 0;
}

/* When was a status bit first set? 0: never. */
static __u64 when(struct host *h, __u8 bit)
{
	return seq_of(host_find_status(h, bit));
}

static __u64 first(struct host *h, unsigned int type)
{
	return seq_of(host_find(h, type, HOST_ANY, 0));
}

static void steps(__u64 features)
{
	struct host *h = conf_life(features);
	__u64 ok = when(h, HOST_S_DRIVER_OK);

	ktap_check(when(h, HOST_S_ACKNOWLEDGE), "ACKNOWLEDGE was never set");
	ktap_check(when(h, HOST_S_DRIVER), "DRIVER was never set");
	ktap_check(ok, "DRIVER_OK was never set");
	if (features & HOST_F_VERSION_1)
		ktap_check(when(h, HOST_S_FEATURES_OK) &&
			   when(h, HOST_S_FEATURES_OK) < ok,
			   "FEATURES_OK was not set before DRIVER_OK");
	conf_free(h);
}

static void kept(__u64 features)
{
	struct host *h = conf_life(features);
	size_t i;

	for (i = 0; i < h->events; i++)
		if (h->log[i].type == BALLOON_EV_STATUS)
			ktap_check(!(h->log[i].where & ~h->log[i].value),
				   "status %#x was followed by %#llx",
				   h->log[i].where,
				   (unsigned long long)h->log[i].value);
	conf_free(h);
}

static void failed_reset(const void *arg)
{
	struct host *h = refused();
	__u64 failed = when(h, HOST_S_FAILED);
	const struct balloon_host_event *next, *reset;

	(void)arg;
	if (!failed)
		ktap_skip_case("the driver never set FAILED");
	host_bind(h, CONF_MS);
	reset = host_find(h, BALLOON_EV_RESET, HOST_ANY, failed);
	next = host_find(h, BALLOON_EV_STATUS, HOST_ANY, failed);
	ktap_check(next, "binding again did nothing");
	ktap_check(!next || (reset && reset->seq < next->seq),
		   "the status was written after FAILED without a reset");
	conf_finish(h);
}

static bool unbound(struct host *h, void *arg)
{
	(void)arg;
	return !host_bound(h);
}

static void needs_reset(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | CONF_TELL);
	int err;

	(void)arg;
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, HOST_MIB);
	device_want_held(h, HOST_INFLATE);
	host_set_status(h, HOST_S_NEEDS_RESET);
	err = host_pump_op(h, BALLOON_OP_REMOVE, 0, 5000);
	ktap_check(!err, "removal waits for a request that will not complete: %s",
		   strerror(-err));
	if (err) {
		h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
		ktap.damaged = host_pump(h, unbound, NULL, CONF_MS);
		host_op_wait(h, CONF_MS);
		if (ktap.damaged)
			ktap_end_case();
	}
	conf_free(h);
}

static void no_suspend(const void *arg)
{
	struct host *h = conf_life(HOST_F_MODERN | CONF_BALLOON);
	const struct balloon_host_event *e = host_find_status(h, SUSPEND);

	(void)arg;
	ktap_check(!e, "SUSPEND was set");
	conf_free(h);
}

/* --- initialization ------------------------------------------------------- */

static void reset_first(__u64 features)
{
	struct host *h = conf_life(features);

	ktap_check(first(h, BALLOON_EV_RESET) &&
		   first(h, BALLOON_EV_RESET) < first(h, BALLOON_EV_STATUS),
		   "the status was written before the device was reset");
	conf_free(h);
}

static void acknowledge(__u64 features)
{
	struct host *h = conf_life(features);

	ktap_check(when(h, HOST_S_ACKNOWLEDGE) < when(h, HOST_S_DRIVER),
		   "ACKNOWLEDGE did not come before DRIVER");
	conf_free(h);
}

static void negotiate(__u64 features)
{
	struct host *h = conf_life(features);
	__u64 read = first(h, BALLOON_EV_GET_FEATURES);
	__u64 written = first(h, BALLOON_EV_FEATURES);

	ktap_check(read > when(h, HOST_S_DRIVER), "features read before DRIVER");
	ktap_check(written > read, "features written before they were read");
	ktap_check(written < first(h, BALLOON_EV_FIND_VQ),
		   "queues found before features were written");
	if (features & HOST_F_VERSION_1)
		ktap_check(written < when(h, HOST_S_FEATURES_OK),
			   "features written after FEATURES_OK");
	conf_free(h);
}

static void no_early_write(__u64 features)
{
	struct host *h = conf_life(features);
	__u64 written = first(h, BALLOON_EV_CONFIG_WRITE);

	ktap_check(!written || written > when(h, HOST_S_FEATURES_OK),
		   "configuration written before FEATURES_OK");
	conf_free(h);
}

/* Each life of the device ends with a reset; look at all of them. */
static void settled(__u64 features)
{
	struct host *h = conf_life(features);
	bool ok = false;
	size_t i;

	for (i = 0; i < h->events; i++) {
		if (h->log[i].type == BALLOON_EV_RESET)
			ok = false;
		if (h->log[i].type == BALLOON_EV_STATUS)
			ok |= h->log[i].value & HOST_S_FEATURES_OK;
		ktap_check(h->log[i].type != BALLOON_EV_FEATURES || !ok,
			   "features written after FEATURES_OK");
	}
	conf_free(h);
}

static void init_refused(const void *arg)
{
	struct host *h = refused();

	(void)arg;
	ktap_check(when(h, HOST_S_FEATURES_OK), "FEATURES_OK was never tried");
	ktap_eq(host_count(h, BALLOON_EV_FIND_VQ, HOST_ANY), 0);
	ktap_eq(host_count(h, BALLOON_EV_KICK, HOST_ANY), 0);
	ktap_check(!when(h, HOST_S_DRIVER_OK), "DRIVER_OK was set");
	ktap_check(!host_bound(h), "the driver is bound");
	conf_finish(h);
}

static void setup(__u64 features)
{
	struct host *h = conf_life(features);
	const struct balloon_host_event *e;
	__u64 reset = 0, ok = 0, seq;
	size_t i;

	for (i = 0; i < h->events; i++) {
		e = &h->log[i];
		seq = e->seq;
		if (e->type == BALLOON_EV_RESET) {
			reset = seq;
			ok = 0;
		}
		if (e->type == BALLOON_EV_STATUS &&
		    (e->value & HOST_S_DRIVER_OK) && !ok)
			ok = seq;
		ktap_check(e->type != BALLOON_EV_FIND_VQ || (reset && !ok),
			   "queue %d found when the device was live", e->queue);
	}
	if (features & HOST_F_VERSION_1)
		ktap_check(first(h, BALLOON_EV_FIND_VQ) >
			   when(h, HOST_S_FEATURES_OK),
			   "queues found before FEATURES_OK");
	conf_free(h);
}

static void live(__u64 features)
{
	struct host *h = conf_start(features);

	ktap_check(host_driver_ok(h), "DRIVER_OK is not set after probe");
	device_sleep(h);
	ktap_check(host_driver_ok(h), "DRIVER_OK is not set after restore");
	conf_finish(h);
}

static void init_failed(const void *arg)
{
	struct host *h = refused();

	(void)arg;
	ktap_check(when(h, HOST_S_FAILED), "FAILED was not set");
	ktap_check(!when(h, HOST_S_DRIVER_OK),
		   "initialization went on to DRIVER_OK");
	conf_finish(h);
}

static void no_early_kick(__u64 features)
{
	struct host *h = conf_life(features);
	size_t i;

	for (i = 0; i < h->events; i++)
		if (h->log[i].type == BALLOON_EV_KICK)
			ktap_check(h->log[i].value & HOST_S_DRIVER_OK,
				   "queue %d kicked in status %#llx",
				   h->log[i].queue,
				   (unsigned long long)h->log[i].value);
	conf_free(h);
}

static void legacy_steps(__u64 features)
{
	struct host *h = conf_life(features);

	ktap_check(!when(h, HOST_S_FEATURES_OK),
		   "a legacy device was given FEATURES_OK");
	conf_free(h);
	steps(features);
}

static const struct ktap_case cases[] = {
	CONF_OVER("GEN-ST-01 status bits say which steps are done", steps, both),
	CONF_OVER("GEN-ST-02 no status bit is cleared", kept, both),
	{ "GEN-ST-03 FAILED is followed by a reset", failed_reset },
	{ "GEN-ST-05 SUSPEND is not set", no_suspend },
	CONF_OVER("GEN-INIT-01 reset comes first", reset_first, both),
	CONF_OVER("GEN-INIT-02 ACKNOWLEDGE before DRIVER", acknowledge, both),
	CONF_OVER("GEN-INIT-03 features are read, then written", negotiate, both),
	CONF_OVER("GEN-INIT-04 no configuration write before FEATURES_OK", no_early_write, modern),
	CONF_OVER("GEN-INIT-05 no new features after FEATURES_OK", settled, modern),
	{ "GEN-INIT-06 a refused FEATURES_OK ends it", init_refused },
	CONF_OVER("GEN-INIT-07 queues are set up before DRIVER_OK", setup, both),
	CONF_OVER("GEN-INIT-08 DRIVER_OK makes the device live", live, both),
	{ "GEN-INIT-09 FAILED when it cannot go on", init_failed },
	CONF_OVER("GEN-INIT-10 no notification before DRIVER_OK", no_early_kick, both),
	CONF_OVER("GEN-INIT-11 legacy: no FEATURES_OK, else the same", legacy_steps, legacy),
	/* Last: a driver that fails it may hang. */
	{ "GEN-ST-04 removal does not wait after NEEDS_RESET", needs_reset },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
