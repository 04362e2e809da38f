/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs know of the guest they run in, whichever balloon
 * driver it has.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>

#define DRIVER		"virtio_balloon"
#define DRIVER_DIR	"/sys/bus/virtio/drivers/" DRIVER

/* What the rest of the guest takes and gives while a test runs, in bytes. */
#define FREE_TOLERANCE	(2LL << 20)

/**
 * struct books - one look at the guest's memory, in bytes
 * @total: MemTotal
 * @free: MemFree, and what the CPUs keep on lists of their own
 * @balloon: in the balloon, by the kernel's event counters
 */
struct books {
	long long total;
	long long free;
	long long balloon;
};

/* The first line of a file without its end; false if it cannot be read. */
bool guest_read(const char *path, char *line, size_t size);

/* Write to a file; false if that fails, with errno set. */
bool guest_write(const char *path, const char *text);

/* The number behind a name in /proc/vmstat; -1 if the kernel has no such name. */
long long guest_vmstat(const char *name);

/* Bytes that can be had without anything being thrown out: MemAvailable. */
long long guest_available(void);

void guest_books(struct books *books);

/*
 * The same of an inflated balloon at rest. Loads the driver if need be; ends the case as
 * skipped if nothing is in the balloon.
 */
void guest_inflated_books(struct books *books);

/*
 * The directory of the balloon device in sysfs, bound to a driver or not; ends
 * the case as skipped if there is no such device.
 */
const char *guest_balloon_device(void);
bool guest_total_falls(void);

/* The same for the driver's own attributes; skips where there are none. */
const char *guest_balloon_attributes(void);

/* Run a shell command; its exit status. What it says on stdout is a diagnostic. */
int guest_run(const char *command);

/* The first line of what a command prints, empty if nothing. */
void guest_output(const char *command, char *line, size_t size);

bool guest_driver_loaded(void);

/* Wait until so many bytes are in the balloon; fails the case if they never are. */
bool guest_wait_balloon(long long bytes, unsigned int seconds);

/* Wait until the balloon no longer changes; false if it still does at the end. */
bool guest_wait_steady(unsigned int seconds);

#endif /* GUEST_H */
