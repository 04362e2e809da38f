// SPDX-License-Identifier: GPL-2.0-only
/*
 * PID 1 of a test guest: sets the guest up, loads the modules it was told to,
 * then runs the shell commands that arrive on the second serial port.
 *
 * A serial port, because the channel has to work without any virtio device,
 * and to be there again after suspend, hibernation and migration. Any of those
 * may lose bytes or cut a frame in two, so a frame starts with a magic number
 * and the reader looks for the next one when a frame does not go on.
 *
 * Protocol: little-endian frames of struct frame and a payload, either way.
 * One request at a time; every request is answered by FRAME_END with its id,
 * after any number of FRAME_OUTPUT. The other end is tests/lib/lab/channel.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define CHANNEL		"/dev/ttyS1"
#define MODULES		"/etc/lab/modules"

#define FRAME_MAGIC	0x314d4c42u	/* "BLM1" */
#define PAYLOAD_MAX	(128 * 1024)	/* the longest argument of execve() */
#define FRAME_GAP_MS	5000		/* silence after which a frame is given up */
#define KILL_WAIT_MS	2000		/* for a killed command to be gone */

enum frame_kind {
	FRAME_PING	= 1,	/* answered at once, without a process */
	FRAME_RUN	= 2,	/* payload: le32 timeout in ms, shell script */
	FRAME_POWER_OFF	= 3,	/* not answered */
	FRAME_HELLO	= 16,	/* payload: modules that did not load */
	FRAME_OUTPUT	= 17,	/* payload: stdout and stderr as they come */
	FRAME_END	= 18,	/* payload: le32 status, see enum status */
};

/* What is not an exit code, or 128 and the number of the fatal signal. */
enum status {
	STATUS_TIMED_OUT	= -1,
	STATUS_NOT_STARTED	= -2,
};

struct frame {
	uint32_t magic;
	uint32_t id;
	uint32_t kind;
	uint32_t length;
};

/* Static and locked: the channel works when the guest has no memory left. */
static char request[PAYLOAD_MAX + 1];
static char output[4096];
static int channel_fd = -1;
static int signal_fd = -1;

static void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("lab-init: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		complain("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* -- setting the guest up -- */

static const struct {
	const char *type;
	const char *dir;
	int optional;
} mounts[] = {
	{ "proc",	"/proc",		0 },
	{ "sysfs",	"/sys",			0 },
	{ "devtmpfs",	"/dev",			0 },
	{ "tmpfs",	"/tmp",			0 },
	{ "tmpfs",	"/run",			0 },
	{ "debugfs",	"/sys/kernel/debug",	1 },
	{ "tracefs",	"/sys/kernel/tracing",	1 },
	{ "configfs",	"/sys/kernel/config",	1 },
};

static void mount_all(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].dir, 0755);
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, NULL) &&
		    errno != EBUSY && !mounts[i].optional)
			complain("mount %s: %s", mounts[i].dir, strerror(errno));
	}
}

/* Tests drive the guest out of memory; it has to live to tell. */
static void survive_oom(void)
{
	write_file("/proc/self/oom_score_adj", "-1000");
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		complain("mlockall: %s", strerror(errno));
}

static void open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A command is killed first when memory runs out, and gets its signals. */
static void become_command(int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	setsid();
	write_file("/proc/self/oom_score_adj", "0");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
}

static int load_module(const char *name)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		become_command(STDERR_FILENO);
		execl("/sbin/modprobe", "modprobe", name, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Leaves the names of those that failed in @failed. */
static void load_modules(char *failed, size_t size)
{
	FILE *list = fopen(MODULES, "re");
	size_t used = 0;
	char name[128];

	failed[0] = '\0';
	if (!list)
		return;
	while (fscanf(list, "%127s", name) == 1)
		if (load_module(name) && used < size)
			used += snprintf(failed + used, size - used, "%s ", name);
	fclose(list);
}

/* -- the channel -- */

static int channel_open(void)
{
	struct termios raw;
	int fd = open(CHANNEL, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || tcgetattr(fd, &raw)) {
		complain("%s: %s", CHANNEL, strerror(errno));
		return -1;
	}
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&raw, B115200);
	tcsetattr(fd, TCSANOW, &raw);
	return fd;
}

static void write_all(const void *data, size_t length)
{
	const char *at = data;
	ssize_t n;

	while (length) {
		n = write(channel_fd, at, length);
		if (n < 0 && errno != EINTR)
			return;		/* the host will time out, and ask again */
		if (n > 0) {
			at += n;
			length -= n;
		}
	}
}

static void send_frame(uint32_t id, uint32_t kind, const void *payload, size_t length)
{
	struct frame frame = { FRAME_MAGIC, id, kind, length };

	write_all(&frame, sizeof(frame));
	write_all(payload, length);
}

static void send_end(uint32_t id, int32_t status)
{
	send_frame(id, FRAME_END, &status, sizeof(status));
}

/* Read all of it, or fail when the line falls silent in between. */
static int read_all(void *data, size_t length, int timeout_ms)
{
	struct pollfd line = { .fd = channel_fd, .events = POLLIN };
	char *at = data;
	ssize_t n;

	while (length) {
		if (poll(&line, 1, timeout_ms) == 0)
			return -ETIMEDOUT;
		n = read(channel_fd, at, length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			length -= n;
		}
	}
	return 0;
}

/* Skip what is not the start of a frame. Waits for ever for the first byte. */
static int read_magic(void)
{
	uint32_t window = 0;
	uint8_t byte;
	int err;

	while (window != FRAME_MAGIC) {
		err = read_all(&byte, 1, -1);
		if (err)
			return err;
		window = window >> 8 | (uint32_t)byte << 24;
	}
	return 0;
}

static int read_request(struct frame *frame)
{
	int err = read_magic();

	if (!err)
		err = read_all(&frame->id, sizeof(*frame) - sizeof(frame->magic),
			       FRAME_GAP_MS);
	if (!err && frame->length > PAYLOAD_MAX)
		err = -EMSGSIZE;
	if (!err)
		err = read_all(request, frame->length, FRAME_GAP_MS);
	if (!err)
		request[frame->length] = '\0';
	return err;
}

/* -- running a command -- */

/* Reap everything, as PID 1 must. True if @pid was among it. */
static int reap(pid_t pid, int *status)
{
	struct signalfd_siginfo unused;
	int any, found = 0;
	pid_t gone;

	while (read(signal_fd, &unused, sizeof(unused)) > 0)
		;
	while ((gone = waitpid(-1, &any, WNOHANG)) > 0) {
		if (gone == pid) {
			*status = any;
			found = 1;
		}
	}
	return found;
}

static void forward_output(uint32_t id, int fd)
{
	ssize_t n;

	while ((n = read(fd, output, sizeof(output))) > 0)
		send_frame(id, FRAME_OUTPUT, output, n);
}

/*
 * Forward output until @pid ends; -ETIMEDOUT at @deadline. Only @pid counts:
 * what it left in the background may keep the pipe open for ever.
 */
static int follow(uint32_t id, pid_t pid, int fd, int64_t deadline, int *status)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	int64_t left;

	for (;;) {
		if (reap(pid, status)) {
			forward_output(id, fd);
			return 0;
		}
		left = deadline - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		poll(fds, 2, left > 1000 ? 1000 : left);
		forward_output(id, fd);
		/* Closed by the command: do not spin on it. */
		if (fds[1].revents & POLLHUP)
			fds[1].fd = -1;
	}
}

static int32_t exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int32_t run_to_end(uint32_t id, pid_t pid, int fd, uint32_t timeout_ms)
{
	int status = 0;

	if (!follow(id, pid, fd, now_ms() + timeout_ms, &status))
		return exit_status(status);
	/* A task stuck in the kernel does not die: answer all the same. */
	kill(-pid, SIGKILL);
	follow(id, pid, fd, now_ms() + KILL_WAIT_MS, &status);
	return STATUS_TIMED_OUT;
}

static int32_t run(uint32_t id, const char *script, uint32_t timeout_ms)
{
	int32_t status = STATUS_NOT_STARTED;
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		return STATUS_NOT_STARTED;
	pid = fork();
	if (pid == 0) {
		become_command(out[1]);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	close(out[1]);
	/* Ours only: the command's end of the pipe stays blocking. */
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	if (pid > 0)
		status = run_to_end(id, pid, out[0], timeout_ms);
	close(out[0]);
	return status;
}

static void serve(const struct frame *frame)
{
	uint32_t timeout_ms;

	switch (frame->kind) {
	case FRAME_PING:
		send_end(frame->id, 0);
		break;
	case FRAME_RUN:
		memcpy(&timeout_ms, request, sizeof(timeout_ms));
		send_end(frame->id, run(frame->id, request + sizeof(timeout_ms),
					timeout_ms));
		break;
	case FRAME_POWER_OFF:
		sync();
		/* Without ACPI nothing can power it off, and QEMU ends at a reboot, too. */
		reboot(access("/sys/firmware/acpi", F_OK) ? RB_AUTOBOOT : RB_POWER_OFF);
		break;
	}
}

int main(void)
{
	static char failed[1024];
	struct frame frame;

	/* Started by another one, it finds a system that is set up. */
	if (getpid() == 1)
		mount_all();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/tmp", 1);
	survive_oom();
	load_modules(failed, sizeof(failed));
	open_signals();
	channel_fd = channel_open();
	/* Without a channel there is nobody to serve; PID 1 must not end. */
	if (channel_fd < 0)
		reboot(RB_POWER_OFF);

	send_frame(0, FRAME_HELLO, failed, strlen(failed));
	for (;;)
		if (!read_request(&frame))
			serve(&frame);
}
