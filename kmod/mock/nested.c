// SPDX-License-Identifier: GPL-2.0
/*
 * Nested domains: user space's own translation on top of a paging domain. All there is of it here
 * is an IOTLB of four entries, which invalidations clear and a test call reads.
 */
#include <linux/slab.h>

#include "mock.h"

struct mock_nested {
	struct iommu_domain domain;
	u32 iotlb[MOCK_IOTLB_ENTRIES];
};

static struct mock_nested *to_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_nested, domain);
}

static void mock_nested_free(struct iommu_domain *domain)
{
	kfree(to_nested(domain));
}

static int invalidate(struct mock_nested *nested, const struct mock_invalidate *request)
{
	if (request->flags & ~MOCK_INVALIDATE_ALL)
		return -EOPNOTSUPP;
	if (request->entry >= MOCK_IOTLB_ENTRIES)
		return -EINVAL;
	if (request->flags & MOCK_INVALIDATE_ALL)
		memset(nested->iotlb, 0, sizeof(nested->iotlb));
	else
		nested->iotlb[request->entry] = 0;
	return 0;
}

/* On return entry_num says how many requests were done, which those before a bad one are */
static int mock_invalidate_user(struct iommu_domain *domain, struct iommu_user_data_array *array)
{
	u32 done, nr = array->entry_num;
	struct mock_invalidate request;
	int rc = 0;

	if (array->type != MOCK_INVALIDATE_DATA) {
		array->entry_num = 0;
		return -EINVAL;
	}
	for (done = 0; done < nr; done++) {
		rc = iommu_copy_struct_from_user_array(&request, array, MOCK_INVALIDATE_DATA, done,
						       entry);
		if (!rc)
			rc = invalidate(to_nested(domain), &request);
		if (rc)
			break;
	}
	array->entry_num = done;
	return rc;
}

static const struct iommu_domain_ops mock_nested_ops = {
	.attach_dev = mock_attach,
	.cache_invalidate_user = mock_invalidate_user,
	.free = mock_nested_free,
};

/*
 * Return: a nested domain, or an ERR_PTR: EINVAL not such a parent or data; EOPNOTSUPP; EFAULT;
 * ENOMEM
 */
struct iommu_domain *mock_nested_alloc(struct iommu_domain *parent,
				       const struct iommu_user_data *data)
{
	struct mock_hwpt_data config;
	struct mock_nested *nested;
	int rc;

	if (parent->ops != &mock_paging_ops)
		return ERR_PTR(-EINVAL);
	if (!data || data->type != MOCK_HWPT_DATA)
		return ERR_PTR(-EOPNOTSUPP);
	rc = iommu_copy_struct_from_user(&config, data, MOCK_HWPT_DATA, iotlb);
	if (rc)
		return ERR_PTR(rc);
	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.type = IOMMU_DOMAIN_NESTED;
	nested->domain.ops = &mock_nested_ops;
	memset32(nested->iotlb, config.iotlb, MOCK_IOTLB_ENTRIES);
	return &nested->domain;
}

/* Whether an entry of an IOTLB has a value. Return: 0; ENOENT; EINVAL it has not. */
int mock_check_iotlb_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct iommu_domain *domain;
	int rc = 0;

	domain = iommufd_test_get_domain(ucmd->ictx, cmd->id, true, &obj);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	if (domain->ops != &mock_nested_ops || cmd->check_iotlb.entry >= MOCK_IOTLB_ENTRIES ||
	    to_nested(domain)->iotlb[cmd->check_iotlb.entry] != cmd->check_iotlb.value)
		rc = -EINVAL;
	iommufd_test_put(ucmd->ictx, obj);
	return rc;
}
