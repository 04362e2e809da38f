// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that needs new memory all the time, and measures how long that takes.
 *
 *	fresh MIB	map so much memory, write to each page and unmap it, over and
 *			over until it is killed
 *
 * Ten times a second it says what it has done until then, in a line such as
 * "fresh: 128 MiB in 402113 us, p99 7168 ns, max 1284113 ns". The times are those of
 * a single page, each with one look at the clock.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB		(1UL << 20)
#define NSEC_PER_SEC	1000000000ull
#define PERIOD_NSEC	(NSEC_PER_SEC / 10)
/* Each power of two has so many slots: a time is right to 1.6 %. */
#define STEP_SHIFT	6
#define STEPS		(1u << STEP_SHIFT)
#define SLOTS		((64 - STEP_SHIFT + 1) * STEPS)

static uint64_t counts[SLOTS], total, longest;

static uint64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * NSEC_PER_SEC + at.tv_nsec;
}

/* Slots are as wide as the last bits that they do not tell apart. */
static unsigned int slot_of(uint64_t nsec)
{
	unsigned int shift;

	if (nsec < STEPS)
		return nsec;
	shift = 63 - __builtin_clzll(nsec) - STEP_SHIFT;
	return shift * STEPS + (nsec >> shift);
}

static uint64_t least_of(unsigned int slot)
{
	unsigned int shift;

	if (slot < STEPS)
		return slot;
	shift = slot / STEPS - 1;
	return (uint64_t)(slot - shift * STEPS) << shift;
}

static void record(uint64_t nsec)
{
	counts[slot_of(nsec)]++;
	total++;
	if (nsec > longest)
		longest = nsec;
}

static uint64_t percentile(unsigned int percent)
{
	uint64_t below = 0;
	unsigned int slot;

	for (slot = 0; slot < SLOTS - 1; slot++) {
		below += counts[slot];
		if (below * 100 >= total * percent)
			break;
	}
	return least_of(slot);
}

static void touch(size_t bytes, size_t page)
{
	uint64_t before, after;
	size_t offset;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		perror("fresh: mmap");
		exit(1);
	}
	madvise(at, bytes, MADV_NOHUGEPAGE);
	before = now();
	for (offset = 0; offset < bytes; offset += page) {
		at[offset] = 1;
		after = now();
		record(after - before);
		before = after;
	}
	munmap(at, bytes);
}

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) * MIB : 0;
	size_t page = sysconf(_SC_PAGESIZE);
	uint64_t began = now(), said = began, at;

	if (!bytes) {
		fprintf(stderr, "usage: fresh MIB\n");
		return 2;
	}
	for (;;) {
		touch(bytes, page);
		at = now();
		if (at - said < PERIOD_NSEC)
			continue;
		said = at;
		printf("fresh: %llu MiB in %llu us, p99 %llu ns, max %llu ns\n",
		       (unsigned long long)(total * page / MIB),
		       (unsigned long long)(at - began) / 1000,
		       (unsigned long long)percentile(99),
		       (unsigned long long)longest);
		fflush(stdout);
	}
}
