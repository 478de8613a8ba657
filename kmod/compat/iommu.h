/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core needs of the IOMMU API that differs between kernels or that public headers lack.
 * Version checks stand in this folder alone.
 */
#ifndef COMPAT_IOMMU_H
#define COMPAT_IOMMU_H

#include <linux/iommu.h>

/*
 * Exported in the namespace IOMMUFD_INTERNAL, declared in drivers/iommu/iommu-priv.h only.
 * "iommu: Add attach handle to struct iopf_group" (6.11) and its series added them.
 */
int iommu_attach_group_handle(struct iommu_domain *domain, struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain, struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group, struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);

/*
 * A paging domain that is complete before anything is attached to it, so that it can be filled
 * first. Drivers that offer the user-domain call return one; the plain call leaves Intel's half
 * made until the attach. Return: the domain or an ERR_PTR.
 */
static inline struct iommu_domain *compat_paging_domain_alloc(struct device *dev)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	struct iommu_domain *domain;

	if (!ops->domain_alloc_user)
		return iommu_paging_domain_alloc(dev);
	domain = ops->domain_alloc_user(dev, 0, NULL, NULL);
	if (!IS_ERR(domain))
		domain->owner = ops;
	return domain;
}

/* Whether a domain is of the IOMMU driver that a device has */
static inline bool compat_domain_suits(const struct iommu_domain *domain, struct device *dev)
{
	return domain->owner == dev->iommu->iommu_dev->ops;
}

#endif
