/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts in slots, without a lock: one writer at a time and any number of readers. A count
 * at the moment of a reset may undo the reset of its slot. Needs only types of the kernel,
 * so that tests/unit can run it natively.
 */
#ifndef BALLOON_HISTOGRAM_H
#define BALLOON_HISTOGRAM_H

#define BALLOON_HISTOGRAM_NR	32

/**
 * struct balloon_histogram - counts by value
 * @slots: the counts; the owner defines what a slot stands for
 */
struct balloon_histogram {
	unsigned long slots[BALLOON_HISTOGRAM_NR];
};

static inline void balloon_histogram_count(struct balloon_histogram *histogram, unsigned int slot)
{
	unsigned long *count = &histogram->slots[slot];

	WRITE_ONCE(*count, *count + 1);
}

/*
 * The slot of a value among powers of two: 0 is in the first, the next ones begin at 1, 2,
 * 4, ..., and the last has all larger values.
 */
static inline unsigned int balloon_log2_slot(u64 value)
{
	unsigned int slot = 0;

	while (value && slot < BALLOON_HISTOGRAM_NR - 1) {
		value >>= 1;
		slot++;
	}
	return slot;
}

/* The least value of a slot among powers of two. */
static inline u64 balloon_log2_least(unsigned int slot)
{
	return slot ? 1ULL << (slot - 1) : 0;
}

#endif /* BALLOON_HISTOGRAM_H */
