/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random hosts. All decisions come from one seed: those of a step from the seed,
 * the number of the life and that of the step, so that they are the same however
 * the driver behaves, and a life can be played alone.
 */
#ifndef _FUZZ_H
#define _FUZZ_H

#include <sys/types.h>

#include "host.h"
#include "model.h"

#define FUZZ_LIMIT_MS		fuzz_ms(3000)	/* for letting go of the device */
#define FUZZ_PATIENT_MS		fuzz_ms(8000)	/* the same with a host that dawdles */
#define FUZZ_NEXT		8
#define FUZZ_SETTLE_MS		fuzz_ms(10000)
#define FUZZ_TRACE		40	/* last steps that are shown */
#define FUZZ_TRACE_TEXT		72

/* splitmix64 */
static inline __u64 fuzz_next(__u64 *state)
{
	__u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline unsigned int fuzz_below(__u64 *state, unsigned int end)
{
	return fuzz_next(state) % end;
}

/* True once in @n times. */
static inline bool fuzz_once_in(__u64 *state, unsigned int n)
{
	return !fuzz_below(state, n);
}

/* A state of its own for anything that has two numbers. */
static inline __u64 fuzz_state(__u64 seed, __u64 a, __u64 b)
{
	__u64 state = seed ^ a * 0xd1342543de82ef95ull;

	state = fuzz_next(&state) ^ b * 0xaf251af3b0f025b5ull;
	fuzz_next(&state);
	return state;
}

/**
 * struct fuzz_books - what has to be the same before and after
 * @total: MemTotal in device pages
 * @free: free memory in device pages
 * @balloon: inflations less deflations, guest pages
 * @nr_balloon: the kernel's count of balloon pages; -1 where it has none
 * @threads: of the driver, which has some if the guest has a balloon of its own
 */
struct fuzz_books {
	__u64 total;
	__u64 free;
	__s64 balloon;
	__s64 nr_balloon;
	unsigned int threads;
};

/**
 * struct fuzz - one life of a device
 * @seed: of everything
 * @life: number of this life
 * @step: number of the step under way, within the life
 * @steps: how many there are
 * @rng: decisions of this step
 * @h: the device
 * @m: its books
 * @resets: seen when the device was plugged, to know of others
 * @frozen: between freeze and restore
 * @repeated: the driver had reason to announce its balloon again
 * @sleep: how it went to sleep, BALLOON_OPF_*
 * @broken: the device is, or its driver gave up
 * @starved: memory was short at some time in this life
 * @pressure: child that holds memory, or 0
 * @next: children that are killed after it, if the kernel does not wait for its end
 * @compact: child that has memory compacted, or 0
 * @wrong: something is, and was said
 * @damaged: and the guest is of no use any more
 * @trace: what the last steps were
 */
struct fuzz {
	__u64 seed;
	unsigned int life;
	unsigned int step;
	unsigned int steps;
	__u64 rng;
	struct host *h;
	struct model *m;
	__u32 resets;
	bool frozen;
	bool repeated;
	unsigned int sleep;
	bool broken;
	bool starved;
	pid_t pressure;
	pid_t next[FUZZ_NEXT];
	pid_t compact;
	bool wrong;
	bool damaged;
	char trace[FUZZ_TRACE][FUZZ_TRACE_TEXT];
};

/* fuzz.c: what is seen and found. */
#define fuzz_printf	__attribute__((__format__(__printf__, 2, 3)))

unsigned int fuzz_ms(unsigned int ms);
fuzz_printf void fuzz_say(struct fuzz *f, const char *format, ...);
fuzz_printf void fuzz_fail(struct fuzz *f, const char *format, ...);
fuzz_printf void fuzz_damage(struct fuzz *f, const char *format, ...);

/* fuzz_world.c: the rest of the guest. */
void fuzz_choose_hint(struct fuzz *f);
void fuzz_prepare(void);
void fuzz_read_books(struct fuzz_books *books);
const char *fuzz_compare(const struct fuzz_books *before);
void fuzz_press(struct fuzz *f, unsigned int mib);
void fuzz_relieve(struct fuzz *f);
void fuzz_compact(struct fuzz *f);
void fuzz_compact_end(struct fuzz *f, bool wait);
bool fuzz_threads_left(const struct fuzz_books *before);

/* fuzz_steps.c: what a host can do. */
void fuzz_step(struct fuzz *f);
void fuzz_answer_all(struct fuzz *f);

/* fuzz_end.c: the ways in which a life ends. */
bool fuzz_end(struct fuzz *f);

#endif /* _FUZZ_H */
