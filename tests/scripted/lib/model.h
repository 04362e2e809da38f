/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The host's idea of guest memory. Each page is the guest's, inflated, hinted
 * or reported; the model checks every element against that and, as a real host
 * does, destroys the content of pages it may discard, so that a guest which
 * uses them too early is found out.
 *
 * With a model attached the pump calls it; a test asks model_clean() at the
 * end. Complaints are printed when they arise, the first few in full.
 */
#ifndef _MODEL_H
#define _MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "host.h"
#include "ram.h"

/* State of a page, any combination. */
#define MODEL_INFLATING		0x01	/* inflate not acknowledged */
#define MODEL_BALLOON		0x02	/* inflate acknowledged */
#define MODEL_DEFLATING		0x04	/* deflate not acknowledged */
#define MODEL_HINTING		0x08	/* hint not acknowledged */
#define MODEL_HINTED		0x10	/* hint acknowledged, not DONE */
#define MODEL_REPORTING		0x20	/* report not acknowledged */
#define MODEL_SEEN		0x40	/* was in the balloon once */
#define MODEL_BEFORE		0x80	/* was in it at a reset: may be still */

/* What pages are filled with, to tell in a crash who wrote. */
#define MODEL_JUNK_INFLATE	0xbadba110u
#define MODEL_JUNK_DEFLATE	0xbadbadefu
#define MODEL_JUNK_HINT		0xbadb1417u

/**
 * struct model - state and findings
 * @h: the device
 * @ram: where memory is
 * @pages: length of @state
 * @state: MODEL_* by PFN
 * @inhibited: acknowledge and discard nothing, as hosts sometimes must; may be
 *	changed at any time
 * @lenient: look at the protocol only, not at the state of struct pages
 * @strict_hints: complain of hinted blocks that are used or freed before their
 *	hint is acknowledged: the specification allows it, but a host that
 *	discards what is hinted then destroys memory in use
 * @hints_lost: how often that was seen
 * @told: pages whose inflate is acknowledged and whose deflate is not
 * @inflated: PFNs in inflate elements acknowledged
 * @deflated: PFNs in deflate elements acknowledged
 * @resynced: PFNs announced that were in the balloon already
 * @hinted: pages hinted
 * @reported: pages reported
 * @destroyed: pages whose content was destroyed
 * @complaints: violations found
 * @freed_seq: last BALLOON_EV_FREED complained of
 * @cmd_active: id under which the driver is hinting, 0: it is not
 * @cmd_last: last id started
 * @stats_tags: tags of the first stats buffer, one bit each
 * @stats_seen: stats buffers seen
 * @stats_out: stats buffers not acknowledged
 */
struct model {
	struct host *h;
	struct ram ram;
	__u64 pages;
	__u8 *state;
	bool inhibited;
	bool lenient;
	bool strict_hints;
	unsigned int hints_lost;
	__u64 told;
	__u64 inflated;
	__u64 deflated;
	__u64 resynced;
	__u64 hinted;
	__u64 reported;
	__u64 destroyed;
	unsigned int complaints;
	__u64 freed_seq;
	__u32 cmd_active;
	__u32 cmd_last;
	__u64 stats_tags;
	unsigned int stats_seen;
	unsigned int stats_out;
};

struct model *model_new(struct host *h);
void model_free(struct model *m);
bool model_clean(struct model *m);
int model_settle(struct model *m, __u32 target, unsigned int ms);
__u64 model_offline(struct model *m);
__u64 model_some_page(const struct model *m);
void model_hint_done(struct model *m);
void model_take(struct model *m, const struct host_elem *e);
void model_ack(struct model *m, const struct host_elem *e);
void model_reset(struct model *m);
void model_destroy(struct model *m, const struct host_elem *e, __u32 value);
__s64 model_stat(const struct host_elem *e, unsigned int tag);
__u32 model_u32(const __u8 *p);

/**
 * struct canary - memory of this process that nobody else may write
 * @words: the memory
 * @count: its length
 */
struct canary {
	__u32 *words;
	size_t count;
};

void canary_new(struct canary *c, unsigned int mib);
size_t canary_check(const struct canary *c);
void canary_free(struct canary *c);

#endif /* _MODEL_H */
