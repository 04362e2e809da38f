// SPDX-License-Identifier: GPL-2.0-only
/*
 * One bad used id breaks one queue, and the others are as good as before (34 in
 * Documentation/regressions.rst):
 *
 *   - inflating goes on by page number when the reporting queue is broken, and the
 *     target is reached within some seconds;
 *   - without the hint or the statistics queue the balloon works as before;
 *   - one line of the log names the queue, and the driver says in sysfs what it does
 *     and why;
 *   - what the queue holds is nobody's until the device is reset. Then all of it
 *     comes back.
 */
#include "device.h"
#include "kernel_log.h"

#define MS		10000
#define CASE_S		90
#define LOOK_MS		2500	/* two looks of the driver */
#define BALLOON		(128 * HOST_MIB)
#define SMALL		(16 * HOST_MIB)
#define DISCARD		(8ull << 20)	/* bytes; the driver has more discarded at a time */
#define COMMAND		7
#define FREE_SLACK	host_slack(2 * HOST_MIB)

/* Pages that held elements name for the device to write. */
static __u64 held_pages(struct host *h, enum host_role role)
{
	const struct host_elem *e;
	__u64 pages = 0;

	for (e = h->held; e; e = e->next)
		if (e->role == role)
			pages += e->in_len / HOST_PAGE;
	return pages;
}

static unsigned int named(const char *queue)
{
	char text[64];

	snprintf(text, sizeof(text), "the %s queue is broken", queue);
	return kernel_log_count(text);
}

static void check_named(const char *queue, unsigned int before)
{
	ktap_eq(named(queue), before + 1);
}

static void finish(struct host *h, __u64 free)
{
	device_finish(h);
	device_check_free(free, FREE_SLACK, 2000);
}

/* The queue also has reports of free memory, which are not the balloon's. */
static bool is_discarding(struct host *h, void *arg)
{
	(void)arg;
	return kernel_log_number(h, "in_flight") >= DISCARD;
}

/* Without setting the target again, which would have all of it announced again. */
static bool has_balloon(struct host *h, void *arg)
{
	(void)arg;
	return host_actual(h) == BALLOON;
}

static void reporting(const void *arg)
{
	__u64 free = host_free_memory(), held;
	unsigned int before = named("reporting");
	struct host *h;

	if (!host_set_parameter("inflate", arg))
		ktap_skip_case("this driver has no modes");
	h = device_start(HOST_F_MODERN | HOST_F_REPORTING, MS);
	host_withhold(h, HOST_REPORT);
	host_set_target(h, BALLOON);
	ktap_check(!host_pump(h, is_discarding, NULL, MS), "nothing is discarded");
	host_pump_for(h, 200);
	host_break_queue(h, HOST_REPORT);
	ktap_check(!host_pump(h, has_balloon, NULL, MS), "the target is not reached: %u of %u",
		   host_actual(h), BALLOON);
	host_pump_for(h, LOOK_MS);
	check_named("reporting", before);
	kernel_log_want(h, "state", "idle");
	kernel_log_want(h, "inflate", "pfn");
	kernel_log_want(h, "inflate_reason", "the reporting queue is broken");
	/* If free memory was reported first there is less of the balloon's on the queue. */
	held = held_pages(h, HOST_REPORT);
	ktap_ge(held * HOST_PAGE, kernel_log_number(h, "in_flight"));
	ktap_check(!host_pump_target(h, SMALL, MS), "the balloon does not shrink");
	ktap_check(!host_pump_target(h, BALLOON, MS), "the balloon does not grow again");
	check_named("reporting", before);
	ktap_eq(host_pump_target(h, 0, MS), 0);
	finish(h, free);
	host_set_parameter("inflate", "auto");
}

/* The balloon follows its target, whatever happened to @role. */
static void check_other(struct host *h, enum host_role role, const char *queue,
			unsigned int before)
{
	host_break_queue(h, role);
	host_pump_for(h, LOOK_MS);
	check_named(queue, before);
	ktap_eq(model_settle(h->model, SMALL, MS), 0);
	kernel_log_want(h, "state", "idle");
	ktap_eq(model_settle(h->model, 0, MS), 0);
	host_pump_for(h, LOOK_MS);
	check_named(queue, before);
}

static bool has_hints(struct host *h, void *arg)
{
	(void)arg;
	return held_pages(h, HOST_HINT);
}

static void hint(const void *arg)
{
	struct host_offer offer = {
		.features = HOST_F_MODERN | HOST_F_FREE_PAGE_HINT,
		.size[HOST_HINT] = 4,	/* or the hints take all memory */
	};
	__u64 free = host_free_memory();
	unsigned int before = named("hint");
	struct host *h = device_start_offer(&offer, MS);

	(void)arg;
	host_withhold(h, HOST_HINT);
	host_set_command(h, COMMAND);
	/* The id is held, too. */
	ktap_check(!host_pump(h, has_hints, NULL, MS), "the host was hinted nothing");
	host_pump_for(h, 500);
	ktap_ge(held_pages(h, HOST_HINT), 1);
	ktap_ge(kernel_log_number(h, "hint_held"), held_pages(h, HOST_HINT) * HOST_PAGE);
	check_other(h, HOST_HINT, "hint", before);
	host_set_command(h, HOST_CMD_DONE);
	ktap_eq(model_settle(h->model, SMALL, MS), 0);
	finish(h, free);
}

static void stats(const void *arg)
{
	__u64 free = host_free_memory();
	unsigned int before = named("stats");
	struct host *h = device_start(HOST_F_MODERN | HOST_F_STATS_VQ, MS);

	(void)arg;
	host_withhold(h, HOST_STATS);
	device_want_held(h, HOST_STATS);
	check_other(h, HOST_STATS, "stats", before);
	finish(h, free);
}

static const struct ktap_case cases[] = {
	{ "34-broken-reporting", reporting, "auto" },
	{ "34-broken-reporting,range", reporting, "range" },
	{ "34-broken-hint", hint },
	{ "34-broken-stats", stats },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
