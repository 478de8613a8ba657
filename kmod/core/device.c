// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers of device fds call: bind, attach, move, detach, unbind. Here the hooks are asked, with
 * the locks held that keep what was judged true until it is done.
 */
#include <linux/cred.h>
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
	put_cred(idev->attacher.cred);
	if (idev->holds_ctx)
		iommufd_ctx_release(idev->ictx);
}

/* The number of the last attachment that was tried */
static atomic64_t last_attachment;

/*
 * One attach or move, resolved. Holds ioas->mutex and the group's lock.
 *
 * @hwpt: the HWPT that was named, NULL if it was the IOAS
 * @old: what a move left behind, to be put when the locks are gone
 * @attachment: of an attach, its number
 */
struct target {
	struct iommufd_device *idev;
	struct iommufd_ioas *ioas;
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_hw_pagetable *old;
	u64 attachment;
};

static int judge_attach(struct target *t)
{
	struct iommufd_lsm_request req;

	t->attachment = atomic64_inc_return(&last_attachment);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_attach, t->idev->ictx);
	req.attachment = t->attachment;
	iommufd_request_device(&req, t->idev->dev);
	iommufd_request_ioas(&req.to, t->ioas, t->hwpt);
	return iommufd_lsm_ask(&req);
}

/* S9: once for each attached device of the group; all are asked about the same move */
static int judge_move(struct target *t)
{
	struct iommufd_group *igroup = t->idev->igroup;
	struct iommufd_lsm_request req;
	struct iommufd_device *cur;
	int rc;

	list_for_each_entry(cur, &igroup->devices, group_item) {
		if (!cur->attached)
			continue;
		iommufd_request_init(&req, IOMMUFD_LSM_OP_device_move, t->idev->ictx);
		if (cur != t->idev)
			req.flags |= IOMMUFD_LSM_GROUP_MOVE;
		req.attachment = cur->attachment;
		iommufd_request_device(&req, cur->dev);
		iommufd_request_ioas(&req.from, igroup->hwpt->ioas, igroup->hwpt);
		iommufd_request_ioas(&req.to, t->ioas, t->hwpt);
		rc = iommufd_lsm_ask(&req);
		if (rc)
			return rc;
	}
	return 0;
}

/* Attach or move to one HWPT, as the device's state asks */
static int enter(struct target *t, struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_device *idev = t->idev;
	int rc;

	if (idev->attached)
		return iommufd_group_move(idev->igroup, hwpt, &t->old);
	rc = iommufd_group_attach(idev->igroup, idev, hwpt);
	if (!rc) {
		idev->attachment = t->attachment;
		put_cred(idev->attacher.cred);
		iommufd_lsm_current_subject(&idev->attacher);
		get_cred(idev->attacher.cred);
	}
	return rc;
}

/*
 * Find an automatic HWPT of the IOAS that takes the device, or make one. EINVAL from an existing one
 * means that it does not suit this device's IOMMU, so the next is tried.
 */
static struct iommufd_hw_pagetable *enter_auto(struct target *t)
{
	struct iommufd_ctx *ictx = t->idev->ictx;
	struct iommufd_hw_pagetable *hwpt;
	int rc;

	list_for_each_entry(hwpt, &t->ioas->hwpt_list, hwpt_item) {
		if (!hwpt->auto_domain || !iommufd_object_try_get(&hwpt->obj))
			continue;
		rc = enter(t, hwpt);
		iommufd_object_put(ictx, &hwpt->obj);
		if (!rc)
			return hwpt;
		if (rc != -EINVAL)
			return ERR_PTR(rc);
	}

	hwpt = iommufd_hwpt_alloc(ictx, t->ioas, t->idev, 0, NULL);
	if (IS_ERR(hwpt))
		return hwpt;
	rc = iommufd_hwpt_fill(hwpt);
	if (!rc)
		rc = enter(t, hwpt);
	if (rc) {
		iommufd_hwpt_abort(ictx, hwpt);
		return ERR_PTR(rc);
	}
	hwpt->auto_domain = true;
	iommufd_object_finalize(ictx, &hwpt->obj);
	return hwpt;
}

/*
 * Decide and do. Return: the HWPT in use, which the device now keeps alive, or an ERR_PTR with nothing
 * changed.
 */
static struct iommufd_hw_pagetable *attach_locked(struct target *t)
{
	struct iommufd_hw_pagetable *cur = t->idev->igroup->hwpt;
	int rc;

	if (t->idev->attached) {
		/* already there: nothing moves, so nobody is asked */
		if (t->hwpt ? t->hwpt == cur : t->ioas == cur->ioas && cur->auto_domain)
			return cur;
		rc = judge_move(t);
	} else {
		/*
		 * Siblings share one translation (S9): a device joins it, or stays out. Of a nested one the
		 * IOAS is only the half.
		 */
		if (cur && (t->hwpt ? t->hwpt != cur : t->ioas != cur->ioas || cur->parent))
			return ERR_PTR(-EINVAL);
		rc = judge_attach(t);
	}
	if (rc)
		return ERR_PTR(rc);

	if (!t->idev->attached && cur)
		t->hwpt = cur;
	if (!t->hwpt)
		return enter_auto(t);
	rc = enter(t, t->hwpt);
	return rc ? ERR_PTR(rc) : t->hwpt;
}

int iommufd_device_attach_or_move(struct iommufd_device *idev, u32 *pt_id)
{
	struct target t = { .idev = idev };
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_object *pt_obj;
	int rc = 0;

	pt_obj = iommufd_object_get(idev->ictx, *pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt_obj))
		return PTR_ERR(pt_obj);
	switch (pt_obj->type) {
	case IOMMUFD_OBJ_IOAS:
		t.ioas = container_of(pt_obj, struct iommufd_ioas, obj);
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
	case IOMMUFD_OBJ_HWPT_NESTED:
		t.hwpt = container_of(pt_obj, struct iommufd_hw_pagetable, obj);
		t.ioas = t.hwpt->ioas;
		break;
	default:
		rc = -EINVAL;
		goto out_put;
	}

	mutex_lock(&t.ioas->mutex);
	mutex_lock(&idev->igroup->lock);
	hwpt = attach_locked(&t);
	if (IS_ERR(hwpt))
		rc = PTR_ERR(hwpt);
	else
		*pt_id = hwpt->obj.id;
	mutex_unlock(&idev->igroup->lock);
	mutex_unlock(&t.ioas->mutex);
out_put:
	iommufd_object_put(idev->ictx, pt_obj);
	if (t.old)
		iommufd_hwpt_put(idev->ictx, t.old);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach_or_move, IOMMUFD);

void iommufd_device_detach(struct iommufd_device *idev)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_lsm_request req;

	mutex_lock(&igroup->lock);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_detach, idev->ictx);
	req.attachment = idev->attachment;
	iommufd_request_device(&req, idev->dev);
	iommufd_request_ioas(&req.from, igroup->hwpt->ioas, igroup->hwpt);
	hwpt = iommufd_group_detach(igroup, idev);
	mutex_unlock(&igroup->lock);
	/* told, not asked, and after the deed: a program that takes its time does not prolong access */
	iommufd_lsm_ask(&req);
	iommufd_hwpt_put(idev->ictx, hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);

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
	xa_for_each(&ictx->objects, index, obj)
		if (obj->type == IOMMUFD_OBJ_DEVICE &&
		    container_of(obj, struct iommufd_device, obj)->dev == other)
			id = obj->id;
	xa_unlock(&ictx->objects);
	return id;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bound_id, IOMMUFD);
