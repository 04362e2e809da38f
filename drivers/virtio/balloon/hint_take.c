// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking memory for hints, most of it before the round is announced (VIRTIO 1.3,
 * 5.5.6.5).
 *
 * From the announcement to STOP a processor of QEMU's host does nothing but look at the
 * ring. Memory that was taken and is not hinted yet is sent, be it as zeros. Both are
 * short when memory is taken at once: where the kernel zeroes it, which takes all the
 * time there is, several threads do so.
 *
 * What they take lies there in no order. It is sorted, so that one descriptor names as
 * much as possible, and so that no more is taken than the ring has room for.
 */
#include <linux/cpumask.h>
#include <linux/list_sort.h>
#include <linux/mm.h>

#include "balloon.h"

/* Then the worker looks what the device wants now. */
#define BALLOON_HINT_TAKE_ONCE	(HZ / 10 ?: 1)
/*
 * Then the round is announced, with what there is. The device sends what is in use, and
 * gets to what is free some time.
 */
#define BALLOON_HINT_TAKE_TIME	(9 * HZ / 5)
/*
 * Where it would take longer than that to take all, most of it will be sent before. A
 * migration that is over soon is then better left alone; one that is not can wait.
 */
#define BALLOON_HINT_LARGE_TIME	(4 * BALLOON_HINT_TAKE_TIME)
#define BALLOON_HINT_PAUSE	(5 * HZ)

static bool balloon_hint_may_take(struct balloon_hint *hint)
{
	struct balloon_hint_take *take = &hint->take;

	return !READ_ONCE(take->over) && !READ_ONCE(hint->blocks.pressed) &&
	       READ_ONCE(take->nr_spans) < take->nr_spans_max &&
	       !balloon_hint_interrupted(hint);
}

/* What each thread does, for a block at least; false when there is nothing left. */
static bool balloon_hint_take_some(struct balloon_hint *hint)
{
	unsigned int order = hint->blocks.order_max;
	struct balloon_hint_span span = {};
	struct page *block;
	bool apart;

	while (balloon_hint_may_take(hint)) {
		block = balloon_hint_block_alloc(hint, &order);
		if (!block)
			return false;
		apart = !balloon_hint_span_next(&span, block, hint->nr_range_max);
		spin_lock(&hint->blocks.lock);
		WRITE_ONCE(hint->take.nr_spans, hint->take.nr_spans + apart);
		balloon_hint_block_put(&hint->blocks, block, &hint->blocks.fresh);
		spin_unlock(&hint->blocks.lock);
		if (time_after_eq(jiffies, hint->take.until))
			break;
		cond_resched();
	}
	return true;
}

static void balloon_hint_help(struct work_struct *work)
{
	balloon_hint_take_some(container_of(work, struct balloon_hint_helper,
					    work)->hint);
}

static int balloon_hint_compare(void *priv, const struct list_head *a,
				const struct list_head *b)
{
	unsigned long first = page_to_pfn(list_entry(a, struct page, lru));
	unsigned long second = page_to_pfn(list_entry(b, struct page, lru));

	cond_resched();
	return first < second ? -1 : first > second;
}

/* By address; then it is known how many descriptors it takes. */
static void balloon_hint_sort(struct balloon_hint *hint)
{
	struct balloon_hint_blocks *blocks = &hint->blocks;
	struct balloon_hint_span span = {};
	unsigned int nr_spans = 0;
	struct page *block;
	LIST_HEAD(sorted);

	mutex_lock(&blocks->sorting);
	spin_lock(&blocks->lock);
	list_splice_init(&blocks->fresh, &sorted);
	spin_unlock(&blocks->lock);
	list_sort(NULL, &sorted, balloon_hint_compare);
	list_for_each_entry(block, &sorted, lru)
		nr_spans += !balloon_hint_span_next(&span, block,
						    hint->nr_range_max);
	spin_lock(&blocks->lock);
	list_splice(&sorted, &blocks->fresh);
	spin_unlock(&blocks->lock);
	mutex_unlock(&blocks->sorting);
	hint->take.nr_spans = nr_spans;
}

/*
 * Spans that can be sent at once. Before the announcement that needs a place, too; after
 * it one range is about to be filled.
 */
static unsigned int balloon_hint_room(struct balloon_hint *hint)
{
	unsigned int room = balloon_queue_room(hint->stream.queue);
	unsigned int nr_ranges = hint->hinting;
	struct list_head *range;

	list_for_each(range, &hint->free_ranges)
		nr_ranges++;
	if (!hint->hinting && room)
		room--;
	return min(room, nr_ranges);
}

/* As many as can be of use: others than the worker, and not for a small ring. */
static unsigned int balloon_hint_nr_helpers(struct balloon_hint *hint, unsigned int room)
{
	if (!want_init_on_alloc(GFP_KERNEL) || hint->take.large)
		return 0;
	return min3((unsigned int)BALLOON_HINT_HELPERS, num_online_cpus() - 1,
		    room / (4 * BALLOON_HINT_HELPERS));
}

/* All threads at once; false when there is nothing left. */
static bool balloon_hint_take_all(struct balloon_hint *hint)
{
	struct balloon_hint_take *take = &hint->take;
	unsigned int i, nr_helpers = take->nr_helpers;
	bool more;

	take->until = jiffies + BALLOON_HINT_TAKE_ONCE;
	WRITE_ONCE(take->over, false);
	for (i = 0; i < nr_helpers; i++)
		queue_work(hint->stream.queue->vb->wq, &take->helpers[i].work);
	more = balloon_hint_take_some(hint);
	WRITE_ONCE(take->over, true);
	/* One that did not even begin is not waited for; others have a block at most. */
	for (i = 0; i < nr_helpers; i++)
		cancel_work_sync(&take->helpers[i].work);
	return more && !READ_ONCE(hint->blocks.pressed);
}

/**
 * balloon_hint_take() - take memory, for a moment
 * @hint: the hints
 *
 * Whoever needs the memory meanwhile gets it back: the device knows nothing of it.
 *
 * Context: the worker; may sleep.
 * Return: false when there is no more, or the ring has no room for it.
 */
bool balloon_hint_take(struct balloon_hint *hint)
{
	struct balloon_hint_take *take = &hint->take;
	unsigned int room = balloon_hint_room(hint);
	bool more;

	/* What there was is sent. */
	if (hint->hinting)
		take->nr_spans = 0;
	take->nr_helpers = balloon_hint_nr_helpers(hint, room);
	/* Each thread may need one more than it saw. */
	take->nr_spans_max = room - take->nr_helpers;
	more = balloon_hint_take_all(hint);
	balloon_hint_sort(hint);
	return more && take->nr_spans < take->nr_spans_max;
}

/**
 * balloon_hint_take_judge() - see whether at this rate it takes too long to take all
 * @hint: the hints; some memory was taken for the round
 *
 * Context: the worker.
 */
void balloon_hint_take_judge(struct balloon_hint *hint)
{
	struct balloon_hint_take *take = &hint->take;
	u64 usual = BALLOON_HINT_LARGE_TIME;
	long nr_taken = atomic_long_read(&hint->blocks.nr_pages_taken) - take->nr_before;

	if (take->judged || nr_taken <= 0)
		return;
	take->judged = true;
	/* That is done by one thread. */
	if (hint->discard)
		usual *= 2;
	take->large = balloon_hint_blocks_spare() * (u64)(jiffies - take->begin) >
		      nr_taken * usual;
}

/**
 * balloon_hint_take_first() - take memory before the round is announced, for a moment
 * @hint: the hints
 *
 * Context: the worker; may sleep.
 * Return: false when that is enough.
 */
bool balloon_hint_take_first(struct balloon_hint *hint)
{
	struct balloon_hint_take *take = &hint->take;
	unsigned long end = take->begin + BALLOON_HINT_TAKE_TIME;
	bool more;

	if (take->large)
		end += BALLOON_HINT_PAUSE;
	if (time_after_eq(jiffies, end))
		return false;
	more = balloon_hint_take(hint);
	if (more)
		balloon_hint_take_judge(hint);
	return more;
}

/**
 * balloon_hint_take_pause() - how long to leave the guest and its host alone
 * @hint: the hints; the round is not announced
 *
 * Context: the worker.
 * Return: jiffies; 0 if there is no reason to.
 */
unsigned long balloon_hint_take_pause(struct balloon_hint *hint)
{
	unsigned long end = hint->take.begin + BALLOON_HINT_PAUSE, now = jiffies;

	return hint->take.large && time_before(now, end) ? end - now : 0;
}

/**
 * balloon_hint_take_begin() - a round begins
 * @hint: the hints; nothing was taken for the round yet
 *
 * Context: the worker.
 */
void balloon_hint_take_begin(struct balloon_hint *hint)
{
	hint->take.nr_spans = 0;
	hint->take.begin = jiffies;
	hint->take.nr_before = atomic_long_read(&hint->blocks.nr_pages_taken);
	hint->take.judged = false;
	hint->take.large = false;
}

/**
 * balloon_hint_take_init() - prepare the threads
 * @hint: the hints
 *
 * Context: probe.
 */
void balloon_hint_take_init(struct balloon_hint *hint)
{
	unsigned int i;

	for (i = 0; i < BALLOON_HINT_HELPERS; i++) {
		INIT_WORK(&hint->take.helpers[i].work, balloon_hint_help);
		hint->take.helpers[i].hint = hint;
	}
}
