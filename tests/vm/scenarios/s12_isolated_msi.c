// SPDX-License-Identifier: GPL-2.0
/*
 * S12: claiming a group needs isolated interrupts. Without interrupt remapping a device could raise any
 * interrupt of the host by a plain write, so nothing binds unless the administrator insists, loudly.
 *
 * vm: about=no isolated interrupts, no bind
 * vm: append=intremap=off nox2apic
 */
#include <unistd.h>

#include "vm.h"

int main(void)
{
	struct iommufd_device_claim_info info;
	int iommufd, fd;
	uint32_t id;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	iommufd = iommu_open();
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "its fd opens");
	klog_mark();
	CHECK_RC(device_bind(fd, iommufd, &id), -EPERM, "S12 no bind without isolated interrupts");
	CHECK(klog_count("not isolated") == 1, "S12 the log says why");
	CHECK_RC(device_claim_info(fd, &info), 0, "the fd answers why");
	CHECK_EQ(info.reason, IOMMUFD_CLAIM_UNSAFE_MSI, "S12 so does the fd");

	REQUIRE_RC(run_shell("echo Y > /sys/module/iommufd/parameters/allow_unsafe_interrupts"), 0,
		   "the administrator insists");
	klog_mark();
	CHECK_RC(device_bind(fd, iommufd, &id), 0, "S12 then the same fd binds");
	CHECK(klog_count("UNSAFE") == 1, "S12 and the log is loud about it");
	close(fd);

	REQUIRE_RC(run_shell("echo N > /sys/module/iommufd/parameters/allow_unsafe_interrupts"), 0,
		   "no longer");
	fd = device_open(VM_EDU);
	CHECK_RC(device_bind(fd, iommufd, &id), -EPERM, "S12 the next bind fails again");
	close(fd);
	close(iommufd);
	return checks_done();
}
