/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rounds of free page hints, as the host sees them.
 */
#ifndef _HINTING_H
#define _HINTING_H

#include <string.h>

#include "life.h"

#define HINTING_MS		20000
#define HINTING_LOOK_MS		500
#define HINTING_SILENCE_MS	10000	/* so long a host is waited for */
#define HINTING_MODE		"/sys/module/virtio_balloon/parameters/hint"
/* What else is allocated and freed meanwhile, in pages. */
#define HINTING_SLACK		host_slack(16 * HOST_MIB)

/**
 * struct hinting_sight - what the host sees of a round
 * @id: the command that it is for
 * @begun: the id came
 * @over: STOP came after it
 * @hinted: what the model had counted when the id came
 */
struct hinting_sight {
	__u32 id;
	bool begun;
	bool over;
	__u64 hinted;
};

static inline bool hinting_is_isolate(const char *mode)
{
	return !strcmp(mode, "isolate");
}

static inline bool hinting_see(struct host *h, struct host_elem *e, void *arg)
{
	struct hinting_sight *sight = arg;

	if (e->role != HOST_HINT || e->out_len != 4)
		return false;
	if (model_u32(e->data) == sight->id) {
		sight->begun = true;
		sight->hinted = h->model->hinted;
	} else if (model_u32(e->data) == HOST_CMD_STOP) {
		sight->over = sight->begun;
	}
	return false;
}

static inline bool hinting_is_begun(struct host *h, void *arg)
{
	(void)h;
	return ((struct hinting_sight *)arg)->begun;
}

static inline bool hinting_is_over(struct host *h, void *arg)
{
	(void)h;
	return ((struct hinting_sight *)arg)->over;
}

static inline struct host *hinting_start_offer(const struct host_offer *offer, const char *mode)
{
	struct host *h;

	if (!conf_write(HINTING_MODE, mode))
		ktap_skip_case("the driver has no parameter hint");
	h = life_start_offer(offer, HINTING_MS);
	h->model->strict_hints = true;
	return h;
}

static inline struct host *hinting_start(__u64 features, const char *mode)
{
	struct host_offer offer = { .features = features };

	return hinting_start_offer(&offer, mode);
}

static inline void hinting_begin(struct host *h, struct hinting_sight *sight, __u32 id)
{
	*sight = (struct hinting_sight){ .id = id };
	h->on_take = hinting_see;
	h->arg = sight;
	host_set_command(h, id);
}

/* Pages that are hinted in one round. */
static inline __u64 hinting_round(struct host *h, __u32 id)
{
	struct hinting_sight sight;

	hinting_begin(h, &sight, id);
	if (!ktap_check(!host_pump(h, hinting_is_over, &sight, HINTING_MS),
			"the round does not end"))
		ktap_end_case();
	host_pump_for(h, HINTING_LOOK_MS);
	h->on_take = NULL;
	return h->model->hinted - sight.hinted;
}

static inline bool hinting_is_free(struct host *h, void *arg)
{
	(void)h;
	return host_free_memory() + HINTING_SLACK >= *(__u64 *)arg;
}

static inline void hinting_end(struct host *h, __u64 free)
{
	host_set_command(h, HOST_CMD_DONE);
	ktap_check(!host_pump(h, hinting_is_free, &free, HINTING_MS),
		   "%llu pages are free, %llu were", host_free_memory(), free);
	host_pump_for(h, HINTING_LOOK_MS);
	model_hint_done(h->model);
}

static inline void hinting_finish(struct host *h, __u64 total, __u64 free)
{
	hinting_end(h, free);
	life_finish(h, total, HINTING_MS);
}

#endif /* _HINTING_H */
