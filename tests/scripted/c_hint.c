// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: free page hinting (5.5.6.5). The host starts a round with a
 * command id, takes hints, and ends it with STOP or DONE, as for a migration.
 * A driver that hints nothing fails BAL-HINT-04 and leaves the others nothing
 * to judge.
 *
 * Our driver has two ways to hint, and is judged in both: it names free memory, or holds
 * it. Where the kernel initialises what is allocated a page is initialised when somebody
 * gets it, and not before. That is how BAL-HINT-09 is judged there.
 */
#include <sys/klog.h>

#include "conf.h"

#define MODE		"/sys/module/virtio_balloon/parameters/hint"
#define READ_ALL	3	/* SYSLOG_ACTION_READ_ALL */
#define LOG_BYTES	(1 << 20)

#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define IDS_MAX		64
#define BLOCKS_MAX	4096
#define SHORT_RING	16
#define RELEASE_TRIES	10
#define SLACK		(16 * HOST_MIB)
#define ID		7
#define LARGE_ID	0x81020304u

/**
 * struct hints - what came on the queue
 * @commands: out buffers
 * @ids: the first of them
 * @bad: out buffers that are no command
 * @early: hints before the first command
 * @blocks: in descriptors
 * @pfn: their first pages, up to BLOCKS_MAX
 * @destroy: destroy what is hinted
 */
struct hints {
	unsigned int commands;
	__u32 ids[IDS_MAX];
	unsigned int bad;
	unsigned int early;
	unsigned int blocks;
	__u64 pfn[BLOCKS_MAX];
	bool destroy;
};

static struct hints hints;

/* Whether this kernel initialises memory when it is allocated, as it said itself. */
static bool initialises(void)
{
	char *log = calloc(1, LOG_BYTES);
	bool on = log && klogctl(READ_ALL, log, LOG_BYTES - 1) > 0 &&
		  strstr(log, "heap alloc:on");

	free(log);
	return on;
}

/* Judges each way of hinting that this driver has and this kernel allows. */
static void each_way(void (*judge)(void))
{
	if (initialises() && conf_write(MODE, "isolate"))
		judge();
	conf_write(MODE, "hold");
	judge();
	conf_write(MODE, "auto");
}

static void note_command(const struct host_elem *e)
{
	if (!e->out_len)
		return;
	if (e->out_len != 4) {
		hints.bad++;
		return;
	}
	if (hints.commands < IDS_MAX)
		hints.ids[hints.commands] = model_u32(e->data);
	hints.commands++;
}

static bool note(struct host *h, struct host_elem *e, void *arg)
{
	__u32 i;

	(void)arg;
	if (e->role != HOST_HINT)
		return false;
	note_command(e);
	for (i = 0; i < e->descs; i++) {
		if (!(e->desc[i].flags & BALLOON_DESC_IN))
			continue;
		hints.early += !hints.commands;
		if (hints.blocks < BLOCKS_MAX)
			hints.pfn[hints.blocks] = e->desc[i].addr / HOST_PAGE;
		hints.blocks++;
	}
	if (hints.destroy)
		conf_destroy_descs(h, e, MODEL_JUNK_HINT);
	return false;
}

static unsigned int count_id(__u32 id)
{
	unsigned int i, count = 0;

	for (i = 0; i < hints.commands && i < IDS_MAX; i++)
		count += hints.ids[i] == id;
	return count;
}

static bool has_id(struct host *h, void *arg)
{
	(void)h;
	return count_id(*(__u32 *)arg);
}

static struct host *start(__u64 features, unsigned int ring)
{
	struct host_offer offer = {
		.features = features,
		.size[HOST_HINT] = ring,
	};
	struct host *h = conf_start_offer(&offer);

	memset(&hints, 0, sizeof(hints));
	h->on_take = note;
	return h;
}

static bool stopped(struct host *h, void *arg)
{
	(void)h;
	(void)arg;
	return count_id(HOST_CMD_STOP);
}

/* A whole round; the driver may have ended it by itself. */
static void round_of(struct host *h, __u32 id)
{
	host_set_command(h, id);
	host_pump(h, stopped, NULL, CONF_MS);
}

static void want_hints(struct host *h)
{
	if (hints.blocks)
		return;
	host_set_command(h, HOST_CMD_DONE);
	conf_finish(h);
	ktap_skip_case("the driver hints nothing");
}

static void done(struct host *h)
{
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, 50);
	model_hint_done(h->model);
	conf_finish(h);
}

static void judge_length(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	ktap_check(hints.commands, "no command came at all");
	ktap_eq(hints.bad, 0);
	done(h);
}

static void judge_start(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	ktap_eq(hints.early, 0);
	ktap_eq(hints.ids[0], ID);
	done(h);
}

static void judge_once(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	host_config_irq(h);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(count_id(ID), 1);
	host_set_command(h, HOST_CMD_STOP);
	host_pump_for(h, CONF_LOOK_MS);
	host_set_command(h, ID + 1);
	host_pump(h, has_id, &(__u32){ ID + 1 }, CONF_MS);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(count_id(ID), 1);
	ktap_eq(count_id(ID + 1), 1);
	done(h);
}

static void judge_supply(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	ktap_check(hints.blocks, "nothing was hinted");
	done(h);
	h = start(FEATURES, 0);
	round_of(h, 2);
	ktap_check(hints.blocks, "nothing was hinted with the smallest id");
	done(h);
}

static bool some(struct host *h, void *arg)
{
	(void)h;
	(void)arg;
	return hints.blocks >= 4;
}

/* A ring that is short and slow, so that the end comes in the middle. */
static void ends_with(__u32 end)
{
	struct host *h = start(FEATURES, SHORT_RING);
	unsigned int blocks;

	h->policy[HOST_HINT].ack = HOST_ACK_LATER;
	h->policy[HOST_HINT].delay_ms = 20;
	host_set_command(h, ID);
	host_pump(h, some, NULL, CONF_MS);
	want_hints(h);
	host_set_command(h, end);
	host_pump_for(h, 4 * CONF_LOOK_MS);
	blocks = hints.blocks;
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(hints.blocks, blocks);
	done(h);
}

static void judge_stop(void)
{
	ends_with(HOST_CMD_STOP);
	ends_with(HOST_CMD_DONE);
}

static void judge_complete(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	ktap_check(count_id(HOST_CMD_STOP), "no STOP after %u blocks",
		   hints.blocks);
	done(h);
}

static unsigned int count_free(struct host *h)
{
	unsigned int i, count = 0;

	for (i = 0; i < hints.blocks && i < BLOCKS_MAX; i++)
		count += host_is_free(h, hints.pfn[i]);
	return count;
}

static unsigned int nr_released;

static void judge_may_release(void)
{
	struct host *h = start(FEATURES, 0);
	unsigned int free;

	h->policy[HOST_HINT].ack = HOST_ACK_HOLD;
	round_of(h, ID);
	want_hints(h);
	conf_write("/proc/sys/vm/drop_caches", "2");
	free = count_free(h);
	host_release(h, HOST_HINT);
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	done(h);
	nr_released += free;
}

static void hint_may_release(const void *arg)
{
	(void)arg;
	nr_released = 0;
	each_way(judge_may_release);
	if (!ktap.wrong && !nr_released)
		ktap_skip_case("a permission that the driver does not use");
}

static void judge_content(void)
{
	struct host *h = start(FEATURES, 0);
	struct canary canary;

	canary_new(&canary, 16);
	hints.destroy = true;
	round_of(h, ID);
	want_hints(h);
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(conf_stale_words(64), 0);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	done(h);
}

/* Released pages that still hold what the host put there. */
static unsigned int count_junk(struct host *h, unsigned int *released)
{
	__u32 page[HOST_PAGE / 4];
	unsigned int i, junk = 0;

	*released = 0;
	for (i = 0; i < hints.blocks && i < BLOCKS_MAX; i++) {
		if (!host_is_free(h, hints.pfn[i]) ||
		    host_read(h, hints.pfn[i], page))
			continue;
		++*released;
		junk += page[512] == MODEL_JUNK_HINT;
	}
	return junk;
}

static void judge_initialise(void)
{
	struct host *h = start(FEATURES, 0);
	unsigned int i, junk, released;

	hints.destroy = true;
	round_of(h, ID);
	want_hints(h);
	/* A driver may first have to see that the host answered. */
	for (i = 0; i < RELEASE_TRIES; i++) {
		conf_write("/proc/sys/vm/drop_caches", "2");
		junk = count_junk(h, &released);
		if (released)
			break;
		host_pump_for(h, CONF_LOOK_MS);
	}
	/* Nobody sees what is in a free page: whoever gets it finds it initialised. */
	if (initialises())
		junk = conf_stale_words(128);
	ktap_check(!junk, "%u of %u blocks were released before DONE with what the host left there",
		   junk, released);
	done(h);
	nr_released += released;
}

static void hint_initialise(const void *arg)
{
	(void)arg;
	nr_released = 0;
	each_way(judge_initialise);
	if (!ktap.wrong && !nr_released)
		ktap_skip_case("the driver releases nothing before DONE");
}

static void judge_done(void)
{
	struct host *h = start(FEATURES, 0);
	__u64 free = host_free_memory();

	round_of(h, ID);
	want_hints(h);
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_ge(host_wait_free(free, CONF_MS) + SLACK, free);
	done(h);
}

static void judge_legacy(void)
{
	struct host *h = start(HOST_F_FREE_PAGE_HINT, 0);

	round_of(h, LARGE_ID);
	want_hints(h);
	ktap_eq(hints.ids[0], LARGE_ID);
	done(h);
}

static void hint_length(const void *arg)
{
	(void)arg;
	each_way(judge_length);
}

static void hint_start(const void *arg)
{
	(void)arg;
	each_way(judge_start);
}

static void hint_once(const void *arg)
{
	(void)arg;
	each_way(judge_once);
}

static void hint_supply(const void *arg)
{
	(void)arg;
	each_way(judge_supply);
}

static void hint_stop(const void *arg)
{
	(void)arg;
	each_way(judge_stop);
}

static void hint_complete(const void *arg)
{
	(void)arg;
	each_way(judge_complete);
}

static void hint_content(const void *arg)
{
	(void)arg;
	each_way(judge_content);
}

static void hint_done(const void *arg)
{
	(void)arg;
	each_way(judge_done);
}

static void hint_legacy(const void *arg)
{
	(void)arg;
	each_way(judge_legacy);
}

static const struct ktap_case cases[] = {
	{ "BAL-HINT-01 commands of 4 bytes", hint_length },
	{ "BAL-HINT-02 the id comes before the hints", hint_start },
	{ "BAL-HINT-03 each id once", hint_once },
	{ "BAL-HINT-04 hints while there is an id", hint_supply },
	{ "BAL-HINT-05 no hints after STOP or DONE", hint_stop },
	{ "BAL-HINT-06 STOP when nothing is left", hint_complete },
	{ "BAL-HINT-07 may release hinted pages early", hint_may_release },
	{ "BAL-HINT-08 hinted pages have no content", hint_content },
	{ "BAL-HINT-09 pages released before DONE are initialised", hint_initialise },
	{ "BAL-HINT-10 DONE releases everything", hint_done },
	{ "BAL-HINT-11 legacy: ids in native byte order", hint_legacy },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
