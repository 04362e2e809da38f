/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A balloon among other memory, whose pages compaction moves: only into blocks of
 * memory that are partly in use.
 */
#ifndef _MOVING_H
#define _MOVING_H

#include <sys/param.h>

#include "conf.h"

/* Memory to scatter, in 4 KiB pages: one of so many stays; and what is left alone. */
#define MOVING_SCATTER		(128 * HOST_MIB)
#define MOVING_STRIDE		8
#define MOVING_SPARE		(160 * HOST_MIB)
#define MOVING_BALLOON		(96 * HOST_MIB)
#define MOVING_TRIES		4

static inline void *moving_scatter(size_t pages)
{
	size_t i, page = getpagesize();
	char *at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!ktap_check(at != MAP_FAILED, "mmap: %s", strerror(errno)))
		ktap_end_case();
	madvise(at, pages * page, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++)
		at[i * page] = 1;
	for (i = 0; i < pages; i++)
		if (i % MOVING_STRIDE)
			madvise(at + i * page, page, MADV_DONTNEED);
	return at;
}

/* Inflate the balloon while memory is scattered. Returns how much that was, in pages. */
static inline size_t moving_inflate(struct host *h, unsigned int ms)
{
	__u64 free = host_free_memory();
	size_t whole;
	void *at;

	if (free < 2 * MOVING_SPARE)
		ktap_skip_case("%llu of the %d pages that it takes are free", free,
			       2 * MOVING_SPARE);
	whole = (free - MOVING_SPARE) / (getpagesize() / 4096);
	at = moving_scatter(whole);
	ktap_eq(model_settle(h->model, MOVING_BALLOON, ms), 0);
	munmap(at, whole * getpagesize());
	return whole;
}

/* Have memory compacted by @compact until pages move that the host then keeps. */
static inline void moving_move(struct host *h, size_t whole,
			       void (*compact)(struct host *h, unsigned int ms),
			       unsigned int ms)
{
	size_t size = MOVING_SCATTER;
	unsigned int i;
	void *more;

	h->policy[HOST_INFLATE].ack = HOST_ACK_HOLD;
	for (i = 0; i < MOVING_TRIES && !host_held(h, HOST_INFLATE); i++, size *= 2) {
		size = MIN(size, whole);
		more = moving_scatter(size);
		compact(h, ms);
		munmap(more, size * getpagesize());
	}
	ktap_check(host_held(h, HOST_INFLATE), "no page of the balloon was moved");
}

#endif /* _MOVING_H */
