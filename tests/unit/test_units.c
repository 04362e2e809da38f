// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that the arithmetic of units.h is right with pages of 4 KiB, 16 KiB and
 * 64 KiB: targets are rounded to whole pages and reached, nothing overflows at
 * either end of the device's 32 bits, the floor is kept, and pauses and reports
 * come when they should.
 */
#include "kernel.h"
#include "units.h"
#include "ktap.h"

static const unsigned int shifts[] = { 12, 14, 16 };

#define for_each_shift(shift)						\
	for (unsigned int i_ = 0, shift;				\
	     i_ < sizeof(shifts) / sizeof(*shifts) &&			\
	     ((shift = shifts[i_]), true); i_++)

static void target_rounds_up(const void *arg)
{
	(void)arg;
	ktap_eq(balloon_4k_to_pages(0, 16), 0);
	ktap_eq(balloon_4k_to_pages(1, 16), 1);
	ktap_eq(balloon_4k_to_pages(15, 16), 1);
	ktap_eq(balloon_4k_to_pages(16, 16), 1);
	ktap_eq(balloon_4k_to_pages(17, 16), 2);
	ktap_eq(balloon_4k_to_pages(3, 14), 1);
	ktap_eq(balloon_4k_to_pages(5, 14), 2);
	ktap_eq(balloon_4k_to_pages(12345, 12), 12345);
}

/* The numbers of whole pages, however large, and never more than there is room. */
static void elements_hold_whole_pages(const void *arg)
{
	(void)arg;
	for_each_shift(shift) {
		for (unsigned int room = 0; room <= 1024; room++) {
			unsigned int used = balloon_4k_whole_pages(room, shift) *
					    balloon_4k_per_page(shift);

			if (!ktap_le(used, room) ||
			    !ktap_le(room - used,
				     balloon_4k_per_page(shift) - 1))
				return;
		}
	}
	ktap_eq(balloon_4k_whole_pages(256, 16), 16);
	ktap_eq(balloon_4k_whole_pages(8, 16), 0);
}

/* Once reached, a target must not ask for anything more: no endless loop. */
static void target_is_a_fixed_point(const void *arg)
{
	(void)arg;
	for_each_shift(shift) {
		for (u32 target = 0; target < 5000; target++) {
			unsigned long pages = balloon_4k_to_pages(target, shift);
			u32 actual = balloon_pages_to_4k(pages, shift);

			if (!ktap_ge(actual, target) ||
			    !ktap_check(actual - target <
					balloon_4k_per_page(shift),
					"shift %u: target %u, actual %u", shift,
					target, actual) ||
			    !ktap_eq(balloon_4k_to_pages(actual, shift), pages))
				return;
		}
	}
}

static void extremes_do_not_overflow(const void *arg)
{
	(void)arg;
	for_each_shift(shift) {
		unsigned long pages = balloon_4k_to_pages(U32_MAX, shift);

		ktap_eq(pages, (0x100000000ULL >> (shift - 12)) -
			       (shift == 12));
		/* 2^32 units do not fit the field: as many as it can say. */
		ktap_eq(balloon_pages_to_4k(pages, shift), U32_MAX);
		ktap_eq(balloon_pages_to_4k(~0UL >> 16, shift), U32_MAX);
	}
}

static void pfns_fit_or_not(const void *arg)
{
	(void)arg;
	ktap_eq(balloon_pfn_to_4k(3, 16), 48);
	ktap_eq(balloon_pfn_to_4k(3, 12), 3);
	for_each_shift(shift) {
		unsigned long first_high = 1UL << (32 - (shift - 12));

		ktap_check(balloon_pfn_fits(first_high - 1, shift),
			   "shift %u: the last page below 16 TiB", shift);
		ktap_check(!balloon_pfn_fits(first_high, shift),
			   "shift %u: the first page above 16 TiB", shift);
	}
}

static void floor_default(const void *arg)
{
	(void)arg;
	ktap_eq(balloon_default_floor(0), 32ULL << 20);
	ktap_eq(balloon_default_floor(128ULL << 20), 34ULL << 20);
	ktap_eq(balloon_default_floor(512ULL << 20), 40ULL << 20);
	ktap_eq(balloon_default_floor(1ULL << 30), 48ULL << 20);
	ktap_eq(balloon_default_floor((2ULL << 30) - 64), (64ULL << 20) - 1);
	ktap_eq(balloon_default_floor(2ULL << 30), 64ULL << 20);
	ktap_eq(balloon_default_floor(4ULL << 30), 64ULL << 20);
	ktap_eq(balloon_default_floor(1ULL << 40), 64ULL << 20);
}

static void floor_is_kept(const void *arg)
{
	(void)arg;
	/* Without a floor everything may go, whatever is available. */
	ktap_eq(balloon_floor_room(1000, 0, 0, 256), 1000);
	ktap_eq(balloon_floor_room(1000, -5, 0, 256), 1000);
	/* Plenty, just enough, too little. */
	ktap_eq(balloon_floor_room(1000, 100000, 4096, 256), 1000);
	ktap_eq(balloon_floor_room(1000, 5096, 4096, 256), 1000);
	ktap_eq(balloon_floor_room(1000, 5095, 4096, 256), 999);
	ktap_eq(balloon_floor_room(1000, 4096 + 256, 4096, 256), 256);
	ktap_eq(balloon_floor_room(1000, 4096 + 255, 4096, 256), 0);
	ktap_eq(balloon_floor_room(1000, 4096, 4096, 256), 0);
	ktap_eq(balloon_floor_room(1000, 10, 4096, 256), 0);
	ktap_eq(balloon_floor_room(1000, -1, 4096, 256), 0);
	/* The last few that are wanted go, however few. */
	ktap_eq(balloon_floor_room(3, 4099, 4096, 256), 3);
}

static void backoff_grows_to_its_limit(const void *arg)
{
	unsigned int ms = 0;
	unsigned int pauses = 0;

	(void)arg;
	ktap_eq(balloon_backoff_ms(0), 200);
	while (ms < BALLOON_BACKOFF_MAX_MS && pauses < 100) {
		unsigned int next = balloon_backoff_ms(ms);

		if (!ktap_check(next > ms, "after %u ms comes %u ms", ms, next))
			return;
		ms = next;
		pauses++;
	}
	ktap_eq(ms, 10000);
	ktap_le(pauses, 7);
	ktap_eq(balloon_backoff_ms(ms), 10000);
}

static void actual_is_told_in_steps(const void *arg)
{
	(void)arg;
	/* Nothing to say, however long ago. */
	ktap_eq(balloon_actual_due(500, 500, 100000), false);
	/* Much to say, but just said something. */
	ktap_eq(balloon_actual_due(0, 1 << 20, 99), false);
	ktap_eq(balloon_actual_due(0, 8192, 100), true);
	ktap_eq(balloon_actual_due(8192, 0, 100), true);
	ktap_eq(balloon_actual_due(0, 8191, 100), false);
	ktap_eq(balloon_actual_due(0, 8191, 999), false);
	ktap_eq(balloon_actual_due(0, 1, 1000), true);
	ktap_eq(balloon_actual_due(U32_MAX, 0, 100), true);
}

static const struct ktap_case cases[] = {
	{ "target_rounds_up", target_rounds_up },
	{ "elements_hold_whole_pages", elements_hold_whole_pages },
	{ "target_is_a_fixed_point", target_is_a_fixed_point },
	{ "extremes_do_not_overflow", extremes_do_not_overflow },
	{ "pfns_fit_or_not", pfns_fit_or_not },
	{ "floor_default", floor_default },
	{ "floor_is_kept", floor_is_kept },
	{ "backoff_grows_to_its_limit", backoff_grows_to_its_limit },
	{ "actual_is_told_in_steps", actual_is_told_in_steps },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, 5, NULL, argc, argv);
}
