// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: inflating, deflating and 'actual' (5.5.6, 5.5.6.1), on legacy
 * devices too (5.5.4, 5.5.6.2.1). Nobody in the guest may use a page that is in
 * the balloon or on its way; the kernel's own record of each page says whether
 * somebody could. Memory pressure comes from an OOM kill, of a process made for
 * it.
 */
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

static const struct conf_shape legacy[] = {
	{ "legacy", 0 },
	{ "legacy, tell, event index", CONF_TELL | HOST_F_EVENT_IDX },
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
	CONF_EACH(conf_any, supplies);
	CONF_EACH(shorts, supplies_short);
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
	conf_oom_end(h, conf_oom_start());
	ktap_eq(h->model->deflated, deflated);
	ktap_eq(h->model->told, SOME);
	ktap_eq(host_actual(h), SOME);
	conf_finish(h);
}

static void op_keep(const void *arg)
{
	(void)arg;
	CONF_EACH(no_oom, keeps);
}

static void op_may_oom(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | CONF_OOM);
	__u64 given;

	(void)arg;
	conf_settle(h, SOME);
	conf_oom_end(h, conf_oom_start());
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
	conf_oom_end(h, conf_oom_start());
	check_balloon_held(h);
	conf_remove(h);
	ktap_check(!h->model->told,
		   "%llu pages were taken back untold on removal",
		   h->model->told);
	conf_free(h);
}

static void op_deflateq(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, deflateq);
}

static void slept(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, SOME);
	conf_sleep(h);
	host_pump_for(h, CONF_LOOK_MS);
	check_balloon_held(h);
	if (!ktap.wrong)
		conf_settle(h, SOME);
	if (!ktap.wrong)
		check_balloon_held(h);
	conf_finish(h);
}

static void op_deflateq_sleep(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, slept);
}

/* With deflation held back nothing of it may be used, OOM or not. */
static void waits(__u64 features)
{
	struct host *h = conf_start(features);
	struct canary canary;
	pid_t victim;

	conf_settle(h, SOME);
	h->policy[HOST_DEFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, LESS);
	conf_want_held(h, HOST_DEFLATE);
	victim = conf_oom_start();
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_eq(conf_held_free(h, HOST_DEFLATE), 0);
	canary_new(&canary, 16);
	conf_destroy_held(h, HOST_DEFLATE);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_DEFLATE);
	conf_oom_end(h, victim);
	conf_finish(h);
}

static void op_tell(const void *arg)
{
	(void)arg;
	CONF_EACH(tells, waits);
}

static void op_may_reuse(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN);
	unsigned int free;

	(void)arg;
	conf_settle(h, SOME);
	h->policy[HOST_DEFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, LESS);
	conf_want_held(h, HOST_DEFLATE);
	host_pump_for(h, CONF_LOOK_MS);
	free = conf_held_free(h, HOST_DEFLATE);
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
	h->policy[HOST_INFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, SOME);
	conf_want_held(h, HOST_INFLATE);
	host_set_target(h, 0);
	victim = conf_oom_start();
	canary_new(&canary, 16);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_eq(conf_held_free(h, HOST_INFLATE), 0);
	conf_destroy_held(h, HOST_INFLATE);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_INFLATE);
	conf_oom_end(h, victim);
	conf_settle(h, 0);
	conf_finish(h);
}

static void op_inflate_ack(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, untouched);
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
	h->policy[HOST_INFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, SOME);
	conf_want_held(h, HOST_INFLATE);
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

static void op_order(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, order);
}

/* --- actual --------------------------------------------------------------- */

static void updates(__u64 features)
{
	static const __u32 target[] = { SOME, LESS, LESS + 1, 1, 0 };
	struct host *h = conf_start(features);
	unsigned int i;

	for (i = 0; i < CONF_COUNT(target); i++) {
		conf_settle(h, target[i]);
		check_actual(h);
	}
	conf_settle(h, SOME);
	conf_remove(h);
	check_actual(h);
	conf_free(h);
}

static void op_actual(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, updates);
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
	h->policy[HOST_INFLATE].ack = HOST_ACK_HOLD;
	host_set_target(h, SOME);
	conf_want_held(h, HOST_INFLATE);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_le(host_actual(h), h->model->told);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	host_release(h, HOST_INFLATE);
	conf_settle(h, SOME);
	conf_finish(h);
}

static void op_actual_acked(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, not_early);
}

/* --- formats -------------------------------------------------------------- */

/* An array of 32-bit numbers of pages of 4096 bytes, to be read. */
static bool is_array(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int i;
	__u32 pfn;

	(void)arg;
	if (ktap.wrong || (e->role != HOST_INFLATE && e->role != HOST_DEFLATE))
		return false;
	ktap_check(e->out_len && !(e->out_len % 4) && !e->in_len,
		   "queue %d: %u out and %llu in bytes", e->queue,
		   e->out_len, e->in_len);
	for (i = 0; i < e->out_len / 4; i++) {
		pfn = model_u32(e->data + 4 * i);
		if (!ktap_check(ram_has(&h->model->ram, pfn),
				"queue %d: %#x is no page of memory", e->queue,
				pfn))
			break;
	}
	return false;
}

static void arrays(__u64 features)
{
	struct host *h = conf_start(features);

	h->on_take = is_array;
	conf_settle(h, SOME);
	conf_settle(h, 0);
	conf_finish(h);
}

static void op_array(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, arrays);
}

static bool is_given(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int *wrong = arg;
	unsigned int i;
	__u32 pfn;

	if (e->role != HOST_DEFLATE)
		return false;
	for (i = 0; i < e->out_len / 4; i++) {
		pfn = model_u32(e->data + 4 * i);
		/* The model has seen the element: it is being deflated now. */
		*wrong += pfn >= h->model->pages ||
			  !(h->model->state[pfn] & MODEL_BALLOON);
	}
	return false;
}

static void given(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int wrong = 0;

	h->on_take = is_given;
	h->arg = &wrong;
	conf_settle(h, SOME);
	conf_settle(h, LESS);
	conf_settle(h, SOME);
	conf_settle(h, 0);
	ktap_check(!wrong, "%u pages deflated that were not in the balloon",
		   wrong);
	conf_finish(h);
}

static void op_given(const void *arg)
{
	(void)arg;
	CONF_EACH(conf_any, given);
}

static void lengths(__u64 features)
{
	struct host *h = conf_start(features | HOST_F_STATS_VQ);
	static const enum host_len len[] = {
		HOST_LEN_TOTAL, HOST_LEN_ODD, HOST_LEN_HUGE,
	};
	unsigned int i, role;

	for (i = 0; i < CONF_COUNT(len); i++) {
		for (role = 0; role < HOST_ROLES; role++)
			h->policy[role].len = len[i];
		conf_settle(h, SOME);
		conf_want_held(h, HOST_STATS);
		host_release(h, HOST_STATS);
		conf_want_held(h, HOST_STATS);
		conf_settle(h, 0);
	}
	conf_finish(h);
}

static void legacy_length(const void *arg)
{
	(void)arg;
	CONF_EACH(legacy, lengths);
}

/* All four bytes of 'actual' in one call of the transport. */
static void whole(__u64 features)
{
	struct host *h = conf_start(features);
	unsigned int writes = 0;
	size_t i;

	conf_settle(h, SOME + 3);
	conf_settle(h, 0);
	for (i = 0; i < h->events; i++) {
		if (h->log[i].type != BALLOON_EV_CONFIG_WRITE)
			continue;
		writes++;
		ktap_check(h->log[i].where == HOST_CFG_ACTUAL &&
			   h->log[i].len == 4, "%u bytes written at %u",
			   h->log[i].len, h->log[i].where);
	}
	ktap_check(writes, "'actual' was never written");
	conf_finish(h);
}

static void legacy_actual(const void *arg)
{
	(void)arg;
	CONF_EACH(legacy, whole);
}

/* Each byte of the number is another one, so that their order shows. */
static void endian(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, 0x0c05);
	ktap_eq(host_actual(h), 0x0c05);
	ktap_eq(h->model->told, 0x0c05);
	conf_settle(h, 0x0201);
	conf_finish(h);
}

static void legacy_config(const void *arg)
{
	(void)arg;
	CONF_EACH(legacy, endian);
}

static const struct conf_case cases[] = {
	{ "BAL-OP-01", "supplies what is asked for", op_supply },
	{ "BAL-OP-02", "may take back what is not asked for", op_may_use },
	{ "BAL-OP-03", "may supply more", op_may_supply },
	{ "BAL-OP-04", "keeps the balloon without DEFLATE_ON_OOM", op_keep },
	{ "BAL-OP-05", "may deflate on OOM", op_may_oom },
	{ "BAL-OP-06", "takes pages back through the deflateq", op_deflateq },
	{ "BAL-OP-07", "tells before it uses pages", op_tell },
	{ "BAL-OP-08", "may use pages before it is heard", op_may_reuse },
	{ "BAL-OP-09", "inflated pages rest until acknowledged",
	  op_inflate_ack },
	{ "BAL-OP-10", "no deflation before the inflation", op_order },
	{ "BAL-OP-11", "actual is updated", op_actual },
	{ "BAL-OP-12", "may update actual once for many", op_actual_once },
	{ "BAL-OP-13", "arrays of page numbers", op_array },
	{ "BAL-OP-14", "actual counts what is acknowledged", op_actual_acked },
	{ "BAL-OP-15", "deflates only what it has given", op_given },
	{ "BAL-OP-16", "nothing is taken back untold over a suspend",
	  op_deflateq_sleep },
	{ "BAL-LEG-01", "used lengths are ignored", legacy_length },
	{ "BAL-LEG-02", "actual is written in one go", legacy_actual },
	{ "BAL-LEG-04", "configuration is little-endian", legacy_config },
};

int main(int argc, char **argv)
{
	return conf_main(cases, CONF_COUNT(cases), argc, argv);
}
