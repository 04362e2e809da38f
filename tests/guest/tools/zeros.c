// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether new memory of a process is empty. A kernel that zeroes pages when they are
 * freed does not look at them again when they are used: it relies on whoever had
 * them meanwhile.
 *
 *	zeros MIB	read so much new anonymous memory, then let it go
 *
 * The last line is "zeros: N pages, N of them not empty".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MIB	(1UL << 20)
#define PAGE	4096u
#define WORDS	(PAGE / sizeof(uint64_t))
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

static int empty(const uint64_t *at)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		if (at[i])
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	size_t pages = (argc > 1 ? strtoul(argv[1], NULL, 0) : 0) * MIB / PAGE;
	size_t i, wrong = 0;
	uint64_t *at;

	if (!pages) {
		fprintf(stderr, "usage: zeros MIB\n");
		return 2;
	}
	at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		perror("zeros: mmap");
		return 1;
	}
	/* Of huge pages the kernel takes care again. */
	madvise(at, pages * PAGE, MADV_NOHUGEPAGE);
	/* What is only read is one page for all; this gives each its own, as it is. */
	if (madvise(at, pages * PAGE, MADV_POPULATE_WRITE)) {
		perror("zeros: madvise");
		return 1;
	}
	for (i = 0; i < pages; i++)
		wrong += !empty(at + i * WORDS);
	printf("zeros: %zu pages, %zu of them not empty\n", pages, wrong);
	return 0;
}
