// SPDX-License-Identifier: GPL-2.0-only
/* Rounds of free page hints, as the host sees them. See hinting.h. */
#include "hinting.h"

bool hinting_is_isolate(const char *mode)
{
	return !strcmp(mode, "isolate");
}

struct host *hinting_start_offer(const struct host_offer *offer, const char *mode)
{
	struct host *h;

	if (!host_set_parameter("hint", mode))
		ktap_skip_case("the driver has no parameter hint");
	h = device_start_offer(offer, HINTING_MS);
	h->model->strict_hints = true;
	return h;
}

struct host *hinting_start(__u64 features, const char *mode)
{
	struct host_offer offer = { .features = features };

	return hinting_start_offer(&offer, mode);
}

/* For on_take: @arg is a struct hinting_sight. */
bool hinting_see(struct host *h, struct host_elem *e, void *arg)
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

bool hinting_is_begun(struct host *h, void *arg)
{
	(void)h;
	return ((struct hinting_sight *)arg)->begun;
}

bool hinting_is_over(struct host *h, void *arg)
{
	(void)h;
	return ((struct hinting_sight *)arg)->over;
}

void hinting_begin(struct host *h, struct hinting_sight *sight, __u32 id)
{
	*sight = (struct hinting_sight){ .id = id };
	h->on_take = hinting_see;
	h->arg = sight;
	host_set_command(h, id);
}

/* Pages that are hinted in one round. */
__u64 hinting_round(struct host *h, __u32 id)
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

static bool is_free(struct host *h, void *arg)
{
	(void)h;
	return host_free_memory() + HINTING_SLACK >= *(__u64 *)arg;
}

/* DONE, which gives everything back. @free: what was free before. */
void hinting_end(struct host *h, __u64 free)
{
	host_set_command(h, HOST_CMD_DONE);
	ktap_check(!host_pump(h, is_free, &free, HINTING_MS),
		   "%llu pages are free, %llu were", host_free_memory(), free);
	host_pump_for(h, HINTING_LOOK_MS);
	model_hint_done(h->model);
}

void hinting_finish(struct host *h, __u64 free)
{
	hinting_end(h, free);
	device_finish(h);
}
