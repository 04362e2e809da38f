/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Units and policy that need nothing of the kernel but its types, so that
 * tests/unit can run them natively, with any page size.
 *
 * nr_4k counts units of the device (4096 bytes), nr_pages pages of the guest.
 */
#ifndef BALLOON_UNITS_H
#define BALLOON_UNITS_H

#define BALLOON_PFN_SHIFT		12

/*
 * The default floor, in bytes: what is available to a guest whose host wants nearly
 * everything. The limits were measured on 6.1; the result holds in guests of 128 MiB
 * to 8 GiB, on 7.3 too.
 *
 * 16 MiB for a DIMM of 1 GiB: a page of 4 KiB has 64 bytes of struct page, allocated
 * before the first block of the DIMM is online. A guest of 512 MiB ran out of memory with
 * 20 MiB available, and one of 128 MiB with 24 MiB; 4 MiB more were enough for both.
 *
 * 16 MiB for a login: 4 MiB of anonymous memory for sshd, systemd --user and the
 * shell, and the pages of their programs. In Debian 12 it took twice as long as with
 * an empty balloon when 24 MiB were available, and up to six times as long with
 * 16 MiB, when those pages were read from disk again and again.
 *
 * A fraction of RAM, because larger guests run more programs. No guest needed more than
 * the maximum.
 */
#define BALLOON_FLOOR_BASE		(32ULL << 20)
#define BALLOON_FLOOR_FRACTION		64
#define BALLOON_FLOOR_MAX		(64ULL << 20)

/*
 * The device is told of progress every so many units of 4096 bytes, 32 MiB, or
 * milliseconds, whichever comes first, but not more often than the minimum.
 */
#define BALLOON_ACTUAL_STEP_4K		8192
#define BALLOON_ACTUAL_MAX_MS		1000
#define BALLOON_ACTUAL_MIN_MS		100

/* Pauses between attempts to inflate when memory is low, in milliseconds. */
#define BALLOON_BACKOFF_MIN_MS		200
#define BALLOON_BACKOFF_MAX_MS		10000

/* Pauses of inflating after the guest ran out of memory, in milliseconds. */
#define BALLOON_OOM_PAUSE_MIN_MS	1000
#define BALLOON_OOM_PAUSE_MAX_MS	60000

/* Units of the device in one page of the guest. */
static inline unsigned int balloon_4k_per_page(unsigned int page_shift)
{
	return 1U << (page_shift - BALLOON_PFN_SHIFT);
}

/*
 * The target in pages. Rounded up: a target inside a page is reached when the
 * page is in the balloon; rounded down or not at all, the driver would inflate
 * and deflate that page for ever.
 */
static inline unsigned long balloon_4k_to_pages(u32 nr_4k, unsigned int page_shift)
{
	u64 per_page = balloon_4k_per_page(page_shift);

	return (nr_4k + per_page - 1) >> (page_shift - BALLOON_PFN_SHIFT);
}

/* Pages in units of the device, at most the largest value of the field. */
static inline u32 balloon_pages_to_4k(unsigned long nr_pages, unsigned int page_shift)
{
	u64 nr_4k = (u64)nr_pages << (page_shift - BALLOON_PFN_SHIFT);

	return nr_4k > U32_MAX ? U32_MAX : (u32)nr_4k;
}

/* Whole pages that an array of @nr_4k entries has room for. */
static inline unsigned int balloon_4k_whole_pages(unsigned int nr_4k, unsigned int page_shift)
{
	return nr_4k / balloon_4k_per_page(page_shift);
}

/* The PFN of the device for the start of a page of the guest. */
static inline u64 balloon_pfn_to_4k(unsigned long pfn, unsigned int page_shift)
{
	return (u64)pfn << (page_shift - BALLOON_PFN_SHIFT);
}

/* Whether every PFN of a page can be told: the device takes 32 bits. */
static inline bool balloon_pfn_fits(unsigned long pfn, unsigned int page_shift)
{
	return balloon_pfn_to_4k(pfn, page_shift) + balloon_4k_per_page(page_shift) - 1 <= U32_MAX;
}

/* The default floor, in bytes. */
static inline u64 balloon_default_floor(u64 ram_bytes)
{
	u64 floor = BALLOON_FLOOR_BASE + ram_bytes / BALLOON_FLOOR_FRACTION;

	return floor < BALLOON_FLOOR_MAX ? floor : BALLOON_FLOOR_MAX;
}

/*
 * How many of @nr_wanted pages can be taken until available memory is at the floor.
 * @nr_available is negative when the kernel is already below its own reserves. Less
 * than @nr_step is not taken unless it is all that is wanted: available memory changes
 * all the time, and following it would inflate a few pages many times a second.
 */
static inline unsigned long balloon_floor_room(unsigned long nr_wanted, long nr_available,
					       unsigned long nr_floor,
					       unsigned long nr_step)
{
	unsigned long room;

	if (!nr_floor)
		return nr_wanted;
	if (nr_available <= 0 || (unsigned long)nr_available <= nr_floor)
		return 0;
	room = nr_available - nr_floor;
	if (room >= nr_wanted)
		return nr_wanted;
	return room < nr_step ? 0 : room;
}

/* Whether to tell the device of @now_4k, @since_ms after it was told @told_4k. */
static inline bool balloon_actual_due(u32 told_4k, u32 now_4k, unsigned int since_ms)
{
	u32 step = now_4k > told_4k ? now_4k - told_4k : told_4k - now_4k;

	if (!step || since_ms < BALLOON_ACTUAL_MIN_MS)
		return false;
	return step >= BALLOON_ACTUAL_STEP_4K || since_ms >= BALLOON_ACTUAL_MAX_MS;
}

/* The pause after a pause of @previous_ms; 0 starts anew. */
static inline unsigned int balloon_longer_ms(unsigned int previous_ms, unsigned int min_ms,
					     unsigned int max_ms)
{
	if (!previous_ms)
		return min_ms;
	return previous_ms >= max_ms / 2 ? max_ms : previous_ms * 2;
}

static inline unsigned int balloon_backoff_ms(unsigned int previous_ms)
{
	return balloon_longer_ms(previous_ms, BALLOON_BACKOFF_MIN_MS, BALLOON_BACKOFF_MAX_MS);
}

static inline unsigned int balloon_oom_pause_ms(unsigned int previous_ms)
{
	return balloon_longer_ms(previous_ms, BALLOON_OOM_PAUSE_MIN_MS, BALLOON_OOM_PAUSE_MAX_MS);
}

#endif /* BALLOON_UNITS_H */
