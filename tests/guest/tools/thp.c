// SPDX-License-Identifier: GPL-2.0-only
/*
 * Takes memory in huge pages, for which the kernel compacts memory if it has to.
 *
 *	thp MIB		says "touched N MiB in N ms", and lets go
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE	(2UL << 20)

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	size_t bytes = (argc > 1 ? strtoul(argv[1], NULL, 0) : 0) << 20, offset;
	long begin = now_ms();
	char *at;

	if (!bytes) {
		fprintf(stderr, "usage: thp MIB\n");
		return 2;
	}
	at = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	if (at == MAP_FAILED) {
		perror("thp: mmap");
		return 1;
	}
	at = (char *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));
	madvise(at, bytes, MADV_HUGEPAGE);
	for (offset = 0; offset < bytes; offset += HUGE)
		at[offset] = 1;
	printf("touched %zu MiB in %ld ms\n", bytes >> 20, now_ms() - begin);
	return 0;
}
