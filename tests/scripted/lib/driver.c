// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver as a module and on the bus. Any of these may never return when
 * the driver hangs, so each runs in a child that is waited for with a deadline
 * and then left behind. See host.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "host.h"
#include "internal.h"

/* How long an unloading that was given up may take to end after all. */
#define GOING_MS	5000

#define DEBUGFS_TEXT	65536

/* Is the module still on its way out? */
static bool going(void)
{
	char state[16];

	return guest_read("/sys/module/" DRIVER "/initstate", state, sizeof(state)) &&
	       !strcmp(state, "going");
}

/**
 * host_load_driver - load the driver to judge: whichever modprobe picks
 */
void host_load_driver(void)
{
	double deadline = host_now() + GOING_MS / 1000.0;

	while (going() && host_now() < deadline)
		usleep(5000);
	if (access("/dev/balloon_host", F_OK) &&
	    system("modprobe balloon_host"))
		printf("# modprobe balloon_host failed\n");
	if (access(DRIVER_DIR, F_OK) && system("modprobe " DRIVER))
		printf("# modprobe virtio_balloon failed\n");
	fflush(stdout);
}

/* Wait for a child that exits with an errno; serve the device meanwhile. */
static int wait_child(struct host *h, pid_t pid, unsigned int ms)
{
	double deadline = host_now() + ms / 1000.0;
	int status;

	if (pid < 0)
		host_die("fork");
	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (host_now() > deadline)
			return -ETIMEDOUT;
		if (h)
			host_pump_for(h, 5);
		else
			usleep(5000);
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

/**
 * host_unload_driver - unload the driver's module
 * @ms: deadline
 *
 * Return: 0, a negative errno, or -ETIMEDOUT when it goes on.
 */
int host_unload_driver(unsigned int ms)
{
	pid_t pid = fork();

	if (!pid)
		_exit(syscall(SYS_delete_module, DRIVER, O_NONBLOCK) ?
		      errno : 0);
	return wait_child(NULL, pid, ms);
}

static int write_device(struct host *h, const char *file, unsigned int ms)
{
	struct balloon_host_state state;
	pid_t pid;
	int fd;

	host_state(h, &state);
	pid = fork();
	if (!pid) {
		fd = open(file, O_WRONLY);
		if (fd < 0)
			_exit(errno);
		_exit(write(fd, state.device, strlen(state.device)) < 0 ?
		      errno : 0);
	}
	return wait_child(h, pid, ms);
}

/**
 * host_unbind - take the driver off the device by way of sysfs
 * @h: the device; served meanwhile
 * @ms: deadline
 *
 * Return: 0, a negative errno, or -ETIMEDOUT when it goes on.
 */
int host_unbind(struct host *h, unsigned int ms)
{
	return write_device(h, DRIVER_DIR "/unbind", ms);
}

/**
 * host_bind - put the driver on the device by way of sysfs
 * @h: the device; served meanwhile
 * @ms: deadline
 *
 * Return: 0, a negative errno, or -ETIMEDOUT when it goes on.
 */
int host_bind(struct host *h, unsigned int ms)
{
	return write_device(h, DRIVER_DIR "/bind", ms);
}

/* A parameter of the driver's module; false if there is none, or no such value. */
bool host_set_parameter(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/" DRIVER "/parameters/%s", name);
	return guest_write(path, value);
}

static void attribute_path(struct host *h, const char *name, char *path, size_t size)
{
	struct balloon_host_state state;

	host_state(h, &state);
	snprintf(path, size, "/sys/bus/virtio/devices/%s/balloon/%s", state.device, name);
}

/**
 * host_attribute - what the driver says of the device in sysfs
 * @h: the device
 * @name: of the file
 * @text: where it goes, without the end of the line
 * @size: room at @text
 *
 * Return: 0, or -ENOENT when the driver has no such file.
 */
int host_attribute(struct host *h, const char *name, char *text, size_t size)
{
	char path[128];

	attribute_path(h, name, path, sizeof(path));
	text[0] = 0;
	return guest_read(path, text, size) || !access(path, F_OK) ? 0 : -ENOENT;
}

/**
 * host_set_attribute - tell the driver something by way of sysfs
 * @h: the device
 * @name: of the file
 * @text: what to write
 *
 * Return: 0, or a negative errno: -ENOENT when the driver has no such file.
 */
int host_set_attribute(struct host *h, const char *name, const char *text)
{
	char path[128];

	attribute_path(h, name, path, sizeof(path));
	return guest_write(path, text) ? 0 : -errno;
}

/**
 * host_debugfs - what the driver says of the device in debugfs
 * @h: the device
 * @file: name of the file
 * @text: where it goes, with NUL
 * @size: room at @text
 *
 * Return: its length, or a negative errno: -ENOENT when the driver has no such file.
 */
int host_debugfs(struct host *h, const char *file, char *text, size_t size)
{
	struct balloon_host_state state;
	char path[128];
	size_t len;
	FILE *f;

	host_state(h, &state);
	snprintf(path, sizeof(path), "/sys/kernel/debug/virtio_balloon/%s/%s",
		 state.device, file);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	len = fread(text, 1, size - 1, f);
	text[len] = 0;
	fclose(f);
	return len;
}

/**
 * host_debugfs_value - one figure of what the driver says in debugfs
 * @h: the device
 * @file: name of the file, of lines with a name and a number
 * @name: which
 *
 * Return: the number; -1 if the driver does not say it.
 */
long long host_debugfs_value(struct host *h, const char *file, const char *name)
{
	static char text[DEBUGFS_TEXT];
	size_t length = strlen(name);
	char *line;

	if (host_debugfs(h, file, text, sizeof(text)) < 0)
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, name, length) && line[length] == ' ')
			return strtoll(line + length, NULL, 10);
	return -1;
}
