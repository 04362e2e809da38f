// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: page poison (5.5.6.6), and free page reporting with it (5.5.6.7).
 * To be run in a guest with init_on_free=1, which zeroes pages when they are
 * freed and expects to find them so: there the poison value is 0. Or with
 * page_poison=1, if the kernel was built for it: 0xaaaaaaaa, also with both. In
 * any other guest all cases are skipped.
 */
#include "conf.h"

#define POISON		(HOST_F_MODERN | HOST_F_PAGE_POISON)
#define SOME		(8 * HOST_MIB)
#define LITTER_MIB	48
#define SAMPLE		4096

static void want_guest(void)
{
	if (!conf_fills_pages())
		ktap_skip_case("only in a guest that fills free pages");
}

static struct host *start(__u64 features)
{
	struct host *h;

	want_guest();
	h = conf_start(features);
	if (features & ~conf_accepted(h) & HOST_F_PAGE_POISON) {
		conf_finish(h);
		ktap_skip_case("the driver does not accept PAGE_POISON");
	}
	return h;
}

static void feat_reporting(const void *arg)
{
	struct host *h;
	__u64 accepted;

	(void)arg;
	want_guest();
	h = conf_start(HOST_F_MODERN | HOST_F_REPORTING);
	ktap_check(!(conf_accepted(h) & HOST_F_REPORTING),
		   "REPORTING accepted where PAGE_POISON is not offered");
	conf_finish(h);
	h = conf_start(POISON | HOST_F_REPORTING);
	accepted = conf_accepted(h);
	ktap_check(!(accepted & HOST_F_REPORTING) ||
		   (accepted & HOST_F_PAGE_POISON),
		   "REPORTING accepted without PAGE_POISON");
	conf_finish(h);
}

/* Words of a free page that are not the poison value; -1: it is not free. */
static int unlike(struct host *h, __u64 pfn, __u32 poison)
{
	struct balloon_host_page page = { .pfn = pfn };
	__u32 words[HOST_PAGE / 4];
	int wrong = 0;
	int i;

	if (host_pages(h, &page, 1) || page.refs || host_read(h, pfn, words))
		return -1;
	for (i = 0; i < (int)COUNT(words); i++)
		wrong += words[i] != poison;
	return wrong;
}

static void pois_initialise(const void *arg)
{
	struct host *h = start(POISON);
	__u32 poison = host_config(h, HOST_CFG_POISON);
	unsigned int wrong = 0, looked = 0;
	__u64 pfn;

	(void)arg;
	h->model->inhibited = false;
	conf_settle(h, SOME);
	conf_settle(h, 0);
	for (pfn = 0; pfn < h->model->pages && looked < SAMPLE; pfn++) {
		if (!(h->model->state[pfn] & MODEL_SEEN))
			continue;
		looked++;
		wrong += unlike(h, pfn, poison) > 0;
	}
	ktap_check(!wrong, "%u free pages that were deflated do not hold %#x",
		   wrong, poison);
	conf_finish(h);
}

/* In every life of the device: a reset makes it forget the value. */
static void pois_early(const void *arg)
{
	struct host *h = start(POISON);
	bool written = false;
	size_t i;

	(void)arg;
	device_sleep(h);
	conf_remove(h);
	host_log(h);
	for (i = 0; i < h->events; i++) {
		if (h->log[i].type == BALLOON_EV_RESET)
			written = false;
		if (h->log[i].type == BALLOON_EV_CONFIG_WRITE &&
		    h->log[i].where == HOST_CFG_POISON)
			written = true;
		if (h->log[i].type == BALLOON_EV_STATUS &&
		    (h->log[i].value & ~h->log[i].where & HOST_S_DRIVER_OK))
			ktap_check(written,
				   "DRIVER_OK without poison_val, after %u resets",
				   h->log[i].reset);
	}
	conf_free(h);
}

static void pois_constant(const void *arg)
{
	struct host *h = start(POISON | HOST_F_REPORTING | CONF_OOM);
	bool live = false;
	size_t i;

	(void)arg;
	conf_settle(h, SOME);
	conf_settle(h, 0);
	device_sleep(h);
	conf_remove(h);
	host_log(h);
	for (i = 0; i < h->events; i++) {
		if (h->log[i].type == BALLOON_EV_RESET)
			live = false;
		if (h->log[i].type == BALLOON_EV_STATUS)
			live |= h->log[i].value & HOST_S_DRIVER_OK;
		ktap_check(!live || h->log[i].type != BALLOON_EV_CONFIG_WRITE ||
			   h->log[i].where != HOST_CFG_POISON,
			   "poison_val was written with the device live");
	}
	conf_free(h);
}

static unsigned int reports, unpoisoned;

static bool look(struct host *h, struct host_elem *e, void *arg)
{
	__u32 poison = host_config(h, HOST_CFG_POISON);
	__u32 words[HOST_PAGE / 4];
	unsigned int i, word;

	(void)arg;
	for (i = 0; e->role == HOST_REPORT && i < e->descs; i++) {
		reports++;
		host_read(h, e->desc[i].addr / HOST_PAGE, words);
		for (word = 0; word < COUNT(words); word++)
			unpoisoned += words[word] != poison;
	}
	return false;
}

static bool reported(struct host *h, void *arg)
{
	(void)h;
	(void)arg;
	return reports;
}

static void rep_initialise(const void *arg)
{
	struct host *h = start(POISON | HOST_F_REPORTING);
	struct canary litter;

	(void)arg;
	reports = 0;
	unpoisoned = 0;
	h->on_take = look;
	canary_new(&litter, LITTER_MIB);
	canary_free(&litter);
	/* Some report what is free, some what is about to be inflated. */
	host_set_target(h, SOME);
	host_pump(h, reported, NULL, CONF_MS);
	if (!reports) {
		conf_finish(h);
		ktap_skip_case("the driver reports nothing");
	}
	ktap_check(!unpoisoned, "%u words that are not poison_val", unpoisoned);
	conf_finish(h);
}

static const struct ktap_case cases[] = {
	{ "BAL-FEAT-03 no reporting where content matters", feat_reporting },
	{ "BAL-POIS-01 deflated pages hold the poison", pois_initialise },
	{ "BAL-POIS-02 poison_val is there before DRIVER_OK", pois_early },
	{ "BAL-POIS-03 poison_val does not change", pois_constant },
	{ "BAL-REP-02 reported pages hold the poison", rep_initialise },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
