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
 *   - the first round of a migration is the first one that the host lets begin;
 *   - what the host had when another id came is hinted again;
 *   - a hint queue that breaks does not end free page reporting;
 *   - what was hinted is reported when the migration is over, or when the driver is bound
 *     anew, and report_now fails before.
 */
#include "child.h"
#include "hinting.h"

#define CASE_S		120
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define ID		7
#define BALLOON		(32 * HOST_MIB)
#define LITTER_MIB	96

/* A round that the host lets begin and loses, and one that is as good as any. */
static void lose_round(struct host *h, enum host_role silent)
{
	struct hinting_sight sight;
	__u64 free = host_free_memory();

	hinting_begin(h, &sight, ID);
	ktap_check(!host_pump(h, hinting_is_over, &sight, 2 * HINTING_SILENCE_MS),
		   "the round does not end");
	h->on_take = NULL;
	host_answer(h, silent);
	hinting_end(h, free);
	ktap_ge(hinting_round(h, ID + 1), free / 2);
}

static void deflated_unseen(const void *arg)
{
	__u64 free;
	struct host *h = hinting_start(FEATURES, arg);

	ktap_eq(host_pump_target(h, BALLOON, HINTING_MS), 0);
	free = host_free_memory();
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, 0);
	device_want_held(h, HOST_DEFLATE);
	lose_round(h, HOST_DEFLATE);
	hinting_finish(h, free);
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
	__u64 free = host_free_memory();
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);

	host_withhold(h, HOST_REPORT);
	free_litter();
	device_want_held(h, HOST_REPORT);
	lose_round(h, HOST_REPORT);
	hinting_finish(h, free);
}

/* Returns its error. */
static int report_all(struct host *h)
{
	struct child child = { .status = -1 };

	child.pid = fork();
	if (!child.pid)
		_exit(-host_set_attribute(h, "report_now", "1"));
	ktap_check(!host_pump(h, child_ended, &child, 2 * HINTING_SILENCE_MS),
		   "report_now does not end");
	return WIFEXITED(child.status) ? WEXITSTATUS(child.status) : -1;
}

static void report_unanswered(const void *arg)
{
	struct host *h = hinting_start(HOST_F_MODERN | HOST_F_REPORTING, arg);

	host_withhold(h, HOST_REPORT);
	free_litter();
	device_want_held(h, HOST_REPORT);
	ktap_eq(report_all(h), ETIMEDOUT);
	host_answer(h, HOST_REPORT);
	device_finish(h);
}

/**
 * struct kept - a command of the driver that the host does not answer
 * @id: the command
 * @element: its element when it has come
 */
struct kept {
	__u32 id;
	struct host_elem *element;
};

static bool keep(struct host *h, struct host_elem *e, void *arg)
{
	struct kept *kept = arg;

	(void)h;
	if (kept->element || e->role != HOST_HINT || e->out_len != 4 ||
	    model_u32(e->data) != kept->id)
		return false;
	kept->element = e;
	return true;
}

static bool has_kept(struct host *h, void *arg)
{
	(void)h;
	return ((struct kept *)arg)->element;
}

/* Give a command, and keep what the driver answers with. */
static void keep_answer(struct host *h, struct kept *kept, __u32 command)
{
	h->on_take = keep;
	h->arg = kept;
	host_set_command(h, command);
	if (!ktap_check(!host_pump(h, has_kept, kept, HINTING_MS), "no command %u", kept->id))
		ktap_end_case();
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
	__u64 free;
	struct host *h = hinting_start(FEATURES, mode);
	struct kept kept = { .id = HOST_CMD_STOP };
	__u32 other = ID + 2;
	int ret;

	free = host_free_memory();
	keep_answer(h, &kept, ID);
	command(h, ID + 1);
	command(h, HOST_CMD_STOP);
	command(h, other);
	if (again)
		command(h, HOST_CMD_STOP);
	h->on_take = NULL;
	ktap_eq(host_ack(h, kept.element, 0, 0), 0);
	ret = host_pump(h, is_id, &other, again ? 2 * HINTING_LOOK_MS : HINTING_MS);
	ktap_check(ret == (again ? -ETIMEDOUT : 0), "a round %s",
		   again ? "begins that was taken back" : "does not begin");
	hinting_finish(h, free);
}

/* Two ids come while the host has not answered the first one, of another migration. */
static void replaced(const void *arg)
{
	__u64 free, hinted;
	struct host *h = hinting_start(FEATURES, arg);
	struct hinting_sight sight;
	struct kept kept = { .id = ID };

	free = host_free_memory();
	keep_answer(h, &kept, ID);
	command(h, HOST_CMD_DONE);
	command(h, ID + 1);
	hinting_begin(h, &sight, ID + 2);
	host_pump_for(h, HINTING_LOOK_MS);
	ktap_eq(host_ack(h, kept.element, 0, 0), 0);
	ktap_check(!host_pump(h, hinting_is_over, &sight, HINTING_MS), "the round does not end");
	h->on_take = NULL;
	hinted = h->model->hinted - sight.hinted;
	ktap_note("%llu pages hinted of %llu", hinted, free);
	ktap_ge(hinted, free / 2);
	hinting_finish(h, free);
}

/**
 * struct overtaken - hints that are answered late, and commands at once
 * @sight: the round that is looked at; first
 * @late: hints are not answered
 * @nr: how many are there
 * @pages: what they name
 * @hints: their elements
 */
struct overtaken {
	struct hinting_sight sight;
	bool late;
	unsigned int nr;
	__u64 pages;
	struct host_elem *hints[64];
};

static bool keep_hints(struct host *h, struct host_elem *e, void *arg)
{
	struct overtaken *o = arg;

	if (!o->late || e->role != HOST_HINT || !e->in_len || o->nr == COUNT(o->hints))
		return hinting_see(h, e, &o->sight);
	o->pages += e->in_len / HOST_PAGE;
	o->hints[o->nr++] = e;
	return true;
}

static bool has_hints(struct host *h, void *arg)
{
	(void)h;
	return ((struct overtaken *)arg)->nr;
}

static void overtaken(const void *arg)
{
	__u64 free, hinted;
	struct host *h = hinting_start(FEATURES, arg);
	struct overtaken o = { .late = true };
	unsigned int i;

	free = host_free_memory();
	h->on_take = keep_hints;
	h->arg = &o;
	host_set_command(h, ID);
	ktap_check(!host_pump(h, has_hints, &o, HINTING_MS), "nothing is hinted");
	host_pump_for(h, HINTING_LOOK_MS);
	o.sight.id = ID + 1;
	host_set_command(h, ID + 1);
	ktap_check(!host_pump(h, hinting_is_begun, &o.sight, HINTING_MS),
		   "the other round does not begin");
	o.late = false;
	for (i = 0; i < o.nr; i++)
		ktap_eq(host_ack(h, o.hints[i], 0, 0), 0);
	ktap_check(!host_pump(h, hinting_is_over, &o.sight, HINTING_MS),
		   "the round does not end");
	h->on_take = NULL;
	hinted = h->model->hinted - o.sight.hinted;
	ktap_note("%llu pages were on their way, then %llu of %llu were hinted", o.pages,
		  hinted, free);
	/* Kernels that zero memory take none in a second round: these are all there is. */
	ktap_ge(hinted, hinting_is_isolate(arg) ? free * 5 / 6 : o.pages);
	hinting_finish(h, free);
}

static bool is_reported(struct host *h, void *arg)
{
	return h->model->reported >= *(__u64 *)arg;
}

/* The queue breaks when a round has begun and nothing could be hinted yet. */
static void broken(const void *arg)
{
	__u64 want;
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);
	struct hinting_sight sight;

	ktap_eq(host_pump_target(h, BALLOON, HINTING_MS), 0);
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, 0);
	device_want_held(h, HOST_DEFLATE);
	hinting_begin(h, &sight, ID);
	ktap_check(!host_pump(h, hinting_is_begun, &sight, HINTING_MS),
		   "the round does not begin");
	h->on_take = NULL;
	host_break_queue(h, HOST_HINT);
	host_pump_for(h, HINTING_LOOK_MS);
	host_answer(h, HOST_DEFLATE);
	want = h->model->reported + LITTER_MIB * HOST_MIB / 2;
	free_litter();
	ktap_check(!host_pump(h, is_reported, &want, HINTING_MS),
		   "%llu pages were reported, %llu expected", h->model->reported, want);
	device_finish(h);
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
	__u64 free, first;
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
	hinting_finish(h, free);
}

/* The mode that is free of charge does not become the one that takes. */
static void after_sleep(const void *arg)
{
	__u64 free;
	struct host *h = hinting_start(FEATURES, arg);

	free = host_free_memory();
	device_sleep(h);
	ktap_ge(hinting_round(h, ID), free / 2);
	if (hinting_is_isolate(arg))
		ktap_ge(host_free_memory() + HINTING_SLACK, free);
	hinting_finish(h, free);
}

/* Also where the host takes nothing while it migrates: it has all of it afterwards. */
static void reported_after(const void *arg)
{
	__u64 free, hinted, want;
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);

	free = host_free_memory();
	hinted = hinting_round(h, ID);
	ktap_eq(report_all(h), EBUSY);
	want = h->model->reported + hinted / 2;
	host_set_command(h, HOST_CMD_DONE);
	ktap_check(!host_pump(h, is_reported, &want, HINTING_MS),
		   "%llu pages were reported, %llu expected", h->model->reported, want);
	hinting_finish(h, free);
}

/* The driver goes in the middle of it. */
static void reported_anew(const void *arg)
{
	__u64 hinted, want;
	struct host *h = hinting_start(FEATURES | HOST_F_REPORTING, arg);

	hinted = hinting_round(h, ID);
	ktap_eq(host_unbind(h, HINTING_MS), 0);
	model_hint_done(h->model);
	host_set_config(h, HOST_CFG_CMD_ID, HOST_CMD_DONE, false);
	want = h->model->reported + hinted / 2;
	ktap_eq(host_bind(h, HINTING_MS), 0);
	ktap_check(!host_pump(h, is_reported, &want, HINTING_MS),
		   "%llu pages were reported, %llu expected", h->model->reported, want);
	device_finish(h);
}

static const struct ktap_case cases[] = {
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
	{ "replaced,isolate", replaced, "isolate" },
	{ "replaced,hold", replaced, "hold" },
	{ "overtaken,isolate", overtaken, "isolate" },
	{ "overtaken,hold", overtaken, "hold" },
	{ "broken", broken, "isolate" },
	{ "reported-after", reported_after, "isolate" },
	{ "reported-anew", reported_anew, "isolate" },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
