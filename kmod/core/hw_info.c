// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU_GET_HW_INFO: what the IOMMU of a bound device is and can do.
 */
#include <linux/pci-ats.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/*
 * PASIDs the IOMMU core has enabled for a device, and with which permissions. Return: how many, as
 * log2.
 */
static u8 describe_pasid(struct device *dev, u64 *capabilities)
{
	int ctrl;

	if (!dev->iommu->max_pasids)
		return 0;
	if (dev_is_pci(dev)) {
		ctrl = pci_pasid_status(to_pci_dev(dev));
		if (ctrl < 0)
			ctrl = 0;
		if (ctrl & PCI_PASID_CTRL_EXEC)
			*capabilities |= IOMMU_HW_CAP_PCI_PASID_EXEC;
		if (ctrl & PCI_PASID_CTRL_PRIV)
			*capabilities |= IOMMU_HW_CAP_PCI_PASID_PRIV;
	}
	return ilog2(dev->iommu->max_pasids);
}

/* Whether information of a type is what was asked for: by default, whatever there is */
static bool type_suits(const struct iommu_hw_info *cmd, u32 type)
{
	return !(cmd->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE) || !cmd->out_data_type ||
	       cmd->out_data_type == type;
}

/*
 * Fill the answer but for data_len. *@data is the IOMMU driver's own struct, to be freed, of
 * *@length bytes. Return: 0 or an errno.
 */
static int describe(struct device *dev, struct iommu_hw_info *cmd, void **data, u32 *length)
{
	const struct iommu_ops *ops = compat_iommu_ops(dev);
	u32 type = IOMMU_HW_INFO_TYPE_NONE;

	*data = NULL;
	*length = 0;
	if (ops->hw_info) {
		*data = ops->hw_info(dev, length, &type);
		if (IS_ERR(*data))
			return PTR_ERR(*data);
		if (WARN_ON_ONCE(type == IOMMU_HW_INFO_TYPE_NONE)) {
			kfree(*data);
			return -ENODEV;
		}
	}
	if (!type_suits(cmd, type)) {
		kfree(*data);
		return -EOPNOTSUPP;
	}
	cmd->out_data_type = type;
	cmd->out_capabilities = 0;
	if (device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		cmd->out_capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	cmd->out_max_pasid_log2 = describe_pasid(dev, &cmd->out_capabilities);
	return 0;
}

/*
 * A buffer longer than the driver's struct is zeroed behind it; a shorter one gets its beginning.
 * Return: 0; EOPNOTSUPP, also for information of a type that the IOMMU driver does not have;
 * ENOENT, EFAULT; what the IOMMU driver says.
 */
int iommufd_get_hw_info(struct iommufd_ucmd *ucmd)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	void __user *buffer = u64_to_user_ptr(cmd->data_uptr);
	struct iommufd_object *obj;
	u32 length, copied;
	void *data;
	int rc;

	if (cmd->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE ||
	    memchr_inv(cmd->__reserved, 0, sizeof(cmd->__reserved)))
		return -EOPNOTSUPP;
	obj = iommufd_object_get(ucmd->ictx, cmd->dev_id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	rc = describe(container_of(obj, struct iommufd_device, obj)->dev, cmd, &data, &length);
	/* user memory may make the rest wait, which must not keep the device from leaving */
	iommufd_object_put(ucmd->ictx, obj);
	if (rc)
		return rc;

	copied = min(cmd->data_len, length);
	rc = -EFAULT;
	if (copy_to_user(buffer, data, copied) ||
	    clear_user(buffer + copied, cmd->data_len - copied))
		goto out_free;
	cmd->data_len = length;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
out_free:
	kfree(data);
	return rc;
}
