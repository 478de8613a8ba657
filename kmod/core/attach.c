// SPDX-License-Identifier: GPL-2.0
/*
 * Attach, move and detach, for drivers of device fds. Here the hooks are asked, with the locks held that
 * keep what was judged true until it is done.
 *
 * An attach has steps, so that the one which may wait for memory of the user's, filling a page table, is
 * taken while nothing is locked that a revocation or another process needs: begin, fill, commit, end.
 * Likewise a detach: cut, which waits for nobody, and what is left then.
 */
#include <linux/fs.h>
#include <linux/module.h>

#include "iommufd_private.h"

/* The number of the last attachment that was tried */
static atomic64_t last_attachment;

/* --- begin and fill ------------------------------------------------------------------------------- */

int iommufd_attach_begin(struct iommufd_device *idev, u32 pt_id, struct iommufd_attach *attach)
{
	int rc = 0;

	memset(attach, 0, sizeof(*attach));
	attach->pt_obj = iommufd_object_get(idev->ictx, pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(attach->pt_obj))
		return PTR_ERR(attach->pt_obj);
	switch (attach->pt_obj->type) {
	case IOMMUFD_OBJ_IOAS:
		attach->ioas = container_of(attach->pt_obj, struct iommufd_ioas, obj);
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
	case IOMMUFD_OBJ_HWPT_NESTED:
		attach->hwpt = container_of(attach->pt_obj, struct iommufd_hw_pagetable, obj);
		attach->ioas = attach->hwpt->ioas;
		break;
	default:
		rc = -EINVAL;
	}
	if (rc) {
		iommufd_object_put(idev->ictx, attach->pt_obj);
		return rc;
	}
	attach->ictx = idev->ictx;
	attach->dev_id = idev->obj.id;
	attach->holds_ctx = idev->holds_ctx;
	if (attach->holds_ctx)
		get_file(attach->ictx->file);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(iommufd_attach_begin, IOMMUFD);

/* Whether the commit will find no HWPT. It may find out later that none of those there suits. */
static bool needs_fresh(struct iommufd_attach *attach, struct iommufd_device *idev)
{
	struct iommufd_hw_pagetable *hwpt;
	bool joins;

	lockdep_assert_held(&attach->ioas->mutex);
	if (attach->hwpt || attach->fresh)
		return false;
	if (attach->wants_fresh)
		return true;
	/* a device whose siblings are attached goes where they are */
	mutex_lock(&idev->igroup->lock);
	joins = idev->igroup->hwpt && !idev->attached;
	mutex_unlock(&idev->igroup->lock);
	if (joins)
		return false;
	list_for_each_entry(hwpt, &attach->ioas->hwpt_list, hwpt_item)
		if (hwpt->auto_domain && compat_domain_suits(hwpt->domain, idev->dev))
			return false;
	return true;
}

/*
 * A new HWPT for the device, if need be. The device is held only for this: its driver may take it away
 * while the HWPT is filled. By then another may have its id, and be asked for instead: the commit, of the
 * device that was meant, is refused then.
 */
static int make_fresh(struct iommufd_attach *attach)
{
	struct iommufd_object *dev_obj;
	struct iommufd_device *idev;
	int rc = 0;

	dev_obj = iommufd_object_get(attach->ictx, attach->dev_id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(dev_obj))
		return -ENODEV;
	idev = container_of(dev_obj, struct iommufd_device, obj);
	if (needs_fresh(attach, idev)) {
		attach->fresh = iommufd_hwpt_alloc(attach->ictx, attach->ioas, idev, 0, NULL);
		if (IS_ERR(attach->fresh)) {
			rc = PTR_ERR(attach->fresh);
			attach->fresh = NULL;
		}
	}
	iommufd_object_put(attach->ictx, dev_obj);
	return rc;
}

int iommufd_attach_fill(struct iommufd_attach *attach)
{
	int rc;

	if (!attach->locked)
		mutex_lock(&attach->ioas->mutex);
	attach->locked = true;
	rc = make_fresh(attach);
	if (!rc && attach->fresh && !attach->filled) {
		rc = iommufd_hwpt_fill(attach->fresh);
		attach->filled = !rc;
	}
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_attach_fill, IOMMUFD);

/* --- commit --------------------------------------------------------------------------------------- */

/* One commit. Holds ioas->mutex and the group's lock. @number: of an attach */
struct target {
	struct iommufd_device *idev;
	struct iommufd_attach *attach;
	u64 number;
};

static int judge_attach(struct target *t)
{
	struct iommufd_lsm_request req;

	t->number = atomic64_inc_return(&last_attachment);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_attach, t->idev->ictx);
	req.attachment = t->number;
	iommufd_request_device(&req, t->idev->dev);
	iommufd_request_ioas(&req.to, t->attach->ioas, t->attach->hwpt);
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
		iommufd_request_ioas(&req.to, t->attach->ioas, t->attach->hwpt);
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
		return iommufd_group_move(idev->igroup, hwpt, &t->attach->old);
	rc = iommufd_group_attach(idev->igroup, idev, hwpt);
	if (!rc) {
		idev->attachment = t->number;
		iommufd_lsm_subject_current(&idev->attacher);
	}
	return rc;
}

/*
 * Find an automatic HWPT of the IOAS that takes the device, or take the new one. EINVAL from an existing one
 * means that it does not suit this device's IOMMU, so the next is tried. EAGAIN: a new one is needed.
 */
static struct iommufd_hw_pagetable *enter_auto(struct target *t)
{
	struct iommufd_attach *attach = t->attach;
	struct iommufd_hw_pagetable *hwpt;
	int rc;

	list_for_each_entry(hwpt, &attach->ioas->hwpt_list, hwpt_item) {
		if (!hwpt->auto_domain || !iommufd_object_try_get(&hwpt->obj))
			continue;
		rc = enter(t, hwpt);
		iommufd_object_put(attach->ictx, &hwpt->obj);
		if (!rc)
			return hwpt;
		if (rc != -EINVAL)
			return ERR_PTR(rc);
	}

	hwpt = attach->fresh;
	if (!hwpt) {
		attach->wants_fresh = true;
		return ERR_PTR(-EAGAIN);
	}
	rc = enter(t, hwpt);
	if (rc)
		return ERR_PTR(rc);
	attach->fresh = NULL;
	hwpt->auto_domain = true;
	iommufd_object_finalize(attach->ictx, &hwpt->obj);
	return hwpt;
}

/*
 * Decide and do. Return: the HWPT in use, which the device now keeps alive, or an ERR_PTR with nothing
 * changed.
 */
static struct iommufd_hw_pagetable *commit_locked(struct target *t)
{
	struct iommufd_hw_pagetable *cur = t->idev->igroup->hwpt, *hwpt = t->attach->hwpt;
	struct iommufd_ioas *ioas = t->attach->ioas;
	int rc;

	if (t->idev->attached) {
		/* already there: nothing moves, so nobody is asked */
		if (hwpt ? hwpt == cur : ioas == cur->ioas && cur->auto_domain)
			return cur;
		rc = judge_move(t);
	} else {
		/*
		 * Siblings share one translation (S9): a device joins it, or stays out. Of a nested one the
		 * IOAS is only the half.
		 */
		if (cur && (hwpt ? hwpt != cur : ioas != cur->ioas || cur->parent))
			return ERR_PTR(-EINVAL);
		rc = judge_attach(t);
	}
	if (rc)
		return ERR_PTR(rc);

	if (!t->idev->attached && cur)
		hwpt = cur;
	if (!hwpt)
		return enter_auto(t);
	rc = enter(t, hwpt);
	return rc ? ERR_PTR(rc) : hwpt;
}

int iommufd_attach_commit(struct iommufd_device *idev, struct iommufd_attach *attach, u32 *pt_id)
{
	struct target t = { .idev = idev, .attach = attach };
	bool wanted_fresh = attach->wants_fresh;
	struct iommufd_hw_pagetable *hwpt;

	lockdep_assert_held(&attach->ioas->mutex);
	mutex_lock(&idev->igroup->lock);
	hwpt = commit_locked(&t);
	if (!IS_ERR(hwpt))
		*pt_id = hwpt->obj.id;
	mutex_unlock(&idev->igroup->lock);
	/* not by the errno, which a hook may have chosen */
	if (attach->wants_fresh && !wanted_fresh)
		return 1;
	return PTR_ERR_OR_ZERO(hwpt);
}
EXPORT_SYMBOL_NS_GPL(iommufd_attach_commit, IOMMUFD);

void iommufd_attach_end(struct iommufd_attach *attach)
{
	if (attach->fresh)
		iommufd_hwpt_abort(attach->ictx, attach->fresh);
	if (attach->locked)
		mutex_unlock(&attach->ioas->mutex);
	iommufd_object_put(attach->ictx, attach->pt_obj);
	if (attach->old)
		iommufd_hwpt_put(attach->ictx, attach->old);
	if (attach->holds_ctx)
		iommufd_ctx_release(attach->ictx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_attach_end, IOMMUFD);

int iommufd_device_attach_or_move(struct iommufd_device *idev, u32 *pt_id)
{
	struct iommufd_attach attach;
	int rc;

	rc = iommufd_attach_begin(idev, *pt_id, &attach);
	if (rc)
		return rc;
	do {
		rc = iommufd_attach_fill(&attach);
		if (!rc)
			rc = iommufd_attach_commit(idev, &attach, pt_id);
	} while (rc > 0);
	iommufd_attach_end(&attach);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_attach_or_move, IOMMUFD);

/* --- detach ----------------------------------------------------------------------------------------- */

void iommufd_device_cut(struct iommufd_device *idev, struct iommufd_left *left)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_lsm_request req;

	left->ictx = idev->ictx;
	left->holds_ctx = idev->holds_ctx;
	if (left->holds_ctx)
		get_file(left->ictx->file);

	mutex_lock(&igroup->lock);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_device_detach, idev->ictx);
	req.attachment = idev->attachment;
	iommufd_request_device(&req, idev->dev);
	iommufd_request_ioas(&req.from, igroup->hwpt->ioas, igroup->hwpt);
	left->hwpt = iommufd_group_detach(igroup, idev);
	iommufd_lsm_subject_put(&idev->attacher);
	mutex_unlock(&igroup->lock);
	/* told, not asked, and after the deed: a program that takes its time does not prolong access */
	iommufd_lsm_ask(&req);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_cut, IOMMUFD);

void iommufd_left_put(struct iommufd_left *left)
{
	if (!left->hwpt)
		return;
	iommufd_hwpt_put(left->ictx, left->hwpt);
	left->hwpt = NULL;
	if (left->holds_ctx)
		iommufd_ctx_release(left->ictx);
}
EXPORT_SYMBOL_NS_GPL(iommufd_left_put, IOMMUFD);

void iommufd_device_detach(struct iommufd_device *idev)
{
	struct iommufd_left left = {};

	iommufd_device_cut(idev, &left);
	iommufd_left_put(&left);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_detach, IOMMUFD);
