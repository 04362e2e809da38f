// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that the driver's attributes in sysfs can be read by anybody and written
 * by nobody but root, that sizes are whole pages in bytes, that they agree with
 * the kernel's own counters, and that the state is a word that is documented.
 */
#include <sys/stat.h>

#include "guest.h"
#include "ktap.h"

#define SECONDS 60

static const char * const sizes[] = { "target", "actual", "in_flight", "floor" };
static const char * const states[] = {
	"idle", "inflating", "deflating", "waiting-for-memory", "floor",
	"waiting-for-compaction", "paused-after-oom", "suspending", "resyncing",
	"host-silent", "broken",
};

static bool attribute(const char *name, char *line, size_t size)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/%s", guest_balloon_attributes(), name);
	return ktap_check(guest_read(path, line, size), "cannot read %s: %s",
			  path, strerror(errno));
}

/* -1 if it is not a number. */
static long long size_attribute(const char *name)
{
	char line[64], *end;
	long long value;

	if (!attribute(name, line, sizeof(line)))
		return -1;
	value = strtoll(line, &end, 10);
	if (!ktap_check(end != line && !*end, "%s is '%s', expected a number",
			name, line))
		return -1;
	return value;
}

static void check_mode(const char *name)
{
	char path[400];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", guest_balloon_attributes(), name);
	if (!ktap_check(!stat(path, &st), "%s: %s", path, strerror(errno)))
		return;
	ktap_check((st.st_mode & 0444) == 0444 && !(st.st_mode & 0022),
		   "%s has mode %o, expected readable by all, writable by root at most",
		   path, st.st_mode & 07777);
}

static void anybody_may_read(const void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < COUNT(sizes); i++)
		check_mode(sizes[i]);
	check_mode("state");
}

static void sizes_are_whole_pages(const void *arg)
{
	long long page = sysconf(_SC_PAGESIZE), value;
	size_t i;

	(void)arg;
	for (i = 0; i < COUNT(sizes); i++) {
		value = size_attribute(sizes[i]);
		ktap_check(value >= 0 && value % page == 0,
			   "%s is %lld bytes, expected a multiple of %lld",
			   sizes[i], value, page);
	}
}

static void wait_for_rest(void)
{
	guest_balloon_attributes();
	ktap_check(guest_wait_steady(30), "the balloon does not come to rest");
}

static void actual_is_what_the_kernel_counts(const void *arg)
{
	long long page = sysconf(_SC_PAGESIZE);
	struct books books;

	(void)arg;
	wait_for_rest();
	guest_books(&books);
	ktap_eq(size_attribute("actual"), books.balloon);
	if (guest_vmstat("nr_balloon_pages") >= 0)
		ktap_eq(size_attribute("actual"),
			guest_vmstat("nr_balloon_pages") * page);
}

static void target_is_reached_at_rest(const void *arg)
{
	(void)arg;
	wait_for_rest();
	ktap_eq(size_attribute("target"), size_attribute("actual"));
	ktap_eq(size_attribute("in_flight"), 0);
}

static void state_is_documented(const void *arg)
{
	char line[64];
	size_t i;

	(void)arg;
	if (!attribute("state", line, sizeof(line)))
		return;
	for (i = 0; i < COUNT(states); i++)
		if (!strcmp(line, states[i]))
			return;
	ktap_check(false, "state '%s' is not one of those documented", line);
}

static const struct ktap_case cases[] = {
	{ "anybody_may_read", anybody_may_read },
	{ "sizes_are_whole_pages", sizes_are_whole_pages },
	{ "actual_is_what_the_kernel_counts", actual_is_what_the_kernel_counts },
	{ "target_is_reached_at_rest", target_is_reached_at_rest },
	{ "state_is_documented", state_is_documented },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
