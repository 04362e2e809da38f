/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels. The driver is written for the newest one, and this file adds
 * what an older kernel lacks. Kbuild.probe tests what there is.
 */
#ifndef BALLOON_COMPAT_H
#define BALLOON_COMPAT_H

#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/vmstat.h>

#ifdef BALLOON_HAVE_CORE_ACCOUNTING
#include <linux/balloon.h>
#else
#include <linux/balloon_compaction.h>
#endif

/*
 * The node's counter of balloon pages, where there is one. The core counts only pages that
 * enter and leave its list.
 */
#ifdef BALLOON_HAVE_NODE_COUNTER
static inline void balloon_compat_count_node(struct page *page, long nr_pages)
{
	mod_node_page_state(page_pgdat(page), NR_BALLOON_PAGES, nr_pages);
}
#else
static inline void balloon_compat_count_node(struct page *page, long nr_pages)
{
}
#endif

/*
 * Compaction may treat a page that left the balloon as movable, and lock it for a moment to
 * check. Putting a locked page back is fatal, except where the core's list functions lock no
 * page (BALLOON_HAVE_CORE_ACCOUNTING).
 *
 * Before movable pages had a type, their mapping marked them. Compaction does not look at a
 * page without it; a thread that looked before it was cleared holds a reference. A type stays
 * until the page is free: on such kernels the page is locked when it is put back, which waits
 * for such a thread.
 */
static inline void balloon_compat_hide(struct page *page)
{
#if defined(BALLOON_MIGRATION) && !defined(BALLOON_HAVE_CORE_ACCOUNTING) && \
	!defined(BALLOON_HAVE_MOVABLE_BY_TYPE)
	page->mapping = NULL;
#endif
}

#if defined(BALLOON_HAVE_MOVABLE_BY_TYPE) && !defined(BALLOON_HAVE_CORE_ACCOUNTING)
/*
 * The core's function for this has a BUG_ON() for a locked page. A page that was never in
 * the balloon is not locked, so this sleeps only in the size worker, for a page that was
 * reannounced.
 */
static inline size_t balloon_compat_list_enqueue(struct balloon_dev_info *info,
						 struct list_head *pages)
{
	struct page *page, *next;
	unsigned long flags;
	size_t nr = 0;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		if (!trylock_page(page))
			lock_page(page);
		spin_lock_irqsave(&info->pages_lock, flags);
		balloon_page_insert(info, page);
		__count_vm_event(BALLOON_INFLATE);
		spin_unlock_irqrestore(&info->pages_lock, flags);
		balloon_compat_count_node(page, 1);
		unlock_page(page);
		nr++;
	}
	return nr;
}

#define balloon_page_list_enqueue balloon_compat_list_enqueue
#endif

/* Whether a page that was hidden has no other reference: then it can be put back at once. */
static inline bool balloon_compat_may_enqueue(struct page *page)
{
	return page_ref_count(page) == 1;
}

/* Allocates several single pages into the NULL entries of an array. */
#ifdef alloc_pages_bulk_node
#define balloon_compat_alloc_bulk	alloc_pages_bulk_node
#else
#define balloon_compat_alloc_bulk	alloc_pages_bulk_array_node
#endif

/* The largest order of the allocator; MAX_ORDER once was one more than that. */
#ifdef MAX_PAGE_ORDER
#define BALLOON_COMPAT_MAX_ORDER	MAX_PAGE_ORDER
#elif defined(BALLOON_HAVE_INCLUSIVE_MAX_ORDER)
#define BALLOON_COMPAT_MAX_ORDER	MAX_ORDER
#else
#define BALLOON_COMPAT_MAX_ORDER	(MAX_ORDER - 1)
#endif

/* Movable, where the kernel can move balloon pages. Without reclaim. */
#ifdef BALLOON_MIGRATION
#define BALLOON_COMPAT_GFP	GFP_HIGHUSER_MOVABLE
#else
#define BALLOON_COMPAT_GFP	GFP_HIGHUSER
#endif

#ifdef BALLOON_MIGRATION
#ifdef BALLOON_HAVE_CORE_ACCOUNTING
/*
 * What the migration callback returns when @old left the balloon and the page that replaces
 * it is not in it yet. The core drops the balloon's reference to @old and does the rest,
 * except the node's counter of balloon pages.
 */
static inline int balloon_compat_moved_out(struct balloon_dev_info *info,
					   struct page *old, bool adjust)
{
	dec_node_page_state(old, NR_BALLOON_PAGES);
	if (adjust)
		adjust_managed_page_count(old, 1);
	return -ENOENT;
}
#else
/* The same on kernels whose core leaves all accounting to the driver. */
static inline int balloon_compat_moved_out(struct balloon_dev_info *info,
					   struct page *old, bool adjust)
{
	unsigned long flags;

	spin_lock_irqsave(&info->pages_lock, flags);
	info->isolated_pages--;
	__count_vm_event(BALLOON_DEFLATE);
	spin_unlock_irqrestore(&info->pages_lock, flags);

	balloon_compat_count_node(old, -1);
	if (adjust)
		adjust_managed_page_count(old, 1);
	balloon_page_finalize(old);
	put_page(old);
	return 0;
}
#endif
#endif

#ifndef BALLOON_HAVE_VIRTQUEUE_INFO
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

static inline int balloon_compat_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
					  struct virtqueue *vqs[],
					  struct virtqueue_info infos[],
					  struct irq_affinity *desc)
{
	vq_callback_t *callbacks[8];
	const char *names[8];
	unsigned int i;

	if (nvqs > ARRAY_SIZE(names))
		return -EINVAL;
	for (i = 0; i < nvqs; i++) {
		callbacks[i] = infos[i].callback;
		names[i] = infos[i].name;
	}
	return virtio_find_vqs(vdev, nvqs, vqs, callbacks, names, desc);
}

#define virtio_find_vqs balloon_compat_find_vqs
#endif

/*
 * Callbacks of the transport before and after a function reset: initializers for struct
 * virtio_driver. Older kernels do not tell the driver.
 */
#ifdef BALLOON_HAVE_DRIVER_RESET
#define BALLOON_COMPAT_RESET(prepare, done)	\
	.reset_prepare = prepare,		\
	.reset_done = done,
#else
#define BALLOON_COMPAT_RESET(prepare, done)
#endif

/* The first 64 feature bits that the device offers, accepted or not. */
#ifdef BALLOON_HAVE_VIRTIO_GET_FEATURES
static inline u64 balloon_compat_offered(struct virtio_device *vdev)
{
	u64 features[VIRTIO_FEATURES_U64S];

	virtio_get_features(vdev, features);
	return features[0];
}
#else
static inline u64 balloon_compat_offered(struct virtio_device *vdev)
{
	return vdev->config->get_features(vdev);
}
#endif

/* The workqueue of schedule_work(). */
#ifdef BALLOON_HAVE_PERCPU_WQ
#define balloon_compat_system_wq	system_percpu_wq
#else
#define balloon_compat_system_wq	system_wq
#endif

/*
 * Pages that reclaim scanned and stole became node counters. Where they are still events,
 * passing an event's number to global_node_page_state() compiles and reads another counter.
 */
#ifdef BALLOON_HAVE_NODE_PGSCAN
#define balloon_compat_reclaim_state(events, item) global_node_page_state(item)
#else
#define balloon_compat_reclaim_state(events, item) ((events)[item])
#endif

#endif /* BALLOON_COMPAT_H */
