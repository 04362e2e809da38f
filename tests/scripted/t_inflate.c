// SPDX-License-Identifier: GPL-2.0-only
/*
 * The balloon goes to its target and the books balance, whatever the host
 * makes of its freedom to answer:
 *
 *   - up, down, to odd targets and back to nothing, with each feature that
 *     bears on it: 'actual' and the pages told agree with the target, MemTotal
 *     shrinks by exactly that (and not at all with DEFLATE_ON_OOM), no memory
 *     in use is ever given away, and all comes back on removal;
 *   - acknowledgments late, out of order, with used lengths from nothing to
 *     garbage, with interrupts withheld, merged or spurious, with kicks
 *     suppressed;
 *   - a target that changes under way, and a host that discards nothing.
 *
 * While a request is not acknowledged its pages may neither be free nor
 * announced again; the model destroys them and looks.
 */
#include "device.h"

#define DEADLINE_MS	20000
#define CASE_S		120
#define CANARY_MIB	32
#define FREE_SLACK	host_slack(4 * HOST_MIB)

struct shape {
	__u64 features;
	struct host_policy policy;
	__u32 mode;
	bool inhibited;
};

static void check_total(const struct host *h, __u64 actual)
{
	if (h->offered & HOST_F_DEFLATE_ON_OOM)
		ktap_eq(host_meminfo("MemTotal"), h->total);
	else
		ktap_eq(host_meminfo("MemTotal"), h->total - actual);
}

static struct host *start(const struct shape *s)
{
	struct host_offer offer = { .features = s->features };
	struct host *h = host_new(&offer);
	struct model *m = model_new(h);

	m->inhibited = s->inhibited;
	h->policy[HOST_INFLATE] = s->policy;
	h->policy[HOST_DEFLATE] = s->policy;
	device_plug(h, DEADLINE_MS);
	host_mode(h, HOST_INFLATE, s->mode, 0);
	host_mode(h, HOST_DEFLATE, s->mode, 0);
	return h;
}

/* Remove the device and look whether everything is as before. */
static void finish(struct host *h, __u64 free)
{
	device_finish(h);
	device_check_free(free, FREE_SLACK, 2000);
}

static void targets(const void *arg)
{
	static const __u32 target[] = {
		8 * HOST_MIB, 32 * HOST_MIB, 20 * HOST_MIB, 20 * HOST_MIB + 3,
		1, 0, 48 * HOST_MIB + 257, 48 * HOST_MIB, 0,
	};
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);
	struct model *m = h->model;
	struct canary canary;
	unsigned int i;

	canary_new(&canary, CANARY_MIB);
	for (i = 0; i < COUNT(target); i++) {
		if (!ktap_check(!model_settle(m, target[i], DEADLINE_MS),
				"target %u not reached", target[i]))
			break;
		check_total(h, target[i]);
	}
	ktap_eq(m->inflated - m->resynced, m->deflated);
	ktap_check(s->inhibited || m->destroyed, "nothing was destroyed");
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	finish(h, free);
}

/* Slow or odd hosts: less memory, same questions. */
static void answers(const void *arg)
{
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);
	struct canary canary;
	unsigned int round;

	canary_new(&canary, CANARY_MIB);
	for (round = 0; round < 2; round++) {
		ktap_eq(model_settle(h->model, 12 * HOST_MIB, DEADLINE_MS), 0);
		check_total(h, 12 * HOST_MIB);
		ktap_eq(model_settle(h->model, 100, DEADLINE_MS), 0);
		check_total(h, 100);
	}
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	finish(h, free);
}

/* Acknowledge without interrupt; one interrupt every so often must do. */
static bool quiet_ack(struct host *h, struct host_elem *e, void *arg)
{
	(void)arg;
	host_ack(h, e, 0, BALLOON_ACK_NO_IRQ);
	return true;
}

static bool nudge_until(struct host *h, void *arg)
{
	host_irq(h, HOST_INFLATE);
	host_irq(h, HOST_DEFLATE);
	return host_actual(h) == *(__u32 *)arg;
}

static void merged(const void *arg)
{
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);
	__u32 target = 8 * HOST_MIB;

	h->on_take = quiet_ack;
	host_set_target(h, target);
	ktap_eq(host_pump(h, nudge_until, &target, DEADLINE_MS), 0);
	target = 0;
	host_set_target(h, target);
	ktap_eq(host_pump(h, nudge_until, &target, DEADLINE_MS), 0);
	h->on_take = NULL;
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, free);
}

/* With an inflate in flight the target falls to nothing. */
static void turned(const void *arg)
{
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);

	ktap_eq(model_settle(h->model, 4 * HOST_MIB, DEADLINE_MS), 0);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, 64 * HOST_MIB);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "nothing is inflated");
	host_set_target(h, 0);
	host_pump_for(h, 100);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	check_total(h, 0);
	finish(h, free);
}

/* Interrupts for nothing: no answer, no damage. */
static void spurious(const void *arg)
{
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);
	unsigned int i;

	host_withhold(h, HOST_INFLATE);
	host_set_target(h, 2 * HOST_MIB);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "nothing is inflated");
	for (i = 0; i < 50; i++) {
		host_irq(h, HOST_INFLATE);
		host_irq(h, HOST_DEFLATE);
		host_config_irq(h);
	}
	host_pump_for(h, 50);
	ktap_eq(host_actual(h), 0);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, 2 * HOST_MIB, DEADLINE_MS), 0);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	finish(h, free);
}

/* The module answers by itself: as fast as it goes, no model. */
static void load(const void *arg)
{
	const struct shape *s = arg;
	__u64 free = host_free_memory();
	struct host *h = start(s);
	__u32 target = host_meminfo("MemFree") / 2;
	struct balloon_host_queue q;
	double begin = host_now();

	ktap_eq(host_pump_target(h, target, DEADLINE_MS), 0);
	check_total(h, target);
	ktap_note("inflated %u MiB in %.2f s", target / HOST_MIB,
		  host_now() - begin);
	begin = host_now();
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	ktap_note("deflated in %.2f s", host_now() - begin);
	host_queue_info(h, HOST_INFLATE, &q);
	ktap_note("inflate: %llu elements, %llu kicks, %llu interrupts, %llu suppressed",
		  q.taken, q.kicks, q.irqs, q.irqs_off);
	finish(h, free);
}

#define MODERN	HOST_F_MODERN
#define TELL	HOST_F_MUST_TELL_HOST
#define LATE(ms)	{ .ack = HOST_ACK_LATER, .delay_ms = (ms) }
#define REVERSE(ms)	{ .ack = HOST_ACK_REVERSE, .delay_ms = (ms) }

#define CASE(name, fn, ...)	{ name, fn, &(const struct shape){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("targets,plain", targets, .features = MODERN),
	CASE("targets,tell", targets, .features = MODERN | TELL),
	CASE("targets,oom", targets, .features = MODERN | HOST_F_DEFLATE_ON_OOM),
	CASE("targets,tell,oom", targets, .features = MODERN | TELL | HOST_F_DEFLATE_ON_OOM),
	CASE("targets,report", targets, .features = MODERN | HOST_F_REPORTING),
	CASE("targets,tell,report", targets, .features = MODERN | TELL | HOST_F_REPORTING),
	CASE("targets,legacy", targets, .features = 0),
	CASE("targets,legacy,event", targets, .features = TELL | HOST_F_EVENT_IDX),
	CASE("targets,inhibited", targets, .features = MODERN, .inhibited = true),
	CASE("targets,nokick", targets, .features = MODERN | TELL,
	     .mode = BALLOON_MODE_NO_KICK),
	CASE("targets,nokick,legacy", targets, .features = TELL,
	     .mode = BALLOON_MODE_NO_KICK),
	CASE("late", answers, .features = MODERN, .policy = LATE(40)),
	CASE("late,tell", answers, .features = MODERN | TELL, .policy = LATE(40)),
	CASE("reverse", answers, .features = MODERN, .policy = REVERSE(20)),
	CASE("reverse,tell", answers, .features = MODERN | TELL, .policy = REVERSE(20)),
	CASE("length,total", answers, .features = MODERN | TELL, .policy.len = HOST_LEN_TOTAL),
	CASE("length,odd", answers, .features = MODERN | TELL, .policy.len = HOST_LEN_ODD),
	CASE("length,huge", answers, .features = MODERN | TELL, .policy.len = HOST_LEN_HUGE),
	CASE("length,odd,legacy", answers, .features = TELL, .policy.len = HOST_LEN_ODD),
	CASE("merged", merged, .features = MODERN | TELL),
	CASE("merged,legacy", merged, .features = TELL),
	CASE("turned", turned, .features = MODERN | TELL),
	CASE("spurious", spurious, .features = MODERN | TELL),
	CASE("load", load, .features = MODERN | TELL, .mode = BALLOON_MODE_AUTO),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
