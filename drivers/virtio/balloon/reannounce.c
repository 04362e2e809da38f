// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host that is inhibited, as QEMU is during postcopy and while it takes a
 * background snapshot, acknowledges what is inflated and discards nothing. The
 * guest cannot see that. So all that is in the balloon can be announced again, which
 * is legal at any time and costs a host that had it right a second a GiB.
 *
 * An administrator asks for it through sysfs. A host's administrator may repeat the
 * target: a configuration change that changes neither the target nor the command for
 * hints is taken for that, when it is long enough after a command, since hosts send
 * some of those around migrations, and no more than once a minute.
 *
 * The kernel gives balloon pages from one end of its list and puts them back there. What
 * was announced is therefore kept aside until all was. It is in the balloon all the time:
 * MemTotal and the node's counter of balloon pages do not move, and whoever needs memory
 * out of the balloon finds it there. But it cannot be moved. Before Linux 6.17 it is not
 * PageOffline either; since then a page keeps its type until it is free.
 */
#include "balloon.h"

/* A repeated target is looked at after this: the command may be about to change. */
#define BALLOON_RESYNC_DELAY	HZ
/* And forgotten so soon after the last time. */
#define BALLOON_RESYNC_PAUSE	(60 * HZ)
/* Pages that somebody holds are waited for so long, and looked after less often then. */
#define BALLOON_RESYNC_PATIENCE	HZ

/**
 * balloon_resync_start() - nothing is known of the host yet
 * @vb: the balloon
 *
 * Context: start of the size worker.
 */
void balloon_resync_start(struct virtio_balloon *vb)
{
	vb->resync.known = false;
	vb->resync.suspected = false;
	vb->resync.active = false;
}

/**
 * balloon_resync_request() - announce the balloon again
 * @vb: the balloon
 *
 * Context: any.
 */
void balloon_resync_request(struct virtio_balloon *vb)
{
	WRITE_ONCE(vb->resync.wanted, true);
	balloon_work_kick(&vb->worker);
}

/**
 * balloon_resync_target_read() - the target was read after a change
 * @vb: the balloon
 * @same: it was not what changed
 *
 * Context: the size worker.
 */
void balloon_resync_target_read(struct virtio_balloon *vb, bool same)
{
	struct balloon_resync *resync = &vb->resync;

	if (!same) {
		resync->suspected = false;
	} else if (resync->known && READ_ONCE(vb->pages.fresh) && (!resync->ended ||
		    time_after(jiffies, resync->ended_at + BALLOON_RESYNC_PAUSE))) {
		resync->suspected = true;
		resync->suspected_at = jiffies;
	}
	resync->known = true;
}

/**
 * balloon_resync_due() - whether the balloon is to be announced again now
 * @vb: the balloon, which has its target
 * @hinted: the device has sent a command for hints of late
 *
 * Context: the size worker.
 */
bool balloon_resync_due(struct virtio_balloon *vb, bool hinted)
{
	struct balloon_resync *resync = &vb->resync;

	if (resync->active || READ_ONCE(resync->wanted))
		return true;
	if (!resync->suspected || time_before(jiffies, resync->suspected_at + BALLOON_RESYNC_DELAY))
		return false;
	resync->suspected = false;
	return !hinted;
}

static void resync_begin(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;

	WRITE_ONCE(resync->wanted, false);
	WRITE_ONCE(vb->pages.fresh, false);
	resync->suspected = false;
	resync->active = true;
	resync->nr_blocks = balloon_blocks_new_round(vb);
	resync->nr_block_pages = balloon_blocks_count(vb) - balloon_discard_announcing(vb);
	resync->nr_aside_before = READ_ONCE(vb->pages.nr_aside);
	balloon_event(vb, BALLOON_EVENT_RESYNC_BEGIN, balloon_actual(vb), 0);
}

/*
 * Pages of the balloon that were not announced. Those that are being moved are nowhere to
 * be found, and those that somebody has locked stay where they are on some kernels. Blocks
 * can only be announced on the reporting queue.
 */
static unsigned long resync_missed(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;
	unsigned long pages = balloon_pages_count(vb);
	unsigned long blocks = balloon_blocks_count(vb);
	unsigned long aside = READ_ONCE(vb->pages.nr_aside);
	unsigned long announced = aside - min(aside, resync->nr_aside_before) +
				  vb->pages.inflate.nr_pages_again;

	if (balloon_discard_usable(vb))
		blocks = min(blocks, resync->nr_block_pages);
	/* Somebody may take pages out of the balloon at this moment. */
	return blocks + pages - min(pages, announced);
}

/*
 * Tells the host of some pages in the balloon again. They go aside when it has answered.
 * Returns pages; 0 when there are no more; -EBUSY while the host has to answer first.
 */
static long resync_pages(struct virtio_balloon *vb)
{
	struct balloon_pool *pool = &vb->pages.inflate;
	struct balloon_batch *batch = balloon_pool_get(pool);
	struct page *page, *next;
	LIST_HEAD(pages);

	if (!batch)
		return -EBUSY;
	if (!balloon_pages_take_again(vb, balloon_batch_nr_pages_max(vb), &pages)) {
		balloon_pool_put(pool, batch);
		return 0;
	}
	list_for_each_entry_safe(page, next, &pages, lru) {
		balloon_compat_hide(page);
		balloon_batch_add(vb, batch, page);
	}
	batch->again = true;
	balloon_batch_hold(pool, batch);
	balloon_batch_post(pool, batch);
	return batch->nr_pages;
}

/* Announces a discard of blocks or a batch of pages; as resync_pages(). */
static long resync_announce(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;
	long rc = balloon_inflate_blocks_again(vb, &resync->nr_blocks);

	if (rc > 0)
		resync->nr_block_pages -= min_t(unsigned long, rc, resync->nr_block_pages);
	return rc ? rc : resync_pages(vb);
}

/**
 * balloon_resync_step() - announce some more
 * @vb: the balloon; balloon_resync_due()
 *
 * Context: the size worker.
 * Return: whether to come again; else the host has to answer, or somebody holds pages.
 */
bool balloon_resync_step(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;
	long rc;

	if (!resync->active)
		resync_begin(vb);
	rc = resync_announce(vb);
	if (rc || balloon_inflating(vb)) {
		resync->stirred_at = jiffies;
		return rc > 0;
	}
	if (resync_missed(vb) && time_before(jiffies, resync->stirred_at + BALLOON_RESYNC_PATIENCE))
		return false;
	resync->ended = true;
	resync->ended_at = jiffies;
	balloon_resync_end(vb);
	return true;
}

/**
 * balloon_resync_end() - that is enough, or something else is to be done first
 * @vb: the balloon
 *
 * The worker then puts back what is aside. If the host has missed something it may
 * repeat the target.
 *
 * Context: the size worker, or when it is stopped.
 */
void balloon_resync_end(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;
	unsigned long missed;

	if (!resync->active)
		return;
	missed = resync_missed(vb);
	if (missed)
		WRITE_ONCE(vb->pages.fresh, true);
	balloon_event(vb, BALLOON_EVENT_RESYNC_END, balloon_actual(vb), missed);
	resync->active = false;
	resync->stirred_at = jiffies;
}

/**
 * balloon_resync_put_back() - let pages be moved that are not being announced any more
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: whether there were any that nobody holds.
 */
bool balloon_resync_put_back(struct virtio_balloon *vb)
{
	if (vb->resync.active || !balloon_pages_put_back(vb))
		return false;
	vb->resync.stirred_at = jiffies;
	return true;
}

/**
 * balloon_resync_pause() - when to look for pages that somebody holds
 * @vb: the balloon
 *
 * They are all that keeps it from ending, or from putting back what is aside.
 *
 * Context: the size worker.
 * Return: jiffies; MAX_SCHEDULE_TIMEOUT if there are none.
 */
unsigned long balloon_resync_pause(struct virtio_balloon *vb)
{
	struct balloon_resync *resync = &vb->resync;

	if (resync->active ? balloon_inflating(vb) : !READ_ONCE(vb->pages.nr_aside))
		return MAX_SCHEDULE_TIMEOUT;
	return time_before(jiffies, resync->stirred_at + BALLOON_RESYNC_PATIENCE) ?
	       BALLOON_ISOLATED_RETRY : BALLOON_RESYNC_PATIENCE;
}
