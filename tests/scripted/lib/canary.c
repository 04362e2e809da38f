// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of the test's own that tells when the host's destruction has hit a
 * page that the guest already uses again. See model.h.
 */
#include <sys/mman.h>

#include "internal.h"
#include "model.h"

static __u32 canary_word(size_t i)
{
	return (__u32)i * 2654435761u ^ 0x5ca1ab1e;
}

/**
 * canary_new - take memory and fill it with a pattern
 * @c: result
 * @mib: how much
 */
void canary_new(struct canary *c, unsigned int mib)
{
	size_t bytes = (size_t)mib << 20;
	size_t i;

	c->count = bytes / sizeof(*c->words);
	c->words = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->words == MAP_FAILED)
		host_die("mmap");
	for (i = 0; i < c->count; i++)
		c->words[i] = canary_word(i);
}

/**
 * canary_check - look whether it is intact
 * @c: the canary
 *
 * Return: number of words that are not.
 */
size_t canary_check(const struct canary *c)
{
	size_t wrong = 0;
	size_t i;

	for (i = 0; i < c->count; i++)
		wrong += c->words[i] != canary_word(i);
	return wrong;
}

void canary_free(struct canary *c)
{
	munmap(c->words, c->count * sizeof(*c->words));
}
