// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is low on memory: what inflation leaves to it, and how long inflation pauses
 * before the next attempt.
 *
 * Pauses grow, so that a target out of reach costs nothing. Each episode logs one line. It
 * ends when the target is reached or changed.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>

#include "balloon.h"

/* At most one line about low memory per interval. */
#define BALLOON_PRESSURE_INTERVAL	(60 * HZ)

/* The value of the parameter for the default. */
#define BALLOON_FLOOR_AUTO	ULLONG_MAX

static unsigned long long balloon_floor_bytes = BALLOON_FLOOR_AUTO;

static int floor_set(const char *val, const struct kernel_param *kp)
{
	unsigned long long bytes;
	char *end;

	if (sysfs_streq(val, "auto")) {
		WRITE_ONCE(balloon_floor_bytes, BALLOON_FLOOR_AUTO);
		return 0;
	}
	bytes = memparse(val, &end);
	if (end == val || (*end && *end != '\n'))
		return -EINVAL;
	WRITE_ONCE(balloon_floor_bytes, bytes);
	return 0;
}

static int floor_get(char *buffer, const struct kernel_param *kp)
{
	unsigned long long bytes = READ_ONCE(balloon_floor_bytes);

	if (bytes == BALLOON_FLOOR_AUTO)
		return sysfs_emit(buffer, "auto\n");
	return sysfs_emit(buffer, "%llu\n", bytes);
}

static const struct kernel_param_ops balloon_floor_ops = {
	.set = floor_set,
	.get = floor_get,
};

module_param_cb(floor, &balloon_floor_ops, NULL, 0644);
MODULE_PARM_DESC(floor,
		 "Memory that inflating leaves available to the guest, in bytes (K, M and G are understood); 'auto' is 32M and 1/64 of RAM, at most 64M; 0 leaves none");

/**
 * balloon_floor() - what inflating leaves available to the guest
 * @vb: the balloon
 *
 * Context: any.
 * Return: pages.
 */
unsigned long balloon_floor(struct virtio_balloon *vb)
{
	unsigned long long bytes = READ_ONCE(balloon_floor_bytes);

	if (bytes == BALLOON_FLOOR_AUTO)
		bytes = balloon_default_floor((u64)READ_ONCE(vb->pressure.ram)
					      << PAGE_SHIFT);
	return bytes >> PAGE_SHIFT;
}

/*
 * MemAvailable without free CMA pages, which kernel allocations cannot use. When the floor
 * left only these, fork() found no memory, and init was killed.
 */
static long pressure_available(void)
{
	return si_mem_available() - global_zone_page_state(NR_FREE_CMA_PAGES);
}

/**
 * balloon_pressure_room() - how many of these pages may be taken from the guest
 * @vb: the balloon
 * @nr_pages: the number that is wanted
 *
 * Context: any.
 * Return: pages; 0 at the floor.
 */
unsigned long balloon_pressure_room(struct virtio_balloon *vb, unsigned long nr_pages)
{
	long nr_available = pressure_available();

	return balloon_floor_room(nr_pages, nr_available, balloon_floor(vb), SZ_1M >> PAGE_SHIFT);
}

/* Jiffies until @when, or 0. A time that is very far away is past, and wrapped. */
static unsigned long balloon_until(unsigned long when)
{
	unsigned long left = when - jiffies;

	return left <= msecs_to_jiffies(BALLOON_OOM_PAUSE_MAX_MS) ? left : 0;
}

/**
 * balloon_pressure_pausing() - whether it is too early for another attempt
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: whether it is.
 */
bool balloon_pressure_pausing(struct virtio_balloon *vb)
{
	if (READ_ONCE(vb->pressure.memory_came)) {
		WRITE_ONCE(vb->pressure.memory_came, false);
		vb->pressure.backoff_ms = 0;
	}
	return vb->pressure.backoff_ms && balloon_pressure_pause(vb);
}

/**
 * balloon_pressure_pause() - how long until the next attempt
 * @vb: the balloon
 *
 * Context: the size worker.
 * Return: jiffies.
 */
unsigned long balloon_pressure_pause(struct virtio_balloon *vb)
{
	return balloon_until(vb->pressure.retry_at);
}

static void pressure_log(struct virtio_balloon *vb, unsigned long nr_wanted)
{
	struct balloon_pressure *pressure = &vb->pressure;
	u64 have = (u64)balloon_actual(vb) << PAGE_SHIFT;
	u64 want = (u64)nr_wanted << PAGE_SHIFT;

	if (pressure->logged)
		return;
	pressure->logged = true;
	if (!__ratelimit(&pressure->ratelimit))
		return;
	dev_info(&vb->vdev->dev,
		 "the balloon has %llu of %llu MiB: %s; inflating goes on when there is memory\n",
		 have >> 20, want >> 20, pressure->at_floor ?
		 "the rest is left to the guest (parameter floor)" :
		 "no more memory can be reclaimed");
}

/**
 * balloon_pressure_begin() - an attempt to inflate got nothing
 * @vb: the balloon
 * @at_floor: because of the floor
 * @nr_wanted: the target
 *
 * Context: the size worker.
 */
void balloon_pressure_begin(struct virtio_balloon *vb, bool at_floor, unsigned long nr_wanted)
{
	struct balloon_pressure *pressure = &vb->pressure;

	pressure->backoff_ms = balloon_backoff_ms(pressure->backoff_ms);
	pressure->retry_at = jiffies + msecs_to_jiffies(pressure->backoff_ms);
	pressure->at_floor = at_floor;
	pressure_log(vb, nr_wanted);
}

/**
 * balloon_pressure_end() - an attempt got memory: the next pause is short again
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_pressure_end(struct virtio_balloon *vb)
{
	vb->pressure.backoff_ms = 0;
}

/**
 * balloon_pressure_forget() - the target was changed or reached: the episode ends
 * @vb: the balloon
 *
 * Context: the size worker.
 */
void balloon_pressure_forget(struct virtio_balloon *vb)
{
	vb->pressure.backoff_ms = 0;
	vb->pressure.logged = false;
}

/**
 * balloon_pressure_memory() - memory has come online, or has gone offline
 * @vb: the balloon
 * @nr_pages: how much; negative if it has gone offline
 *
 * Adjusts the default floor. New memory ends the pause, so that the worker uses it at once.
 *
 * Context: the memory notifier, which the kernel serializes.
 */
void balloon_pressure_memory(struct virtio_balloon *vb, long nr_pages)
{
	WRITE_ONCE(vb->pressure.ram, vb->pressure.ram + nr_pages);
	if (nr_pages > 0)
		WRITE_ONCE(vb->pressure.memory_came, true);
}

/**
 * balloon_pressure_oom() - the guest ran out of memory and got some back
 * @vb: the balloon
 *
 * Pauses inflation, for longer each time this happens again soon.
 *
 * Context: the OOM notifier; one thread at a time.
 */
void balloon_pressure_oom(struct virtio_balloon *vb)
{
	struct balloon_pressure *pressure = &vb->pressure;
	unsigned long pause = msecs_to_jiffies(pressure->oom_pause_ms);

	if (time_after(jiffies, pressure->oom_until + pause))
		pressure->oom_pause_ms = 0;
	/* One shortage calls this many times within its pause. */
	if (!pressure->oom_pause_ms || time_after_eq(jiffies, pressure->oom_until))
		pressure->oom_pause_ms = balloon_oom_pause_ms(pressure->oom_pause_ms);
	WRITE_ONCE(pressure->oom_until, jiffies + msecs_to_jiffies(pressure->oom_pause_ms));
}

/**
 * balloon_pressure_oom_pause() - how long inflation still pauses after an OOM
 * @vb: the balloon
 *
 * Context: any.
 * Return: jiffies.
 */
unsigned long balloon_pressure_oom_pause(struct virtio_balloon *vb)
{
	return balloon_until(READ_ONCE(vb->pressure.oom_until));
}

/**
 * balloon_pressure_init() - learn how much memory the guest has
 * @vb: the balloon
 *
 * Context: probe.
 * Return: 0.
 */
int balloon_pressure_init(struct virtio_balloon *vb)
{
	ratelimit_state_init(&vb->pressure.ratelimit, BALLOON_PRESSURE_INTERVAL, 1);
	ratelimit_set_flags(&vb->pressure.ratelimit, RATELIMIT_MSG_ON_RELEASE);
	vb->pressure.ram = totalram_pages();
	return 0;
}

/**
 * balloon_pressure_start() - begin without a pause
 * @vb: the balloon
 *
 * Context: after DRIVER_OK.
 * Return: 0.
 */
int balloon_pressure_start(struct virtio_balloon *vb)
{
	balloon_pressure_forget(vb);
	vb->pressure.oom_pause_ms = 0;
	vb->pressure.oom_until = jiffies;
	return 0;
}
