// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that the kernel can move pages of an inflated balloon when it compacts
 * memory, and that neither the balloon nor the guest's total change by it.
 * Memory in use is scattered before, so that there is something to compact.
 * Inflate the balloon before, while memory is scattered as well ("hog MIB 8" of
 * tools/): pages are moved upwards only, and a balloon that is on top of all memory
 * stays where it is. Without a balloon the cases are skipped.
 */
#include <sys/mman.h>

#include "guest.h"
#include "ktap.h"

#define SECONDS		120
#define NR_ROUNDS	4
/* Memory to scatter: of each so many pages one stays in use. */
#define SCATTER_BYTES	(128UL << 20)
#define SCATTER_STRIDE	8

static void inflated_books(struct books *books)
{
	ktap_check(guest_wait_steady(60), "the balloon does not come to rest");
	guest_books(books);
	if (!books->balloon)
		ktap_skip_case("nothing is in the balloon: inflate it before");
	if (access("/proc/sys/vm/compact_memory", W_OK))
		ktap_skip_case("this kernel does not compact memory");
}

/* Leaves holes between pages that stay in use until the case ends. */
static void scatter(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, SCATTER_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t offset;

	if (!ktap_check(at != MAP_FAILED, "mmap: %s", strerror(errno)))
		return;
	madvise(at, SCATTER_BYTES, MADV_NOHUGEPAGE);
	for (offset = 0; offset < SCATTER_BYTES; offset += page)
		at[offset] = 1;
	for (offset = 0; offset < SCATTER_BYTES; offset += page)
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
	scatter();
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
	struct books books;

	(void)arg;
	inflated_books(&books);
	if (before < 0)
		ktap_skip_case("this kernel does not move balloon pages");
	scatter();
	do {
		compact(1);
		now = guest_vmstat("balloon_migrate");
	} while (now == before && ktap_now() < deadline);
	ktap_note("balloon_migrate went from %lld to %lld", before, now);
	ktap_check(now > before,
		   "no page of the balloon was moved in 60 s: balloon_migrate stays %lld (pages move up only: is anything free above the balloon?)",
		   now);
}

int main(int argc, char **argv)
{
	ktap_plan(2, argc, argv);
	ktap_run("balloon_pages_are_moved", balloon_pages_are_moved, NULL, SECONDS);
	ktap_run("balloon_is_unchanged", balloon_is_unchanged, NULL, SECONDS);
	return ktap_exit();
}
