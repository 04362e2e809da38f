// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver of the traditional virtio memory balloon, VIRTIO 1.3 section 5.5.
 *
 * The host asks for memory; the driver allocates pages, tells the host their numbers, and
 * keeps them until the host asks for less. This file binds the driver to a device, and has
 * the table of the driver's parts.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "balloon.h"
#include "compat/compat.h"

/* A part, and those functions of struct balloon_part that it has. */
#define PART(part, bit, ...)	{ .name = #part, .feature = bit, __VA_ARGS__ }
#define INIT(part)	.init = balloon_##part##_init
#define START(part)	.start = balloon_##part##_start
#define STOP(part)	.stop = balloon_##part##_stop
#define RELEASE(part)	.release = balloon_##part##_release
#define EXIT(part)	.exit = balloon_##part##_exit

/* Each part may use the ones above it. Parts start in this order. */
static const struct balloon_part balloon_parts[] = {
	PART(watch, BALLOON_ALWAYS, START(watch), STOP(watch), RELEASE(watch)),
	PART(pages, BALLOON_ALWAYS, INIT(pages), RELEASE(pages), EXIT(pages)),
	PART(blocks, BALLOON_ALWAYS, INIT(blocks)),
	PART(discard, VIRTIO_BALLOON_F_REPORTING, INIT(discard), START(discard)),
	PART(inflate, VIRTIO_BALLOON_F_REPORTING, RELEASE(inflate)),
#ifdef BALLOON_MIGRATION
	PART(migrate, BALLOON_ALWAYS, INIT(migrate), START(migrate), STOP(migrate),
	     RELEASE(migrate), EXIT(migrate)),
#endif
#ifdef CONFIG_PAGE_REPORTING
	PART(reporting, BALLOON_ALWAYS, INIT(reporting), START(reporting), STOP(reporting),
	     RELEASE(reporting)),
	PART(pace, BALLOON_ALWAYS, INIT(pace), START(pace), STOP(pace)),
#endif
	PART(hint, VIRTIO_BALLOON_F_FREE_PAGE_HINT, INIT(hint), START(hint), STOP(hint),
	     RELEASE(hint), EXIT(hint)),
	PART(pressure, BALLOON_ALWAYS, INIT(pressure), START(pressure)),
	PART(size, BALLOON_ALWAYS, START(size), STOP(size)),
	PART(oom, VIRTIO_BALLOON_F_DEFLATE_ON_OOM, START(oom), STOP(oom)),
#ifdef CONFIG_MEMORY_HOTREMOVE
	PART(hotplug, BALLOON_ALWAYS, INIT(hotplug), EXIT(hotplug)),
#endif
	PART(stats, VIRTIO_BALLOON_F_STATS_VQ, INIT(stats), START(stats), STOP(stats)),
#ifdef CONFIG_PM_SLEEP
	PART(pm, BALLOON_ALWAYS, INIT(pm), EXIT(pm)),
#endif
	PART(shutdown, BALLOON_ALWAYS, INIT(shutdown), EXIT(shutdown)),
	PART(debugfs, BALLOON_ALWAYS, INIT(debugfs), EXIT(debugfs)),
};

static void balloon_free(struct virtio_balloon *vb)
{
	if (vb->wq)
		destroy_workqueue(vb->wq);
	kvfree(vb->events);
	kfree(vb);
}

static struct virtio_balloon *device_alloc(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = kzalloc(sizeof(*vb), GFP_KERNEL);

	if (!vb)
		return NULL;
	vb->events = kvzalloc(sizeof(*vb->events), GFP_KERNEL);
	vb->wq = alloc_workqueue("virtio-balloon/%s", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM, 0,
				 dev_name(&vdev->dev));
	if (!vb->wq || !vb->events) {
		balloon_free(vb);
		return NULL;
	}
	vb->events->first = 1;
	vb->vdev = vdev;
	vb->parts = balloon_parts;
	vb->nr_parts = ARRAY_SIZE(balloon_parts);
	balloon_queues_init(vb);
	balloon_watch_init(vb);
	balloon_size_init(vb);
	return vb;
}

static int balloon_probe(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = device_alloc(vdev);
	int err;

	if (!vb)
		return -ENOMEM;
	vdev->priv = vb;

	err = balloon_device_init(vb);
	if (err)
		goto free_balloon;
	err = balloon_device_attach(vb);
	if (!err)
		err = balloon_device_start(vb);
	if (err)
		goto exit_parts;
	dev_info(&vdev->dev, "balloon ready: features %#llx, inflate mode %s (%s), floor %lu MiB\n",
		 balloon_accepted(vb),
		 balloon_inflate_mode_name(balloon_inflate_mode(vb)),
		 balloon_inflate_mode_reason(vb),
		 balloon_floor(vb) >> (20 - PAGE_SHIFT));
	return 0;

exit_parts:
	balloon_device_exit(vb);
free_balloon:
	vdev->priv = NULL;
	balloon_free(vb);
	return err;
}

static void balloon_remove(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = vdev->priv;

	if (vb->up) {
		balloon_size_stop(vb);
		balloon_device_return(vb);
		balloon_size_report(vb);
		balloon_device_detach(vb);
	} else {
		/* A restore that failed has left a status behind. */
		virtio_reset_device(vdev);
	}
	balloon_device_release(vb);
	balloon_device_exit(vb);
	vdev->priv = NULL;
	balloon_free(vb);
}

static void config_changed(struct virtio_device *vdev)
{
	balloon_size_changed(vdev->priv);
	balloon_hint_changed(vdev->priv);
}

/*
 * Indirect descriptors would be allocated while memory is low. Page numbers in the
 * balloon are guest-physical, and no IOMMU translates them.
 */
static int validate(struct virtio_device *vdev)
{
	if (!vdev->config->get || !vdev->config->set) {
		dev_err(&vdev->dev,
			"the device has no configuration space, which a balloon needs\n");
		return -EINVAL;
	}
	__virtio_clear_bit(vdev, VIRTIO_RING_F_INDIRECT_DESC);
	__virtio_clear_bit(vdev, VIRTIO_F_ACCESS_PLATFORM);
	balloon_poison_validate(vdev);
	return 0;
}

static const struct virtio_device_id balloon_id_table[] = {
	{ VIRTIO_ID_BALLOON, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, balloon_id_table);

static const unsigned int balloon_features[] = {
	VIRTIO_BALLOON_F_MUST_TELL_HOST,
	VIRTIO_BALLOON_F_STATS_VQ,
	VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
	VIRTIO_BALLOON_F_FREE_PAGE_HINT,
	VIRTIO_BALLOON_F_PAGE_POISON,
	VIRTIO_BALLOON_F_REPORTING,
};

static struct virtio_driver balloon_driver = {
	.driver = {
		.name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.dev_groups = balloon_sysfs_groups,
#ifdef CONFIG_PM_SLEEP
		.pm = &balloon_pm_ops,
#endif
	},
	.feature_table = balloon_features,
	.feature_table_size = ARRAY_SIZE(balloon_features),
	.id_table = balloon_id_table,
	.validate = validate,
	.probe = balloon_probe,
	.remove = balloon_remove,
	.config_changed = config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze = balloon_pm_virtio_freeze,
	.restore = balloon_pm_virtio_restore,
#endif
	BALLOON_COMPAT_RESET(balloon_reset_prepare, balloon_reset_done)
	BALLOON_COMPAT_SHUTDOWN(balloon_shutdown)
};

static int __init balloon_load(void)
{
	int err;

	balloon_debugfs_load();
	err = register_virtio_driver(&balloon_driver);
	if (err)
		balloon_debugfs_unload();
	return err;
}
module_init(balloon_load);

static void __exit balloon_unload(void)
{
	unregister_virtio_driver(&balloon_driver);
	balloon_debugfs_unload();
}
module_exit(balloon_unload);

MODULE_DESCRIPTION("Virtio memory balloon driver");
MODULE_AUTHOR("The virtio_balloon out-of-tree project");
MODULE_VERSION(BALLOON_VERSION);
MODULE_LICENSE("GPL");
