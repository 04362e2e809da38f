// SPDX-License-Identifier: GPL-2.0-only
/*
 * What hinting sends to the device, and what comes back: commands and ranges on the
 * hint queue, ranges to be discarded on the reporting queue.
 */
#include "balloon.h"

/**
 * balloon_hint_range_put() - hold what a range has, which is not on its way
 * @hint: the hints
 * @range: free afterwards
 * @list: one of those of the blocks
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_hint_range_put(struct balloon_hint *hint,
			    struct balloon_hint_range *range, struct list_head *list)
{
	balloon_hint_blocks_keep(&hint->blocks, range, list);
	list_add(&range->node, &hint->free_ranges);
}

/*
 * A hint that came back counts for the round that it was sent in: the device takes
 * what it reads after the announcement of the next one for that one's, but it has
 * read this before.
 */
static void balloon_hint_answered(struct balloon_hint *hint,
				  struct balloon_request *request,
				  bool cancelled)
{
	struct balloon_hint_command *command;
	struct balloon_hint_range *range;
	bool old;

	if (request->device_writes) {
		range = container_of(request, struct balloon_hint_range,
				     request);
		old = range->round != hint->round;
		if (!cancelled)
			balloon_hint_count_done(hint, range);
		hint->nr_hinting--;
		hint->nr_old -= old;
		hint->exhausted &= !old;
		balloon_hint_range_put(hint, range, old ? &hint->blocks.again :
							  &hint->blocks.held);
		return;
	}
	command = container_of(request, struct balloon_hint_command, request);
	list_add(&command->node, &hint->free_commands);
}

/**
 * balloon_hint_settle() - take in what the device is done with
 * @vb: the balloon
 * @cancelled: it is not, but was reset
 *
 * Context: the worker, or when it is stopped.
 */
void balloon_hint_settle(struct virtio_balloon *vb, bool cancelled)
{
	struct balloon_hint *hint = vb->hint;
	struct balloon_request *request;

	while ((request = balloon_stream_take(&hint->stream)))
		balloon_hint_answered(hint, request, cancelled);

	while (hint->discards.queue &&
	       (request = balloon_stream_take(&hint->discards))) {
		struct balloon_hint_range *range =
			container_of(request, struct balloon_hint_range,
				     request);

		if (!cancelled)
			balloon_hint_count_done(hint, range);
		range->populated = false;
		hint->nr_discarding--;
		list_add_tail(&range->node, &hint->ready);
	}
}

/**
 * balloon_hint_command() - tell the device that a round begins or ends (5.5.6.5)
 * @vb: the balloon
 * @id: the command that it begins for, or STOP
 *
 * Context: the worker. Does not notify.
 * Return: false while the host has to answer first.
 */
bool balloon_hint_command(struct virtio_balloon *vb, u32 id)
{
	struct balloon_hint *hint = vb->hint;
	struct balloon_hint_command *command;

	command = list_first_entry_or_null(&hint->free_commands,
					   struct balloon_hint_command, node);
	if (!command)
		return false;
	command->id = cpu_to_virtio32(vb->vdev, id);
	sg_init_one(&command->sg, &command->id, sizeof(command->id));
	command->request.sg = &command->sg;
	command->request.nr_sg = 1;
	if (balloon_queue_post(&hint->stream, &command->request))
		return false;
	list_del(&command->node);
	return true;
}

/* Others may need the memory meanwhile. What has to be discarded first is little. */
static void balloon_hint_unsent(struct balloon_hint *hint,
				struct balloon_hint_range *range)
{
	if (range->populated) {
		list_add(&range->node, &hint->ready);
		return;
	}
	hint->exhausted = false;
	balloon_hint_range_put(hint, range, range->again ? &hint->blocks.again :
							   &hint->blocks.fresh);
}

/**
 * balloon_hint_send() - send a range where it has to go next
 * @hint: the hints
 * @range: is free, or among those that are ready, when it cannot be sent
 *
 * To be discarded first, or as a hint (5.5.6.5).
 *
 * Context: the worker. Does not notify of hints.
 * Return: false if it cannot go now.
 */
bool balloon_hint_send(struct balloon_hint *hint,
		       struct balloon_hint_range *range)
{
	struct balloon_stream *stream;

	if (balloon_pages_unseen(hint->stream.queue->vb)) {
		balloon_hint_unsent(hint, range);
		return false;
	}
	stream = range->populated ? &hint->discards : &hint->stream;
	sg_init_table(&range->sg, 1);
	sg_set_page(&range->sg, pfn_to_page(range->span.pfn),
		    range->span.nr_pages << PAGE_SHIFT, 0);
	range->request.sg = &range->sg;
	range->request.nr_sg = 1;
	range->request.device_writes = true;
	if (balloon_queue_post(stream, &range->request)) {
		balloon_hint_unsent(hint, range);
		return false;
	}
	range->id = hint->id;
	balloon_hint_count_sent(hint, range);
	if (range->populated) {
		hint->nr_discarding++;
		/* Few and long: each is worth a notification. */
		balloon_queue_kick(stream->queue);
		return true;
	}
	range->round = hint->round;
	hint->nr_hinting++;
	return true;
}
