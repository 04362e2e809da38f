// SPDX-License-Identifier: GPL-2.0-only
/*
 * An inhibited host, as QEMU is during postcopy and background snapshots, completes
 * inflation and discards nothing. The guest cannot see that. So the whole balloon can be
 * announced again, which is legal at any time. It takes about 1 s per GiB of a host that had
 * discarded the memory before.
 *
 * The guest's administrator requests it through sysfs, and the host's by repeating the
 * target: a configuration change that changes neither the target nor the command for hints
 * counts as that, at most once a minute, and not soon after such a command, because hosts
 * also cause such changes around migrations.
 *
 * The kernel takes balloon pages from one end of its list and puts them back there. So
 * announced pages are kept on a list of their own until all of them were announced. They
 * stay in the balloon: MemTotal and the node's counter of balloon pages do not change, and
 * they can be deflated. But they cannot be moved. Before Linux 6.17 they are not PageOffline
 * either; since then a page keeps its type until it is free.
 */
#include "balloon.h"

/* A repeated target is examined after this: the hint command may be about to change. */
#define BALLOON_REANNOUNCE_DELAY	HZ
/* It is ignored for this long after the last time. */
#define BALLOON_REANNOUNCE_PAUSE	(60 * HZ)
/* Pages that are locked or referenced are waited for this long, then tried less often. */
#define BALLOON_REANNOUNCE_PATIENCE	HZ

/**
 * balloon_reannounce_start() - begin with no knowledge of the host
 * @vb: the balloon
 *
 * Context: start of the size worker.
 */
void balloon_reannounce_start(struct virtio_balloon *vb)
{
	vb->reannounce.known = false;
	vb->reannounce.suspected = false;
	vb->reannounce.active = false;
}

/**
 * balloon_reannounce_request() - announce the balloon again
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_reannounce_request(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->reannounce.wanted, true);
	balloon_work_kick(&vb->worker);
}

/**
 * balloon_reannounce_target_read() - the target was read after a configuration change
 * @vb: the balloon
 * @same: the target did not change
 *
 * Context: the size worker.
 */
void balloon_reannounce_target_read(struct virtio_balloon *vb, bool same)
{
	struct balloon_reannounce *ra = &vb->reannounce;

	if (!same) {
		ra->suspected = false;
	} else if (ra->known && READ_ONCE(vb->pages.fresh) && (!ra->ended ||
		    time_after(jiffies, ra->ended_at + BALLOON_REANNOUNCE_PAUSE))) {
		ra->suspected = true;
		ra->suspected_at = jiffies;
	}
	ra->known = true;
}

/**
 * balloon_reannounce_due() - whether to announce the balloon again now
 * @vb: the balloon, which has its target
 * @hinted: the device has sent a command for hints recently
 *
 * Context: the size worker.
 */
bool balloon_reannounce_due(struct virtio_balloon *vb, bool hinted)
{
	struct balloon_reannounce *ra = &vb->reannounce;

	if (ra->active || READ_ONCE(ra->wanted))
		return true;
	if (!ra->suspected || time_before(jiffies, ra->suspected_at + BALLOON_REANNOUNCE_DELAY))
		return false;
	ra->suspected = false;
	return !hinted;
}

static void reannounce_begin(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;

	WRITE_ONCE(ra->wanted, false);
	WRITE_ONCE(vb->pages.fresh, false);
	ra->suspected = false;
	ra->active = true;
	ra->nr_blocks = balloon_blocks_new_round(vb);
	ra->nr_block_pages = balloon_blocks_count(vb) - balloon_discard_announcing(vb);
	ra->nr_reannounced_before = READ_ONCE(vb->pages.nr_reannounced);
	balloon_event(vb, BALLOON_EVENT_RESYNC_BEGIN, balloon_actual(vb), 0);
}

/*
 * Pages of the balloon that were not announced: moving pages are on no list, and locked pages
 * stay on the kernel's list on some kernels. Blocks can only be announced on the reporting
 * queue.
 */
static unsigned long reannounce_missed(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;
	unsigned long pages = balloon_pages_count(vb);
	unsigned long blocks = balloon_blocks_count(vb);
	unsigned long reannounced = READ_ONCE(vb->pages.nr_reannounced);
	unsigned long announced = reannounced - min(reannounced, ra->nr_reannounced_before) +
				  vb->pages.inflate.nr_pages_reannounced;

	if (balloon_discard_usable(vb))
		blocks = min(blocks, ra->nr_block_pages);
	/* The OOM notifier may be deflating pages at this moment. */
	return blocks + pages - min(pages, announced);
}

/*
 * Announces a batch of pages again. When it is completed they are in the list of reannounced
 * pages. Returns pages; 0 when there are no more; -EBUSY until the host completes a batch.
 */
static long reannounce_pages(struct virtio_balloon *vb)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = balloon_pool_get(pool);
	struct page *page, *next;
	LIST_HEAD(pages);

	if (!batch)
		return -EBUSY;
	if (!balloon_pages_take_announced(vb, balloon_batch_nr_pages_max(vb), &pages)) {
		balloon_pool_put(pool, batch);
		return 0;
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		balloon_compat_hide(page);
		balloon_batch_add(vb, batch, page);
	}
	batch->reannounced = true;
	balloon_batch_commit(pool, batch);
	balloon_batch_post(pool, batch);
	return batch->nr_pages;
}

/* Announces a discard of blocks or a batch of pages; as reannounce_pages(). */
static long reannounce_announce(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;
	long rc = balloon_inflate_blocks_reannounce(vb, &ra->nr_blocks);

	if (rc > 0)
		ra->nr_block_pages -= min_t(unsigned long, rc, ra->nr_block_pages);
	return rc ? rc : reannounce_pages(vb);
}

/**
 * balloon_reannounce_step() - announce some more
 * @vb: the balloon; balloon_reannounce_due()
 *
 * Context: the size worker.
 * Return: whether to call it again at once; if not, a completion is due, or pages are locked.
 */
bool balloon_reannounce_step(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;
	long rc;

	if (!ra->active)
		reannounce_begin(vb);
	rc = reannounce_announce(vb);
	if (rc || balloon_inflating(vb)) {
		ra->stirred_at = jiffies;
		return rc > 0;
	}
	if (reannounce_missed(vb) &&
	    time_before(jiffies, ra->stirred_at + BALLOON_REANNOUNCE_PATIENCE))
		return false;
	ra->ended = true;
	ra->ended_at = jiffies;
	balloon_reannounce_end(vb);
	return true;
}

/**
 * balloon_reannounce_end() - end it, complete or not
 * @vb: the balloon
 *
 * The worker then puts back the reannounced pages. If pages were missed, the host may repeat
 * the target.
 *
 * Context: the size worker, or when it is stopped.
 */
void balloon_reannounce_end(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;
	unsigned long missed;

	if (!ra->active)
		return;
	missed = reannounce_missed(vb);
	if (missed)
		WRITE_ONCE(vb->pages.fresh, true);
	balloon_event(vb, BALLOON_EVENT_RESYNC_END, balloon_actual(vb), missed);
	ra->active = false;
	ra->stirred_at = jiffies;
}

/**
 * balloon_reannounce_put_back() - put reannounced pages back, so that they can be moved
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: whether any were put back.
 */
bool balloon_reannounce_put_back(struct virtio_balloon *vb)
{
	if (vb->reannounce.active || !balloon_pages_put_back(vb))
		return false;
	vb->reannounce.stirred_at = jiffies;
	return true;
}

/**
 * balloon_reannounce_pause() - when to try locked or referenced pages again
 * @vb: the balloon
 *
 * Nothing else is left to announce or to put back then.
 *
 * Context: the size worker.
 * Return: jiffies; MAX_SCHEDULE_TIMEOUT if there are none.
 */
unsigned long balloon_reannounce_pause(struct virtio_balloon *vb)
{
	struct balloon_reannounce *ra = &vb->reannounce;

	if (ra->active ? balloon_inflating(vb) : !READ_ONCE(vb->pages.nr_reannounced))
		return MAX_SCHEDULE_TIMEOUT;
	return time_before(jiffies, ra->stirred_at + BALLOON_REANNOUNCE_PATIENCE) ?
	       BALLOON_ISOLATED_RETRY : BALLOON_REANNOUNCE_PATIENCE;
}
