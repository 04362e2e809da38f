// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_BALLOON_F_DEFLATE_ON_OOM: before the kernel kills a process it calls this notifier,
 * and the balloon is deflated by some memory.
 *
 * The caller is a thread whose allocation failed. So nothing here allocates, and no lock is
 * taken under which memory is allocated.
 *
 * A page is free as soon as it has left the balloon, however slow the host is. Batches that
 * do not fit the ring are pending; a page that leaves the balloon stores the numbers of the
 * others if the pool is empty. With VIRTIO_BALLOON_F_MUST_TELL_HOST a page is free only
 * when the host has acknowledged it, and the notifier waits for the host.
 *
 * Inflation pauses afterwards, or it would take the same memory again. The kernel does not
 * call this for a shortage inside a memory cgroup.
 */
#include <linux/oom.h>
#include <linux/sizes.h>

#include "balloon.h"

/* Bytes freed per call. The kernel reclaims for long before it calls again. */
#define BALLOON_OOM_BYTES	SZ_64M
/*
 * How long the call lasts while nothing is free: 1 s after the last completion (the slowest
 * known host needs 0.1 s for one), and 10 s in all, because moves of compaction may be ahead
 * in the queue. Once something is free, it ends 0.1 s after it began.
 */
#define BALLOON_OOM_WAIT	HZ
#define BALLOON_OOM_WAIT_MAX	(10 * HZ)
#define BALLOON_OOM_WAIT_MORE	(HZ / 10)
/* Before other notifiers. */
#define BALLOON_OOM_PRIORITY	80

/* A number that changes with each completion on one of the two queues. */
static unsigned long oom_completions(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->queues[BALLOON_QUEUE_INFLATE].counts.completions) +
	       READ_ONCE(vb->queues[BALLOON_QUEUE_DEFLATE].counts.completions);
}

/* Deflates up to @nr_pages, until a completion is needed. */
static void oom_deflate(struct virtio_balloon *vb, long nr_pages)
{
	/* Pages that the host must acknowledge first would never be free on a broken queue. */
	while (nr_pages > 0 && !(balloon_must_tell_host(vb) &&
				 balloon_queue_broken(&vb->queues[BALLOON_QUEUE_DEFLATE]))) {
		long nr = balloon_pages_deflate_batch(vb, &vb->pages.oom, nr_pages);

		if (nr <= 0)
			break;
		nr_pages -= nr;
	}
	balloon_pool_kick(&vb->pages.oom);
}

/* Pages of this pool that the host has to acknowledge before they are free. */
static unsigned long oom_awaited(struct virtio_balloon *vb)
{
	return balloon_must_tell_host(vb) ? vb->pages.oom.nr_pages_in_flight : 0;
}

/*
 * Whether memory will come without another step of this thread: another thread is about to
 * free it, compaction has it, or the host has to acknowledge it, on its way out of the
 * balloon or into it.
 */
static bool oom_coming(struct virtio_balloon *vb)
{
	if (atomic_read(&vb->pages.nr_leaving) || balloon_actual(vb))
		return true;
	return balloon_inflating(vb) ||
	       (balloon_must_tell_host(vb) && balloon_pages_deflating(vb));
}

/* Whether to wait, when @nr_freed pages were freed since @begin, in jiffies. */
static bool oom_may_wait(struct virtio_balloon *vb, unsigned long nr_freed, unsigned long begin)
{
	unsigned long answers = oom_completions(vb);
	struct balloon_oom *oom = &vb->oom;

	if (nr_freed)
		return oom_awaited(vb) && time_before(jiffies, begin + BALLOON_OOM_WAIT_MORE);
	if (!oom_coming(vb))
		return false;
	/* Do not wait again for a host that has completed nothing since the last wait. */
	if (answers == oom->completions_in_vain && !atomic_read(&vb->pages.nr_leaving))
		return false;
	if (answers != oom->completions) {
		oom->completions = answers;
		oom->completed_at = jiffies;
	}
	if (time_before(jiffies, oom->completed_at + BALLOON_OOM_WAIT) &&
	    time_before(jiffies, begin + BALLOON_OOM_WAIT_MAX))
		return true;
	oom->completions_in_vain = answers;
	return false;
}

/* Returns the number of pages that were freed meanwhile, by any thread. */
static unsigned long oom_release(struct virtio_balloon *vb)
{
	unsigned long want = BALLOON_OOM_BYTES >> PAGE_SHIFT;
	atomic_long_t *nr_freed = &vb->pages.nr_freed;
	unsigned long nr, begin = jiffies;
	long before = atomic_long_read(nr_freed);

	vb->oom.completions = oom_completions(vb);
	vb->oom.completed_at = begin;
	balloon_blocks_release(vb, want);
	for (;;) {
		balloon_pages_settle_deflated(&vb->pages.oom);
		nr = atomic_long_read(nr_freed) - before;
		oom_deflate(vb, want - nr - oom_awaited(vb));
		nr = atomic_long_read(nr_freed) - before;
		if (nr >= want || !oom_may_wait(vb, nr, begin))
			return nr;
		schedule_timeout_uninterruptible(1);
	}
}

static int oom_notify(struct notifier_block *nb, unsigned long unused, void *parm)
{
	struct virtio_balloon *vb = container_of(nb, struct virtio_balloon, oom.nb);
	unsigned long *freed = parm;
	unsigned long nr;

	/* The worker holds it only while it frees a few batches. */
	mutex_lock(&vb->pages.oom_lock);
	nr = oom_release(vb);
	mutex_unlock(&vb->pages.oom_lock);
	if (nr) {
		balloon_event(vb, BALLOON_EVENT_OOM, nr, 0);
		balloon_pressure_oom(vb);
	}
	/* It settles the pool only if the lock is free. */
	balloon_work_kick(&vb->worker);
	*freed += nr;
	return NOTIFY_OK;
}

/**
 * balloon_oom_start() - register the OOM notifier
 * @vb: the balloon
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0, or why the notifier could not be registered.
 */
int balloon_oom_start(struct virtio_balloon *vb)
{
	/* The device may have been reset since the last wait. */
	vb->oom.completions_in_vain = ULONG_MAX;
	vb->oom.nb.notifier_call = oom_notify;
	vb->oom.nb.priority = BALLOON_OOM_PRIORITY;
	return register_oom_notifier(&vb->oom.nb);
}

/**
 * balloon_oom_stop() - unregister the OOM notifier
 * @vb: the balloon
 *
 * Context: may sleep, for BALLOON_OOM_WAIT_MAX at most.
 */
void balloon_oom_stop(struct virtio_balloon *vb)
{
	unregister_oom_notifier(&vb->oom.nb);
}
