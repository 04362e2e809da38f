// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says of single pages of memory, in /proc/kpageflags.
 *
 *	pageflags balloon N	frame numbers of up to N pages that are offline, one a
 *				line: each the middle one of an aligned block of 2 MiB
 *				all of which is offline
 *	pageflags show PFN...	the flags of each, in hexadecimal, one a line
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK		512
#define KPF_OFFLINE	(1ULL << 23)

static ssize_t look(int fd, uint64_t pfn, uint64_t *flags, size_t nr)
{
	return pread(fd, flags, nr * sizeof(*flags), pfn * sizeof(*flags));
}

static void balloon(int fd, unsigned long wanted)
{
	uint64_t flags[BLOCK], pfn;
	unsigned int i;

	for (pfn = 0; wanted && look(fd, pfn, flags, BLOCK) == sizeof(flags);
	     pfn += BLOCK) {
		for (i = 0; i < BLOCK && flags[i] & KPF_OFFLINE; i++)
			;
		if (i < BLOCK)
			continue;
		printf("%llu\n", (unsigned long long)pfn + BLOCK / 2);
		wanted--;
	}
}

int main(int argc, char **argv)
{
	int i, fd = open("/proc/kpageflags", O_RDONLY);

	if (fd < 0) {
		perror("pageflags: /proc/kpageflags");
		return 1;
	}
	if (argc == 3 && !strcmp(argv[1], "balloon")) {
		balloon(fd, strtoul(argv[2], NULL, 0));
		return 0;
	}
	if (argc < 3 || strcmp(argv[1], "show")) {
		fprintf(stderr, "usage: pageflags balloon N | show PFN...\n");
		return 2;
	}
	for (i = 2; i < argc; i++) {
		uint64_t flags;

		if (look(fd, strtoull(argv[i], NULL, 0), &flags, 1) != sizeof(flags)) {
			perror("pageflags: read");
			return 1;
		}
		printf("%llx\n", (unsigned long long)flags);
	}
	return 0;
}
