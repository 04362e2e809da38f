// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process with memory, for tests that need one.
 *
 *	hog MIB		take so much anonymous memory, page by page, and keep it
 *	hog MIB STRIDE	then give all but one of so many pages back: holes
 *	hog MIB STRIDE PIECE
 *			the same with pieces of so many pages instead of single ones
 *
 * Says "has N MiB" when it has it, and stays until it is killed. It is the first
 * that the kernel kills when there is no memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB	(1UL << 20)
/* Taken in one call of the kernel, which can kill the process between two. */
#define PIECE	(4 * MIB)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

static void be_the_victim(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "w");

	if (file) {
		fputs("1000", file);
		fclose(file);
	}
}

static char *take(size_t bytes)
{
	size_t page = sysconf(_SC_PAGESIZE), offset;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		perror("hog: mmap");
		exit(1);
	}
	madvise(at, bytes, MADV_NOHUGEPAGE);
	/* Faster where the kernel can: a fault a page is slow under emulation. */
	for (offset = 0; offset < bytes; offset += PIECE)
		if (madvise(at + offset, bytes - offset < PIECE ? bytes - offset : PIECE,
			    MADV_POPULATE_WRITE))
			break;
	for (offset = 0; offset < bytes; offset += page)
		at[offset] = 1;
	return at;
}

/* stride, kept: bytes. */
static void leave_holes(char *at, size_t bytes, size_t stride, size_t kept)
{
	size_t offset;

	for (offset = 0; offset + stride <= bytes; offset += stride)
		madvise(at + offset + kept, stride - kept, MADV_DONTNEED);
}

int main(int argc, char **argv)
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) * MIB : 0;
	size_t stride = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	size_t piece = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	char *at;

	if (!bytes) {
		fprintf(stderr, "usage: hog MIB [STRIDE [PIECE]]\n");
		return 2;
	}
	be_the_victim();
	at = take(bytes);
	piece *= sysconf(_SC_PAGESIZE);
	if (stride)
		leave_holes(at, bytes, stride * piece, piece);
	printf("has %zu MiB\n", bytes / MIB);
	fflush(stdout);
	for (;;)
		pause();
}
