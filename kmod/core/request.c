// SPDX-License-Identifier: GPL-2.0
/*
 * Filling the request that the hooks judge, from what was copied and resolved. Nothing is decided here.
 */
#include <linux/cred.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/user_namespace.h>

#include "iommufd_private.h"

/**
 * iommufd_request_init() - Begin a request of the calling task
 * @req: the request, all of it is cleared
 * @op: what is asked
 * @ictx: the context, or NULL where there is none yet: the opener is then the caller
 */
void iommufd_request_init(struct iommufd_lsm_request *req, enum iommufd_lsm_op op,
			  const struct iommufd_ctx *ictx)
{
	memset(req, 0, sizeof(*req));
	req->op = op;
	req->device.numa_node = NUMA_NO_NODE;
	req->device.group_id = ~0U;
	if (ictx) {
		req->ctx_id = ictx->id;
		req->opener = ictx->opener;
		return;
	}
	req->opener.tgid = task_tgid_nr(current);
	req->opener.uid = from_kuid_munged(&init_user_ns, current_euid());
	get_task_comm(req->opener.comm, current);
}

static int count_device(struct device *dev, void *data)
{
	++*(u32 *)data;
	return 0;
}

/**
 * iommufd_request_device() - Describe the device of a request
 * @req: the request
 * @dev: the device; its driver is the caller, so that it stays bound
 *
 * Context: may sleep, takes the IOMMU core's group lock.
 */
void iommufd_request_device(struct iommufd_lsm_request *req, struct device *dev)
{
	struct iommufd_lsm_device *out = &req->device;
	struct iommu_group *group;
	struct pci_dev *pdev;

	if (dev->bus)
		strscpy(out->bus, dev->bus->name);
	strscpy(out->address, dev_name(dev));
	if (dev->driver)
		strscpy(out->driver, dev->driver->name);
	out->numa_node = dev_to_node(dev);
	if (dev_is_pci(dev)) {
		pdev = to_pci_dev(dev);
		out->vendor = pdev->vendor;
		out->device = pdev->device;
		out->subsystem_vendor = pdev->subsystem_vendor;
		out->subsystem_device = pdev->subsystem_device;
		out->class_code = pdev->class;
		out->revision = pdev->revision;
	}
	group = iommu_group_get(dev);
	if (group) {
		out->group_id = iommu_group_id(group);
		iommu_group_for_each_dev(group, &out->group_size, count_device);
		iommu_group_put(group);
	}
}

/**
 * iommufd_request_ioas() - Describe one side of a request
 * @side: which side
 * @ioas: the IOAS; its name cannot change: its mutex is held, or it has HWPTs
 * @hwpt: the HWPT that was named, or NULL for the IOAS as such
 */
void iommufd_request_ioas(struct iommufd_lsm_ioas *side, const struct iommufd_ioas *ioas,
			  const struct iommufd_hw_pagetable *hwpt)
{
	side->id = ioas->obj.id;
	side->kind = hwpt && !hwpt->auto_domain ? IOMMUFD_LSM_KIND_HWPT : IOMMUFD_LSM_KIND_IOAS;
	side->ndevices = atomic_read(&ioas->ndevices);
	memcpy(side->name, ioas->name, sizeof(side->name));
}
