// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests in a guest whose memory was used before.
 *
 *	used holes FILE	give every second page of a file back
 *	used huge MIB	take so much memory, in huge pages as far as the kernel has
 *			them, and say how many bytes of it are in huge pages
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB	(1UL << 20)
#define HUGE	(2 * MIB)

static void leave_holes(const char *path)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd = open(path, O_RDWR);
	struct stat file;
	off_t at;

	if (fd < 0 || fstat(fd, &file))
		err(1, "%s", path);
	for (at = 0; at + 2 * page <= file.st_size; at += 2 * page)
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			      page))
			err(1, "%s: fallocate", path);
	close(fd);
}

static unsigned long huge_bytes(void)
{
	FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
	unsigned long kib = 0;
	char line[200];

	if (!rollup)
		err(1, "/proc/self/smaps_rollup");
	while (fgets(line, sizeof(line), rollup))
		if (sscanf(line, "AnonHugePages: %lu", &kib) == 1)
			break;
	fclose(rollup);
	return kib << 10;
}

static void take_huge(size_t bytes)
{
	char *memory = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)memory + HUGE - 1) & ~(HUGE - 1));
	size_t offset;

	if (memory == MAP_FAILED)
		err(1, "mmap");
	if (madvise(at, bytes, MADV_HUGEPAGE))
		err(1, "madvise");
	for (offset = 0; offset < bytes; offset += HUGE)
		at[offset] = 1;
	printf("%lu\n", huge_bytes());
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "holes"))
		leave_holes(argv[2]);
	else if (argc == 3 && !strcmp(argv[1], "huge"))
		take_huge(strtoul(argv[2], NULL, 0) * MIB);
	else
		errx(2, "usage: used holes FILE | used huge MIB");
	return 0;
}
