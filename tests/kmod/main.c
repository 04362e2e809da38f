// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio balloon device whose host is a program in the same guest.
 *
 * To the virtio core this module is a transport with a device (id 5) on it; to
 * user space it is /dev/balloon_host, which hands out the device side of the
 * queues and a log of everything the driver did. So a test decides what the
 * host answers, when, and how wrongly, and can judge any balloon driver.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "bh.h"

/* Automatic mode; must go on when memory is short, as a real host does. */
struct workqueue_struct *bh_serve_wq;

/*
 * Calls into the driver. Apart from the other: a driver flushes work of its
 * own, which a workqueue that guarantees progress may not wait for.
 */
struct workqueue_struct *bh_op_wq;

unsigned int bh_close_ms = 5000;
module_param_named(close_ms, bh_close_ms, uint, 0644);
MODULE_PARM_DESC(close_ms, "how long closing waits for a driver that hangs");

static int __init bh_init(void)
{
	int err = -ENOMEM;

	bh_serve_wq = alloc_workqueue("balloon_host",
				      WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM,
				      0);
	if (!bh_serve_wq)
		return -ENOMEM;
	bh_op_wq = alloc_workqueue("balloon_host_op", WQ_UNBOUND, 0);
	if (!bh_op_wq)
		goto destroy_serve_wq;
	err = bh_chardev_init();
	if (err)
		goto destroy_op_wq;
	return 0;

destroy_op_wq:
	destroy_workqueue(bh_op_wq);
destroy_serve_wq:
	destroy_workqueue(bh_serve_wq);
	return err;
}

static void __exit bh_exit(void)
{
	bh_chardev_exit();
	destroy_workqueue(bh_op_wq);
	destroy_workqueue(bh_serve_wq);
}

module_init(bh_init);
module_exit(bh_exit);
MODULE_DESCRIPTION("Scripted host for virtio balloon drivers");
MODULE_LICENSE("GPL");
