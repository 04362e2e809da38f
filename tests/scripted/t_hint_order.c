// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may happen while the host has hints that it does not answer, in both ways of
 * hinting: STOP, DONE, another id, sleep, removal, a reboot, a reset of the function and a
 * broken device. None of them waits for the host, a new round begins in good order, and
 * all memory comes back.
 */
#include "hinting.h"

#define DEADLINE_MS	20000
#define LIMIT_MS	3000
#define LOOK_MS		300
#define CASE_S		60
#define FEATURES	(HOST_F_MODERN | HOST_F_FREE_PAGE_HINT | HOST_F_REPORTING)
#define SLACK		(16 * HOST_MIB)
#define ID		7

enum what { STOP, DONE, OTHER_ID, SLEEP, SLEEP_RUNNING, REMOVE, SURPRISE, UNBIND, SHUTDOWN,
	    RESET, BREAK };

struct order {
	const char *mode;
	enum what what;
};

static bool is_held(struct host *h, void *arg)
{
	(void)arg;
	return host_held(h, HOST_HINT) > 1;
}

static bool is_stopped(struct host *h, void *arg)
{
	(void)arg;
	return h->model->cmd_active == HOST_CMD_STOP;
}

static bool is_other(struct host *h, void *arg)
{
	(void)arg;
	return h->model->cmd_last == ID + 1;
}

static bool is_free(struct host *h, void *arg)
{
	(void)h;
	return host_free_memory() + SLACK >= *(__u64 *)arg;
}

static void op(struct host *h, unsigned int op, unsigned int flags)
{
	int err = host_pump_op(h, op, flags, host_patience(LIMIT_MS));

	if (op == BALLOON_OP_RESET_PREPARE && err == -EOPNOTSUPP)
		ktap_skip_case("this kernel does not tell drivers of a reset");
	ktap_check(!err, "operation %u: %s", op, strerror(-err));
	ktap.damaged |= err == -ETIMEDOUT;
	if (err)
		ktap_end_case();
}

static void sleeps(struct host *h, unsigned int flags)
{
	op(h, BALLOON_OP_FREEZE, flags);
	op(h, BALLOON_OP_RESTORE, flags);
}

/* STOP follows what the host has, and is answered after it. */
static void check_stop(struct host *h)
{
	ktap_check(!host_pump(h, is_stopped, NULL, DEADLINE_MS), "no STOP");
	host_answer(h, HOST_HINT);
	host_pump_for(h, LOOK_MS);
}

static void act(struct host *h, enum what what)
{
	switch (what) {
	case STOP:
		host_set_command(h, HOST_CMD_STOP);
		check_stop(h);
		break;
	case DONE:
		host_set_command(h, HOST_CMD_DONE);
		check_stop(h);
		break;
	case OTHER_ID:
		host_set_command(h, ID + 1);
		host_pump_for(h, LOOK_MS);
		host_answer(h, HOST_HINT);
		ktap_check(!host_pump(h, is_other, NULL, DEADLINE_MS), "no other round");
		check_stop(h);
		break;
	case SLEEP:
		sleeps(h, BALLOON_OPF_PM_SUSPEND);
		host_answer(h, HOST_HINT);
		break;
	case SLEEP_RUNNING:
		sleeps(h, BALLOON_OPF_PM_SUSPEND | BALLOON_OPF_NO_VIRTIO);
		host_answer(h, HOST_HINT);
		break;
	case RESET:
		op(h, BALLOON_OP_RESET_PREPARE, 0);
		op(h, BALLOON_OP_RESET_DONE, 0);
		host_answer(h, HOST_HINT);
		break;
	case UNBIND:
		ktap_eq(host_unbind(h, host_patience(LIMIT_MS)), 0);
		ktap_eq(host_bind(h, host_patience(LIMIT_MS)), 0);
		host_answer(h, HOST_HINT);
		break;
	case SHUTDOWN:
		op(h, BALLOON_OP_SHUTDOWN, 0);
		break;
	case BREAK:
		host_break(h);
		host_pump_for(h, LOOK_MS);
		break;
	default:
		break;
	}
}

static void during_a_pass(const void *arg)
{
	const struct order *order = arg;
	struct host *h = hinting_start(FEATURES, order->mode);
	__u64 free = host_free_memory();

	host_withhold(h, HOST_HINT);
	host_set_command(h, ID);
	ktap_check(!host_pump(h, is_held, NULL, DEADLINE_MS), "nothing is hinted");
	host_pump_for(h, LOOK_MS);
	act(h, order->what);
	if (order->what < REMOVE) {
		host_set_command(h, HOST_CMD_DONE);
		ktap_check(!host_pump(h, is_free, &free, DEADLINE_MS),
			   "%llu pages are free, %llu were", host_free_memory(), free);
	}
	op(h, BALLOON_OP_REMOVE, order->what == SURPRISE ? BALLOON_OPF_SURPRISE : 0);
	ktap_check(model_clean(h->model), "the model complains, see above");
	ktap_eq(host_meminfo("MemTotal"), h->total);
	device_check_free(free, SLACK, DEADLINE_MS);
	if (ktap.wrong)
		host_print_log(h, 40);
	host_free(h);
}

#define CASE(name, ...)	{ name, during_a_pass, &(const struct order){ __VA_ARGS__ } }

static const struct ktap_case cases[] = {
	CASE("stop,isolate", "isolate", STOP),
	CASE("stop,hold", "hold", STOP),
	CASE("done,isolate", "isolate", DONE),
	CASE("done,hold", "hold", DONE),
	CASE("other-id,isolate", "isolate", OTHER_ID),
	CASE("other-id,hold", "hold", OTHER_ID),
	CASE("sleep,isolate", "isolate", SLEEP),
	CASE("sleep,hold", "hold", SLEEP),
	CASE("sleep-running,isolate", "isolate", SLEEP_RUNNING),
	CASE("sleep-running,hold", "hold", SLEEP_RUNNING),
	CASE("remove,isolate", "isolate", REMOVE),
	CASE("remove,hold", "hold", REMOVE),
	CASE("surprise,isolate", "isolate", SURPRISE),
	CASE("surprise,hold", "hold", SURPRISE),
	CASE("unbind,isolate", "isolate", UNBIND),
	CASE("unbind,hold", "hold", UNBIND),
	CASE("shutdown,isolate", "isolate", SHUTDOWN),
	CASE("shutdown,hold", "hold", SHUTDOWN),
	CASE("reset,isolate", "isolate", RESET),
	CASE("reset,hold", "hold", RESET),
	CASE("break,isolate", "isolate", BREAK),
	CASE("break,hold", "hold", BREAK),
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, CASE_S, host_load_driver, argc, argv);
}
