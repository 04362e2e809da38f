// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compaction moves a balloon page: a new page replaces an old one, and the host has to be
 * told of both.
 *
 * The callback posts both requests and returns: the old page is out of the balloon, and the
 * new one is on its way in like any page that is being inflated. The move keeps both until
 * the host has acknowledged them. Only then is the new page on the kernel's list, and only
 * then is the old page free, so that it cannot be inflated again while the host could
 * process the two requests in the wrong order. A slow or silent host blocks no thread; when
 * all moves are in use, more are refused. Memory offlining retries until it is interrupted.
 * The migration mode decides whether to wait: only MIGRATE_SYNC does, briefly, since range
 * allocators need their pages at once.
 *
 * Moves are not refused when the system is about to sleep, and settle until the device
 * sleeps: a suspend allocates memory, for which kcompactd compacts. If the pages of a block
 * cannot be moved, some kernels (7.3 is one) retry so long that freezing kcompactd times out.
 *
 * The callback runs in threads that allocate memory, with pages locked: it allocates
 * nothing, and takes no lock under which memory is allocated.
 */
#include <linux/pagemap.h>

#include "balloon.h"

/* If no move has ended for this long, mm is told to give up. */
#define BALLOON_MIGRATE_STALLED		(HZ / 10)
/* How long moves in flight are waited for before the device is reset. */
#define BALLOON_MIGRATE_STOP_TIMEOUT	HZ

static struct balloon_move *move_get(struct balloon_migrate *migrate)
{
	struct balloon_move *move;
	unsigned long flags;

	spin_lock_irqsave(&migrate->lock, flags);
	move = list_first_entry_or_null(&migrate->free, struct balloon_move, node);
	if (move)
		list_del_init(&move->node);
	spin_unlock_irqrestore(&migrate->lock, flags);
	if (move)
		atomic_inc(&migrate->nr_moving);
	return move;
}

static void move_put(struct balloon_migrate *migrate, struct balloon_move *move)
{
	unsigned long flags;

	spin_lock_irqsave(&migrate->lock, flags);
	list_add(&move->node, &migrate->free);
	spin_unlock_irqrestore(&migrate->lock, flags);
	atomic_dec(&migrate->nr_moving);
	wake_up(&migrate->deflate.queue->wait);
}

/* In this order: when a waiter sees NULL, the old page is free. */
static void move_release_old(struct balloon_move *move)
{
	if (move->old)
		put_page(move->old);
	WRITE_ONCE(move->old, NULL);
}

static void move_drop(struct balloon_move *move)
{
	if (move->new)
		put_page(move->new);
	move->new = NULL;
	move_release_old(move);
}

static void move_fill(struct virtio_balloon *vb, struct balloon_request *request,
		      struct scatterlist *sg, __virtio32 *pfns,
		      struct page *page)
{
	balloon_fill_pfns(vb, pfns, page);
	sg_init_one(sg, pfns, balloon_4k_per_page(PAGE_SHIFT) * sizeof(*pfns));
	request->sg = sg;
	request->nr_sg = 1;
}

/*
 * Posts the inflation of the new page and then the deflation of the old one, so that the
 * balloon never is smaller than the host has asked for.
 */
static void move_post(struct balloon_migrate *migrate, struct balloon_move *move)
{
	/* Before the first can be completed on another CPU. */
	atomic_set(&move->nr_pending, 2);
	balloon_queue_post(&migrate->inflate, &move->inflate);
	balloon_queue_post(&migrate->deflate, &move->deflate);
}

static bool migrate_arm(struct balloon_migrate *migrate)
{
	bool armed;

	balloon_queue_kick(migrate->inflate.queue);
	balloon_queue_kick(migrate->deflate.queue);
	armed = balloon_queue_arm(migrate->inflate.queue, BALLOON_ARM_FIRST);
	return balloon_queue_arm(migrate->deflate.queue, BALLOON_ARM_FIRST) && armed;
}

static bool migrate_hopeless(struct balloon_queue *queue)
{
	return balloon_queue_silent(queue) || balloon_queue_broken(queue);
}

/* With a silent host -EAGAIN would keep mm busy for minutes: it tries each page ten times. */
static int migrate_refuse(struct balloon_migrate *migrate)
{
	if (balloon_queue_broken(migrate->inflate.queue) ||
	    balloon_queue_broken(migrate->deflate.queue))
		return -EBUSY;
	if (!atomic_read(&migrate->nr_moving) ||
	    time_before(jiffies, READ_ONCE(migrate->progress_at) + BALLOON_MIGRATE_STALLED))
		return -EAGAIN;
	return -EBUSY;
}

/* One of the move's two requests was completed. */
static void move_completed(struct balloon_migrate *migrate, struct balloon_move *move)
{
	WRITE_ONCE(migrate->progress_at, jiffies);
	WRITE_ONCE(migrate->silent, false);
	if (atomic_dec_and_test(&move->nr_pending))
		move_put(migrate, move);
}

/* Frees old pages whose deflation is acknowledged. Any thread, also with pages locked. */
static void migrate_settle_old(struct balloon_migrate *migrate)
{
	struct balloon_request *request;
	struct balloon_move *move;

	mutex_lock(&migrate->settling);
	while ((request = balloon_stream_take(&migrate->deflate))) {
		move = container_of(request, struct balloon_move, deflate);
		move_release_old(move);
		move_completed(migrate, move);
		wake_up(&migrate->deflate.queue->wait);
	}
	mutex_unlock(&migrate->settling);
}

/*
 * A range allocator checks once, after the last page was moved, whether the range is free. So
 * MIGRATE_SYNC waits, but not page after page for a silent host. Memory offlining checks
 * again until the range is free.
 */
static bool migrate_may_wait(struct balloon_migrate *migrate, enum migrate_mode mode)
{
	struct virtio_balloon *vb = migrate->inflate.queue->vb;

	return mode == MIGRATE_SYNC && !READ_ONCE(migrate->silent) &&
	       !READ_ONCE(vb->blocks.leaving) &&
	       !balloon_queue_broken(migrate->inflate.queue) &&
	       !balloon_queue_broken(migrate->deflate.queue);
}

/* A free move, after waiting for one if the mode allows. */
static struct balloon_move *move_await(struct balloon_migrate *migrate, enum migrate_mode mode)
{
	struct balloon_move *move = move_get(migrate);

	if (move || !migrate_may_wait(migrate, mode))
		return move;
	wait_event_idle_timeout(migrate->deflate.queue->wait, (move = move_get(migrate)),
				balloon_queues_patience(migrate->inflate.queue->vb));
	if (!move)
		WRITE_ONCE(migrate->silent, true);
	return move;
}

/* Settles here instead of waiting for the worker, which may wait for a new page's lock. */
static void migrate_await_old(struct balloon_migrate *migrate,
			      struct balloon_move *move, struct page *old,
			      enum migrate_mode mode)
{
	struct balloon_stream *deflate = &migrate->deflate;
	unsigned long end = jiffies + balloon_queues_patience(deflate->queue->vb);
	bool taken = false;

	while (READ_ONCE(move->old) == old && migrate_may_wait(migrate, mode)) {
		long left = end - jiffies;

		if (left <= 0) {
			WRITE_ONCE(migrate->silent, true);
			break;
		}
		if (balloon_queue_arm(deflate->queue, BALLOON_ARM_FIRST))
			wait_event_idle_timeout(deflate->queue->wait, READ_ONCE(move->old) != old ||
						!list_empty_careful(&deflate->done),
						left);
		migrate_settle_old(migrate);
		taken = true;
	}
	/* Other streams' completions may have come with the same interrupt, or without one. */
	if (taken && !balloon_queue_arm(deflate->queue, BALLOON_ARM_FIRST))
		balloon_work_kick(&migrate->work);
}

static int migrate_begin(struct virtio_balloon *vb, struct page *new,
			 struct page *old, enum migrate_mode mode)
{
	struct balloon_migrate *migrate = &vb->migrate;
	struct balloon_move *move;

	/* A new page must not be pending: it would stay out of the balloon for long. */
	if (!balloon_queue_room(migrate->inflate.queue) ||
	    balloon_queue_broken(migrate->deflate.queue))
		return migrate_refuse(migrate);
	move = move_await(migrate, mode);
	if (!move)
		return migrate_refuse(migrate);

	move_fill(vb, &move->inflate, &move->new_sg, move->new_pfns, new);
	move_fill(vb, &move->deflate, &move->old_sg, move->old_pfns, old);
	get_page(new);
	move->new = new;
	get_page(old);
	move->old = old;

	move_post(migrate, move);
	if (atomic_read(&migrate->nr_moving) == 1)
		WRITE_ONCE(migrate->progress_at, jiffies);
	if (!migrate_arm(migrate))
		balloon_work_kick(&migrate->work);
	migrate_await_old(migrate, move, old, mode);
	count_vm_event(BALLOON_MIGRATE);
	return balloon_compat_moved_out(&vb->pages.info, old, balloon_pages_adjust_managed(vb));
}

/*
 * Since 6.3 mm tries MIGRATE_ASYNC first, and refused pages again in the requested mode: a
 * move that began in the first would not be waited for in the second. Only allocations
 * compact in this mode alone. If those are refused, 7.3 retries the same pageblock forever.
 */
static bool migrate_too_early(enum migrate_mode mode)
{
	return mode == MIGRATE_ASYNC && !(current->flags & PF_MEMALLOC);
}

/*
 * The kernel's callback: both pages are locked, @old is isolated. Called in any
 * thread, at any time from the first page in the balloon to the last.
 */
static int migrate_page(struct balloon_dev_info *info, struct page *new,
			struct page *old, enum migrate_mode mode)
{
	struct virtio_balloon *vb = container_of(info, struct virtio_balloon, pages.info);
	int rc = -EBUSY;

	if (migrate_too_early(mode))
		return -EBUSY;
	if (!balloon_pfn_fits(page_to_pfn(new), PAGE_SHIFT))
		return -EBUSY;
	if (!down_read_trylock(&vb->migrate.gate))
		return -EAGAIN;
	if (vb->migrate.open && balloon_pages_freed_unacked(vb))
		rc = migrate_hopeless(vb->migrate.deflate.queue) ? -EBUSY : -EAGAIN;
	else if (vb->migrate.open && !balloon_pages_orphaned(vb))
		rc = migrate_begin(vb, new, old, mode);
	up_read(&vb->migrate.gate);
	return rc;
}

static void move_enter(struct virtio_balloon *vb, struct balloon_move *move)
{
	LIST_HEAD(pages);

	/* Whoever moved it still has the lock; the list takes unlocked pages only. */
	folio_wait_locked(page_folio(move->new));
	list_add(&move->new->lru, &pages);
	balloon_pages_replace(vb, &pages);
	WRITE_ONCE(vb->pages.fresh, true);
	move->new = NULL;
}

/* Takes in completed requests. One thread at a time. */
static void migrate_settle(struct virtio_balloon *vb)
{
	struct balloon_migrate *migrate = &vb->migrate;
	struct balloon_request *request;
	struct balloon_move *move;

	while ((request = balloon_stream_take(&migrate->inflate))) {
		move = container_of(request, struct balloon_move, inflate);
		move_enter(vb, move);
		move_completed(migrate, move);
	}
	migrate_settle_old(migrate);
}

static void migrate_work(struct work_struct *work)
{
	struct balloon_migrate *migrate = container_of(to_delayed_work(work),
						       struct balloon_migrate, work.work);

	migrate_settle(migrate->inflate.queue->vb);
	if (!migrate_arm(migrate))
		balloon_work_kick(&migrate->work);
}

/**
 * balloon_migrate_init() - let the kernel move balloon pages
 * @vb: the balloon
 *
 * Before the first page is in the balloon: the core calls without looking.
 *
 * Context: probe, after balloon_pages_init(); may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_migrate_init(struct virtio_balloon *vb)
{
	struct balloon_migrate *migrate = &vb->migrate;
	unsigned int i;

	migrate->wq = alloc_workqueue("virtio-balloon-move/%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0,
				      dev_name(&vb->vdev->dev));
	if (!migrate->wq)
		return -ENOMEM;

	balloon_work_init(&migrate->work, migrate->wq, migrate_work);
	init_rwsem(&migrate->gate);
	spin_lock_init(&migrate->lock);
	mutex_init(&migrate->settling);
	INIT_LIST_HEAD(&migrate->free);
	for (i = 0; i < BALLOON_MOVES; i++)
		list_add_tail(&migrate->moves[i].node, &migrate->free);
	balloon_stream_init(&migrate->inflate, &vb->queues[BALLOON_QUEUE_INFLATE],
			    &migrate->work);
	balloon_stream_init(&migrate->deflate, &vb->queues[BALLOON_QUEUE_DEFLATE],
			    &migrate->work);
	vb->pages.info.migratepage = migrate_page;
	return 0;
}

/**
 * balloon_migrate_start() - accept moves
 * @vb: the balloon
 *
 * Context: after DRIVER_OK; may sleep.
 * Return: 0.
 */
int balloon_migrate_start(struct virtio_balloon *vb)
{
	struct balloon_migrate *migrate = &vb->migrate;

	balloon_work_start(&migrate->work);
	down_write(&migrate->gate);
	migrate->open = true;
	up_write(&migrate->gate);
	/* Take in what was completed meanwhile. */
	balloon_work_kick(&migrate->work);
	return 0;
}

/**
 * balloon_migrate_stop() - refuse moves and settle those under way
 * @vb: the balloon
 *
 * The callback may still be called, and refuses.
 *
 * Context: may sleep, for BALLOON_MIGRATE_STOP_TIMEOUT with a silent host.
 */
void balloon_migrate_stop(struct virtio_balloon *vb)
{
	struct balloon_migrate *migrate = &vb->migrate;
	unsigned long end = jiffies + BALLOON_MIGRATE_STOP_TIMEOUT;

	down_write(&migrate->gate);
	migrate->open = false;
	up_write(&migrate->gate);
	balloon_work_stop(&migrate->work);

	while (atomic_read(&migrate->nr_moving) && time_before(jiffies, end) &&
	       !balloon_queue_broken(migrate->inflate.queue)) {
		migrate_settle(vb);
		migrate_arm(migrate);
		balloon_stream_wait(&migrate->inflate, 1);
	}
}

/**
 * balloon_migrate_release() - take back the moves in flight
 * @vb: the balloon
 *
 * Context: the part is stopped, the device reset and its queues cancelled.
 */
void balloon_migrate_release(struct virtio_balloon *vb)
{
	struct balloon_migrate *migrate = &vb->migrate;
	unsigned int i;

	while (balloon_stream_take(&migrate->inflate))
		;
	while (balloon_stream_take(&migrate->deflate))
		;
	INIT_LIST_HEAD(&migrate->free);
	for (i = 0; i < BALLOON_MOVES; i++) {
		struct balloon_move *move = &migrate->moves[i];

		if (move->new) {
			/* The migrating thread does not use the balloon after that. */
			folio_wait_locked(page_folio(move->new));
			balloon_pages_lost(vb);
		}
		move_drop(move);
		list_add_tail(&move->node, &migrate->free);
	}
	atomic_set(&migrate->nr_moving, 0);
}

/**
 * balloon_migrate_exit() - the counterpart of balloon_migrate_init()
 * @vb: the balloon, empty: no page can be moved
 *
 * Context: remove.
 */
void balloon_migrate_exit(struct virtio_balloon *vb)
{
	vb->pages.info.migratepage = NULL;
	destroy_workqueue(vb->migrate.wq);
}
