// SPDX-License-Identifier: GPL-2.0-only
/*
 * Showing what is counted in slots.
 */
#include <linux/compiler.h>
#include <linux/seq_file.h>
#include <linux/types.h>

#include "histogram.h"

/**
 * balloon_histogram_show() - a line for each slot that is not empty
 * @file: debugfs
 * @name: what each line begins with
 * @histogram: the counts
 * @value_of: what a slot stands for, or the least of it
 *
 * Context: may sleep; takes no lock.
 */
void balloon_histogram_show(struct seq_file *file, const char *name,
			    const struct balloon_histogram *histogram,
			    u64 (*value_of)(unsigned int slot))
{
	unsigned long nr;
	unsigned int slot;

	for (slot = 0; slot < BALLOON_HISTOGRAM_NR; slot++) {
		nr = READ_ONCE(histogram->slots[slot]);
		if (nr)
			seq_printf(file, "%s_%llu %lu\n", name, value_of(slot), nr);
	}
}
