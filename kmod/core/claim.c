// SPDX-License-Identifier: GPL-2.0
/*
 * Why a group cannot be claimed, for the log and for IOMMUFD_DEVICE_CLAIM_INFO. Only describes: the
 * IOMMU core decides, and may see things a moment later than this does.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "iommufd_private.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices whose interrupts the platform cannot isolate. A security hole: their users can inject interrupts into the host. (default: N)");

bool iommufd_unsafe_interrupts(void)
{
	return READ_ONCE(allow_unsafe_interrupts);
}

/* A driver that manages DMA ownership by itself does none unless it owns the group */
static bool driver_uses_dma(struct device *dev, struct device_driver *driver)
{
	if (dev_is_pci(dev))
		return !to_pci_driver(driver)->driver_managed_dma;
	if (dev_is_platform(dev))
		return !to_platform_driver(driver)->driver_managed_dma;
	return true;
}

struct sibling {
	struct device *dev;
	struct iommufd_device_claim_info *info;
};

/* Called for each driver of the bus, which stays while it is looked at: is it this device's? */
static int match_driver(struct device_driver *driver, void *data)
{
	struct sibling *sibling = data;

	if (driver != READ_ONCE(sibling->dev->driver) || !driver_uses_dma(sibling->dev, driver))
		return 0;
	strscpy(sibling->info->address, dev_name(sibling->dev));
	strscpy(sibling->info->driver, driver->name);
	return 1;
}

/*
 * Looks at one device of the group; stops at the first in the way. Takes no device's lock: anybody can
 * make this run, and others give up when they find such a lock taken.
 */
static int find_sibling(struct device *dev, void *data)
{
	struct sibling sibling = { .dev = dev, .info = data };

	return dev->bus ? bus_for_each_drv(dev->bus, NULL, &sibling, match_driver) : 0;
}

/* Which of our contexts claimed @group: its opener's pid, or 0 */
static u32 claiming_context(struct iommu_group *group)
{
	struct iommufd_group *igroup;
	struct iommufd_ctx *ictx;
	u32 tgid = 0;

	mutex_lock(&iommufd_contexts_lock);
	list_for_each_entry(ictx, &iommufd_contexts, contexts_item) {
		mutex_lock(&ictx->groups_lock);
		list_for_each_entry(igroup, &ictx->groups, ctx_item)
			if (igroup->group == group && READ_ONCE(igroup->nclaims))
				tgid = ictx->opener.tgid;
		mutex_unlock(&ictx->groups_lock);
		if (tgid)
			break;
	}
	mutex_unlock(&iommufd_contexts_lock);
	return tgid;
}

static enum iommufd_claim_reason find_reason(struct device *dev, struct iommu_group *group,
					     struct iommufd_device_claim_info *info)
{
	info->owner_tgid = claiming_context(group);
	if (info->owner_tgid)
		return IOMMUFD_CLAIM_CONTEXT;
	if (iommu_group_for_each_dev(group, info, find_sibling))
		return IOMMUFD_CLAIM_SIBLING_DRIVER;
	if (iommu_group_dma_owner_claimed(group))
		return IOMMUFD_CLAIM_OTHER_OWNER;
	if (!iommu_group_has_isolated_msi(group) && !iommufd_unsafe_interrupts())
		return IOMMUFD_CLAIM_UNSAFE_MSI;
	if (!device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY))
		return IOMMUFD_CLAIM_NOT_COHERENT;
	return IOMMUFD_CLAIM_OK;
}

void iommufd_device_claim_info(struct device *dev, struct iommufd_device_claim_info *info)
{
	struct iommu_group *group = iommu_group_get(dev);

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	info->group_id = ~0U;
	if (!group) {
		info->reason = IOMMUFD_CLAIM_NO_GROUP;
		return;
	}
	info->group_id = iommu_group_id(group);
	info->reason = find_reason(dev, group, info);
	iommu_group_put(group);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_claim_info, IOMMUFD);

/* Tell the log why binding @dev failed with @rc. No lock of ours but the driver's is held. */
void iommufd_claim_log(struct device *dev, int rc)
{
	struct iommufd_device_claim_info info;

	iommufd_device_claim_info(dev, &info);
	switch (info.reason) {
	case IOMMUFD_CLAIM_CONTEXT:
		dev_info_ratelimited(dev, "cannot bind: process %u has its group %u in another context\n",
				     info.owner_tgid, info.group_id);
		break;
	case IOMMUFD_CLAIM_SIBLING_DRIVER:
		dev_info_ratelimited(dev, "cannot bind: %s of its group %u is in use by driver %s; unbind that first\n",
				     info.address, info.group_id, info.driver);
		break;
	case IOMMUFD_CLAIM_OTHER_OWNER:
		dev_info_ratelimited(dev, "cannot bind: its group %u is in use outside of iommufd (legacy VFIO?)\n",
				     info.group_id);
		break;
	case IOMMUFD_CLAIM_UNSAFE_MSI:
		dev_info_ratelimited(dev, "cannot bind: interrupts of group %u are not isolated (no interrupt remapping)\n",
				     info.group_id);
		break;
	default:
		dev_info_ratelimited(dev, "cannot bind: claiming group %u failed with %d\n",
				     info.group_id, rc);
	}
}
