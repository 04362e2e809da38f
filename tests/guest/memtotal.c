// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that MemTotal falls by what is in the balloon, to the page: MemTotal and
 * balloon together are what MemTotal is without the driver, and the same is true
 * zone by zone for the pages that are managed. A device that offers to deflate
 * when memory runs out keeps its pages in MemTotal; then the cases are skipped.
 */
#include "guest.h"
#include "ktap.h"

#define SECONDS			120

static void skip_unless_total_falls(void)
{
	if (!guest_total_falls())
		ktap_skip_case("the device deflates on OOM: MemTotal stays");
}

static long long managed_bytes(void)
{
	char line[64];

	guest_output("awk '/managed/ { n += $2 } END { print n }' /proc/zoneinfo",
		     line, sizeof(line));
	return atoll(line) * sysconf(_SC_PAGESIZE);
}

static void total_and_balloon_are_constant(const void *arg)
{
	struct books with, without;

	(void)arg;
	skip_unless_total_falls();
	guest_inflated_books(&with);
	ktap_eq(managed_bytes(), with.total);

	ktap_eq(guest_run("rmmod " DRIVER " 2>&1"), 0);
	guest_books(&without);
	ktap_eq(without.total, with.total + with.balloon);
	ktap_eq(managed_bytes(), without.total);
	ktap_eq(guest_run("modprobe " DRIVER " 2>&1"), 0);
}

static const struct ktap_case cases[] = {
	{ "total_and_balloon_are_constant", total_and_balloon_are_constant },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
