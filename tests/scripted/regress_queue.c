// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs that balloon drivers had with their queues, each as one case that fails
 * when the bug is there; Documentation/regressions.rst has the list:
 *
 *   - elements of several blocks go through indirect descriptors, which the
 *     kernel allocates while it has taken free memory to report it (20);
 *   - the stats queue is kicked before the device is live, at probe or at
 *     restore (21);
 *   - a request that a broken queue does not take is waited for all the same:
 *     the worker never ends (22), and neither does the removal of the device
 *     or of the driver (27), nor a reboot (19).
 *
 * A driver that hangs takes its guest with it, so these come one after the other
 * in order of how likely that is.
 */
#include "conf.h"

#define MS		10000
#define LIMIT_MS	3000
#define CASE_S		60
#define LOOK_MS		200

static void report_allocates(const void *arg)
{
	struct host *h = conf_start(*(const __u64 *)arg | HOST_F_REPORTING);

	ktap_check(!(conf_accepted(h) & HOST_F_INDIRECT_DESC),
		   "indirect descriptors accepted: reporting allocates");
	conf_finish(h);
}

static void check_kicks(struct host *h, const char *when)
{
	const struct balloon_host_event *e;
	__u64 after = 0;

	host_log(h);
	while ((e = host_find(h, BALLOON_EV_KICK, HOST_ANY, after))) {
		after = e->seq;
		ktap_check(e->value & HOST_S_DRIVER_OK,
			   "%s: queue %d kicked in status %#llx", when,
			   e->queue, (unsigned long long)e->value);
	}
}

static void early_kick(const void *arg)
{
	struct host *h = conf_start(*(const __u64 *)arg | HOST_F_STATS_VQ);

	host_pump_for(h, LOOK_MS);
	check_kicks(h, "probe");
	device_sleep(h);
	host_pump_for(h, LOOK_MS);
	check_kicks(h, "restore");
	conf_finish(h);
}

/**
 * struct broken - what is asked of the driver of a broken device
 * @features: offered
 * @target: asked for after it broke
 * @op: how the driver is told to let go
 * @flags: of @op
 */
struct broken {
	__u64 features;
	__u32 target;
	unsigned int op;
	unsigned int flags;
};

static void broken(const void *arg)
{
	const struct broken *b = arg;
	__u64 total = host_meminfo("MemTotal");
	struct host *h = conf_start(b->features);
	int err;

	conf_settle(h, 8 * HOST_MIB);
	host_break(h);
	host_set_target(h, b->target);
	host_pump_for(h, LOOK_MS);
	err = host_op(h, b->op, b->flags, LIMIT_MS);
	if (!err && b->op != BALLOON_OP_REMOVE)
		err = host_op(h, BALLOON_OP_REMOVE, 0, LIMIT_MS);
	ktap_check(!err, "not gone after %u ms: %s", LIMIT_MS, strerror(-err));
	ktap.damaged |= err == -ETIMEDOUT;
	if (ktap.damaged)
		ktap_end_case();
	ktap_eq(host_meminfo("MemTotal"), total);
	ktap_eq(model_offline(h->model), 0);
	conf_free(h);
}

/* The driver is unloaded under a device that answers nothing any more. */
static void unresponsive(const void *arg)
{
	struct host *h = conf_start(*(const __u64 *)arg);
	int role, err;

	conf_settle(h, 8 * HOST_MIB);
	for (role = 0; role < HOST_ROLES; role++)
		host_withhold(h, role);
	err = host_unload_driver(LIMIT_MS);
	ktap_check(!err, "not unloaded after %u ms: %s", LIMIT_MS,
		   strerror(-err));
	ktap.damaged |= err == -ETIMEDOUT;
	if (ktap.damaged)
		ktap_end_case();
	conf_free(h);
	host_load_driver();
}

static const __u64 modern = HOST_F_MODERN;
static const __u64 legacy;
static const __u64 legacy_indirect = HOST_F_INDIRECT_DESC;
static const struct broken grow = {
	HOST_F_MODERN, 32 * HOST_MIB, BALLOON_OP_REMOVE, 0
};

static const struct broken shrink = {
	HOST_F_MODERN | CONF_TELL, 0, BALLOON_OP_REMOVE, 0
};

static const struct broken surprise = {
	HOST_F_MODERN, 8 * HOST_MIB, BALLOON_OP_REMOVE,
	BALLOON_OPF_SURPRISE
};

static const struct broken reboot = {
	HOST_F_MODERN, 32 * HOST_MIB, BALLOON_OP_SHUTDOWN, 0
};

static const struct ktap_case cases[] = {
	{ "20-indirect-descriptors", report_allocates, &modern },
	{ "20-indirect-descriptors,legacy", report_allocates, &legacy_indirect },
	{ "21-early-kick", early_kick, &modern },
	{ "21-early-kick,legacy", early_kick, &legacy },
	{ "22-inflate-on-broken", broken, &grow },
	{ "22-deflate-on-broken", broken, &shrink },
	{ "27-surprise-removal", broken, &surprise },
	{ "19-shutdown-of-broken", broken, &reboot },
	{ "27-unload-unresponsive", unresponsive, &modern },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
