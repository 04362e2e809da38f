// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation of probe and of each operation fails once, one after the
 * other, until none is left: binding, unbinding and restoring in the task that
 * does it, inflating, deflating, statistics and the OOM notifier in the kernel's
 * workers. Then many fail at random.
 *
 *   - a probe that fails leaves nothing: no driver bound, no queue, no page;
 *   - an unbinding succeeds;
 *   - a wake-up finds the balloon as it was, and one that fails can be followed by
 *     an unbinding;
 *   - inflating and deflating reach their target all the same, statistics come,
 *     and the balloon gives memory back when the kernel asks;
 *   - the books balance.
 *
 * For kernels with fault injection; elsewhere all cases are skipped.
 */
#include <fcntl.h>

#include "child.h"
#include "device.h"
#include "faults.h"
#include "guest.h"

#define SETTLE_MS	30000
#define OP_MS		20000
#define CASE_S		800
/* A walk that does not end is a mistake of the test. */
#define WALK_MAX	2000
#define FREE_SLACK	host_slack(4 * HOST_MIB)
#define RANDOM_ROUNDS	4
/* More than a driver has under way at once. */
#define REQUESTS	30
#define REQUESTS_PAGES	(40 * HOST_MIB)
#define REQUESTS_MS	2000
#define RANDOM_PERCENT	40

#define TELL	HOST_F_MUST_TELL_HOST
#define ALL	(HOST_F_MODERN | TELL | HOST_F_STATS_VQ | \
		 HOST_F_DEFLATE_ON_OOM | HOST_F_REPORTING)

static const __u64 all = ALL;
static const __u64 no_reporting = ALL & ~HOST_F_REPORTING;
static const __u64 legacy;

/* @free: what is free before, for finish(). */
static struct host *start(const __u64 *features, __u64 *free)
{
	if (!faults_prepare())
		ktap_skip_case("this kernel has no fault injection");
	*free = host_free_memory();
	return device_start(*features, OP_MS);
}

static void finish(struct host *h, __u64 free)
{
	device_finish(h);
	device_check_free(free, FREE_SLACK, 3000);
}

/**
 * struct outcome - of an attempt with a fault
 * @err: 0 or a negative errno
 * @hit: an allocation has failed
 */
struct outcome {
	int err;
	bool hit;
};

#define OUTCOME_HIT	0x80

/* Write the device's name to a file of the driver; the Nth allocation fails. */
static noreturn void try_child(const char *file, const char *device,
			       unsigned int nth)
{
	int fd = open(file, O_WRONLY);
	int err = 0;

	if (fd < 0 || !faults_arm_self(nth))
		_exit(EBADF);
	if (write(fd, device, strlen(device)) < 0)
		err = errno;
	_exit(err | (faults_disarm_self() ? OUTCOME_HIT : 0));
}

static struct outcome try_nth(struct host *h, const char *file,
			      unsigned int nth)
{
	double deadline = host_now() + OP_MS / 1000.0;
	struct balloon_host_state state;
	int status;
	pid_t pid;

	host_state(h, &state);
	pid = fork();
	if (!pid)
		try_child(file, state.device, nth);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		host_pump_for(h, 5);
		if (host_now() < deadline)
			continue;
		ktap_check(false, "allocation %u: no end", nth);
		ktap.damaged = true;
		ktap_end_case();
	}
	if (!ktap_check(WIFEXITED(status) && WEXITSTATUS(status) != EBADF,
			"allocation %u: the attempt ended with %#x", nth, status))
		ktap_end_case();
	return (struct outcome) {
		.err = -(WEXITSTATUS(status) & ~OUTCOME_HIT),
		.hit = WEXITSTATUS(status) & OUTCOME_HIT,
	};
}

/*
 * What the driver gave back without telling, by a reset, the model keeps: it may
 * still be told. Not by a driver that has begun anew.
 */
static void forget(struct host *h)
{
	struct model *m = h->model;
	__u64 pfn;

	host_serve(h);
	for (pfn = 0; pfn < m->pages; pfn++)
		m->state[pfn] &= MODEL_SEEN;
	m->told = 0;
}

/* After a probe that failed, or an unbinding. */
static void check_unbound(struct host *h, unsigned int nth)
{
	struct balloon_host_state state;

	forget(h);
	host_state(h, &state);
	ktap_check(!state.driver[0], "allocation %u: a driver is bound", nth);
	ktap_check(!state.queues, "allocation %u: %u queues are left", nth,
		   state.queues);
	ktap_check(host_meminfo("MemTotal") == h->total,
		   "allocation %u: MemTotal differs", nth);
}

static bool many_held(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_INFLATE) >= REQUESTS;
}

/*
 * A probe that lived with a failure, or overlooked it: use all that it should
 * have allocated, many requests at once.
 */
static void exercise(struct host *h, unsigned int nth)
{
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, REQUESTS_PAGES);
	host_pump(h, many_held, NULL, REQUESTS_MS);
	host_answer(h, HOST_INFLATE);
	ktap_check(!model_settle(h->model, 3, SETTLE_MS),
		   "probe %u: the balloon does not work", nth);
}

static void walk_probe(const void *arg)
{
	unsigned int nth, failed = 0;
	__u64 free;
	struct host *h = start(arg, &free);
	struct outcome o;

	for (nth = 1; nth < WALK_MAX && !ktap.wrong; nth++) {
		if (host_bound(h)) {
			ktap_eq(host_unbind(h, OP_MS), 0);
			check_unbound(h, nth);
		}
		o = try_nth(h, DRIVER_DIR "/bind", nth);
		if (o.err) {
			failed++;
			ktap_check(o.hit, "probe %u: %s without a fault", nth,
				   strerror(-o.err));
			check_unbound(h, nth);
		} else {
			ktap_check(host_bound(h), "probe %u: not bound", nth);
			exercise(h, nth);
		}
		if (!o.hit)
			break;
	}
	ktap_note("%u allocations, %u of them fatal", nth - 1, failed);
	ktap_check(nth < WALK_MAX, "the walk has no end");
	ktap_check(failed > 0, "no allocation was fatal: the test does not work");
	finish(h, free);
}

/* The first allocations are those of writing to a file: no driver is asked. */
static bool was_not_asked(struct host *h, struct outcome o)
{
	return o.err == -ENOMEM && o.hit && host_bound(h);
}

static void walk_unplug(const void *arg)
{
	__u64 free;
	struct host *h = start(arg, &free);
	struct outcome o = { .hit = true };
	unsigned int nth, refused = 0;

	for (nth = 1; o.hit && nth < WALK_MAX && !ktap.wrong; nth++) {
		if (!host_bound(h))
			ktap_eq(host_bind(h, OP_MS), 0);
		ktap_eq(model_settle(h->model, HOST_MIB + 3, SETTLE_MS), 0);
		o = try_nth(h, DRIVER_DIR "/unbind", nth);
		if (was_not_asked(h, o)) {
			refused++;
			continue;
		}
		ktap_check(!o.err, "unbinding %u: %s", nth, strerror(-o.err));
		check_unbound(h, nth);
	}
	ktap_note("%u allocations, %u of them before the driver", nth - 2,
		  refused);
	ktap_check(refused < 5, "%u writes found no memory", refused);
	finish(h, free);
}

/* --- what happens in the kernel's workers ---------------------------------- */

static bool inflate_to(struct host *h)
{
	return !model_settle(h->model, 6 * HOST_MIB + 3, SETTLE_MS);
}

static bool deflate_to(struct host *h)
{
	return !model_settle(h->model, 3, SETTLE_MS);
}

static bool next_stats(struct host *h)
{
	host_release(h, HOST_STATS);
	return host_wait_held(h, HOST_STATS, SETTLE_MS);
}

/* The balloon shrinks, and may grow again afterwards. */
static bool oom(struct host *h)
{
	__u64 deflated = host_vm_events("balloon_deflate");

	child_oom_end(h, child_oom_start());
	return host_vm_events("balloon_deflate") > deflated;
}

struct step {
	const char *name;
	const char *tasks;
	bool (*prepare)(struct host *h);
	bool (*step)(struct host *h);
	unsigned int most;	/* steps of a walk, for the slow ones */
};

static const struct step steps[] = {
	{ "inflate", FAULTS_UNBOUND, deflate_to, inflate_to, 60 },
	{ "deflate", FAULTS_UNBOUND, inflate_to, deflate_to, 30 },
	{ "stats", FAULTS_UNBOUND, next_stats, next_stats, 30 },
	{ "oom", FAULTS_WORKERS, inflate_to, oom, 5 },
};

static void walk(struct host *h, const struct step *step)
{
	unsigned int nth, hits = 0;
	bool hit = true;

	for (nth = 1; hit && nth <= step->most && !ktap.wrong; nth++) {
		if (!ktap_check(step->prepare(h), "before %s %u", step->name,
				nth))
			return;
		ktap_check(faults_arm_tasks(step->tasks, nth) > 0,
			   "there are no workers");
		ktap_check(step->step(h), "%s with allocation %u failed",
			   step->name, nth);
		hit = faults_disarm_tasks(step->tasks);
		hits += hit;
	}
	ktap_note("%s: %u of %u allocations failed", step->name, hits, nth - 1);
}

static void operations(const void *arg)
{
	__u64 free;
	struct host *h = start(arg, &free);
	unsigned int i;

	host_withhold(h, HOST_STATS);
	for (i = 0; i < COUNT(steps); i++)
		if ((steps[i].step != oom && steps[i].step != next_stats) ||
		    *(const __u64 *)arg)
			walk(h, &steps[i]);
	finish(h, free);
}

/* Down, and up again in a worker of the host's module. */
static void walk_restore(const void *arg)
{
	unsigned int nth, failed = 0;
	__u64 free;
	struct host *h = start(arg, &free);
	bool hit = true;
	int err;

	for (nth = 1; hit && nth < WALK_MAX && !ktap.wrong; nth++) {
		if (!host_bound(h)) {
			check_unbound(h, nth);
			ktap_eq(host_bind(h, OP_MS), 0);
		}
		ktap_eq(model_settle(h->model, HOST_MIB, SETTLE_MS), 0);
		ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE,
				     BALLOON_OPF_PM_SUSPEND, OP_MS), 0);
		faults_arm_tasks(FAULTS_UNBOUND, nth);
		err = host_pump_op(h, BALLOON_OP_RESTORE,
				   BALLOON_OPF_PM_SUSPEND, OP_MS);
		hit = faults_disarm_tasks(FAULTS_UNBOUND);
		ktap_check(hit || !err, "restore %u: %s without a fault", nth,
			   strerror(-err));
		if (!err)
			continue;
		failed++;
		ktap_eq(host_unbind(h, OP_MS), 0);
		check_unbound(h, nth);
	}
	ktap_note("%u allocations, %u of them fatal", nth - 2, failed);
	finish(h, free);
}

/* --- many at random ------------------------------------------------------- */

static void toss(struct host *h, __u32 target, unsigned int ms)
{
	double end = host_now() + ms / 1000.0;

	host_set_target(h, target);
	while (host_now() < end) {
		/* Workers come and go. */
		faults_random(FAULTS_UNBOUND, RANDOM_PERCENT);
		host_pump_for(h, 50);
	}
	faults_end_random(FAULTS_UNBOUND);
}

static void at_random(const void *arg)
{
	__u64 free;
	struct host *h = start(arg, &free);
	unsigned int i;

	for (i = 0; i < RANDOM_ROUNDS && !ktap.wrong; i++) {
		toss(h, (32 + i) * HOST_MIB + i, 1500);
		ktap_eq(model_settle(h->model, (32 + i) * HOST_MIB + i,
				     2 * SETTLE_MS), 0);
		toss(h, i * HOST_MIB, 300);
		ktap_eq(model_settle(h->model, i * HOST_MIB, SETTLE_MS), 0);
	}
	finish(h, free);
}

static const struct ktap_case cases[] = {
	{ "probe, all features", walk_probe, &all },
	{ "probe, legacy", walk_probe, &legacy },
	{ "unplug, all features", walk_unplug, &all },
	{ "operations, all features", operations, &all },
	{ "operations, no reporting", operations, &no_reporting },
	{ "operations, legacy", operations, &legacy },
	{ "restore, all features", walk_restore, &all },
	{ "at random, all features", at_random, &all },
	{ "at random, no reporting", at_random, &no_reporting },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
