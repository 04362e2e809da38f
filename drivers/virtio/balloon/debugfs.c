// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parts count, for those who look into a balloon:
 * /sys/kernel/debug/virtio_balloon/virtioN, one file for each part, a name and a
 * value a line. Nothing can be written. What an operator needs is in sysfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "balloon.h"

static struct dentry *balloon_debugfs_root;

static int hint_show(struct seq_file *file, void *unused)
{
	balloon_hint_show(file, file->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(hint);

static int free_report_show(struct seq_file *file, void *unused)
{
	balloon_free_report_show(file, file->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(free_report);

/**
 * balloon_debugfs_load() - make room for the devices
 *
 * Context: when the module is loaded.
 */
void balloon_debugfs_load(void)
{
	balloon_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * balloon_debugfs_unload() - the counterpart of balloon_debugfs_load()
 *
 * Context: when the module is unloaded; there is no device any more.
 */
void balloon_debugfs_unload(void)
{
	debugfs_remove(balloon_debugfs_root);
}

/**
 * balloon_debugfs_init() - show a device
 * @vb: the balloon
 *
 * A kernel without debugfs, or without memory for it, has a balloon all the same.
 *
 * Context: probe, after all that is shown; may sleep.
 * Return: 0.
 */
int balloon_debugfs_init(struct virtio_balloon *vb)
{
	vb->debugfs = debugfs_create_dir(dev_name(&vb->vdev->dev),
					 balloon_debugfs_root);
	debugfs_create_file("hint", 0444, vb->debugfs, vb, &hint_fops);
	debugfs_create_file("free_report", 0444, vb->debugfs, vb,
			    &free_report_fops);
	return 0;
}

/**
 * balloon_debugfs_exit() - the counterpart of balloon_debugfs_init()
 * @vb: the balloon
 *
 * Context: remove; waits for those who are reading.
 */
void balloon_debugfs_exit(struct virtio_balloon *vb)
{
	debugfs_remove(vb->debugfs);
}
