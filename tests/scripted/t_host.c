// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scripted host itself, with any driver that can inflate: several devices
 * at once, one order of events across them, memory written only while the
 * device owns it, answers refused that a reset has made void, devices that
 * refuse features or lack a queue, queues served by the module, a real suspend
 * to disk that fails halfway, and a file closed in the middle of everything.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "device.h"
#include "internal.h"

#define DEADLINE_MS	10000
#define CASE_S		60

/* Without a model. */
static struct host *start(struct host_offer *offer)
{
	struct host *h = host_new(offer);

	device_plug(h, DEADLINE_MS);
	return h;
}

static void finish(struct host *h)
{
	device_remove(h);
	host_free(h);
}

static void check_ascending(struct host *h)
{
	size_t i;

	host_log(h);
	for (i = 1; i < h->events; i++)
		ktap_check(h->log[i - 1].seq < h->log[i].seq &&
			   h->log[i - 1].ns <= h->log[i].ns,
			   "event %zu is older than the one before", i);
}

static void two_devices(const void *arg)
{
	struct host_offer offer = { .features = HOST_F_MODERN };
	__u64 total = host_meminfo("MemTotal");
	struct host *a = start(&offer);
	struct host *b = start(&offer);
	__u64 last = 0;
	size_t i;

	(void)arg;
	model_new(a);
	model_new(b);
	ktap_eq(model_settle(a->model, 8 * HOST_MIB, DEADLINE_MS), 0);
	ktap_eq(model_settle(b->model, 4 * HOST_MIB, DEADLINE_MS), 0);
	ktap_eq(host_meminfo("MemTotal"), total - 12 * HOST_MIB);
	check_ascending(a);
	check_ascending(b);
	/* The second device came when the first had long been probed. */
	last = host_find(b, BALLOON_EV_RESET, HOST_ANY, 0)->seq;
	for (i = 0; i < b->events; i++)
		ktap_ge(b->log[i].seq, last);
	ktap_check(host_find_status(a, HOST_S_DRIVER_OK)->seq < last,
		   "the devices' events are in no common order");
	ktap_check(model_clean(a->model) && model_clean(b->model), "see above");
	finish(b);
	finish(a);
	ktap_eq(host_meminfo("MemTotal"), total);
}

static struct host_elem *take_inflate(struct host *h)
{
	double deadline = host_now() + DEADLINE_MS / 1000.0;
	struct host_elem *e;

	while (!(e = host_take(h, HOST_INFLATE)))
		if (host_now() > deadline) {
			ktap_check(false, "nothing to take");
			ktap_end_case();
		}
	return e;
}

/* How many of the first page of @e, and of a page not in it, are refused. */
static void check_owned(struct host *h, const struct host_elem *e, bool owned)
{
	struct balloon_host_range range = { .count = 1 };
	struct balloon_host_page page;
	__u64 high = 0;
	__u32 i;

	for (i = 0; i < e->out_len / 4; i++)
		if (model_u32(e->data + 4 * i) > high)
			high = model_u32(e->data + 4 * i);
	range.pfn = high;
	ktap_eq(host_fill(h, &range, 1, MODEL_JUNK_INFLATE), owned ? 0 : 1);
	page.pfn = high;
	ktap_eq(host_pages(h, &page, 1), 0);
	ktap_eq(!!(page.flags & BALLOON_PAGE_OWNED), owned);
	ktap_check(page.flags & BALLOON_PAGE_RAM, "pfn %#llx is no RAM", high);
	range.pfn = 256;	/* the kernel's, on any machine like this */
	ktap_eq(host_fill(h, &range, 1, 0), 1);
	range.pfn = ~0ULL >> 12;
	ktap_eq(host_fill(h, &range, 1, 0), 1);
}

static void ownership(const void *arg)
{
	bool tell = *(const bool *)arg;
	struct host_offer offer = {
		.features = HOST_F_MODERN | (tell ? HOST_F_MUST_TELL_HOST : 0),
		.target = HOST_MIB,
	};
	struct host *h = host_new(&offer);
	struct host_elem copy, *e;
	__u32 word[HOST_PAGE / 4];

	ktap_eq(host_op(h, BALLOON_OP_PLUG, 0, DEADLINE_MS), 0);
	e = take_inflate(h);
	copy = *e;
	copy.data = host_alloc(e->out_len);
	memcpy(copy.data, e->data, e->out_len);
	check_owned(h, e, true);
	ktap_eq(host_read(h, model_u32(copy.data + copy.out_len - 4), word), 0);
	ktap_eq(host_ack(h, e, 0, 0), 0);
	check_owned(h, &copy, tell);
	/* The driver may hold back its next request; any reset will do. */
	host_mode(h, HOST_INFLATE, BALLOON_MODE_AUTO, 0);
	host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO, 0);
	ktap_eq(host_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	check_owned(h, &copy, false);
	host_free(h);
}

static int ack_stale(struct host *h, int queue, __u32 head, __u32 resets)
{
	struct balloon_host_ack ack = {
		.queue = queue,
		.head = head,
		.resets = resets,
	};

	return host_ioctl(h, BALLOON_HOST_ACK, &ack);
}

static void void_answers(const void *arg)
{
	struct host_offer offer = {
		.features = HOST_F_MODERN | HOST_F_STATS_VQ,
	};
	struct host *h = start(&offer);
	struct host_elem *e;
	__u32 head, resets;
	int queue;

	(void)arg;
	/* It will be dropped with the device. */
	if (!ktap_check(host_wait_held(h, HOST_STATS, DEADLINE_MS), "no stats buffer"))
		ktap_end_case();
	e = h->held;
	head = e->head;
	queue = e->queue;
	resets = e->resets;
	ktap_eq(host_ack_raw(h, queue, head + 1, 0, 0), -ENOENT);
	ktap_eq(host_ack_raw(h, queue, 60000, 0, 0), -ENOENT);
	ktap_eq(host_ack_raw(h, BALLOON_HOST_QUEUES, 0, 0, 0), -EINVAL);
	device_sleep(h);
	ktap_eq(ack_stale(h, queue, head, resets), -ESTALE);
	finish(h);
}

/* A device that refuses what the driver wants; nothing may stay behind. */
static void refusal(const void *arg)
{
	struct host_offer offer = *(const struct host_offer *)arg;
	struct host *h = host_new(&offer);
	struct balloon_host_state state;

	ktap_eq(host_op(h, BALLOON_OP_PLUG, 0, DEADLINE_MS), 0);
	ktap_check(!host_bound(h), "a driver is bound all the same");
	host_state(h, &state);
	ktap_eq(state.queues, 0);
	ktap_check(!(state.status & HOST_S_DRIVER_OK), "DRIVER_OK is set");
	ktap_eq(host_pump_op(h, BALLOON_OP_REMOVE, 0, DEADLINE_MS), 0);
	host_free(h);
}

static void automatic(const void *arg)
{
	struct host_offer offer = { .features = HOST_F_MODERN };
	struct host *h = start(&offer);
	struct balloon_host_queue info;

	(void)arg;
	host_mode(h, HOST_INFLATE, BALLOON_MODE_AUTO | BALLOON_MODE_FILL, 500);
	host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO | BALLOON_MODE_NO_KICK, 0);
	ktap_eq(host_pump_target(h, 16 * HOST_MIB, DEADLINE_MS), 0);
	host_queue_info(h, HOST_INFLATE, &info);
	ktap_ge(info.taken, 1);
	ktap_eq(info.taken, info.acked);
	ktap_eq(info.held, 0);
	/* Nobody looks at a queue that is not kicked: look now and then. */
	host_set_target(h, 0);
	while (host_actual(h)) {
		host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO, 0);
		host_pump_for(h, 5);
	}
	finish(h);
}

/* Without swap a hibernation freezes and thaws all devices, and fails. */
static void hibernation(const void *arg)
{
	struct host_offer offer = { .features = HOST_F_MODERN };
	struct host *h = start(&offer);
	int fd = open("/sys/power/state", O_WRONLY);
	unsigned int resets;

	(void)arg;
	if (fd < 0)
		ktap_skip_case("no /sys/power/state");
	if (!access("/sys/power/pm_test", F_OK))
		ktap_skip_case("making room for the image takes a debug kernel a minute; see t_pm");
	host_mode(h, HOST_INFLATE, BALLOON_MODE_AUTO, 0);
	host_mode(h, HOST_DEFLATE, BALLOON_MODE_AUTO, 0);
	ktap_eq(host_pump_target(h, 16 * HOST_MIB, DEADLINE_MS), 0);
	resets = host_count(h, BALLOON_EV_RESET, HOST_ANY);
	if (write(fd, "disk", 4) == 4)
		ktap_check(false, "suspend to disk without swap succeeded");
	if (host_count(h, BALLOON_EV_RESET, HOST_ANY) == resets)
		ktap_skip_case("this kernel gives up before it freezes devices");
	ktap_check(host_driver_ok(h), "the driver did not come back");
	ktap_eq(host_pump_target(h, 8 * HOST_MIB, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 24 * HOST_MIB, DEADLINE_MS), 0);
	ktap_eq(host_pump_target(h, 0, DEADLINE_MS), 0);
	finish(h);
}

/* Closing in the middle: the driver is let go. */
static void closed(const void *arg)
{
	struct host_offer offer = {
		.features = HOST_F_MODERN | HOST_F_MUST_TELL_HOST |
			    HOST_F_STATS_VQ,
		.target = 32 * HOST_MIB,
	};
	__u64 total = host_meminfo("MemTotal");
	double begin;
	unsigned int i;

	(void)arg;
	for (i = 0; i < 5; i++) {
		struct host *h = host_new(&offer);

		ktap_eq(host_op(h, BALLOON_OP_PLUG, 0, DEADLINE_MS), 0);
		host_elem_free(take_inflate(h));
		begin = host_now();
		host_free(h);
		ktap_check(host_now() - begin < 4, "closing took %.1f s",
			   host_now() - begin);
		ktap_eq(host_meminfo("MemTotal"), total);
	}
}

static const bool no, yes = true;
static const struct host_offer picky = {
	.features = HOST_F_MODERN | HOST_F(20),
	.required = HOST_F(20),
};

static const struct host_offer poor = {
	.features = HOST_F_MODERN | HOST_F_STATS_VQ,
	.size[HOST_STATS] = HOST_NO_QUEUE,
};

static const struct host_offer empty = {
	.features = HOST_F_MODERN,
	.size[HOST_INFLATE] = HOST_NO_QUEUE,
};

static const struct ktap_case cases[] = {
	{ "two-devices", two_devices },
	{ "ownership", ownership, &no },
	{ "ownership,tell", ownership, &yes },
	{ "void-answers", void_answers },
	{ "features-refused", refusal, &picky },
	{ "no-stats-queue", refusal, &poor },
	{ "no-inflate-queue", refusal, &empty },
	{ "automatic", automatic },
	{ "hibernation", hibernation },
	{ "closed", closed },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
