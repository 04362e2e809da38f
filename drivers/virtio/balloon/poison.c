// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that fill pages when they are freed, and expect to find them so: by
 * init_on_free, with zeros, or by page_poison, with a pattern. The device learns
 * the value (VIRTIO 1.3, 5.5.6.6), so that what it discards can come back with it.
 *
 * The kernel fills pages whenever it gets them, also from a balloon; nothing is
 * left to be done here.
 */
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/virtio_config.h>

#include "balloon.h"

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
 * balloon_poison_validate() - decide about PAGE_POISON and what hangs on it
 * @vdev: the device, with the features that both sides know
 *
 * Discarded memory comes back with zeros from a device that does not know the
 * value, and that is not what such a guest has left there.
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
 * balloon_poison_is_zero() - whether zeros may come back for what was discarded
 *
 * A device that has to give back another value keeps the memory instead.
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
 * It relies on finding them so when they are allocated, and does not initialise them
 * then.
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
 * After each reset, which makes the device forget it.
 *
 * Context: before DRIVER_OK; may sleep.
 */
void balloon_poison_tell(struct virtio_balloon *vb)
{
	u32 value;

	if (virtio_has_feature(vb->vdev, VIRTIO_BALLOON_F_PAGE_POISON) && poison_value(&value))
		balloon_config_set_poison(vb, value);
}
