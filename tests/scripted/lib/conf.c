// SPDX-License-Identifier: GPL-2.0-only
/* What the conformance programs share. See conf.h. */
#include <sys/mman.h>

#include "conf.h"
#include "guest.h"

#define LOG_SHOWN	20

const struct conf_shape conf_any[5] = {
	{ "modern", HOST_F_MODERN },
	{ "modern, tell, oom", HOST_F_MODERN | CONF_TELL | CONF_OOM },
	{ "modern, no event index", CONF_PLAIN | CONF_TELL },
	{ "legacy", 0 },
	{ "legacy, tell, event index", CONF_TELL | HOST_F_EVENT_IDX },
};

/* A case over several devices: says with which one it failed. */
void conf_each(const struct conf_shape *shapes, size_t count, void (*fn)(__u64 features))
{
	bool wrong = ktap.wrong;
	size_t i;

	for (i = 0; i < count; i++) {
		ktap.wrong = false;
		fn(shapes[i].features);
		if (ktap.wrong)
			ktap_note("that was with: %s", shapes[i].name);
		wrong |= ktap.wrong;
	}
	ktap.wrong = wrong;
}

/* The same for a table of cases, see CONF_OVER(). */
void conf_case(const void *arg)
{
	const struct conf_over *over = arg;

	conf_each(over->shapes, over->count, over->fn);
}

/**
 * conf_start_offer - plug a device
 * @offer: what it is like
 *
 * The model keeps the books and destroys nothing; cases that judge what pages
 * are used for do that themselves.
 */
struct host *conf_start_offer(const struct host_offer *offer)
{
	struct host *h = host_new(offer);
	struct model *m = model_new(h);

	m->inhibited = true;
	m->lenient = true;
	device_plug(h, CONF_MS);
	return h;
}

struct host *conf_start(__u64 features)
{
	struct host_offer offer = { .features = features };

	return conf_start_offer(&offer);
}

/* Answer everything, remove the device; its log stays until conf_free(). */
void conf_remove(struct host *h)
{
	int role;

	h->on_take = NULL;
	for (role = 0; role < HOST_ROLES; role++)
		if (role != HOST_STATS)
			h->policy[role].ack = HOST_ACK_NOW;
	device_remove(h);
}

void conf_free(struct host *h)
{
	struct model *m = h->model;

	if (ktap.wrong)
		host_print_log(h, LOG_SHOWN);
	model_free(m);
	host_free(h);
}

void conf_finish(struct host *h)
{
	conf_remove(h);
	conf_free(h);
}

/*
 * From plug to removal, with a balloon and a suspend between. What happens to a
 * balloon over a suspend is another statement's business, so it is empty then.
 */
struct host *conf_life(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	device_sleep(h);
	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	conf_remove(h);
	host_log(h);
	ktap_eq(h->lost, 0);
	return h;
}

void conf_settle(struct host *h, __u32 target)
{
	ktap_check(!model_settle(h->model, target, CONF_MS), "target %u not reached", target);
}

__u64 conf_accepted(struct host *h)
{
	struct balloon_host_state state;

	host_state(h, &state);
	return state.features;
}

/* Does the guest fill free pages, and expect to find them so? */
bool conf_fills_pages(void)
{
	char line[4096];

	return guest_read("/proc/cmdline", line, sizeof(line)) &&
	       (strstr(line, "init_on_free=1") || strstr(line, "page_poison=1"));
}

/* Fresh memory has to read as zeroes, whatever hosts did to free pages. */
size_t conf_stale_words(unsigned int mib)
{
	size_t count = ((size_t)mib << 20) / sizeof(__u32);
	size_t stale = 0;
	__u32 *words;
	size_t i;

	words = mmap(NULL, count * sizeof(*words), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (words == MAP_FAILED)
		return 0;
	for (i = 0; i < count; i++)
		stale += words[i] != 0;
	munmap(words, count * sizeof(*words));
	return stale;
}
