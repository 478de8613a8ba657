// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of /dev/iommu, one function each. What a scenario wants to get wrong on purpose it builds
 * itself and sends through iommu_call().
 */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vm.h"

int iommu_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommu_call(int fd, unsigned long request, void *arg)
{
	int rc = ioctl(fd, request, arg);

	return rc < 0 ? -errno : rc;
}

int ioas_alloc(int iommufd, uint32_t *id)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = iommu_call(iommufd, IOMMU_IOAS_ALLOC, &cmd);

	*id = cmd.out_ioas_id;
	return rc;
}

int ioas_name(int iommufd, uint32_t id, const char *name)
{
	struct iommufd_ioas_set_name cmd = { .size = sizeof(cmd), .ioas_id = id };

	/* longer ones are for callers of iommu_call() */
	strncpy(cmd.name, name, sizeof(cmd.name) - 1);
	return iommu_call(iommufd, IOMMUFD_IOAS_SET_NAME, &cmd);
}

int ioas_map_flags(int iommufd, uint32_t id, void *va, uint64_t length, uint64_t *iova,
		   uint32_t flags)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = id,
		.user_va = (uintptr_t)va,
		.length = length,
		.iova = *iova,
	};
	int rc = iommu_call(iommufd, IOMMU_IOAS_MAP, &cmd);

	*iova = cmd.iova;
	return rc;
}

int ioas_map(int iommufd, uint32_t id, void *va, uint64_t length, uint64_t iova)
{
	return ioas_map_flags(iommufd, id, va, length, &iova,
			      IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
				      IOMMU_IOAS_MAP_WRITEABLE);
}

int ioas_unmap(int iommufd, uint32_t id, uint64_t iova, uint64_t length, uint64_t *unmapped)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = id,
		.iova = iova,
		.length = length,
	};
	int rc = iommu_call(iommufd, IOMMU_IOAS_UNMAP, &cmd);

	if (unmapped)
		*unmapped = cmd.length;
	return rc;
}

int ioas_copy(int iommufd, uint32_t dst, uint64_t dst_iova, uint32_t src, uint64_t src_iova,
	      uint64_t length)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = length,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
	};

	return iommu_call(iommufd, IOMMU_IOAS_COPY, &cmd);
}

int hwpt_alloc(int iommufd, uint32_t dev_id, uint32_t ioas_id, uint32_t *hwpt_id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.pt_id = ioas_id,
	};
	int rc = iommu_call(iommufd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt_id = cmd.out_hwpt_id;
	return rc;
}

int object_destroy(int iommufd, uint32_t id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return iommu_call(iommufd, IOMMU_DESTROY, &cmd);
}
