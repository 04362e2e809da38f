/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's one structure, and what its parts call of each other.
 *
 * Each part is one file and the only owner of what it keeps. Requests flow one
 * way: size decides, inflate takes memory and pages or blocks keep it, batch and
 * discard name it, queue talks to the host. Compaction comes in from the side,
 * through migrate, and so does a shortage of memory, through oom.
 *
 * Lock order, outermost first:
 *	page locks (mm), balloon_oom.lock, balloon_migrate.gate,
 *	balloon_migrate.settling, balloon_migrate.lock, balloon_queue.lock, balloon_work.lock
 * balloon_reporting.gate, a mutex, is taken inside none, and holds balloon_queue.lock
 * and what balloon_pages_unseen() takes.
 * balloon_held.lock is taken inside none (but reclaim), and holds none.
 * balloon_blocks.lock and balloon_pages.lock are taken inside balloon_oom.lock or
 * none, and hold none.
 * The lock of the kernel's balloon list is taken inside none of them.
 */
#ifndef BALLOON_H
#define BALLOON_H

#include <linux/virtio.h>
#include <linux/virtio_balloon.h>

#include "blocks.h"
#include "compat/shutdown.h"
#include "events.h"
#include "discard.h"
#include "hint.h"
#include "inflate.h"
#include "migrate.h"
#include "oom.h"
#include "pace.h"
#include "pages.h"
#include "pm.h"
#include "queue.h"
#include "reporting.h"
#include "resync.h"
#include "shortage.h"
#include "size.h"
#include "stats.h"
#include "take.h"
#include "units.h"
#include "work.h"

/**
 * struct virtio_balloon - one balloon device
 * @vdev: the device
 * @wq: where the parts' work runs: freezable, off the CPUs of others, and able
 *	to deflate when there is no memory for another thread
 * @queues: owned by queue.c
 * @watch: owned by queue_watch.c
 * @pages: owned by pages.c
 * @blocks: owned by blocks.c
 * @take: owned by take.c
 * @inflate: owned by inflate.c
 * @discards: owned by discard.c; NULL without VIRTIO_BALLOON_F_REPORTING
 * @reporting: owned by reporting.c
 * @pace: owned by pace.c
 * @reporting_offered: the device has a reporting queue, accepted or not; set at
 *		       start
 * @oom: owned by oom.c; NULL without VIRTIO_BALLOON_F_DEFLATE_ON_OOM
 * @shortage: owned by shortage.c
 * @size: owned by size.c
 * @stats: owned by stats.c; NULL without VIRTIO_BALLOON_F_STATS_VQ
 * @migrate: owned by migrate.c; NULL where the kernel moves no balloon pages
 * @hint: owned by hint.c
 * @resync: owned by resync.c
 * @pm: owned by pm.c
 * @shutdown: owned by shutdown.c
 * @debugfs: owned by debugfs.c
 * @events: owned by events.c
 * @nr_inited: parts whose init succeeded; the driver core's callbacks, which
 *	       exclude each other
 * @nr_started: parts whose start succeeded; likewise
 * @up: the queues exist and the device runs; likewise
 */
struct virtio_balloon {
	struct virtio_device *vdev;
	struct workqueue_struct *wq;
	struct balloon_queue queues[BALLOON_QUEUE_NR];
	struct balloon_work watch;
	struct balloon_pages pages;
	struct balloon_blocks blocks;
	struct balloon_take take;
	struct balloon_inflate inflate;
	struct balloon_discards *discards;
	struct balloon_reporting reporting;
	struct balloon_pace pace;
	bool reporting_offered;
	struct balloon_oom *oom;
	struct balloon_shortage shortage;
	struct balloon_size size;
	struct balloon_stats *stats;
	struct balloon_migrate *migrate;
	struct balloon_hint hint;
	struct balloon_resync resync;
	struct balloon_pm pm;
	struct balloon_compat_shutdown shutdown;
	struct dentry *debugfs;
	struct balloon_events *events;
	unsigned int nr_inited;
	unsigned int nr_started;
	bool up;
};

void balloon_quiesce(struct virtio_balloon *vb);
int balloon_go_on(struct virtio_balloon *vb);
int balloon_attach(struct virtio_balloon *vb);
void balloon_detach(struct virtio_balloon *vb);
void balloon_release(struct virtio_balloon *vb);

int balloon_shutdown_init(struct virtio_balloon *vb);
void balloon_shutdown_exit(struct virtio_balloon *vb);
void balloon_shutdown(struct virtio_device *vdev);

int balloon_reset_prepare(struct virtio_device *vdev);
int balloon_reset_done(struct virtio_device *vdev);

u32 balloon_config_target(struct virtio_balloon *vb);
u32 balloon_config_actual(struct virtio_balloon *vb);
u32 balloon_config_hint_id(struct virtio_balloon *vb);
void balloon_config_set_actual(struct virtio_balloon *vb, u32 nr_4k);
void balloon_config_set_poison(struct virtio_balloon *vb, u32 value);

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
