// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that every value has its slot in a histogram, and one only: between the least
 * value of the slot and that of the next one.
 */
#include "kernel.h"
#include "histogram.h"
#include "ktap.h"

static void ends_of_slots(const void *arg)
{
	(void)arg;
	for (unsigned int slot = 0; slot < BALLOON_HISTOGRAM_NR; slot++) {
		u64 least = balloon_log2_least(slot);

		if (!ktap_eq(balloon_log2_slot(least), slot))
			return;
		if (slot + 1 < BALLOON_HISTOGRAM_NR &&
		    !ktap_eq(balloon_log2_slot(balloon_log2_least(slot + 1) - 1),
			     slot))
			return;
	}
}

static void known_values(const void *arg)
{
	(void)arg;
	ktap_eq(balloon_log2_slot(0), 0);
	ktap_eq(balloon_log2_slot(1), 1);
	ktap_eq(balloon_log2_slot(3), 2);
	ktap_eq(balloon_log2_slot(1000), 10);
	ktap_eq(balloon_log2_least(10), 512);
}

/* What is too large for all slots is in the last one. */
static void largest(const void *arg)
{
	(void)arg;
	ktap_eq(balloon_log2_slot(UINT64_MAX), BALLOON_HISTOGRAM_NR - 1);
	ktap_eq(balloon_log2_slot(1ULL << 40), BALLOON_HISTOGRAM_NR - 1);
}

static void counting(const void *arg)
{
	struct balloon_histogram histogram = {};
	unsigned long sum = 0;

	(void)arg;
	for (u64 value = 0; value < 100; value++)
		balloon_histogram_count(&histogram, balloon_log2_slot(value));
	for (unsigned int slot = 0; slot < BALLOON_HISTOGRAM_NR; slot++)
		sum += histogram.slots[slot];
	ktap_eq(sum, 100);
	ktap_eq(histogram.slots[0], 1);
	ktap_eq(histogram.slots[7], 36);
}

static const struct ktap_case cases[] = {
	{ "ends-of-slots", ends_of_slots },
	{ "known-values", known_values },
	{ "largest", largest },
	{ "counting", counting },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, 10, NULL, argc, argv);
}
