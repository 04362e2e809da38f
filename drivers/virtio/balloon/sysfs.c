// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes for administrators, in /sys/bus/virtio/devices/virtioN/balloon. Sizes are in
 * bytes. Documentation/ABI/testing/sysfs-virtio-balloon describes them.
 *
 * The groups are the driver's: they appear after probe and are removed before remove.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "balloon.h"

static struct virtio_balloon *balloon_of(struct device *dev)
{
	return dev_to_virtio(dev)->priv;
}

static const char *report_state(struct balloon_reporting *reporting)
{
	if (!reporting->reports.stream.queue)
		return "none";
	if (!READ_ONCE(reporting->registered))
		return "unregistered";
	return READ_ONCE(reporting->nr_busy) ? "reporting" : "idle";
}

static const char *hint_reason(struct virtio_balloon *vb)
{
	const char *reason;

	balloon_hint_mode_name(vb, &reason);
	return reason;
}

static u64 hint_held(struct virtio_balloon *vb)
{
	return ((u64)balloon_held_pages(&vb->hint.hold) << PAGE_SHIFT) +
	       ((u64)READ_ONCE(vb->queues[BALLOON_QUEUE_HINT].nr_4k) << BALLOON_PFN_SHIFT);
}

#define SHOW(name, format, value)							\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)	\
{											\
	struct virtio_balloon *vb __maybe_unused = balloon_of(dev);			\
											\
	return sysfs_emit(buf, format "\n", value);					\
}											\
static DEVICE_ATTR_RO(name)

#define SHOW_PAGES(name, value)	SHOW(name, "%llu", (u64)(value) << PAGE_SHIFT)
#define SHOW_WORD(name, value)	SHOW(name, "%s", value)

SHOW_PAGES(target, READ_ONCE(vb->size.target));
SHOW_PAGES(actual, balloon_actual(vb));
SHOW_PAGES(in_flight, balloon_inflating(vb) + READ_ONCE(vb->discards.nr_stranded) +
		      balloon_pages_deflating(vb));
SHOW_PAGES(floor, balloon_floor(vb));
SHOW_WORD(state, balloon_state_names[READ_ONCE(vb->size.state)]);
SHOW_WORD(inflate, balloon_inflate_mode_name(balloon_inflate_mode(vb)));
SHOW_WORD(inflate_reason, balloon_inflate_mode_reason(vb));
SHOW_WORD(take, balloon_alloc_name());
SHOW_PAGES(element, balloon_batch_nr_pages_max(vb));
SHOW_PAGES(whole_blocks, balloon_blocks_count(vb));
SHOW(hint_held, "%llu", hint_held(vb));
SHOW_WORD(hint_state, balloon_hint_state_name(vb));
SHOW_WORD(hint, balloon_hint_mode_name(vb, &(const char *){ NULL }));
SHOW_WORD(hint_reason, hint_reason(vb));
SHOW_PAGES(reported, READ_ONCE(vb->reporting.reports.pages));
SHOW_WORD(report_state, report_state(&vb->reporting));

/* Any word for yes; there is nothing to switch off. */
static ssize_t asked(const char *buf, size_t count)
{
	bool now;
	int err = kstrtobool(buf, &now);

	if (err)
		return err;
	return now ? count : -EINVAL;
}

static ssize_t report_now_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	ssize_t ret = asked(buf, count);
	int err = ret < 0 ? 0 : balloon_pace_now(balloon_of(dev));

	return err ? err : ret;
}
static DEVICE_ATTR_WO(report_now);

static ssize_t resync_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	ssize_t ret = asked(buf, count);

	if (ret >= 0)
		balloon_reannounce_request(balloon_of(dev));
	return ret;
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
