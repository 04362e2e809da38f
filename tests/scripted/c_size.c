// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: inflating, deflating and 'actual' (5.5.6, 5.5.6.1). Nobody in the
 * guest may use a page that is in the balloon or on its way; the kernel's own
 * record of each page says whether somebody could. Memory pressure comes from
 * an OOM kill, of a process made for it.
 */
#include "child.h"
#include "conf.h"

#define SOME	(6 * HOST_MIB)
#define LESS	(2 * HOST_MIB)

static const struct conf_shape tells[] = {
	{ "modern, tell", HOST_F_MODERN | CONF_TELL },
	{ "modern, tell, oom", HOST_F_MODERN | CONF_TELL | CONF_OOM },
	{ "legacy, tell", CONF_TELL },
};

static const struct conf_shape no_oom[] = {
	{ "modern", HOST_F_MODERN },
	{ "modern, tell", HOST_F_MODERN | CONF_TELL },
	{ "legacy", 0 },
};

static void check_actual(struct host *h)
{
	ktap_eq(host_actual(h), h->model->told);
}

static void supplies(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, SOME);
	conf_settle(h, SOME + 257);
	conf_finish(h);
}

/* Rings with room for one request, or two, make a driver wait for room. */
static void supplies_short(__u64 features)
{
	struct host_offer offer = {
		.features = features,
		.size = { 2, 2, 2, 2, 2 },
	};
	struct host *h = conf_start_offer(&offer);

	conf_settle(h, SOME);
	conf_finish(h);
}

static void op_supply(const void *arg)
{
	static const struct conf_shape shorts[] = {
		{ "modern, queues of 2", HOST_F_MODERN },
		{ "modern, poison, queues of 2",
		  HOST_F_MODERN | HOST_F_PAGE_POISON },
	};

	(void)arg;
	conf_each(conf_any, COUNT(conf_any), supplies);
	conf_each(shorts, COUNT(shorts), supplies_short);
}

/* Permissions: how much the driver makes use of them. */
static void op_may_use(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);

	(void)arg;
	conf_settle(h, SOME);
	if (model_settle(h->model, LESS, 2000))
		ktap_skip_case("a permission that the driver does not use");
	conf_finish(h);
}

/* Whatever is supplied beyond the target is told as any other page. */
static void op_may_supply(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);
	__u64 before;

	(void)arg;
	conf_settle(h, SOME);
	before = h->model->inflated;
	host_config_irq(h);
	host_pump_for(h, CONF_LOOK_MS);
	check_actual(h);
	before = h->model->inflated - before;
	conf_finish(h);
	if (!ktap.wrong && !before)
		ktap_skip_case("a permission that the driver does not use");
}

static void keeps(__u64 features)
{
	struct host *h = conf_start(features);
	__u64 deflated;

	conf_settle(h, SOME);
	deflated = h->model->deflated;
	host_config_irq(h);
	child_oom_end(h, child_oom_start());
	ktap_eq(h->model->deflated, deflated);
	ktap_eq(h->model->told, SOME);
	ktap_eq(host_actual(h), SOME);
	conf_finish(h);
}

static void op_may_oom(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | CONF_OOM);
	__u64 given;

	(void)arg;
	conf_settle(h, SOME);
	child_oom_end(h, child_oom_start());
	check_actual(h);
	given = h->model->deflated;
	conf_finish(h);
	if (!ktap.wrong && !given)
		ktap_skip_case("a permission that the driver does not use");
}

/* Every page that the host believes to be in the balloon is held there. */
static void check_balloon_held(struct host *h)
{
	struct balloon_host_page page;
	unsigned int free = 0;

	for (page.pfn = 0; page.pfn < h->model->pages; page.pfn++)
		if ((h->model->state[page.pfn] & MODEL_BALLOON) &&
		    !host_pages(h, &page, 1))
			free += (page.flags & BALLOON_PAGE_BUDDY) || !page.refs;
	ktap_check(!free, "%u pages were freed without a word to the host",
		   free);
}

static void deflateq(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, SOME);
	conf_settle(h, LESS);
	check_balloon_held(h);
	child_oom_end(h, child_oom_start());
	check_balloon_held(h);
	conf_remove(h);
	ktap_check(!h->model->told,
		   "%llu pages were taken back untold on removal",
		   h->model->told);
	conf_free(h);
}

static void slept(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, SOME);
	device_sleep(h);
	host_pump_for(h, CONF_LOOK_MS);
	check_balloon_held(h);
	if (!ktap.wrong)
		conf_settle(h, SOME);
	if (!ktap.wrong)
		check_balloon_held(h);
	conf_finish(h);
}

/* Pages that the arrays of held elements name and that the guest has freed. */
static unsigned int held_free(struct host *h, enum host_role role)
{
	const struct host_elem *e;
	unsigned int i, count = 0;

	for (e = h->held; e; e = e->next)
		for (i = 0; e->role == role && i < e->out_len / 4; i++)
			count += host_is_free(h, model_u32(e->data + 4 * i));
	return count;
}

/* Destroy what these arrays name; the device owns it. */
static void destroy_held(struct host *h, enum host_role role)
{
	struct balloon_host_range range = { .count = 1 };
	const struct host_elem *e;
	unsigned int i;

	for (e = h->held; e; e = e->next) {
		for (i = 0; e->role == role && i < e->out_len / 4; i++) {
			range.pfn = model_u32(e->data + 4 * i);
			host_fill(h, &range, 1, MODEL_JUNK_DEFLATE);
		}
	}
}

/* With deflation held back nothing of it may be used, OOM or not. */
static void waits(__u64 features)
{
	struct host *h = conf_start(features);
	struct canary canary;
	pid_t victim;

	conf_settle(h, SOME);
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, LESS);
	device_want_held(h, HOST_DEFLATE);
	victim = child_oom_start();
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_eq(held_free(h, HOST_DEFLATE), 0);
	canary_new(&canary, 16);
	destroy_held(h, HOST_DEFLATE);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	host_answer(h, HOST_DEFLATE);
	child_oom_end(h, victim);
	conf_finish(h);
}

static void op_may_reuse(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);
	unsigned int free;

	(void)arg;
	conf_settle(h, SOME);
	host_withhold(h, HOST_DEFLATE);
	host_set_target(h, LESS);
	device_want_held(h, HOST_DEFLATE);
	host_pump_for(h, CONF_LOOK_MS);
	free = held_free(h, HOST_DEFLATE);
	host_release(h, HOST_DEFLATE);
	conf_finish(h);
	if (!ktap.wrong && !free)
		ktap_skip_case("a permission that the driver does not use");
}

/* With inflation held back: a new target, an OOM kill, other allocations. */
static void untouched(__u64 features)
{
	struct host *h = conf_start(features);
	struct canary canary;
	pid_t victim;

	conf_settle(h, LESS);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, SOME);
	device_want_held(h, HOST_INFLATE);
	host_set_target(h, 0);
	victim = child_oom_start();
	canary_new(&canary, 16);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_eq(held_free(h, HOST_INFLATE), 0);
	destroy_held(h, HOST_INFLATE);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	host_answer(h, HOST_INFLATE);
	child_oom_end(h, victim);
	conf_settle(h, 0);
	conf_finish(h);
}

static bool deflate_known(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int *wrong = arg;
	unsigned int i;
	__u32 pfn;

	for (i = 0; e->role == HOST_DEFLATE && i < e->out_len / 4; i++) {
		pfn = model_u32(e->data + 4 * i);
		*wrong += pfn < h->model->pages &&
			  (h->model->state[pfn] & MODEL_INFLATING);
	}
	return false;
}

static void order(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int wrong = 0;

	h->on_take = deflate_known;
	h->arg = &wrong;
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, SOME);
	device_want_held(h, HOST_INFLATE);
	host_set_target(h, 0);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_check(!wrong, "%u pages deflated before their inflation was acknowledged",
		   wrong);
	h->policy[HOST_INFLATE].ack = HOST_ACK_LATER;
	h->policy[HOST_INFLATE].delay_ms = 5;
	conf_settle(h, LESS);
	conf_settle(h, 0);
	ktap_check(!wrong, "%u pages deflated before their inflation was acknowledged",
		   wrong);
	conf_finish(h);
}

/* --- actual --------------------------------------------------------------- */

static void updates(__u64 features)
{
	static const __u32 target[] = { SOME, LESS, LESS + 1, 1, 0 };
	struct host *h = conf_start(features);
	unsigned int i;

	for (i = 0; i < COUNT(target); i++) {
		conf_settle(h, target[i]);
		check_actual(h);
	}
	conf_settle(h, SOME);
	conf_remove(h);
	check_actual(h);
	conf_free(h);
}

static void op_actual_once(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);
	unsigned int writes, requests;

	(void)arg;
	conf_settle(h, SOME);
	writes = host_count(h, BALLOON_EV_CONFIG_WRITE, HOST_ANY);
	requests = host_count(h, BALLOON_EV_ACK, host_queue(h, HOST_INFLATE));
	conf_finish(h);
	if (!ktap.wrong && writes >= requests)
		ktap_skip_case("a permission that the driver does not use");
}

/* Not before the host has acknowledged what it counts. */
static void not_early(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, LESS);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, SOME);
	device_want_held(h, HOST_INFLATE);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_le(host_actual(h), h->model->told);
	host_answer(h, HOST_INFLATE);
	conf_settle(h, SOME);
	conf_finish(h);
}

static const struct ktap_case cases[] = {
	{ "BAL-OP-01 supplies what is asked for", op_supply },
	{ "BAL-OP-02 may take back what is not asked for", op_may_use },
	{ "BAL-OP-03 may supply more", op_may_supply },
	CONF_OVER("BAL-OP-04 keeps the balloon without DEFLATE_ON_OOM", keeps, no_oom),
	{ "BAL-OP-05 may deflate on OOM", op_may_oom },
	CONF_OVER("BAL-OP-06 takes pages back through the deflateq", deflateq, conf_any),
	CONF_OVER("BAL-OP-07 tells before it uses pages", waits, tells),
	{ "BAL-OP-08 may use pages before it is heard", op_may_reuse },
	CONF_OVER("BAL-OP-09 inflated pages rest until acknowledged", untouched, conf_any),
	CONF_OVER("BAL-OP-10 no deflation before the inflation", order, conf_any),
	CONF_OVER("BAL-OP-11 actual is updated", updates, conf_any),
	{ "BAL-OP-12 may update actual once for many", op_actual_once },
	CONF_OVER("BAL-OP-14 actual counts what is acknowledged", not_early, conf_any),
	CONF_OVER("BAL-OP-16 nothing is taken back untold over a suspend", slept, conf_any),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
