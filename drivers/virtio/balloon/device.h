/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lifetime of a device, see device.c.
 */
#ifndef BALLOON_DEVICE_H
#define BALLOON_DEVICE_H

struct virtio_balloon;
struct virtio_device;

/**
 * struct balloon_part - one part of the driver
 * @name: for messages
 * @feature: the feature bit without which a device does not have it, or BALLOON_ALWAYS
 * @init: allocates; once for each device
 * @start: starts it; after DRIVER_OK, at probe and after each reset
 * @stop: returns when none of its work items and callbacks runs or will run, but for
 *	  callbacks that only wait for the completion of a request
 * @release: takes back what was in flight, after all parts were stopped, the device was
 *	     reset and its queues were cancelled
 * @exit: frees what @init allocated
 *
 * Each may be NULL.
 */
struct balloon_part {
	const char *name;
	unsigned int feature;
	int (*init)(struct virtio_balloon *vb);
	int (*start)(struct virtio_balloon *vb);
	void (*stop)(struct virtio_balloon *vb);
	void (*release)(struct virtio_balloon *vb);
	void (*exit)(struct virtio_balloon *vb);
};

/* For parts that every device has. */
#define BALLOON_ALWAYS	UINT_MAX

int balloon_device_init(struct virtio_balloon *vb);
void balloon_device_exit(struct virtio_balloon *vb);
int balloon_device_start(struct virtio_balloon *vb);
void balloon_device_stop(struct virtio_balloon *vb);
int balloon_device_attach(struct virtio_balloon *vb);
void balloon_device_detach(struct virtio_balloon *vb);
void balloon_device_return(struct virtio_balloon *vb);
void balloon_device_release(struct virtio_balloon *vb);

int balloon_shutdown_init(struct virtio_balloon *vb);
void balloon_shutdown_exit(struct virtio_balloon *vb);
int balloon_hotplug_init(struct virtio_balloon *vb);
void balloon_hotplug_exit(struct virtio_balloon *vb);

void balloon_shutdown(struct virtio_device *vdev);
int balloon_reset_prepare(struct virtio_device *vdev);
int balloon_reset_done(struct virtio_device *vdev);

#endif /* BALLOON_DEVICE_H */
