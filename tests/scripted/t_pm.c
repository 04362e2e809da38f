// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation, as the driver core goes through them:
 *
 *   - a wake-up, and a hibernation that was called off, find the balloon as it
 *     was: the host is told of nothing, whether its queues were lost or not;
 *   - what was in flight when the device was reset is the guest's again, and is
 *     asked for anew; a stats buffer survives what does not reset the device;
 *   - an image that is started finds a host that knows of no balloon: the guest
 *     has everything, 'actual' is 0, and then the target is reached again;
 *   - a host that must be told is told before the guest sleeps.
 *
 * The driver's own callbacks are called as the core would; the last cases go
 * through the core.
 */
#include "child.h"
#include "device.h"
#include "guest.h"

#define DEADLINE_MS	15000
#define LOOK_MS		300
#define CASE_S		120
#define SOME		(32 * HOST_MIB + 3)
#define LESS		(8 * HOST_MIB)
#define MOVES		64

struct sleep {
	__u64 features;
	unsigned int flags;
};

static void down(struct host *h, unsigned int flags)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE, flags, DEADLINE_MS), 0);
}

static void up(struct host *h, unsigned int flags)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE, flags, DEADLINE_MS), 0);
}

/* --- the balloon is kept -------------------------------------------------- */

/*
 * Compaction may move some pages at any time, and a reset loses moves under way: as
 * many are inflated anew. The balloon has hundreds of full batches.
 */
static bool is_batch(__u32 bytes)
{
	return bytes > MOVES * sizeof(__u32);
}

static bool count_batches(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int *batches = arg;

	(void)h;
	*batches += is_batch(e->out_len) &&
		    (e->role == HOST_INFLATE || e->role == HOST_DEFLATE);
	return false;
}

/* The device is told after all was taken. */
static bool is_some(struct host *h, void *arg)
{
	(void)arg;
	return host_actual(h) == SOME;
}

static void check_kept(struct host *h)
{
	struct balloon_host_state state;
	__u64 want = h->total;

	/* Memory that comes back by itself still is the guest's. */
	host_state(h, &state);
	if (!(state.features & HOST_F_DEFLATE_ON_OOM))
		want -= SOME;

	host_pump_for(h, LOOK_MS);
	device_check_total(h, want);
	host_pump(h, is_some, NULL, DEADLINE_MS);
	ktap_eq(host_actual(h), SOME);
}

static void kept(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);
	unsigned int i, batches = 0;

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	h->on_take = count_batches;
	h->arg = &batches;
	for (i = 0; i < 3; i++) {
		down(h, sleep->flags);
		up(h, sleep->flags);
		check_kept(h);
		ktap_eq(batches, 0);
	}
	h->on_take = NULL;
	ktap_eq(host_pump_target(h, LESS, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* The host may have forgotten, or be another one: it is told how much there is. */
static void actual_told(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	down(h, sleep->flags);
	host_set_config(h, HOST_CFG_ACTUAL, 0, false);
	up(h, sleep->flags);
	check_kept(h);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void target_while_asleep(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);

	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	down(h, sleep->flags);
	host_set_target(h, SOME);
	up(h, sleep->flags);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	device_finish(h);
}

static void in_flight(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);

	ktap_eq(model_settle(h->model, LESS, DEADLINE_MS), 0);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, SOME);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS),
		   "nothing is inflated");
	down(h, sleep->flags);
	up(h, sleep->flags);
	host_answer(h, HOST_INFLATE);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	check_kept(h);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void stats(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features | HOST_F_STATS_VQ, DEADLINE_MS);
	bool answered;

	host_withhold(h, HOST_STATS);
	ktap_check(host_wait_held(h, HOST_STATS, DEADLINE_MS), "no statistics");
	for (answered = false; ; answered = true) {
		down(h, sleep->flags);
		/* A request that comes while nobody listens. */
		if (answered)
			host_release(h, HOST_STATS);
		up(h, sleep->flags);
		ktap_check(host_wait_held(h, HOST_STATS, DEADLINE_MS),
			   "no statistics");
		host_pump_for(h, LOOK_MS);
		ktap_eq(host_held(h, HOST_STATS), 1);
		if (answered)
			break;
	}
	device_finish(h);
}

/* --- an image ------------------------------------------------------------- */

static bool told_zero(struct host *h, __u64 after)
{
	const struct balloon_host_event *e;

	while ((e = host_find(h, BALLOON_EV_CONFIG_WRITE, HOST_ANY, after))) {
		after = e->seq;
		if (e->where == HOST_CFG_ACTUAL && !e->value)
			return true;
	}
	return false;
}

static void image(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);
	__u64 seq;

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	seq = h->log[h->events - 1].seq;
	host_withhold(h, HOST_INFLATE);
	down(h, BALLOON_OPF_PM_POWEROFF);
	up(h, BALLOON_OPF_PM_POWEROFF);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS),
		   "nothing is inflated");
	ktap_eq(host_actual(h), 0);
	ktap_check(told_zero(h, seq), "'actual' was not set to 0");
	ktap_eq(host_meminfo("MemTotal"), h->total);
	host_answer(h, HOST_INFLATE);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* --- through the core ----------------------------------------------------- */

/*
 * Without swap a hibernation freezes and thaws all devices, and fails. A kernel that
 * can test its suspend does the same in a suspend, and need not make room for an image
 * before, for which a debug kernel takes a minute.
 */
static pid_t sleep_through_core(void)
{
	pid_t pid = fork();
	bool ok;

	if (pid)
		return pid;
	if (!guest_write("/sys/power/pm_test", "devices"))
		_exit(guest_write("/sys/power/state", "disk"));
	guest_write("/sys/module/suspend/parameters/pm_test_delay", "1");
	ok = guest_write("/sys/power/state", "freeze");
	guest_write("/sys/power/pm_test", "none");
	_exit(!ok);
}

/* Through the whole system's sleep; false if it was over before devices slept. */
static bool slept(struct host *h)
{
	unsigned int resets = host_count(h, BALLOON_EV_RESET, HOST_ANY);
	struct child child = { .status = -1 };

	child.pid = sleep_through_core();
	ktap_eq(host_pump(h, child_ended, &child, 4 * DEADLINE_MS), 0);
	ktap_check(!child.status, "the system's sleep: status %#x",
		   child.status);
	return host_count(h, BALLOON_EV_RESET, HOST_ANY) != resets;
}

static unsigned int batches_taken(struct host *h)
{
	const struct balloon_host_event *e;
	unsigned int nr = 0;
	__u64 after = 0;

	host_log(h);
	while ((e = host_find(h, BALLOON_EV_TAKE, HOST_ANY, after))) {
		after = e->seq;
		nr += is_batch(e->len) &&
		      (e->queue == host_queue(h, HOST_INFLATE) ||
		       e->queue == host_queue(h, HOST_DEFLATE));
	}
	return nr;
}

/*
 * The host goes on while processes are frozen, like one outside the guest: compaction,
 * which the system's sleep brings about, moves pages until devices sleep. It knows
 * nothing of them, so there is no model.
 */
static void through_core(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);
	unsigned int batches;

	model_free(h->model);
	host_mode(h, HOST_INFLATE, BALLOON_MODE_AUTO, 0);
	host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO, 0);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	batches = batches_taken(h);
	ktap_check(batches, "the balloon was filled page by page");
	if (!slept(h))
		ktap_skip_case("this kernel gives up before it freezes devices");
	check_kept(h);
	ktap_eq(batches_taken(h), batches);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	ktap_eq(host_meminfo("MemTotal"), h->total);
	host_free(h);
}

static void through_core_tell(const void *arg)
{
	const struct sleep *sleep = arg;
	struct host *h = device_start(sleep->features, DEADLINE_MS);
	unsigned int batches = 0;

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	h->on_take = count_batches;
	h->arg = &batches;
	if (!slept(h))
		ktap_skip_case("this kernel gives up before it freezes devices");
	h->on_take = NULL;
	ktap_check(batches, "the host was told of nothing");
	ktap_ge(h->model->deflated, SOME);
	check_kept(h);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

#define TELL	(HOST_F_MODERN | HOST_F_MUST_TELL_HOST)
#define ALL	(HOST_F_MODERN | HOST_F_DEFLATE_ON_OOM | HOST_F_STATS_VQ | \
		 HOST_F_FREE_PAGE_HINT | HOST_F_REPORTING)

static const struct sleep suspend = {
	HOST_F_MODERN, BALLOON_OPF_PM_SUSPEND
};

static const struct sleep legacy = { 0, BALLOON_OPF_PM_SUSPEND };
static const struct sleep tell = { TELL, BALLOON_OPF_PM_SUSPEND };
static const struct sleep all = { ALL, BALLOON_OPF_PM_SUSPEND };
static const struct sleep thaw = { HOST_F_MODERN, BALLOON_OPF_PM_FREEZE };
static const struct sleep soft = {
	ALL, BALLOON_OPF_PM_SUSPEND | BALLOON_OPF_NO_VIRTIO
};

static const struct ktap_case cases[] = {
	{ "kept,suspend", kept, &suspend },
	{ "kept,suspend,legacy", kept, &legacy },
	{ "kept,suspend,tell", kept, &tell },
	{ "kept,suspend,all", kept, &all },
	{ "kept,thaw", kept, &thaw },
	{ "kept,no-reset", kept, &soft },
	{ "actual-told", actual_told, &suspend },
	{ "target-while-asleep", target_while_asleep, &suspend },
	{ "target-while-asleep,no-reset", target_while_asleep, &soft },
	{ "in-flight", in_flight, &suspend },
	{ "in-flight,tell", in_flight, &tell },
	{ "in-flight,no-reset", in_flight, &soft },
	{ "stats", stats, &suspend },
	{ "stats,no-reset", stats, &soft },
	{ "image", image, &suspend },
	{ "image,legacy", image, &legacy },
	{ "image,all", image, &all },
	{ "through-core", through_core, &suspend },
	{ "through-core,tell", through_core_tell, &tell },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
