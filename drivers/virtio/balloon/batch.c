// SPDX-License-Identifier: GPL-2.0-only
/*
 * A batch is one buffer of the inflate or deflate queue together with the pages it names.
 * While it is in flight, the pages belong to the batch. They cannot be freed, deflated or
 * moved, because nothing else refers to them.
 *
 * Batches are allocated at probe: inflation and deflation allocate no memory for
 * themselves. When the OOM notifier needs more batches than there are, a page that leaves
 * the balloon becomes a batch until its deflation is completed.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "balloon.h"

/* Page numbers in one buffer, or 0 for the most that the host is known to take. */
static unsigned int balloon_element;

static int element_set(const char *val, const struct kernel_param *kp)
{
	unsigned int nr_4k;
	int err = kstrtouint(val, 0, &nr_4k);

	if (err)
		return err;
	if (nr_4k && nr_4k != BALLOON_DESC_NR_4K && nr_4k != BALLOON_BUFFER_NR_4K_MAX)
		return -EINVAL;
	WRITE_ONCE(balloon_element, nr_4k);
	return 0;
}

static const struct kernel_param_ops balloon_element_ops = {
	.set = element_set,
	.get = param_get_uint,
};

module_param_cb(element, &balloon_element_ops, &balloon_element, 0644);
MODULE_PARM_DESC(element,
		 "Page numbers in one element of the inflate and deflate queues: 256, which every host takes, 512, which hosts with huge pages want, or 0 (default) for 512 where the host is known to take them");

/**
 * balloon_batch_nr_pages_max() - pages that one batch may name
 * @vb: the balloon
 *
 * Some hosts never complete more than 256 numbers, or read the first descriptor only. Of
 * the known hosts only one offers PAGE_POISON, and it takes any length; there a batch
 * names a whole block.
 *
 * Context: any.
 */
unsigned int balloon_batch_nr_pages_max(struct virtio_balloon *vb)
{
	unsigned int nr_4k = READ_ONCE(balloon_element);
	unsigned int nr_desc = min3(vb->queues[BALLOON_QUEUE_INFLATE].size,
				    vb->queues[BALLOON_QUEUE_DEFLATE].size,
				    (unsigned int)BALLOON_BUFFER_DESCS);

	if (!nr_4k)
		nr_4k = vb->offered & BIT_ULL(VIRTIO_BALLOON_F_PAGE_POISON) ?
			BALLOON_BUFFER_NR_4K_MAX : BALLOON_DESC_NR_4K;
	return balloon_4k_whole_pages(min(nr_4k, nr_desc * BALLOON_DESC_NR_4K), PAGE_SHIFT);
}

/**
 * balloon_pool_init() - allocate the batches of one user of a queue
 * @pool: the pool
 * @queue: the queue that they are posted on
 * @work: kicked when one was completed
 *
 * Context: init of a part; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_pool_init(struct balloon_pool *pool, struct balloon_queue *queue,
		      struct balloon_work *work)
{
	unsigned int i;

	BUILD_BUG_ON(PAGE_SHIFT < BALLOON_PFN_SHIFT);
	BUILD_BUG_ON(PAGE_SIZE / SZ_4K > BALLOON_DESC_NR_4K);

	INIT_LIST_HEAD(&pool->free);
	for (i = 0; i < BALLOON_POOL_NR_BATCHES; i++) {
		pool->batches[i] = kzalloc(sizeof(*pool->batches[i]), GFP_KERNEL);
		if (!pool->batches[i]) {
			balloon_pool_exit(pool);
			return -ENOMEM;
		}
		INIT_LIST_HEAD(&pool->batches[i]->pages);
		list_add_tail(&pool->batches[i]->node, &pool->free);
	}
	balloon_stream_init(&pool->stream, queue, work);
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
		WARN_ON_ONCE(pool->batches[i] && !list_empty(&pool->batches[i]->pages));
		kfree(pool->batches[i]);
		pool->batches[i] = NULL;
	}
}

/**
 * balloon_pool_kick() - notify the host of the buffers posted so far
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
 * Return: an empty batch, or NULL until the host completes one.
 */
struct balloon_batch *balloon_pool_get(struct balloon_pool *pool)
{
	struct balloon_batch *batch;

	batch = list_first_entry_or_null(&pool->free, struct balloon_batch, node);
	if (batch)
		list_del(&batch->node);
	return batch;
}

/**
 * balloon_pool_put() - return a batch that owns no pages any more
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
	batch->reannounced = false;
	list_add(&batch->node, &pool->free);
}

/* A batch is in flight, or, if @sign is -1, no longer. */
static void pool_account(struct balloon_pool *pool, const struct balloon_batch *batch, int sign)
{
	long nr_pages = sign * (long)batch->nr_pages;

	WRITE_ONCE(pool->nr_pages_in_flight, pool->nr_pages_in_flight + nr_pages);
	if (batch->reannounced)
		pool->nr_pages_reannounced += nr_pages;
}

/**
 * balloon_pool_take() - the next completed batch
 * @pool: the pool
 *
 * Context: the pool's user; or, after balloon_queues_cancel(), when it is stopped.
 * Return: the batch, to be returned with balloon_pool_put(), or NULL.
 */
struct balloon_batch *balloon_pool_take(struct balloon_pool *pool)
{
	struct balloon_request *request = balloon_stream_take(&pool->stream);
	struct balloon_batch *batch;

	if (!request)
		return NULL;
	batch = container_of(request, struct balloon_batch, request);
	pool_account(pool, batch, -1);
	return batch;
}

/**
 * balloon_fill_pfns() - the device's numbers for one page of the guest
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

/* Adds a page's numbers to the buffer. */
static void batch_name(struct virtio_balloon *vb, struct balloon_batch *batch, struct page *page)
{
	balloon_fill_pfns(vb, batch->pfns + batch->nr_4k, page);
	batch->nr_4k += balloon_4k_per_page(PAGE_SHIFT);
	batch->nr_pages++;
}

/**
 * balloon_batch_borrow() - use a page that leaves the balloon as a batch
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

	BUILD_BUG_ON(sizeof(*batch) > PAGE_SIZE);
	memset(batch, 0, offsetof(struct balloon_batch, pfns));
	INIT_LIST_HEAD(&batch->pages);
	batch->home = page;
	batch_name(vb, batch, page);
	return batch;
}

/**
 * balloon_batch_add() - add a page, which the batch then owns
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
 * balloon_batch_commit() - a batch is filled, and counts as in flight
 * @pool: the pool
 * @batch: a batch with at least one page, to be posted now or later
 *
 * Context: the pool's user.
 */
void balloon_batch_commit(struct balloon_pool *pool, struct balloon_batch *batch)
{
	pool_account(pool, batch, 1);
}

/**
 * balloon_batch_drop() - a committed batch will not be posted
 * @pool: the pool
 * @batch: the batch, on no list, without pages
 *
 * Context: the pool's user.
 */
void balloon_batch_drop(struct balloon_pool *pool, struct balloon_batch *batch)
{
	pool_account(pool, batch, -1);
	balloon_pool_put(pool, batch);
}

/**
 * balloon_batch_post() - post a batch
 * @pool: the pool
 * @batch: a committed batch
 *
 * Notifies the host of several batches at once, and balloon_pool_kick() of the last ones.
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

	balloon_queue_post(&pool->stream, request);
	if (++pool->nr_unkicked >= BALLOON_POOL_KICK_BATCHES && !pool->kick_at_end)
		balloon_pool_kick(pool);
}
