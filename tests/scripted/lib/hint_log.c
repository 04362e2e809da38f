// SPDX-License-Identifier: GPL-2.0-only
/* What comes on the hint queue. See hint_log.h. */
#include "hint_log.h"

static void note_command(struct hint_log *log, const struct host_elem *e)
{
	if (!e->out_len)
		return;
	if (e->out_len != 4) {
		log->bad++;
		return;
	}
	if (log->commands < HINT_LOG_IDS)
		log->ids[log->commands] = model_u32(e->data);
	log->commands++;
}

static bool note(struct host *h, struct host_elem *e, void *arg)
{
	struct hint_log *log = arg;
	__u32 i;

	if (e->role != HOST_HINT)
		return false;
	note_command(log, e);
	for (i = 0; i < e->descs; i++) {
		if (!(e->desc[i].flags & BALLOON_DESC_IN))
			continue;
		log->early += !log->commands;
		log->pages += e->desc[i].len / HOST_PAGE;
		if (log->blocks < HINT_LOG_BLOCKS)
			log->pfn[log->blocks] = e->desc[i].addr / HOST_PAGE;
		log->blocks++;
	}
	if (log->destroy)
		model_destroy(h->model, e, MODEL_JUNK_HINT);
	return false;
}

/**
 * hint_log_start - plug a device, and note what comes on its hint queue
 * @log: the notes, empty then
 * @features: offered
 * @ring: size of the queue, 0: that of QEMU
 */
struct host *hint_log_start(struct hint_log *log, __u64 features, unsigned int ring)
{
	struct host_offer offer = {
		.features = features,
		.size[HOST_HINT] = ring,
	};
	struct host *h = conf_start_offer(&offer);

	memset(log, 0, sizeof(*log));
	h->on_take = note;
	h->arg = log;
	return h;
}

/* How often a command has come. */
unsigned int hint_log_count(const struct hint_log *log, __u32 id)
{
	unsigned int i, count = 0;

	for (i = 0; i < log->commands && i < HINT_LOG_IDS; i++)
		count += log->ids[i] == id;
	return count;
}

struct wanted {
	const struct hint_log *log;
	__u32 id;
};

static bool has_come(struct host *h, void *arg)
{
	const struct wanted *wanted = arg;

	(void)h;
	return hint_log_count(wanted->log, wanted->id);
}

/* Serve until a command has come; false if it has not by the deadline. */
bool hint_log_wait(struct host *h, const struct hint_log *log, __u32 id)
{
	struct wanted wanted = { log, id };

	return !host_pump(h, has_come, &wanted, CONF_MS);
}

/* Hinted blocks that are free now. */
unsigned int hint_log_free(struct host *h, const struct hint_log *log)
{
	unsigned int i, count = 0;

	for (i = 0; i < log->blocks && i < HINT_LOG_BLOCKS; i++)
		count += host_is_free(h, log->pfn[i]);
	return count;
}

void hint_log_finish(struct host *h)
{
	host_set_command(h, HOST_CMD_DONE);
	host_pump_for(h, CONF_LOOK_MS);
	model_hint_done(h->model);
	conf_finish(h);
}
