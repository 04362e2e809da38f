// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free page hints, what the specification leaves to the driver:
 *
 *   - memory is taken before a round is announced, as much as the ring can name: hosts
 *     look at the ring without a pause from the announcement to STOP;
 *   - on a kernel that zeroes memory when it is taken, later rounds of a migration take
 *     none: the other side has it, and would be sent it again; on others they do;
 *   - after DONE all of that begins anew;
 *   - a round goes on until all there is was hinted, however small the ring is, and in
 *     however many pieces the memory;
 *   - where zeroed memory can be discarded it is, and all of it is hinted afterwards,
 *     also when the host takes its time; what it is done with when the round is over is
 *     not hinted before the next has begun;
 *   - what has to wait for a deflation to be acknowledged is there for whoever needs
 *     memory meanwhile.
 */
#include <errno.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>

#include "life.h"

#define DEADLINE_MS	20000
#define LOOK_MS		500
#define CASE_S		60
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT)
#define LITTER_MIB	96
#define BALLOON		(32 * HOST_MIB)
/* What else is allocated and freed meanwhile, in pages. */
#define SLACK		(16 * HOST_MIB)
#define ID		7
#define HOLE_MIB	8	/* there is a block of the largest order in it, wherever it lies */
#define SLOW_MS		150	/* to zero a range takes less, emulated */
#define READ_ALL	3	/* SYSLOG_ACTION_READ_ALL */
#define LOG_BYTES	(1 << 20)

/**
 * struct sight - what the host sees of a round
 * @id: the command that it is for
 * @free: pages that are free when it is announced
 * @hinted: what the model has counted by then
 * @early: pages that are hinted before that
 * @over: whether STOP came after it
 */
struct sight {
	__u32 id;
	__u64 free;
	__u64 hinted;
	__u64 early;
	bool over;
};

static bool see(struct host *h, struct host_elem *e, void *arg)
{
	struct sight *sight = arg;

	if (e->role == HOST_HINT && !sight->free)
		sight->early += e->in_len / HOST_PAGE;
	if (e->role != HOST_HINT || e->out_len != 4)
		return false;
	if (model_u32(e->data) == sight->id) {
		sight->free = host_free_memory();
		sight->hinted = h->model->hinted;
	} else if (model_u32(e->data) == HOST_CMD_STOP) {
		sight->over = sight->free;
	}
	return false;
}

static bool is_announced(struct host *h, void *arg)
{
	(void)h;
	return ((struct sight *)arg)->free;
}

static bool is_over(struct host *h, void *arg)
{
	(void)h;
	return ((struct sight *)arg)->over;
}

/* Pages that are hinted in one round. */
static __u64 round_of(struct host *h, struct sight *sight, __u32 id)
{
	*sight = (struct sight){ .id = id };
	h->on_take = see;
	h->arg = sight;
	host_set_command(h, id);
	if (!ktap_check(!host_pump(h, is_over, sight, DEADLINE_MS),
			"the round does not end"))
		ktap_end_case();
	host_pump_for(h, LOOK_MS);
	h->on_take = NULL;
	return h->model->hinted - sight->hinted;
}

static bool is_free(struct host *h, void *arg)
{
	(void)h;
	return host_free_memory() + SLACK >= *(__u64 *)arg;
}

/* What is reported meanwhile is free again when the host has answered. */
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

static void taken_first(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, hinted;
	struct host *h = life_start(FEATURES, DEADLINE_MS);
	struct sight sight;

	(void)arg;
	free = host_free_memory();
	hinted = round_of(h, &sight, ID);
	ktap_check(hinted >= free / 2, "%llu of %llu free pages hinted", hinted, free);
	ktap_note("%llu pages hinted, %llu of them taken before", hinted,
		  free - sight.free);
	/* All of them, unless zeroing takes longer than is good. */
	ktap_ge(free - sight.free + SLACK, hinted / 4);
	finish(h, total, free);
}

/* Whether this kernel zeroes memory when it is taken, as it said itself. */
static bool zeroes(void)
{
	char *log = calloc(1, LOG_BYTES);
	bool on, off;

	if (!log || klogctl(READ_ALL, log, LOG_BYTES - 1) < 0)
		ktap_skip_case("the kernel's log cannot be read");
	on = strstr(log, "heap alloc:on");
	off = strstr(log, "heap alloc:off");
	free(log);
	if (on == off)
		ktap_skip_case("the kernel's log does not reach back to its start");
	return on;
}

static void later_rounds(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, first, second;
	struct host *h = life_start(FEATURES, DEADLINE_MS);
	bool zeroed = zeroes();
	struct canary litter;
	struct sight sight;

	(void)arg;
	free = host_free_memory();
	canary_new(&litter, LITTER_MIB);
	first = round_of(h, &sight, ID);
	canary_free(&litter);
	second = round_of(h, &sight, ID + 1);
	ktap_note("%llu pages hinted, then %llu, with %u MiB free again; %s", first,
		  second, LITTER_MIB, zeroed ? "zeroed when taken" : "not zeroed");
	ktap_ge(second + SLACK, first);
	if (zeroed)
		ktap_ge(first, second);
	else
		ktap_ge(second + SLACK, first + LITTER_MIB * HOST_MIB);
	finish(h, total, free);
}

static void done_and_again(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, first;
	struct host *h = life_start(FEATURES, DEADLINE_MS);
	struct sight sight;

	(void)arg;
	free = host_free_memory();
	first = round_of(h, &sight, ID);
	end_with(h, free);
	ktap_ge(round_of(h, &sight, ID + 1) + SLACK, first);
	finish(h, total, free);
}

/* Two discards are under way when there is no more memory. */
static void discarded(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free, hinted;
	struct host *h = life_start(FEATURES | HOST_F_REPORTING, DEADLINE_MS);
	struct sight sight;

	(void)arg;
	if (!zeroes())
		ktap_skip_case("this kernel does not zero what is taken");
	free = host_free_memory();
	h->policy[HOST_REPORT].ack = HOST_ACK_LATER;
	h->policy[HOST_REPORT].delay_ms = SLOW_MS;
	hinted = round_of(h, &sight, ID);
	ktap_note("%llu pages hinted of %llu taken", hinted, free - host_free_memory());
	ktap_ge(hinted + SLACK, free - host_free_memory());
	h->policy[HOST_REPORT].ack = HOST_ACK_NOW;
	finish(h, total, free);
}

static bool is_discarding(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_REPORT);
}

/*
 * A discard comes back when the round it was for is over, and the next has not begun.
 * Nobody hears of it before the driver looks because of the next.
 */
static void discarded_late(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = life_start(FEATURES | HOST_F_REPORTING, DEADLINE_MS);
	struct sight sight = { .id = ID + 1 };

	(void)arg;
	if (!zeroes())
		ktap_skip_case("this kernel does not zero what is taken");
	free = host_free_memory();
	h->policy[HOST_REPORT].ack = HOST_ACK_HOLD;
	host_set_command(h, ID);
	ktap_eq(host_pump(h, is_discarding, NULL, DEADLINE_MS), 0);
	host_pump_for(h, LOOK_MS);
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, LOOK_MS);
	h->on_take = see;
	h->arg = &sight;
	while (!host_ack_held(h, 0, 0, BALLOON_ACK_NO_IRQ))
		;
	h->policy[HOST_REPORT].ack = HOST_ACK_NOW;
	host_set_command(h, ID + 1);
	ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS), "the round does not end");
	ktap_note("%llu pages hinted before the round began, %llu in it",
		  sight.early, h->model->hinted - sight.hinted);
	ktap_eq(sight.early, 0);
	h->on_take = NULL;
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

/* As often as there are places in the ring, and in ranges as long as there are. */
static void in_pieces(const void *arg)
{
	struct host_offer offer = {
		.features = FEATURES,
		.size[HOST_HINT] = *(const __u16 *)arg,
	};
	__u64 total = host_meminfo("MemTotal"), free, holes, hinted;
	struct host *h = life_start_offer(&offer, DEADLINE_MS);
	struct sight sight;
	size_t bytes;
	char *memory;

	free = host_free_memory();
	bytes = (free * 3 / 4) << 12;
	memory = make_holes(bytes);
	holes = host_free_memory();
	hinted = round_of(h, &sight, ID);
	ktap_note("%llu pages hinted of %llu free ones, %llu of them taken before",
		  hinted, holes, holes - sight.free);
	ktap_ge(hinted, holes / 2);
	munmap(memory, bytes);
	finish(h, total, free);
}

/* The host is not told of free memory that it may still have in its balloon. */
static void held_back(const void *arg)
{
	__u64 total = host_meminfo("MemTotal"), free;
	struct host *h = life_start(FEATURES, DEADLINE_MS);
	struct sight sight = { .id = ID };

	(void)arg;
	ktap_eq(host_pump_target(h, BALLOON, DEADLINE_MS), 0);
	free = host_free_memory();
	h->policy[HOST_DEFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, 0);
	host_pump_for(h, LOOK_MS);
	h->on_take = see;
	h->arg = &sight;
	host_set_command(h, ID);
	ktap_check(!host_pump(h, is_announced, &sight, DEADLINE_MS),
		   "the round does not begin");
	host_pump_for(h, LOOK_MS);
	ktap_eq(h->model->hinted, 0);
	ktap_note("%llu pages are free, %llu were", host_free_memory(), free);
	ktap_check(conf_write("/proc/sys/vm/drop_caches", "2"), "drop_caches: %s",
		   strerror(errno));
	ktap_check(!host_pump(h, is_free, &free, DEADLINE_MS),
		   "%llu pages are free, %llu were", host_free_memory(), free);
	ktap_note("then %llu", host_free_memory());
	h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_DEFLATE);
	ktap_check(!host_pump(h, is_over, &sight, DEADLINE_MS), "the round does not end");
	h->on_take = NULL;
	finish(h, total, free);
}

int main(int argc, char **argv)
{
	static const __u16 tiny = 2, small = 16;
	static const struct life_case cases[] = {
		/* While free memory is in long pieces yet. */
		{ "held-back", held_back, NULL },
		{ "taken-first", taken_first, NULL },
		{ "later-rounds", later_rounds, NULL },
		{ "in-pieces,2", in_pieces, &tiny },
		{ "in-pieces,16", in_pieces, &small },
		{ "discarded", discarded, NULL },
		{ "discarded-late", discarded_late, NULL },
		{ "done-and-again", done_and_again, NULL },
	};

	return LIFE_MAIN(cases, CASE_S, argc, argv);
}
