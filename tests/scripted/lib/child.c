// SPDX-License-Identifier: GPL-2.0-only
/* Processes that use, compact or lack memory while the host goes on. See child.h. */
#include <sys/mman.h>

#include "child.h"
#include "guest.h"

#define OOM_MS		10000
#define AFTER_OOM_MS	150

/* For host_pump(): @arg is a struct child. */
bool child_ended(struct host *h, void *arg)
{
	struct child *child = arg;

	(void)h;
	return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

/* Start a process that uses memory, then ends with success; the first to be killed. */
pid_t child_need(__u64 pages)
{
	size_t bytes = pages * HOST_PAGE;
	pid_t pid = fork();
	char *p;

	if (pid)
		return pid;
	guest_write("/proc/self/oom_score_adj", "1000");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, bytes);
	_exit(0);
}

/* Have memory compacted, with the host served meanwhile. */
void child_compact(struct host *h, unsigned int ms)
{
	struct child child = { .pid = fork() };

	if (!child.pid)
		_exit(!guest_write("/proc/sys/vm/compact_memory", "1"));
	ktap_check(!host_pump(h, child_ended, &child, ms), "compaction does not end");
}

/*
 * Start an OOM kill, which asks the notifiers for memory first. Its victim is
 * a process made for it; child_oom_end() waits for its death.
 */
pid_t child_oom_start(void)
{
	pid_t pid = fork();

	if (!pid) {
		guest_write("/proc/self/oom_score_adj", "1000");
		guest_write("/proc/sysrq-trigger", "f");
		for (;;)
			pause();
	}
	return pid;
}

void child_oom_end(struct host *h, pid_t pid)
{
	struct child child = { .pid = pid };

	if (!ktap_check(!host_pump(h, child_ended, &child, OOM_MS),
			"the OOM killer has not come"))
		kill(pid, SIGKILL);
	host_pump_for(h, AFTER_OOM_MS);
}
