// SPDX-License-Identifier: GPL-2.0
/*
 * S2, S3, S18 on a machine without an IOMMU. Our driver takes no device there. With VFIO's unsafe mode it takes one,
 * since VFIO makes a group for it, but the device is never operable: no context binds it, and the group's file, which
 * gives out a device of the stock driver, free to write wherever it likes, does not give out ours.
 *
 * Debian's kernel is built without that mode. There nothing is shown of it, and a line says so; on the kernel with
 * checkers it must be there.
 *
 * vm: about=S3 S18 without an IOMMU nothing is operable, not by VFIO's unsafe mode either
 * vm: append=intel_iommu=off
 * vm: qemu=-global edu.dma_mask=0xffffffffff
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define UNSAFE_MODE "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"

/* The group that the unsafe mode made for the one device there is with a driver of VFIO's */
static int door_open(struct legacy *door)
{
	int rc = -ENODEV;
	glob_t found;

	door->container = door->group = -1;
	if (glob("/dev/vfio/noiommu-*", 0, NULL, &found))
		return rc;
	if (found.gl_pathc == 1) {
		door->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		door->group = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
		rc = door->container < 0 || door->group < 0 ||
		     ioctl(door->group, VFIO_GROUP_SET_CONTAINER, &door->container) ||
		     ioctl(door->container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) ? -errno : 0;
	}
	globfree(&found);
	return rc;
}

/* Where a locked page is in the machine's memory; 0 if that cannot be told */
static uint64_t physical(const void *page)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)page / 4096 * sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * 4096;
}

/* The device copies one page of ours to another, and nobody mapped either for it */
static bool copies_unmapped(int fd)
{
	uint8_t *from = memory(4096, 'A'), *to = memory(4096, 'B');
	struct edu edu;

	if (mlock(from, 4096) || mlock(to, 4096) || !physical(from) || !physical(to) || edu_init(&edu, fd))
		return false;
	if (edu_pull(&edu, physical(from), 0, 2048) || edu_push(&edu, physical(to), 0, 2048))
		return false;
	edu_exit(&edu);
	return !memcmp(from, to, 2048) && to[2048] == 'B';
}

/* The stock driver's device by this door */
static void stock_device(const char *when)
{
	struct legacy door;
	int fd;

	REQUIRE_RC(pci_bind(VM_EDU, "vfio-pci"), 0, "%s: the stock driver takes a device without an IOMMU", when);
	REQUIRE_RC(door_open(&door), 0, "%s: there is a group for it, which opens", when);
	fd = legacy_device(&door, VM_EDU);
	REQUIRE(fd >= 0, "%s: which gives the device out (%d)", when, fd);
	CHECK(copies_unmapped(fd), "%s: it reads and writes memory that is not mapped for it", when);
	close(fd);
	legacy_close(&door);
}

static void expect_inert(int fd, const char *when)
{
	uint32_t value;

	CHECK_RC(device_config_read(fd, 0, &value, 4), -EINVAL, "S2 its registers are not read, %s", when);
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S2 it is not enabled, %s", when);
	CHECK(device_map_bar(fd, 0, NULL) == MAP_FAILED, "S2 nothing of it is mapped, %s", when);
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S2 it is no bus master, %s", when);
}

static void our_device(void)
{
	uint32_t ioas, id;
	struct legacy door;
	int iommufd, fd, given;

	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver takes it, too");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "its device fd opens (%d)", fd);
	CHECK_RC(device_bind(fd, iommufd, &id), -EINVAL, "S3 no context binds it");
	CHECK_RC(device_attach(fd, ioas, NULL), -EINVAL, "S3 nor is it attached");
	expect_inert(fd, "before");
	REQUIRE_RC(door_open(&door), 0, "there is a group for it, which opens");
	given = legacy_device(&door, VM_EDU);
	CHECK_RC(given, -EPERM, "S18 which does not give our device out");
	expect_inert(fd, "when the group was set up");
	if (given >= 0)
		close(given);
	legacy_close(&door);
	close(fd);
	close(iommufd);
}

int main(void)
{
	int rc;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1"), 0, "stock VFIO is there");
	CHECK(pci_group(VM_EDU) < 0, "control: there is no IOMMU");
	CHECK_RC(pci_bind(VM_EDU, "vfio-pci"), -ENODEV, "control: the stock driver does not take a device by itself");
	CHECK_RC(pci_bind(VM_EDU, VM_DRIVER), -ENODEV, "S3 nor does ours");
	CHECK_RC(device_open(VM_EDU), -ENODEV, "S3 so there is no device fd");

	rc = write_file(UNSAFE_MODE, "Y");
	if (rc == -ENOENT && vm_slowness() == 1) {
		note("nothing is shown of VFIO's unsafe mode: this kernel is built without it");
		return checks_done();
	}
	REQUIRE_RC(rc, 0, "VFIO's unsafe mode is on");
	stock_device("without protection");
	our_device();
	stock_device("control, it was our driver that refused");
	return checks_done();
}
