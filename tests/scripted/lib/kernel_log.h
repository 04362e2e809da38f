/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver says to the administrator: lines of the kernel's log, and files of
 * the device in sysfs.
 */
#ifndef _KERNEL_LOG_H
#define _KERNEL_LOG_H

#include "host.h"

unsigned int kernel_log_find(const char *text, const char *number,
			     unsigned long long *value);
unsigned int kernel_log_count(const char *text);
unsigned long long kernel_log_number(struct host *h, const char *name);
void kernel_log_want(struct host *h, const char *name, const char *want);

#endif /* _KERNEL_LOG_H */
