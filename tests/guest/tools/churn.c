// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that changes all the time and knows what should be in it: whether a
 * migration or a balloon has damaged the guest shows here.
 *
 *	churn MIB	write to random pages of so much memory until SIGTERM
 *
 * Each page holds its number and how often it was written, in all its words;
 * that is also kept aside, in memory that is checked against the pages. Before a
 * page is written again it is checked, at the end all are. The last line is
 * "churn: N writes, N pages wrong".
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE	4096u
#define WORDS	(PAGE / sizeof(uint64_t))
#define SPREAD	0x9e3779b97f4a7c15ull

static int ended;

static void end(int signal)
{
	(void)signal;
	__atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
}

static uint64_t content(uint64_t page, uint64_t count)
{
	return (page + 1) * SPREAD ^ count;
}

static void fill(uint64_t *at, uint64_t word)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		at[i] = word;
}

static int wrong(const uint64_t *at, uint64_t word)
{
	unsigned int i;

	for (i = 0; i < WORDS; i++)
		if (at[i] != word)
			return 1;
	return 0;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int main(int argc, char **argv)
{
	uint64_t pages = argc > 1 ? strtoull(argv[1], NULL, 0) * 256 : 0;
	uint64_t state = SPREAD, writes = 0, bad = 0, page;
	uint32_t *counts = calloc(pages, sizeof(*counts));
	uint64_t *at;

	if (!pages || !counts) {
		fprintf(stderr, "usage: churn MIB\n");
		return 2;
	}
	at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		perror("churn: mmap");
		return 1;
	}
	signal(SIGTERM, end);
	for (page = 0; page < pages; page++)
		fill(at + page * WORDS, content(page, 0));
	printf("churn: has %llu MiB\n", (unsigned long long)pages / 256);
	fflush(stdout);

	while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
		page = next_random(&state) % pages;
		bad += wrong(at + page * WORDS, content(page, counts[page]));
		fill(at + page * WORDS, content(page, ++counts[page]));
		writes++;
	}
	for (page = 0; page < pages; page++)
		bad += wrong(at + page * WORDS, content(page, counts[page]));
	printf("churn: %llu writes, %llu pages wrong\n",
	       (unsigned long long)writes, (unsigned long long)bad);
	return bad ? 1 : 0;
}
