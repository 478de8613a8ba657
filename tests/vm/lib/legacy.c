// SPDX-License-Identifier: GPL-2.0
/*
 * Stock VFIO, container and group, as a user of it has a device: for scenarios that try that door, or that
 * show what it lets a holder do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

int legacy_open(struct legacy *l, const char *address)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(address));
	l->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	l->group = open(path, O_RDWR | O_CLOEXEC);
	if (l->container < 0 || l->group < 0 ||
	    ioctl(l->group, VFIO_GROUP_SET_CONTAINER, &l->container) ||
	    ioctl(l->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU))
		return -errno;
	return 0;
}

int legacy_device(struct legacy *l, const char *name)
{
	int fd = ioctl(l->group, VFIO_GROUP_GET_DEVICE_FD, name);

	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC); /* as the other wrappers' */
	return fd;
}

int legacy_map(struct legacy *l, void *va, uint64_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	return iommu_call(l->container, VFIO_IOMMU_MAP_DMA, &map);
}

void legacy_close(struct legacy *l)
{
	if (l->group >= 0)
		close(l->group);
	if (l->container >= 0)
		close(l->container);
}
