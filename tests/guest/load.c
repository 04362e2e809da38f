// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows that the driver loads by itself when its device appears, the way udev
 * loads it, that a driver which is installed beside the kernel's own is the one
 * that is picked, and that the one that runs is the one that was picked.
 */
#include "guest.h"
#include "ktap.h"

#define SECONDS 60

static void modalias_is_a_balloon(const void *arg)
{
	char path[300], line[64];

	(void)arg;
	snprintf(path, sizeof(path), "%s/modalias", guest_balloon_device());
	if (ktap_check(guest_read(path, line, sizeof(line)), "cannot read %s", path))
		ktap_check(!strncmp(line, "virtio:d00000005v", 17),
			   "%s is %s, expected virtio:d00000005v...", path, line);
}

static void loads_by_modalias(const void *arg)
{
	char path[300], command[400];

	(void)arg;
	if (guest_driver_loaded())
		ktap_eq(guest_run("rmmod " DRIVER " 2>&1"), 0);
	snprintf(path, sizeof(path), "%s/modalias", guest_balloon_device());
	snprintf(command, sizeof(command), "modprobe \"$(cat %s)\" 2>&1", path);
	ktap_eq(guest_run(command), 0);
	ktap_check(guest_driver_loaded(), "%s loaded no " DRIVER, command);
	snprintf(path, sizeof(path), "%s/driver", guest_balloon_device());
	ktap_check(!access(path, F_OK), "%s is not bound to a driver",
		   guest_balloon_device());
}

static void updates_are_picked(const void *arg)
{
	char ours[256], picked[256];

	(void)arg;
	guest_output("find /lib/modules/$(uname -r)/updates -name '" DRIVER
		     ".ko*' 2>/dev/null", ours, sizeof(ours));
	if (!ours[0])
		ktap_skip_case("no driver is installed beside the kernel's own");
	guest_output("modinfo -n " DRIVER, picked, sizeof(picked));
	ktap_check(!strcmp(ours, picked), "modprobe picks %s, installed is %s",
		   picked, ours);
}

static void what_runs_was_picked(const void *arg)
{
	char picked[128], runs[128] = "";

	(void)arg;
	guest_output("modinfo -F srcversion " DRIVER, picked, sizeof(picked));
	if (!picked[0])
		ktap_skip_case("the module has no srcversion");
	guest_read("/sys/module/" DRIVER "/srcversion", runs, sizeof(runs));
	ktap_check(!strcmp(picked, runs), "srcversion %s runs, %s was picked",
		   runs, picked);
}

static const struct ktap_case cases[] = {
	{ "modalias_is_a_balloon", modalias_is_a_balloon },
	{ "loads_by_modalias", loads_by_modalias },
	{ "updates_are_picked", updates_are_picked },
	{ "what_runs_was_picked", what_runs_was_picked },
};

int main(int argc, char **argv)
{
	return KTAP_MAIN(cases, SECONDS, NULL, argc, argv);
}
