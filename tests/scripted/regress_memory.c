// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bugs that balloon drivers had with memory, each as one case that fails when
 * the bug is there; Documentation/regressions.rst has the list:
 *
 *   - a guest that runs out of memory while the balloon is being inflated gets
 *     memory back, and nobody waits for somebody who waits for memory (1);
 *   - as many pages come back as went, also when they travel one by one (2);
 *   - a probe that fails at whichever step leaves nothing behind (9);
 *   - a target that was reached, also an odd one, is left alone (13);
 *   - compaction takes no page whose deflation the host has not seen yet.
 */
#include <sys/mman.h>

#include "child.h"
#include "device.h"
#include "guest.h"

#define MS		15000
#define CASE_S		90
#define REST_MS		300
#define PROBES		40
#define PROBE_SLACK	host_slack(2 * HOST_MIB)
#define OOM_LEFT	(48 * HOST_MIB)
#define OOM_NEED	(96 * HOST_MIB)
#define ROUNDS		12
#define SMALL_ROUNDS	700
#define SMALL_SLACK	host_slack(2 * HOST_MIB)

/* --- 1: out of memory while inflating -------------------------------------- */

static bool gave(struct host *h, void *arg)
{
	const __u32 *target = arg;

	return host_actual(h) < *target;
}

static void oom(const void *arg)
{
	__u64 features = *(const __u64 *)arg | HOST_F_DEFLATE_ON_OOM;
	struct child child = {};
	struct host *h;
	__u32 target;

	/* The test itself must not be short of memory. */
	guest_write("/proc/self/oom_score_adj", "-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	h = device_start(features, MS);
	/* Who answers lives in the kernel, so that it needs no memory. */
	host_mode(h, HOST_INFLATE, BALLOON_MODE_AUTO, 0);
	host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO, 0);
	target = host_meminfo("MemAvailable") - OOM_LEFT;
	ktap_eq(host_pump_target(h, target, MS), 0);
	/* Inflating goes on while memory runs out. */
	host_set_target(h, target + OOM_LEFT);
	child.pid = child_need(OOM_NEED);
	if (!ktap_check(!host_pump(h, child_ended, &child, MS),
			"whoever needs memory waits for it"))
		ktap.damaged = true;
	ktap_check(WIFEXITED(child.status) && !WEXITSTATUS(child.status),
		   "whoever needed memory was killed: status %#x", child.status);
	/* The device is told when the driver has done all that it has to do. */
	ktap_check(!host_pump(h, gave, &target, MS), "the balloon still has %u pages",
		   host_actual(h));
	device_finish(h);
}

/* --- 2: many elements of one page ------------------------------------------ */

/* Lost pages count here: more elements than there are pages in the slack. */
static void small(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, MS);
	unsigned int i;
	__u64 free;

	ktap_eq(model_settle(h->model, HOST_MIB, MS), 0);
	ktap_eq(model_settle(h->model, 0, MS), 0);
	free = host_free_memory();
	for (i = 0; i < SMALL_ROUNDS && !ktap.wrong; i++) {
		ktap_eq(model_settle(h->model, 1, MS), 0);
		ktap_eq(model_settle(h->model, 0, MS), 0);
	}
	ktap_eq(h->model->inflated, h->model->deflated);
	device_check_free(free, SMALL_SLACK, 2000);
	device_finish(h);
}

/* --- 9: probes that fail --------------------------------------------------- */

static void probe_once(const struct host_offer *offer)
{
	struct host *h = host_new(offer);

	host_op(h, BALLOON_OP_PLUG, 0, MS);
	ktap_check(!host_bound(h), "a driver is bound all the same");
	ktap_eq(host_op(h, BALLOON_OP_REMOVE, 0, MS), 0);
	host_free(h);
}

static void probe_errors(const void *arg)
{
	const struct host_offer *offer = arg;
	unsigned int i;
	__u64 free;

	/* What the first one leaves may be used again by the next. */
	probe_once(offer);
	free = host_free_memory();
	for (i = 0; i < PROBES && !ktap.wrong; i++)
		probe_once(offer);
	device_check_free(free, PROBE_SLACK, 2000);
}

/* --- 13: a target that is reached ------------------------------------------ */

static void rest(const void *arg)
{
	static const __u32 targets[] = { 1, 3, 255, 257, 2 * HOST_MIB + 5, 0 };
	struct host *h = device_start(*(const __u64 *)arg, MS);
	__u64 inflated, deflated;
	unsigned int i;

	for (i = 0; i < COUNT(targets); i++) {
		ktap_eq(model_settle(h->model, targets[i], MS), 0);
		inflated = h->model->inflated;
		deflated = h->model->deflated;
		host_config_irq(h);
		host_pump_for(h, REST_MS);
		ktap_eq(h->model->inflated, inflated);
		ktap_eq(h->model->deflated, deflated);
	}
	device_finish(h);
}

/* --- moves onto pages whose deflation is not seen -------------------------- */

/*
 * Half the balloon goes, the host does not look, and compaction looks for free
 * pages: what moves must not move into those that have just become free.
 */
static void unseen(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, MS);
	unsigned int i;

	for (i = 0; i < ROUNDS && !h->model->complaints; i++) {
		h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
		ktap_eq(model_settle(h->model, 96 * HOST_MIB, MS), 0);
		host_withhold(h, HOST_DEFLATE);
		host_set_target(h, 80 * HOST_MIB + i);
		ktap_check(host_wait_held(h, HOST_DEFLATE, MS), "nothing is deflated");
		child_compact(h, MS);
	}
	h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, 0, MS), 0);
	ktap_eq(h->model->resynced, 0);
	device_finish(h);
}

static const __u64 plain = HOST_F_MODERN;
static const __u64 tell = HOST_F_MODERN | HOST_F_MUST_TELL_HOST;
static const __u64 legacy;
static const struct host_offer no_inflate = {
	.features = HOST_F_MODERN | 0x2f,
	.size[HOST_INFLATE] = HOST_NO_QUEUE,
};

static const struct host_offer no_report = {
	.features = HOST_F_MODERN | 0x2f,
	.size[HOST_REPORT] = HOST_NO_QUEUE,
};

static const struct host_offer picky = {
	.features = HOST_F_MODERN | HOST_F(20),
	.required = HOST_F(20),
};

static const struct ktap_case cases[] = {
	{ "1-oom-while-inflating", oom, &plain },
	{ "1-oom-while-inflating,tell", oom, &tell },
	{ "2-no-page-is-lost", small, &plain },
	{ "2-no-page-is-lost,tell", small, &tell },
	{ "9-probe-without-inflate-queue", probe_errors, &no_inflate },
	{ "9-probe-without-report-queue", probe_errors, &no_report },
	{ "9-probe-refused", probe_errors, &picky },
	{ "13-rest-at-the-target", rest, &plain },
	{ "13-rest-at-the-target,legacy", rest, &legacy },
	{ "31-move-onto-unseen", unseen, &plain },
	{ "31-move-onto-unseen,tell", unseen, &tell },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
