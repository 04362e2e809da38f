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
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../ktap.h"
#include "host.h"
#include "model.h"

#define DEADLINE_MS	15000
/* The driver waits for a second after a repetition, and looks once a second. */
#define REPEATED_MS	3500
#define CASE_S		120
#define SOME		(32 * HOST_MIB + 5)
#define LESS		(16 * HOST_MIB)
#define CMD_ID		9

static struct host *start(__u64 features)
{
	struct host_offer offer = { .features = features };
	struct host *h = host_new(&offer);

	model_new(h);
	ktap_eq(host_pump_op(h, BALLOON_OP_PLUG, 0, DEADLINE_MS), 0);
	if (!ktap_check(host_bound(h), "no driver is bound"))
		ktap_end_case();
	return h;
}

static void finish(struct host *h, __u64 total)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), total);
	ktap_eq(model_offline(h->model), 0);
	host_free(h);
}

static void ask(struct host *h)
{
	struct balloon_host_state state;
	char path[128];
	int fd;

	host_state(h, &state);
	snprintf(path, sizeof(path),
		 "/sys/bus/virtio/devices/%s/balloon/resync", state.device);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		ktap_skip_case("the driver cannot be asked");
	ktap_check(write(fd, "0", 1) < 0, "'0' is taken for a wish");
	ktap_eq(write(fd, "1\n", 2), 2);
	close(fd);
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

static bool has_total(struct host *h, void *arg)
{
	(void)h;
	return host_meminfo("MemTotal") == *(__u64 *)arg;
}

/* What is put back leaves and enters the balloon, a batch at a time. */
static void check_total(struct host *h, __u64 want)
{
	ktap_check(!host_pump(h, has_total, &want, DEADLINE_MS),
		   "MemTotal is %llu pages, expected %llu",
		   host_meminfo("MemTotal"), want);
}

static void check_all(struct host *h, __u64 total)
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
	check_total(h, total - SOME);
}

static void asked(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = start(*(const __u64 *)arg);

	h->model->inhibited = true;
	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	h->model->inhibited = false;
	ask(h);
	check_all(h, total);
	ktap_check(h->model->destroyed + 64 >= SOME,
		   "only %llu pages were discarded", h->model->destroyed);
	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, total);
}

static void repeated(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = start(*(const __u64 *)arg);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	host_set_target(h, SOME);
	check_all(h, total);
	/* Nothing new is in the balloon, and it was a moment ago. */
	h->model->resynced = 0;
	host_set_target(h, SOME);
	host_pump_for(h, REPEATED_MS);
	ktap_eq(h->model->resynced, 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, total);
}

/* The change was the command's, of which the target knows nothing. */
static void command(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = start(*(const __u64 *)arg | HOST_F_FREE_PAGE_HINT);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	host_set_config(h, HOST_CFG_CMD_ID, CMD_ID, true);
	host_pump_for(h, REPEATED_MS / 2);
	host_set_config(h, HOST_CFG_CMD_ID, HOST_CMD_DONE, true);
	model_hint_done(h->model);
	host_pump_for(h, REPEATED_MS);
	ktap_eq(h->model->resynced, 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, total);
}

static bool holds(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_INFLATE);
}

/* What is under way when the host stops to answer. */
static struct host *stuck(__u64 features)
{
	struct host *h = start(features);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	h->policy[HOST_INFLATE].ack = HOST_ACK_HOLD;
	ask(h);
	ktap_eq(host_pump(h, holds, NULL, DEADLINE_MS), 0);
	return h;
}

static void new_target(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = stuck(*(const __u64 *)arg);

	host_set_target(h, LESS);
	host_pump_for(h, 200);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_INFLATE);
	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	check_total(h, total - LESS);
	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, total);
}

static void removed(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = stuck(*(const __u64 *)arg);

	finish(h, total);
}

/* What was being announced is still in the balloon. */
static void slept(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = stuck(*(const __u64 *)arg);

	ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE, BALLOON_OPF_PM_SUSPEND,
			     DEADLINE_MS), 0);
	check_total(h, total - SOME);
	ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE, BALLOON_OPF_PM_SUSPEND,
			     DEADLINE_MS), 0);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	check_total(h, total - SOME);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	finish(h, total);
}

int main(int argc, char **argv)
{
	static const __u64 plain = HOST_F_MODERN;
	static const __u64 tell = HOST_F_MODERN | HOST_F_MUST_TELL_HOST;
	static const __u64 report = HOST_F_MODERN | HOST_F_REPORTING;
	static const __u64 legacy;

	ktap_plan(9, argc, argv);
	if (!ktap.list)
		host_load_driver();
	ktap_run("asked", asked, &plain, CASE_S);
	ktap_run("asked,legacy", asked, &legacy, CASE_S);
	ktap_run("asked,report", asked, &report, CASE_S);
	ktap_run("repeated", repeated, &plain, CASE_S);
	ktap_run("command", command, &plain, CASE_S);
	ktap_run("new-target", new_target, &plain, CASE_S);
	ktap_run("new-target,tell", new_target, &tell, CASE_S);
	ktap_run("removed", removed, &plain, CASE_S);
	ktap_run("slept", slept, &plain, CASE_S);
	return ktap_exit();
}
