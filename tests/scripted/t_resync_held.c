// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is announced again while something else happens:
 *
 *   - a larger target is followed at once, though the host has not answered; what is
 *     announced again does not count as coming;
 *   - pages that somebody holds when they should be put back are put back soon after
 *     that, and do not keep the system from sleeping;
 *   - pages that are locked or on the move for a moment are announced, and the event at
 *     the end says how many were not.
 */
#include <fcntl.h>

#include "device.h"
#include "guest.h"

#define DEADLINE_MS	15000
#define CASE_S		120
/* Fewer pages than the driver has in flight at a time. */
#define SOME		(8 * HOST_MIB + 5)
#define MANY		(32 * HOST_MIB + 5)
#define MORE		HOST_MIB
/* Somebody who looks at a page does not hold it for longer; the driver waits for 1 s. */
#define HELD_MS		300
/* The driver comes back after 20 ms for the first second, then once a second. */
#define SOON_MS		1500
/* A suspend would wait for 3 s for something that does not come. */
#define SLEEP_MS	1500
#define SOFT_OFFLINE	"/sys/devices/system/memory/soft_offline_page"
#define TEXT_MAX	65536

static void ask(struct host *h)
{
	int err = host_set_attribute(h, "resync", "1\n");

	if (err == -ENOENT)
		ktap_skip_case("the driver cannot be asked");
	ktap_eq(err, 0);
}

static struct host *start(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	return h;
}

static void finish(struct host *h)
{
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

/* A page of the balloon. */
static __u64 some_page(const struct host *h)
{
	__u64 pfn = model_some_page(h->model);

	if (!ktap_check(pfn, "no page is in the balloon"))
		ktap_end_case();
	return pfn;
}

/* The host has been told of pages that were not in the balloon. */
static bool is_told_new(struct host *h, void *arg)
{
	const struct host_elem *e;

	(void)arg;
	for (e = h->held; e; e = e->next)
		if (e->role == HOST_INFLATE &&
		    !(h->model->state[model_u32(e->data)] & MODEL_BALLOON))
			return true;
	return false;
}

static void raised(const void *arg)
{
	struct host *h = start(arg);

	host_withhold(h, HOST_INFLATE);
	ask(h);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "nothing is announced");
	host_set_target(h, SOME + MORE);
	ktap_check(!host_pump(h, is_told_new, NULL, SOON_MS),
		   "the larger target is not followed");
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, SOME + MORE, DEADLINE_MS), 0);
	finish(h);
}

/* --- pages that somebody holds ------------------------------------------- */

/* Pages that were announced again and not put back yet, or -1. */
static long reannounced(struct host *h)
{
	long long bytes = host_debugfs_value(h, "size", "reannounced_bytes");

	return bytes < 0 ? -1 : bytes / HOST_PAGE;
}

static bool are_reannounced(struct host *h, void *arg)
{
	return reannounced(h) == *(long *)arg;
}

/* Announces all pages while somebody holds a reference to one. */
static void announce_with_one_held(struct host *h)
{
	long one = 1;

	ktap_eq(host_hold(h, some_page(h), BALLOON_GRIP_REF), 0);
	ask(h);
	host_pump_for(h, HELD_MS);
	ktap_check(!host_pump(h, are_reannounced, &one, DEADLINE_MS),
		   "%ld pages are not put back, expected the one that is held", reannounced(h));
}

static void busy(const void *arg)
{
	struct host *h = start(arg);
	long none = 0;

	announce_with_one_held(h);
	ktap_eq(host_hold(h, 0, BALLOON_GRIP_NOT), 0);
	ktap_check(!host_pump(h, are_reannounced, &none, host_patience(SOON_MS)),
		   "%ld pages are not put back", reannounced(h));
	finish(h);
}

/* Whoever opens this for reading has the drivers prepare for a hibernation. */
static void busy_sleep(const void *arg)
{
	struct host *h = start(arg);
	double begin;
	long ms;
	int fd;

	announce_with_one_held(h);
	begin = host_now();
	fd = open("/dev/snapshot", O_RDONLY | O_CLOEXEC);
	ms = (host_now() - begin) * 1000;
	if (fd >= 0)
		close(fd);
	ktap_eq(host_hold(h, 0, BALLOON_GRIP_NOT), 0);
	if (fd >= 0) {
		ktap_note("the driver was ready after %ld ms", ms);
		ktap_check(ms < host_patience(SLEEP_MS),
			   "a hibernation was held up for %ld ms", ms);
	}
	finish(h);
	if (fd < 0)
		ktap_skip_case("this kernel lets no program make an image");
}

/* --- the event at the end ------------------------------------------------- */

/* What the last resync has missed; -1 if none has ended. */
static long nr_missed(struct host *h)
{
	static char text[TEXT_MAX];
	const char *line, *next;
	unsigned long pages;
	long nr = -1;

	if (host_debugfs(h, "events", text, sizeof(text)) < 0)
		return -1;
	for (line = text; (next = strstr(line, "resync-end")); line = next + 1)
		if (sscanf(next, "resync-end pages=%lu missed=%ld", &pages, &nr) != 2)
			nr = -1;
	return nr;
}

static bool has_ended(struct host *h, void *arg)
{
	(void)arg;
	return nr_missed(h) >= 0;
}

static void check_missed(struct host *h, long want)
{
	ktap_check(!host_pump(h, has_ended, NULL, DEADLINE_MS), "no resync has ended");
	ktap_check(nr_missed(h) == want,
		   "%ld pages were missed, expected %ld; %llu of %u announced",
		   nr_missed(h), want, h->model->resynced, SOME);
}

static void locked(const void *arg)
{
	struct host *h = start(arg);

	ktap_eq(host_hold(h, some_page(h), BALLOON_GRIP_LOCK), 0);
	ask(h);
	host_pump_for(h, HELD_MS);
	ktap_eq(host_hold(h, 0, BALLOON_GRIP_NOT), 0);
	check_missed(h, 0);
	ktap_check(h->model->resynced >= SOME, "%llu of %u pages were announced",
		   h->model->resynced, SOME);
	finish(h);
}

/* The first page that the host is told of. It does not say that it has it. */
static bool keep_first(struct host *h, struct host_elem *e, void *arg)
{
	struct host_elem **kept = arg;

	(void)h;
	if (*kept || e->role != HOST_INFLATE)
		return false;
	*kept = e;
	return true;
}

static bool has_kept(struct host *h, void *arg)
{
	struct host_elem **kept = arg;

	(void)h;
	return *kept;
}

/* The kernel suspects a page and moves it. Returns what the host has to answer. */
static struct host_elem *move_one(struct host *h)
{
	struct host_elem *kept = NULL;
	char text[32];

	if (access(SOFT_OFFLINE, W_OK))
		ktap_skip_case("this kernel does without CONFIG_MEMORY_FAILURE");
	h->on_take = keep_first;
	h->arg = &kept;
	snprintf(text, sizeof(text), "%llu", some_page(h) * HOST_PAGE);
	ktap_check(guest_write(SOFT_OFFLINE, text), "the page cannot be moved");
	if (!ktap_check(!host_pump(h, has_kept, &kept, DEADLINE_MS), "no page was moved"))
		ktap_end_case();
	h->on_take = NULL;
	return kept;
}

static void answer(struct host *h, struct host_elem *kept)
{
	ktap_eq(host_ack(h, kept, host_used_len(kept, HOST_LEN_ZERO), 0), 0);
}

/* As life_finish(), but that the suspected page stays as it is, of whatever type. */
static void finish_moved(struct host *h)
{
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), h->total);
	if (ktap.wrong)
		host_print_log(h, 40);
	host_free(h);
}

static void isolated(const void *arg)
{
	struct host *h = start(arg);
	struct host_elem *kept = move_one(h);

	ask(h);
	host_pump_for(h, HELD_MS);
	answer(h, kept);
	check_missed(h, 0);
	ktap_check(h->model->resynced >= SOME, "%llu of %u pages were announced",
		   h->model->resynced, SOME);
	finish_moved(h);
}

static void isolated_for_long(const void *arg)
{
	struct host *h = start(arg);
	struct host_elem *kept = move_one(h);

	ask(h);
	check_missed(h, 1);
	answer(h, kept);
	finish_moved(h);
}

/* More pages than can be in flight, no answer, and a smaller target. */
static void interrupted(const void *arg)
{
	struct host *h = start(arg);

	ktap_eq(model_settle(h->model, MANY, DEADLINE_MS), 0);
	host_withhold(h, HOST_INFLATE);
	ask(h);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "nothing is announced");
	host_set_target(h, SOME);
	ktap_check(!host_pump(h, has_ended, NULL, DEADLINE_MS), "the resync has not ended");
	ktap_check(nr_missed(h) > 0, "no page was missed, %llu of %u were announced",
		   h->model->resynced, MANY);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, SOME, DEADLINE_MS), 0);
	finish(h);
}

static const __u64 plain = HOST_F_MODERN;

static const struct ktap_case cases[] = {
	{ "raised", raised, &plain },
	{ "busy", busy, &plain },
	{ "busy,sleep", busy_sleep, &plain },
	{ "locked", locked, &plain },
	{ "isolated", isolated, &plain },
	{ "isolated,for-long", isolated_for_long, &plain },
	{ "interrupted", interrupted, &plain },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
