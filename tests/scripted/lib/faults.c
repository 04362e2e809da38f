// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's fault injection. /proc/TASK/fail-nth makes the Nth allocation of
 * a task fail and counts down; it is 0 when that has happened. Tasks of a name
 * can also be marked for failures at random. See faults.h.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"
#include "guest.h"

#define DEBUGFS		"/sys/kernel/debug"
#define SELF		"/proc/thread-self/fail-nth"
#define PATH_LEN	96

static bool put_number(const char *path, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return guest_write(path, text);
}

/* The same setting of both kinds of faults. */
static bool put_both(const char *file, const char *value)
{
	char slab[PATH_LEN], page[PATH_LEN];

	snprintf(slab, sizeof(slab), DEBUGFS "/failslab/%s", file);
	snprintf(page, sizeof(page), DEBUGFS "/fail_page_alloc/%s", file);
	return guest_write(slab, value) && guest_write(page, value);
}

/* Without a buffer: the task that reads may be one whose allocations fail. */
static void get(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, size - 1);

	text[len > 0 ? len : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/**
 * faults_prepare - let any allocation be one that fails, in silence
 *
 * By default those that may sleep never do, nor single pages. Of the slab caches
 * only those do that were named on the command line, slub_debug=a,kmalloc-*: what
 * kmemleak and its kin allocate for themselves would be half of all.
 *
 * Return: false where the kernel has no fault injection.
 */
bool faults_prepare(void)
{
	return put_both("probability", "0") && put_both("times", "-1") &&
	       put_both("interval", "1") && put_both("space", "0") &&
	       put_both("verbose", "0") && put_both("task-filter", "Y") &&
	       put_both("ignore-gfp-wait", "N") &&
	       guest_write(DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N") &&
	       guest_write(DEBUGFS "/fail_page_alloc/min-order", "0") &&
	       guest_write(DEBUGFS "/failslab/cache-filter", "Y") &&
	       !access(SELF, W_OK);
}

/**
 * faults_arm_self - the Nth allocation from here on fails
 * @nth: from 1
 */
bool faults_arm_self(unsigned int nth)
{
	return put_number(SELF, nth);
}

/**
 * faults_disarm_self - the opposite
 *
 * Return: whether an allocation has failed.
 */
bool faults_disarm_self(void)
{
	char left[16];

	get(SELF, left, sizeof(left));
	guest_write(SELF, "0");
	return atoi(left) == 0;
}

/* Call fn for each task of that name with its directory. */
static unsigned int each_task(const char *names,
			      bool (*fn)(const char *dir, unsigned int arg),
			      unsigned int arg)
{
	char path[PATH_LEN], comm[32];
	unsigned int count = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && (entry = readdir(proc))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/comm", entry->d_name);
		get(path, comm, sizeof(comm));
		if (strncmp(comm, names, strlen(names)))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s", entry->d_name);
		count += fn(path, arg);
	}
	if (proc)
		closedir(proc);
	return count;
}

static bool arm_task(const char *dir, unsigned int nth)
{
	char path[PATH_LEN + 16];

	snprintf(path, sizeof(path), "%s/fail-nth", dir);
	return put_number(path, nth);
}

static bool left_task(const char *dir, unsigned int unused)
{
	char path[PATH_LEN + 16], left[16];

	(void)unused;
	snprintf(path, sizeof(path), "%s/fail-nth", dir);
	get(path, left, sizeof(left));
	return atoi(left) > 0;
}

static unsigned int nr_armed;

/**
 * faults_arm_tasks - the Nth allocation of each task of that name fails
 * @names: beginning of their names
 * @nth: from 1
 *
 * Return: how many tasks there are. Those that come later are not armed.
 */
unsigned int faults_arm_tasks(const char *names, unsigned int nth)
{
	nr_armed = each_task(names, arm_task, nth);
	return nr_armed;
}

/**
 * faults_disarm_tasks - the opposite
 * @names: as before
 *
 * Return: whether an allocation of an armed task has failed. A task that has
 * ended meanwhile counts as one.
 */
bool faults_disarm_tasks(const char *names)
{
	unsigned int left = each_task(names, left_task, 0);

	each_task(names, arm_task, 0);
	return left < nr_armed;
}

static bool mark_task(const char *dir, unsigned int mark)
{
	char path[PATH_LEN + 16];

	snprintf(path, sizeof(path), "%s/make-it-fail", dir);
	return put_number(path, mark);
}

/**
 * faults_random - let allocations of these tasks fail at random
 * @names: beginning of their names
 * @percent: how many
 *
 * May be called again, for tasks that came later.
 */
void faults_random(const char *names, unsigned int percent)
{
	char text[16];

	each_task(names, mark_task, 1);
	snprintf(text, sizeof(text), "%u", percent);
	put_both("probability", text);
}

void faults_end_random(const char *names)
{
	put_both("probability", "0");
	each_task(names, mark_task, 0);
}
