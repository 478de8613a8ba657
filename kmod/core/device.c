// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers of device fds call: bind, recheck, unbind; attach.c has the rest. Here the hooks are asked,
 * with the locks held that keep what was judged true until it is done.
 */
#include <linux/fs.h>
#include <linux/module.h>

#include "iommufd_private.h"

int iommufd_device_may_open(struct device *dev)
{
	struct iommufd_lsm_request req;

	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_open, NULL);
	iommufd_request_device(&req, dev);
	return iommufd_lsm_ask(&req);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_may_open, IOMMUFD);

/* S12: a device of the group must not be able to raise another's interrupt by a plain DMA write */
static int check_isolated_msi(struct iommufd_group *igroup, struct device *dev)
{
	if (iommu_group_has_isolated_msi(igroup->group))
		return 0;
	if (!iommufd_unsafe_interrupts())
		return -EPERM;
	dev_warn_ratelimited(dev, "UNSAFE: the platform cannot isolate this device's interrupts, and allow_unsafe_interrupts is set: its user can inject interrupts into the host\n");
	return 0;
}

/**
 * iommufd_device_bind() - Bind a device to a context, see iommufd_device_bind_fd()
 * @ictx: the context, open until this returns
 * @dev: the device
 * @hold_ctx: keep it open until the unbind; else the unbind comes before the context ends by itself
 * @id: out, the id of the device in the context
 *
 * Return: the bound device, or an ERR_PTR.
 */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx, struct device *dev,
					   bool hold_ctx, u32 *id)
{
	struct iommufd_lsm_request req;
	struct iommufd_group *igroup;
	struct iommufd_device *idev;
	int rc;

	igroup = iommufd_group_get(ictx, dev);
	if (IS_ERR(igroup))
		return ERR_CAST(igroup);
	/* user space has no means to make DMA coherent again */
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY)) {
		rc = -EINVAL;
		goto err_put_group;
	}
	idev = iommufd_object_alloc(ictx, struct iommufd_device, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(idev)) {
		rc = PTR_ERR(idev);
		goto err_put_group;
	}
	idev->ictx = ictx;
	idev->igroup = igroup;
	idev->dev = dev;
	idev->enforce_cache_coherency =
		device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);

	mutex_lock(&igroup->lock);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_bind, ictx);
	iommufd_request_device(&req, dev);
	rc = iommufd_lsm_ask(&req);
	if (rc) {
		mutex_unlock(&igroup->lock);
		goto err_abort;
	}
	rc = check_isolated_msi(igroup, dev);
	if (!rc)
		rc = iommufd_group_claim(igroup, idev);
	mutex_unlock(&igroup->lock);
	if (rc) {
		iommufd_claim_log(dev, rc);
		goto err_abort;
	}

	if (hold_ctx)
		get_file(ictx->file);
	idev->holds_ctx = hold_ctx;
	/* the driver's reference, until the unbind; that to the group is idev's */
	refcount_inc(&idev->obj.users);
	*id = idev->obj.id;
	iommufd_object_finalize(ictx, &idev->obj);
	return idev;

err_abort:
	iommufd_object_abort(ictx, &idev->obj);
err_put_group:
	iommufd_group_put(igroup);
	return ERR_PTR(rc);
}

struct iommufd_device *iommufd_device_bind_fd(int iommufd, struct device *dev, u32 *id)
{
	struct iommufd_ctx *ictx = iommufd_ctx_from_fd(iommufd);
	struct iommufd_device *idev;

	if (IS_ERR(ictx))
		return ERR_CAST(ictx);
	idev = iommufd_device_bind(ictx, dev, true, id);
	iommufd_ctx_release(ictx);
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind_fd, IOMMUFD);

void iommufd_device_unbind(struct iommufd_device *idev)
{
	iommufd_object_destroy_user(idev->ictx, &idev->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_unbind, IOMMUFD);

void iommufd_device_destroy(struct iommufd_object *obj)
{
	struct iommufd_device *idev = container_of(obj, struct iommufd_device, obj);

	iommufd_group_unclaim(idev->igroup, idev);
	iommufd_group_put(idev->igroup);
	if (idev->holds_ctx)
		iommufd_ctx_release(idev->ictx);
}

int iommufd_device_recheck(struct iommufd_device *idev)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_lsm_request req;
	int rc;

	mutex_lock(&igroup->lock);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_recheck, idev->ictx);
	req.flags |= IOMMUFD_LSM_RECHECK;
	req.attachment = idev->attachment;
	req.subject = idev->attacher;
	iommufd_request_device(&req, idev->dev);
	iommufd_request_ioas(&req.to, igroup->hwpt->ioas, igroup->hwpt);
	rc = iommufd_lsm_ask(&req);
	mutex_unlock(&igroup->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_recheck, IOMMUFD);

/* The next two wait for nobody's memory: groups_lock and the xa_lock are never held over a fault */

bool iommufd_device_same_context(struct iommufd_device *idev, struct device *other)
{
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommu_group *group = iommu_group_get(other);
	struct iommufd_group *igroup;
	bool claimed = false;

	mutex_lock(&ictx->groups_lock);
	list_for_each_entry(igroup, &ictx->groups, ctx_item)
		if (igroup->group == group)
			claimed = READ_ONCE(igroup->nclaims);
	mutex_unlock(&ictx->groups_lock);
	iommu_group_put(group);
	return claimed;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_same_context, IOMMUFD);

u32 iommufd_device_bound_id(struct iommufd_device *idev, struct device *other)
{
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommufd_object *obj;
	unsigned long index;
	u32 id = 0;

	xa_lock(&ictx->objects);
	xa_for_each_marked(&ictx->objects, index, obj, IOMMUFD_MARK_DEVICE)
		if (container_of(obj, struct iommufd_device, obj)->dev == other)
			id = obj->id;
	xa_unlock(&ictx->objects);
	return id;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bound_id, IOMMUFD);
