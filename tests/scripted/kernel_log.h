/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver says to the administrator: lines of the kernel's log, and files of
 * the device in sysfs.
 */
#ifndef _KERNEL_LOG_H
#define _KERNEL_LOG_H

#include <sys/klog.h>

#include "conf.h"

#define KERNEL_LOG_BYTES	(1u << 20)
#define KERNEL_LOG_READ_ALL	3

/* Lines that have @text in them; the last number after @number in the last of them. */
static inline unsigned int kernel_log_find(const char *text, const char *number,
					   unsigned long long *value)
{
	char *log = calloc(1, KERNEL_LOG_BYTES);
	unsigned int nr = 0;
	char *at, *end;

	if (!log || klogctl(KERNEL_LOG_READ_ALL, log, KERNEL_LOG_BYTES - 1) < 0)
		ktap_skip_case("the kernel's log cannot be read");
	for (at = log; (at = strstr(at, text)); at++) {
		nr++;
		end = number ? strstr(at, number) : NULL;
		if (end)
			*value = strtoull(end + strlen(number), NULL, 10);
	}
	free(log);
	return nr;
}

static inline unsigned int kernel_log_count(const char *text)
{
	return kernel_log_find(text, NULL, NULL);
}

/* A file of the device's, without the end of its line. */
static inline void kernel_log_attr(struct host *h, const char *name, char *text,
				   unsigned int size)
{
	struct balloon_host_state state;
	char path[128];
	FILE *file;

	host_state(h, &state);
	snprintf(path, sizeof(path), "/sys/bus/virtio/devices/%s/balloon/%s", state.device,
		 name);
	file = fopen(path, "r");
	if (!file)
		ktap_skip_case("this driver has no file %s", name);
	if (!fgets(text, size, file))
		text[0] = 0;
	text[strcspn(text, "\n")] = 0;
	fclose(file);
}

static inline unsigned long long kernel_log_number(struct host *h, const char *name)
{
	char text[64];

	kernel_log_attr(h, name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static inline void kernel_log_want(struct host *h, const char *name, const char *want)
{
	char text[128];

	kernel_log_attr(h, name, text, sizeof(text));
	ktap_check(!strcmp(text, want), "%s is '%s', expected '%s'", name, text, want);
}

#endif /* _KERNEL_LOG_H */
