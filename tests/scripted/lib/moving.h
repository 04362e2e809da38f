/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A balloon among other memory, whose pages compaction moves: only into blocks of
 * memory that are partly in use.
 */
#ifndef _MOVING_H
#define _MOVING_H

#include "host.h"

/* Memory to scatter, in 4 KiB pages. */
#define MOVING_SCATTER	(128 * HOST_MIB)

size_t moving_inflate(struct host *h, unsigned int ms);
void moving_move(struct host *h, size_t whole,
		 void (*compact)(struct host *h, unsigned int ms), unsigned int ms);

#endif /* _MOVING_H */
