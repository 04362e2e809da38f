// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page hints, what the specification leaves to the driver. For both ways, naming
 * free blocks (isolate) and holding them (hold):
 *
 *   - a round hints most of what is free, however small the ring is, and in however many
 *     pieces the memory, and says STOP;
 *   - with isolate memory is free all the time, and a later round hints what was used
 *     since; with hold a later round hints all again;
 *   - DONE gives back what is held, and after it all is hinted anew, ten times in a row;
 *   - nothing is hinted while a deflation is not acknowledged;
 *   - a host that does not answer has 32 blocks at most, and loses its round;
 *   - a host that misses a notification gets another one;
 *   - what the host destroys before it acknowledges a hint, nobody uses.
 */
#include <sys/mman.h>

#include "hinting.h"

#define CASE_S		120
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define LITTER_MIB	96
#define BALLOON		(32 * HOST_MIB)
#define ELEMENT_MAX	(32 * 4 * HOST_MIB)
#define ID		7
#define TIMES		10
#define HOLE_MIB	8	/* there is a block of the largest order in it, wherever it lies */
#define SLOW_MS		20

static void most_of_it(const void *arg)
{
	__u64 free, hinted;
	struct host *h = hinting_start(FEATURES, arg);

	free = host_free_memory();
	hinted = hinting_round(h, ID);
	ktap_note("%llu pages hinted of %llu, then %llu free", hinted, free,
		  host_free_memory());
	ktap_ge(hinted, free * 3 / 4);
	if (hinting_is_isolate(arg))
		ktap_ge(host_free_memory() + HINTING_SLACK, free);
	else
		ktap_ge(free + HINTING_SLACK - host_free_memory(), hinted);
	hinting_finish(h, free);
}

static void later_rounds(const void *arg)
{
	__u64 free, first, second;
	struct host *h = hinting_start(FEATURES, arg);
	struct canary litter;

	free = host_free_memory();
	first = hinting_round(h, ID);
	canary_new(&litter, LITTER_MIB);
	ktap_eq(canary_check(&litter), 0);
	canary_free(&litter);
	second = hinting_round(h, ID + 1);
	ktap_note("%llu pages hinted, then %llu, with %u MiB used meanwhile", first,
		  second, LITTER_MIB);
	if (hinting_is_isolate(arg)) {
		ktap_ge(second, LITTER_MIB * HOST_MIB / 2);
		ktap_ge(first, 2 * second);
	} else {
		/* Reclaim gets more than is needed. */
		ktap_ge(second + LITTER_MIB * HOST_MIB + first / 4, first);
	}
	hinting_finish(h, free);
}

static void done_and_again(const void *arg)
{
	__u64 free, first, least, hinted;
	/* What is being reported cannot be taken. */
	__u64 reporting = hinting_is_isolate(arg) ? HOST_F_REPORTING : 0;
	struct host *h = hinting_start(FEATURES | reporting, arg);
	unsigned int i;

	free = host_free_memory();
	first = hinting_round(h, ID);
	least = first;
	for (i = 1; i < TIMES; i++) {
		hinting_end(h, free);
		hinted = hinting_round(h, ID + i);
		least = hinted < least ? hinted : least;
	}
	ktap_note("%llu pages hinted first, %llu at least", first, least);
	/* Who allocates while little is free breaks some blocks. */
	ktap_ge(least + first / 8, first);
	hinting_finish(h, free);
}

/* Most of the memory: every other piece is free again. */
static char *make_holes(size_t bytes)
{
	size_t hole = HOLE_MIB << 20;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	size_t at;

	if (!ktap_check(memory != MAP_FAILED, "no %zu bytes of memory", bytes))
		ktap_end_case();
	for (at = 0; at + 2 * hole <= bytes; at += 2 * hole)
		munmap(memory + at, hole);
	return memory;
}

static void in_pieces(const char *mode, __u16 size)
{
	struct host_offer offer = {
		.features = FEATURES,
		.size[HOST_HINT] = size,
	};
	__u64 free, holes, hinted;
	struct host *h = hinting_start_offer(&offer, mode);
	size_t bytes;
	char *memory;

	free = host_free_memory();
	bytes = (free * 3 / 4) << 12;
	memory = make_holes(bytes);
	holes = host_free_memory();
	hinted = hinting_round(h, ID);
	ktap_note("%llu pages hinted of %llu free ones", hinted, holes);
	ktap_ge(hinted, holes / 2);
	munmap(memory, bytes);
	hinting_finish(h, free);
}

static void ring_of_2(const void *arg)
{
	in_pieces(arg, 2);
}

static void ring_of_16(const void *arg)
{
	in_pieces(arg, 16);
}

/* The host is not told of free memory that it may still have in its balloon. */
static void held_back(const void *arg)
{
	__u64 free;
	struct host *h = hinting_start(FEATURES, arg);
	struct hinting_sight sight;

	ktap_eq(host_pump_target(h, BALLOON, HINTING_MS), 0);
	free = host_free_memory();
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, 0);
	device_want_held(h, HOST_DEFLATE);
	hinting_begin(h, &sight, ID);
	ktap_check(!host_pump(h, hinting_is_begun, &sight, HINTING_MS),
		   "the round does not begin");
	host_pump_for(h, HINTING_LOOK_MS);
	ktap_eq(h->model->hinted, 0);
	host_answer(h, HOST_DEFLATE);
	ktap_check(!host_pump(h, hinting_is_over, &sight, HINTING_MS), "the round does not end");
	h->on_take = NULL;
	hinting_finish(h, free);
}

static bool is_held(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_HINT) > 1;
}

static void silent(const void *arg)
{
	__u64 free, missing;
	struct host *h = hinting_start(FEATURES, arg);
	struct hinting_sight sight;

	free = host_free_memory();
	host_withhold(h, HOST_HINT);
	hinting_begin(h, &sight, ID);
	ktap_eq(host_pump(h, is_held, NULL, HINTING_MS), 0);
	host_pump_for(h, 2 * HINTING_LOOK_MS);
	missing = free - host_free_memory();
	ktap_note("the host has %llu pages, %llu are not free", h->model->hinted, missing);
	ktap_ge(ELEMENT_MAX, h->model->hinted);
	ktap_check((long long)missing <= (long long)(ELEMENT_MAX + 2 * HINTING_SLACK),
		   "%lld pages are not free", (long long)missing);
	ktap_check(!host_pump(h, hinting_is_over, &sight, 2 * HINTING_SILENCE_MS),
		   "the round does not end");
	host_answer(h, HOST_HINT);
	hinting_end(h, free);
	/* And the next one is as good as any. */
	ktap_ge(hinting_round(h, ID + 1), free / 2);
	hinting_finish(h, free);
}

static bool is_kicked(struct host *h, void *arg)
{
	host_log(h);
	return host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_HINT)) > *(unsigned int *)arg;
}

/* A host that looks at its queue only when it is notified, and misses one of them. */
static void lost_kick(const void *arg)
{
	__u64 free;
	struct host *h = hinting_start(FEATURES, arg);
	struct hinting_sight sight;
	unsigned int kicks;

	free = host_free_memory();
	host_mode(h, HOST_HINT, BALLOON_MODE_NO_KICK, 0);
	host_withhold(h, HOST_HINT);
	hinting_begin(h, &sight, ID);
	host_pump_for(h, HINTING_LOOK_MS);
	host_log(h);
	kicks = host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_HINT));
	ktap_check(!host_pump(h, is_kicked, &kicks, HINTING_MS),
		   "the host is not notified again");
	host_mode(h, HOST_HINT, 0, 0);
	host_answer(h, HOST_HINT);
	ktap_check(!host_pump(h, hinting_is_over, &sight, HINTING_MS), "the round does not end");
	h->on_take = NULL;
	hinting_finish(h, free);
}

/* Slow answers, memory that is used meanwhile, and a host that destroys until then. */
static void destroyed(const void *arg)
{
	__u64 free;
	struct host *h = hinting_start(FEATURES, arg);
	struct canary kept, used;
	struct hinting_sight sight;
	unsigned int i;

	free = host_free_memory();
	canary_new(&kept, 16);
	h->policy[HOST_HINT].ack = HOST_ACK_LATER;
	h->policy[HOST_HINT].delay_ms = SLOW_MS;
	hinting_begin(h, &sight, ID);
	for (i = 0; i < TIMES; i++) {
		canary_new(&used, 32);
		host_pump_for(h, 2 * SLOW_MS);
		ktap_eq(canary_check(&used), 0);
		canary_free(&used);
	}
	ktap_eq(canary_check(&kept), 0);
	ktap_eq(h->model->hints_lost, 0);
	ktap_check(!host_pump(h, hinting_is_over, &sight, HINTING_MS), "the round does not end");
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	h->on_take = NULL;
	canary_free(&kept);
	hinting_finish(h, free);
}

static const struct ktap_case cases[] = {
	/* While free memory is in long pieces yet. */
	{ "held-back,isolate", held_back, "isolate" },
	{ "held-back,hold", held_back, "hold" },
	{ "most-of-it,isolate", most_of_it, "isolate" },
	{ "most-of-it,hold", most_of_it, "hold" },
	{ "later-rounds,isolate", later_rounds, "isolate" },
	{ "later-rounds,hold", later_rounds, "hold" },
	{ "ring-of-2,isolate", ring_of_2, "isolate" },
	{ "ring-of-2,hold", ring_of_2, "hold" },
	{ "ring-of-16,isolate", ring_of_16, "isolate" },
	{ "ring-of-16,hold", ring_of_16, "hold" },
	{ "destroyed,isolate", destroyed, "isolate" },
	{ "destroyed,hold", destroyed, "hold" },
	{ "lost-kick,isolate", lost_kick, "isolate" },
	{ "lost-kick,hold", lost_kick, "hold" },
	{ "silent,isolate", silent, "isolate" },
	{ "silent,hold", silent, "hold" },
	{ "done-and-again,isolate", done_and_again, "isolate" },
	{ "done-and-again,hold", done_and_again, "hold" },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
