// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only code that touches the device's configuration space. Every field of
 * a balloon is little-endian, on legacy devices too (VIRTIO 1.3, 5.5.4).
 *
 * Each access leaves the guest, so nobody polls here: targets are read after a
 * config change interrupt, and @actual is written when there is something to say.
 */
#include <linux/virtio_config.h>

#include "balloon.h"

/**
 * balloon_config_target() - the balloon size that the device asks for
 * @vb: the balloon
 *
 * Context: may sleep.
 * Return: units of 4096 bytes, as the device put it; it may be more than there
 *         is memory.
 */
u32 balloon_config_target(struct virtio_balloon *vb)
{
	u32 nr_4k;

	virtio_cread_le(vb->vdev, struct virtio_balloon_config, num_pages, &nr_4k);
	return nr_4k;
}

/**
 * balloon_config_actual() - the balloon size that the device was told last
 * @vb: the balloon
 *
 * Tells a driver that just started what an earlier one left behind.
 *
 * Context: may sleep.
 * Return: units of 4096 bytes.
 */
u32 balloon_config_actual(struct virtio_balloon *vb)
{
	u32 nr_4k;

	virtio_cread_le(vb->vdev, struct virtio_balloon_config, actual, &nr_4k);
	return nr_4k;
}

/**
 * balloon_config_hint_id() - what the device wants of free page hints
 * @vb: the balloon
 *
 * Only after a configuration change: some hosts show STOP here while hints are
 * coming in.
 *
 * Context: may sleep; only with VIRTIO_BALLOON_F_FREE_PAGE_HINT.
 * Return: VIRTIO_BALLOON_CMD_ID_STOP, VIRTIO_BALLOON_CMD_ID_DONE or a command id.
 */
u32 balloon_config_hint_id(struct virtio_balloon *vb)
{
	u32 id;

	virtio_cread_le(vb->vdev, struct virtio_balloon_config, free_page_hint_cmd_id, &id);
	return id;
}

/**
 * balloon_config_set_actual() - tell the device how large the balloon is
 * @vb: the balloon
 * @nr_4k: its size in units of 4096 bytes
 *
 * One access of four bytes (VIRTIO 1.3, 5.5.6.2), which is also the only
 * write that some hosts take.
 *
 * Context: may sleep.
 */
void balloon_config_set_actual(struct virtio_balloon *vb, u32 nr_4k)
{
	virtio_cwrite_le(vb->vdev, struct virtio_balloon_config, actual, &nr_4k);
}

/**
 * balloon_config_set_poison() - tell the device what free pages are filled with
 * @vb: the balloon
 * @value: four bytes of it
 *
 * Context: before DRIVER_OK (VIRTIO 1.3, 5.5.6.6.1); may sleep; only with
 *	    VIRTIO_BALLOON_F_PAGE_POISON.
 */
void balloon_config_set_poison(struct virtio_balloon *vb, u32 value)
{
	virtio_cwrite_le(vb->vdev, struct virtio_balloon_config, poison_val, &value);
}
