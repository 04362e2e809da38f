/* SPDX-License-Identifier: GPL-2.0-only */
/* What comes on the hint queue, for programs that judge a driver by it. */
#ifndef _HINT_LOG_H
#define _HINT_LOG_H

#include "conf.h"

#define HINT_LOG_IDS	64
#define HINT_LOG_BLOCKS	4096

/**
 * struct hint_log - what came on the queue
 * @commands: out buffers
 * @ids: the first of them
 * @bad: out buffers that are no command
 * @early: hints before the first command
 * @pages: that were hinted
 * @blocks: in descriptors
 * @pfn: their first pages, up to HINT_LOG_BLOCKS
 * @destroy: destroy what is hinted
 */
struct hint_log {
	unsigned int commands;
	__u32 ids[HINT_LOG_IDS];
	unsigned int bad;
	unsigned int early;
	__u64 pages;
	unsigned int blocks;
	__u64 pfn[HINT_LOG_BLOCKS];
	bool destroy;
};

struct host *hint_log_start(struct hint_log *log, __u64 features, unsigned int ring);
unsigned int hint_log_count(const struct hint_log *log, __u32 id);
bool hint_log_wait(struct host *h, const struct hint_log *log, __u32 id);
unsigned int hint_log_free(struct host *h, const struct hint_log *log);
void hint_log_finish(struct host *h);

#endif /* _HINT_LOG_H */
