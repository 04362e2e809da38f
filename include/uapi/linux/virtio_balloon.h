/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * The interface between a guest and its traditional memory balloon device
 * (device id 5), as VIRTIO 1.3 section 5.5 defines it and with the statistics
 * that devices and drivers have agreed on since.
 *
 * Sizes are counted in units of 4096 bytes, whatever the guest's page size.
 */
#ifndef _LINUX_VIRTIO_BALLOON_H
#define _LINUX_VIRTIO_BALLOON_H

#include <linux/types.h>
#include <linux/virtio_types.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_config.h>

/* 5.5.3 Feature bits. */
#define VIRTIO_BALLOON_F_MUST_TELL_HOST	0 /* a page is told before it is used again */
#define VIRTIO_BALLOON_F_STATS_VQ	1 /* there is a statistics queue */
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM	2 /* the guest may deflate when it runs out */
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT	3 /* there is a hinting queue and command id */
#define VIRTIO_BALLOON_F_PAGE_POISON	4 /* free pages hold poison_val */
#define VIRTIO_BALLOON_F_REPORTING	5 /* there is a free page reporting queue */

/* log2 of the unit of every page number and page count. */
#define VIRTIO_BALLOON_PFN_SHIFT	12

/* 5.5.6.4: command ids with a meaning of their own; all others name a round. */
#define VIRTIO_BALLOON_CMD_ID_STOP	0 /* stop hinting, keep what was hinted */
#define VIRTIO_BALLOON_CMD_ID_DONE	1 /* hinted pages may be used again */

/**
 * struct virtio_balloon_config - configuration space, 5.5.4
 * @num_pages: the balloon size that the device asks for, in units of 4096 bytes
 * @actual: the size that the driver has reached, in units of 4096 bytes
 * @free_page_hint_cmd_id: command id of free page hinting; read-only
 * @free_page_report_cmd_id: the name @free_page_hint_cmd_id had before; deprecated
 * @poison_val: what the guest's free pages are filled with
 *
 * Little-endian on legacy devices, too.
 */
struct virtio_balloon_config {
	__le32 num_pages;
	__le32 actual;
	union {
		__le32 free_page_hint_cmd_id;
		__le32 free_page_report_cmd_id;
	};
	__le32 poison_val;
};

/*
 * 5.5.6.3: tags of statistics. Memory is in bytes, counted since boot where it
 * counts events; the rest are plain counts since boot.
 */
#define VIRTIO_BALLOON_S_SWAP_IN	0  /* bytes read back from swap */
#define VIRTIO_BALLOON_S_SWAP_OUT	1  /* bytes written to swap */
#define VIRTIO_BALLOON_S_MAJFLT		2  /* page faults that needed I/O */
#define VIRTIO_BALLOON_S_MINFLT		3  /* page faults, all of them */
#define VIRTIO_BALLOON_S_MEMFREE	4  /* bytes nobody uses */
#define VIRTIO_BALLOON_S_MEMTOT		5  /* bytes the guest has */
#define VIRTIO_BALLOON_S_AVAIL		6  /* bytes to be had without swapping */
#define VIRTIO_BALLOON_S_CACHES		7  /* bytes that cache files */
#define VIRTIO_BALLOON_S_HTLB_PGALLOC	8  /* huge pages that were got */
#define VIRTIO_BALLOON_S_HTLB_PGFAIL	9  /* huge pages that were not to be had */
#define VIRTIO_BALLOON_S_OOM_KILL	10 /* tasks the OOM killer ended */
#define VIRTIO_BALLOON_S_ALLOC_STALL	11 /* allocations that waited for reclaim */
#define VIRTIO_BALLOON_S_ASYNC_SCAN	12 /* bytes looked at by background reclaim */
#define VIRTIO_BALLOON_S_DIRECT_SCAN	13 /* bytes looked at by allocating tasks */
#define VIRTIO_BALLOON_S_ASYNC_RECLAIM	14 /* bytes freed by background reclaim */
#define VIRTIO_BALLOON_S_DIRECT_RECLAIM	15 /* bytes freed by allocating tasks */
#define VIRTIO_BALLOON_S_NR		16

/* A name for each tag, in the tags' order, each with a prefix of the caller's. */
#define VIRTIO_BALLOON_S_NAMES_WITH_PREFIX(prefix) {	\
	prefix "swap-in",				\
	prefix "swap-out",				\
	prefix "major-faults",				\
	prefix "minor-faults",				\
	prefix "free-memory",				\
	prefix "total-memory",				\
	prefix "available-memory",			\
	prefix "disk-caches",				\
	prefix "hugetlb-allocations",			\
	prefix "hugetlb-failures",			\
	prefix "oom-kills",				\
	prefix "alloc-stalls",				\
	prefix "async-scans",				\
	prefix "direct-scans",				\
	prefix "async-reclaims",			\
	prefix "direct-reclaims"			\
}

#define VIRTIO_BALLOON_S_NAMES VIRTIO_BALLOON_S_NAMES_WITH_PREFIX("")

/**
 * struct virtio_balloon_stat - one statistic, 5.5.6.3
 * @tag: which one, VIRTIO_BALLOON_S_*
 * @val: its value
 *
 * Ten bytes without padding; native-endian on legacy devices.
 */
struct virtio_balloon_stat {
	__virtio16 tag;
	__virtio64 val;
} __attribute__((packed));

#endif /* _LINUX_VIRTIO_BALLOON_H */
