// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random hosts: what one step can be. Each takes its numbers from f->rng, leaves
 * a line in the trace, and does nothing that needs an answer without a deadline.
 */
#include "fuzz.h"
#include "ktap.h"

#define TARGET_MIB	80
#define PRESSURE_MIB	400

static const char * const role_names[HOST_ROLES] = {
	"inflate", "deflate", "stats", "hint", "report",
};

static void step_target(struct fuzz *f)
{
	__u32 target = 0;

	switch (fuzz_below(&f->rng, 12)) {
	case 0:
		break;
	case 1:
		target = 1;
		break;
	case 2:
		target = fuzz_below(&f->rng, 4 * HOST_MIB) | 1;
		break;
	case 3:
		/* Beyond all memory; rarely, since it takes long. */
		if (fuzz_once_in(&f->rng, 6))
			target = fuzz_once_in(&f->rng, 2) ? ~0u :
				 fuzz_next(&f->rng) | 0x40000000;
		break;
	default:
		target = fuzz_below(&f->rng, TARGET_MIB * HOST_MIB);
		if (fuzz_once_in(&f->rng, 2))
			target &= ~(HOST_MIB - 1);
	}
	fuzz_say(f, "target %u", target);
	host_set_config(f->h, HOST_CFG_TARGET, target,
			!fuzz_once_in(&f->rng, 16));
}

static void step_policy(struct fuzz *f)
{
	static const char * const names[] = { "now", "later", "reverse", "hold" };
	enum host_role role = fuzz_below(&f->rng, HOST_ROLES);
	struct host_policy *policy = &f->h->policy[role];

	policy->ack = fuzz_below(&f->rng, 4);
	policy->delay_ms = 1 + fuzz_below(&f->rng, 20);
	policy->len = fuzz_below(&f->rng, 4);
	/* To acknowledge each stats buffer at once is to ask without end. */
	if (role == HOST_STATS && policy->ack == HOST_ACK_NOW)
		policy->ack = HOST_ACK_LATER;
	fuzz_say(f, "%s: acknowledge %s (%u ms), length %d", role_names[role],
		 names[policy->ack], policy->delay_ms, policy->len);
}

static void step_release(struct fuzz *f)
{
	enum host_role role = fuzz_below(&f->rng, HOST_ROLES);

	fuzz_say(f, "release what %s holds: %u", role_names[role],
		 host_release(f->h, role));
}

static void step_ack_one(struct fuzz *f)
{
	static const __u32 lengths[] = { 0, 1, 4095, 0xffffffff };
	unsigned int n = fuzz_below(&f->rng, 64);
	__u32 len = lengths[fuzz_below(&f->rng, COUNT(lengths))];
	__u32 flags = fuzz_below(&f->rng, 3);	/* none, no IRQ, forced */

	fuzz_say(f, "acknowledge one, length %#x, flags %u: %d", len, flags,
		 host_ack_held(f->h, n, len, flags));
}

static void step_irq(struct fuzz *f)
{
	enum host_role role = fuzz_below(&f->rng, HOST_ROLES);
	unsigned int times = 1 + fuzz_below(&f->rng, 4);

	fuzz_say(f, "%u interrupts for nothing: %s", times, role_names[role]);
	while (times--)
		host_irq(f->h, role);
}

static void step_config_irq(struct fuzz *f)
{
	unsigned int times = 1 + fuzz_below(&f->rng, 4);

	f->repeated = true;
	fuzz_say(f, "%u config interrupts for nothing", times);
	while (times--)
		host_config_irq(f->h);
}

static void step_resync(struct fuzz *f)
{
	f->repeated = true;
	fuzz_say(f, "announce the balloon again: %d", host_set_attribute(f->h, "resync", "1"));
}

static void step_command(struct fuzz *f)
{
	unsigned int kind = fuzz_below(&f->rng, 4);
	__u32 id = kind > 1 ? fuzz_next(&f->rng) | 2 : kind;

	f->repeated = true;
	fuzz_say(f, "cmd id %#x", id);
	host_set_command(f->h, id);
	if (id == HOST_CMD_DONE)
		model_hint_done(f->m);
}

static void step_wait(struct fuzz *f)
{
	unsigned int ms = fuzz_below(&f->rng, 8);

	fuzz_say(f, "serve for %u ms", ms);
	host_pump_for(f->h, ms);
}

static void step_inhibit(struct fuzz *f)
{
	f->m->inhibited = fuzz_once_in(&f->rng, 2);
	fuzz_say(f, "%s", f->m->inhibited ? "discard nothing" : "discard");
}

static void step_kicks(struct fuzz *f)
{
	enum host_role role = fuzz_below(&f->rng, HOST_ROLES);
	bool off = fuzz_once_in(&f->rng, 2);

	fuzz_say(f, "%s: kicks %s", role_names[role], off ? "off" : "on");
	host_mode(f->h, role, off ? BALLOON_MODE_NO_KICK : 0, 0);
}

static void step_press(struct fuzz *f)
{
	unsigned int mib = 16 + fuzz_below(&f->rng, 48);

	/* Now and then more than there is. */
	if (fuzz_once_in(&f->rng, 6))
		mib = PRESSURE_MIB;
	fuzz_say(f, "a child uses %u MiB", mib);
	fuzz_press(f, mib);
}

static void step_relieve(struct fuzz *f)
{
	fuzz_say(f, "the child ends");
	fuzz_relieve(f);
}

static void step_compact(struct fuzz *f)
{
	fuzz_say(f, "compact memory");
	fuzz_compact(f);
}

/* An operation that calls into the driver, while the host does as it does. */
static void run_op(struct fuzz *f, unsigned int op, unsigned int flags,
		   const char *name)
{
	int err = host_pump_op(f->h, op, flags, FUZZ_PATIENT_MS);

	fuzz_say(f, "%s, flags %#x: %d", name, flags, err);
	if (err == -ETIMEDOUT)
		fuzz_damage(f, "%s takes longer than %u ms", name,
			    FUZZ_PATIENT_MS);
	f->broken |= err;
}

static void step_freeze(struct fuzz *f)
{
	static const unsigned int flags[] = {
		BALLOON_OPF_PM_SUSPEND, BALLOON_OPF_PM_FREEZE,
		BALLOON_OPF_PM_POWEROFF, 0,
		BALLOON_OPF_PM_SUSPEND | BALLOON_OPF_NO_VIRTIO,
	};

	f->sleep = flags[fuzz_below(&f->rng, COUNT(flags))];
	run_op(f, BALLOON_OP_FREEZE, f->sleep, "freeze");
	f->frozen = !f->broken;
}

/* As it went to sleep; what was frozen may also be the image that is started. */
static void step_restore(struct fuzz *f)
{
	if (f->sleep == BALLOON_OPF_PM_FREEZE && fuzz_below(&f->rng, 2))
		f->sleep = BALLOON_OPF_PM_POWEROFF;
	run_op(f, BALLOON_OP_RESTORE, f->sleep, "restore");
	f->frozen = false;
}

/* Most drivers and old kernels do not know it, and say so. */
static void step_reset(struct fuzz *f)
{
	int prepared = host_pump_op(f->h, BALLOON_OP_RESET_PREPARE, 0,
				    FUZZ_PATIENT_MS);

	fuzz_say(f, "reset of the transport: %d", prepared);
	if (!prepared)
		run_op(f, BALLOON_OP_RESET_DONE, 0, "end of the reset");
}

static void step_rebind(struct fuzz *f)
{
	int err = host_unbind(f->h, FUZZ_PATIENT_MS);

	fuzz_say(f, "unbind: %d", err);
	if (err == -ETIMEDOUT)
		fuzz_damage(f, "unbinding does not end");
	if (err)
		return;
	err = host_bind(f->h, FUZZ_PATIENT_MS);
	fuzz_say(f, "bind: %d", err);
	if (err == -ETIMEDOUT)
		fuzz_damage(f, "binding does not end");
	f->broken |= err;
}

static void step_reload(struct fuzz *f)
{
	int err = host_unload_driver(FUZZ_PATIENT_MS);

	fuzz_say(f, "unload the module: %d", err);
	if (err == -ETIMEDOUT)
		fuzz_damage(f, "unloading does not end");
	else if (err)
		fuzz_fail(f, "unloading: %s", strerror(-err));
	host_load_driver();
	f->broken |= !host_bound(f->h);
}

static void step_break(struct fuzz *f)
{
	fuzz_say(f, "the device breaks");
	host_break(f->h);
	f->broken = true;
}

/* A used entry that is none: the ring is corrupt from here on. */
static void step_bogus(struct fuzz *f)
{
	enum host_role role = fuzz_below(&f->rng, 2);
	__u32 head = 256 + fuzz_below(&f->rng, 65536);

	fuzz_say(f, "%s: used entry %u, which is none", role_names[role], head);
	host_ack_raw(f->h, host_queue(f->h, role), head, 0,
		     BALLOON_ACK_BOGUS | BALLOON_ACK_FORCE_IRQ);
	f->broken = true;
}

struct rest {
	struct fuzz *f;
	__u32 target;
};

/* What a driver drops in a reset the books do not see. */
static bool at_rest(struct host *h, void *arg)
{
	const struct rest *rest = arg;

	return host_actual(h) == rest->target && !host_held(h, HOST_INFLATE) &&
	       !host_held(h, HOST_DEFLATE) &&
	       (h->resets != rest->f->resets ||
		rest->f->m->told == rest->target);
}

/**
 * fuzz_answer_all - the host is a good one from now on
 * @f: the life
 */
void fuzz_answer_all(struct fuzz *f)
{
	int role;

	for (role = 0; role < HOST_ROLES; role++) {
		if (role != HOST_STATS)
			f->h->policy[role].ack = HOST_ACK_NOW;
		host_irq(f->h, role);
	}
}

/* A host that answers has what it wants before long. */
static void step_settle(struct fuzz *f)
{
	struct rest rest = { f, fuzz_below(&f->rng, 32 * HOST_MIB) };

	/* After a shortage the driver rests before it inflates again. */
	if (f->starved)
		rest.target = 0;
	fuzz_relieve(f);
	fuzz_say(f, "answer everything, target %u", rest.target);
	fuzz_answer_all(f);
	host_set_target(f->h, rest.target);
	if (host_pump(f->h, at_rest, &rest, FUZZ_SETTLE_MS))
		fuzz_fail(f, "target %u is not reached: actual %u, told %llu, %u and %u held",
			  rest.target, host_actual(f->h), f->m->told,
			  host_held(f->h, HOST_INFLATE),
			  host_held(f->h, HOST_DEFLATE));
}

/* In which states of the device a step makes sense. */
#define AWAKE	1	/* bound, not broken, not frozen */
#define FROZEN	2
#define BROKEN	4
#define ANY	(AWAKE | FROZEN | BROKEN)

static const struct {
	void (*fn)(struct fuzz *f);
	unsigned int weight;
	unsigned int states;
} kinds[] = {
	{ step_target, 160, ANY },
	{ step_policy, 100, ANY },
	{ step_release, 100, ANY },
	{ step_ack_one, 150, ANY },
	{ step_irq, 50, ANY },
	{ step_config_irq, 50, ANY },
	{ step_command, 40, ANY },
	{ step_resync, 8, AWAKE },
	{ step_wait, 220, ANY },
	{ step_inhibit, 10, ANY },
	{ step_kicks, 20, AWAKE },
	{ step_press, 4, ANY },
	{ step_relieve, 30, ANY },
	{ step_compact, 8, ANY },
	{ step_settle, 10, AWAKE },
	{ step_freeze, 6, AWAKE },
	{ step_restore, 200, FROZEN },
	{ step_reset, 3, AWAKE },
	{ step_rebind, 3, AWAKE },
	{ step_reload, 2, AWAKE },
	{ step_break, 2, AWAKE },
	{ step_bogus, 2, AWAKE },
};

/**
 * fuzz_step - one decision of the host
 * @f: the life
 *
 * A decision that the state does not allow is one to wait.
 */
void fuzz_step(struct fuzz *f)
{
	unsigned int state = f->broken ? BROKEN : f->frozen ? FROZEN : AWAKE;
	unsigned int sum = 0, i, n;

	for (i = 0; i < COUNT(kinds); i++)
		sum += kinds[i].weight;
	n = fuzz_below(&f->rng, sum);
	for (i = 0; n >= kinds[i].weight; i++)
		n -= kinds[i].weight;
	if (kinds[i].states & state)
		kinds[i].fn(f);
	else
		step_wait(f);
	host_serve(f->h);
	fuzz_compact_end(f, false);
}
