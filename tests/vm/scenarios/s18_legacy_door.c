// SPDX-License-Identifier: GPL-2.0
/*
 * S18: a device with our driver cannot be opened through /dev/vfio/GROUP, and the log says once who
 * tried. A sibling with the stock driver is nobody's business but S3's.
 *
 * vm: about=no way to our devices through the legacy group
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define REFUSED "legacy VFIO open by"

static int tries_too(void *arg)
{
	struct legacy *l = arg;

	return legacy_device(l, VM_PAIR1) == -EPERM ? 0 : 1;
}

int main(void)
{
	struct legacy l;
	uint32_t id;
	int iommufd, fd, rc, bound;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1"), 0, "stock VFIO is there");

	REQUIRE_RC(pci_bind(VM_PAIR1, "vfio-pci"), 0, "vfio-pci has the device");
	REQUIRE_RC(pci_bind(VM_PAIR2, "vfio-pci"), 0, "and its sibling");
	REQUIRE_RC(legacy_open(&l, VM_PAIR1), 0, "the group opens the legacy way");
	fd = legacy_device(&l, VM_PAIR1);
	CHECK(fd >= 0, "S18 control: with vfio-pci the device opens");
	close(fd);
	legacy_close(&l);

	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has the device");
	klog_mark();
	REQUIRE_RC(legacy_open(&l, VM_PAIR1), 0, "the group opens, for the sibling's sake");
	CHECK_RC(legacy_device(&l, VM_PAIR1), -EPERM, "S18 our device does not open through it");
	CHECK_RC(legacy_device(&l, VM_PAIR1 " vf_token=00112233-4455-6677-8899-aabbccddeeff"), -EPERM,
		 "S18 not with a token either");
	for (int i = 0; i < 20; i++)
		legacy_device(&l, VM_PAIR1);
	CHECK_EQ(klog_count(REFUSED), 1, "S18 the log says so once for one opener");
	CHECK_EQ(run_as(0, tries_too, &l), 0, "S18 another process fails too");
	CHECK_EQ(klog_count(REFUSED), 2, "S18 and is logged itself");
	CHECK_RC(legacy_device(&l, VM_PAIR1 "0"), -ENODEV, "S18 a longer name is somebody else's");
	fd = legacy_device(&l, VM_PAIR2);
	CHECK(fd >= 0, "S18 the stock sibling is found and opens");

	/* and while a legacy user has the group, no context gets it (S3, S4) */
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	rc = device_open(VM_PAIR1);
	REQUIRE(rc >= 0, "our device opens at its node");
	bound = device_bind(rc, iommufd, &id);
	CHECK(bound == -EPERM || bound == -EBUSY,
	      "S3 the group is not claimed from under a legacy user (%d)", bound);
	close(fd);
	legacy_close(&l);
	CHECK_RC(device_bind(rc, iommufd, &id), 0, "S4 the fd was usable for another try");

	/* a group file without a container can be had, but leads nowhere */
	rc = legacy_open(&l, VM_PAIR2);
	CHECK(rc == -EBUSY || rc == -EPERM, "S3 while bound, legacy VFIO cannot set the group up (%d)", rc);
	CHECK(legacy_device(&l, VM_PAIR2) < 0, "S3 nor open the sibling");
	CHECK_RC(legacy_device(&l, VM_PAIR1), -EPERM, "S18 nor our device");
	legacy_close(&l);
	return checks_done();
}
