// SPDX-License-Identifier: GPL-2.0-only
/* A balloon among other memory, whose pages compaction moves. See moving.h. */
#include <sys/mman.h>
#include <sys/param.h>

#include "ktap.h"
#include "model.h"
#include "moving.h"

/* Of memory that is scattered, one page of so many stays; and what is left alone. */
#define STRIDE		8
#define SPARE		(160 * HOST_MIB)
#define BALLOON		(96 * HOST_MIB)
#define TRIES		4

static void *scatter(size_t pages)
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
		if (i % STRIDE)
			madvise(at + i * page, page, MADV_DONTNEED);
	return at;
}

/* Inflate the balloon while memory is scattered. Returns how much that was, in pages. */
size_t moving_inflate(struct host *h, unsigned int ms)
{
	__u64 free = host_free_memory();
	size_t whole;
	void *at;

	if (free < 2 * SPARE)
		ktap_skip_case("%llu of the %d pages that it takes are free", free, 2 * SPARE);
	whole = (free - SPARE) / (getpagesize() / 4096);
	at = scatter(whole);
	ktap_eq(model_settle(h->model, BALLOON, ms), 0);
	munmap(at, whole * getpagesize());
	return whole;
}

/* Have memory compacted by @compact until pages move that the host then keeps. */
void moving_move(struct host *h, size_t whole,
		 void (*compact)(struct host *h, unsigned int ms), unsigned int ms)
{
	size_t size = MOVING_SCATTER;
	unsigned int i;
	void *more;

	host_withhold(h, HOST_INFLATE);
	for (i = 0; i < TRIES && !host_held(h, HOST_INFLATE); i++, size *= 2) {
		size = MIN(size, whole);
		more = scatter(size);
		compact(h, ms);
		munmap(more, size * getpagesize());
	}
	ktap_check(host_held(h, HOST_INFLATE), "no page of the balloon was moved");
}
