/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core needs of the IOMMU API that differs between kernels or that public headers lack.
 * Version checks stand in this folder alone.
 */
#ifndef COMPAT_IOMMU_H
#define COMPAT_IOMMU_H

#include <linux/iommu.h>
#include <uapi/linux/iommufd.h>

/*
 * IOMMU_GET_HW_INFO for one type of information, which stands where the answer does:
 * "iommufd: Allow an input data_type via iommu_hw_info" (6.17). Programs may be newer than the kernel.
 */
#ifndef IOMMU_HW_INFO_FLAG_INPUT_TYPE
#define IOMMU_HW_INFO_FLAG_INPUT_TYPE (1U << 0)
#endif

/*
 * Exported in the namespace IOMMUFD_INTERNAL, declared in drivers/iommu/iommu-priv.h only.
 * "iommu: Add attach handle to struct iopf_group" (6.11) and its series added them.
 */
int iommu_attach_group_handle(struct iommu_domain *domain, struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain, struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group, struct iommu_domain *new_domain,
			       struct iommu_attach_handle *handle);

static inline const struct iommu_ops *compat_iommu_ops(struct device *dev)
{
	return dev->iommu->iommu_dev->ops;
}

/*
 * Have the IOMMU driver make a domain as user space describes it; on @parent if that is one. Only for
 * drivers that offer it. Return: the domain or an ERR_PTR.
 */
static inline struct iommu_domain *compat_domain_alloc_user(struct device *dev, u32 flags,
							    struct iommu_domain *parent,
							    const struct iommu_user_data *user_data)
{
	const struct iommu_ops *ops = compat_iommu_ops(dev);
	struct iommu_domain *domain = ops->domain_alloc_user(dev, flags, parent, user_data);

	if (!IS_ERR(domain))
		domain->owner = ops;
	return domain;
}

/*
 * A paging domain that is complete before anything is attached to it, so that it can be filled
 * first. Drivers that offer the user-domain call return one; the plain call leaves Intel's half
 * made until the attach. Return: the domain or an ERR_PTR.
 */
static inline struct iommu_domain *
compat_paging_domain_alloc(struct device *dev, u32 flags,
			   const struct iommu_user_data *user_data)
{
	if (compat_iommu_ops(dev)->domain_alloc_user)
		return compat_domain_alloc_user(dev, flags, NULL, user_data);
	if (flags || user_data)
		return ERR_PTR(-EOPNOTSUPP);
	return iommu_paging_domain_alloc(dev);
}

/* Whether a domain is of the IOMMU driver that a device has */
static inline bool compat_domain_suits(const struct iommu_domain *domain, struct device *dev)
{
	return domain->owner == compat_iommu_ops(dev);
}

#endif
