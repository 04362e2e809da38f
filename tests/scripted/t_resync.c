// SPDX-License-Identifier: GPL-2.0-only
/*
 * Announcing the balloon again to a host that has acknowledged it and discarded
 * nothing, as QEMU does while it is inhibited:
 *
 *   - when asked through sysfs, or when the host repeats its target, every page is
 *     announced once more, and nothing else changes;
 *   - a repetition counts once a minute, and not when the command for hints has
 *     changed;
 *   - a new target, a silent host and the removal of the device end it, and the
 *     books balance.
 */
#include "device.h"

#define DEADLINE_MS	15000
/* The driver waits for a second after a repetition, and looks once a second. */
#define REPEATED_MS	3500
#define CASE_S		120
#define SOME		(32 * HOST_MIB + 5)
#define LESS		(16 * HOST_MIB)
#define CMD_ID		9

static void ask(struct host *h)
{
	int err = host_set_attribute(h, "resync", "1\n");

	if (err == -ENOENT)
		ktap_skip_case("the driver cannot be asked");
	ktap_eq(err, 0);
	ktap_eq(host_set_attribute(h, "resync", "0"), -EINVAL);
}

struct announced {
	__u64 pages;
};

/* Compaction may have moved some meanwhile: those were announced as they moved. */
static bool announced(struct host *h, void *arg)
{
	const struct announced *want = arg;

	return h->model->resynced + 64 >= want->pages &&
	       !host_held(h, HOST_INFLATE);
}

static void check_all(struct host *h)
{
	struct announced want = { SOME };

	ktap_check(!host_pump(h, announced, &want, REPEATED_MS),
		   "%llu of %u pages were announced again", h->model->resynced,
		   SOME);
	host_pump_for(h, 100);
	ktap_check(h->model->resynced <= SOME,
		   "%llu pages were announced again, there are %u",
		   h->model->resynced, SOME);
	ktap_eq(h->model->told, SOME);
	ktap_eq(host_actual(h), SOME);
	device_check_total(h, h->total - SOME);
}

static void asked(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	h->model->inhibited = true;
	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	h->model->inhibited = false;
	ask(h);
	check_all(h);
	ktap_check(h->model->destroyed + 64 >= SOME,
		   "only %llu pages were discarded", h->model->destroyed);
	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void repeated(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	host_set_target(h, SOME);
	check_all(h);
	/* Nothing new is in the balloon, and it was a moment ago. */
	h->model->resynced = 0;
	host_set_target(h, SOME);
	host_pump_for(h, REPEATED_MS);
	ktap_eq(h->model->resynced, 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* The change was the command's, of which the target knows nothing. */
static void command(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg | HOST_F_FREE_PAGE_HINT, DEADLINE_MS);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	host_set_command(h, CMD_ID);
	host_pump_for(h, REPEATED_MS / 2);
	host_set_command(h, HOST_CMD_DONE);
	model_hint_done(h->model);
	host_pump_for(h, REPEATED_MS);
	ktap_eq(h->model->resynced, 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* What is under way when the host stops to answer. */
static struct host *stuck(__u64 features)
{
	struct host *h = device_start(features, DEADLINE_MS);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	host_withhold(h, HOST_INFLATE);
	ask(h);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS),
		   "nothing is announced");
	return h;
}

static void new_target(const void *arg)
{
	struct host *h = stuck(*(const __u64 *)arg);

	host_set_target(h, LESS);
	host_pump_for(h, 200);
	host_answer(h, HOST_INFLATE);
	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	device_check_total(h, h->total - LESS);
	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void removed(const void *arg)
{
	struct host *h = stuck(*(const __u64 *)arg);

	device_finish(h);
}

/* What was being announced is still in the balloon. */
static void slept(const void *arg)
{
	struct host *h = stuck(*(const __u64 *)arg);

	ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE, BALLOON_OPF_PM_SUSPEND,
			     DEADLINE_MS), 0);
	device_check_total(h, h->total - SOME);
	ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE, BALLOON_OPF_PM_SUSPEND,
			     DEADLINE_MS), 0);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	device_check_total(h, h->total - SOME);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static const __u64 plain = HOST_F_MODERN;
static const __u64 tell = HOST_F_MODERN | HOST_F_MUST_TELL_HOST;
static const __u64 report = HOST_F_MODERN | HOST_F_REPORTING;
static const __u64 legacy;

static const struct ktap_case cases[] = {
	{ "asked", asked, &plain },
	{ "asked,legacy", asked, &legacy },
	{ "asked,report", asked, &report },
	{ "repeated", repeated, &plain },
	{ "command", command, &plain },
	{ "new-target", new_target, &plain },
	{ "new-target,tell", new_target, &tell },
	{ "removed", removed, &plain },
	{ "slept", slept, &plain },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
