// SPDX-License-Identifier: GPL-2.0-only
/*
 * What anybody may know of a balloon, in /sys/bus/virtio/devices/virtioN/balloon.
 * Sizes are in bytes. Documentation/ABI/testing/sysfs-virtio-balloon has the
 * words for users.
 *
 * The groups are the driver's: they appear when it has probed the device and are
 * gone before it is removed.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "balloon.h"

static ssize_t show_pages(char *buf, unsigned long nr_pages)
{
	return sysfs_emit(buf, "%llu\n", (u64)nr_pages << PAGE_SHIFT);
}

static struct virtio_balloon *balloon_of(struct device *dev)
{
	return dev_to_virtio(dev)->priv;
}

static ssize_t target_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, READ_ONCE(balloon_of(dev)->size.target));
}
static DEVICE_ATTR_RO(target);

static ssize_t actual_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, balloon_size_actual(balloon_of(dev)));
}
static DEVICE_ATTR_RO(actual);

static ssize_t in_flight_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_balloon *vb = balloon_of(dev);

	return show_pages(buf, balloon_size_inflating(vb) + balloon_discard_stranded(vb) +
				       balloon_pages_deflating(vb));
}
static DEVICE_ATTR_RO(in_flight);

static ssize_t floor_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, balloon_floor(balloon_of(dev)));
}
static DEVICE_ATTR_RO(floor);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  balloon_size_state_name(READ_ONCE(balloon_of(dev)->size.state)));
}
static DEVICE_ATTR_RO(state);

static ssize_t inflate_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  balloon_inflate_mode_name(balloon_inflate_mode(balloon_of(dev))));
}
static DEVICE_ATTR_RO(inflate);

static ssize_t inflate_reason_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", balloon_inflate_mode_reason(balloon_of(dev)));
}
static DEVICE_ATTR_RO(inflate_reason);

static ssize_t take_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", balloon_take_name());
}
static DEVICE_ATTR_RO(take);

static ssize_t element_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, balloon_element_nr_pages(balloon_of(dev)));
}
static DEVICE_ATTR_RO(element);

static ssize_t whole_blocks_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, balloon_blocks_count(balloon_of(dev)));
}
static DEVICE_ATTR_RO(whole_blocks);

static ssize_t hint_held_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_balloon *vb = balloon_of(dev);

	return sysfs_emit(buf, "%llu\n", ((u64)balloon_held_pages(&vb->hint.hold) << PAGE_SHIFT) +
			  ((u64)READ_ONCE(vb->queues[BALLOON_QUEUE_HINT].nr_4k) <<
			   BALLOON_PFN_SHIFT));
}
static DEVICE_ATTR_RO(hint_held);

static ssize_t hint_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", balloon_hint_state_name(balloon_of(dev)));
}
static DEVICE_ATTR_RO(hint_state);

static ssize_t hint_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const char *reason;

	return sysfs_emit(buf, "%s\n", balloon_hint_mode_name(balloon_of(dev), &reason));
}
static DEVICE_ATTR_RO(hint);

static ssize_t hint_reason_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const char *reason;

	balloon_hint_mode_name(balloon_of(dev), &reason);
	return sysfs_emit(buf, "%s\n", reason);
}
static DEVICE_ATTR_RO(hint_reason);

static ssize_t reported_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_pages(buf, READ_ONCE(balloon_of(dev)->reporting.reports.pages));
}
static DEVICE_ATTR_RO(reported);

static ssize_t report_state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct balloon_reporting *reporting = &balloon_of(dev)->reporting;
	const char *name = READ_ONCE(reporting->nr_busy) ? "reporting" : "idle";

	if (!reporting->reports.stream.queue)
		name = "none";
	else if (!READ_ONCE(reporting->registered))
		name = "unregistered";
	return sysfs_emit(buf, "%s\n", name);
}
static DEVICE_ATTR_RO(report_state);

static ssize_t report_now_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	bool now;
	int err = kstrtobool(buf, &now);

	if (err || !now)
		return err ? err : -EINVAL;
	err = balloon_reporting_now(balloon_of(dev));
	return err ? err : count;
}
static DEVICE_ATTR_WO(report_now);

static ssize_t resync_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	bool now;
	int err = kstrtobool(buf, &now);

	if (err || !now)
		return err ? err : -EINVAL;
	balloon_resync_request(balloon_of(dev));
	return count;
}
static DEVICE_ATTR_WO(resync);

static struct attribute *balloon_attrs[] = {
	&dev_attr_target.attr,
	&dev_attr_actual.attr,
	&dev_attr_in_flight.attr,
	&dev_attr_floor.attr,
	&dev_attr_state.attr,
	&dev_attr_inflate.attr,
	&dev_attr_inflate_reason.attr,
	&dev_attr_take.attr,
	&dev_attr_element.attr,
	&dev_attr_whole_blocks.attr,
	&dev_attr_hint_held.attr,
	&dev_attr_hint_state.attr,
	&dev_attr_hint.attr,
	&dev_attr_hint_reason.attr,
	&dev_attr_reported.attr,
	&dev_attr_report_state.attr,
	&dev_attr_report_now.attr,
	&dev_attr_resync.attr,
	NULL
};

static const struct attribute_group balloon_group = {
	.name = "balloon",
	.attrs = balloon_attrs,
};

const struct attribute_group *balloon_sysfs_groups[] = {
	&balloon_group,
	NULL
};
