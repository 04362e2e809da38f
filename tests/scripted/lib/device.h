/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One device from plug to removal, as most tests have it: judged by the model, and at
 * the end nothing may be left of it. What is wrong fails the case.
 */
#ifndef _DEVICE_H
#define _DEVICE_H

#include "host.h"
#include "ktap.h"
#include "model.h"

#define DEVICE_MS	10000	/* until the driver has done what it should */

struct host *device_start(__u64 features, unsigned int ms);
struct host *device_start_offer(const struct host_offer *offer, unsigned int ms);
void device_plug(struct host *h, unsigned int ms);
void device_remove(struct host *h);
void device_finish(struct host *h);
void device_sleep(struct host *h);
void device_want_held(struct host *h, enum host_role role);
void device_check_total(struct host *h, __u64 want);
void device_check_free(__u64 free, __u64 slack, unsigned int ms);

#endif /* _DEVICE_H */
