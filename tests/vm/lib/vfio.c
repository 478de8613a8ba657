// SPDX-License-Identifier: GPL-2.0
/*
 * What is seen of a device from beside its fd, and its interrupts.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

static int config_file(const char *address, int flags)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_command(const char *address)
{
	int fd = config_file(address, O_RDONLY), rc;
	uint16_t command;

	if (fd < 0)
		return fd;
	rc = pread(fd, &command, 2, PCI_COMMAND) == 2 ? command : -EIO;
	close(fd);
	return rc;
}

int pci_command_set(const char *address, uint16_t command)
{
	int fd = config_file(address, O_WRONLY), rc;

	if (fd < 0)
		return fd;
	rc = pwrite(fd, &command, 2, PCI_COMMAND) == 2 ? 0 : -EIO;
	close(fd);
	return rc;
}

int device_irq_action(int fd, uint32_t index, uint32_t flags, int eventfd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)] = {};
	struct vfio_irq_set *set = (struct vfio_irq_set *)buf;

	set->argsz = (flags & VFIO_IRQ_SET_DATA_EVENTFD) ? sizeof(buf) : sizeof(*set);
	set->flags = flags;
	set->index = index;
	set->count = 1;
	memcpy(set->data, &eventfd, sizeof(int));
	return iommu_call(fd, VFIO_DEVICE_SET_IRQS, set);
}

int device_irq_set(int fd, uint32_t index, int eventfd)
{
	return device_irq_action(fd, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, eventfd);
}

int device_irq(int fd, uint32_t index)
{
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc;

	if (efd < 0)
		return -errno;
	rc = device_irq_set(fd, index, efd);
	if (rc) {
		close(efd);
		return rc;
	}
	return efd;
}

int device_hot_reset(int fd)
{
	struct vfio_pci_hot_reset arg = { .argsz = sizeof(arg) };

	return iommu_call(fd, VFIO_DEVICE_PCI_HOT_RESET, &arg);
}

int device_hot_reset_with(int fd, int other)
{
	char buf[sizeof(struct vfio_pci_hot_reset) + 4] = {};
	struct vfio_pci_hot_reset *arg = (struct vfio_pci_hot_reset *)buf;

	arg->argsz = sizeof(buf);
	arg->count = 1;
	memcpy(arg->group_fds, &other, 4);
	return iommu_call(fd, VFIO_DEVICE_PCI_HOT_RESET, arg);
}

int poll_events(int fd, int milliseconds)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	return poll(&pfd, 1, milliseconds) < 0 ? -errno : pfd.revents;
}

void expect_dead(int fd, int iommufd, uint32_t ioas, const char *when)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region) };
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };
	struct vfio_pci_hot_reset_info reset = { .argsz = sizeof(reset) };
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature), .flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			VFIO_DEVICE_FEATURE_MIGRATION,
	};
	struct vfio_device_ioeventfd ioeventfd = {
		.argsz = sizeof(ioeventfd), .flags = VFIO_DEVICE_IOEVENTFD_32, .offset = 4, .fd = -1,
	};
	const uint64_t config = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	struct iommufd_device_claim_info claim;
	uint32_t value;

	CHECK_EQ(poll_events(fd, 0), POLLHUP | POLLERR, "S11 %s: poll says so", when);
	CHECK_RC(device_bind(fd, iommufd, &value), -EIO, "S11 %s: BIND is EIO", when);
	CHECK_RC(device_attach(fd, ioas, NULL), -EIO, "S11 %s: ATTACH is EIO", when);
	CHECK_RC(device_detach(fd), -EIO, "S11 %s: DETACH is EIO", when);
	CHECK_RC(device_claim_info(fd, &claim), -EIO, "S11 %s: CLAIM_INFO is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_INFO, &info), -EIO, "S11 %s: GET_INFO is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_REGION_INFO, &region), -EIO, "S11 %s: GET_REGION_INFO is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_IRQ_INFO, &irq), -EIO, "S11 %s: GET_IRQ_INFO is EIO", when);
	CHECK_RC(device_irq_set(fd, VFIO_PCI_MSI_IRQ_INDEX, -1), -EIO, "S11 %s: SET_IRQS is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_RESET, NULL), -EIO, "S11 %s: RESET is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &reset), -EIO,
		 "S11 %s: GET_PCI_HOT_RESET_INFO is EIO", when);
	CHECK_RC(device_hot_reset(fd), -EIO, "S11 %s: PCI_HOT_RESET is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_IOEVENTFD, &ioeventfd), -EIO, "S11 %s: IOEVENTFD is EIO", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &feature), -EIO, "S11 %s: FEATURE is EIO", when);
	CHECK(pread(fd, &value, 4, 0) < 0 && errno == EIO, "S11 %s: read of a BAR is EIO", when);
	CHECK(pwrite(fd, &value, 4, 0) < 0 && errno == EIO, "S11 %s: write to one is EIO", when);
	CHECK(pread(fd, &value, 4, config) < 0 && errno == EIO, "S11 %s: read of config space is EIO", when);
	CHECK(pwrite(fd, &value, 2, config + 4) < 0 && errno == EIO, "S11 %s: write to it is EIO", when);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EIO,
	      "S11 %s: mmap is EIO", when);
}
