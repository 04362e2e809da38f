// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conformance: virtqueues (2.7), their cleanup (3.3), addresses (6), and what
 * an interrupt may mean. Judged on every element that a driver puts up while it
 * inflates, deflates, reports and tells statistics.
 */
#include "conf.h"

#define TRAFFIC		(12 * HOST_MIB)
#define CHAIN_BYTES	0x100000000ull
#define FEW		64	/* descriptors of one buffer */

static const struct conf_shape shapes[] = {
	{ "modern, all", HOST_F_MODERN | CONF_BALLOON },
	{ "modern, reporting", HOST_F_MODERN | HOST_F_REPORTING |
			       HOST_F_PAGE_POISON },
	{ "modern, tell", CONF_PLAIN | CONF_TELL },
	{ "legacy", HOST_F_STATS_VQ },
};

typedef bool (*elem_check)(struct host *h, const struct host_elem *e);

static bool judge(struct host *h, struct host_elem *e, void *arg)
{
	elem_check check = *(elem_check *)arg;

	if (!ktap.wrong)
		check(h, e);
	return false;
}

/* What is asked of every element of a case. */
static elem_check checked;

static void traffic(__u64 features)
{
	struct host *h = conf_start(features);

	h->on_take = judge;
	h->arg = &checked;
	conf_settle(h, TRAFFIC);
	if (host_release(h, HOST_STATS))
		device_want_held(h, HOST_STATS);
	conf_settle(h, 0);
	conf_finish(h);
}

static void all_traffic(const void *arg)
{
	checked = *(const elem_check *)arg;
	conf_each(shapes, COUNT(shapes), traffic);
}

#define ALL_TRAFFIC(name, check)	{ name, all_traffic, &(const elem_check){ check } }

static bool readable_first(struct host *h, const struct host_elem *e)
{
	bool in = false;
	__u32 i;

	(void)h;
	for (i = 0; i < e->descs; i++) {
		ktap_check(!in || (e->desc[i].flags & BALLOON_DESC_IN),
			   "queue %d: descriptor %u is readable after a writable one",
			   e->queue, i);
		in |= e->desc[i].flags & BALLOON_DESC_IN;
	}
	return true;
}

static bool few_descs(struct host *h, const struct host_elem *e)
{
	(void)h;
	ktap_check(e->descs <= FEW && (e->role == HOST_REPORT || e->descs <= 4),
		   "queue %d: %u descriptors for %u bytes", e->queue, e->descs,
		   e->out_len);
	return true;
}

static bool short_chain(struct host *h, const struct host_elem *e)
{
	(void)h;
	ktap_check(e->descs, "queue %d: no descriptor", e->queue);
	ktap_check(e->out_len + e->in_len <= CHAIN_BYTES,
		   "queue %d: a chain of %llu bytes", e->queue,
		   e->out_len + e->in_len);
	return true;
}

static bool inside_queue(struct host *h, const struct host_elem *e)
{
	struct balloon_host_queue info;

	host_queue_info(h, e->role, &info);
	ktap_check(e->descs <= info.size,
		   "queue %d: a chain of %u descriptors, queue size %u",
		   e->queue, e->descs, info.size);
	return true;
}

/*
 * Short queues are where a driver that assumes long ones goes wrong. Whether it
 * gets anywhere with them is BAL-OP-01's question.
 */
static void ring_size(const void *arg)
{
	static const __u16 sizes[] = { 1, 2, 4 };
	elem_check check = inside_queue;
	unsigned int i, role;
	struct host *h;

	(void)arg;
	for (i = 0; i < COUNT(sizes); i++) {
		struct host_offer offer = {
			.features = HOST_F_VERSION_1 | HOST_F_REPORTING |
				    HOST_F_PAGE_POISON | HOST_F_STATS_VQ,
		};

		for (role = 0; role < HOST_ROLES; role++)
			offer.size[role] = sizes[i];
		h = conf_start_offer(&offer);
		h->on_take = judge;
		h->arg = &check;
		host_pump_target(h, TRAFFIC, 1000);
		host_pump_target(h, 0, 1000);
		conf_finish(h);
		if (ktap.wrong)
			ktap_note("that was with queues of %u", sizes[i]);
	}
}

/* The index as the device sees it, element by element. */
static bool monotonic(struct host *h, const struct host_elem *e)
{
	static __u16 last[HOST_ROLES];
	static struct host *device;
	struct balloon_host_queue info;

	if (device != h)
		memset(last, 0, sizeof(last));
	device = h;
	host_queue_info(h, e->role, &info);
	ktap_check((int16_t)(info.avail - last[e->role]) >= 0,
		   "queue %d: the index went from %u back to %u", e->queue,
		   last[e->role], info.avail);
	ktap_check((__u16)(info.avail - info.last_avail) <= info.size,
		   "queue %d: %u entries available, queue size %u", e->queue,
		   (__u16)(info.avail - info.last_avail), info.size);
	last[e->role] = info.avail;
	return true;
}

static bool in_ram(struct host *h, const struct host_elem *e)
{
	struct ram *ram = &h->model->ram;
	__u32 i;

	for (i = 0; i < e->descs; i++)
		ktap_check(ram_has(ram, e->desc[i].addr / HOST_PAGE) &&
			   ram_has(ram, (e->desc[i].addr + e->desc[i].len - 1) /
				   HOST_PAGE),
			   "queue %d: %#llx is no physical address of memory",
			   e->queue, (unsigned long long)e->desc[i].addr);
	return true;
}

/* --- notifications -------------------------------------------------------- */

static void spurious(__u64 features)
{
	struct host *h = conf_start(features | HOST_F_STATS_VQ);
	unsigned int i;

	conf_settle(h, HOST_MIB);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, 3 * HOST_MIB);
	device_want_held(h, HOST_INFLATE);
	for (i = 0; i < 20; i++) {
		host_irq(h, HOST_INFLATE);
		host_irq(h, HOST_DEFLATE);
		host_irq(h, HOST_STATS);
		host_config_irq(h);
	}
	host_pump_for(h, CONF_LOOK_MS);
	ktap_eq(host_actual(h), HOST_MIB);
	ktap_eq(host_held(h, HOST_STATS), 1);
	host_answer(h, HOST_INFLATE);
	conf_settle(h, 3 * HOST_MIB);
	conf_settle(h, 0);
	conf_finish(h);
}

/* Asked for no notifications, the driver sends none for what it puts up. */
static void quiet(__u64 features)
{
	struct host *h = conf_start(features);
	struct balloon_host_queue info;
	unsigned int before;
	double deadline = host_now() + CONF_MS / 1000.0;

	host_mode(h, HOST_INFLATE, BALLOON_MODE_NO_KICK, 0);
	before = host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_INFLATE));
	host_set_target(h, 4 * HOST_MIB);
	do {
		ktap_nap(10);
		host_queue_info(h, HOST_INFLATE, &info);
	} while (info.avail == info.last_avail && host_now() < deadline);
	ktap_nap(CONF_LOOK_MS);
	host_queue_info(h, HOST_INFLATE, &info);
	ktap_check(info.avail != info.last_avail, "nothing was put up");
	ktap_eq(host_count(h, BALLOON_EV_KICK, host_queue(h, HOST_INFLATE)),
		before);
	conf_settle(h, 4 * HOST_MIB);
	conf_settle(h, 0);
	conf_finish(h);
}

static void ring_no_notify(const void *arg)
{
	(void)arg;
	quiet(CONF_PLAIN);
	quiet(0);
}

static void ring_no_notify_event(const void *arg)
{
	(void)arg;
	quiet(HOST_F_MODERN);
	quiet(HOST_F_EVENT_IDX);
}

/* A host that looks at a queue only when it is notified. */
static void serve_kicked(struct host *h, enum host_role role)
{
	struct balloon_host_state state;
	struct host_elem *e;

	host_state(h, &state);
	if (!(state.kicked & 1u << host_queue(h, role)))
		return;
	while ((e = host_take(h, role))) {
		model_take(h->model, e);
		host_ack(h, e, 0, 0);
	}
}

static void until(struct host *h, __u32 target)
{
	double deadline = host_now() + CONF_MS / 1000.0;

	host_set_target(h, target);
	while (host_actual(h) != target && host_now() < deadline) {
		serve_kicked(h, HOST_INFLATE);
		serve_kicked(h, HOST_DEFLATE);
		ktap_nap(1);
	}
	ktap_eq(host_actual(h), target);
}

static void notified(__u64 features)
{
	struct host *h = conf_start(features);

	until(h, TRAFFIC);
	until(h, 3);
	until(h, 0);
	conf_finish(h);
}

static void ring_notify(const void *arg)
{
	(void)arg;
	notified(CONF_PLAIN);
	notified(CONF_PLAIN | CONF_TELL);
	notified(0);
}

static void ring_notify_event(const void *arg)
{
	(void)arg;
	notified(HOST_F_MODERN);
	notified(HOST_F_MODERN | CONF_TELL);
	notified(HOST_F_EVENT_IDX);
}

/* --- cleanup -------------------------------------------------------------- */

/* Read guest-physical memory. */
static void read_memory(struct host *h, __u64 addr, __u8 *buf, __u32 len)
{
	__u8 page[HOST_PAGE];
	__u32 off, part;

	while (len) {
		off = addr % HOST_PAGE;
		part = len < HOST_PAGE - off ? len : HOST_PAGE - off;
		memset(page, 0, sizeof(page));
		host_read(h, addr / HOST_PAGE, page);
		memcpy(buf, page + off, part);
		buf += part;
		addr += part;
		len -= part;
	}
}

/* What an exposed buffer holds is what it held when it was exposed. */
static void check_unchanged(struct host *h)
{
	const struct host_elem *e;
	__u8 *now;
	__u32 i, at;

	for (e = h->held; e; e = e->next) {
		now = malloc(e->out_len + 1);
		for (i = 0, at = 0; i < e->descs; i++) {
			if (e->desc[i].flags & BALLOON_DESC_IN)
				continue;
			read_memory(h, e->desc[i].addr, now + at, e->desc[i].len);
			at += e->desc[i].len;
		}
		ktap_check(!memcmp(now, e->data, e->out_len),
			   "queue %d: a buffer changed while exposed", e->queue);
		free(now);
	}
}

static void clean_exposed(const void *arg)
{
	struct host *h = conf_start(HOST_F_MODERN | HOST_F_STATS_VQ);

	(void)arg;
	conf_settle(h, HOST_MIB);
	device_want_held(h, HOST_STATS);
	host_withhold(h, HOST_INFLATE);
	host_set_target(h, 4 * HOST_MIB);
	device_want_held(h, HOST_INFLATE);
	host_set_target(h, HOST_MIB / 2);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	check_unchanged(h);
	host_answer(h, HOST_INFLATE);
	host_withhold(h, HOST_DEFLATE);
	device_want_held(h, HOST_DEFLATE);
	host_set_target(h, 2 * HOST_MIB);
	host_pump_for(h, 2 * CONF_LOOK_MS);
	check_unchanged(h);
	host_release(h, HOST_DEFLATE);
	conf_finish(h);
}

static void reset_before(__u64 features)
{
	struct host *h = conf_start(features | HOST_F_STATS_VQ);
	bool reset = false;
	size_t i;

	device_want_held(h, HOST_STATS);
	device_sleep(h);
	device_want_held(h, HOST_STATS);
	conf_remove(h);
	host_log(h);
	for (i = 0; i < h->events; i++) {
		if (h->log[i].type == BALLOON_EV_STATUS)
			reset = false;
		if (h->log[i].type == BALLOON_EV_RESET)
			reset = true;
		ktap_check(h->log[i].type != BALLOON_EV_DEL_VQS || reset,
			   "queues were deleted with the device live");
	}
	ktap_check(!host_count(h, BALLOON_EV_LEFT_VQS, HOST_ANY),
		   "queues were left behind");
	conf_free(h);
}

static const struct ktap_case cases[] = {
	ALL_TRAFFIC("RING-02 readable descriptors come first", readable_first),
	ALL_TRAFFIC("RING-03 few descriptors for a buffer", few_descs),
	ALL_TRAFFIC("RING-04 no chain beyond 4 GiB, no loop", short_chain),
	{ "RING-06 no chain longer than the queue", ring_size },
	ALL_TRAFFIC("RING-07 the available index only grows", monotonic),
	CONF_OVER("RING-09 spurious notifications do no harm", spurious, conf_any),
	{ "RING-12 flags: no notification when not wanted", ring_no_notify },
	{ "RING-13 flags: notification when wanted", ring_notify },
	{ "RING-14 event index: notification when due", ring_notify_event },
	{ "RING-15 event index: no notification otherwise", ring_no_notify_event },
	{ "CLEAN-01 exposed buffers are left alone", clean_exposed },
	CONF_OVER("CLEAN-02 reset before buffers are removed", reset_before, conf_any),
	ALL_TRAFFIC("GEN-FEAT-08 addresses are physical", in_ram),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CONF_CASE_S, host_load_driver, argc, argv);
}
