// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory statistics, VIRTIO 1.3 section 5.5.6.3.
 *
 * The queue works backwards: the driver puts one filled buffer there, the host
 * keeps it, and gives it back when it wants the next. Nothing here waits for
 * the balloon or allocates, so that the host gets its numbers when it needs
 * them most: while the guest thrashes.
 *
 * Every buffer has the same set of tags in the same order. Some hosts keep a buffer
 * with a tag that they do not know, and get no statistics any more. So a host that
 * works with the kernel's own driver gets the tags of that driver and no others,
 * unless the parameter says otherwise.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "balloon.h"
#include "compat/compat.h"
#include "param.h"

/* The tags of VIRTIO 1.3 are those below this. */
#define BALLOON_STATS_SPEC_NR	(VIRTIO_BALLOON_S_HTLB_PGFAIL + 1)

enum balloon_stats_tags {
	BALLOON_STATS_SPEC,
	BALLOON_STATS_KERNEL,
	BALLOON_STATS_ALL,
};

static const char * const balloon_stats_names[] = {
	[BALLOON_STATS_SPEC]	= "spec",
	[BALLOON_STATS_KERNEL]	= "kernel",
	[BALLOON_STATS_ALL]	= "all",
	NULL
};

static const unsigned int balloon_stats_nr_tags[] = {
	[BALLOON_STATS_SPEC]	= BALLOON_STATS_SPEC_NR,
	[BALLOON_STATS_KERNEL]	= BALLOON_COMPAT_STATS_NR,
	[BALLOON_STATS_ALL]	= VIRTIO_BALLOON_S_NR,
};

static struct balloon_choice balloon_stats_set = { balloon_stats_names, BALLOON_STATS_KERNEL };

module_param_cb(stats, &balloon_choice_ops, &balloon_stats_set, 0644);
MODULE_PARM_DESC(stats,
		 "Which memory statistics the host gets: 'kernel' (default: those of the kernel's own driver), 'spec' (those of VIRTIO 1.3) or 'all'; for devices that are bound from then on");

/* Where the next statistic goes. */
struct balloon_stats_cursor {
	struct virtio_balloon *vb;
	unsigned int nr;
};

static void stats_put(struct balloon_stats_cursor *cursor, u16 tag, u64 val)
{
	struct virtio_device *vdev = cursor->vb->vdev;
	struct virtio_balloon_stat *stat;

	if (tag >= cursor->vb->stats->nr_tags)
		return;
	stat = &cursor->vb->stats->stat[cursor->nr++];
	stat->tag = cpu_to_virtio16(vdev, tag);
	stat->val = cpu_to_virtio64(vdev, val);
}

static void stats_put_pages(struct balloon_stats_cursor *cursor, u16 tag, u64 nr_pages)
{
	stats_put(cursor, tag, nr_pages << PAGE_SHIFT);
}

static void stats_put_memory(struct balloon_stats_cursor *cursor)
{
	struct sysinfo info;

	si_meminfo(&info);
	stats_put_pages(cursor, VIRTIO_BALLOON_S_MEMFREE, info.freeram);
	stats_put_pages(cursor, VIRTIO_BALLOON_S_MEMTOT, info.totalram);
	stats_put_pages(cursor, VIRTIO_BALLOON_S_AVAIL, max(si_mem_available(), 0L));
	stats_put_pages(cursor, VIRTIO_BALLOON_S_CACHES, global_node_page_state(NR_FILE_PAGES));
}

#ifdef CONFIG_VM_EVENT_COUNTERS
static u64 stats_stalls(const unsigned long *events)
{
	u64 stalls = 0;
	unsigned int zone;

	/* One counter for each zone, in the zones' order. */
	for (zone = 0; zone < MAX_NR_ZONES; zone++)
		stalls += events[ALLOCSTALL_NORMAL - ZONE_NORMAL + zone];
	return stalls;
}

static void stats_put_reclaim(struct balloon_stats_cursor *cursor, const unsigned long *events)
{
	stats_put_pages(cursor, VIRTIO_BALLOON_S_ASYNC_SCAN, balloon_compat_reclaim_state(events,
						     PGSCAN_KSWAPD));
	stats_put_pages(cursor, VIRTIO_BALLOON_S_DIRECT_SCAN, balloon_compat_reclaim_state(events,
						     PGSCAN_DIRECT));
	stats_put_pages(cursor, VIRTIO_BALLOON_S_ASYNC_RECLAIM, balloon_compat_reclaim_state(events,
						     PGSTEAL_KSWAPD));
	stats_put_pages(cursor, VIRTIO_BALLOON_S_DIRECT_RECLAIM,
			balloon_compat_reclaim_state(events, PGSTEAL_DIRECT));
}

static void stats_put_events(struct balloon_stats_cursor *cursor)
{
	unsigned long *events = cursor->vb->stats->events;

	all_vm_events(events);
	stats_put_pages(cursor, VIRTIO_BALLOON_S_SWAP_IN, events[PSWPIN]);
	stats_put_pages(cursor, VIRTIO_BALLOON_S_SWAP_OUT, events[PSWPOUT]);
	stats_put(cursor, VIRTIO_BALLOON_S_MAJFLT, events[PGMAJFAULT]);
	stats_put(cursor, VIRTIO_BALLOON_S_MINFLT, events[PGFAULT]);
#ifdef CONFIG_HUGETLB_PAGE
	stats_put(cursor, VIRTIO_BALLOON_S_HTLB_PGALLOC, events[HTLB_BUDDY_PGALLOC]);
	stats_put(cursor, VIRTIO_BALLOON_S_HTLB_PGFAIL, events[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
	stats_put(cursor, VIRTIO_BALLOON_S_OOM_KILL, events[OOM_KILL]);
	stats_put(cursor, VIRTIO_BALLOON_S_ALLOC_STALL, stats_stalls(events));
	stats_put_reclaim(cursor, events);
}
#else
static void stats_put_events(struct balloon_stats_cursor *cursor)
{
}
#endif

/* Fills the buffer and hands it to the host, which has none now. */
static void stats_send(struct virtio_balloon *vb)
{
	struct balloon_stats *stats = vb->stats;
	struct balloon_stats_cursor cursor = { .vb = vb };

	stats_put_memory(&cursor);
	stats_put_events(&cursor);

	sg_init_one(&stats->sg, stats->stat, cursor.nr * sizeof(*stats->stat));
	stats->request.sg = &stats->sg;
	stats->request.nr_sg = 1;
	/* It fails on a broken queue only, which queue_watch.c names. */
	if (balloon_queue_post(&stats->stream, &stats->request))
		balloon_work_kick(&vb->watch);
	balloon_queue_kick(stats->stream.queue);
	if (!balloon_queue_arm(stats->stream.queue, BALLOON_ARM_FIRST))
		balloon_work_kick(&stats->work);
}

static void stats_work(struct work_struct *work)
{
	struct balloon_stats *stats = container_of(to_delayed_work(work), struct balloon_stats,
						   work.work);

	if (balloon_stream_take(&stats->stream))
		stats_send(stats->stream.queue->vb);
}

static void stats_notify(struct balloon_stream *stream)
{
	balloon_work_kick(&container_of(stream, struct balloon_stats, stream)->work);
}

/**
 * balloon_stats_init() - allocate the statistics buffer
 * @vb: the balloon
 *
 * Context: probe; may sleep.
 * Return: 0 or -ENOMEM.
 */
int balloon_stats_init(struct virtio_balloon *vb)
{
	vb->stats = kzalloc(sizeof(*vb->stats), GFP_KERNEL);
	if (!vb->stats)
		return -ENOMEM;
	vb->stats->nr_tags = balloon_stats_nr_tags[balloon_choice(&balloon_stats_set)];
	balloon_work_init(&vb->stats->work, vb->wq, stats_work);
	balloon_stream_init(&vb->stats->stream, &vb->queues[BALLOON_QUEUE_STATS], stats_notify);
	return 0;
}

/**
 * balloon_stats_start() - give the host its first buffer
 * @vb: the balloon
 *
 * Context: after DRIVER_OK: a notification before is lost.
 * Return: 0.
 */
int balloon_stats_start(struct virtio_balloon *vb)
{
	struct balloon_stats *stats = vb->stats;
	/* It was, if the device was not reset while the part was stopped. */
	bool with_host = READ_ONCE(stats->stream.nr_in_flight);

	balloon_work_start(&stats->work);
	if (with_host) {
		balloon_work_kick(&stats->work);
		return 0;
	}
	balloon_stream_take(&stats->stream);
	stats_send(vb);
	return 0;
}

/**
 * balloon_stats_stop() - answer no more requests
 * @vb: the balloon
 *
 * Context: may sleep.
 */
void balloon_stats_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->stats->work);
}

/**
 * balloon_stats_exit() - free the buffer
 * @vb: the balloon, whose device no longer has it
 *
 * Context: remove.
 */
void balloon_stats_exit(struct virtio_balloon *vb)
{
	kfree(vb->stats);
}
