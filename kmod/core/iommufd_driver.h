/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core offers the drivers of device fds. Linux's own in-kernel interface is the model, with
 * two differences: a bind takes the fd, so that the driver needs no context reference of its own, and
 * every call that hands out access is judged by the hooks in here, never in the driver.
 *
 * All functions may sleep, are exported in the namespace IOMMUFD, and must not run concurrently for
 * one device: the driver serialises them with a lock of that device alone, taken outside the core's
 * locks. Bind, attach, detach and unbind may wait for memory that the context's user provides.
 */
#ifndef IOMMUFD_DRIVER_H
#define IOMMUFD_DRIVER_H

#include <linux/types.h>

struct device;
struct iommufd_device;
struct iommufd_device_claim_info;

/**
 * iommufd_device_may_open() - Ask the hooks whether the calling task may open a device's fd
 * @dev: the device
 *
 * Return: 0, or the verdict's errno.
 */
int iommufd_device_may_open(struct device *dev);

/**
 * iommufd_device_bind_fd() - Bind a device to the context behind an fd and claim its group for it
 * @iommufd: fd of an open /dev/iommu
 * @dev: the device; its driver has driver_managed_dma set and keeps it silent until attached
 * @id: out, the id of the device in that context
 *
 * The group's DMA is blocked when this returns. Keeps the context alive until the unbind.
 *
 * Return: the bound device, or an ERR_PTR: EBADF no such fd, EBADFD not /dev/iommu; ENODEV no group;
 * EPERM, EBUSY a sibling's driver or another owner has the group (the log says which); EPERM
 * interrupts are not isolated; EINVAL DMA is not cache coherent; EACCES denied by the hooks; ENOMEM.
 */
struct iommufd_device *iommufd_device_bind_fd(int iommufd, struct device *dev, u32 *id);

/**
 * iommufd_device_unbind() - Undo iommufd_device_bind_fd(); cannot fail
 * @idev: the device, detached, and silent: after the last unbind of a group its DMA is the kernel's
 */
void iommufd_device_unbind(struct iommufd_device *idev);

/**
 * iommufd_device_attach_or_move() - Attach a bound device to an IOAS or HWPT, or move it there
 * @idev: the device
 * @pt_id: in: the id of an IOAS or HWPT of the same context; out: the HWPT in use
 *
 * Not attached yet: the group is attached if the device is its first, else @pt_id must resolve to what
 * the group is attached to. Attached: the whole group moves; a failure leaves it where it was.
 *
 * Return: 0; ENOENT no such object in this context; EINVAL not attachable, or the group is attached
 * elsewhere; EADDRINUSE a mapping stands in an area the device reserves; EACCES denied; ENOMEM.
 */
int iommufd_device_attach_or_move(struct iommufd_device *idev, u32 *pt_id);

/**
 * iommufd_device_detach() - Detach an attached device; cannot fail
 * @idev: the device, which the driver has made silent before (bus mastering off, no BAR mapped)
 *
 * With the last attached device of a group its DMA is blocked before this returns. Asks the detach
 * hook, whose denial is logged but stops nothing.
 */
void iommufd_device_detach(struct iommufd_device *idev);

/**
 * iommufd_device_same_context() - Whether another device is owned by the context of this one
 * @idev: a bound device
 * @other: any device
 *
 * For hot reset.
 *
 * Return: true if the group of @other is claimed by the context @idev is bound to.
 */
bool iommufd_device_same_context(struct iommufd_device *idev, struct device *other);

/**
 * iommufd_device_bound_id() - The id another device has in the context of this one
 * @idev: a bound device
 * @other: any device
 *
 * Return: the id, or 0 if @other is not bound to that context.
 */
u32 iommufd_device_bound_id(struct iommufd_device *idev, struct device *other);

/**
 * iommufd_device_claim_info() - Say what stands in the way of claiming a device's group
 * @dev: the device, bound or not
 * @info: out, all fields but size and flags
 */
void iommufd_device_claim_info(struct device *dev, struct iommufd_device_claim_info *info);

#endif
