// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue that the host does not answer on is named in the kernel's log:
 *
 *   - once, after 10 s and not before, with the memory that it holds;
 *   - also that the host answers again, once;
 *   - each queue for itself, but not the one of statistics, where a buffer waits for
 *     the host all the time.
 *
 * sysfs says how much memory hints keep from the guest, in flight or not.
 */
#include "device.h"
#include "kernel_log.h"

#define MS		10000
#define CASE_S		120
#define EARLY_S		7	/* nothing is said yet */
#define NAMED_S		15	/* the looks are 250 ms apart */
#define LOOK_MS		2500
#define HAVE		(32 * HOST_MIB)
#define MORE		(48 * HOST_MIB)
#define MOST		(112 * HOST_MIB)
#define LITTER_MIB	96
#define COMMAND		7

static const char * const names[HOST_ROLES] = {
	[HOST_INFLATE] = "inflate",
	[HOST_DEFLATE] = "deflate",
	[HOST_STATS] = "stats",
	[HOST_HINT] = "hint",
	[HOST_REPORT] = "reporting",
};

/**
 * struct lines - how often the log has them, by role
 * @silent: "has not answered"
 * @answers: "answers again"
 * @kib: of the last of the former
 */
struct lines {
	unsigned int silent[HOST_ROLES];
	unsigned int answers[HOST_ROLES];
	unsigned long long kib[HOST_ROLES];
};

static void read_lines(struct lines *lines)
{
	char text[80];
	int role;

	memset(lines, 0, sizeof(*lines));
	for (role = 0; role < HOST_ROLES; role++) {
		snprintf(text, sizeof(text), "has not answered on the %s queue", names[role]);
		lines->silent[role] = kernel_log_find(text, "holds ", &lines->kib[role]);
		snprintf(text, sizeof(text), "answers again on the %s queue", names[role]);
		lines->answers[role] = kernel_log_count(text);
	}
}

/* KiB that held elements of a queue name. */
static unsigned long long held_kib(struct host *h, enum host_role role)
{
	unsigned long long kib = 0;
	const struct host_elem *e;

	for (e = h->held; e; e = e->next) {
		if (e->role != role)
			continue;
		kib += e->in_len / 1024;
		if (role == HOST_INFLATE || role == HOST_DEFLATE)
			kib += e->out_len / sizeof(__u32) * (HOST_PAGE / 1024);
	}
	return kib;
}

static bool has_hints(struct host *h, void *arg)
{
	(void)arg;
	return held_kib(h, HOST_HINT);
}

/* @silent and @answers: lines there should be more of than in @before. */
static void check_lines(struct host *h, const struct lines *before, const bool *roles,
			unsigned int silent, unsigned int answers)
{
	struct lines now;
	int role;

	read_lines(&now);
	for (role = 0; role < HOST_ROLES; role++) {
		unsigned int more_silent = now.silent[role] - before->silent[role];
		unsigned int more_answers = now.answers[role] - before->answers[role];

		ktap_check(more_silent == (roles[role] ? silent : 0),
			   "%s: called silent %u times", names[role], more_silent);
		ktap_check(more_answers == (roles[role] ? answers : 0),
			   "%s: answers again %u times", names[role], more_answers);
		if (!roles[role] || !silent || answers)
			continue;
		ktap_check(now.kib[role] == held_kib(h, role) && now.kib[role],
			   "%s: named with %llu KiB, the host has %llu", names[role],
			   now.kib[role], held_kib(h, role));
	}
}

/* When the host took the first of the elements that it holds. */
static double held_since(struct host *h, const bool *roles)
{
	const struct host_elem *e;
	double since = host_now();

	for (e = h->held; e; e = e->next)
		if (roles[e->role] && e->at < since)
			since = e->at;
	return since;
}

static void pump_until(struct host *h, double end)
{
	double ms = (end - host_now()) * 1000;

	if (ms > 0)
		host_pump_for(h, ms);
}

static void check_named(struct host *h, const bool *roles, const struct lines *before)
{
	double now = host_now();
	int role;

	pump_until(h, held_since(h, roles) + EARLY_S);
	check_lines(h, before, roles, 0, 0);
	pump_until(h, now + NAMED_S);
	check_lines(h, before, roles, 1, 0);
	for (role = 0; role < HOST_ROLES; role++)
		if (roles[role])
			host_answer(h, role);
	host_pump_for(h, LOOK_MS);
	check_lines(h, before, roles, 1, 1);
	host_pump_for(h, LOOK_MS);
	check_lines(h, before, roles, 1, 1);
}

/*
 * All at the same time. Hints wait for what is deflated, so they go before; and they may
 * take all memory, so they go after what is inflated.
 */
static void all(const void *arg)
{
	static const bool roles[HOST_ROLES] = {
		[HOST_INFLATE] = true, [HOST_DEFLATE] = true, [HOST_HINT] = true,
		[HOST_REPORT] = true,
	};
	struct host_offer offer = {
		.features = HOST_F_MODERN | HOST_F_STATS_VQ | HOST_F_FREE_PAGE_HINT |
			    HOST_F_REPORTING,
		.size[HOST_HINT] = 4,	/* or the hints take all memory */
	};
	struct lines before;
	struct host *h;

	(void)arg;
	if (!host_set_parameter("inflate", "pfn"))
		ktap_skip_case("this driver has no modes");
	/* The kernel shows nothing more while the host keeps what was reported. */
	host_set_parameter("hint", "hold");
	read_lines(&before);
	h = device_start_offer(&offer, MS);
	host_withhold(h, HOST_STATS);
	ktap_eq(model_settle(h->model, HAVE, MS), 0);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, MORE);
	device_want_held(h, HOST_INFLATE);
	host_set_parameter("inflate", "auto");
	host_withhold(h, HOST_REPORT);
	host_set_target(h, MOST);
	device_want_held(h, HOST_REPORT);
	host_withhold(h, HOST_HINT);
	host_set_command(h, COMMAND);
	/* The id is held, too. */
	ktap_check(!host_pump(h, has_hints, NULL, MS), "the host was hinted nothing");
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, HAVE / 2);
	device_want_held(h, HOST_DEFLATE);
	host_pump_for(h, 100);
	ktap_ge(held_kib(h, HOST_HINT), 1);
	/* A block may be held that is not on its way. */
	ktap_ge(kernel_log_number(h, "hint_held"), held_kib(h, HOST_HINT) * 1024);
	check_named(h, roles, &before);
	host_set_command(h, HOST_CMD_DONE);
	ktap_eq(host_pump_target(h, 0, MS), 0);
	device_finish(h);
}

static void reports(const void *arg)
{
	static const bool roles[HOST_ROLES] = { [HOST_REPORT] = true };
	struct canary litter;
	struct lines before;
	struct host *h;

	(void)arg;
	read_lines(&before);
	h = device_start(HOST_F_MODERN | HOST_F_REPORTING, MS);
	host_withhold(h, HOST_REPORT);
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	device_want_held(h, HOST_REPORT);
	check_named(h, roles, &before);
	device_finish(h);
}

static const struct ktap_case cases[] = {
	{ "all", all },
	{ "reports", reports },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
