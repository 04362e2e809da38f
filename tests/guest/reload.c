// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that unloading the driver with an inflated balloon gives back every
 * page, that loading it again takes the same number, and that doing so many
 * times loses nothing. Inflate the balloon before; without one the cases are
 * skipped.
 */
#include "guest.h"
#include "ktap.h"

#define SECONDS		120

static void unload(void)
{
	ktap_eq(guest_run("rmmod " DRIVER " 2>&1"), 0);
	ktap_check(!guest_driver_loaded(), DRIVER " is still loaded after rmmod");
}

/* The kernel may move pages of the new balloon for a moment, which counts both. */
static void load(const struct books *before)
{
	ktap_eq(guest_run("modprobe " DRIVER " 2>&1"), 0);
	guest_wait_balloon(before->balloon, 60);
	guest_wait_steady(20);
}

/* Without the driver there is also free what it kept for itself: that is no loss. */
static void check_free(const struct books *before, const struct books *now)
{
	long long lost = before->free + before->balloon - now->free - now->balloon;

	ktap_check(lost <= FREE_TOLERANCE,
		   "free, CPUs' lists and balloon were %lld bytes, are %lld: %lld lost, at most %lld expected",
		   before->free + before->balloon, now->free + now->balloon,
		   lost, FREE_TOLERANCE);
}

/* MemTotal without a balloon; asked while there is a device to ask. */
static long long empty_total(const struct books *books)
{
	return books->total + (guest_total_falls() ? books->balloon : 0);
}

/* Without a driver: nothing is in the balloon, and @total is MemTotal. */
static void check_gone(const struct books *before, long long total)
{
	struct books now;

	guest_books(&now);
	ktap_eq(now.balloon, 0);
	ktap_eq(now.total, total);
	check_free(before, &now);
}

static void unload_returns_all(const void *arg)
{
	struct books before;
	long long total;

	(void)arg;
	guest_inflated_books(&before);
	total = empty_total(&before);
	unload();
	check_gone(&before, total);
}

/* As often as @arg says. */
static void reload(const void *arg)
{
	struct books before, now;
	int i;

	guest_inflated_books(&before);
	for (i = 0; i < *(const int *)arg; i++) {
		unload();
		load(&before);
	}
	guest_books(&now);
	ktap_eq(now.balloon, before.balloon);
	ktap_eq(now.total, before.total);
	check_free(&before, &now);
}

/* Unloading does not wait for the balloon to come to rest. */
static void unload_while_inflating(const void *arg)
{
	struct books before;
	long long total;

	(void)arg;
	guest_inflated_books(&before);
	total = empty_total(&before);
	unload();
	ktap_eq(guest_run("modprobe " DRIVER " 2>&1"), 0);
	unload();
	check_gone(&before, total);
	load(&before);
}

static const int once = 1;
static const int several_times = 4;

static const struct ktap_case cases[] = {
	{ "unload_returns_all", unload_returns_all },
	{ "load_takes_the_same", reload, &once },
	{ "many_reloads_lose_nothing", reload, &several_times },
	{ "unload_while_inflating", unload_while_inflating },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
