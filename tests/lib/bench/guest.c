// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's hands in the guest.
 *
 *   fragment MIB FILE	write to that much, give back every other page, create
 *			FILE and keep the rest until killed
 *   watch MIB		say "armed", and "usable" when that much more is free
 *   worktime		for each thread of workqueues, its pid and the nanoseconds it
 *			has run so far
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MIB		(1024ul * 1024)
#define PAGE		4096ul
#define LISTS_MAX	(256 * MIB)
#define WATCH_US	1000	/* between two looks at the free memory */

static unsigned long size_of(const char *mib)
{
	return strtoul(mib, NULL, 0) * MIB;
}

static char *small_pages(unsigned long size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

/* Two mappings that get their pages by turns, and one is given back. */
static void fragment(unsigned long size, const char *file)
{
	char *kept = small_pages(size / 2), *dropped = small_pages(size / 2);
	unsigned long at;

	for (at = 0; at < size / 2; at += PAGE) {
		kept[at] = 1;
		dropped[at] = 1;
	}
	munmap(dropped, size / 2);
	if (creat(file, 0600) < 0)
		err(1, "%s", file);
	for (;;)
		pause();
}

static unsigned long free_bytes(void)
{
	struct sysinfo info;

	if (sysinfo(&info))
		err(1, "sysinfo");
	return info.freeram * info.mem_unit;
}

/* What lies on lists of processors: free, and not counted as such. */
static unsigned long listed_bytes(void)
{
	FILE *zones = fopen("/proc/zoneinfo", "r");
	unsigned long pages, sum = 0;
	char line[200];

	if (!zones)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), zones))
		if (sscanf(line, " count: %lu", &pages) == 1)
			sum += pages;
	fclose(zones);
	return sum * PAGE;
}

/* To look at the lists takes long: they hold no more than LISTS_MAX. */
static void watch(unsigned long size)
{
	unsigned long wanted = free_bytes() + listed_bytes() + size;

	puts("armed");
	fflush(stdout);
	while (free_bytes() + LISTS_MAX < wanted ||
	       free_bytes() + listed_bytes() < wanted)
		usleep(WATCH_US);
	puts("usable");
}

static int read_file(const char *pid, const char *name, char *text, int size)
{
	char path[300];
	int fd, length;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		length = 0;
	text[length] = 0;
	return length;
}

static void worktime(void)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	char text[256];

	if (!proc)
		err(1, "/proc");
	while ((entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		if (!read_file(entry->d_name, "comm", text, sizeof(text)) ||
		    strncmp(text, "kworker", 7))
			continue;
		if (read_file(entry->d_name, "schedstat", text, sizeof(text)))
			printf("%s %llu\n", entry->d_name, strtoull(text, NULL, 10));
	}
	closedir(proc);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "fragment") && argc == 4)
		fragment(size_of(argv[2]), argv[3]);
	else if (!strcmp(what, "watch") && argc == 3)
		watch(size_of(argv[2]));
	else if (!strcmp(what, "worktime") && argc == 2)
		worktime();
	else
		errx(2, "usage: see the source");
	return 0;
}
