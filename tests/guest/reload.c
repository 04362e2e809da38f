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
#define NR_RELOADS	4

static void inflated_books(struct books *books)
{
	if (!guest_driver_loaded())
		guest_run("modprobe " DRIVER " 2>&1");
	ktap_check(guest_wait_steady(60), "the balloon does not come to rest");
	guest_books(books);
	if (!books->balloon)
		ktap_skip_case("nothing is in the balloon: inflate it before");
}

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

static void unload_returns_all(const void *arg)
{
	struct books before, now;
	long long total;

	(void)arg;
	inflated_books(&before);
	total = empty_total(&before);
	unload();
	guest_books(&now);
	ktap_eq(now.balloon, 0);
	ktap_eq(now.total, total);
	check_free(&before, &now);
}

static void load_takes_the_same(const void *arg)
{
	struct books before, now;

	(void)arg;
	inflated_books(&before);
	unload();
	load(&before);
	guest_books(&now);
	ktap_eq(now.balloon, before.balloon);
	ktap_eq(now.total, before.total);
	check_free(&before, &now);
}

static void many_reloads_lose_nothing(const void *arg)
{
	struct books before, now;
	int i;

	(void)arg;
	inflated_books(&before);
	for (i = 0; i < NR_RELOADS; i++) {
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
	struct books before, now;
	long long total;

	(void)arg;
	inflated_books(&before);
	total = empty_total(&before);
	unload();
	ktap_eq(guest_run("modprobe " DRIVER " 2>&1"), 0);
	unload();
	guest_books(&now);
	ktap_eq(now.balloon, 0);
	ktap_eq(now.total, total);
	check_free(&before, &now);
	load(&before);
}

static const struct ktap_case cases[] = {
	{ "unload_returns_all", unload_returns_all },
	{ "load_takes_the_same", load_takes_the_same },
	{ "many_reloads_lose_nothing", many_reloads_lose_nothing },
	{ "unload_while_inflating", unload_while_inflating },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
