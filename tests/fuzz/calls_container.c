// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO's container calls, which /dev/iommu answers for the IOAS that VFIO_IOAS has set.
 */
#include <sys/ioctl.h>

#include "fuzz.h"

static int value_call(struct call *c, unsigned long request, unsigned long value)
{
	int fd = ctx_fd(c, some_ctx(c));

	say(c, " fd %d value %#lx", fd, value);
	return told(c, ioctl(fd, request, value));
}

static int api_version(struct call *c)
{
	return value_call(c, VFIO_GET_API_VERSION, chance(c, 90) ? 0 : draw64(c));
}

static int check_extension(struct call *c)
{
	return value_call(c, VFIO_CHECK_EXTENSION, chance(c, 90) ? draw(c, 14) : boundary(c));
}

static int set_iommu(struct call *c)
{
	return value_call(c, VFIO_SET_IOMMU, chance(c, 80) ? VFIO_TYPE1v2_IOMMU :
			  chance(c, 60) ? VFIO_TYPE1_IOMMU : boundary(c));
}

static int get_info(struct call *c)
{
	char room[ARG_ROOM - 64] = {};
	struct vfio_iommu_type1_info *info = (void *)room;

	info->argsz = chance(c, 50) ? sizeof(*info) : sizeof(room);
	return struct_call(c, ctx_fd(c, some_ctx(c)), VFIO_IOMMU_GET_INFO, room, sizeof(room));
}

static int map_dma(struct call *c)
{
	size_t length;
	void *va = some_memory(c, &length);
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = 1 + draw(c, 3),
		.vaddr = (uintptr_t)va,
		.iova = some_iova(c),
		.size = length,
	};

	return struct_call(c, ctx_fd(c, some_ctx(c)), VFIO_IOMMU_MAP_DMA, &cmd, sizeof(cmd));
}

static int unmap_dma(struct call *c)
{
	bool all = chance(c, 10);
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.flags = all ? VFIO_DMA_UNMAP_FLAG_ALL : 0,
		.iova = all ? 0 : some_iova(c),
		.size = all ? 0 : some_length(c),
	};

	return struct_call(c, ctx_fd(c, some_ctx(c)), VFIO_IOMMU_UNMAP_DMA, &cmd, sizeof(cmd));
}

static int not_ours(struct call *c)
{
	char zeroes[64] = { 64 };
	static const unsigned long requests[] = { VFIO_IOMMU_DIRTY_PAGES, VFIO_IOMMU_ENABLE,
						  VFIO_IOMMU_DISABLE, VFIO_GROUP_GET_STATUS,
						  VFIO_GROUP_SET_CONTAINER };

	return struct_call(c, ctx_fd(c, some_ctx(c)), requests[draw(c, 5)], zeroes, sizeof(zeroes));
}

const struct fuzz_call container_calls[] = {
	{ "VFIO_GET_API_VERSION", 3, api_version, false, false },
	{ "VFIO_CHECK_EXTENSION", 6, check_extension, false, false },
	{ "VFIO_SET_IOMMU", 4, set_iommu, false, false },
	{ "VFIO_IOMMU_GET_INFO", 10, get_info, false, false },
	{ "VFIO_IOMMU_MAP_DMA", 30, map_dma, false, false },
	{ "VFIO_IOMMU_UNMAP_DMA", 30, unmap_dma, false, false },
	{ "VFIO calls /dev/iommu lacks", 3, not_ours, false, true },
	{ NULL, 0, NULL, false, false },
};
