// SPDX-License-Identifier: GPL-2.0-only
/* Random hosts: memory pressure, compaction, and the books. See fuzz.h. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "guest.h"
#include "internal.h"

#define FREE_SLACK	host_slack(6 * HOST_MIB)
#define FREE_MS		fuzz_ms(3000)
#define THREADS_MS	fuzz_ms(1000)
#define COMPACT_MS	fuzz_ms(10000)
#define CHUNK		(1u << 20)

/**
 * fuzz_choose_hint - how the driver hints free memory, if it has several ways
 * @f: the run
 */
void fuzz_choose_hint(struct fuzz *f)
{
	static const char * const modes[] = { "auto", "isolate", "hold" };
	const char *mode = modes[fuzz_below(&f->rng, 3)];

	host_set_parameter("hint", mode);
	fuzz_say(f, "hint=%s", mode);
}

/**
 * fuzz_prepare - survive a shortage of memory that others are to feel
 */
void fuzz_prepare(void)
{
	guest_write("/proc/self/oom_score_adj", "-1000");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		host_die("mlockall");
}

/*
 * How many threads the driver's workqueues have.
 *
 * The workqueue of each device has a rescuer, whose name is cut differently by
 * different kernels.
 */
static unsigned int count_threads(void)
{
	struct dirent *entry;
	char path[300], comm[32];
	unsigned int count = 0;
	DIR *dir = opendir("/proc");

	if (!dir)
		host_die("/proc");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (guest_read(path, comm, sizeof(comm)))
			count += !strncmp(comm, "virtio-balloon/", 14) ||
				 !strncmp(comm, "kworker/R-virtio-b", 15);
	}
	closedir(dir);
	return count;
}

/**
 * fuzz_read_books - note what there is
 * @books: result
 */
void fuzz_read_books(struct fuzz_books *books)
{
	/* First: looking at all processes takes memory. */
	books->threads = count_threads();
	books->total = host_meminfo("MemTotal");
	books->free = host_free_memory();
	books->balloon = guest_vmstat("balloon_inflate") - guest_vmstat("balloon_deflate");
	books->nr_balloon = guest_vmstat("nr_balloon_pages");
}

/**
 * fuzz_compare - do the books balance?
 * @before: as they were without a device
 *
 * Return: what is wrong, or NULL.
 */
const char *fuzz_compare(const struct fuzz_books *before)
{
	static char text[160];
	struct fuzz_books now;

	host_wait_free(before->free - FREE_SLACK, FREE_MS);
	fuzz_read_books(&now);
	snprintf(text, sizeof(text),
		 "MemTotal %+lld, free %+lld, balloon in vmstat %+lld, nr_balloon_pages %+lld pages",
		 (long long)(now.total - before->total),
		 (long long)(now.free - before->free),
		 (long long)(now.balloon - before->balloon),
		 (long long)(now.nr_balloon - before->nr_balloon));
	if (now.total != before->total || now.balloon != before->balloon ||
	    now.nr_balloon != before->nr_balloon ||
	    now.free + FREE_SLACK < before->free)
		return text;
	return NULL;
}

static pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		host_die("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A child that the OOM killer takes before others. */
static pid_t victim(void)
{
	pid_t pid = child();

	if (!pid)
		guest_write("/proc/self/oom_score_adj", "1000");
	return pid;
}

static noreturn void stay(void)
{
	for (;;)
		pause();
}

/**
 * fuzz_press - have a child use memory until fuzz_relieve()
 * @f: the life
 * @mib: how much
 *
 * It is the first one that the OOM killer takes. On a slow kernel another one may be
 * looked for while the memory of the first still is being freed: there are some.
 */
void fuzz_press(struct fuzz *f, unsigned int mib)
{
	unsigned int i;
	char *p;

	if (f->pressure)
		return;
	f->starved = true;
	for (i = 0; i < FUZZ_NEXT; i++) {
		f->next[i] = victim();
		if (!f->next[i])
			stay();
	}
	f->pressure = victim();
	if (f->pressure)
		return;
	while (mib--) {
		p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p != MAP_FAILED)
			memset(p, 0x5a, CHUNK);
	}
	stay();
}

/**
 * fuzz_relieve - end the pressure
 * @f: the life
 */
void fuzz_relieve(struct fuzz *f)
{
	unsigned int i;

	if (!f->pressure)
		return;
	end_child(f->pressure);
	f->pressure = 0;
	for (i = 0; i < FUZZ_NEXT; i++)
		end_child(f->next[i]);
}

/**
 * fuzz_compact - have memory compacted by a child
 * @f: the life
 */
void fuzz_compact(struct fuzz *f)
{
	fuzz_compact_end(f, false);
	if (f->compact)
		return;
	f->compact = child();
	if (f->compact)
		return;
	guest_write("/proc/sys/vm/compact_memory", "1");
	_exit(0);
}

static bool compacted(struct host *h, void *arg)
{
	(void)h;
	return waitpid(*(pid_t *)arg, NULL, WNOHANG);
}

/**
 * fuzz_compact_end - see after the compaction
 * @f: the life
 * @wait: until it has ended; the driver is served meanwhile
 */
void fuzz_compact_end(struct fuzz *f, bool wait)
{
	if (!f->compact)
		return;
	if (wait)
		host_pump(f->h, compacted, &f->compact, COMPACT_MS);
	if (wait || waitpid(f->compact, NULL, WNOHANG))
		f->compact = 0;
}

/**
 * fuzz_threads_left - is a thread of the driver left?
 * @before: without a device
 *
 * One that has ended may be seen for a moment after somebody has waited for that.
 */
bool fuzz_threads_left(const struct fuzz_books *before)
{
	double end = host_now() + THREADS_MS / 1000.0;

	while (count_threads() > before->threads) {
		if (host_now() > end)
			return true;
		usleep(5000);
	}
	return false;
}
