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
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "life.h"

#define DEADLINE_MS	20000
#define LOOK_MS		500
#define CASE_S		120
#define MODE		"/sys/module/virtio_balloon/parameters/hint"
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define LITTER_MIB	96
#define BALLOON		(32 * HOST_MIB)
/* What else is allocated and freed meanwhile, in pages. */
#define SLACK		(16 * HOST_MIB)
#define ELEMENT_MAX	(32 * 4 * HOST_MIB)
#define ID		7
#define TIMES		10
#define HOLE_MIB	8	/* there is a block of the largest order in it, wherever it lies */
#define SLOW_MS		20
#define SILENCE_MS	10000

/**
 * struct sight - what the host sees of a round
 * @id: the command that it is for
 * @begun: the id came
 * @over: STOP came after it
 * @hinted: what the model had counted when the id came
 */
struct sight {
	__u32 id;
	bool begun;
	bool over;
	__u64 hinted;
};

static bool is_isolate(const char *mode)
{
	return !strcmp(mode, "isolate");
}

static bool see(struct host *h, struct host_elem *e, void *arg)
{
	struct sight *sight = arg;

	if (e->role != HOST_HINT || e->out_len != 4)
		return false;
	if (model_u32(e->data) == sight->id) {
		sight->begun = true;
		sight->hinted = h->model->hinted;
	} else if (model_u32(e->data) == HOST_CMD_STOP) {
		sight->over = sight->begun;
	}
	return false;
}

static bool is_begun(struct host *h, void *arg)
{
	(void)h;
	return ((struct sight *)arg)->begun;
}

static bool is_over(struct host *h, void *arg)
{
	(void)h;
	return ((struct sight *)arg)->over;
}

static struct host *start_offer(const struct host_offer *offer, const char *mode)
{
	struct host *h;

	if (!conf_write(MODE, mode))
		ktap_skip_case("the driver has no parameter hint");
	h = life_start_offer(offer, DEADLINE_MS);
	h->model->strict_hints = true;
	return h;
}

static struct host *start(__u64 features, const char *mode)
{
	struct host_offer offer = { .features = features };

	return start_offer(&offer, mode);
}

static void begin(struct host *h, struct sight *sight, __u32 id)
{
	*sight = (struct sight){ .id = id };
	h->on_take = see;
	h->arg = sight;
	host_set_command(h, id);
}

/* Pages that are hinted in one round. */
static __u64 round_of(struct host *h, __u32 id)
{
	struct sight sight;

	begin(h, &sight, id);
	if (!ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS),
			"the round does not end"))
		ktap_end_case();
	host_pump_for(h, LOOK_MS);
	h->on_take = NULL;
	return h->model->hinted - sight.hinted;
}

static bool is_free(struct host *h, void *arg)
{
	(void)h;
	return host_free_memory() + SLACK >= *(__u64 *)arg;
}

static void end_with(struct host *h, __u64 free)
{
	host_set_command(h, HOST_CMD_DONE);
	ktap_check(!host_pump(h, is_free, &free, DEADLINE_MS),
		   "%llu pages are free, %llu were", host_free_memory(), free);
	host_pump_for(h, LOOK_MS);
	model_hint_done(h->model);
}

static void finish(struct host *h, __u64 total, __u64 free)
{
	end_with(h, free);
	life_finish(h, total, DEADLINE_MS);
}

static void most_of_it(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, hinted;
	struct host *h = start(FEATURES, arg);

	free = host_free_memory();
	hinted = round_of(h, ID);
	ktap_note("%llu pages hinted of %llu, then %llu free", hinted, free,
		  host_free_memory());
	ktap_ge(hinted, free * 3 / 4);
	if (is_isolate(arg))
		ktap_ge(host_free_memory() + SLACK, free);
	else
		ktap_ge(free + SLACK - host_free_memory(), hinted);
	finish(h, total, free);
}

static void later_rounds(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, first, second;
	struct host *h = start(FEATURES, arg);
	struct canary litter;

	free = host_free_memory();
	first = round_of(h, ID);
	canary_new(&litter, LITTER_MIB);
	ktap_eq(canary_check(&litter), 0);
	canary_free(&litter);
	second = round_of(h, ID + 1);
	ktap_note("%llu pages hinted, then %llu, with %u MiB used meanwhile", first,
		  second, LITTER_MIB);
	if (is_isolate(arg)) {
		ktap_ge(second, LITTER_MIB * HOST_MIB / 2);
		ktap_ge(first, 2 * second);
	} else {
		ktap_ge(second + LITTER_MIB * HOST_MIB + SLACK, first);
	}
	finish(h, total, free);
}

static void done_and_again(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, first, least, hinted;
	/* What is being reported cannot be taken. */
	struct host *h = start(FEATURES | (is_isolate(arg) ? HOST_F_REPORTING : 0), arg);
	unsigned int i;

	free = host_free_memory();
	first = round_of(h, ID);
	least = first;
	for (i = 1; i < TIMES; i++) {
		end_with(h, free);
		hinted = round_of(h, ID + i);
		least = hinted < least ? hinted : least;
	}
	ktap_note("%llu pages hinted first, %llu at least", first, least);
	ktap_ge(least + SLACK, first);
	finish(h, total, free);
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
	__u64 total = host_meminfo("MemTotal"), free, holes, hinted;
	struct host *h = start_offer(&offer, mode);
	size_t bytes;
	char *memory;

	free = host_free_memory();
	bytes = (free * 3 / 4) << 12;
	memory = make_holes(bytes);
	holes = host_free_memory();
	hinted = round_of(h, ID);
	ktap_note("%llu pages hinted of %llu free ones", hinted, holes);
	ktap_ge(hinted, holes / 2);
	munmap(memory, bytes);
	finish(h, total, free);
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
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = start(FEATURES, arg);
	struct sight sight;

	ktap_eq(host_pump_target(h, BALLOON, DEADLINE_MS), 0);
	free = host_free_memory();
	h->policy[HOST_DEFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, 0);
	host_pump_for(h, LOOK_MS);
	begin(h, &sight, ID);
	ktap_check(!host_pump(h, is_begun, &sight, DEADLINE_MS),
		   "the round does not begin");
	host_pump_for(h, LOOK_MS);
	ktap_eq(h->model->hinted, 0);
	h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_DEFLATE);
	ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS), "the round does not end");
	h->on_take = NULL;
	finish(h, total, free);
}

static bool is_held(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_HINT) > 1;
}

static void silent(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, missing;
	struct host *h = start(FEATURES, arg);
	struct sight sight;

	free = host_free_memory();
	h->policy[HOST_HINT].ack = HOST_ACK_HOLD;
	begin(h, &sight, ID);
	ktap_eq(host_pump(h, is_held, NULL, DEADLINE_MS), 0);
	host_pump_for(h, 2 * LOOK_MS);
	missing = free - host_free_memory();
	ktap_note("the host has %llu pages, %llu are not free", h->model->hinted, missing);
	ktap_ge(ELEMENT_MAX, h->model->hinted);
	ktap_check((long long)missing <= (long long)(ELEMENT_MAX + 2 * SLACK),
		   "%lld pages are not free", (long long)missing);
	ktap_check(!host_pump(h, is_over, &sight, 2 * SILENCE_MS),
		   "the round does not end");
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	host_release(h, HOST_HINT);
	end_with(h, free);
	/* And the next one is as good as any. */
	ktap_ge(round_of(h, ID + 1), free / 2);
	finish(h, total, free);
}

/* A host that looks at its queue only when it is notified, and misses one of them. */
static void lost_kick(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = start(FEATURES, arg);
	unsigned int kicks;
	struct sight sight;

	free = host_free_memory();
	host_mode(h, HOST_HINT, BALLOON_MODE_NO_KICK, 0);
	h->policy[HOST_HINT].ack = HOST_ACK_HOLD;
	begin(h, &sight, ID);
	host_pump_for(h, LOOK_MS);
	host_log(h);
	kicks = host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_HINT));
	host_pump_for(h, 2 * LOOK_MS);
	host_log(h);
	ktap_check(host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_HINT)) > kicks,
		   "the host is not notified again");
	host_mode(h, HOST_HINT, 0, 0);
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	host_release(h, HOST_HINT);
	ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS), "the round does not end");
	h->on_take = NULL;
	finish(h, total, free);
}

/* Slow answers, memory that is used meanwhile, and a host that destroys until then. */
static void destroyed(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = start(FEATURES, arg);
	struct canary kept, used;
	struct sight sight;
	unsigned int i;

	free = host_free_memory();
	canary_new(&kept, 16);
	h->policy[HOST_HINT].ack = HOST_ACK_LATER;
	h->policy[HOST_HINT].delay_ms = SLOW_MS;
	begin(h, &sight, ID);
	for (i = 0; i < TIMES; i++) {
		canary_new(&used, 32);
		host_pump_for(h, 2 * SLOW_MS);
		ktap_eq(canary_check(&used), 0);
		canary_free(&used);
	}
	ktap_eq(canary_check(&kept), 0);
	ktap_eq(h->model->hints_lost, 0);
	ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS), "the round does not end");
	h->policy[HOST_HINT].ack = HOST_ACK_NOW;
	h->on_take = NULL;
	canary_free(&kept);
	finish(h, total, free);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*fn)(const void *arg);
	} both[] = {
		/* While free memory is in long pieces yet. */
		{ "held-back", held_back },
		{ "most-of-it", most_of_it },
		{ "later-rounds", later_rounds },
		{ "ring-of-2", ring_of_2 },
		{ "ring-of-16", ring_of_16 },
		{ "destroyed", destroyed },
		{ "lost-kick", lost_kick },
		{ "silent", silent },
		{ "done-and-again", done_and_again },
	};
	static const char * const modes[] = { "isolate", "hold" };
	struct life_case cases[2 * CONF_COUNT(both)];
	static char names[CONF_COUNT(cases)][32];
	size_t i;

	for (i = 0; i < CONF_COUNT(cases); i++) {
		snprintf(names[i], sizeof(names[i]), "%s,%s", both[i / 2].name, modes[i % 2]);
		cases[i] = (struct life_case){ names[i], both[i / 2].fn, modes[i % 2] };
	}
	return LIFE_MAIN(cases, CASE_S, argc, argv);
}
