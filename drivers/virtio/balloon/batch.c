// SPDX-License-Identifier: GPL-2.0-only
/*
 * A batch is one element of the inflate or deflate queue together with the
 * pages it names. While the host has it, the pages are the batch's: nobody can
 * free, deflate or move them, because nobody else knows them.
 *
 * Batches are allocated at probe. What inflates or deflates later needs no memory for
 * it, which matters most when there is none. Where that many are not enough, a page
 * that leaves the balloon becomes a batch until the host was told of it.
 */
#include <linux/slab.h>

#include "balloon.h"

static struct balloon_batch *batch_alloc(void)
{
	struct balloon_batch *batch;

	batch = kzalloc(sizeof(*batch), GFP_KERNEL);
	if (!batch)
		return NULL;
	batch->pfns = kmalloc_array(BALLOON_ELEMENT_NR_4K_MAX, sizeof(*batch->pfns), GFP_KERNEL);
	if (!batch->pfns) {
		kfree(batch);
		return NULL;
	}
	INIT_LIST_HEAD(&batch->pages);
	return batch;
}

/**
 * balloon_pool_init() - allocate the batches of one user of a queue
 * @pool: the pool
 * @queue: the queue they will travel on
 * @notify: called when one came back
 *
 * Context: init of a part; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_pool_init(struct balloon_pool *pool, struct balloon_queue *queue,
		      void (*notify)(struct balloon_stream *stream))
{
	unsigned int i;

	BUILD_BUG_ON(PAGE_SHIFT < BALLOON_PFN_SHIFT);
	BUILD_BUG_ON(PAGE_SIZE / SZ_4K > BALLOON_DESC_NR_4K);

	INIT_LIST_HEAD(&pool->free);
	INIT_LIST_HEAD(&pool->parked);
	for (i = 0; i < BALLOON_POOL_NR_BATCHES; i++) {
		pool->batches[i] = batch_alloc();
		if (!pool->batches[i]) {
			balloon_pool_exit(pool);
			return -ENOMEM;
		}
		list_add_tail(&pool->batches[i]->node, &pool->free);
	}
	balloon_stream_init(&pool->stream, queue, notify);
	return 0;
}

/**
 * balloon_pool_exit() - free the batches; none may be in flight
 * @pool: the pool
 *
 * Context: exit of a part; may sleep.
 */
void balloon_pool_exit(struct balloon_pool *pool)
{
	unsigned int i;

	for (i = 0; i < BALLOON_POOL_NR_BATCHES; i++) {
		if (!pool->batches[i])
			continue;
		WARN_ON_ONCE(!list_empty(&pool->batches[i]->pages));
		kfree(pool->batches[i]->pfns);
		kfree(pool->batches[i]);
		pool->batches[i] = NULL;
	}
}

/**
 * balloon_pool_kick() - notify the host of the elements posted so far
 * @pool: the pool
 *
 * Context: the pool's user.
 */
void balloon_pool_kick(struct balloon_pool *pool)
{
	if (!pool->nr_unkicked)
		return;
	pool->nr_unkicked = 0;
	balloon_queue_kick(pool->stream.queue);
}

static int pool_send(struct balloon_pool *pool, struct balloon_batch *batch)
{
	int err = balloon_queue_post(&pool->stream, &batch->request);

	if (!err && ++pool->nr_unkicked >= BALLOON_POOL_KICK_BATCHES && !pool->take_turns)
		balloon_pool_kick(pool);
	return err;
}

/* Posts what found no room before; false if there still is none. */
static bool pool_unpark(struct balloon_pool *pool)
{
	struct balloon_batch *batch, *next;

	list_for_each_entry_safe(batch, next, &pool->parked, node) {
		if (pool_send(pool, batch))
			return false;
		list_del(&batch->node);
	}
	return true;
}

/* An answer may have made room for what had none. */
static void pool_resume(struct balloon_pool *pool)
{
	if (list_empty(&pool->parked))
		return;
	pool_unpark(pool);
	balloon_pool_kick(pool);
}

/**
 * balloon_pool_full() - whether the host has to answer before there is a batch
 * @pool: the pool
 *
 * Context: the pool's user.
 */
bool balloon_pool_full(struct balloon_pool *pool)
{
	return !pool_unpark(pool) || list_empty(&pool->free);
}

/**
 * balloon_pool_has() - whether balloon_pool_get() would return so many batches
 * @pool: the pool
 * @nr: at least 1
 *
 * Context: the pool's user.
 */
bool balloon_pool_has(struct balloon_pool *pool, unsigned int nr)
{
	struct balloon_batch *batch;

	if (balloon_pool_full(pool))
		return false;
	list_for_each_entry(batch, &pool->free, node)
		if (!--nr)
			return true;
	return false;
}

/**
 * balloon_pool_get() - an unused batch
 * @pool: the pool
 *
 * Context: the pool's user.
 * Return: an empty batch, or NULL while balloon_pool_full().
 */
struct balloon_batch *balloon_pool_get(struct balloon_pool *pool)
{
	struct balloon_batch *batch;

	if (balloon_pool_full(pool))
		return NULL;
	batch = list_first_entry(&pool->free, struct balloon_batch, node);
	list_del(&batch->node);
	return batch;
}

/**
 * balloon_pool_put() - give back a batch that has no pages of its own any more
 * @pool: the pool
 * @batch: the batch
 *
 * Context: the pool's user.
 */
void balloon_pool_put(struct balloon_pool *pool, struct balloon_batch *batch)
{
	if (batch->home) {
		put_page(batch->home);
		return;
	}
	batch->nr_pages = 0;
	batch->nr_4k = 0;
	batch->again = false;
	list_add(&batch->node, &pool->free);
}

/* A batch is on its way, or, if @sign is -1, no longer. */
static void pool_account(struct balloon_pool *pool, const struct balloon_batch *batch, int sign)
{
	long nr_pages = sign * (long)batch->nr_pages;

	WRITE_ONCE(pool->nr_pages_held, pool->nr_pages_held + nr_pages);
	if (batch->again)
		pool->nr_pages_again += nr_pages;
}

/**
 * balloon_pool_take() - the next batch the host is done with
 * @pool: the pool
 *
 * Posts what waits for room in the ring when it has taken the last one: with a
 * short ring nobody else may come to do that.
 *
 * Context: the pool's user.
 * Return: the batch, to be given back with balloon_pool_put(), or NULL.
 */
struct balloon_batch *balloon_pool_take(struct balloon_pool *pool)
{
	struct balloon_request *request = balloon_stream_take(&pool->stream);
	struct balloon_batch *batch;

	if (!request) {
		pool_resume(pool);
		return NULL;
	}
	batch = container_of(request, struct balloon_batch, request);
	pool_account(pool, batch, -1);
	return batch;
}

/**
 * balloon_pool_cancelled() - the next batch after balloon_queues_cancel()
 * @pool: the pool
 *
 * Like balloon_pool_take(), and those that never got into the ring.
 *
 * Context: the device is reset and the pool's user stopped.
 * Return: the batch, or NULL.
 */
struct balloon_batch *balloon_pool_cancelled(struct balloon_pool *pool)
{
	struct balloon_batch *batch;

	pool->nr_unkicked = 0;
	batch = list_first_entry_or_null(&pool->parked, struct balloon_batch, node);
	if (!batch)
		return balloon_pool_take(pool);
	list_del(&batch->node);
	pool_account(pool, batch, -1);
	return batch;
}

/**
 * balloon_fill_pfns() - the device's names for one page of the guest
 * @vb: the balloon
 * @pfns: room for PAGE_SIZE / 4096 entries
 * @page: the page; all its PFNs fit 32 bits
 *
 * Context: any.
 */
void balloon_fill_pfns(struct virtio_balloon *vb, __virtio32 *pfns, struct page *page)
{
	u32 first = balloon_pfn_to_4k(page_to_pfn(page), PAGE_SHIFT);
	unsigned int i;

	for (i = 0; i < balloon_4k_per_page(PAGE_SHIFT); i++)
		pfns[i] = cpu_to_virtio32(vb->vdev, first + i);
}

/* Adds a page's numbers to what the batch tells the host. */
static void batch_name(struct virtio_balloon *vb, struct balloon_batch *batch, struct page *page)
{
	balloon_fill_pfns(vb, batch->pfns + batch->nr_4k, page);
	batch->nr_4k += balloon_4k_per_page(PAGE_SHIFT);
	batch->nr_pages++;
}

/**
 * balloon_batch_borrow() - make a batch of a page that leaves the balloon
 * @vb: the balloon, without VIRTIO_BALLOON_F_MUST_TELL_HOST
 * @page: the page, on no list, in the kernel's direct mapping
 *
 * The batch names that page, and balloon_pool_put() frees it.
 *
 * Context: any.
 */
struct balloon_batch *balloon_batch_borrow(struct virtio_balloon *vb, struct page *page)
{
	struct balloon_batch *batch = page_address(page);

	BUILD_BUG_ON(sizeof(*batch) + BALLOON_ELEMENT_NR_4K_MAX * sizeof(*batch->pfns) > PAGE_SIZE);
	memset(batch, 0, sizeof(*batch));
	INIT_LIST_HEAD(&batch->pages);
	batch->pfns = (__virtio32 *)(batch + 1);
	batch->home = page;
	batch_name(vb, batch, page);
	return batch;
}

/**
 * balloon_batch_add() - make a page the batch's
 * @vb: the balloon
 * @batch: a batch with room for it
 * @page: the page, on no list
 *
 * Context: the pool's user.
 */
void balloon_batch_add(struct virtio_balloon *vb, struct balloon_batch *batch, struct page *page)
{
	batch_name(vb, batch, page);
	list_add_tail(&page->lru, &batch->pages);
}

/**
 * balloon_batch_hold() - a batch is filled, and on its way to the host
 * @pool: the pool
 * @batch: a batch with at least one page, to be posted now or later
 *
 * From here on its pages count as in flight.
 *
 * Context: the pool's user.
 */
void balloon_batch_hold(struct balloon_pool *pool, struct balloon_batch *batch)
{
	pool_account(pool, batch, 1);
}

/**
 * balloon_batch_drop() - a batch is not going to the host after all
 * @pool: the pool
 * @batch: a batch that is held, on no list; its pages went elsewhere
 *
 * Context: the pool's user.
 */
void balloon_batch_drop(struct balloon_pool *pool, struct balloon_batch *batch)
{
	pool_account(pool, batch, -1);
	balloon_pool_put(pool, batch);
}

/**
 * balloon_batch_post() - hand the batch to the host
 * @pool: the pool
 * @batch: a batch that is held
 *
 * From here on the batch is in flight. Should the ring have no room, or be
 * broken, it waits in the pool and goes before any other. Kicks for several
 * batches at once; balloon_pool_kick() is for the last ones.
 *
 * Context: the pool's user.
 */
void balloon_batch_post(struct balloon_pool *pool, struct balloon_batch *batch)
{
	struct balloon_request *request = &batch->request;
	unsigned int first = min_t(unsigned int, batch->nr_4k, BALLOON_DESC_NR_4K);

	request->sg = batch->sg;
	request->nr_sg = batch->nr_4k > first ? 2 : 1;
	sg_init_table(batch->sg, request->nr_sg);
	sg_set_buf(&batch->sg[0], batch->pfns, first * sizeof(*batch->pfns));
	if (request->nr_sg > 1)
		sg_set_buf(&batch->sg[1], batch->pfns + first,
			   (batch->nr_4k - first) * sizeof(*batch->pfns));

	if (!pool_unpark(pool) || pool_send(pool, batch))
		list_add_tail(&batch->node, &pool->parked);
}
