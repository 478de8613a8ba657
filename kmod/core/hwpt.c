// SPDX-License-Identifier: GPL-2.0
/*
 * HWPTs: IOMMU domains that carry the mappings of an IOAS. Made by an ioctl, or by an attach to an
 * IOAS, in which case they end with their last device. Attaching them is group.c.
 */
#include "iommufd_private.h"

/*
 * Empty and free a domain nothing is attached to: the unmap has reached the IOMMU before the map path
 * unpins a page.
 */
static void free_domain(struct iommufd_hw_pagetable *hwpt)
{
	iopt_table_remove_domain(&hwpt->ioas->iopt, hwpt->domain);
	iommu_domain_free(hwpt->domain);
}

void iommufd_hwpt_destroy(struct iommufd_object *obj)
{
	struct iommufd_hw_pagetable *hwpt = container_of(obj, struct iommufd_hw_pagetable, obj);
	struct iommufd_ioas *ioas = hwpt->ioas;

	mutex_lock(&ioas->mutex);
	list_del(&hwpt->hwpt_item);
	mutex_unlock(&ioas->mutex);
	free_domain(hwpt);
	refcount_dec(&ioas->obj.users);
}

/**
 * iommufd_hwpt_alloc() - Make an empty HWPT that suits a device
 * @ictx: the context
 * @ioas: the IOAS it is to carry
 * @idev: the device it is for, not needed once this returns
 *
 * Context: may sleep, the caller holds @ioas->mutex until iommufd_object_finalize() or
 * iommufd_hwpt_abort().
 *
 * Return: the HWPT, not published yet and to be filled, or an ERR_PTR: EINVAL, ENOMEM.
 */
struct iommufd_hw_pagetable *iommufd_hwpt_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
						struct iommufd_device *idev)
{
	struct iommufd_hw_pagetable *hwpt;
	struct iommu_domain *domain;
	int rc;

	lockdep_assert_held(&ioas->mutex);

	hwpt = iommufd_object_alloc(ictx, struct iommufd_hw_pagetable, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(hwpt))
		return hwpt;
	domain = compat_paging_domain_alloc(idev->dev);
	if (IS_ERR(domain)) {
		rc = PTR_ERR(domain);
		goto err_abort;
	}
	/* before the first map: some IOMMUs write it into every entry */
	if (idev->enforce_cache_coherency &&
	    (!domain->ops->enforce_cache_coherency ||
	     !domain->ops->enforce_cache_coherency(domain))) {
		rc = -EINVAL;
		goto err_free;
	}
	hwpt->domain = domain;
	hwpt->ioas = ioas;
	INIT_LIST_HEAD(&hwpt->hwpt_item);
	refcount_inc(&ioas->obj.users);
	return hwpt;

err_free:
	iommu_domain_free(domain);
err_abort:
	iommufd_object_abort(ictx, &hwpt->obj);
	return ERR_PTR(rc);
}

/**
 * iommufd_hwpt_fill() - Put all mappings of its IOAS into a new HWPT
 * @hwpt: from iommufd_hwpt_alloc(), under the same ioas->mutex
 *
 * Context: faults on user memory, which its owner can make last. Later mappings go there by themselves.
 *
 * Return: 0; EINVAL the domain cannot hold the mappings; ENOMEM; what pinning the pages gives. To be
 * aborted then.
 */
int iommufd_hwpt_fill(struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_ioas *ioas = hwpt->ioas;
	int rc;

	lockdep_assert_held(&ioas->mutex);
	rc = iopt_table_add_domain(&ioas->iopt, hwpt->domain);
	if (!rc)
		list_add_tail(&hwpt->hwpt_item, &ioas->hwpt_list);
	return rc;
}

/* Undo iommufd_hwpt_alloc(), filled or not, before it was published, still under the same ioas->mutex */
void iommufd_hwpt_abort(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_ioas *ioas = hwpt->ioas;

	lockdep_assert_held(&ioas->mutex);
	if (list_empty(&hwpt->hwpt_item)) {
		iommu_domain_free(hwpt->domain);
	} else {
		list_del(&hwpt->hwpt_item);
		free_domain(hwpt);
	}
	refcount_dec(&ioas->obj.users);
	iommufd_object_abort(ictx, &hwpt->obj);
}

/* Drop a users reference; the last one of an automatic HWPT destroys it. No lock of ours is held. */
void iommufd_hwpt_put(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt)
{
	if (hwpt->auto_domain)
		iommufd_object_put_and_try_destroy(ictx, &hwpt->obj);
	else
		refcount_dec(&hwpt->obj.users);
}

static int judge_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		       struct iommufd_device *idev)
{
	struct iommufd_lsm_request req;

	iommufd_request_init(&req, IOMMUFD_LSM_OP_hwpt_alloc, ictx);
	iommufd_request_device(&req, idev->dev);
	iommufd_request_ioas(&req.to, ioas, NULL);
	return iommufd_lsm_ask(&req);
}

int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_ctx *ictx = ucmd->ictx;
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_object *dev_obj, *pt_obj;
	struct iommufd_device *idev;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->__reserved || cmd->__reserved2)
		return -EOPNOTSUPP;
	if ((cmd->data_type == IOMMU_HWPT_DATA_NONE) != !cmd->data_len)
		return -EINVAL;
	if (cmd->flags || cmd->data_len)
		return -EOPNOTSUPP;

	dev_obj = iommufd_object_get(ictx, cmd->dev_id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(dev_obj))
		return PTR_ERR(dev_obj);
	idev = container_of(dev_obj, struct iommufd_device, obj);
	pt_obj = iommufd_object_get(ictx, cmd->pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt_obj)) {
		rc = -EINVAL; /* as Linux: ENOENT speaks of the device */
		goto out_put_dev;
	}
	if (pt_obj->type != IOMMUFD_OBJ_IOAS) {
		rc = pt_obj->type == IOMMUFD_OBJ_HWPT_PAGING ? -EOPNOTSUPP : -EINVAL;
		goto out_put_pt;
	}
	ioas = container_of(pt_obj, struct iommufd_ioas, obj);

	mutex_lock(&ioas->mutex);
	mutex_lock(&idev->igroup->lock);
	rc = judge_alloc(ictx, ioas, idev);
	mutex_unlock(&idev->igroup->lock);
	hwpt = rc ? ERR_PTR(rc) : iommufd_hwpt_alloc(ictx, ioas, idev);
	/* from here on user memory may make it wait, which must not keep the device from leaving */
	iommufd_object_put(ictx, dev_obj);
	dev_obj = NULL;
	if (IS_ERR(hwpt)) {
		rc = PTR_ERR(hwpt);
		goto out_unlock;
	}
	cmd->out_hwpt_id = hwpt->obj.id;
	rc = iommufd_hwpt_fill(hwpt);
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_hwpt_abort(ictx, hwpt);
	else
		iommufd_object_finalize(ictx, &hwpt->obj);
out_unlock:
	mutex_unlock(&ioas->mutex);
out_put_pt:
	iommufd_object_put(ictx, pt_obj);
out_put_dev:
	if (dev_obj)
		iommufd_object_put(ictx, dev_obj);
	return rc;
}
