// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of the balloon that are moved while the host does not answer:
 *
 *   - whoever compacts memory on request sleeps for the host once, and not for long,
 *     whatever number of pages there is, and not again while the host is silent;
 *   - a target is reached nevertheless: when all single pages are on the move, a whole
 *     block is broken.
 */
#include <sys/mman.h>

#include "child.h"
#include "device.h"
#include "guest.h"
#include "moving.h"

#define DEADLINE_MS	20000
#define CASE_S		120
/* The driver's patience, up to 1 s with a slow host, and what else compaction sleeps for. */
#define SLEEP_MS	1150
#define SLEEP_AGAIN_MS	100
#define BLOCK		(2 * HOST_MIB)
#define BLOCKS		4
#define SOFT_OFFLINE	"/sys/devices/system/memory/soft_offline_page"

/* What compaction did neither run nor want to run for, shared with the child. */
static long *slept_ms;

/* Milliseconds that this process has run, and has waited for a processor. */
static long busy_ms(void)
{
	unsigned long long ran = 0, waited = 0;
	FILE *file = fopen("/proc/self/schedstat", "r");

	if (!file || fscanf(file, "%llu %llu", &ran, &waited) != 2 || !ran)
		ran = 0;
	if (file)
		fclose(file);
	return (ran + waited) / 1000000;
}

static void compact(struct host *h, unsigned int ms)
{
	struct child child = { .pid = fork() };

	if (!child.pid) {
		double begin = host_now();
		long busy = busy_ms();
		bool ok = guest_write("/proc/sys/vm/compact_memory", "1");

		*slept_ms = (host_now() - begin) * 1000 - (busy_ms() - busy);
		_exit(!ok);
	}
	ktap_check(!host_pump(h, child_ended, &child, ms), "compaction does not end");
}

static void check_slept(long limit)
{
	ktap_note("compaction slept for %ld ms", *slept_ms);
	ktap_check(*slept_ms <= host_patience(limit),
		   "compaction slept for %ld ms, expected %ld at most", *slept_ms, limit);
}

static void silent(const void *arg)
{
	struct host *h = device_start(*(const __u64 *)arg, DEADLINE_MS);

	if (access("/proc/self/schedstat", R_OK))
		ktap_skip_case("this kernel does not say how long a process waits");
	slept_ms = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	moving_inflate(h, DEADLINE_MS);
	host_withhold(h, HOST_DEFLATE);
	moving_move(h, MOVING_SCATTER, compact, DEADLINE_MS);
	check_slept(SLEEP_MS);
	compact(h, DEADLINE_MS);
	check_slept(SLEEP_AGAIN_MS);

	host_answer(h, HOST_INFLATE);
	host_answer(h, HOST_DEFLATE);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void isolated(const void *arg)
{
	__u32 size = BLOCKS * BLOCK + 1;
	struct host *h;
	char text[32];
	__u64 pfn;

	if (access(SOFT_OFFLINE, W_OK))
		ktap_skip_case("this kernel does without CONFIG_MEMORY_FAILURE");
	if (!host_set_parameter("inflate", "range"))
		ktap_skip_case("this driver has no whole blocks");
	h = device_start(*(const __u64 *)arg, DEADLINE_MS);
	ktap_eq(host_pump_target(h, size, DEADLINE_MS), 0);
	/* Those in whole blocks were never told on the inflate queue. */
	pfn = model_some_page(h->model);
	if (!ktap_check(pfn, "there is no single page in the balloon"))
		ktap_end_case();

	/* The kernel suspects the page, and moves it. */
	host_withhold(h, HOST_INFLATE);
	snprintf(text, sizeof(text), "%llu", pfn * HOST_PAGE);
	ktap_check(guest_write(SOFT_OFFLINE, text), "the page cannot be moved");
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "no page was moved");
	ktap_eq(host_pump_target(h, size - 3, DEADLINE_MS), 0);

	host_answer(h, HOST_INFLATE);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	device_remove(h);
	host_set_parameter("inflate", "auto");
	/* The model knows nothing of pages that came in a block. */
	if (ktap.wrong)
		host_print_log(h, 40);
	host_free(h);
}

static const __u64 plain = HOST_F_MODERN;
static const __u64 report = HOST_F_MODERN | HOST_F_REPORTING;

static const struct ktap_case cases[] = {
	{ "silent", silent, &plain },
	{ "isolated", isolated, &report },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
