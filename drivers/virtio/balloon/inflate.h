/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How memory gets into the balloon, see inflate.c.
 */
#ifndef BALLOON_INFLATE_H
#define BALLOON_INFLATE_H

struct virtio_balloon;

/* How the host is told of memory; the values of the parameter "inflate". */
enum balloon_mode {
	BALLOON_MODE_PFN,
	BALLOON_MODE_AUTO,
	BALLOON_MODE_RANGE,
};

long balloon_inflate(struct virtio_balloon *vb, unsigned long nr_pages);
long balloon_inflate_blocks_reannounce(struct virtio_balloon *vb, unsigned long *nr_blocks);
void balloon_inflate_settle(struct virtio_balloon *vb);
void balloon_inflate_check_reporting(struct virtio_balloon *vb);
void balloon_inflate_flush(struct virtio_balloon *vb);
void balloon_inflate_release(struct virtio_balloon *vb);

enum balloon_mode balloon_inflate_mode(struct virtio_balloon *vb);
const char *balloon_inflate_mode_name(enum balloon_mode mode);
const char *balloon_inflate_mode_reason(struct virtio_balloon *vb);

#endif /* BALLOON_INFLATE_H */
