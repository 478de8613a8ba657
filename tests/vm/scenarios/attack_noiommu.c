// SPDX-License-Identifier: GPL-2.0
/*
 * S3, S12, S18 on a machine without an IOMMU: no device is ever operable, and VFIO's unsafe mode, which
 * gives out devices all the same, does not give out ours.
 *
 * vm: about=S3 S18 without an IOMMU nothing is operable, not by VFIO's unsafe mode either
 * vm: append=intel_iommu=off
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vm.h"

int main(void)
{
	uint32_t ioas, id, value;
	int iommufd, fd, group, container, rc, doors = 0;
	glob_t found;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio_iommu_type1"), 0, "legacy VFIO is there");
	if (run_shell("echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode 2> /dev/null"))
		note("this kernel has no unsafe mode");
	/* the driver may refuse the device, or VFIO's unsafe mode may make a group for it */
	rc = pci_bind(VM_EDU, VM_DRIVER);
	note("our driver says %d to a device without an IOMMU", rc);
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	fd = device_open(VM_EDU);
	if (fd >= 0) {
		rc = device_bind(fd, iommufd, &id);
		CHECK(rc < 0, "S3 it cannot be bound (%d)", rc);
		CHECK(device_attach(fd, ioas, NULL) < 0, "S3 nor attached");
		CHECK(pread(fd, &value, 4, (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) < 0,
		      "S2 nor is it operable");
	} else {
		CHECK(rc, "S3 it has no device fd (%d)", fd);
	}
	if (!glob("/dev/vfio/noiommu-*", 0, NULL, &found))
		doors = found.gl_pathc;
	for (int i = 0; i < doors; i++) {
		container = open("/dev/vfio/vfio", O_RDWR);
		group = open(found.gl_pathv[i], O_RDWR);
		note("%s: %d, container %d, type %d", found.gl_pathv[i], group,
		     ioctl(group, VFIO_GROUP_SET_CONTAINER, &container),
		     ioctl(container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU));
		CHECK(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, VM_EDU) < 0 && errno != EINTR,
		      "S18 the unsafe mode does not give our device out");
		close(group);
		close(container);
	}
	if (fd >= 0)
		close(fd);
	CHECK(device_open(VM_EDU) == fd || fd >= 0, "control: the device is as it was");
	return checks_done();
}
