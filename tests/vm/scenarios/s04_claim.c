// SPDX-License-Identifier: GPL-2.0
/*
 * S4: the first bind of any device of a group claims it for that context. A claim that fails leaves the fd
 * inert and good for another try, and says which sibling or owner is in the way.
 *
 * vm: about=who owns a group, and why a claim fails
 * vm: qemu=-device virtio-rng-pci,bus=br,addr=3,disable-legacy=on,iommu_platform=on
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define RNG "0000:06:03.0" /* behind the bridge, with a kernel driver that does DMA */

int main(void)
{
	struct iommufd_device_claim_info info;
	int mine, other, fd, fd2, group, rc;
	uint32_t ioas, other_ioas, id;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe virtio_pci"), 0, "the kernel driver is there");
	if (strcmp(pci_driver(RNG), "virtio-pci"))
		REQUIRE_RC(pci_bind(RNG, "virtio-pci"), 0, "it has its device");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has one of the group");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "and another");
	group = pci_group(VM_PAIR1);

	mine = iommu_open();
	other = iommu_open();
	REQUIRE_RC(ioas_alloc(mine, &ioas), 0, "a context with an IOAS");
	REQUIRE_RC(ioas_alloc(other, &other_ioas), 0, "another");

	/* a sibling's driver */
	fd = device_open(VM_PAIR1);
	REQUIRE(fd >= 0, "the device's fd opens");
	klog_mark();
	rc = device_bind(fd, mine, &id);
	CHECK(rc == -EPERM || rc == -EBUSY, "S4 no claim while a sibling's driver does DMA (%d)", rc);
	CHECK(klog_count(RNG) >= 1 && klog_count("virtio-pci") >= 1, "S4 the log names sibling and driver");
	CHECK_RC(device_claim_info(fd, &info), 0, "the inert fd answers why");
	CHECK_EQ(info.reason, IOMMUFD_CLAIM_SIBLING_DRIVER, "S4 the reason is a sibling's driver");
	CHECK_EQ(info.group_id, group, "S4 with the group");
	CHECK(!strcmp(info.address, RNG), "S4 with the sibling: %s", info.address);
	CHECK(!strcmp(info.driver, "virtio-pci"), "S4 with the driver: %s", info.driver);
	CHECK_RC(device_attach(fd, ioas, NULL), -EINVAL, "S4 the fd is inert: no attach");
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S4 and no config access");
	CHECK_EQ(proc_number("/proc/iommufd", "group", "", "id"), -1, "S4 nothing is claimed");

	/* the same fd, once the sibling is out of the way */
	REQUIRE_RC(pci_bind(RNG, ""), 0, "the driver lets go of the sibling");
	CHECK_RC(device_claim_info(fd, &info), 0, "the fd answers again");
	CHECK_EQ(info.reason, IOMMUFD_CLAIM_OK, "S4 nothing is in the way now");
	CHECK_RC(device_bind(fd, mine, &id), 0, "S4 the same fd binds");
	CHECK(proc_find("/proc/iommufd", "group", "state=blocked bound=1 attached=0", NULL, NULL, 0),
	      "S4 the claim blocks the group's DMA");

	/* another context: neither this device's sibling nor, later, this device */
	fd2 = device_open(VM_PAIR2);
	REQUIRE(fd2 >= 0, "the sibling's fd opens");
	klog_mark();
	rc = device_bind(fd2, other, &id);
	CHECK(rc == -EPERM || rc == -EBUSY, "S4 another context does not get the sibling (%d)", rc);
	CHECK_RC(device_claim_info(fd2, &info), 0, "and is told why");
	CHECK_EQ(info.reason, IOMMUFD_CLAIM_CONTEXT, "S4 a context has the group");
	CHECK_EQ(info.owner_tgid, getpid(), "S4 whose opener is named");
	CHECK(klog_count("in another context") >= 1, "S4 in the log too");
	CHECK_RC(device_bind(fd2, mine, &id), 0, "S4 the same fd binds to the context that owns the group");

	/* the claim ends with the fds; the group is free again for the other context */
	close(fd);
	close(fd2);
	CHECK_EQ(proc_number("/proc/iommufd", "group", "", "id"), -1, "S4 the claim has ended");
	fd = device_open(VM_PAIR1);
	CHECK_RC(device_bind(fd, other, &id), 0, "S4 the other context claims it");
	CHECK_RC(device_attach(fd, other_ioas, NULL), 0, "and attaches");
	close(fd);
	close(mine);
	close(other);
	return checks_done();
}
