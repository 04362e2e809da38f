/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the conformance programs c_*.c share. Each of their cases judges one
 * statement of the specification, whose id its name begins with; the statements are
 * in Documentation/conformance/statements.tsv.
 *
 * A statement that only permits something cannot be violated: its case passes
 * when the driver makes use of it and is skipped otherwise. A statement about
 * something the driver does not do at all is skipped as well.
 */
#ifndef _CONF_H
#define _CONF_H

#include <fcntl.h>
#include <sys/mman.h>

#include "../guest/ktap.h"
#include "host.h"
#include "model.h"

#define CONF_MS		10000	/* until the driver has done what it should */
#define CONF_LOOK_MS	150	/* how long to look for what should not be */
#define CONF_CASE_S	60

/**
 * struct conf_shape - a device to judge it with
 * @name: for diagnostics
 * @features: offered
 */
struct conf_shape {
	const char *name;
	__u64 features;
};

#define CONF_PLAIN	HOST_F_VERSION_1
#define CONF_TELL	HOST_F_MUST_TELL_HOST
#define CONF_OOM	HOST_F_DEFLATE_ON_OOM
#define CONF_BALLOON	0x3full		/* all bits of the device type */

static const struct conf_shape conf_any[] = {
	{ "modern", HOST_F_MODERN },
	{ "modern, tell, oom", HOST_F_MODERN | CONF_TELL | CONF_OOM },
	{ "modern, no event index", CONF_PLAIN | CONF_TELL },
	{ "legacy", 0 },
	{ "legacy, tell, event index", CONF_TELL | HOST_F_EVENT_IDX },
};

/* A case over several devices: says with which one it failed. */
static inline void conf_each(const struct conf_shape *shapes, size_t count,
			     void (*fn)(__u64 features))
{
	bool wrong = ktap.wrong;
	size_t i;

	for (i = 0; i < count; i++) {
		ktap.wrong = false;
		fn(shapes[i].features);
		if (ktap.wrong)
			ktap_note("that was with: %s", shapes[i].name);
		wrong |= ktap.wrong;
	}
	ktap.wrong = wrong;
}

/**
 * conf_start_offer - plug a device
 * @offer: what it is like
 *
 * The model keeps the books and destroys nothing; cases that judge what pages
 * are used for do that themselves.
 */
static inline struct host *conf_start_offer(const struct host_offer *offer)
{
	struct host *h = host_new(offer);
	struct model *m = model_new(h);

	m->inhibited = true;
	m->lenient = true;
	ktap_eq(host_pump_op(h, BALLOON_OP_PLUG, 0, CONF_MS), 0);
	if (!ktap_check(host_bound(h), "no driver is bound"))
		ktap_end_case();
	return h;
}

static inline struct host *conf_start(__u64 features)
{
	struct host_offer offer = { .features = features };

	return conf_start_offer(&offer);
}

/* Answer everything, remove the device; its log stays until conf_free(). */
static inline void conf_remove(struct host *h)
{
	int role, err;

	h->on_take = NULL;
	for (role = 0; role < HOST_ROLES; role++)
		if (role != HOST_STATS)
			h->policy[role].ack = HOST_ACK_NOW;
	err = host_pump_op(h, BALLOON_OP_REMOVE, 0, CONF_MS);
	ktap_check(!err, "removal: %s", strerror(-err));
	ktap.damaged |= err == -ETIMEDOUT;
	if (ktap.damaged)
		ktap_end_case();
}

static inline void conf_free(struct host *h)
{
	struct model *m = h->model;

	if (ktap.wrong)
		host_print_log(h, 20);
	host_free(h);
	free(m->state);
	free(m);
}

static inline void conf_finish(struct host *h)
{
	conf_remove(h);
	conf_free(h);
}

static inline void conf_settle(struct host *h, __u32 target)
{
	ktap_check(!model_settle(h->model, target, CONF_MS),
		   "target %u not reached", target);
}

static inline bool conf_holds(struct host *h, void *arg)
{
	return host_held(h, *(enum host_role *)arg);
}

/* Serve until an element of that queue is held. */
static inline bool conf_wait_held(struct host *h, enum host_role role,
				  unsigned int ms)
{
	return !host_pump(h, conf_holds, &role, ms);
}

static inline void conf_want_held(struct host *h, enum host_role role)
{
	ktap_check(conf_wait_held(h, role, CONF_MS),
		   "nothing came on queue %d", host_queue(h, role));
}

/* An answer to an element that cannot be: the driver's side takes the queue for broken. */
static inline void conf_break_queue(struct host *h, enum host_role role)
{
	struct balloon_host_queue info;

	host_queue_info(h, role, &info);
	host_ack_raw(h, host_queue(h, role), info.size, 0,
		     BALLOON_ACK_BOGUS | BALLOON_ACK_FORCE_IRQ);
}

static inline __u64 conf_accepted(struct host *h)
{
	struct balloon_host_state state;

	host_state(h, &state);
	return state.features;
}

/* The driver brings down the device and up again, as for a suspend. */
static inline void conf_sleep(struct host *h)
{
	ktap_eq(host_pump_op(h, BALLOON_OP_FREEZE, BALLOON_OPF_PM_SUSPEND,
			     CONF_MS), 0);
	ktap_eq(host_pump_op(h, BALLOON_OP_RESTORE, BALLOON_OPF_PM_SUSPEND,
			     CONF_MS), 0);
}

/*
 * From plug to removal, with a balloon and a suspend between. What happens to a
 * balloon over a suspend is another statement's business, so it is empty then.
 */
static inline struct host *conf_life(__u64 features)
{
	struct host *h = conf_start(features);

	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	conf_sleep(h);
	conf_settle(h, HOST_MIB);
	conf_settle(h, 0);
	conf_remove(h);
	host_log(h);
	ktap_eq(h->lost, 0);
	return h;
}

/* Pages that an element's array names and that the guest has freed. */
static inline unsigned int conf_pages_free(struct host *h,
					   const struct host_elem *e)
{
	unsigned int i, count = 0;

	for (i = 0; i < e->out_len / sizeof(__u32); i++)
		count += host_is_free(h, model_u32(e->data + i * sizeof(__u32)));
	return count;
}

/* The same for all elements that a queue holds. */
static inline unsigned int conf_held_free(struct host *h, enum host_role role)
{
	const struct host_elem *e;
	unsigned int count = 0;

	for (e = h->held; e; e = e->next)
		if (e->role == role)
			count += conf_pages_free(h, e);
	return count;
}

/* Destroy what the arrays of held elements name; the device owns it. */
static inline void conf_destroy_held(struct host *h, enum host_role role)
{
	struct balloon_host_range range = { .count = 1 };
	const struct host_elem *e;
	unsigned int i;

	for (e = h->held; e; e = e->next) {
		for (i = 0; e->role == role && i < e->out_len / 4; i++) {
			range.pfn = model_u32(e->data + 4 * i);
			host_fill(h, &range, 1, MODEL_JUNK_DEFLATE);
		}
	}
}

/* Destroy the whole pages that an element's writable descriptors name. */
static inline void conf_destroy_descs(struct host *h, const struct host_elem *e,
				      __u32 value)
{
	struct balloon_host_range range;
	__u32 i;

	for (i = 0; i < e->descs; i++) {
		range.pfn = (e->desc[i].addr + HOST_PAGE - 1) / HOST_PAGE;
		range.count = (e->desc[i].addr + e->desc[i].len) / HOST_PAGE;
		if (!(e->desc[i].flags & BALLOON_DESC_IN) ||
		    range.count <= range.pfn)
			continue;
		range.count -= range.pfn;
		host_fill(h, &range, 1, value);
	}
}

static inline bool conf_write(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* A process that the host is served for until it ends. */
struct conf_child {
	pid_t pid;
	int status;
};

static inline bool conf_ended(struct host *h, void *arg)
{
	struct conf_child *child = arg;

	(void)h;
	return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

/* Start a process that uses memory, then ends with success; the first to be killed. */
static inline pid_t conf_need(__u64 pages)
{
	size_t bytes = pages * HOST_PAGE;
	pid_t pid = fork();
	char *p;

	if (pid)
		return pid;
	conf_write("/proc/self/oom_score_adj", "1000");
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, bytes);
	_exit(0);
}

/* Have memory compacted, with the host served meanwhile. */
static inline void conf_compact(struct host *h, unsigned int ms)
{
	struct conf_child child = { .pid = fork() };

	if (!child.pid)
		_exit(!conf_write("/proc/sys/vm/compact_memory", "1"));
	ktap_check(!host_pump(h, conf_ended, &child, ms), "compaction does not end");
}

/*
 * Start an OOM kill, which asks the notifiers for memory first. Its victim is
 * a process made for it; conf_oom_end() waits for its death.
 */
static inline pid_t conf_oom_start(void)
{
	pid_t pid = fork();

	if (!pid) {
		conf_write("/proc/self/oom_score_adj", "1000");
		conf_write("/proc/sysrq-trigger", "f");
		for (;;)
			pause();
	}
	return pid;
}

static inline void conf_oom_end(struct host *h, pid_t pid)
{
	double deadline = host_now() + CONF_MS / 1000.0;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		host_pump_for(h, 10);
		if (host_now() < deadline)
			continue;
		ktap_check(false, "the OOM killer has not come");
		kill(pid, SIGKILL);
		break;
	}
	host_pump_for(h, CONF_LOOK_MS);
}

/* A figure of a stats buffer in bytes; -1 when it is not there. */
static inline __s64 conf_stat(const struct host_elem *e, unsigned int tag)
{
	__u64 value;
	__u16 found;
	__u32 at;

	for (at = 0; at + 10 <= e->out_len; at += 10) {
		memcpy(&found, e->data + at, sizeof(found));
		memcpy(&value, e->data + at + sizeof(found), sizeof(value));
		if (found == tag)
			return value;
	}
	return -1;
}

static inline const struct host_elem *conf_held_elem(struct host *h,
						     enum host_role role)
{
	const struct host_elem *e = h->held;

	while (e && e->role != role)
		e = e->next;
	return e;
}

/* Was the guest booted with that? */
static inline bool conf_cmdline(const char *word)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "r");

	if (!f || !fgets(line, sizeof(line), f))
		line[0] = 0;
	if (f)
		fclose(f);
	return strstr(line, word);
}

/* Does the guest fill free pages, and expect to find them so? */
static inline bool conf_fills_pages(void)
{
	return conf_cmdline("init_on_free=1") || conf_cmdline("page_poison=1");
}

/* Read guest-physical memory. */
static inline void conf_read(struct host *h, __u64 addr, __u8 *buf,
			     __u32 len)
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

/* Fresh memory has to read as zeroes, whatever hosts did to free pages. */
static inline size_t conf_stale_words(unsigned int mib)
{
	size_t count = ((size_t)mib << 20) / sizeof(__u32);
	size_t stale = 0;
	__u32 *words;
	size_t i;

	words = mmap(NULL, count * sizeof(*words), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (words == MAP_FAILED)
		return 0;
	for (i = 0; i < count; i++)
		stale += words[i] != 0;
	munmap(words, count * sizeof(*words));
	return stale;
}

#endif /* _CONF_H */
