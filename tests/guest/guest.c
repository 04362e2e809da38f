// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the test programs know of the guest they run in, see guest.h.
 */
#include <fcntl.h>
#include <glob.h>

#include "guest.h"
#include "ktap.h"
#include "zoneinfo.h"

#define DEVICES		"/sys/bus/virtio/devices/*"
#define BALLOON_ID	5
#define STEADY_MS	1500
#define DEFLATE_ON_OOM_BIT	2

bool guest_read(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "r");
	bool ok;

	if (!file)
		return false;
	ok = fgets(line, size, file);
	fclose(file);
	if (ok)
		line[strcspn(line, "\n")] = '\0';
	return ok;
}

/* Without a buffer: it may be called where there is no memory. */
bool guest_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;
	int err = errno;

	if (fd >= 0)
		close(fd);
	errno = err;
	return ok;
}

/* The sum of the numbers on all lines of a file that begin with @prefix. */
static long long sum_of(const char *path, const char *prefix)
{
	FILE *file = fopen(path, "r");
	size_t length = strlen(prefix);
	long long sum = -1;
	char line[256];

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		const char *at = line + strspn(line, " ");

		if (!strncmp(at, prefix, length))
			sum = (sum < 0 ? 0 : sum) + atoll(at + length);
	}
	fclose(file);
	return sum;
}

long long guest_vmstat(const char *name)
{
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "%s ", name);
	return sum_of("/proc/vmstat", prefix);
}

long long guest_available(void)
{
	return sum_of("/proc/meminfo", "MemAvailable:") << 10;
}

void guest_books(struct books *books)
{
	long long page = sysconf(_SC_PAGESIZE);

	guest_write("/proc/sys/vm/drop_caches", "3");
	guest_write("/proc/sys/vm/stat_refresh", "1");
	books->total = sum_of("/proc/meminfo", "MemTotal:") << 10;
	books->free = zoneinfo_free_pages() * page;
	books->balloon = (guest_vmstat("balloon_inflate") -
			  guest_vmstat("balloon_deflate")) * page;
}

static bool is_balloon(const char *device)
{
	char path[256], line[64];

	snprintf(path, sizeof(path), "%s/device", device);
	return guest_read(path, line, sizeof(line)) &&
	       strtol(line, NULL, 16) == BALLOON_ID;
}

const char *guest_balloon_device(void)
{
	static char found[256];
	glob_t devices;
	size_t i;

	if (!glob(DEVICES, 0, NULL, &devices)) {
		for (i = 0; i < devices.gl_pathc; i++)
			if (is_balloon(devices.gl_pathv[i]))
				snprintf(found, sizeof(found), "%s",
					 devices.gl_pathv[i]);
		globfree(&devices);
	}
	if (!found[0])
		ktap_skip_case("there is no balloon device in " DEVICES);
	return found;
}

const char *guest_balloon_attributes(void)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/balloon", guest_balloon_device());
	if (access(path, X_OK))
		ktap_skip_case("this driver has no attributes in sysfs");
	return path;
}

int guest_run(const char *command)
{
	char line[256];
	FILE *out = popen(command, "r");

	if (!out)
		return -1;
	while (fgets(line, sizeof(line), out)) {
		line[strcspn(line, "\n")] = '\0';
		ktap_note("%s", line);
	}
	return pclose(out);
}

void guest_output(const char *command, char *line, size_t size)
{
	FILE *out = popen(command, "r");

	line[0] = '\0';
	if (!out)
		return;
	if (fgets(line, size, out))
		line[strcspn(line, "\n")] = '\0';
	pclose(out);
}

bool guest_driver_loaded(void)
{
	return !access("/sys/module/" DRIVER, F_OK);
}

static long long balloon_events(void)
{
	return guest_vmstat("balloon_inflate") + guest_vmstat("balloon_deflate");
}

bool guest_wait_balloon(long long bytes, unsigned int seconds)
{
	double deadline = ktap_now() + seconds;
	long long page = sysconf(_SC_PAGESIZE), have;

	do {
		have = (guest_vmstat("balloon_inflate") -
			guest_vmstat("balloon_deflate")) * page;
		if (have == bytes)
			return true;
		ktap_nap(20);
	} while (ktap_now() < deadline);
	return ktap_check(false,
			  "%lld bytes are in the balloon after %u s, expected %lld",
			  have, seconds, bytes);
}

void guest_inflated_books(struct books *books)
{
	if (!guest_driver_loaded())
		guest_run("modprobe " DRIVER " 2>&1");
	ktap_check(guest_wait_steady(60), "the balloon does not come to rest");
	guest_books(books);
	if (!books->balloon)
		ktap_skip_case("nothing is in the balloon: inflate it before");
}

/* Whether memory in the balloon leaves MemTotal: not if it may come back by itself. */
bool guest_total_falls(void)
{
	char path[300], bits[80];

	snprintf(path, sizeof(path), "%s/features", guest_balloon_device());
	return !guest_read(path, bits, sizeof(bits)) ||
	       bits[DEFLATE_ON_OOM_BIT] != '1';
}

bool guest_wait_steady(unsigned int seconds)
{
	double deadline = ktap_now() + seconds, since = ktap_now();
	long long seen = balloon_events();

	while (ktap_now() - since < STEADY_MS / 1e3) {
		if (ktap_now() > deadline)
			return false;
		ktap_nap(50);
		if (balloon_events() != seen) {
			seen = balloon_events();
			since = ktap_now();
		}
	}
	return true;
}
