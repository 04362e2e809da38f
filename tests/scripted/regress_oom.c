// SPDX-License-Identifier: GPL-2.0-only
/*
 * DEFLATE_ON_OOM at every speed of the host (32 in Documentation/regressions.rst): a
 * process that needs what is in the balloon gets it and is not killed.
 *
 * Without MUST_TELL_HOST that holds for a host that never acknowledges, too, and all
 * that left the balloon is told as soon as the host answers again. With it a host may
 * take up to 100 ms for each element; for one that never answers the kernel kills the
 * process, and does so before long.
 */
#include <sys/mman.h>

#include "child.h"
#include "device.h"
#include "guest.h"

#define MS		20000
#define NEED_MS		60000	/* 128 elements, each after 100 ms, and slack */
#define CASE_S		120
#define LEFT		(48 * HOST_MIB)
#define NEED		(128 * HOST_MIB)
#define NEVER		UINT32_MAX

struct oom {
	__u64 features;
	__u32 delay_us;
	bool inflating;		/* the host is as slow to take memory, too */
};

/*
 * A host that answers lives in the kernel module, so that it needs no memory itself. One
 * that never answers is played by this program, whose model then sees every page.
 */
static void serve(struct host *h, enum host_role role, __u32 delay_us)
{
	if (delay_us == NEVER)
		host_withhold(h, role);
	else
		host_mode(h, role, BALLOON_MODE_AUTO, delay_us);
}

static struct host *start(const struct oom *c)
{
	struct host *h = device_start(c->features | HOST_F_DEFLATE_ON_OOM, MS);

	if (c->delay_us != NEVER) {
		serve(h, HOST_INFLATE, 0);
		serve(h, HOST_DEFLATE, 0);
	}
	return h;
}

static bool told(struct host *h, void *arg)
{
	(void)arg;
	return h->model->inflated - h->model->deflated == host_actual(h);
}

/* The host answers again: it hears of every page that has left the balloon. */
static void all_is_told(struct host *h)
{
	h->policy[HOST_DEFLATE].ack = HOST_ACK_NOW;
	ktap_eq(host_pump_target(h, 0, MS), 0);
	ktap_check(!host_pump(h, told, NULL, MS),
		   "%llu pages were inflated, %llu deflated, and the balloon has %u",
		   (unsigned long long)h->model->inflated,
		   (unsigned long long)h->model->deflated, host_actual(h));
}

static void oom(const void *arg)
{
	const struct oom *c = arg;
	bool may_die = c->delay_us == NEVER && (c->features & HOST_F_MUST_TELL_HOST);
	struct child child = {};
	struct host *h;
	__u32 target;
	bool survived;

	guest_write("/proc/self/oom_score_adj", "-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	h = start(c);
	target = host_meminfo("MemAvailable") - LEFT;
	ktap_ge(target, NEED);
	ktap_eq(host_pump_target(h, target, MS), 0);
	if (c->inflating)
		serve(h, HOST_INFLATE, c->delay_us);
	serve(h, HOST_DEFLATE, c->delay_us);
	child.pid = child_need(NEED);
	if (!ktap_check(!host_pump(h, child_ended, &child, NEED_MS),
			"whoever needs memory waits for it"))
		ktap.damaged = true;
	survived = WIFEXITED(child.status) && !WEXITSTATUS(child.status);
	ktap_check(survived || may_die,
		   "whoever needed memory was killed, with %u of %u pages in the balloon",
		   host_actual(h), target);
	if (c->delay_us == NEVER)
		all_is_told(h);
	device_finish(h);
}

#define PLAIN	HOST_F_MODERN
#define TELL	(HOST_F_MODERN | HOST_F_MUST_TELL_HOST)

#define CASE(name, ...)	{ name, oom, &(const struct oom){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("32-oom-0ms", PLAIN, 0, false),
	CASE("32-oom-1ms", PLAIN, 1000, false),
	CASE("32-oom-5ms", PLAIN, 5000, false),
	CASE("32-oom-20ms", PLAIN, 20000, false),
	CASE("32-oom-100ms", PLAIN, 100000, false),
	CASE("32-oom-never", PLAIN, NEVER, false),
	CASE("32-oom-slow-both-ways", PLAIN, 20000, true),
	CASE("32-oom-0ms,tell", TELL, 0, false),
	CASE("32-oom-1ms,tell", TELL, 1000, false),
	CASE("32-oom-5ms,tell", TELL, 5000, false),
	CASE("32-oom-20ms,tell", TELL, 20000, false),
	CASE("32-oom-100ms,tell", TELL, 100000, false),
	CASE("32-oom-never,tell", TELL, NEVER, false),
	CASE("32-oom-slow-both-ways,tell", TELL, 20000, true),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
