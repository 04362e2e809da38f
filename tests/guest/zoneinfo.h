/* SPDX-License-Identifier: GPL-2.0-only */
/* Free memory to the page, for all programs that run in a guest. */
#ifndef ZONEINFO_H
#define ZONEINFO_H

#include <stdio.h>

/*
 * Pages on any free list: those of the zones, and those of the CPUs, which
 * MemFree leaves out. The kernel moves up to thousands at a time from the one to
 * the other, so that a sum is right only if it comes from one look: both numbers
 * of a zone are in this file, and written with the zone locked. -1 if there is
 * no such file.
 */
static inline long long zoneinfo_free_pages(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	long long sum = 0, pages;
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %lld", &pages) == 1 ||
		    sscanf(line, " count: %lld", &pages) == 1)
			sum += pages;
	fclose(file);
	return sum;
}

#endif /* ZONEINFO_H */
