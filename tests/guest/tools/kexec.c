// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start another kernel from this one, without the firmware in between:
 *
 *   kexec KERNEL INITRD
 *
 * The new one gets the old one's command line. Devices are shut down as for a
 * reboot; processes are not asked.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	char line[4096];
	ssize_t len;
	int fd;

	if (argc != 3)
		errx(2, "usage: kexec KERNEL INITRD");
	fd = open_file("/proc/cmdline");
	len = read(fd, line, sizeof(line) - 1);
	if (len < 0)
		err(1, "/proc/cmdline");
	line[len] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (syscall(SYS_kexec_file_load, open_file(argv[1]), open_file(argv[2]),
		    strlen(line) + 1, line, 0ul))
		err(1, "cannot load %s", argv[1]);
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	err(1, "cannot start %s", argv[1]);
}
