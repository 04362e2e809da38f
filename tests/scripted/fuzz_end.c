// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random hosts: the ways in which a life ends. Whichever it is, the driver has
 * let go within a bounded time: 3 s if the host answers at once or not at all, and
 * the guest has nothing else to do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

/* When the limit is over: does it end at all? */
#define LAST_MS		fuzz_ms(10000)

enum how { ANSWERED, SILENT, AS_IS };
enum what { REMOVE, SURPRISE, UNBIND, UNLOAD, SHUTDOWN, CLOSE };

struct way {
	const char *name;
	enum what what;
	enum how how;
	unsigned int weight;
};

static const struct way ways[] = {
	{ "removal", REMOVE, ANSWERED, 6 },
	{ "removal, the host is silent", REMOVE, SILENT, 2 },
	{ "removal, the host as it is", REMOVE, AS_IS, 3 },
	{ "surprise removal", SURPRISE, AS_IS, 4 },
	{ "unbinding", UNBIND, ANSWERED, 3 },
	{ "unbinding, the host is silent", UNBIND, SILENT, 2 },
	{ "unloading", UNLOAD, SILENT, 2 },
	{ "shutdown, then removal", SHUTDOWN, AS_IS, 2 },
	{ "the device is closed", CLOSE, AS_IS, 3 },
};

static const struct way *choose(__u64 *rng)
{
	unsigned int sum = 0, i, n;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		sum += ways[i].weight;
	n = fuzz_below(rng, sum);
	for (i = 0; n >= ways[i].weight; i++)
		n -= ways[i].weight;
	return &ways[i];
}

static void hold_all(struct fuzz *f)
{
	int role;

	for (role = 0; role < HOST_ROLES; role++)
		host_withhold(f->h, role);
}

static int let_go(struct fuzz *f, const struct way *way, unsigned int ms)
{
	unsigned int flags = way->what == SURPRISE ? BALLOON_OPF_SURPRISE : 0;

	switch (way->what) {
	case UNBIND:
		return host_bound(f->h) ? host_unbind(f->h, ms) : 0;
	case UNLOAD:
		return host_unload_driver(ms);
	case SHUTDOWN:
		if (host_pump_op(f->h, BALLOON_OP_SHUTDOWN, 0, ms) ==
		    -ETIMEDOUT)
			return -ETIMEDOUT;
		break;
	default:
		break;
	}
	return host_pump_op(f->h, BALLOON_OP_REMOVE, flags, ms);
}

/* Too late: whether the guest can be used any more depends on what follows. */
static void overdue(struct fuzz *f, const struct way *way, unsigned int ms)
{
	bool op = way->what == REMOVE || way->what == SURPRISE;

	fuzz_answer_all(f);
	if (op && host_op_wait(f->h, LAST_MS) != -ETIMEDOUT)
		fuzz_fail(f, "%s takes longer than %u ms", way->name, ms);
	else
		fuzz_damage(f, "%s does not end", way->name);
}

/**
 * fuzz_end - the driver loses its device
 * @f: the life; what it presses is relieved afterwards
 *
 * Return: whether nothing was done, because closing the device is to do it.
 */
bool fuzz_end(struct fuzz *f)
{
	__u64 rng = fuzz_state(f->seed, f->life, ~0ull);
	const struct way *way = choose(&rng);
	unsigned int ms = FUZZ_LIMIT_MS;
	double begin;
	int err;

	if (way->how == ANSWERED)
		fuzz_answer_all(f);
	else if (way->how == SILENT)
		hold_all(f);
	if (fuzz_once_in(&rng, 2))
		fuzz_relieve(f);
	/* Short of memory or busy with moving it, a guest may take longer. */
	if (way->how == AS_IS || f->pressure || f->compact)
		ms = FUZZ_PATIENT_MS;
	begin = host_now();
	if (way->what == CLOSE)
		return true;
	err = let_go(f, way, ms);
	fuzz_say(f, "%s: %d after %.2f s", way->name, err, host_now() - begin);
	if (err == -ETIMEDOUT)
		overdue(f, way, ms);
	else if (err)
		fuzz_fail(f, "%s: %s", way->name, strerror(-err));
	return false;
}
