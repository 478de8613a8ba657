// SPDX-License-Identifier: GPL-2.0
/*
 * S3: a device is operable only while its whole group is in one secure context. Two edu devices behind
 * a PCIe-to-PCI bridge are one group: nobody else gets at the sibling, by whichever door.
 *
 * vm: about=the whole group is secure, or none of it is operable
 * vm: qemu=-device virtio-rng-pci,bus=br,addr=3,disable-legacy=on,iommu_platform=on
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000
#define RNG "0000:06:03.0" /* the third behind the bridge, for a kernel driver that does DMA */

/* Container, group, device: how far it gets. 0 all the way, or a negative errno. */
static int try_legacy(const char *address)
{
	struct legacy l;
	int rc = legacy_open(&l, address), device;

	if (!rc) {
		device = legacy_device(&l, address);
		rc = device < 0 ? device : 0;
		close(device);
	}
	legacy_close(&l);
	return rc;
}

int main(void)
{
	struct edu_setup first;
	uint32_t ioas, other_ioas, id;
	int iommufd, other, fd, rc;
	uint8_t *mem;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1 && modprobe virtio_pci"), 0,
		   "stock VFIO and a driver for the third are there");
	REQUIRE_RC(pci_bind(RNG, ""), 0, "the third of the group has no driver");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has the first of the pair");

	/* a stock user that has the group through the legacy interface keeps us out */
	REQUIRE_RC(pci_bind(VM_PAIR2, "vfio-pci"), 0, "vfio-pci has the second");
	REQUIRE_RC(try_legacy(VM_PAIR2), 0, "S3 control: legacy VFIO works while nobody owns the group");

	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");
	rc = edu_setup(&first, VM_PAIR1, iommufd, ioas);
	REQUIRE_RC(rc, 0, "the first device is operable, its sibling idle under vfio-pci");
	CHECK_RC(edu_push(&first.edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'm', "S3 control: DMA of the first device arrives");

	/* while it is operable, each door to the sibling is shut */
	rc = try_legacy(VM_PAIR2);
	CHECK(rc == -EPERM || rc == -EBUSY, "S3 legacy VFIO cannot take the sibling (%d)", rc);
	CHECK_RC(pci_bind(VM_PAIR2, ""), 0, "vfio-pci lets go of the sibling");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "our driver takes it");
	rc = try_legacy(VM_PAIR2);
	CHECK(rc == -EPERM || rc == -EBUSY, "S3 nor as a device of our driver (%d)", rc);

	other = iommu_open();
	REQUIRE_RC(ioas_alloc(other, &other_ioas), 0, "a second context with an IOAS");
	fd = device_open(VM_PAIR2);
	REQUIRE(fd >= 0, "the sibling's fd opens");
	rc = device_bind(fd, other, &id);
	CHECK(rc == -EPERM || rc == -EBUSY, "S3 the sibling cannot go to another context (%d)", rc);
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S3 and its fd stays inert");
	close(fd);

	/* a driver that does DMA through the kernel's own page tables */
	CHECK(pci_bind(RNG, "virtio-pci") < 0, "S3 no kernel driver can take another sibling");
	CHECK(!*pci_driver(RNG), "S3 which has no driver now");

	memset(mem, 'm', 4096);
	CHECK_RC(edu_push(&first.edu, IOVA, 0, 16), 0, "the first device still works");
	CHECK(mem[0] != 'm', "S3 undisturbed by all that");

	edu_teardown(&first);
	CHECK_RC(pci_bind(RNG, "virtio-pci"), 0, "S3 control: once the group is free the driver binds");
	CHECK_RC(pci_bind(RNG, ""), 0, "and lets go");
	close(iommufd);
	close(other);
	return checks_done();
}
