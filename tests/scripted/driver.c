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

#include "host.h"
#include "internal.h"

/* How long an unloading that was given up may take to end after all. */
#define GOING_MS	5000

#define DRIVER		"/sys/bus/virtio/drivers/virtio_balloon"

/* Is the module still on its way out? */
static bool going(void)
{
	char state[16] = "";
	FILE *f = fopen("/sys/module/virtio_balloon/initstate", "r");

	if (!f)
		return false;
	if (!fgets(state, sizeof(state), f))
		state[0] = 0;
	fclose(f);
	return !strncmp(state, "going", 5);
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
	if (access(DRIVER, F_OK) && system("modprobe virtio_balloon"))
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
		_exit(syscall(SYS_delete_module, "virtio_balloon", O_NONBLOCK) ?
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
	return write_device(h, DRIVER "/unbind", ms);
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
	return write_device(h, DRIVER "/bind", ms);
}

/**
 * host_resync - ask the driver by way of sysfs to announce its balloon again
 * @h: the device
 * @text: what to write
 *
 * Return: 0, or a negative errno: -ENOENT when the driver cannot be asked.
 */
int host_resync(struct host *h, const char *text)
{
	struct balloon_host_state state;
	char path[128];
	int fd, err = 0;

	host_state(h, &state);
	snprintf(path, sizeof(path),
		 "/sys/bus/virtio/devices/%s/balloon/resync", state.device);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
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
