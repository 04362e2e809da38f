// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page reporting, the part of it that is the driver's:
 *
 *   - what the guest frees is reported, whatever else the device can do, in elements
 *     that the ring has room for, also after the device has come back, and the next
 *     ones follow as soon as the host is done; a ring of one entry has none for it;
 *   - what is reported is nobody's until the host is done with it, or the device is
 *     reset; memory in use is never named;
 *   - a host that does not answer keeps neither the balloon from its target nor the
 *     device from being taken away, and the guest does not try to sleep in vain;
 *   - a ring without room keeps blocks from the guest for a second at most: what was
 *     not reported is counted as refused.
 *
 * The model destroys reported pages when it acknowledges them, as a host does.
 */
#include <fcntl.h>

#include "child.h"
#include "device.h"
#include "kernel_log.h"

#define DEADLINE_MS	20000
#define LOOK_MS		500
#define CASE_S		120
#define LITTER_MIB	96
#define MANY		(32 * HOST_MIB)
#define SOME		(32 * HOST_MIB)
#define LARGE		(160 * HOST_MIB)
#define FEW		4
#define ROUNDS		8
#define PROMPT_MS	125	/* whoever looks now and then does it 4 times a second */
#define TRIES		8
#define FULL_MS		3000
#define REFUSED_MS	8000	/* a pass comes after 2 s, and waits for 1 s */
#define SLEEP_MS	15000	/* freezing the kernel's worker in vain takes 20 s */

static bool see(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int *most = arg;

	(void)h;
	if (e->role == HOST_REPORT && e->descs > *most)
		*most = e->descs;
	return false;
}

static bool reported_many(struct host *h, void *arg)
{
	return h->model->reported >= *(__u64 *)arg + MANY;
}

/* Free memory, and see that it is reported. */
static void check_reports(struct host *h)
{
	__u64 before = h->model->reported;
	struct canary litter, kept;

	canary_new(&litter, LITTER_MIB);
	canary_new(&kept, 8);
	canary_free(&litter);
	ktap_check(!host_pump(h, reported_many, &before, DEADLINE_MS),
		   "%llu of %u pages were reported", h->model->reported - before,
		   MANY);
	ktap_eq(canary_check(&kept), 0);
	canary_free(&kept);
}

/* The first report stays without an answer. */
static bool keep_first(struct host *h, struct host_elem *e, void *arg)
{
	struct host_elem **kept = arg;

	(void)h;
	if (e->role != HOST_REPORT || *kept)
		return false;
	*kept = e;
	return true;
}

static bool has_kept(struct host *h, void *arg)
{
	(void)h;
	return *(struct host_elem **)arg;
}

/* The kernel has one report at a time; what else comes is answered. */
static void keep_report(struct host *h, struct host_elem **kept)
{
	struct canary litter;

	*kept = NULL;
	h->on_take = keep_first;
	h->arg = kept;
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	if (!ktap_check(!host_pump(h, has_kept, kept, DEADLINE_MS),
			"nothing is reported"))
		ktap_end_case();
}

static void answer_report(struct host *h, struct host_elem *kept)
{
	h->on_take = NULL;
	ktap_eq(host_ack(h, kept, 0, 0), 0);
}

/* --- what is reported ----------------------------------------------------- */

static void freed(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	check_reports(h);
	device_finish(h);
}

/* A reporting queue of few descriptors. */
static struct host *start_with_few(__u64 features)
{
	struct host_offer offer = {
		.features = features,
		.size[HOST_REPORT] = FEW,
	};

	return device_start_offer(&offer, DEADLINE_MS);
}

static void short_ring(const void *arg)
{
	struct host *h = start_with_few(*(const __u64 *)arg);
	unsigned int most = 0;

	h->on_take = see;
	h->arg = &most;
	check_reports(h);
	ktap_check(most <= FEW / 2, "a report of %u descriptors", most);
	h->on_take = NULL;
	device_finish(h);
}

/**
 * struct pace - how fast one report follows another
 * @nr: reports so far
 * @last: when the last one came, as host_now()
 * @least: seconds from one to the next, the least
 */
struct pace {
	unsigned int nr;
	double last;
	double least;
};

static bool see_pace(struct host *h, struct host_elem *e, void *arg)
{
	struct pace *pace = arg;

	(void)h;
	if (e->role != HOST_REPORT)
		return false;
	if (pace->nr++ && e->at - pace->last < pace->least)
		pace->least = e->at - pace->last;
	pace->last = e->at;
	return false;
}

static bool saw_rounds(struct host *h, void *arg)
{
	(void)h;
	return ((struct pace *)arg)->nr >= ROUNDS;
}

/*
 * The host's interrupt is what the guest goes on by, and not that it looks now and
 * then: the least of several times says so on a machine that is busy, too.
 */
static void prompt(const void *arg)
{
	struct host *h = start_with_few(*(const __u64 *)arg);
	struct pace pace = { .least = DEADLINE_MS };
	struct canary litter;

	h->on_take = see_pace;
	h->arg = &pace;
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	ktap_check(!host_pump(h, saw_rounds, &pace, DEADLINE_MS),
		   "%u reports of %u", pace.nr, ROUNDS);
	ktap_check(pace.least * 1000 < PROMPT_MS,
		   "%.0f ms from one report to the next, and never less",
		   pace.least * 1000);
	h->on_take = NULL;
	device_finish(h);
}

/* Half of a ring is for others, and of one entry nothing is left. */
static void one_entry(const void *arg)
{
	struct host_offer offer = {
		.features = *(const __u64 *)arg,
		.size[HOST_REPORT] = 1,
	};
	struct host *h = device_start_offer(&offer, DEADLINE_MS);
	struct canary litter;

	kernel_log_want(h, "report_state", "unregistered");
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	host_pump_for(h, FULL_MS);
	ktap_eq(h->model->reported, 0);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* Pages leave the balloon and enter it while they are reported. */
static void beside_balloon(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ktap_eq(host_pump_target(h, SOME + i, DEADLINE_MS), 0);
		check_reports(h);
		ktap_eq(host_pump_target(h, i, DEADLINE_MS), 0);
	}
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void again_after_sleep(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	device_sleep(h);
	check_reports(h);
	ktap_eq(host_unbind(h, DEADLINE_MS), 0);
	ktap_eq(host_bind(h, DEADLINE_MS), 0);
	check_reports(h);
	device_finish(h);
}

/* --- a host that does not answer ------------------------------------------ */

static void balloon_goes_on(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);
	struct host_elem *kept;
	struct canary mine;

	canary_new(&mine, 8);
	keep_report(h, &kept);
	ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	answer_report(h, kept);
	check_reports(h);
	ktap_eq(canary_check(&mine), 0);
	canary_free(&mine);
	device_finish(h);
}

/* The others have room in a short ring, too. */
static void balloon_goes_on_short(const void *arg)
{
	static const __u16 sizes[] = { 4, 16 };
	struct host_offer offer = { .features = *(const __u64 *)arg };
	struct host_elem *kept;
	struct host *h;
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		offer.size[HOST_REPORT] = sizes[i];
		h = device_start_offer(&offer, DEADLINE_MS);
		keep_report(h, &kept);
		ktap_eq(host_pump_target(h, SOME, DEADLINE_MS), 0);
		ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
		answer_report(h, kept);
		device_finish(h);
	}
}

/* Whole blocks are discarded until the ring is full, and not one more is. */
static void discards_wait(const void *arg)
{
	struct host_offer offer = { .features = *(const __u64 *)arg };
	struct host_elem *kept;
	struct host *h;

	if (!host_set_parameter("inflate", "range"))
		ktap_skip_case("this driver has no whole blocks");
	offer.size[HOST_REPORT] = FEW;
	h = device_start_offer(&offer, DEADLINE_MS);
	keep_report(h, &kept);
	host_withhold(h, HOST_REPORT);
	host_set_target(h, LARGE);
	host_pump_for(h, LOOK_MS * 3);
	h->policy[HOST_REPORT].ack = HOST_ACK_NOW;
	answer_report(h, kept);
	host_release(h, HOST_REPORT);
	ktap_eq(host_pump_target(h, LARGE, DEADLINE_MS), 0);
	host_set_parameter("inflate", "auto");
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* What the driver counts; -1 if it does not. */
static long long counted(struct host *h, const char *what)
{
	return host_debugfs_value(h, "free_report", what);
}

static bool is_full(struct host *h, void *arg)
{
	unsigned int descs = 0;
	struct host_elem *e;

	(void)arg;
	for (e = h->held; e; e = e->next)
		descs += e->role == HOST_REPORT ? e->descs : 0;
	return descs >= FEW;
}

static bool was_refused(struct host *h, void *arg)
{
	(void)arg;
	return counted(h, "refused") > 0;
}

static void empty_ring(struct host *h, __u32 target)
{
	host_answer(h, HOST_REPORT);
	ktap_eq(host_pump_target(h, target, DEADLINE_MS), 0);
}

/* Discards have all of the ring; if a report is among them, once more. */
static bool fill_ring(struct host *h)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		host_withhold(h, HOST_REPORT);
		host_set_target(h, LARGE);
		if (!host_pump(h, is_full, NULL, FULL_MS) &&
		    !counted(h, "busy_bytes"))
			return true;
		empty_ring(h, 0);
	}
	return false;
}

/* The kernel gets back what finds no room, and comes with the next. */
static void no_room(const void *arg)
{
	struct host *h = start_with_few(*(const __u64 *)arg);
	struct canary litter;

	if (counted(h, "refused") < 0 || !host_set_parameter("inflate", "range"))
		ktap_skip_case("this driver has no whole blocks, or no counts");
	if (!ktap_check(fill_ring(h), "the ring is not filled by discards"))
		ktap_end_case();
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	ktap_check(!host_pump(h, was_refused, NULL, REFUSED_MS),
		   "no report was refused");
	ktap_eq(counted(h, "busy_bytes"), 0);
	empty_ring(h, LARGE);
	host_set_parameter("inflate", "auto");
	check_reports(h);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* The device goes through a suspend with a report that was never answered. */
static void lost_in_sleep(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);
	struct host_elem *lost;

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	keep_report(h, &lost);
	device_sleep(h);
	h->on_take = NULL;
	check_reports(h);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void try_to_sleep(void)
{
	int fd = open("/sys/power/state", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		_exit(ENOENT);
	_exit(write(fd, "freeze", 6) < 0 ? errno : 0);
}

static void no_sleep(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);
	struct child child = { .status = -1 };
	struct host_elem *kept;

	keep_report(h, &kept);
	child.pid = fork();
	if (!child.pid)
		try_to_sleep();
	ktap_check(!host_pump(h, child_ended, &child, SLEEP_MS),
		   "the guest still tries to sleep");
	ktap_check(WIFEXITED(child.status) && WEXITSTATUS(child.status) == EBUSY,
		   "sleep: status %#x", child.status);
	answer_report(h, kept);
	if (child.status == -1)
		host_pump(h, child_ended, &child, 2 * DEADLINE_MS);
	check_reports(h);
	device_finish(h);
}

#define REPORT	(HOST_F_MODERN | HOST_F_REPORTING)

static const __u64 report = REPORT;
static const __u64 tell = REPORT | HOST_F_MUST_TELL_HOST |
			  HOST_F_DEFLATE_ON_OOM;
static const __u64 all = REPORT | HOST_F_STATS_VQ |
			 HOST_F_FREE_PAGE_HINT | HOST_F_DEFLATE_ON_OOM;
static const __u64 legacy = HOST_F_REPORTING;

static const struct ktap_case cases[] = {
	{ "freed", freed, &report },
	{ "freed,legacy", freed, &legacy },
	{ "freed,all", freed, &all },
	{ "short-ring", short_ring, &report },
	{ "one-entry", one_entry, &report },
	{ "prompt", prompt, &report },
	{ "prompt,all", prompt, &all },
	{ "beside-balloon", beside_balloon, &report },
	{ "beside-balloon,tell", beside_balloon, &tell },
	{ "again-after-sleep", again_after_sleep, &all },
	{ "unanswered,balloon", balloon_goes_on, &report },
	{ "unanswered,balloon,tell", balloon_goes_on, &tell },
	{ "unanswered,balloon,short-ring", balloon_goes_on_short, &report },
	{ "unanswered,whole-blocks", discards_wait, &report },
	{ "unanswered,refused", no_room, &report },
	{ "unanswered,suspend", lost_in_sleep, &report },
	{ "unanswered,no-sleep", no_sleep, &report },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
