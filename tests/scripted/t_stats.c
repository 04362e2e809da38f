// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory statistics (VIRTIO 1.3, 5.5.6.3):
 *
 *   - one buffer waits for the host from DRIVER_OK on, announced by a kick
 *     after DRIVER_OK and not before, also after a restore;
 *   - each acknowledgment brings exactly one new buffer, soon, with the same
 *     tags, each once, also when used lengths are odd, interrupts spurious or
 *     late, or an inflate request is stuck meanwhile;
 *   - the figures are those of the guest;
 *   - a host that keeps buffers with a tag which the kernel's own driver does not
 *     send, as Firecracker up to 1.13 does with tags above 9, gets all it asks for;
 *     the parameter "stats" sends fewer tags, or all of them.
 */
#include <sys/utsname.h>

#include "device.h"

#define DEADLINE_MS	5000
#define CASE_S		40
#define ROUNDS		50
#define STAT_BYTES	10
#define SLACK		(16 * (__s64)HOST_MIB)

enum { MEMFREE = 4, MEMTOT = 5, AVAIL = 6, CACHES = 7 };

/* The tags below these numbers. */
#define TAGS_SPEC	10
#define TAGS_ALL	16

static struct host *start(__u64 features)
{
	return device_start(features | HOST_F_STATS_VQ, DEADLINE_MS);
}

static void want_buffer(struct host *h)
{
	ktap_check(host_wait_held(h, HOST_STATS, DEADLINE_MS), "no buffer");
}

/* Return the buffer to the driver and wait for the next. */
static bool next_stats(struct host *h)
{
	ktap_eq(host_release(h, HOST_STATS), 1);
	return ktap_check(host_wait_held(h, HOST_STATS, DEADLINE_MS), "no new buffer");
}

/* A figure of the buffer at hand, in device pages; -1 when it is not there. */
static __s64 stat_pages(struct host *h, unsigned int tag)
{
	__s64 value = model_stat(host_held_elem(h, HOST_STATS), tag);

	return value < 0 ? -1 : value / HOST_PAGE;
}

static void check_near(const char *what, __s64 got, __u64 want)
{
	__s64 diff = got - (__s64)want;

	ktap_check(got >= 0, "no figure for %s", what);
	ktap_check(got < 0 || (diff < SLACK && diff > -SLACK),
		   "%s: told %lld pages, guest says %llu", what,
		   got, want);
}

static void check_kicks(struct host *h)
{
	const struct balloon_host_event *e = NULL;
	int queue = host_queue(h, HOST_STATS);
	unsigned int kicks = 0;
	__u64 after = 0;

	while ((e = host_find(h, BALLOON_EV_KICK, queue, after))) {
		ktap_check(e->value & HOST_S_DRIVER_OK,
			   "kicked in status %#llx",
			   e->value);
		kicks += !!(e->value & HOST_S_DRIVER_OK);
		after = e->seq;
	}
	ktap_check(kicks, "never kicked after DRIVER_OK");
}

static void first(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);

	want_buffer(h);
	host_pump_for(h, 100);
	ktap_eq(host_held(h, HOST_STATS), 1);
	check_kicks(h);
	device_finish(h);
}

static void rounds(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);
	unsigned int i;

	want_buffer(h);
	for (i = 0; i < ROUNDS; i++) {
		h->policy[HOST_STATS].len = i % 4;
		if (!next_stats(h))
			break;
	}
	ktap_ge(h->model->stats_seen, ROUNDS);
	device_finish(h);
}

static void figures(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);

	want_buffer(h);
	next_stats(h);
	ktap_eq(stat_pages(h, MEMTOT), h->total);
	check_near("free memory", stat_pages(h, MEMFREE),
		   host_meminfo("MemFree"));
	check_near("available memory", stat_pages(h, AVAIL),
		   host_meminfo("MemAvailable"));
	check_near("caches", stat_pages(h, CACHES), host_meminfo("Cached"));
	ktap_eq(model_settle(h->model, 32 * HOST_MIB, DEADLINE_MS), 0);
	next_stats(h);
	ktap_eq(stat_pages(h, MEMTOT), h->total - 32 * HOST_MIB);
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void spurious(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);
	unsigned int i;

	want_buffer(h);
	for (i = 0; i < 20; i++)
		host_irq(h, HOST_STATS);
	host_pump_for(h, 200);
	ktap_eq(host_held(h, HOST_STATS), 1);
	next_stats(h);
	device_finish(h);
}

/* Whoever took what it was for has armed the queue again by then. */
static void late(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);
	unsigned int i;

	want_buffer(h);
	for (i = 0; i < 5; i++) {
		host_irq_late(h, HOST_STATS);
		host_pump_for(h, 20);
		if (!next_stats(h))
			break;
	}
	device_finish(h);
}

static void while_stuck(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);
	unsigned int i;

	want_buffer(h);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, HOST_MIB);
	ktap_check(host_wait_held(h, HOST_INFLATE, DEADLINE_MS), "nothing is inflated");
	for (i = 0; i < 5; i++)
		next_stats(h);
	h->policy[HOST_INFLATE].ack = HOST_ACK_NOW;
	ktap_eq(model_settle(h->model, 0, DEADLINE_MS), 0);
	device_finish(h);
}

static void restored(const void *arg)
{
	struct host *h = start(*(const __u64 *)arg);
	unsigned int i;

	want_buffer(h);
	for (i = 0; i < 3; i++) {
		ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE,
				     BALLOON_OPF_PM_SUSPEND, DEADLINE_MS), 0);
		ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE,
				     BALLOON_OPF_PM_SUSPEND, DEADLINE_MS), 0);
		want_buffer(h);
		next_stats(h);
	}
	check_kicks(h);
	device_finish(h);
}

/* What the kernel's own driver sends: 6.12 brought those above 9. */
static unsigned int kernel_tags(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return TAGS_ALL;
	return major > 6 || (major == 6 && minor >= 12) ? TAGS_ALL : TAGS_SPEC;
}

/* Keeps a buffer with a tag that it does not know, for ever. */
static bool keep_unknown(struct host *h, struct host_elem *e, void *arg)
{
	unsigned int known = *(unsigned int *)arg;
	__u16 tag;
	__u32 at;

	for (at = 0; e->role == HOST_STATS && at + STAT_BYTES <= e->out_len;
	     at += STAT_BYTES) {
		memcpy(&tag, e->data + at, sizeof(tag));
		if (tag >= known) {
			ktap_check(false, "tag %u, which this host does not know", tag);
			return true;
		}
	}
	(void)h;
	return false;
}

struct tags {
	const char *parameter;	/* or NULL */
	unsigned int known;	/* or 0: those of the kernel's own driver */
};

static void strict_host(const void *arg)
{
	const struct tags *t = arg;
	unsigned int known = t->known ? t->known : kernel_tags();
	struct host_offer offer = { .features = HOST_F_MODERN | HOST_F_STATS_VQ };
	struct host *h;
	unsigned int i;

	if (t->parameter && !host_set_parameter("stats", t->parameter))
		ktap_skip_case("the driver has no parameter stats");
	h = host_new(&offer);
	model_new(h);
	h->on_take = keep_unknown;
	h->arg = &known;
	device_plug(h, DEADLINE_MS);
	if (t->parameter)
		host_set_parameter("stats", "kernel");
	want_buffer(h);
	for (i = 0; i < ROUNDS && !ktap.wrong; i++)
		next_stats(h);
	ktap_check(ktap.wrong || stat_pages(h, known - 1) >= 0,
		   "no tag %u", known - 1);
	device_finish(h);
}

static const __u64 modern = HOST_F_MODERN;
static const __u64 legacy;
static const struct tags kernel = { NULL, 0 };
static const struct tags spec = { "spec", TAGS_SPEC };
static const struct tags all = { "all", TAGS_ALL };

static const struct ktap_case cases[] = {
	{ "first", first, &modern },
	{ "first,legacy", first, &legacy },
	{ "rounds", rounds, &modern },
	{ "rounds,legacy", rounds, &legacy },
	{ "figures", figures, &modern },
	{ "spurious", spurious, &modern },
	{ "late-interrupt", late, &modern },
	{ "late-interrupt,legacy", late, &legacy },
	{ "while-stuck", while_stuck, &modern },
	{ "restored", restored, &modern },
	{ "strict-host", strict_host, &kernel },
	{ "strict-host,spec", strict_host, &spec },
	{ "strict-host,all", strict_host, &all },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
