// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rounds of free page hints at odd moments:
 *
 *   - a host that keeps what was deflated, or what was reported, loses its round after
 *     10 s, not everything; so does report_now, which says that it failed;
 *   - a command that comes before the last STOP was answered, and is taken back, begins
 *     no round; one that stands does;
 *   - a change of the configuration that is not a command begins no round, and the id of
 *     an earlier migration begins one;
 *   - after sleep a device that offers hints alone is served as before;
 *   - what was hinted is reported when the migration is over.
 */
#include <errno.h>
#include <unistd.h>

#include "hinting.h"

#define CASE_S		120
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define ID		7
#define BALLOON		(32 * HOST_MIB)
#define LITTER_MIB	96
#define REPORT_NOW	"/sys/bus/virtio/devices/%s/balloon/report_now"

static bool has_held(struct host *h, void *arg)
{
	return host_held(h, *(enum host_role *)arg);
}

static void hold(struct host *h, enum host_role role)
{
	h->policy[role].ack = HOST_ACK_HOLD;
}

static void answer(struct host *h, enum host_role role)
{
	h->policy[role].ack = HOST_ACK_NOW;
	host_release(h, role);
}

static void want_held(struct host *h, enum host_role role)
{
	if (!ktap_check(!host_pump(h, has_held, &role, HINTING_MS), "queue %d: nothing came",
			host_queue(h, role)))
		ktap_end_case();
}

/* A round that the host lets begin and loses, and one that is as good as any. */
static void lose_round(struct host *h, enum host_role silent)
{
	struct hinting_sight sight;
	__u64 free = host_free_memory();

	hinting_begin(h, &sight, ID);
	ktap_check(!host_pump(h, hinting_is_over, &sight, 2 * HINTING_SILENCE_MS),
		   "the round does not end");
	h->on_take = NULL;
	answer(h, silent);
	hinting_end(h, free);
	ktap_ge(hinting_round(h, ID + 1), free / 2);
}

static void deflated_unseen(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = hinting_start(FEATURES, arg);

	ktap_eq(host_pump_target(h, BALLOON, HINTING_MS), 0);
	free = host_free_memory();
	hold(h, HOST_DEFLATE);
	host_set_target(h, 0);
	want_held(h, HOST_DEFLATE);
	lose_round(h, HOST_DEFLATE);
	hinting_finish(h, total, free);
}

static void free_litter(void)
{
	struct canary litter;

	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
}

/* The kernel shows nothing while the host has the last blocks that it showed. */
static void reported_unseen(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free = host_free_memory();
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);

	hold(h, HOST_REPORT);
	free_litter();
	want_held(h, HOST_REPORT);
	lose_round(h, HOST_REPORT);
	hinting_finish(h, total, free);
}

static void report_now(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		_exit(ENOENT);
	_exit(write(fd, "1", 1) < 0 ? errno : 0);
}

static void report_unanswered(const void *arg)
{
	__u64 total = host_meminfo("MemTotal");
	struct host *h = hinting_start(HOST_F_MODERN | HOST_F_REPORTING, arg);
	struct conf_child child = { .status = -1 };
	struct balloon_host_state state;
	char path[128];

	host_state(h, &state);
	snprintf(path, sizeof(path), REPORT_NOW, state.device);
	hold(h, HOST_REPORT);
	free_litter();
	want_held(h, HOST_REPORT);
	child.pid = fork();
	if (!child.pid)
		report_now(path);
	ktap_check(!host_pump(h, conf_ended, &child, 2 * HINTING_SILENCE_MS),
		   "report_now does not end");
	ktap_check(WIFEXITED(child.status) && WEXITSTATUS(child.status) == ETIMEDOUT,
		   "report_now: status %#x", child.status);
	answer(h, HOST_REPORT);
	life_finish(h, total, HINTING_MS);
}

static bool keep_stop(struct host *h, struct host_elem *e, void *arg)
{
	struct host_elem **kept = arg;

	(void)h;
	if (*kept || e->role != HOST_HINT || e->out_len != 4 ||
	    model_u32(e->data) != HOST_CMD_STOP)
		return false;
	*kept = e;
	return true;
}

static bool has_kept(struct host *h, void *arg)
{
	(void)h;
	return *(struct host_elem **)arg;
}

static bool is_id(struct host *h, void *arg)
{
	return h->model->cmd_last == *(__u32 *)arg;
}

static void command(struct host *h, __u32 id)
{
	host_set_command(h, id);
	host_pump_for(h, HINTING_LOOK_MS);
}

/*
 * Three rounds while the host has the STOP of the first; the second cannot say STOP
 * before that is answered, nor the third begin. @again: it is taken back.
 */
static void before_stop(const char *mode, bool again)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = hinting_start(FEATURES, mode);
	struct host_elem *kept = NULL;
	__u32 other = ID + 2;

	free = host_free_memory();
	h->on_take = keep_stop;
	h->arg = &kept;
	host_set_command(h, ID);
	if (!ktap_check(!host_pump(h, has_kept, &kept, HINTING_MS), "no STOP"))
		ktap_end_case();
	command(h, ID + 1);
	command(h, HOST_CMD_STOP);
	command(h, other);
	if (again)
		command(h, HOST_CMD_STOP);
	h->on_take = NULL;
	ktap_eq(host_ack(h, kept, 0, 0), 0);
	ktap_check(host_pump(h, is_id, &other, again ? 2 * HINTING_LOOK_MS : HINTING_MS) ==
		   (again ? -ETIMEDOUT : 0), again ? "a round begins that was taken back" : "the round does not begin");
	hinting_finish(h, total, free);
}

static void taken_back(const void *arg)
{
	before_stop(arg, true);
}

static void stands(const void *arg)
{
	before_stop(arg, false);
}

static void same_id(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, first;
	struct host *h = hinting_start(FEATURES, arg);
	__u64 hinted;

	free = host_free_memory();
	first = hinting_round(h, ID);
	hinted = h->model->hinted;
	host_config_irq(h);
	host_pump_for(h, 2 * HINTING_LOOK_MS);
	ktap_eq(h->model->hinted, hinted);
	hinting_end(h, free);
	ktap_ge(hinting_round(h, ID), first / 2);
	hinting_finish(h, total, free);
}

/* The mode that is free of charge does not become the one that takes. */
static void after_sleep(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = hinting_start(FEATURES, arg);

	free = host_free_memory();
	conf_sleep(h);
	ktap_ge(hinting_round(h, ID), free / 2);
	if (hinting_is_isolate(arg))
		ktap_ge(host_free_memory() + HINTING_SLACK, free);
	hinting_finish(h, total, free);
}

static bool is_reported(struct host *h, void *arg)
{
	return h->model->reported >= *(__u64 *)arg;
}

/* Also where the host takes nothing while it migrates: it has all of it afterwards. */
static void reported_after(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, hinted, want;
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);

	free = host_free_memory();
	hinted = hinting_round(h, ID);
	want = h->model->reported + hinted / 2;
	host_set_command(h, HOST_CMD_DONE);
	ktap_check(!host_pump(h, is_reported, &want, HINTING_MS),
		   "%llu pages were reported, %llu expected", h->model->reported, want);
	hinting_finish(h, total, free);
}

int main(int argc, char **argv)
{
	static const struct life_case cases[] = {
		{ "deflated-unseen,isolate", deflated_unseen, "isolate" },
		{ "deflated-unseen,hold", deflated_unseen, "hold" },
		{ "reported-unseen,isolate", reported_unseen, "isolate" },
		{ "reported-unseen,hold", reported_unseen, "hold" },
		{ "report-now-unanswered", report_unanswered, "isolate" },
		{ "taken-back,isolate", taken_back, "isolate" },
		{ "taken-back,hold", taken_back, "hold" },
		{ "stands,isolate", stands, "isolate" },
		{ "stands,hold", stands, "hold" },
		{ "same-id,isolate", same_id, "isolate" },
		{ "same-id,hold", same_id, "hold" },
		{ "after-sleep,isolate", after_sleep, "isolate" },
		{ "after-sleep,hold", after_sleep, "hold" },
		{ "reported-after", reported_after, "isolate" },
	};

	return LIFE_MAIN(cases, CASE_S, argc, argv);
}
