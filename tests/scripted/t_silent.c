// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host that does not answer must not keep the guest from letting go of the
 * device: with any request unacknowledged, and with a balloon that cannot be
 * deflated politely, removal of the device, unbinding and unloading of the
 * driver end within 3 s, and all memory comes back.
 *
 * When they do not, the host comes back to life, so that a driver which merely
 * waits can end and the next case finds a sound guest.
 */
#include "device.h"

#define LIMIT_MS	3000
#define DEADLINE_MS	10000
#define REPORT_MS	3000
#define CASE_S		60
#define FREE_SLACK	host_slack(2 * HOST_MIB)

enum way { REMOVE, SURPRISE, UNBIND, UNLOAD };

struct silent {
	__u64 features;
	enum host_role silent;	/* the queue on which a request is stuck */
	enum way way;
};

static void withhold_all(struct host *h)
{
	int role;

	for (role = 0; role < HOST_ROLES; role++)
		host_withhold(h, role);
}

static void answer_all(struct host *h)
{
	int role;

	for (role = 0; role < HOST_ROLES; role++)
		h->policy[role].ack = HOST_ACK_NOW;
}

/*
 * Freed memory gets reported after a while; a driver that knows how also
 * reports what it inflates.
 */
static void provoke_report(struct host *h)
{
	struct canary litter;

	canary_new(&litter, 64);
	canary_free(&litter);
	if (!host_wait_held(h, HOST_REPORT, REPORT_MS))
		host_set_target(h, 64 * HOST_MIB);
}

/* Bring the driver to where it waits for the silent queue. */
static void provoke(struct host *h, enum host_role silent)
{
	if (silent == HOST_DEFLATE || silent == HOST_NONE)
		ktap_eq(model_settle(h->model, 16 * HOST_MIB, DEADLINE_MS), 0);
	withhold_all(h);
	if (silent == HOST_NONE)
		return;
	if (silent == HOST_INFLATE)
		host_set_target(h, 64 * HOST_MIB);
	if (silent == HOST_DEFLATE)
		host_set_target(h, 0);
	if (silent == HOST_HINT)
		host_set_command(h, 7);
	if (silent == HOST_REPORT)
		provoke_report(h);
	if (!host_wait_held(h, silent, REPORT_MS))
		ktap_skip_case("the driver put nothing on queue role %d",
			       silent);
}

static int let_go(struct host *h, enum way way)
{
	switch (way) {
	case REMOVE:
	case SURPRISE:
		return host_pump_op(h, BALLOON_OP_REMOVE, way == SURPRISE ?
				    BALLOON_OPF_SURPRISE : 0, host_patience(LIMIT_MS));
	case UNBIND:
		return host_unbind(h, host_patience(LIMIT_MS));
	case UNLOAD:
		return host_unload_driver(host_patience(LIMIT_MS));
	}
	return -1;
}

static bool unbound(struct host *h, void *arg)
{
	(void)arg;
	return !host_bound(h);
}

/* The host answers again: does the driver end at least now? */
static void revive(struct host *h)
{
	answer_all(h);
	if (host_pump(h, unbound, NULL, DEADLINE_MS)) {
		ktap_note("the driver does not end even when the host answers");
		ktap.damaged = true;
		ktap_end_case();
	}
	host_op_wait(h, DEADLINE_MS);
}

static void silent(const void *arg)
{
	const struct silent *c = arg;
	struct host_offer offer = {
		.features = c->features,
		/* A driver must not hint away all memory before it is stuck. */
		.size[HOST_HINT] = 16,
	};
	struct host *h;
	double begin;
	__u64 free;
	int err;

	/* An earlier case may have unloaded it. */
	host_load_driver();
	free = host_free_memory();
	h = device_start_offer(&offer, DEADLINE_MS);
	provoke(h, c->silent);
	begin = host_now();
	err = let_go(h, c->way);
	ktap_check(!err, "not gone after %.1f s: %s", host_now() - begin,
		   strerror(-err));
	if (!ktap_check(!host_bound(h), "the driver is still bound"))
		revive(h);
	/* Unloading takes no notice of a device, so look before it goes. */
	ktap_eq(host_meminfo("MemTotal"), h->total);
	ktap_eq(model_offline(h->model), 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	if (ktap.wrong)
		host_print_log(h, 20);
	host_free(h);
	device_check_free(free, FREE_SLACK, 2000);
}

#define MODERN	HOST_F_MODERN
#define TELL	(MODERN | HOST_F_MUST_TELL_HOST)

#define CASE(name, ...)	{ name, silent, &(const struct silent){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("inflate,remove", MODERN, HOST_INFLATE, REMOVE),
	CASE("inflate,unbind", MODERN, HOST_INFLATE, UNBIND),
	CASE("inflate,unload", MODERN, HOST_INFLATE, UNLOAD),
	CASE("inflate,tell,remove", TELL, HOST_INFLATE, REMOVE),
	CASE("deflate,remove", MODERN, HOST_DEFLATE, REMOVE),
	CASE("deflate,unbind", MODERN, HOST_DEFLATE, UNBIND),
	CASE("deflate,unload", MODERN, HOST_DEFLATE, UNLOAD),
	CASE("deflate,tell,remove", TELL, HOST_DEFLATE, REMOVE),
	CASE("full,remove", MODERN, HOST_NONE, REMOVE),
	CASE("full,tell,remove", TELL, HOST_NONE, REMOVE),
	CASE("full,tell,unload", TELL, HOST_NONE, UNLOAD),
	CASE("full,legacy,unbind", 0, HOST_NONE, UNBIND),
	CASE("stats,remove", MODERN | HOST_F_STATS_VQ, HOST_STATS, REMOVE),
	CASE("hint,remove", MODERN | HOST_F_FREE_PAGE_HINT, HOST_HINT, REMOVE),
	CASE("hint,unload", MODERN | HOST_F_FREE_PAGE_HINT, HOST_HINT, UNLOAD),
	CASE("report,remove", MODERN | HOST_F_REPORTING, HOST_REPORT, REMOVE),
	CASE("report,unload", TELL | HOST_F_REPORTING, HOST_REPORT, UNLOAD),
	/* Last: a driver that fails these is beyond help. */
	CASE("inflate,surprise", MODERN, HOST_INFLATE, SURPRISE),
	CASE("deflate,tell,surprise", TELL, HOST_DEFLATE, SURPRISE),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
