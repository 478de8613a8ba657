// SPDX-License-Identifier: GPL-2.0
/*
 * HWPTs: IOMMU domains that carry the mappings of an IOAS. Made by an ioctl, or by an attach to an
 * IOAS, in which case they end with their last device. Also the ioctl that makes HWPTs of both
 * kinds; what is special about nested ones is hwpt_nested.c. Attaching them is group.c.
 */
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "iommufd_private.h"

/*
 * So often may the memory with the description of a HWPT go away between being there and being read
 */
#define READ_TRIES 16

/*
 * Empty and free a domain nothing is attached to: the unmap has reached the IOMMU before the map
 * path unpins a page.
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

/* What Linux would refuse before it makes a domain. Return: 0 or EOPNOTSUPP. */
static int check_alloc(struct iommufd_device *idev, u32 flags, u32 data_len)
{
	if (flags & ~(IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING))
		return -EOPNOTSUPP;
	if ((flags || data_len) && !compat_iommu_ops(idev->dev)->domain_alloc_user)
		return -EOPNOTSUPP;
	if ((flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING) &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		return -EOPNOTSUPP;
	return 0;
}

/**
 * iommufd_hwpt_alloc() - Make an empty HWPT that suits a device
 * @ictx: the context
 * @ioas: the IOAS it is to carry
 * @idev: the device it is for, not needed once this returns
 * @flags: enum iommufd_hwpt_alloc_flags, checked
 * @user_data: what the IOMMU driver is to know, or NULL
 *
 * Context: may sleep, the caller holds @ioas->mutex until iommufd_object_finalize() or
 * iommufd_hwpt_abort().
 *
 * Return: the HWPT, not published yet and to be filled, or an ERR_PTR: EINVAL, EOPNOTSUPP, ENOMEM;
 * EFAULT @user_data cannot be read.
 */
struct iommufd_hw_pagetable *iommufd_hwpt_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
						struct iommufd_device *idev, u32 flags,
						const struct iommu_user_data *user_data)
{
	struct iommufd_hw_pagetable *hwpt;
	struct iommu_domain *domain;
	int rc;

	lockdep_assert_held(&ioas->mutex);

	hwpt = iommufd_object_alloc(ictx, struct iommufd_hw_pagetable, IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(hwpt))
		return hwpt;
	domain = compat_paging_domain_alloc(idev->dev, flags, user_data);
	if (IS_ERR(domain)) {
		rc = PTR_ERR(domain);
		goto err_abort;
	}
	/* before the first map: some IOMMUs write it into every entry */
	hwpt->enforce_cache_coherency = idev->enforce_cache_coherency &&
					domain->ops->enforce_cache_coherency &&
					domain->ops->enforce_cache_coherency(domain);
	if (idev->enforce_cache_coherency && !hwpt->enforce_cache_coherency) {
		rc = -EINVAL;
		goto err_free;
	}
	hwpt->nest_parent = flags & IOMMU_HWPT_ALLOC_NEST_PARENT;
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
 * Context: faults on user memory, which its owner can make last. Later mappings go there by
 * themselves.
 *
 * Return: 0; EINVAL the domain cannot hold the mappings; ENOMEM; what pinning the pages gives. To
 * be aborted then.
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

/*
 * Undo iommufd_hwpt_alloc(), filled or not, before it was published, still under the same
 * ioas->mutex
 */
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

/*
 * Drop a users reference; the last one of an automatic HWPT destroys it. No lock of ours is held.
 */
void iommufd_hwpt_put(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt)
{
	if (hwpt->auto_domain)
		iommufd_object_put_and_try_destroy(ictx, &hwpt->obj);
	else
		refcount_dec(&hwpt->obj.users);
}

static int judge_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		       struct iommufd_hw_pagetable *parent, struct iommufd_device *idev)
{
	struct iommufd_lsm_request req;
	int rc;

	mutex_lock(&idev->igroup->lock);
	iommufd_request_init(&req, IOMMUFD_LSM_OP_hwpt_alloc, ictx);
	iommufd_request_device(&req, idev->dev);
	iommufd_request_ioas(&req.to, ioas, parent);
	rc = iommufd_lsm_ask(&req);
	mutex_unlock(&idev->igroup->lock);
	return rc;
}

/*
 * One HWPT_ALLOC, resolved.
 *
 * @parent: the HWPT it is to be nested in, or NULL
 * @unread: out: @data is not in memory, and was not waited for
 */
struct hwpt_call {
	struct iommufd_ucmd *ucmd;
	struct iommu_user_data data;
	struct iommufd_device *idev;
	struct iommufd_ioas *ioas;
	struct iommufd_hw_pagetable *parent;
	bool unread;
};

static struct iommufd_hw_pagetable *call_alloc(struct hwpt_call *call)
{
	struct iommu_hwpt_alloc *cmd = call->ucmd->cmd;
	struct iommufd_ctx *ictx = call->ucmd->ictx;
	struct iommufd_hw_pagetable *hwpt;
	int rc;

	lockdep_assert_held(&call->ioas->mutex);
	rc = judge_alloc(ictx, call->ioas, call->parent, call->idev);
	if (rc)
		return ERR_PTR(rc);
	/*
	 * the IOMMU driver reads the data, while the device cannot leave: if it is not there, come
	 * again
	 */
	pagefault_disable();
	if (call->parent)
		hwpt = iommufd_hwpt_nested_alloc(ictx, call->parent, call->idev, &call->data);
	else
		hwpt = iommufd_hwpt_alloc(ictx, call->ioas, call->idev, cmd->flags,
					  call->data.len ? &call->data : NULL);
	pagefault_enable();
	call->unread = hwpt == ERR_PTR(-EFAULT);
	return hwpt;
}

static void call_abort(struct hwpt_call *call, struct iommufd_hw_pagetable *hwpt)
{
	if (call->parent)
		iommufd_hwpt_nested_abort(call->ucmd->ictx, hwpt);
	else
		iommufd_hwpt_abort(call->ucmd->ictx, hwpt);
}

/* What is left when the HWPT exists and before it is published; user memory may make it wait */
static int call_finish(struct hwpt_call *call, struct iommufd_hw_pagetable *hwpt)
{
	struct iommu_hwpt_alloc *cmd = call->ucmd->cmd;
	int rc = 0;

	if (!call->parent)
		rc = iommufd_hwpt_fill(hwpt);
	else if (cmd->flags & IOMMU_HWPT_FAULT_ID_VALID)
		rc = iommufd_fault_connect(call->ucmd->ictx, hwpt, cmd->fault_id);
	if (rc)
		return rc;
	cmd->out_hwpt_id = hwpt->obj.id;
	return iommufd_ucmd_respond(call->ucmd, sizeof(*cmd));
}

static int call_once(struct hwpt_call *call)
{
	struct iommu_hwpt_alloc *cmd = call->ucmd->cmd;
	struct iommufd_ctx *ictx = call->ucmd->ictx;
	struct iommufd_object *dev_obj, *pt_obj;
	struct iommufd_hw_pagetable *hwpt;
	int rc;

	dev_obj = iommufd_object_get(ictx, cmd->dev_id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(dev_obj))
		return PTR_ERR(dev_obj);
	iommufd_object_put(ictx, dev_obj);
	pt_obj = iommufd_object_get(ictx, cmd->pt_id, IOMMUFD_OBJ_ANY);
	if (IS_ERR(pt_obj))
		return -EINVAL; /* as Linux: ENOENT speaks of the device */
	call->parent = NULL;
	switch (pt_obj->type) {
	case IOMMUFD_OBJ_IOAS:
		call->ioas = container_of(pt_obj, struct iommufd_ioas, obj);
		break;
	case IOMMUFD_OBJ_HWPT_PAGING:
		call->parent = container_of(pt_obj, struct iommufd_hw_pagetable, obj);
		call->ioas = call->parent->ioas;
		break;
	default:
		rc = -EINVAL;
		goto out_put_pt;
	}

	/* who holds the mutex may wait for user memory: only then the device is kept from leaving */
	mutex_lock(&call->ioas->mutex);
	dev_obj = iommufd_object_get(ictx, cmd->dev_id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(dev_obj)) {
		rc = PTR_ERR(dev_obj);
		goto out_unlock;
	}
	call->idev = container_of(dev_obj, struct iommufd_device, obj);
	if (call->parent)
		rc = iommufd_hwpt_nested_check(call->parent, call->idev, cmd->flags,
					       call->data.len);
	else
		rc = check_alloc(call->idev, cmd->flags, call->data.len);
	if (rc) {
		iommufd_object_put(ictx, dev_obj);
		goto out_unlock;
	}
	hwpt = call_alloc(call);
	/* user memory may make the rest wait, which must not keep the device from leaving */
	iommufd_object_put(ictx, dev_obj);
	if (IS_ERR(hwpt)) {
		rc = PTR_ERR(hwpt);
	} else {
		rc = call_finish(call, hwpt);
		if (rc)
			call_abort(call, hwpt);
		else
			iommufd_object_finalize(ictx, &hwpt->obj);
	}
out_unlock:
	mutex_unlock(&call->ioas->mutex);
out_put_pt:
	iommufd_object_put(ictx, pt_obj);
	return rc;
}

/*
 * IOMMU_HWPT_ALLOC. Return: 0; EOPNOTSUPP, EINVAL what the IOMMU or the parent does not offer;
 * ENOENT no such device or fault queue; EINVAL no such IOAS or HWPT; E2BIG, EFAULT the data; EACCES
 * denied; what filling the HWPT gives.
 */
int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct hwpt_call call = {
		.ucmd = ucmd,
		.data = {
			.type = cmd->data_type,
			.uptr = u64_to_user_ptr(cmd->data_uptr),
			.len = cmd->data_len,
		},
	};
	unsigned int tries = 0;
	size_t missing;
	int rc;

	if (cmd->__reserved || cmd->__reserved2)
		return -EOPNOTSUPP;
	if ((cmd->data_type == IOMMU_HWPT_DATA_NONE) != !cmd->data_len)
		return -EINVAL;
	/* drivers look at all of it for bytes they do not know */
	if (cmd->data_len > PAGE_SIZE)
		return -E2BIG;
	do {
		missing = call.data.len ? fault_in_readable(call.data.uptr, call.data.len) : 0;
		call.unread = false;
		rc = call_once(&call);
		if (fatal_signal_pending(current))
			break;
	} while (call.unread && !missing && ++tries < READ_TRIES);
	return rc;
}
