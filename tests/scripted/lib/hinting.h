/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rounds of free page hints, as the host sees them.
 */
#ifndef _HINTING_H
#define _HINTING_H

#include "device.h"

#define HINTING_MS		20000
#define HINTING_LOOK_MS		500
#define HINTING_SILENCE_MS	10000	/* so long a host is waited for */
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

bool hinting_is_isolate(const char *mode);
struct host *hinting_start_offer(const struct host_offer *offer, const char *mode);
struct host *hinting_start(__u64 features, const char *mode);
bool hinting_see(struct host *h, struct host_elem *e, void *arg);
bool hinting_is_begun(struct host *h, void *arg);
bool hinting_is_over(struct host *h, void *arg);
void hinting_begin(struct host *h, struct hinting_sight *sight, __u32 id);
__u64 hinting_round(struct host *h, __u32 id);
void hinting_end(struct host *h, __u64 free);
void hinting_finish(struct host *h, __u64 free);

#endif /* _HINTING_H */
