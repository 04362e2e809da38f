// SPDX-License-Identifier: GPL-2.0-only
/* One device from plug to removal. See device.h. */
#include "device.h"

#define LOG_SHOWN	40

/**
 * device_plug - show a device to the guest, and see that the driver takes it
 * @h: the device, from host_new()
 * @ms: deadline of this, and of the device's removal
 */
void device_plug(struct host *h, unsigned int ms)
{
	h->ms = ms;
	ktap_eq(host_pump_op(h, BALLOON_OP_PLUG, 0, ms), 0);
	if (!ktap_check(host_bound(h), "no driver is bound"))
		ktap_end_case();
}

/**
 * device_start_offer - make a device with a model, and plug it
 * @offer: what it is like
 * @ms: deadline of this, and of the device's removal
 */
struct host *device_start_offer(const struct host_offer *offer, unsigned int ms)
{
	struct host *h = host_new(offer);

	model_new(h);
	device_plug(h, ms);
	return h;
}

struct host *device_start(__u64 features, unsigned int ms)
{
	struct host_offer offer = { .features = features };

	return device_start_offer(&offer, ms);
}

/**
 * device_remove - remove a device
 * @h: the device
 *
 * A driver that does not let go hangs: that ends the case, and the guest is damaged.
 */
void device_remove(struct host *h)
{
	int err = host_pump_op(h, BALLOON_OP_REMOVE, 0, h->ms);

	if (ktap_check(!err, "removal: %s", strerror(-err)) || err != -ETIMEDOUT)
		return;
	host_print_log(h, LOG_SHOWN);
	ktap.damaged = true;
	ktap_end_case();
}

/**
 * device_finish - remove a device; nothing is left of it
 * @h: the device; freed
 */
void device_finish(struct host *h)
{
	device_remove(h);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), h->total);
	ktap_eq(model_offline(h->model), 0);
	if (ktap.wrong)
		host_print_log(h, LOG_SHOWN);
	host_free(h);
}

/**
 * device_sleep - the driver brings the device down and up again, as for a suspend
 * @h: the device
 */
void device_sleep(struct host *h)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE, BALLOON_OPF_PM_SUSPEND, DEVICE_MS), 0);
	ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE, BALLOON_OPF_PM_SUSPEND, DEVICE_MS), 0);
}

void device_want_held(struct host *h, enum host_role role)
{
	ktap_check(host_wait_held(h, role, DEVICE_MS), "nothing came on queue %d",
		   host_queue(h, role));
}

static bool has_total(struct host *h, void *arg)
{
	(void)h;
	return host_meminfo("MemTotal") == *(__u64 *)arg;
}

/* Pages that move leave and enter the balloon, some at a time. */
void device_check_total(struct host *h, __u64 want)
{
	ktap_check(!host_pump(h, has_total, &want, h->ms),
		   "MemTotal is %llu pages, expected %llu", host_meminfo("MemTotal"), want);
}

/**
 * device_check_free - see that free memory comes back
 * @free: what was free before, in device pages
 * @slack: what the rest of the guest may have taken meanwhile
 * @ms: deadline: some memory is freed with delay
 */
void device_check_free(__u64 free, __u64 slack, unsigned int ms)
{
	ktap_ge(host_wait_free(free - slack, ms) + slack, free);
}
