/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Module parameters whose values are words, see param.c.
 */
#ifndef BALLOON_PARAM_H
#define BALLOON_PARAM_H

#include <linux/compiler.h>
#include <linux/moduleparam.h>

/**
 * struct balloon_choice - one word of several
 * @words: all words, and NULL
 * @nr: the index of the current one; read by anybody
 */
struct balloon_choice {
	const char * const *words;
	unsigned int nr;
};

/* For module_param_cb() with a choice. */
extern const struct kernel_param_ops balloon_choice_ops;

static inline unsigned int balloon_choice(const struct balloon_choice *choice)
{
	return READ_ONCE(choice->nr);
}

#endif /* BALLOON_PARAM_H */
