// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that breaks: by virtio_break_device(), as a transport does when the
 * card is gone, or because its rings turn out to be corrupt. Breaking wakes
 * nobody. Whatever was under way, the driver lets go of the device when asked,
 * within 3 s, or 4 s where it has a balloon to give back; reboot and kexec get
 * past it as well, and no page is lost: MemTotal and MemFree return, no page
 * stays marked as ballooned. Each break is repeated so that even a lost batch
 * of pages shows.
 */
#include "child.h"
#include "device.h"
#include "moving.h"

#define LIMIT_MS	3000
#define LIMIT_MOVING_MS	4000	/* the balloon is given back before that */
#define DEADLINE_MS	10000
#define CASE_S		240
#define ROUNDS		3
#define FREE_SLACK	host_slack(2 * HOST_MIB)

enum moment { IDLE, INFLATING, DEFLATING, MOVING };
enum breach { BREAK, TWICE, OUT_OF_RANGE, NEVER_TAKEN };

struct breakage {
	__u64 features;
	enum moment moment;
	enum breach breach;
	unsigned int op;	/* how the driver is told to let go */
};

static void reach(struct host *h, enum moment moment)
{
	enum host_role role = moment == DEFLATING ? HOST_DEFLATE : HOST_INFLATE;

	ktap_eq(model_settle(h->model, 16 * HOST_MIB, DEADLINE_MS), 0);
	if (moment == IDLE)
		return;
	if (moment == MOVING) {
		moving_move(h, moving_inflate(h, DEADLINE_MS), child_compact, DEADLINE_MS);
		return;
	}
	host_withhold(h, role);
	host_set_target(h, moment == DEFLATING ? 0 : 64 * HOST_MIB);
	ktap_check(host_wait_held(h, role, DEADLINE_MS), "no request is under way");
}

static void do_break(struct host *h, const struct breakage *b)
{
	enum host_role role = b->moment == DEFLATING ? HOST_DEFLATE :
						       HOST_INFLATE;
	int queue = host_queue(h, role);
	struct balloon_host_queue info;
	__u32 head;

	host_queue_info(h, role, &info);
	head = h->held ? h->held->head : 0;
	switch (b->breach) {
	case BREAK:
		host_break(h);
		break;
	case TWICE:
		/* Another element may have the head by then: it seems answered. */
		h->model->lenient = true;
		host_release(h, role);
		host_ack_raw(h, queue, head, 0, BALLOON_ACK_BOGUS |
			     BALLOON_ACK_FORCE_IRQ);
		break;
	case OUT_OF_RANGE:
		host_break_queue(h, role);
		break;
	case NEVER_TAKEN:
		host_ack_raw(h, queue, info.size - 1, 0, BALLOON_ACK_BOGUS |
			     BALLOON_ACK_FORCE_IRQ);
		break;
	}
	/* Let workers run into it. */
	host_pump_for(h, 50);
}

static void give_up(struct host *h, const char *what, int err)
{
	ktap_check(false, "%s: %s", what, strerror(-err));
	host_print_log(h, 20);
	ktap.damaged = true;
	ktap_end_case();
}

static void one_round(const struct breakage *b)
{
	struct host *h = device_start(b->features, DEADLINE_MS);
	int err;

	reach(h, b->moment);
	/* From here on the rings may be nonsense: judge memory only. */
	do_break(h, b);
	if (b->op == BALLOON_OP_SHUTDOWN) {
		err = host_op(h, BALLOON_OP_SHUTDOWN, 0, host_patience(LIMIT_MS));
		if (err)
			give_up(h, "shutdown", err);
	}
	/* The deflate queue is as good as before, and the host looks after it. */
	if (b->moment == MOVING)
		err = host_pump_op(h, BALLOON_OP_REMOVE, 0,
				   host_patience(LIMIT_MOVING_MS));
	else
		err = host_op(h, BALLOON_OP_REMOVE, 0, host_patience(LIMIT_MS));
	if (err)
		give_up(h, "removal", err);
	ktap_eq(model_offline(h->model), 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), h->total);
	host_free(h);
}

static void breakage(const void *arg)
{
	__u64 free = host_free_memory();
	unsigned int i, rounds = ROUNDS;
	const struct breakage *b = arg;

	/* Moving takes a while, and too few pages at a time for them to add up. */
	if (b->moment == MOVING)
		rounds = 1;
	for (i = 0; i < rounds && !ktap.wrong; i++)
		one_round(b);
	device_check_free(free, FREE_SLACK, 2000);
}

#define MODERN	HOST_F_MODERN
#define TELL	(MODERN | HOST_F_MUST_TELL_HOST)

#define CASE(name, ...)	{ name, breakage, &(const struct breakage){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("idle", MODERN, IDLE, BREAK, BALLOON_OP_REMOVE),
	CASE("idle,tell", TELL, IDLE, BREAK, BALLOON_OP_REMOVE),
	CASE("inflating", MODERN, INFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("inflating,tell", TELL, INFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("deflating", MODERN, DEFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("deflating,tell", TELL, DEFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("inflating,report", TELL | HOST_F_REPORTING, INFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("inflating,legacy", 0, INFLATING, BREAK, BALLOON_OP_REMOVE),
	CASE("inflating,shutdown", TELL, INFLATING, BREAK, BALLOON_OP_SHUTDOWN),
	CASE("idle,shutdown", TELL, IDLE, BREAK, BALLOON_OP_SHUTDOWN),
	CASE("used-twice", TELL, INFLATING, TWICE, BALLOON_OP_REMOVE),
	CASE("used-out-of-range", TELL, INFLATING, OUT_OF_RANGE, BALLOON_OP_REMOVE),
	CASE("used-never-taken", TELL, INFLATING, NEVER_TAKEN, BALLOON_OP_REMOVE),
	CASE("moving,used-out-of-range", MODERN, MOVING, OUT_OF_RANGE, BALLOON_OP_REMOVE),
	CASE("moving,used-out-of-range,tell", TELL, MOVING, OUT_OF_RANGE, BALLOON_OP_REMOVE),
	CASE("deflate-used-twice", TELL, DEFLATING, TWICE, BALLOON_OP_REMOVE),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
