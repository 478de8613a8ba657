// SPDX-License-Identifier: GPL-2.0
/*
 * S2: an open device fd is a dummy until its group belongs to a context and it is attached; being
 * bound is not enough. A refused bind or attach leaves it that, usable for another try. (S4 for the
 * claim.)
 *
 * vm: about=nothing works before attach, everything after
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define OFFSET(region) ((uint64_t)(region) << 40)

static int get_info(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return iommu_call(fd, VFIO_DEVICE_GET_INFO, &info);
}

static int region_info(int fd)
{
	struct vfio_region_info info;

	return device_region(fd, VFIO_PCI_BAR0_REGION_INDEX, &info);
}

static int irq_info(int fd)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSI_IRQ_INDEX };

	return iommu_call(fd, VFIO_DEVICE_GET_IRQ_INFO, &info);
}

static int set_irqs(int fd)
{
	int efd = device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX);

	if (efd < 0)
		return efd;
	close(efd);
	return 0;
}

static int reset(int fd)
{
	return iommu_call(fd, VFIO_DEVICE_RESET, NULL);
}

static int hot_reset_info(int fd)
{
	char buf[256] = {};
	struct vfio_pci_hot_reset_info *info = (struct vfio_pci_hot_reset_info *)buf;

	info->argsz = sizeof(buf);
	return iommu_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
}

static int ioeventfd(int fd)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = OFFSET(VFIO_PCI_BAR0_REGION_INDEX) + 4,
		.fd = eventfd(0, EFD_CLOEXEC),
	};
	int rc = iommu_call(fd, VFIO_DEVICE_IOEVENTFD, &arg);

	close(arg.fd);
	return rc;
}

static int feature(int fd)
{
	struct vfio_device_feature arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
	};

	return iommu_call(fd, VFIO_DEVICE_FEATURE, &arg);
}

static int read_at(int fd, uint64_t offset)
{
	uint32_t value;

	return pread(fd, &value, 4, offset) == 4 ? 0 : -errno;
}

static int read_config(int fd)
{
	return read_at(fd, OFFSET(VFIO_PCI_CONFIG_REGION_INDEX));
}

static int read_bar(int fd)
{
	return read_at(fd, OFFSET(VFIO_PCI_BAR0_REGION_INDEX));
}

static int write_config(int fd)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	return pwrite(fd, &command, 2, OFFSET(VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND) == 2 ?
		0 : -errno;
}

static int write_bar(int fd)
{
	uint32_t value = 0;

	return pwrite(fd, &value, 4, OFFSET(VFIO_PCI_BAR0_REGION_INDEX) + 4) == 4 ? 0 : -errno;
}

static int map_bar(int fd)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			OFFSET(VFIO_PCI_BAR0_REGION_INDEX));

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, 4096);
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(int fd);
} calls[] = {
	{ "GET_INFO", get_info }, { "GET_REGION_INFO", region_info }, { "GET_IRQ_INFO", irq_info },
	{ "SET_IRQS", set_irqs }, { "RESET", reset }, { "GET_PCI_HOT_RESET_INFO", hot_reset_info },
	{ "PCI_HOT_RESET", device_hot_reset }, { "IOEVENTFD", ioeventfd }, { "FEATURE", feature },
	{ "config read", read_config }, { "config write", write_config }, { "BAR read", read_bar },
	{ "BAR write", write_bar }, { "mmap", map_bar },
};

static void expect_all(int fd, int want, const char *when)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		CHECK_RC(calls[i].fn(fd), want, "S2 %s: %s", when, calls[i].name);
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER) || !want, "S2 %s: bus mastering is off", when);
}

int main(void)
{
	uint32_t ioas, other_ioas, id, ignored;
	int iommufd, other, fd, command;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	command = pci_command(VM_EDU);
	REQUIRE(command >= 0, "the command register can be read");
	REQUIRE_RC(pci_command_set(VM_EDU, command | PCI_COMMAND_MASTER), 0,
		   "whoever had the device before left bus mastering on");
	CHECK(pci_command(VM_EDU) & PCI_COMMAND_MASTER, "S2 control: it is on");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S2 our driver turns bus mastering off");

	iommufd = iommu_open();
	other = iommu_open();
	REQUIRE(iommufd >= 0 && other >= 0, "two contexts");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	/* ids count per context: let the other's be one that is none here */
	for (int i = 0; i < 8; i++)
		REQUIRE_RC(ioas_alloc(other, &other_ioas), 0, "an IOAS of the other context");

	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	expect_all(fd, -EINVAL, "opened");
	CHECK_RC(device_attach(fd, ioas, NULL), -EINVAL, "S2 opened: ATTACH");
	CHECK_RC(device_detach(fd), -EINVAL, "S2 opened: DETACH");
	CHECK_RC(iommu_call(fd, _IO(';', 0x7f), NULL), -EINVAL, "S2 opened: an unknown ioctl");
	CHECK_EQ(poll_events(fd, 0), 0, "S2 opened: nothing to poll for");

	CHECK_RC(device_bind(fd, 77, &id), -EBADF, "S4 a bind to no fd is refused");
	CHECK(device_bind(fd, fd, &id) < 0, "S4 a bind to something else is refused");
	expect_all(fd, -EINVAL, "after a refused bind");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "S4 and another try binds");
	CHECK(id != 0, "S13 the bind gives the device an id");

	expect_all(fd, -EINVAL, "bound");
	CHECK_RC(device_detach(fd), -EINVAL, "S2 bound: DETACH");
	CHECK_RC(device_attach(fd, other_ioas, NULL), -ENOENT,
		 "S7 an IOAS of another context is none here");
	CHECK_RC(device_attach(fd, id, NULL), -EINVAL, "S2 the device's own id is nothing to attach to");
	expect_all(fd, -EINVAL, "after a refused attach");

	REQUIRE_RC(device_attach(fd, ioas, &ignored), 0, "it attaches");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S2 attached: bus mastering waits for its holder");
	expect_all(fd, 0, "attached");
	CHECK_RC(iommu_call(fd, _IO(';', 0x7f), NULL), -ENOTTY, "S2 attached: an unknown ioctl");

	REQUIRE_RC(device_detach(fd), 0, "it detaches");
	expect_all(fd, -EINVAL, "detached");
	CHECK_RC(device_detach(fd), -EINVAL, "S2 detached: DETACH");
	close(fd);

	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "it opens again");
	expect_all(fd, -EINVAL, "opened again");
	return checks_done();
}
