/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver of device fds needs of struct vfio_device beyond vfio's exported functions, for
 * kernels whose vfio has no character devices of its own. Version checks belong here.
 */
#ifndef IOMMUFD_COMPAT_VFIO_DEVICE_H
#define IOMMUFD_COMPAT_VFIO_DEVICE_H

#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/vfio.h>

#if IS_ENABLED(CONFIG_IOMMUFD) || IS_ENABLED(CONFIG_VFIO_DEVICE_CDEV)
#error "this kernel has an iommufd and device fds of its own"
#endif

/* Linux 6.12 has these inside vfio.ko: a registration is what vfio's unregistering waits for. */
static inline bool compat_vfio_try_get_registration(struct vfio_device *vdev)
{
	return refcount_inc_not_zero(&vdev->refcount);
}

static inline void compat_vfio_put_registration(struct vfio_device *vdev)
{
	if (refcount_dec_and_test(&vdev->refcount))
		complete(&vdev->comp);
}

/*
 * How many have the device enabled. vfio-pci-core sums it over the set to know whether it may reset
 * the bus when one of them closes.
 */
static inline void compat_vfio_count_open(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);
	vdev->open_count++;
}

static inline void compat_vfio_count_close(struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);
	vdev->open_count--;
}

/*
 * While a device belongs to a context, take it out of what its legacy group stands for. vfio takes
 * the fd of a group, even without a container, as the right to reset every device whose ->group it
 * is; it looks under dev_set->lock. A device without one belongs to no group file. Nothing else
 * may read ->group meanwhile: the legacy open is refused before, and who unregisters the device
 * waits until compat_vfio_legacy_is_hidden() is false.
 *
 * cdev_opened makes vfio-pci-core refuse what it would judge by group files on this device itself.
 *
 * Return: the group, for compat_vfio_legacy_show().
 */
static inline struct vfio_group *compat_vfio_legacy_hide(struct vfio_device *vdev)
{
	struct vfio_group *group = vdev->group;

	lockdep_assert_held(&vdev->dev_set->lock);
	vdev->cdev_opened = 1;
	WRITE_ONCE(vdev->group, NULL);
	return group;
}

static inline void compat_vfio_legacy_show(struct vfio_device *vdev, struct vfio_group *group)
{
	lockdep_assert_held(&vdev->dev_set->lock);
	WRITE_ONCE(vdev->group, group);
	vdev->cdev_opened = 0;
}

static inline bool compat_vfio_legacy_is_hidden(struct vfio_device *vdev)
{
	return !READ_ONCE(vdev->group);
}

#endif
