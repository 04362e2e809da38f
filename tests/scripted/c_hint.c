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
#include "guest.h"
#include "hint_log.h"
#include "kernel_log.h"

#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define SHORT_RING	16
#define RELEASE_TRIES	10
#define SLACK		(16 * HOST_MIB)
#define ID		7
#define LARGE_ID	0x81020304u

static struct hint_log hints;

/* Whether this kernel initialises memory when it is allocated, as it said itself. */
static bool initialises(void)
{
	return kernel_log_count("heap alloc:on");
}

typedef void (*hint_judge)(void);

/* Judges each way of hinting that this driver has and this kernel allows. */
static void each_way(hint_judge judge)
{
	if (initialises() && host_set_parameter("hint", "isolate"))
		judge();
	host_set_parameter("hint", "hold");
	judge();
	host_set_parameter("hint", "auto");
}

static struct host *start(__u64 features, unsigned int ring)
{
	return hint_log_start(&hints, features, ring);
}

/* A whole round; the driver may have ended it by itself. */
static void round_of(struct host *h, __u32 id)
{
	host_set_command(h, id);
	hint_log_wait(h, &hints, HOST_CMD_STOP);
}

static void want_hints(struct host *h)
{
	if (hints.blocks)
		return;
	host_set_command(h, HOST_CMD_DONE);
	conf_finish(h);
	ktap_skip_case("the driver hints nothing");
}

static void judge_length(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	ktap_check(hints.commands, "no command came at all");
	ktap_eq(hints.bad, 0);
	hint_log_finish(h);
}

static void judge_start(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	ktap_eq(hints.early, 0);
	ktap_eq(hints.ids[0], ID);
	hint_log_finish(h);
}

static void judge_once(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	want_hints(h);
	host_config_irq(h);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(hint_log_count(&hints, ID), 1);
	host_set_command(h, HOST_CMD_STOP);
	host_pump_for(h, CONF_LOOK_MS);
	host_set_command(h, ID + 1);
	hint_log_wait(h, &hints, ID + 1);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(hint_log_count(&hints, ID), 1);
	ktap_eq(hint_log_count(&hints, ID + 1), 1);
	hint_log_finish(h);
}

static void judge_supply(void)
{
	struct host *h = start(FEATURES, 0);

	round_of(h, ID);
	ktap_check(hints.blocks, "nothing was hinted");
	hint_log_finish(h);
	h = start(FEATURES, 0);
	round_of(h, 2);
	ktap_check(hints.blocks, "nothing was hinted with the smallest id");
	hint_log_finish(h);
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
	hint_log_finish(h);
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
	ktap_check(hint_log_count(&hints, HOST_CMD_STOP), "no STOP after %u blocks",
		   hints.blocks);
	hint_log_finish(h);
}

static unsigned int nr_released;

static void judge_may_release(void)
{
	struct host *h = start(FEATURES, 0);
	unsigned int free;

	host_withhold(h, HOST_HINT);
	round_of(h, ID);
	want_hints(h);
	guest_write("/proc/sys/vm/drop_caches", "2");
	free = hint_log_free(h, &hints);
	host_answer(h, HOST_HINT);
	hint_log_finish(h);
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
	hint_log_finish(h);
}

/* Released pages that still hold what the host put there. */
static unsigned int count_junk(struct host *h, unsigned int *released)
{
	__u32 page[HOST_PAGE / 4];
	unsigned int i, junk = 0;

	*released = 0;
	for (i = 0; i < hints.blocks && i < HINT_LOG_BLOCKS; i++) {
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
		guest_write("/proc/sys/vm/drop_caches", "2");
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
	hint_log_finish(h);
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
	hint_log_finish(h);
}

static void judge_legacy(void)
{
	struct host *h = start(HOST_F_FREE_PAGE_HINT, 0);

	round_of(h, LARGE_ID);
	want_hints(h);
	ktap_eq(hints.ids[0], LARGE_ID);
	hint_log_finish(h);
}

static void hint_each_way(const void *arg)
{
	each_way(*(const hint_judge *)arg);
}

#define EACH_WAY(name, judge)	{ name, hint_each_way, &(const hint_judge){ judge } }

static const struct ktap_case cases[] = {
	EACH_WAY("BAL-HINT-01 commands of 4 bytes", judge_length),
	EACH_WAY("BAL-HINT-02 the id comes before the hints", judge_start),
	EACH_WAY("BAL-HINT-03 each id once", judge_once),
	EACH_WAY("BAL-HINT-04 hints while there is an id", judge_supply),
	EACH_WAY("BAL-HINT-05 no hints after STOP or DONE", judge_stop),
	EACH_WAY("BAL-HINT-06 STOP when nothing is left", judge_complete),
	{ "BAL-HINT-07 may release hinted pages early", hint_may_release },
	EACH_WAY("BAL-HINT-08 hinted pages have no content", judge_content),
	{ "BAL-HINT-09 pages released before DONE are initialised", hint_initialise },
	EACH_WAY("BAL-HINT-10 DONE releases everything", judge_done),
	EACH_WAY("BAL-HINT-11 legacy: ids in native byte order", judge_legacy),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
