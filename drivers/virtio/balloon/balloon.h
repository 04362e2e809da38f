/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's one structure, and what its parts call of each other.
 *
 * Each part is one file and owns its data. Kbuild lists the files in layers: a file calls
 * only files before it in that list, and reaches a higher one by kicking its work item.
 * Documentation/design.rst has the layers and their jobs.
 *
 * Lock order, outermost first:
 *	page locks (mm), balloon_pages.oom_lock, balloon_migrate.gate,
 *	balloon_migrate.settling, balloon_migrate.lock, balloon_queue.lock, balloon_work.lock
 * balloon_reporting.gate, a mutex, is taken inside none, and holds balloon_queue.lock
 * and what balloon_pages_freed_unacked() takes.
 * balloon_held.lock is taken inside none, or by reclaim, and holds none.
 * balloon_blocks.lock and balloon_pages.lock are taken inside balloon_pages.oom_lock or
 * none, and hold none.
 * The lock of the kernel's list of balloon pages, balloon_dev_info.pages_lock (irq-safe; one
 * for all balloons from 7.0 on), guards the single pages in the balloon. It is innermost, and
 * taken inside page locks, balloon_pages.oom_lock and balloon_migrate.gate, too.
 */
#ifndef BALLOON_H
#define BALLOON_H

#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_balloon.h>

#include "blocks.h"
#include "compat/shutdown.h"
#include "device.h"
#include "discard.h"
#include "events.h"
#include "hint.h"
#include "inflate.h"
#include "migrate.h"
#include "oom.h"
#include "pace.h"
#include "pages.h"
#include "pm.h"
#include "queue.h"
#include "reporting.h"
#include "reannounce.h"
#include "pressure.h"
#include "size.h"
#include "stats.h"
#include "alloc.h"
#include "units.h"
#include "work.h"

/**
 * struct virtio_balloon - one balloon device
 * @vdev: the device
 * @wq: runs the parts' work: freezable, unbound, and with a rescuer thread, so that
 *	deflation needs no memory for another thread
 * @parts: the table in main.c
 * @nr_parts: how many there are
 * @offered: the first 64 features that the device offers, accepted or not; set when the
 *	     device is attached
 * @queues: owned by queue.c
 * @watch: owned by queue_watch.c
 * @worker: runs size.c; kicked when anything that it reads has changed
 * @pages: owned by pages.c
 * @blocks: owned by blocks.c
 * @alloc: owned by alloc.c
 * @discards: owned by discard.c
 * @migrate: owned by migrate.c
 * @reannounce: owned by reannounce.c
 * @reporting: owned by reporting.c
 * @pace: owned by pace.c
 * @hint: owned by hint.c
 * @pressure: owned by pressure.c
 * @size: owned by size.c
 * @oom: owned by oom.c
 * @stats: owned by stats.c
 * @pm: owned by pm.c
 * @shutdown: owned by device.c
 * @debugfs: owned by debugfs.c
 * @events: owned by events.c
 * @nr_inited: parts whose init succeeded; written by the driver core's callbacks, which
 *	       exclude each other
 * @nr_started: parts whose start succeeded; likewise
 * @up: the queues exist and the device runs; likewise
 *
 * The host reads and writes buffers in this structure: it is allocated by kzalloc().
 */
struct virtio_balloon {
	struct virtio_device *vdev;
	struct workqueue_struct *wq;
	const struct balloon_part *parts;
	unsigned int nr_parts;
	u64 offered;
	struct balloon_queue queues[BALLOON_QUEUE_NR];
	struct balloon_work watch;
	struct balloon_work worker;
	struct balloon_pages pages;
	struct balloon_blocks blocks;
	struct balloon_alloc alloc;
	struct balloon_discards discards;
	struct balloon_migrate migrate;
	struct balloon_reannounce reannounce;
	struct balloon_reporting reporting;
	struct balloon_pace pace;
	struct balloon_hint hint;
	struct balloon_pressure pressure;
	struct balloon_size size;
	struct balloon_oom oom;
	struct balloon_stats stats;
	struct balloon_pm pm;
	struct balloon_compat_shutdown shutdown;
	struct dentry *debugfs;
	struct balloon_events *events;
	unsigned int nr_inited;
	unsigned int nr_started;
	bool up;
};

/* Those of the device type that are in use; the rest are the transport's. */
static inline u64 balloon_accepted(struct virtio_balloon *vb)
{
	return vb->vdev->features & GENMASK_ULL(VIRTIO_TRANSPORT_F_START - 1, 0);
}

/* The size of the balloon, in pages. */
static inline unsigned long balloon_actual(struct virtio_balloon *vb)
{
	return balloon_pages_count(vb) + balloon_blocks_count(vb);
}

/* Pages whose inflation is in flight; exact in the size worker. */
static inline unsigned long balloon_inflating(struct virtio_balloon *vb)
{
	return READ_ONCE(vb->pages.inflate.nr_pages_in_flight) +
	       READ_ONCE(vb->discards.nr_block_pages);
}

u32 balloon_config_target(struct virtio_balloon *vb);
u32 balloon_config_actual(struct virtio_balloon *vb);
u32 balloon_config_hint_id(struct virtio_balloon *vb);
void balloon_config_set_actual(struct virtio_balloon *vb, u32 nr_4k);

void balloon_poison_validate(struct virtio_device *vdev);
bool balloon_poison_is_zero(void);
bool balloon_poison_fills(void);
void balloon_poison_tell(struct virtio_balloon *vb);

void balloon_debugfs_load(void);
void balloon_debugfs_unload(void);
int balloon_debugfs_init(struct virtio_balloon *vb);
void balloon_debugfs_exit(struct virtio_balloon *vb);

extern const struct attribute_group *balloon_sysfs_groups[];

#endif /* BALLOON_H */
