// SPDX-License-Identifier: GPL-2.0-only
/* What the driver says to the administrator. See kernel_log.h. */
#include <sys/klog.h>

#include "kernel_log.h"
#include "ktap.h"

#define LOG_BYTES	(1u << 20)
#define READ_ALL	3	/* SYSLOG_ACTION_READ_ALL */

/* Lines that have @text in them; the last number after @number in the last of them. */
unsigned int kernel_log_find(const char *text, const char *number,
			     unsigned long long *value)
{
	char *log = calloc(1, LOG_BYTES);
	unsigned int nr = 0;
	char *at, *end;

	if (!log || klogctl(READ_ALL, log, LOG_BYTES - 1) < 0)
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

unsigned int kernel_log_count(const char *text)
{
	return kernel_log_find(text, NULL, NULL);
}

/* A file of the device's, without the end of its line. */
static void read_attribute(struct host *h, const char *name, char *text, size_t size)
{
	if (host_attribute(h, name, text, size))
		ktap_skip_case("this driver has no file %s", name);
}

unsigned long long kernel_log_number(struct host *h, const char *name)
{
	char text[64];

	read_attribute(h, name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

void kernel_log_want(struct host *h, const char *name, const char *want)
{
	char text[128];

	read_attribute(h, name, text, sizeof(text));
	ktap_check(!strcmp(text, want), "%s is '%s', expected '%s'", name, text, want);
}
