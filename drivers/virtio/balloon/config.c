// SPDX-License-Identifier: GPL-2.0-only
/*
 * The only code that touches the device's configuration space. Every field of
 * a balloon is little-endian, on legacy devices too (VIRTIO 1.3, 5.5.4).
 *
 * Each access leaves the guest, so nothing polls here: targets are read after a
 * configuration change, and @actual is written when it has changed.
 *
 * One field is the value that a guest fills free pages with and expects to find there:
 * zeros with init_on_free, a pattern with page_poison. The device is told the value
 * (VIRTIO 1.3, 5.5.6.6), so that discarded memory can come back with it. The kernel fills
 * pages when they are freed, also by a balloon.
 */
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/virtio_config.h>

#include "balloon.h"

/**
 * balloon_config_target() - the balloon size that the device asks for
 * @vb: the balloon
 *
 * Context: may sleep.
 * Return: units of 4096 bytes; may be more than the guest has memory.
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
 * A driver that starts learns what an earlier one wrote.
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
 * balloon_config_hint_id() - the device's command for free page hints
 * @vb: the balloon
 *
 * Only after a configuration change: QEMU shows STOP here while hints arrive.
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

/* With both the kernel gives page_poison the preference, and turns the other off. */
static bool poison_value(u32 *value)
{
	if (page_poisoning_enabled_static()) {
		*value = PAGE_POISON * 0x01010101U;
		return true;
	}
	*value = 0;
	return want_init_on_free();
}

/**
 * balloon_poison_validate() - decide about PAGE_POISON, and REPORTING which depends on it
 * @vdev: the device, with the features that both sides know
 *
 * Discarded memory comes back with zeros from a device that does not know the
 * value, and such a guest may expect another one.
 *
 * Context: before the features are accepted.
 */
void balloon_poison_validate(struct virtio_device *vdev)
{
	u32 value;

	if (!poison_value(&value))
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_PAGE_POISON);
	else if (!__virtio_test_bit(vdev, VIRTIO_BALLOON_F_PAGE_POISON))
		__virtio_clear_bit(vdev, VIRTIO_BALLOON_F_REPORTING);
}

/**
 * balloon_poison_is_zero() - whether discarded memory may come back with zeros
 *
 * A device that would have to restore another value discards nothing.
 *
 * Context: any.
 */
bool balloon_poison_is_zero(void)
{
	u32 value;

	return !poison_value(&value) || !value;
}

/**
 * balloon_poison_fills() - whether the kernel fills pages when they are freed
 *
 * It relies on their contents when they are allocated, and does not initialise them then.
 *
 * Context: any.
 */
bool balloon_poison_fills(void)
{
	u32 value;

	return poison_value(&value);
}

/**
 * balloon_poison_tell() - tell the device the value
 * @vb: the balloon
 *
 * After each reset: the device forgets it then.
 *
 * Context: before DRIVER_OK (VIRTIO 1.3, 5.5.6.6.1); may sleep.
 */
void balloon_poison_tell(struct virtio_balloon *vb)
{
	u32 value;

	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_PAGE_POISON) && poison_value(&value))
		virtio_cwrite_le(vb->vdev, struct virtio_balloon_config, poison_val, &value);
}
