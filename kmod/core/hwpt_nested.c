// SPDX-License-Identifier: GPL-2.0
/*
 * Nested HWPTs: IOMMU domains whose page tables user space writes, in the memory that their parent
 * maps. What they translate to is an address of the parent's IOAS and translated by the parent
 * again, so that they can only narrow what the parent gives. Their format is the IOMMU driver's.
 */
#include "iommufd_private.h"

/* As Linux: what no driver has a use for in one call */
#define INVALIDATE_MAX_ENTRIES (1U << 19)

static void nested_free(struct iommufd_hw_pagetable *hwpt)
{
	iommu_domain_free(hwpt->domain);
	iommufd_fault_disconnect(hwpt);
	refcount_dec(&hwpt->parent->obj.users);
}

void iommufd_hwpt_nested_destroy(struct iommufd_object *obj)
{
	nested_free(container_of(obj, struct iommufd_hw_pagetable, obj));
}

/* Undo iommufd_hwpt_nested_alloc() before it was published */
void iommufd_hwpt_nested_abort(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt)
{
	nested_free(hwpt);
	iommufd_object_abort(ictx, &hwpt->obj);
}

/**
 * iommufd_hwpt_nested_check() - Whether a nested HWPT can be asked for at all
 * @parent: a HWPT that carries an IOAS
 * @idev: the device it is for
 * @flags: from user space
 * @data_len: from user space
 *
 * Return: 0; EOPNOTSUPP unknown flags, no data, or the IOMMU cannot; EINVAL @parent was not made to
 * be one, or is of another IOMMU driver.
 */
int iommufd_hwpt_nested_check(struct iommufd_hw_pagetable *parent, struct iommufd_device *idev,
			      u32 flags, u32 data_len)
{
	if ((flags & ~IOMMU_HWPT_FAULT_ID_VALID) || !data_len ||
	    !compat_iommu_ops(idev->dev)->domain_alloc_user)
		return -EOPNOTSUPP;
	if (parent->auto_domain || !parent->nest_parent ||
	    !compat_domain_suits(parent->domain, idev->dev))
		return -EINVAL;
	return 0;
}

/**
 * iommufd_hwpt_nested_alloc() - Make a HWPT nested in another
 * @ictx: the context
 * @parent: iommufd_hwpt_nested_check() was content with it; held by the new HWPT
 * @idev: the device it is for, not needed once this returns
 * @user_data: the IOMMU driver's description of it
 *
 * Return: the HWPT, for iommufd_object_finalize() or iommufd_hwpt_nested_abort(), or an ERR_PTR:
 * ENOMEM, EFAULT, or what the driver says to its data.
 */
struct iommufd_hw_pagetable *iommufd_hwpt_nested_alloc(struct iommufd_ctx *ictx,
						       struct iommufd_hw_pagetable *parent,
						       struct iommufd_device *idev,
						       const struct iommu_user_data *user_data)
{
	struct iommufd_hw_pagetable *hwpt;
	struct iommu_domain *domain;
	int rc;

	hwpt = iommufd_object_alloc(ictx, struct iommufd_hw_pagetable, IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(hwpt))
		return hwpt;
	domain = compat_domain_alloc_user(idev->dev, 0, parent->domain, user_data);
	if (IS_ERR(domain)) {
		rc = PTR_ERR(domain);
		goto err_abort;
	}
	if (WARN_ON_ONCE(domain->type != IOMMU_DOMAIN_NESTED ||
			 !domain->ops->cache_invalidate_user)) {
		rc = -EINVAL;
		goto err_free;
	}
	hwpt->domain = domain;
	hwpt->ioas = parent->ioas;
	hwpt->parent = parent;
	INIT_LIST_HEAD(&hwpt->hwpt_item);
	refcount_inc(&parent->obj.users);
	return hwpt;

err_free:
	iommu_domain_free(domain);
err_abort:
	iommufd_object_abort(ictx, &hwpt->obj);
	return ERR_PTR(rc);
}

/* Return: 0 or an errno; *@done entries were handled */
static int invalidate(struct iommufd_ctx *ictx, const struct iommu_hwpt_invalidate *cmd, u32 *done)
{
	struct iommu_user_data_array entries = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.entry_len = cmd->entry_len,
		.entry_num = cmd->entry_num,
	};
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_object *obj;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->entry_num && (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
			       cmd->entry_num > INVALIDATE_MAX_ENTRIES))
		return -EINVAL;
	obj = iommufd_object_get(ictx, cmd->hwpt_id, IOMMUFD_OBJ_HWPT_NESTED);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt = container_of(obj, struct iommufd_hw_pagetable, obj);
	/* no lock of ours: the driver reads the entries, and user memory may make it wait */
	rc = hwpt->domain->ops->cache_invalidate_user(hwpt->domain, &entries);
	*done = entries.entry_num;
	iommufd_object_put(ictx, obj);
	return rc;
}

/*
 * IOMMU_HWPT_INVALIDATE. Writes how many entries were handled, after an error too. Return: 0;
 * EOPNOTSUPP, EINVAL, ENOENT no such nested HWPT; EFAULT; what the IOMMU driver says.
 */
int iommufd_hwpt_invalidate(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_invalidate *cmd = ucmd->cmd;
	u32 done = 0;
	int rc;

	rc = invalidate(ucmd->ictx, cmd, &done);
	cmd->entry_num = done;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd)) ? -EFAULT : rc;
}
