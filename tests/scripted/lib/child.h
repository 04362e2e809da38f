/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that use, compact or lack memory while the host goes on. */
#ifndef _CHILD_H
#define _CHILD_H

#include "host.h"
#include "ktap.h"

/**
 * struct child - a process that the host is served for until it ends
 * @pid: of the process
 * @status: as from waitpid(), when it has ended
 */
struct child {
	pid_t pid;
	int status;
};

bool child_ended(struct host *h, void *arg);
pid_t child_need(__u64 pages);
void child_compact(struct host *h, unsigned int ms);
pid_t child_oom_start(void);
void child_oom_end(struct host *h, pid_t pid);

#endif /* _CHILD_H */
