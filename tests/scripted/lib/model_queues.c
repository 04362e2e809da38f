// SPDX-License-Identifier: GPL-2.0-only
/* The memory model: hints, reports and statistics. See model.h. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "model.h"

#define STAT_BYTES	10	/* 16-bit tag, 64-bit value, packed */

/* The pages wholly inside a descriptor. */
static struct balloon_host_range desc_pages(const struct balloon_host_desc *d)
{
	__u64 first = (d->addr + HOST_PAGE - 1) / HOST_PAGE;
	__u64 end = (d->addr + d->len) / HOST_PAGE;

	return (struct balloon_host_range) {
		first, end > first ? end - first : 0
	};
}

/**
 * model_destroy - destroy what the in descriptors of an element name
 * @m: the model
 * @e: the element; the device owns it
 * @value: what its pages are filled with
 */
void model_destroy(struct model *m, const struct host_elem *e, __u32 value)
{
	struct balloon_host_range range;
	__u64 refused;
	__u32 i;

	for (i = 0; i < e->descs; i++) {
		if (!(e->desc[i].flags & BALLOON_DESC_IN))
			continue;
		range = desc_pages(&e->desc[i]);
		refused = host_fill(m->h, &range, 1, value);
		m->destroyed += range.count - refused;
	}
}

/* A block was used or freed while the host may still discard it. */
void model_hint_lost(struct model *m, __u64 pfn)
{
	m->hints_lost++;
	if (m->strict_hints)
		model_complain(m, "pfn %#llx is in use, and its hint is not acknowledged",
			       pfn);
}

/* Mark what the in descriptors name; complain about what may not be there. */
static __u64 mark(struct model *m, const struct host_elem *e, __u8 set,
		  __u8 clear, __u8 forbidden)
{
	struct balloon_host_range range;
	__u64 pages = 0;
	__u64 i, pfn;
	__u32 d;

	for (d = 0; d < e->descs; d++) {
		if (!(e->desc[d].flags & BALLOON_DESC_IN))
			continue;
		range = desc_pages(&e->desc[d]);
		for (i = 0; i < range.count; i++) {
			pfn = range.pfn + i;
			if (!ram_has(&m->ram, pfn)) {
				model_complain(m, "queue %d: pfn %#llx is no RAM",
					       e->queue, pfn);
				continue;
			}
			if (m->state[pfn] & MODEL_HINTING & set)
				model_hint_lost(m, pfn);
			if (m->state[pfn] & forbidden)
				model_complain(m, "queue %d: pfn %#llx is in state %#x",
					       e->queue, pfn, m->state[pfn]);
			m->state[pfn] &= ~clear;
			m->state[pfn] |= set;
		}
		pages += range.count;
	}
	return pages;
}

/*
 * The first page of each block: the others have no count of their own. What a
 * reset made void meanwhile may be free.
 */
static void check_blocks(struct model *m, const struct host_elem *e)
{
	bool hint = e->role == HOST_HINT;
	struct balloon_host_state state;
	struct balloon_host_page page;
	__u32 i;

	for (i = 0; i < e->descs && !m->lenient; i++) {
		if (!(e->desc[i].flags & BALLOON_DESC_IN))
			continue;
		page.pfn = desc_pages(&e->desc[i]).pfn;
		if (host_pages(m->h, &page, 1))
			continue;
		host_state(m->h, &state);
		if (state.resets != e->resets)
			return;
		/* An isolated block has no references, and is not free either. */
		if (hint && (page.flags & BALLOON_PAGE_BUDDY))
			model_hint_lost(m, page.pfn);
		else if (page.flags & BALLOON_PAGE_BUDDY)
			model_complain(m, "pfn %#llx is free, and its report is not acknowledged",
				       page.pfn);
	}
}

/* --- hints ---------------------------------------------------------------- */

static void hint_command(struct model *m, const struct host_elem *e)
{
	__u32 id;

	if (e->out_len != sizeof(id)) {
		model_complain(m, "hint command of %u bytes", e->out_len);
		return;
	}
	id = model_u32(e->data);
	if (id == HOST_CMD_STOP) {
		m->cmd_active = HOST_CMD_STOP;
	} else if (id == HOST_CMD_DONE) {
		model_complain(m, "driver sent the reserved id DONE");
	} else {
		if (id == m->cmd_last)
			model_complain(m, "id %u started twice", id);
		m->cmd_last = id;
		m->cmd_active = id;
	}
}

void model_take_hint(struct model *m, const struct host_elem *e)
{
	bool current = host_config(m->h, HOST_CFG_CMD_ID) == m->cmd_active;

	if (e->out_len)
		hint_command(m, e);
	if (!e->in_len)
		return;
	if (m->cmd_active == HOST_CMD_STOP) {
		model_complain(m, "hint outside START and STOP");
		return;
	}
	m->hinted += mark(m, e, MODEL_HINTING, MODEL_HINTED,
			  MODEL_INFLATING | MODEL_BALLOON);
	check_blocks(m, e);
	/* Hints under an old id are to be ignored. */
	if (current && !m->inhibited)
		model_destroy(m, e, MODEL_JUNK_HINT);
}

/* Until this moment the host may destroy what it was told about. */
void model_ack_hint(struct model *m, const struct host_elem *e)
{
	if (e->in_len && m->strict_hints && !m->inhibited)
		model_destroy(m, e, MODEL_JUNK_HINT);
	check_blocks(m, e);
	mark(m, e, MODEL_HINTED, MODEL_HINTING, 0);
}

/**
 * model_hint_done - the host has set DONE: hinted pages are the guest's again
 * @m: the model
 */
void model_hint_done(struct model *m)
{
	__u64 pfn;

	for (pfn = 0; pfn < m->pages; pfn++)
		m->state[pfn] &= ~MODEL_HINTED;
	/* Another migration may have the same. */
	m->cmd_last = HOST_CMD_DONE;
	/* The round ends with the driver's STOP: hints may be in the ring. */
}

/* --- reports -------------------------------------------------------------- */

void model_take_report(struct model *m, const struct host_elem *e)
{
	struct balloon_host_state state;
	__u32 value = 0;

	if (e->out_len)
		model_complain(m, "report has %u out bytes", e->out_len);
	m->reported += mark(m, e, MODEL_REPORTING, 0,
			    MODEL_REPORTING | MODEL_INFLATING |
			    MODEL_BALLOON);
	check_blocks(m, e);
	host_state(m->h, &state);
	if (state.features & HOST_F_PAGE_POISON)
		value = host_config(m->h, HOST_CFG_POISON);
	if (!m->inhibited)
		model_destroy(m, e, value);
}

void model_ack_report(struct model *m, const struct host_elem *e)
{
	check_blocks(m, e);
	mark(m, e, 0, MODEL_REPORTING, 0);
}

/* --- statistics ----------------------------------------------------------- */

/**
 * model_stat - a figure of a stats buffer
 * @e: the buffer, or NULL
 * @tag: which
 *
 * Return: as it stands there, in bytes if it is memory; -1 when it is not there.
 */
__s64 model_stat(const struct host_elem *e, unsigned int tag)
{
	__u64 value;
	__u16 found;
	__u32 at;

	for (at = 0; e && at + STAT_BYTES <= e->out_len; at += STAT_BYTES) {
		memcpy(&found, e->data + at, sizeof(found));
		memcpy(&value, e->data + at + sizeof(found), sizeof(value));
		if (found == tag)
			return value;
	}
	return -1;
}

static __u64 stats_tags(struct model *m, const struct host_elem *e)
{
	__u64 tags = 0;
	__u16 tag;
	__u32 at;

	for (at = 0; at + STAT_BYTES <= e->out_len; at += STAT_BYTES) {
		memcpy(&tag, e->data + at, sizeof(tag));
		if (tag >= 64) {
			model_complain(m, "statistics tag %u", tag);
			continue;
		}
		if (tags & (1ULL << tag))
			model_complain(m, "statistics tag %u twice", tag);
		tags |= 1ULL << tag;
	}
	return tags;
}

void model_take_stats(struct model *m, const struct host_elem *e)
{
	__u64 tags;

	if (m->stats_out++)
		model_complain(m, "%u stats buffers at a time", m->stats_out);
	if (e->in_len || e->out_len % STAT_BYTES)
		model_complain(m, "stats buffer of %u out and %llu in bytes",
			       e->out_len, e->in_len);
	/* A legacy driver may leave the first buffer uninitialised. */
	tags = m->stats_seen++ ? stats_tags(m, e) : 0;
	if (m->stats_seen == 2)
		m->stats_tags = tags;
	if (m->stats_seen > 2 && tags != m->stats_tags)
		model_complain(m, "stats tags %#llx, were %#llx",
			       tags, m->stats_tags);
}
