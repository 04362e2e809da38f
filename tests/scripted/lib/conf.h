/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the conformance programs c_*.c share. Each of their cases judges one
 * statement of the specification, whose id its name begins with; the statements are
 * in Documentation/conformance/statements.tsv.
 *
 * A statement that only permits something cannot be violated: its case passes
 * when the driver makes use of it and is skipped otherwise. A statement about
 * something the driver does not do at all is skipped as well.
 */
#ifndef _CONF_H
#define _CONF_H

#include "device.h"

#define CONF_MS		DEVICE_MS
#define CONF_LOOK_MS	150	/* how long to look for what should not be */
#define CONF_CASE_S	60

/**
 * struct conf_shape - a device to judge it with
 * @name: for diagnostics
 * @features: offered
 */
struct conf_shape {
	const char *name;
	__u64 features;
};

#define CONF_PLAIN	HOST_F_VERSION_1
#define CONF_TELL	HOST_F_MUST_TELL_HOST
#define CONF_OOM	HOST_F_DEFLATE_ON_OOM
#define CONF_BALLOON	0x3full		/* all bits of the device type */

extern const struct conf_shape conf_any[5];

/**
 * struct conf_over - a case over several devices
 * @fn: judges one
 * @shapes: the devices
 * @count: length of @shapes
 */
struct conf_over {
	void (*fn)(__u64 features);
	const struct conf_shape *shapes;
	size_t count;
};

/* One line of a table of cases. */
#define CONF_OVER(name, fn, shapes)							\
	{ name, conf_case, &(const struct conf_over){					\
		fn, shapes, sizeof(shapes) / sizeof((shapes)[0]) } }

void conf_each(const struct conf_shape *shapes, size_t count, void (*fn)(__u64 features));
void conf_case(const void *arg);

struct host *conf_start_offer(const struct host_offer *offer);
struct host *conf_start(__u64 features);
void conf_remove(struct host *h);
void conf_free(struct host *h);
void conf_finish(struct host *h);
struct host *conf_life(__u64 features);
void conf_settle(struct host *h, __u32 target);
__u64 conf_accepted(struct host *h);
bool conf_fills_pages(void);
size_t conf_stale_words(unsigned int mib);

#endif /* _CONF_H */
