/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core offers the drivers of device fds. Linux's own in-kernel interface is the model, with
 * two differences: a bind takes the fd, so that the driver needs no context reference of its own, and
 * every call that hands out access is judged by the hooks in here, never in the driver.
 *
 * All functions may sleep, are exported in the namespace IOMMUFD, and must not run concurrently for
 * one device: the driver serialises them, a user's calls by a lock of that device alone that may be held
 * for as long as the user likes, and what a device is by a second inside, which may not.
 */
#ifndef IOMMUFD_DRIVER_H
#define IOMMUFD_DRIVER_H

#include <linux/types.h>

struct device;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_device_claim_info;
struct iommufd_hw_pagetable;
struct iommufd_ioas;
struct iommufd_object;

/**
 * iommufd_device_may_open() - Ask the hooks whether the calling task may open a device's fd
 * @dev: the device
 *
 * Return: 0, or the verdict's errno.
 */
int iommufd_device_may_open(struct device *dev);

/**
 * iommufd_device_bind() - Bind a device to the context behind an fd and claim its group for it
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
 *
 * Context: waits for calls of the context that are at the device, which may wait for memory of the user's:
 * not under the driver's state lock.
 */
void iommufd_device_unbind(struct iommufd_device *idev);

/*
 * An attach under way, from iommufd_attach_begin() to iommufd_attach_end(). The driver's to keep, the
 * core's to fill.
 */
struct iommufd_attach {
	struct iommufd_ctx *ictx;
	bool holds_ctx;                     /* with a reference to its file */
	u32 dev_id;
	struct iommufd_object *pt_obj;      /* a short-term reference to what was named: */
	struct iommufd_ioas *ioas;
	struct iommufd_hw_pagetable *hwpt;  /* NULL: the IOAS was named */
	bool locked;                        /* ioas->mutex is held */
	struct iommufd_hw_pagetable *fresh; /* made for this, not published */
	bool filled;                        /* fresh is */
	bool wants_fresh;                   /* none of those there suits */
	struct iommufd_hw_pagetable *old;   /* what a move left behind */
};

/**
 * iommufd_attach_begin() - Begin to attach a bound device to an IOAS or HWPT, or to move it there
 * @idev: the device
 * @pt_id: the id of an IOAS or HWPT of the same context
 * @attach: out, for iommufd_attach_end() if 0 is returned
 *
 * Context: waits for nobody; under the driver's state lock, which keeps @idev.
 *
 * Return: 0; ENOENT no such object in this context; EINVAL it is no IOAS or HWPT.
 */
int iommufd_attach_begin(struct iommufd_device *idev, u32 pt_id, struct iommufd_attach *attach);

/**
 * iommufd_attach_fill() - Make what the commit will need, a filled HWPT
 * @attach: the attach
 *
 * Context: may wait for memory of the user's as long as he likes; not under the driver's state lock, so
 * that the device may leave meanwhile.
 *
 * Return: 0; ENODEV the device has left; EADDRINUSE, ENOMEM and others from filling it.
 */
int iommufd_attach_fill(struct iommufd_attach *attach);

/**
 * iommufd_attach_commit() - Judge and do it
 * @idev: the device, still the same
 * @attach: the attach, filled
 * @pt_id: out: the HWPT in use
 *
 * Not attached yet: the group is attached if the device is its first, else what was named must resolve to
 * what the group is attached to. Attached: the whole group moves; a failure leaves it where it was.
 *
 * Context: waits for no memory of the user's; under the driver's state lock.
 *
 * Return: 0; 1: not done, fill and commit again; EINVAL not attachable, or the group is attached
 * elsewhere; EADDRINUSE a mapping stands in an area the device reserves; EACCES denied; ENOMEM.
 */
int iommufd_attach_commit(struct iommufd_device *idev, struct iommufd_attach *attach, u32 *pt_id);

/* The end of an attach, done or not. May wait as iommufd_attach_fill() does. */
void iommufd_attach_end(struct iommufd_attach *attach);

/* All four in one, for a driver without a state lock; its errnos are theirs */
int iommufd_device_attach_or_move(struct iommufd_device *idev, u32 *pt_id);

/* What a detach leaves: a HWPT that may end now. All zero: nothing. */
struct iommufd_left {
	struct iommufd_ctx *ictx;
	bool holds_ctx;                    /* with a reference to its file */
	struct iommufd_hw_pagetable *hwpt; /* with the device's reference */
};

/**
 * iommufd_device_cut() - Detach an attached device; cannot fail
 * @idev: the device, which the driver has made silent before (bus mastering off, no BAR mapped)
 * @left: out, for iommufd_left_put()
 *
 * With the last attached device of a group its DMA is blocked before this returns. Tells the detach
 * hook, whose denial is logged but stops nothing.
 *
 * Context: waits for no memory of the user's; under the driver's state lock.
 */
void iommufd_device_cut(struct iommufd_device *idev, struct iommufd_left *left);

/*
 * Unpin and free what a detach left, if that was the last device there. May wait for memory of the user's:
 * no lock is held that anybody else needs.
 */
void iommufd_left_put(struct iommufd_left *left);

/* Both in one */
void iommufd_device_detach(struct iommufd_device *idev);

/**
 * iommufd_device_recheck() - Ask the hooks whether an attachment may stay
 * @idev: an attached device
 *
 * Who is judged is the process that attached it, as it was then. A denial changes nothing: the driver
 * takes the device away.
 *
 * Return: 0, or the verdict's errno.
 */
int iommufd_device_recheck(struct iommufd_device *idev);

/**
 * iommufd_device_same_context() - Whether another device is owned by the context of this one
 * @idev: a bound device
 * @other: any device
 *
 * For hot reset: true if the group of @other is claimed by the context @idev is bound to.
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
