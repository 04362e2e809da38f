// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of the parts, for developers, in /sys/kernel/debug/virtio_balloon/virtioN: one name
 * and one value per line, except the event log. Reading takes no lock of the parts, and
 * counting does not depend on readers. What an operator needs is in sysfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "balloon.h"

static struct dentry *balloon_debugfs_root;

static void balloon_show(struct seq_file *file, const char *name, u64 value)
{
	seq_printf(file, "%s %llu\n", name, value);
}

static void balloon_show_pages(struct seq_file *file, const char *name, u64 nr_pages)
{
	balloon_show(file, name, nr_pages << PAGE_SHIFT);
}

/* A line for each slot that is not empty: its least value and the count. */
static void show_histogram(struct seq_file *file, const char *name,
			   const struct balloon_histogram *histogram, bool log2)
{
	unsigned long nr;
	unsigned int slot;

	for (slot = 0; slot < BALLOON_HISTOGRAM_NR; slot++) {
		nr = READ_ONCE(histogram->slots[slot]);
		if (nr)
			seq_printf(file, "%s_%llu %lu\n", name,
				   log2 ? balloon_log2_least(slot) : slot, nr);
	}
}

/* Pages that are being reannounced are in the balloon and in inflating_bytes. */
static void show_size(struct seq_file *file, struct virtio_balloon *vb)
{
	seq_printf(file, "state %s\n", balloon_state_names[READ_ONCE(vb->size.state)]);
	balloon_show_pages(file, "target_bytes", READ_ONCE(vb->size.target));
	balloon_show_pages(file, "pages_bytes", balloon_pages_count(vb));
	balloon_show_pages(file, "blocks_bytes", balloon_blocks_count(vb));
	balloon_show_pages(file, "inflating_bytes", balloon_inflating(vb));
	balloon_show_pages(file, "deflating_bytes", balloon_pages_deflating(vb));
	balloon_show_pages(file, "reannounced_bytes", READ_ONCE(vb->pages.nr_reannounced));
	balloon_show_pages(file, "orphaned_bytes", balloon_pages_orphaned(vb));
}

static void show_queues(struct seq_file *file, struct virtio_balloon *vb)
{
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		struct balloon_queue_counts *counts = &vb->queues[i].counts;
		const char *name = balloon_queue_names[i];

		if (!READ_ONCE(vb->queues[i].vq))
			continue;
		seq_printf(file, "%s_in_flight %u\n", name, READ_ONCE(vb->queues[i].nr_in_flight));
		seq_printf(file, "%s_requests %lu\n", name, READ_ONCE(counts->requests));
		seq_printf(file, "%s_completions %lu\n", name, READ_ONCE(counts->completions));
		seq_printf(file, "%s_kicks %lu\n", name, READ_ONCE(counts->kicks));
		seq_printf(file, "%s_interrupts %lu\n", name, READ_ONCE(counts->interrupts));
	}
}

/* For each queue: completions by the least number of microseconds that they took. */
static void show_latency(struct seq_file *file, struct virtio_balloon *vb)
{
	char name[32];
	unsigned int i;

	for (i = 0; i < BALLOON_QUEUE_NR; i++) {
		snprintf(name, sizeof(name), "%s_usecs", balloon_queue_names[i]);
		show_histogram(file, name, &vb->queues[i].counts.latency, true);
	}
}

static void show_orders(struct seq_file *file, struct virtio_balloon *vb)
{
	show_histogram(file, "order", &vb->alloc.orders, false);
}

static void show_time_to_target(struct seq_file *file, struct virtio_balloon *vb)
{
	show_histogram(file, "msecs", &vb->size.reached, true);
}

static void show_hint(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_reporting_queue *named = &vb->reporting.hints;
	struct balloon_hint *hint = &vb->hint;
	struct balloon_held *hold = &hint->hold;

	seq_printf(file, "state %s\n", balloon_hint_state_name(vb));
	if (!hint->stream.queue)
		return;
	balloon_show(file, "id", READ_ONCE(hint->id));
	balloon_show(file, "commands", hint->nr_commands);
	balloon_show(file, "rounds", hint->nr_rounds);
	balloon_show(file, "ranges", hold->nr_buffers + named->buffers);
	balloon_show(file, "blocks", hold->nr_blocks + named->blocks);
	balloon_show_pages(file, "bytes", hold->nr_hinted + named->pages);
	balloon_show_pages(file, "bytes_isolated", named->pages);
	balloon_show(file, "blocks_taken", hold->nr_taken);
	balloon_show_pages(file, "held_bytes", balloon_held_pages(hold));
	balloon_show_pages(file, "bytes_released", hold->nr_released);
	balloon_show_pages(file, "bytes_reclaimed", atomic_long_read(&hold->nr_reclaimed));
	balloon_show(file, "release_usecs_max", hold->usecs_max);
}

static void show_free_report(struct seq_file *file, struct virtio_balloon *vb)
{
	struct balloon_reporting *reporting = &vb->reporting;
	struct balloon_reporting_queue *reports = &reporting->reports;

	if (!reports->stream.queue)
		return;
	balloon_show(file, "buffers", READ_ONCE(reports->buffers));
	balloon_show(file, "blocks", READ_ONCE(reports->blocks));
	balloon_show_pages(file, "bytes", READ_ONCE(reports->pages));
	balloon_show(file, "refused", READ_ONCE(reporting->nr_refused));
	balloon_show_pages(file, "busy_bytes", READ_ONCE(reporting->nr_busy));
}

#define BALLOON_SHOW(name, function)					\
static int name##_show(struct seq_file *file, void *unused)		\
{									\
	function(file, file->private);					\
	return 0;							\
}									\
DEFINE_SHOW_ATTRIBUTE(name)

BALLOON_SHOW(size, show_size);
BALLOON_SHOW(queues, show_queues);
BALLOON_SHOW(latency, show_latency);
BALLOON_SHOW(orders, show_orders);
BALLOON_SHOW(time_to_target, show_time_to_target);
BALLOON_SHOW(hint, show_hint);
BALLOON_SHOW(free_report, show_free_report);
BALLOON_SHOW(events, balloon_events_show);
BALLOON_SHOW(totals, balloon_events_show_totals);

/* Any write resets the counters. */
static ssize_t reset_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	struct virtio_balloon *vb = file->private_data;

	balloon_queues_reset_counts(vb);
	balloon_events_reset(vb);
	memset(&vb->size.reached, 0, sizeof(vb->size.reached));
	memset(&vb->alloc.orders, 0, sizeof(vb->alloc.orders));
	return size;
}

static const struct file_operations reset_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = reset_write,
};

static const struct {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
} balloon_debugfs_files[] = {
	{ "size", 0444, &size_fops },
	{ "queues", 0444, &queues_fops },
	{ "latency", 0444, &latency_fops },
	{ "orders", 0444, &orders_fops },
	{ "time_to_target", 0444, &time_to_target_fops },
	{ "hint", 0444, &hint_fops },
	{ "free_report", 0444, &free_report_fops },
	{ "events", 0444, &events_fops },
	{ "totals", 0444, &totals_fops },
	{ "reset", 0200, &reset_fops },
};

/**
 * balloon_debugfs_load() - create the directory of all devices
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
 * balloon_debugfs_init() - create a device's files
 * @vb: the balloon
 *
 * The balloon works without them.
 *
 * Context: probe, after the parts whose counters are shown; may sleep.
 * Return: 0.
 */
int balloon_debugfs_init(struct virtio_balloon *vb)
{
	unsigned int i;

	vb->debugfs = debugfs_create_dir(dev_name(&vb->vdev->dev), balloon_debugfs_root);
	for (i = 0; i < ARRAY_SIZE(balloon_debugfs_files); i++)
		debugfs_create_file(balloon_debugfs_files[i].name,
				    balloon_debugfs_files[i].mode, vb->debugfs,
				    vb, balloon_debugfs_files[i].fops);
	return 0;
}

/**
 * balloon_debugfs_exit() - the counterpart of balloon_debugfs_init()
 * @vb: the balloon
 *
 * Context: remove; waits for readers.
 */
void balloon_debugfs_exit(struct virtio_balloon *vb)
{
	debugfs_remove(vb->debugfs);
}
