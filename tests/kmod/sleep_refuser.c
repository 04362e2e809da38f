// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that does not let the system sleep. Each of its callbacks comes when the
 * other devices sleep already, so that they are woken up again.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/string.h>

static char *at = "";
module_param(at, charp, 0444);
MODULE_PARM_DESC(at, "freeze (before the image), poweroff (after it) or suspend");

static int refuser_answer(const char *phase)
{
	return strcmp(at, phase) ? 0 : -EBUSY;
}

static int refuser_freeze(struct device *dev)
{
	return refuser_answer("freeze");
}

static int refuser_poweroff(struct device *dev)
{
	return refuser_answer("poweroff");
}

static int refuser_suspend(struct device *dev)
{
	return refuser_answer("suspend");
}

static const struct dev_pm_ops refuser_pm = {
	.freeze_noirq = refuser_freeze,
	.poweroff_noirq = refuser_poweroff,
	.suspend_noirq = refuser_suspend,
};

static struct platform_driver refuser_driver = {
	.driver = {
		.name = "sleep_refuser",
		.pm = &refuser_pm,
	},
};

static struct platform_device *refuser_device;

static int __init refuser_init(void)
{
	int err = platform_driver_register(&refuser_driver);

	if (err)
		return err;
	refuser_device = platform_device_register_simple("sleep_refuser", -1,
							 NULL, 0);
	if (!IS_ERR(refuser_device))
		return 0;
	platform_driver_unregister(&refuser_driver);
	return PTR_ERR(refuser_device);
}

static void __exit refuser_exit(void)
{
	platform_device_unregister(refuser_device);
	platform_driver_unregister(&refuser_driver);
}

module_init(refuser_init);
module_exit(refuser_exit);

MODULE_DESCRIPTION("A device that does not let the system sleep");
MODULE_LICENSE("GPL");
