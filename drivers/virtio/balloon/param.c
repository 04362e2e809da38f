// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module parameters whose values are words. They can change at any time; code that uses one
 * reads it once for each job.
 */
#include <linux/string.h>
#include <linux/sysfs.h>

#include "param.h"

static int choice_set(const char *val, const struct kernel_param *kp)
{
	struct balloon_choice *choice = kp->arg;
	int nr = __sysfs_match_string(choice->words, -1, val);

	if (nr < 0)
		return nr;
	WRITE_ONCE(choice->nr, nr);
	return 0;
}

static int choice_get(char *buffer, const struct kernel_param *kp)
{
	const struct balloon_choice *choice = kp->arg;

	return sysfs_emit(buffer, "%s\n", choice->words[balloon_choice(choice)]);
}

const struct kernel_param_ops balloon_choice_ops = {
	.set = choice_set,
	.get = choice_get,
};
