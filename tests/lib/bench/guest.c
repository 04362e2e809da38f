// SPDX-License-Identifier: GPL-2.0-only
/*
 * The benchmark's hands in the guest.
 *
 *   fragment MIB FILE [PAGES]
 *			write to that much, give back every other page, or every
 *			other piece of so many pages, create FILE and keep the rest
 *			until killed
 *   cache SOURCE MIB FILE
 *			read that much of a file, drop every other piece of
 *			CACHE_PIECE from the page cache, create FILE and keep the
 *			rest until killed
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
#define CACHE_PIECE	(64 * 1024ul)
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

static void touch(char *memory, unsigned long size)
{
	unsigned long at;

	for (at = 0; at < size; at += PAGE)
		memory[at] = 1;
}

static void stay(const char *file)
{
	if (creat(file, 0600) < 0)
		err(1, "%s", file);
	for (;;)
		pause();
}

/* Two mappings that get their pieces by turns, and one is given back. */
static void fragment(unsigned long size, const char *file, unsigned long piece)
{
	char *kept = small_pages(size / 2), *dropped = small_pages(size / 2);
	unsigned long at;

	for (at = 0; at + piece <= size / 2; at += piece) {
		touch(kept + at, piece);
		touch(dropped + at, piece);
	}
	munmap(dropped, size / 2);
	stay(file);
}

/* Without read-ahead, which makes large folios that are not dropped in part. */
static void cache(const char *source, unsigned long size, const char *file)
{
	int fd = open(source, O_RDONLY);
	static char piece[CACHE_PIECE];
	unsigned long at;

	if (fd < 0)
		err(1, "%s", source);
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (at = 0; at < size; at += CACHE_PIECE)
		if (pread(fd, piece, CACHE_PIECE, at) != CACHE_PIECE)
			err(1, "%s", source);
	for (at = 0; at < size; at += 2 * CACHE_PIECE)
		posix_fadvise(fd, at, CACHE_PIECE, POSIX_FADV_DONTNEED);
	stay(file);
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

	if (!strcmp(what, "fragment") && (argc == 4 || argc == 5))
		fragment(size_of(argv[2]), argv[3],
			 (argc == 5 ? strtoul(argv[4], NULL, 0) : 1) * PAGE);
	else if (!strcmp(what, "cache") && argc == 5)
		cache(argv[2], size_of(argv[3]), argv[4]);
	else if (!strcmp(what, "watch") && argc == 3)
		watch(size_of(argv[2]));
	else if (!strcmp(what, "worktime") && argc == 2)
		worktime();
	else
		errx(2, "usage: see the source");
	return 0;
}
