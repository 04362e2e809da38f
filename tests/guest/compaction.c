// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that the kernel can move pages of an inflated balloon when it compacts
 * memory, and that neither the balloon nor the guest's total change by it.
 * Memory in use is scattered before, so that there is something to compact, and more of
 * it while no page of the balloon moves: the kernel moves pages only into blocks of
 * memory that are partly in use. Inflate the balloon before, while memory is scattered
 * as well ("hog MIB 8" of tools/): pages are moved upwards only, and a balloon that is on
 * top of all memory stays where it is. Without a balloon the cases are skipped.
 */
#include <sys/mman.h>
#include <sys/param.h>

#include "guest.h"
#include "ktap.h"

#define SECONDS		120
#define NR_ROUNDS	4
/* Memory to scatter: of each so many pages one stays in use; and what is left alone. */
#define SCATTER_BYTES		(128L << 20)
#define SCATTER_BYTES_MAX	(4L << 30)
#define SCATTER_STRIDE		8
#define SPARE_BYTES		(96L << 20)

static void inflated_books(struct books *books)
{
	guest_inflated_books(books);
	if (access("/proc/sys/vm/compact_memory", W_OK))
		ktap_skip_case("this kernel does not compact memory");
}

/* Leaves holes between pages in use, until the case ends or this is called again. */
static void scatter(long bytes)
{
	static char *at = MAP_FAILED;
	static long mapped;
	long page = sysconf(_SC_PAGESIZE), offset;

	if (at != MAP_FAILED)
		munmap(at, mapped);
	mapped = MIN(bytes, guest_available() - SPARE_BYTES);
	mapped = MAX(mapped, SCATTER_STRIDE * page);
	at = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!ktap_check(at != MAP_FAILED, "mmap: %s", strerror(errno)))
		return;
	madvise(at, mapped, MADV_NOHUGEPAGE);
	for (offset = 0; offset < mapped; offset += page)
		at[offset] = 1;
	for (offset = 0; offset < mapped; offset += page)
		if (offset / page % SCATTER_STRIDE)
			madvise(at + offset, page, MADV_DONTNEED);
}

static void compact(int rounds)
{
	while (rounds--)
		ktap_check(guest_write("/proc/sys/vm/compact_memory", "1"),
			   "compact_memory: %s", strerror(errno));
}

static void balloon_is_unchanged(const void *arg)
{
	struct books before, now;

	(void)arg;
	inflated_books(&before);
	scatter(SCATTER_BYTES);
	compact(NR_ROUNDS);
	ktap_check(guest_wait_steady(60), "the balloon does not come to rest");
	guest_books(&now);
	ktap_eq(now.balloon, before.balloon);
	ktap_eq(now.total, before.total);
}

static void balloon_pages_are_moved(const void *arg)
{
	long long before = guest_vmstat("balloon_migrate"), now;
	double deadline = ktap_now() + 60;
	long bytes = SCATTER_BYTES;
	unsigned int nr_rounds = 0;
	struct books books;

	(void)arg;
	inflated_books(&books);
	if (before < 0)
		ktap_skip_case("this kernel does not move balloon pages");
	do {
		scatter(bytes);
		compact(1);
		bytes = MIN(2 * bytes, SCATTER_BYTES_MAX);
		nr_rounds++;
		now = guest_vmstat("balloon_migrate");
	} while (now == before && ktap_now() < deadline);
	ktap_note("balloon_migrate went from %lld to %lld in %u rounds", before, now,
		  nr_rounds);
	ktap_check(now > before,
		   "no page of the balloon was moved in 60 s: balloon_migrate stays %lld (pages move up only: is anything free above the balloon?)",
		   now);
}

static const struct ktap_case cases[] = {
	{ "balloon_pages_are_moved", balloon_pages_are_moved },
	{ "balloon_is_unchanged", balloon_is_unchanged },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
