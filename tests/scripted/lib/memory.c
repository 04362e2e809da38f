// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory as the host sees it, and /proc's figures. See host.h. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"
#include "host.h"
#include "internal.h"
#include "ram.h"
#include "zoneinfo.h"

#define IOMEM_LINE	256

/**
 * host_fill - destroy the content of pages that the device owns
 * @h: the device
 * @ranges: which
 * @count: length of @ranges, at most 4096
 * @value: 32-bit value to fill with
 *
 * Return: pages that the device did not own and that were left alone.
 */
__u64 host_fill(struct host *h, const struct balloon_host_range *ranges,
		unsigned int count, __u32 value)
{
	struct balloon_host_fill fill = {
		.ranges = (uintptr_t)ranges,
		.count = count,
		.value = value,
	};

	return host_ioctl(h, BALLOON_HOST_FILL, &fill) ? 0 : fill.refused;
}

/**
 * host_pages - ask for the state of pages
 * @h: the device
 * @pages: pfn set by the caller
 * @count: length of @pages, at most 4096
 */
int host_pages(struct host *h, struct balloon_host_page *pages,
	       unsigned int count)
{
	struct balloon_host_pages req = {
		.pages = (uintptr_t)pages,
		.count = count,
	};

	return host_ioctl(h, BALLOON_HOST_PAGES, &req);
}

/**
 * host_read - read one page
 * @h: the device
 * @pfn: page
 * @buf: HOST_PAGE bytes
 */
int host_read(struct host *h, __u64 pfn, void *buf)
{
	struct balloon_host_read rd = {
		.pfn = pfn,
		.ptr = (uintptr_t)buf,
		.len = HOST_PAGE,
	};

	return host_ioctl(h, BALLOON_HOST_READ, &rd);
}

/**
 * host_is_free - does the allocator have a page?
 * @h: the device
 * @pfn: page
 */
bool host_is_free(struct host *h, __u64 pfn)
{
	struct balloon_host_page page = { .pfn = pfn };

	return !host_pages(h, &page, 1) &&
	       ((page.flags & BALLOON_PAGE_BUDDY) || !page.refs);
}

/**
 * host_hold - hold one page of the guest
 * @h: the device
 * @pfn: page; not one that becomes free meanwhile
 * @grip: how, or BALLOON_GRIP_NOT to let go of it
 */
int host_hold(struct host *h, __u64 pfn, enum balloon_host_grip grip)
{
	struct balloon_host_hold req = { .pfn = pfn, .grip = grip };

	return host_ioctl(h, BALLOON_HOST_HOLD, &req);
}

/* Have the kernel add up what each CPU counted. */
static void refresh_stat(void)
{
	guest_write("/proc/sys/vm/stat_refresh", "1");
}

/**
 * host_vm_events - figures of /proc/vmstat
 * @prefix: what their names begin with
 *
 * Return: their sum.
 */
__u64 host_vm_events(const char *prefix)
{
	__u64 value, sum = 0;
	char name[64];
	FILE *f;

	refresh_stat();
	f = fopen("/proc/vmstat", "r");
	if (!f)
		host_die("/proc/vmstat");
	while (fscanf(f, "%63s %llu", name, &value) == 2)
		if (!strncmp(name, prefix, strlen(prefix)))
			sum += value;
	fclose(f);
	return sum;
}

/**
 * host_meminfo - a figure of /proc/meminfo
 * @field: its name without the colon
 *
 * Return: device pages; 0 when there is no such field.
 */
__u64 host_meminfo(const char *field)
{
	char line[IOMEM_LINE];
	size_t len = strlen(field);
	__u64 kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f)
		host_die("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			sscanf(line + len + 1, "%llu", &kib);
	fclose(f);
	return kib / (HOST_PAGE / 1024);
}

/**
 * host_free_memory - free memory, to the page
 *
 * Return: device pages on any free list.
 */
__u64 host_free_memory(void)
{
	long long pages;

	refresh_stat();
	pages = zoneinfo_free_pages();
	if (pages < 0)
		host_die("/proc/zoneinfo");
	return pages * (sysconf(_SC_PAGESIZE) / HOST_PAGE);
}

static bool is_debug_kernel(void)
{
	struct utsname name;

	return !uname(&name) && strstr(name.release, "-debug");
}

/**
 * host_slack - how much free memory may wander
 * @pages: on an ordinary kernel
 *
 * A kernel with KASAN keeps what was freed for a while.
 *
 * Return: on this one.
 */
__u64 host_slack(__u64 pages)
{
	return is_debug_kernel() ? pages * 8 : pages;
}

/**
 * host_patience - how long something may take that the driver has to do
 * @ms: on an ordinary kernel
 *
 * Return: on this one.
 */
unsigned int host_patience(unsigned int ms)
{
	return is_debug_kernel() ? ms * 2 : ms;
}

/**
 * host_wait_free - wait until so much memory is free
 * @pages: how much
 * @ms: deadline: some memory is freed with delay
 *
 * Return: what is free in the end.
 */
__u64 host_wait_free(__u64 pages, unsigned int ms)
{
	double deadline = host_now() + ms / 1000.0;
	__u64 free;

	while ((free = host_free_memory()) < pages && host_now() < deadline)
		usleep(20000);
	return free;
}

/**
 * ram_read - find out where memory is
 * @ram: result
 */
void ram_read(struct ram *ram)
{
	char line[IOMEM_LINE];
	__u64 start, end;
	FILE *f = fopen("/proc/iomem", "r");

	memset(ram, 0, sizeof(*ram));
	if (!f)
		host_die("/proc/iomem");
	while (fgets(line, sizeof(line), f) && ram->count < RAM_RANGES) {
		if (line[0] == ' ' || !strstr(line, ": System RAM"))
			continue;
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		ram->range[ram->count].pfn = (start + HOST_PAGE - 1) / HOST_PAGE;
		ram->range[ram->count].count =
			(end + 1) / HOST_PAGE - ram->range[ram->count].pfn;
		ram->count++;
	}
	fclose(f);
}

/**
 * ram_has - is this page memory?
 * @ram: from ram_read()
 * @pfn: page
 */
bool ram_has(const struct ram *ram, __u64 pfn)
{
	unsigned int i;

	for (i = 0; i < ram->count; i++)
		if (pfn >= ram->range[i].pfn &&
		    pfn - ram->range[i].pfn < ram->range[i].count)
			return true;
	return false;
}

/**
 * ram_end - one more than the highest page
 * @ram: from ram_read()
 */
__u64 ram_end(const struct ram *ram)
{
	__u64 end = 0;
	unsigned int i;

	for (i = 0; i < ram->count; i++)
		if (ram->range[i].pfn + ram->range[i].count > end)
			end = ram->range[i].pfn + ram->range[i].count;
	return end;
}

__u64 host_max_pfn(void)
{
	struct ram ram;

	ram_read(&ram);
	return ram_end(&ram);
}
