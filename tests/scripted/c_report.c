// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: free page reporting (5.5.6.7), in a guest that does not care for
 * the content of free pages. Whatever comes on the reporting queue is judged:
 * free memory, or memory that a driver discards before it inflates it. What a
 * guest that initialises free pages may do is in c_poison.c.
 */
#include "conf.h"

#define FEATURES	(HOST_F_MODERN | HOST_F_REPORTING)
#define REPORT_MS	8000	/* reports come with delay */
#define LITTER_MIB	48
#define SOME		(8 * HOST_MIB)
#define SMALL		65536
#define JUNK		MODEL_JUNK_HINT

static unsigned int reports;
static unsigned int small;

static bool note(struct host *h, struct host_elem *e, void *arg)
{
	__u32 i;

	(void)arg;
	if (e->role != HOST_REPORT)
		return false;
	reports++;
	for (i = 0; i < e->descs; i++)
		small += (e->desc[i].flags & BALLOON_DESC_IN) &&
			 e->desc[i].len < SMALL;
	model_destroy(h->model, e, JUNK);
	return false;
}

static struct host *start(void)
{
	struct host *h = conf_start(FEATURES);

	reports = 0;
	small = 0;
	h->on_take = note;
	return h;
}

static bool reported(struct host *h, void *arg)
{
	(void)h;
	(void)arg;
	return reports;
}

/* Free memory, which is what gets reported. */
static bool litter(struct host *h)
{
	struct canary c;

	canary_new(&c, LITTER_MIB);
	canary_free(&c);
	return !host_pump(h, reported, NULL, REPORT_MS);
}

/* Free and inflate: one of them brings something onto the queue. */
static void provoke(struct host *h)
{
	host_set_target(h, SOME);
	if (!litter(h)) {
		conf_finish(h);
		ktap_skip_case("the driver reports nothing");
	}
}

static void rep_content(const void *arg)
{
	struct host *h = start();
	struct canary canary;

	(void)arg;
	canary_new(&canary, 16);
	provoke(h);
	host_pump_for(h, CONF_LOOK_MS);
	conf_settle(h, 0);
	ktap_eq(conf_stale_words(96), 0);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	conf_finish(h);
}

/* Blocks of held elements of which the first or last page is not as left. */
static unsigned int touched(struct host *h)
{
	__u32 page[HOST_PAGE / 4];
	const struct host_elem *e;
	unsigned int count = 0;
	__u64 last;
	__u32 i;

	for (e = h->held; e; e = e->next) {
		for (i = 0; e->role == HOST_REPORT && i < e->descs; i++) {
			last = e->desc[i].addr + e->desc[i].len - 1;
			host_read(h, e->desc[i].addr / HOST_PAGE, page);
			count += page[0] != JUNK || page[1023] != JUNK;
			host_read(h, last / HOST_PAGE, page);
			count += page[0] != JUNK || page[1023] != JUNK;
		}
	}
	return count;
}

static unsigned int held_free(struct host *h)
{
	struct balloon_host_page page;
	const struct host_elem *e;
	unsigned int count = 0;
	__u32 i;

	for (e = h->held; e; e = e->next) {
		for (i = 0; e->role == HOST_REPORT && i < e->descs; i++) {
			page.pfn = e->desc[i].addr / HOST_PAGE;
			if (!host_pages(h, &page, 1))
				count += !!(page.flags & BALLOON_PAGE_BUDDY);
		}
	}
	return count;
}

/* Memory is wanted, yet what is reported stays out of reach. */
static void rep_wait(const void *arg)
{
	struct host *h = start();
	struct canary canary;

	(void)arg;
	host_withhold(h, HOST_REPORT);
	provoke(h);
	canary_new(&canary, 96);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(held_free(h), 0);
	ktap_eq(touched(h), 0);
	ktap_eq(canary_check(&canary), 0);
	canary_free(&canary);
	host_answer(h, HOST_REPORT);
	conf_finish(h);
}

static void rep_any_time(const void *arg)
{
	struct host *h = start();
	bool any = litter(h);

	(void)arg;
	conf_finish(h);
	if (!ktap.wrong && !any)
		ktap_skip_case("a permission that the driver does not use");
}

static void rep_large(const void *arg)
{
	struct host *h = start();

	(void)arg;
	provoke(h);
	host_pump_for(h, CONF_LOOK_MS);
	ktap_check(!small, "%u blocks of less than %u bytes", small, SMALL);
	conf_settle(h, 0);
	conf_finish(h);
}

static void rep_untouched(const void *arg)
{
	struct host *h = start();

	(void)arg;
	host_withhold(h, HOST_REPORT);
	provoke(h);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	ktap_eq(touched(h), 0);
	host_answer(h, HOST_REPORT);
	conf_finish(h);
}

/* Used length 0: the device says that it wrote nothing, and yet it has. */
static void ring_written(const void *arg)
{
	struct host *h = start();

	(void)arg;
	provoke(h);
	h->policy[HOST_REPORT].len = HOST_LEN_ZERO;
	host_pump_for(h, CONF_LOOK_MS);
	conf_settle(h, 0);
	ktap_eq(conf_stale_words(96), 0);
	conf_finish(h);
}

static const struct ktap_case cases[] = {
	{ "BAL-REP-01 reported pages have no content", rep_content },
	{ "BAL-REP-03 reported pages rest until acknowledged", rep_wait },
	{ "BAL-REP-04 may report at any time", rep_any_time },
	{ "BAL-REP-05 large blocks are reported", rep_large },
	{ "BAL-REP-06 reported pages are not touched", rep_untouched },
	{ "RING-10 nothing is assumed beyond the used length", ring_written },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
