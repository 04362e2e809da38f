/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the guest has memory, from /proc/iomem. */
#ifndef _RAM_H
#define _RAM_H

#include <stdbool.h>

#include "balloon_host.h"

#define RAM_RANGES	64

struct ram {
	struct balloon_host_range range[RAM_RANGES];
	unsigned int count;
};

void ram_read(struct ram *ram);
bool ram_has(const struct ram *ram, __u64 pfn);
__u64 ram_end(const struct ram *ram);

#endif /* _RAM_H */
