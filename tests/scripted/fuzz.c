// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random hosts: a seed makes devices, and for each a life of decisions that no
 * sane host would take in that order. The driver has to survive all of them,
 * keep to the protocol as the model sees it, reach its target when the host
 * answers, let go when told, and leave no page, counter, thread or queue behind.
 *
 * usage: fuzz [SEED STEPS [LIFE]]
 *
 * Without arguments a new seed is taken, for as many steps as a test may have.
 * The same seed makes the same decisions; what the driver does between them
 * depends on the machine. Each life is one case; with LIFE only that one is
 * played. A life that fails prints its last steps.
 *
 * FUZZ_PATIENCE in the environment stretches all deadlines so many times: a debug
 * kernel makes not only the driver slow, but also the host that is played here.
 */
#include "fuzz.h"
#include "internal.h"
#include "ktap.h"

#define STEPS_MIN	60
#define STEPS_SPREAD	300
#define STEPS_DEFAULT	1000
#define CASE_S		(fuzz_ms(120000) / 1000)
#define PLUG_MS		fuzz_ms(5000)
#define CANARY_MIB	8
#define LOG_SHOWN	20
#define NAME_TEXT	64

static __u64 seed;
static unsigned int steps_wanted;
static unsigned int first_life;
static unsigned int last_life;
static bool only_one;
static struct fuzz_books first_books;
static double began;

/**
 * fuzz_ms - a deadline for this guest
 * @ms: milliseconds that suffice elsewhere
 */
unsigned int fuzz_ms(unsigned int ms)
{
	const char *patience = getenv("FUZZ_PATIENCE");

	return patience ? ms * strtoul(patience, NULL, 10) : ms;
}

/**
 * fuzz_say - note what a step does, for when it turns out to be the last
 * @f: the life
 * @format: what
 */
void fuzz_say(struct fuzz *f, const char *format, ...)
{
	char *text = f->trace[f->step % FUZZ_TRACE];
	size_t used = strlen(text);
	va_list args;

	if (used && used < FUZZ_TRACE_TEXT - 2)
		used += snprintf(text + used, FUZZ_TRACE_TEXT - used, "; ");
	va_start(args, format);
	if (used < FUZZ_TRACE_TEXT)
		vsnprintf(text + used, FUZZ_TRACE_TEXT - used, format, args);
	va_end(args);
}

static void complain(struct fuzz *f, const char *format, va_list args)
{
	f->wrong = true;
	printf("# step %u: ", f->step);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
}

/**
 * fuzz_fail - the driver has failed
 * @f: the life
 * @format: why
 */
void fuzz_fail(struct fuzz *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(f, format, args);
	va_end(args);
}

/**
 * fuzz_damage - the driver has failed and hangs, so that others would be misjudged
 * @f: the life
 * @format: why
 */
void fuzz_damage(struct fuzz *f, const char *format, ...)
{
	va_list args;

	f->damaged = true;
	va_start(args, format);
	complain(f, format, args);
	va_end(args);
}

static unsigned int life_steps(unsigned int life)
{
	__u64 rng = fuzz_state(seed, life, 0);

	return STEPS_MIN + fuzz_below(&rng, STEPS_SPREAD);
}

/* Of all lives from the first to this one. */
static unsigned int steps_until(unsigned int life)
{
	unsigned int i, steps = 0;

	for (i = first_life; i <= life; i++)
		steps += life_steps(i);
	return steps;
}

/* Features, sizes and target of a new device. */
static void choose_offer(struct fuzz *f, struct host_offer *offer)
{
	__u64 rng = fuzz_state(f->seed, f->life, 1);
	int role;

	offer->features = fuzz_below(&rng, 64);
	if (!fuzz_once_in(&rng, 4))
		offer->features |= HOST_F_VERSION_1;
	if (fuzz_once_in(&rng, 2))
		offer->features |= HOST_F_EVENT_IDX;
	if (fuzz_once_in(&rng, 2))
		offer->features |= HOST_F_INDIRECT_DESC;
	for (role = 0; role < HOST_ROLES; role++)
		offer->size[role] = 2 << fuzz_below(&rng, 8);
	if (fuzz_once_in(&rng, 30))
		offer->size[fuzz_below(&rng, HOST_ROLES)] = HOST_NO_QUEUE;
	if (fuzz_once_in(&rng, 3))
		offer->target = fuzz_below(&rng, 48 * HOST_MIB);
	if (fuzz_once_in(&rng, 4))
		offer->cmd_id = fuzz_next(&rng);
	ktap_note("features %#llx, queues of %u %u %u %u %u, target %u",
		  offer->features, offer->size[0], offer->size[1],
		  offer->size[2], offer->size[3], offer->size[4],
		  offer->target);
}

static void begin(struct fuzz *f)
{
	struct balloon_host_state state;
	struct host_offer offer = {};

	choose_offer(f, &offer);
	fuzz_choose_hint(f);
	f->h = host_new(&offer);
	f->m = model_new(f->h);
	if (host_pump_op(f->h, BALLOON_OP_PLUG, 0, PLUG_MS))
		fuzz_damage(f, "the device cannot be plugged");
	host_state(f->h, &state);
	f->resets = state.resets;
	/* A device that lacks a queue gets no driver. */
	f->broken = !state.driver[0];
}

static void show(struct fuzz *f)
{
	unsigned int step = f->step < FUZZ_TRACE ? 0 : f->step - FUZZ_TRACE + 1;

	ktap_note("the last of %u steps:", f->step + 1);
	for (; step <= f->step; step++)
		ktap_note("step %u: %s", step, f->trace[step % FUZZ_TRACE]);
	ktap_note("play this life again: fuzz %llu %u %u", f->seed,
		  steps_wanted, f->life);
}

/* What is to be seen of a device that is still open. */
static void check_device(struct fuzz *f)
{
	__u64 offline = model_offline(f->m);

	if (!model_clean(f->m))
		fuzz_fail(f, "the model complains, see above");
	if (f->h->resets == f->resets && f->m->resynced && !f->repeated)
		fuzz_fail(f, "%llu pages were inflated that were in the balloon",
			  f->m->resynced);
	if (offline)
		fuzz_fail(f, "%llu pages are still marked as ballooned", offline);
	if (host_count(f->h, BALLOON_EV_LEFT_VQS, HOST_ANY))
		fuzz_fail(f, "the driver left queues behind");
}

/* And of the guest once there is no device. */
static void check_guest(struct fuzz *f, const struct fuzz_books *before,
			struct canary *canary)
{
	const char *wrong;

	if (fuzz_threads_left(before))
		fuzz_fail(f, "a thread of the driver is left");
	if (canary_check(canary))
		fuzz_fail(f, "memory of this process was written");
	canary_free(canary);
	wrong = fuzz_compare(before);
	if (wrong)
		fuzz_fail(f, "the books do not balance: %s", wrong);
}

static void end(struct fuzz *f, const struct fuzz_books *before,
		struct canary *canary)
{
	bool closed = fuzz_end(f);

	if (!f->damaged) {
		fuzz_relieve(f);
		fuzz_compact_end(f, true);
	}
	if (!f->damaged && !closed)
		check_device(f);
	if (f->wrong)
		host_print_log(f->h, LOG_SHOWN);
	if (f->damaged)
		return;
	host_free(f->h);
	check_guest(f, before, canary);
}

static void life(const void *arg)
{
	struct fuzz f = { .seed = seed, .life = *(const unsigned int *)arg };
	struct fuzz_books before;
	struct canary canary;

	fuzz_prepare();
	host_load_driver();
	f.steps = life_steps(f.life);
	fuzz_read_books(&before);
	canary_new(&canary, CANARY_MIB);
	begin(&f);
	for (; f.step < f.steps && !f.wrong; f.step++) {
		f.rng = fuzz_state(f.seed, f.life, 2 + f.step);
		f.trace[f.step % FUZZ_TRACE][0] = 0;
		fuzz_step(&f);
		if (f.m->complaints)
			fuzz_fail(&f, "the model complains, see above");
	}
	f.trace[f.step % FUZZ_TRACE][0] = 0;
	if (!f.damaged)
		end(&f, &before, &canary);
	if (f.wrong)
		show(&f);
	ktap_note("seed %llu: %u steps, %.0f a second", seed, steps_until(f.life),
		  steps_until(f.life) / (ktap_now() - began));
	ktap.wrong = f.wrong;
	ktap.damaged = f.damaged;
}

/* All lives together have left no more behind than one may. */
static void remains(const void *arg)
{
	const char *wrong = fuzz_compare(&first_books);

	(void)arg;
	ktap_check(!wrong, "the books do not balance after all lives: %s",
		   wrong);
}

static int misused(void)
{
	fprintf(stderr, "usage: fuzz [SEED STEPS [LIFE]]\n");
	return 2;
}

/* One that no other run has. */
static __u64 new_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Before the first life. */
static void prepare(void)
{
	ktap_note("seed %llu, %u steps", seed, steps_until(last_life));
	host_load_driver();
	fuzz_read_books(&first_books);
	began = ktap_now();
}

/* One case a life, and for all of them together what they have left. */
static int run(void)
{
	unsigned int i, nr = last_life - first_life + 1;
	struct ktap_case *cases = host_alloc((nr + 1) * sizeof(*cases));
	unsigned int *lives = host_alloc(nr * sizeof(*lives));
	char (*names)[NAME_TEXT] = host_alloc(nr * sizeof(*names));

	for (i = 0; i < nr; i++) {
		lives[i] = first_life + i;
		snprintf(names[i], NAME_TEXT, "life %u, %u steps", lives[i],
			 life_steps(lives[i]));
		cases[i] = (struct ktap_case){ names[i], life, &lives[i] };
	}
	if (!only_one)
		cases[nr++] = (struct ktap_case){ "all lives", remains };
	return ktap_main(cases, nr, CASE_S, prepare, 1, NULL);
}

int main(int argc, char **argv)
{
	unsigned int one;

	if (argc == 2)
		return misused();
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : new_seed();
	steps_wanted = argc > 1 ? strtoul(argv[2], NULL, 0) : STEPS_DEFAULT;
	one = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	only_one = one;
	first_life = one ? one : 1;
	last_life = first_life;
	while (!only_one && steps_until(last_life) < steps_wanted)
		last_life++;
	return run();
}
