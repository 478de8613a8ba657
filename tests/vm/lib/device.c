// SPDX-License-Identifier: GPL-2.0
/*
 * PCI devices: giving them to a driver through sysfs, and the calls of a device fd.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

static const char *link_name(const char *path, char *buf, size_t size)
{
	ssize_t n = readlink(path, buf, size - 1);

	if (n < 0)
		return "";
	buf[n] = 0;
	return strrchr(buf, '/') ? strrchr(buf, '/') + 1 : buf;
}

const char *pci_driver(const char *address)
{
	static char buf[256];
	char path[128];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", address);
	return link_name(path, buf, sizeof(buf));
}

int pci_group(const char *address)
{
	char path[128], buf[256];
	const char *name;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/iommu_group", address);
	name = link_name(path, buf, sizeof(buf));
	return *name ? atoi(name) : -ENODEV;
}

int pci_bind(const char *address, const char *driver)
{
	char path[160], text[64];
	int rc;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", address);
	snprintf(text, sizeof(text), "%s\n", driver); /* a lone newline clears it */
	rc = write_file(path, text);
	if (rc)
		return rc;
	if (!strcmp(pci_driver(address), driver))
		return 0;
	if (*pci_driver(address)) {
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", address);
		rc = write_file(path, address);
		if (rc)
			return rc;
	}
	if (!*driver)
		return 0;
	rc = write_file("/sys/bus/pci/drivers_probe", address);
	if (rc)
		return rc;
	return strcmp(pci_driver(address), driver) ? -ENODEV : 0;
}

int pci_node(const char *address, char *path, size_t size)
{
	struct dirent *entry;
	char sys[128];
	int rc = -ENODEV;
	DIR *dir;

	snprintf(sys, sizeof(sys), PCI_DEVICES "/%s/vfio-dev", address);
	dir = opendir(sys);
	if (!dir)
		return -ENODEV;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, size, "/dev/vfio/devices/%.20s", entry->d_name);
		rc = 0;
	}
	closedir(dir);
	return rc;
}

int device_open(const char *address)
{
	char path[64];
	int rc = pci_node(address, path, sizeof(path));

	if (rc)
		return rc;
	rc = open(path, O_RDWR | O_CLOEXEC);
	return rc < 0 ? -errno : rc;
}

int device_bind(int fd, int iommufd, uint32_t *dev_id)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	int rc = iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);

	*dev_id = bind.out_devid;
	return rc;
}

int device_attach(int fd, uint32_t pt_id, uint32_t *hwpt_id)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = pt_id };
	int rc = iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	if (hwpt_id)
		*hwpt_id = attach.pt_id;
	return rc;
}

int device_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

int device_claim_info(int fd, struct iommufd_device_claim_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, info);
}

int device_region(int fd, uint32_t index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return iommu_call(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

void *device_map_bar(int fd, uint32_t index, size_t *size)
{
	struct vfio_region_info info;
	int rc = device_region(fd, index, &info);

	if (rc) {
		errno = -rc;
		return MAP_FAILED;
	}
	if (size)
		*size = info.size;
	return mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.offset);
}

static int config_offset(int fd, unsigned int offset, off_t *at)
{
	struct vfio_region_info info;
	int rc = device_region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &info);

	*at = info.offset + offset;
	return rc;
}

int device_config_read(int fd, unsigned int offset, void *buf, size_t length)
{
	off_t at;
	int rc = config_offset(fd, offset, &at);
	ssize_t n;

	if (rc)
		return rc;
	n = pread(fd, buf, length, at);
	return n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
}

int device_config_write(int fd, unsigned int offset, const void *buf, size_t length)
{
	off_t at;
	int rc = config_offset(fd, offset, &at);
	ssize_t n;

	if (rc)
		return rc;
	n = pwrite(fd, buf, length, at);
	return n < 0 ? -errno : (size_t)n == length ? 0 : -EIO;
}

int device_enable(int fd, bool memory, bool master)
{
	uint16_t command;
	int rc = device_config_read(fd, PCI_COMMAND, &command, sizeof(command));

	if (rc)
		return rc;
	command &= ~(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	command |= (memory ? PCI_COMMAND_MEMORY : 0) | (master ? PCI_COMMAND_MASTER : 0);
	return device_config_write(fd, PCI_COMMAND, &command, sizeof(command));
}
