// SPDX-License-Identifier: GPL-2.0
/*
 * Software devices, and the IOMMU in software that they sit behind. They are platform devices,
 * because a module cannot bring a bus of its own to the IOMMU core; the fwnode of the IOMMU, which
 * no firmware describes, says which devices are its own.
 */
#include <linux/irqdomain.h>
#include <linux/msi.h>
#include <linux/platform_device.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "iommufd_driver.h"
#include "mock.h"

#define MOCK_DEVICE_FLAGS (MOCK_DEVICE_NO_DIRTY | MOCK_DEVICE_HUGE_IOVA | MOCK_DEVICE_PASID)

static struct platform_device *iommu_pdev;
static struct fwnode_handle *iommu_fwnode;
static struct irq_domain *irq_domain;
static struct iopf_queue *iopf_queue;

static struct iommu_device mock_iommu = {
	.max_pasids = 1U << MOCK_PASID_BITS,
};

struct mock_device *to_mock_device(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static struct iommu_device *mock_probe_device(struct device *dev)
{
	/* asked for those with our fwnode only */
	return &mock_iommu;
}

static bool mock_capable(struct device *dev, enum iommu_cap cap)
{
	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
		return true;
	case IOMMU_CAP_DIRTY_TRACKING:
		return !(to_mock_device(dev)->flags & MOCK_DEVICE_NO_DIRTY);
	default:
		return false;
	}
}

static void *mock_hw_info(struct device *dev, u32 *length, u32 *type)
{
	struct mock_hw_info *info = kzalloc(sizeof(*info), GFP_KERNEL);

	if (!info)
		return ERR_PTR(-ENOMEM);
	info->value = MOCK_HW_INFO_VALUE;
	*length = sizeof(*info);
	*type = MOCK_HW_INFO_TYPE;
	return info;
}

static struct iommu_domain *mock_domain_alloc_user(struct device *dev, u32 flags,
						   struct iommu_domain *parent,
						   const struct iommu_user_data *data)
{
	struct mock_device *mdev = to_mock_device(dev);
	bool dirty = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;

	if (parent)
		return flags ? ERR_PTR(-EOPNOTSUPP) : mock_nested_alloc(parent, data);
	if (data || flags & ~(IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING) ||
	    (dirty && mdev->flags & MOCK_DEVICE_NO_DIRTY))
		return ERR_PTR(-EOPNOTSUPP);
	return mock_paging_alloc(mdev->flags, dirty);
}

static struct iommu_domain *mock_domain_alloc_paging(struct device *dev)
{
	return mock_paging_alloc(to_mock_device(dev)->flags, false);
}

static int mock_dev_enable_feat(struct device *dev, enum iommu_dev_features feature)
{
	return feature == IOMMU_DEV_FEAT_IOPF ? iopf_queue_add_device(iopf_queue, dev) : -ENODEV;
}

static int mock_dev_disable_feat(struct device *dev, enum iommu_dev_features feature)
{
	if (feature != IOMMU_DEV_FEAT_IOPF)
		return -ENODEV;
	iopf_queue_remove_device(iopf_queue, dev);
	return 0;
}

/* No hardware waits for the answer */
static void mock_page_response(struct device *dev, struct iopf_fault *fault,
			       struct iommu_page_response *response)
{
}

static const struct iommu_domain_ops mock_blocking_ops = {
	.attach_dev = mock_attach,
};

static struct iommu_domain mock_blocking_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &mock_blocking_ops,
};

static const struct iommu_ops mock_iommu_ops = {
	.owner = THIS_MODULE,
	.capable = mock_capable,
	.hw_info = mock_hw_info,
	.domain_alloc_user = mock_domain_alloc_user,
	.domain_alloc_paging = mock_domain_alloc_paging,
	.probe_device = mock_probe_device,
	.device_group = generic_device_group,
	.dev_enable_feat = mock_dev_enable_feat,
	.dev_disable_feat = mock_dev_disable_feat,
	.page_response = mock_page_response,
	.user_pasid_table = true,
	.pgsize_bitmap = MOCK_PAGE_SIZE,
	.default_domain = &mock_blocking_domain,
	.blocked_domain = &mock_blocking_domain,
	.default_domain_ops = &mock_paging_ops,
};

/*
 * Say that a device sits behind our IOMMU, where firmware's tables say it of others.
 * iommu_fwspec_init() does the same under a lock that is not for modules; nobody else knows the
 * device yet. The IOMMU core frees both when it lets the device go.
 */
static int name_iommu(struct device *dev)
{
	struct dev_iommu *iommu = kzalloc(sizeof(*iommu), GFP_KERNEL);
	struct iommu_fwspec *fwspec = kzalloc(struct_size(fwspec, ids, 1), GFP_KERNEL);

	if (!iommu || !fwspec) {
		kfree(fwspec);
		kfree(iommu);
		return -ENOMEM;
	}
	mutex_init(&iommu->lock);
	fwspec->iommu_fwnode = fwnode_handle_get(iommu_fwnode);
	iommu->fwspec = fwspec;
	dev->iommu = iommu;
	return 0;
}

/* Undo name_iommu() for a device that the IOMMU core has not taken */
static void forget_iommu(struct device *dev)
{
	struct dev_iommu *iommu = dev->iommu;

	if (!iommu)
		return;
	iommu_fwspec_free(dev);
	dev->iommu = NULL;
	kfree(iommu);
}

/*
 * Return: a new device behind the IOMMU, without driver, or an ERR_PTR: EINVAL no such flags;
 * ENOMEM
 */
struct mock_device *mock_device_create(u32 flags)
{
	static const struct property_entry pasid[] = {
		PROPERTY_ENTRY_U32("pasid-num-bits", MOCK_PASID_BITS),
		{ }
	};
	struct mock_device *mdev;
	int rc;

	if (flags & ~MOCK_DEVICE_FLAGS)
		return ERR_PTR(-EINVAL);
	mdev = kzalloc(sizeof(*mdev), GFP_KERNEL);
	if (!mdev)
		return ERR_PTR(-ENOMEM);
	mdev->flags = flags;
	init_rwsem(&mdev->translation);
	rc = -ENOMEM;
	mdev->pdev = platform_device_alloc("iommufd_mock", PLATFORM_DEVID_AUTO);
	if (!mdev->pdev)
		goto err_free;
	platform_set_drvdata(mdev->pdev, mdev);
	/* it has no interrupts, so no other device can raise one of its own */
	dev_set_msi_domain(&mdev->pdev->dev, irq_domain);
	if (flags & MOCK_DEVICE_PASID) {
		rc = device_create_managed_software_node(&mdev->pdev->dev, pasid, NULL);
		if (rc)
			goto err_put;
	}
	rc = name_iommu(&mdev->pdev->dev);
	if (rc)
		goto err_put;
	rc = platform_device_add(mdev->pdev);
	if (rc)
		goto err_put;
	return mdev;

err_put:
	forget_iommu(&mdev->pdev->dev);
	platform_device_put(mdev->pdev);
err_free:
	kfree(mdev);
	return ERR_PTR(rc);
}

void mock_device_destroy(struct mock_device *mdev)
{
	/* where the IOMMU core had no memory to take the device, it is not gone from here */
	platform_device_unregister(mdev->pdev);
	kfree(mdev);
}

/* What a MOCK_DOMAIN call makes: a device that is bound and attached until the object ends */
struct mock_attachment {
	struct iommufd_test_object tobj;
	struct mock_device *mdev;
	struct iommufd_device *idev;
};

static void mock_attachment_end(struct mock_attachment *mine)
{
	down_write(&mine->mdev->translation);
	iommufd_device_detach(mine->idev);
	up_write(&mine->mdev->translation);
	iommufd_device_unbind(mine->idev);
	mock_device_destroy(mine->mdev);
}

static void mock_attachment_destroy(struct iommufd_test_object *tobj)
{
	mock_attachment_end(container_of(tobj, struct mock_attachment, tobj));
}

static int mock_attach_or_move(struct mock_attachment *mine, u32 *pt_id)
{
	int rc;

	down_write(&mine->mdev->translation);
	rc = iommufd_device_attach_or_move(mine->idev, pt_id);
	up_write(&mine->mdev->translation);
	return rc;
}

/* Make a device, bind it to the context and attach it to an IOAS or HWPT. Return: 0 or an errno. */
int mock_domain_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	u32 flags = cmd->op == MOCK_OP_MOCK_DOMAIN_FLAGS ? cmd->mock_domain.flags : 0;
	u32 pt_id = cmd->id;
	struct mock_attachment *mine;
	u32 device_id;
	int rc;

	mine = iommufd_test_object_alloc(ucmd->ictx, struct mock_attachment,
					 mock_attachment_destroy);
	if (IS_ERR(mine))
		return PTR_ERR(mine);
	mine->mdev = mock_device_create(flags);
	if (IS_ERR(mine->mdev)) {
		rc = PTR_ERR(mine->mdev);
		goto err_abort;
	}
	mine->idev = iommufd_test_device_bind(ucmd->ictx, &mine->mdev->pdev->dev, &device_id);
	if (IS_ERR(mine->idev)) {
		rc = PTR_ERR(mine->idev);
		goto err_destroy;
	}
	rc = mock_attach_or_move(mine, &pt_id);
	if (rc)
		goto err_unbind;
	cmd->mock_domain.out_object_id = mine->tobj.obj.id;
	cmd->mock_domain.out_device_id = device_id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		mock_attachment_end(mine);
		goto err_abort;
	}
	iommufd_test_object_finalize(ucmd->ictx, &mine->tobj);
	return 0;

err_unbind:
	iommufd_device_unbind(mine->idev);
err_destroy:
	mock_device_destroy(mine->mdev);
err_abort:
	iommufd_test_object_abort(ucmd->ictx, &mine->tobj);
	return rc;
}

/* Move such a device elsewhere. Return: 0; ENOENT; what iommufd_device_attach_or_move() says. */
int mock_domain_replace_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	u32 pt_id = cmd->replace.pt_id;
	struct iommufd_test_object *tobj;
	int rc;

	tobj = iommufd_test_object_get(ucmd->ictx, cmd->id, mock_attachment_destroy);
	if (IS_ERR(tobj))
		return PTR_ERR(tobj);
	rc = mock_attach_or_move(container_of(tobj, struct mock_attachment, tobj), &pt_id);
	if (!rc) {
		cmd->replace.pt_id = pt_id;
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	}
	iommufd_test_put(ucmd->ictx, &tobj->obj);
	return rc;
}

/*
 * Report a page fault of a device. Return: 0, whoever takes it; ENOENT; EINVAL not such a device.
 */
int mock_trigger_iopf_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	struct iopf_fault event = {
		.fault.type = IOMMU_FAULT_PAGE_REQ,
		.fault.prm = {
			.flags = IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
			.addr = cmd->trigger_iopf.addr,
			.pasid = cmd->trigger_iopf.pasid,
			.grpid = cmd->trigger_iopf.grpid,
			.perm = cmd->trigger_iopf.perm,
		},
	};
	struct iommufd_object *obj;
	struct mock_device *mdev;
	struct device *dev;

	if (cmd->trigger_iopf.pasid != IOMMU_NO_PASID)
		event.fault.prm.flags |= IOMMU_FAULT_PAGE_REQUEST_PASID_VALID;
	dev = iommufd_test_get_device(ucmd->ictx, cmd->trigger_iopf.device_id, &obj);
	if (IS_ERR(dev))
		return PTR_ERR(dev);
	if (!dev->iommu || dev->iommu->iommu_dev != &mock_iommu) {
		iommufd_test_put(ucmd->ictx, obj);
		return -EINVAL;
	}
	mdev = to_mock_device(dev);
	down_read(&mdev->translation);
	iommu_report_device_fault(dev, &event);
	up_read(&mdev->translation);
	iommufd_test_put(ucmd->ictx, obj);
	return 0;
}

static const struct irq_domain_ops irq_ops = { };

static int mock_irq_init(void)
{
	struct irq_domain_info info = {
		.domain_flags = IRQ_DOMAIN_FLAG_ISOLATED_MSI,
		.ops = &irq_ops,
	};

	info.fwnode = irq_domain_alloc_named_fwnode("iommufd_mock");
	if (!info.fwnode)
		return -ENOMEM;
	irq_domain = irq_domain_instantiate(&info);
	if (!IS_ERR(irq_domain))
		return 0;
	irq_domain_free_fwnode(info.fwnode);
	return PTR_ERR(irq_domain);
}

static void mock_irq_exit(void)
{
	struct fwnode_handle *fwnode = irq_domain->fwnode;

	irq_domain_remove(irq_domain);
	irq_domain_free_fwnode(fwnode);
}

int mock_iommu_init(void)
{
	struct platform_device_info info = { .name = "iommufd_mock_iommu" };
	int rc;

	rc = mock_irq_init();
	if (rc)
		return rc;
	rc = -ENOMEM;
	iopf_queue = iopf_queue_alloc("iommufd_mock");
	if (!iopf_queue)
		goto err_irq;
	iommu_fwnode = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(iommu_fwnode)) {
		rc = PTR_ERR(iommu_fwnode);
		goto err_queue;
	}
	info.fwnode = iommu_fwnode;
	iommu_pdev = platform_device_register_full(&info);
	if (IS_ERR(iommu_pdev)) {
		rc = PTR_ERR(iommu_pdev);
		goto err_fwnode;
	}
	rc = iommu_device_sysfs_add(&mock_iommu, &iommu_pdev->dev, NULL, "iommufd_mock");
	if (rc)
		goto err_pdev;
	rc = iommu_device_register(&mock_iommu, &mock_iommu_ops, &iommu_pdev->dev);
	if (rc)
		goto err_sysfs;
	return 0;

err_sysfs:
	iommu_device_sysfs_remove(&mock_iommu);
err_pdev:
	platform_device_unregister(iommu_pdev);
err_fwnode:
	fwnode_remove_software_node(iommu_fwnode);
err_queue:
	iopf_queue_free(iopf_queue);
err_irq:
	mock_irq_exit();
	return rc;
}

/* No device is left: each holds the module */
void mock_iommu_exit(void)
{
	iommu_device_unregister(&mock_iommu);
	iommu_device_sysfs_remove(&mock_iommu);
	platform_device_unregister(iommu_pdev);
	fwnode_remove_software_node(iommu_fwnode);
	iopf_queue_free(iopf_queue);
	mock_irq_exit();
}
