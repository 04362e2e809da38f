// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory statistics, VIRTIO 1.3 section 5.5.6.3.
 *
 * The driver posts one filled buffer; the host keeps it, and returns it when it wants new
 * statistics. Nothing here waits for the balloon or allocates, so that the host gets
 * statistics when it needs them most: while the guest thrashes.
 *
 * Every buffer has the same tags in the same order. Some hosts never return a buffer with an
 * unknown tag, and get no statistics any more. So a host that works with the kernel's own
 * driver gets the tags of that driver and no others, unless the parameter says otherwise.
 */
#include <linux/mm.h>

#include "balloon.h"
#include "compat/compat.h"
#include "param.h"

/* VIRTIO 1.3 has the tags below this. */
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

/* Adds a statistic to the buffer. */
static void stats_put(struct virtio_balloon *vb, u16 tag, u64 val)
{
	struct virtio_balloon_stat *stat = &vb->stats.stat[vb->stats.nr];

	if (tag >= vb->stats.nr_tags)
		return;
	stat->tag = cpu_to_virtio16(vb->vdev, tag);
	stat->val = cpu_to_virtio64(vb->vdev, val);
	vb->stats.nr++;
}

static void stats_put_pages(struct virtio_balloon *vb, u16 tag, u64 nr_pages)
{
	stats_put(vb, tag, nr_pages << PAGE_SHIFT);
}

static void stats_put_memory(struct virtio_balloon *vb)
{
	struct sysinfo info;

	si_meminfo(&info);
	stats_put_pages(vb, VIRTIO_BALLOON_S_MEMFREE, info.freeram);
	stats_put_pages(vb, VIRTIO_BALLOON_S_MEMTOT, info.totalram);
	stats_put_pages(vb, VIRTIO_BALLOON_S_AVAIL, max(si_mem_available(), 0L));
	stats_put_pages(vb, VIRTIO_BALLOON_S_CACHES, global_node_page_state(NR_FILE_PAGES));
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

#define RECLAIM(item)	balloon_compat_reclaim_state(events, item)

static void stats_put_events(struct virtio_balloon *vb)
{
	unsigned long *events = vb->stats.events;

	all_vm_events(events);
	stats_put_pages(vb, VIRTIO_BALLOON_S_SWAP_IN, events[PSWPIN]);
	stats_put_pages(vb, VIRTIO_BALLOON_S_SWAP_OUT, events[PSWPOUT]);
	stats_put(vb, VIRTIO_BALLOON_S_MAJFLT, events[PGMAJFAULT]);
	stats_put(vb, VIRTIO_BALLOON_S_MINFLT, events[PGFAULT]);
#ifdef CONFIG_HUGETLB_PAGE
	stats_put(vb, VIRTIO_BALLOON_S_HTLB_PGALLOC, events[HTLB_BUDDY_PGALLOC]);
	stats_put(vb, VIRTIO_BALLOON_S_HTLB_PGFAIL, events[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
	stats_put(vb, VIRTIO_BALLOON_S_OOM_KILL, events[OOM_KILL]);
	stats_put(vb, VIRTIO_BALLOON_S_ALLOC_STALL, stats_stalls(events));
	stats_put_pages(vb, VIRTIO_BALLOON_S_ASYNC_SCAN, RECLAIM(PGSCAN_KSWAPD));
	stats_put_pages(vb, VIRTIO_BALLOON_S_DIRECT_SCAN, RECLAIM(PGSCAN_DIRECT));
	stats_put_pages(vb, VIRTIO_BALLOON_S_ASYNC_RECLAIM, RECLAIM(PGSTEAL_KSWAPD));
	stats_put_pages(vb, VIRTIO_BALLOON_S_DIRECT_RECLAIM, RECLAIM(PGSTEAL_DIRECT));
}
#else
static void stats_put_events(struct virtio_balloon *vb)
{
}
#endif

/* Fills the buffer and posts it. It is not in flight. */
static void stats_send(struct virtio_balloon *vb)
{
	struct balloon_stats *stats = &vb->stats;

	stats->nr = 0;
	stats_put_memory(vb);
	stats_put_events(vb);

	sg_init_one(&stats->sg, stats->stat, stats->nr * sizeof(*stats->stat));
	stats->request.sg = &stats->sg;
	stats->request.nr_sg = 1;
	balloon_queue_post(&stats->stream, &stats->request);
	balloon_queue_kick(stats->stream.queue);
	if (balloon_queue_broken(stats->stream.queue))
		balloon_work_kick(&vb->watch);
	if (!balloon_queue_arm(stats->stream.queue, BALLOON_ARM_FIRST))
		balloon_work_kick(&stats->work);
}

static void stats_work(struct work_struct *work)
{
	struct virtio_balloon *vb = container_of(to_delayed_work(work), struct virtio_balloon,
						 stats.work.work);

	if (balloon_stream_take(&vb->stats.stream))
		stats_send(vb);
}

/**
 * balloon_stats_init() - prepare the statistics buffer
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_stats_init(struct virtio_balloon *vb)
{
	vb->stats.nr_tags = balloon_stats_nr_tags[balloon_choice(&balloon_stats_set)];
	balloon_work_init(&vb->stats.work, vb->wq, stats_work);
	balloon_stream_init(&vb->stats.stream, &vb->queues[BALLOON_QUEUE_STATS], &vb->stats.work);
	return 0;
}

/**
 * balloon_stats_start() - post the first buffer
 * @vb: the balloon
 *
 * Context: after DRIVER_OK: a notification before is lost.
 * Return: 0.
 */
int balloon_stats_start(struct virtio_balloon *vb)
{
	struct balloon_stats *stats = &vb->stats;
	/* It is in flight if the device was not reset while the part was stopped. */
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
 * balloon_stats_stop() - post no more buffers
 * @vb: the balloon
 *
 * Context: may sleep.
 */
void balloon_stats_stop(struct virtio_balloon *vb)
{
	balloon_work_stop(&vb->stats.work);
}
