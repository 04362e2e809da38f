/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the library share and tests do not use. */
#ifndef _INTERNAL_H
#define _INTERNAL_H

#include <stdnoreturn.h>

#include "host.h"

#define host_format(format, args)	__format__(__printf__, format, args)

noreturn void host_die(const char *what);
void *host_alloc(size_t size);
int host_ioctl(struct host *h, unsigned long request, void *arg);
void host_elem_free(struct host_elem *e);
__u64 host_max_pfn(void);

/* Calls into the model, nothing when there is none. */
void host_model_take(struct host *h, struct host_elem *e);
void host_model_ack(struct host *h, struct host_elem *e);
void host_model_reset(struct host *h);

/* Between the files of the model. */
void model_complain(struct model *m, const char *format, ...)
	__attribute__((host_format(2, 3)));
void model_hint_lost(struct model *m, __u64 pfn);
void model_take_hint(struct model *m, const struct host_elem *e);
void model_ack_hint(struct model *m, const struct host_elem *e);
void model_take_report(struct model *m, const struct host_elem *e);
void model_ack_report(struct model *m, const struct host_elem *e);
void model_take_stats(struct model *m, const struct host_elem *e);

#endif /* _INTERNAL_H */
