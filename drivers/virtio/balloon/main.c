// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver of the traditional virtio memory balloon, VIRTIO 1.3 section 5.5.
 *
 * The host asks for memory; the driver takes pages from the allocator, tells the
 * host their numbers, and keeps them until the host asks for less. This file
 * knows in which order the parts of the driver come up and go down, and nothing
 * of what they do.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "balloon.h"
#include "compat/compat.h"

/* For parts that every device has. */
#define BALLOON_ALWAYS	UINT_MAX

/**
 * struct balloon_part - one part of the driver
 * @name: for messages
 * @feature: the feature bit that it is for, or BALLOON_ALWAYS
 * @init: allocates; once for each device
 * @start: lets it work; after DRIVER_OK, at probe and after each restore
 * @stop: returns when none of its work items and callbacks runs or will run, or
 *	  does more than wait for the answer to a request
 * @exit: frees what @init allocated
 */
struct balloon_part {
	const char *name;
	unsigned int feature;
	int (*init)(struct virtio_balloon *vb);
	int (*start)(struct virtio_balloon *vb);
	void (*stop)(struct virtio_balloon *vb);
	void (*exit)(struct virtio_balloon *vb);
};

/* Each part may use the ones above it; they start in this order. */
static const struct balloon_part balloon_parts[] = {
	{
		.name = "events",
		.feature = BALLOON_ALWAYS,
		.init = balloon_events_init,
		.exit = balloon_events_exit,
	},
	{
		.name = "watch",
		.feature = BALLOON_ALWAYS,
		.start = balloon_watch_start,
		.stop = balloon_watch_stop,
	},
	{
		.name = "pages",
		.feature = BALLOON_ALWAYS,
		.init = balloon_pages_init,
		.exit = balloon_pages_exit,
	},
	{
		.name = "blocks",
		.feature = BALLOON_ALWAYS,
		.init = balloon_blocks_init,
	},
	{
		.name = "discard",
		.feature = VIRTIO_BALLOON_F_REPORTING,
		.init = balloon_discard_init,
		.start = balloon_discard_start,
		.exit = balloon_discard_exit,
	},
	{
		.name = "inflate",
		.feature = BALLOON_ALWAYS,
		.start = balloon_inflate_start,
	},
#ifdef BALLOON_MIGRATION
	{
		.name = "migrate",
		.feature = BALLOON_ALWAYS,
		.init = balloon_migrate_init,
		.start = balloon_migrate_start,
		.stop = balloon_migrate_stop,
		.exit = balloon_migrate_exit,
	},
#endif
	{
		.name = "shortage",
		.feature = BALLOON_ALWAYS,
		.init = balloon_shortage_init,
		.start = balloon_shortage_start,
	},
	{
		.name = "size",
		.feature = BALLOON_ALWAYS,
		.start = balloon_size_start,
		.stop = balloon_size_stop,
	},
	{
		.name = "oom",
		.feature = VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
		.init = balloon_oom_init,
		.start = balloon_oom_start,
		.stop = balloon_oom_stop,
		.exit = balloon_oom_exit,
	},
#ifdef CONFIG_PAGE_REPORTING
	{
		.name = "free page reporting",
		.feature = BALLOON_ALWAYS,
		.init = balloon_reporting_init,
		.start = balloon_reporting_start,
		.stop = balloon_reporting_stop,
	},
	{
		.name = "report pace",
		.feature = VIRTIO_BALLOON_F_REPORTING,
		.init = balloon_pace_init,
		.start = balloon_pace_start,
		.stop = balloon_pace_stop,
	},
#endif
	{
		.name = "hint",
		.feature = VIRTIO_BALLOON_F_FREE_PAGE_HINT,
		.init = balloon_hint_init,
		.start = balloon_hint_start,
		.stop = balloon_hint_stop,
		.exit = balloon_hint_exit,
	},
#ifdef CONFIG_MEMORY_HOTREMOVE
	{
		.name = "memory offlining",
		.feature = BALLOON_ALWAYS,
		.init = balloon_blocks_listen,
		.exit = balloon_blocks_unlisten,
	},
#endif
	{
		.name = "stats",
		.feature = VIRTIO_BALLOON_F_STATS_VQ,
		.init = balloon_stats_init,
		.start = balloon_stats_start,
		.stop = balloon_stats_stop,
		.exit = balloon_stats_exit,
	},
#ifdef CONFIG_PM_SLEEP
	{
		.name = "pm",
		.feature = BALLOON_ALWAYS,
		.init = balloon_pm_init,
		.exit = balloon_pm_exit,
	},
#endif
	{
		.name = "shutdown",
		.feature = BALLOON_ALWAYS,
		.init = balloon_shutdown_init,
		.exit = balloon_shutdown_exit,
	},
	{
		.name = "debugfs",
		.feature = BALLOON_ALWAYS,
		.init = balloon_debugfs_init,
		.exit = balloon_debugfs_exit,
	},
};

static bool balloon_part_present(struct virtio_balloon *vb,
				 const struct balloon_part *part)
{
	return part->feature == BALLOON_ALWAYS ||
	       virtio_has_feature(vb->vdev, part->feature);
}

static void balloon_parts_exit(struct virtio_balloon *vb)
{
	while (vb->nr_inited) {
		const struct balloon_part *part = &balloon_parts[--vb->nr_inited];

		if (part->exit && balloon_part_present(vb, part))
			part->exit(vb);
	}
}

static int balloon_parts_init(struct virtio_balloon *vb)
{
	while (vb->nr_inited < ARRAY_SIZE(balloon_parts)) {
		const struct balloon_part *part = &balloon_parts[vb->nr_inited];
		int err = 0;

		if (part->init && balloon_part_present(vb, part))
			err = part->init(vb);
		if (err) {
			dev_err(&vb->vdev->dev, "cannot set up part '%s': %d\n",
				part->name, err);
			balloon_parts_exit(vb);
			return err;
		}
		vb->nr_inited++;
	}
	return 0;
}

static int balloon_parts_start(struct virtio_balloon *vb)
{
	while (vb->nr_started < ARRAY_SIZE(balloon_parts)) {
		const struct balloon_part *part;
		int err = 0;

		part = &balloon_parts[vb->nr_started];
		if (part->start && balloon_part_present(vb, part))
			err = part->start(vb);
		if (err) {
			dev_err(&vb->vdev->dev, "cannot start part '%s': %d\n",
				part->name, err);
			return err;
		}
		vb->nr_started++;
	}
	return 0;
}

/**
 * balloon_quiesce() - stop all parts; what is in flight stays there
 * @vb: the balloon
 *
 * Context: the driver core's callbacks; may sleep, for about a second with a
 *	    silent host. May be called twice.
 */
void balloon_quiesce(struct virtio_balloon *vb)
{
	while (vb->nr_started) {
		const struct balloon_part *part;

		part = &balloon_parts[--vb->nr_started];
		if (part->stop && balloon_part_present(vb, part))
			part->stop(vb);
	}
}

/**
 * balloon_go_on() - start all parts of a device that has its queues
 * @vb: the balloon
 *
 * Context: the driver core's callbacks; may sleep.
 * Return: 0; or the error of the part that did not start: then the device is
 *	   detached and nothing left in the balloon.
 */
int balloon_go_on(struct virtio_balloon *vb)
{
	int err = balloon_parts_start(vb);

	if (err) {
		balloon_detach(vb);
		balloon_release(vb);
	}
	return err;
}

/**
 * balloon_attach() - get the device's queues, and let it run
 * @vb: the balloon; its parts are stopped
 *
 * Context: the driver core's callbacks, after the features were negotiated; may
 *	    sleep.
 * Return: 0, or what the transport says.
 */
int balloon_attach(struct virtio_balloon *vb)
{
	int err = balloon_queues_create(vb);

	if (err) {
		dev_err(&vb->vdev->dev, "cannot get the virtqueues: %d\n", err);
		return err;
	}
	vb->up = true;
	balloon_poison_tell(vb);
	virtio_device_ready(vb->vdev);
	balloon_event(vb, BALLOON_EVENT_UP, vb->vdev->features &
		      GENMASK_ULL(VIRTIO_BALLOON_F_REPORTING, 0), 0);
	return 0;
}

/**
 * balloon_detach() - take the device from the driver
 * @vb: the balloon
 *
 * What the host has acknowledged stays in the balloon. Only a device that was
 * reset can be trusted to discard nothing any more, so that what it has not
 * acknowledged is given back after the reset and not before.
 *
 * Context: the driver core's callbacks; may sleep.
 */
void balloon_detach(struct virtio_balloon *vb)
{
	if (!vb->up)
		return;
	vb->up = false;

	balloon_quiesce(vb);
	virtio_reset_device(vb->vdev);
	balloon_event(vb, BALLOON_EVENT_DOWN, 0, 0);
	balloon_queues_cancel(vb);
	balloon_reporting_release_all(vb);
	balloon_migrate_release_all(vb);
	balloon_oom_release_all(vb);
	balloon_hint_release_all(vb);
	balloon_inflate_release_all(vb);
	balloon_pages_cancel(vb);
	balloon_queues_destroy(vb);
}

static struct virtio_balloon *balloon_alloc(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = kzalloc(sizeof(*vb), GFP_KERNEL);

	if (!vb)
		return NULL;
	vb->wq = alloc_workqueue("virtio-balloon/%s",
				 WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM, 0,
				 dev_name(&vdev->dev));
	if (!vb->wq) {
		kfree(vb);
		return NULL;
	}
	vb->vdev = vdev;
	balloon_queues_init(vb);
	balloon_watch_init(vb);
	balloon_size_init(vb);
	return vb;
}

static void balloon_free(struct virtio_balloon *vb)
{
	destroy_workqueue(vb->wq);
	kfree(vb);
}

static int balloon_probe(struct virtio_device *vdev)
{
	struct virtio_balloon *vb = balloon_alloc(vdev);
	int err;

	if (!vb)
		return -ENOMEM;
	vdev->priv = vb;

	err = balloon_parts_init(vb);
	if (err)
		goto free_balloon;
	err = balloon_attach(vb);
	if (!err)
		err = balloon_go_on(vb);
	if (err)
		goto exit_parts;
	dev_info(&vdev->dev, "balloon ready: features %#llx, inflate mode %s (%s), floor %lu MiB\n",
		 vdev->features & GENMASK_ULL(VIRTIO_BALLOON_F_REPORTING, 0),
		 balloon_inflate_mode_name(balloon_inflate_mode(vb)),
		 balloon_inflate_mode_reason(vb),
		 balloon_floor(vb) >> (20 - PAGE_SHIFT));
	return 0;

exit_parts:
	balloon_pages_wait_stale(vb);
	balloon_parts_exit(vb);
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
		balloon_pages_return(vb);
		balloon_size_report(vb);
		balloon_detach(vb);
	} else {
		/* A restore that failed has left a status behind. */
		virtio_reset_device(vdev);
	}
	balloon_release(vb);
	balloon_pages_wait_stale(vb);
	balloon_parts_exit(vb);
	vdev->priv = NULL;
	balloon_free(vb);
}

static void balloon_config_changed(struct virtio_device *vdev)
{
	balloon_size_changed(vdev->priv);
	balloon_hint_changed(vdev->priv);
}

/*
 * Indirect descriptors would be allocated while memory is short. Addresses in
 * the balloon are the guest's physical ones, which no IOMMU translates.
 */
static int balloon_validate(struct virtio_device *vdev)
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
	.validate = balloon_validate,
	.probe = balloon_probe,
	.remove = balloon_remove,
	.config_changed = balloon_config_changed,
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
