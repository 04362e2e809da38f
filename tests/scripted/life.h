/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One device from plug to removal, judged by the model with all it knows: the books
 * have to balance to the page.
 */
#ifndef _LIFE_H
#define _LIFE_H

#include "conf.h"

static inline struct host *life_start_offer(const struct host_offer *offer,
					    unsigned int ms)
{
	struct host *h = host_new(offer);

	model_new(h);
	ktap_eq(host_pump_op(h, BALLOON_OP_PLUG, 0, ms), 0);
	if (!ktap_check(host_bound(h), "no driver is bound"))
		ktap_end_case();
	return h;
}

static inline struct host *life_start(__u64 features, unsigned int ms)
{
	struct host_offer offer = { .features = features };

	return life_start_offer(&offer, ms);
}

/* @total: MemTotal of before, in device pages. */
static inline void life_finish(struct host *h, __u64 total, unsigned int ms)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, ms), 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), total);
	ktap_eq(model_offline(h->model), 0);
	if (ktap.wrong)
		host_print_log(h, 40);
	host_free(h);
}

static inline bool life_has_total(struct host *h, void *arg)
{
	(void)h;
	return host_meminfo("MemTotal") == *(__u64 *)arg;
}

/* Pages that move leave and enter the balloon, some at a time. */
static inline void life_check_total(struct host *h, __u64 want, unsigned int ms)
{
	ktap_check(!host_pump(h, life_has_total, &want, ms),
		   "MemTotal is %llu pages, expected %llu",
		   host_meminfo("MemTotal"), want);
}

#endif /* _LIFE_H */
