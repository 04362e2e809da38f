// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_BALLOON_F_DEFLATE_ON_OOM: before the kernel kills a process it asks
 * here, and the balloon gives some memory back.
 *
 * The caller is a thread that could not allocate, so nothing here allocates, and
 * no lock is waited for that somebody holds while allocating. Batches and all are
 * its own. Where the host must be told first, it is waited for, but not for long:
 * only what it acknowledged counts.
 *
 * Inflating rests afterwards, or it would take the same memory again. A shortage
 * inside a memory cgroup does not come here; the kernel settles it without asking.
 */
#include <linux/oom.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "balloon.h"

/* Bytes given back at a time. The kernel tries long and hard before it asks again. */
#define BALLOON_OOM_BYTES	SZ_64M
/* How long a host that must be told first may take. */
#define BALLOON_OOM_WAIT	(HZ / 10)
/* Before others that the kernel may ask. */
#define BALLOON_OOM_PRIORITY	80

/* Posts deflations of up to @nr_pages; returns how many pages were posted. */
static unsigned long balloon_oom_deflate(struct balloon_oom *oom,
					 unsigned long nr_pages)
{
	unsigned long nr = 0;
	long rc;

	while (nr < nr_pages) {
		rc = balloon_pages_deflate_batch(oom->vb, &oom->pool,
						 nr_pages - nr);
		if (rc <= 0)
			break;
		nr += rc;
	}
	balloon_pool_kick(&oom->pool);
	return nr;
}

/* Waits for what was posted; returns how many pages are free by that. */
static unsigned long balloon_oom_wait(struct balloon_oom *oom,
				      unsigned long nr_pages)
{
	unsigned long end = jiffies + BALLOON_OOM_WAIT;
	unsigned long nr = 0;

	while (nr < nr_pages && time_before(jiffies, end) &&
	       balloon_stream_wait(&oom->pool.stream, end - jiffies))
		nr += balloon_pages_settle_deflated(&oom->pool);
	return nr;
}

static unsigned long balloon_oom_release(struct balloon_oom *oom)
{
	unsigned long nr_pages = BALLOON_OOM_BYTES >> PAGE_SHIFT;
	unsigned long nr = balloon_blocks_release(oom->vb, nr_pages);
	unsigned long posted;

	balloon_pages_settle_deflated(&oom->pool);
	if (nr >= nr_pages)
		return nr;
	posted = balloon_oom_deflate(oom, nr_pages - nr);
	if (balloon_must_tell_host(oom->vb))
		posted = balloon_oom_wait(oom, posted);
	return nr + posted;
}

static int balloon_oom_notify(struct notifier_block *nb, unsigned long unused,
			      void *parm)
{
	struct balloon_oom *oom = container_of(nb, struct balloon_oom, nb);
	unsigned long *freed = parm;
	unsigned long nr;

	if (!mutex_trylock(&oom->lock))
		return NOTIFY_OK;
	nr = balloon_oom_release(oom);
	if (nr) {
		balloon_event(oom->vb, BALLOON_EVENT_OOM, nr, 0);
		balloon_shortage_oom(oom->vb);
	}
	mutex_unlock(&oom->lock);
	*freed += nr;
	return NOTIFY_OK;
}

/**
 * balloon_oom_settle() - take in what the host acknowledged too late to count
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: whether there was anything.
 */
bool balloon_oom_settle(struct virtio_balloon *vb)
{
	unsigned long nr;

	/* Whoever has the lock does it. */
	if (!vb->oom || !mutex_trylock(&vb->oom->lock))
		return false;
	nr = balloon_pages_settle_deflated(&vb->oom->pool);
	mutex_unlock(&vb->oom->lock);
	return nr > 0;
}

/**
 * balloon_oom_deflating() - pages whose deflation is not yet acknowledged
 * @vb: the balloon
 *
 * Context: any.
 */
unsigned long balloon_oom_deflating(struct virtio_balloon *vb)
{
	return vb->oom ? READ_ONCE(vb->oom->pool.nr_pages_held) : 0;
}

/**
 * balloon_oom_init() - allocate what the notifier will need
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_oom_init(struct virtio_balloon *vb)
{
	struct balloon_oom *oom = kzalloc(sizeof(*oom), GFP_KERNEL);
	int err;

	if (!oom)
		return -ENOMEM;
	err = balloon_pool_init(&oom->pool, &vb->queues[BALLOON_QUEUE_DEFLATE],
				balloon_size_notify);
	if (err) {
		kfree(oom);
		return err;
	}
	mutex_init(&oom->lock);
	oom->vb = vb;
	oom->nb.notifier_call = balloon_oom_notify;
	oom->nb.priority = BALLOON_OOM_PRIORITY;
	vb->oom = oom;
	return 0;
}

/**
 * balloon_oom_start() - be asked when memory runs out
 * @vb: the balloon
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0, or why the notifier could not be registered.
 */
int balloon_oom_start(struct virtio_balloon *vb)
{
	return register_oom_notifier(&vb->oom->nb);
}

/**
 * balloon_oom_stop() - no longer be asked
 * @vb: the balloon
 *
 * Context: may sleep, for BALLOON_OOM_WAIT at most.
 */
void balloon_oom_stop(struct virtio_balloon *vb)
{
	unregister_oom_notifier(&vb->oom->nb);
}

/**
 * balloon_oom_release_all() - take back the batches the host did not answer
 * @vb: the balloon
 *
 * Context: the part is stopped, the device reset and its queues cancelled.
 */
void balloon_oom_release_all(struct virtio_balloon *vb)
{
	if (vb->oom)
		balloon_pages_cancel_deflated(&vb->oom->pool);
}

/**
 * balloon_oom_exit() - the counterpart of balloon_oom_init()
 * @vb: the balloon
 *
 * Context: remove.
 */
void balloon_oom_exit(struct virtio_balloon *vb)
{
	balloon_pool_exit(&vb->oom->pool);
	kfree(vb->oom);
	vb->oom = NULL;
}
