/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scenarios with the software IOMMU of kmod/mock: devices of it, and what a device would do.
 * Functions return 0 or a negative errno.
 */
#ifndef VM_MOCK_H
#define VM_MOCK_H

#include <fcntl.h>
#include <string.h>

#include "vm.h"
#include "../../../kmod/mock/mock_abi.h"

#define MOCK_PAGE 2048UL
#define MOCK_HUGE (1UL << 20)
#define MOCK_IOVA (1UL << 24) /* the lowest address it translates */

/* A device that is bound to a context and attached, until object_id is destroyed */
struct mock_dev {
	uint32_t object_id;
	uint32_t dev_id;
	uint32_t hwpt_id;
};

static inline int mock_call(int iommufd, uint32_t op, uint32_t id, struct mock_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return iommu_call(iommufd, _IO(';', 0x80 + 32), cmd);
}

static inline int mock_device(int iommufd, uint32_t pt_id, uint32_t flags, struct mock_dev *dev)
{
	struct mock_cmd cmd = { .mock_domain.flags = flags };
	int rc = mock_call(iommufd, MOCK_OP_MOCK_DOMAIN_FLAGS, pt_id, &cmd);

	dev->object_id = cmd.mock_domain.out_object_id;
	dev->dev_id = cmd.mock_domain.out_device_id;
	dev->hwpt_id = cmd.mock_domain.out_hwpt_id;
	return rc;
}

static inline int mock_move(int iommufd, struct mock_dev *dev, uint32_t pt_id)
{
	struct mock_cmd cmd = { .replace.pt_id = pt_id };

	return mock_call(iommufd, MOCK_OP_MOCK_DOMAIN_REPLACE, dev->object_id, &cmd);
}

/* As if a device had written to the pages whose bits are set */
static inline int mock_write(int iommufd, uint32_t hwpt_id, uint64_t iova, uint64_t length,
			     uint64_t page_size, const void *bits)
{
	struct mock_cmd cmd = {
		.dirty = { .iova = iova, .length = length, .page_size = page_size,
			   .uptr = (uintptr_t)bits },
	};

	return mock_call(iommufd, MOCK_OP_DIRTY, hwpt_id, &cmd);
}

/* As if it had asked for a page */
static inline int mock_fault(int iommufd, struct mock_dev *dev, uint32_t grpid, uint64_t addr)
{
	struct mock_cmd cmd = {
		.trigger_iopf = { .device_id = dev->dev_id, .pasid = 0, .grpid = grpid,
				  .perm = IOMMU_PGFAULT_PERM_READ, .addr = addr },
	};

	return mock_call(iommufd, MOCK_OP_TRIGGER_IOPF, 0, &cmd);
}

/* HWPT_ALLOC with everything it takes */
static inline int hwpt_alloc_full(int iommufd, uint32_t dev_id, uint32_t pt_id, uint32_t flags,
				  uint32_t data_type, const void *data, uint32_t data_len,
				  uint32_t fault_id, uint32_t *id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
		.data_type = data_type,
		.data_len = data_len,
		.data_uptr = (uintptr_t)data,
		.fault_id = fault_id,
	};
	int rc = iommu_call(iommufd, IOMMU_HWPT_ALLOC, &cmd);

	*id = cmd.out_hwpt_id;
	return rc;
}

#endif
