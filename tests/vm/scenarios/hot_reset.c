// SPDX-License-Identifier: GPL-2.0
/*
 * A reset of a whole bus is allowed only when every device it hits is ours and in the caller's
 * context, and the question what it would hit is answered as Linux does.
 *
 * vm: about=hot reset only within one context
 * vm: qemu=-device pcie-root-port,id=rp9,chassis=9,addr=9 -device e1000,bus=rp9
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x500000
#define CARD "0000:07:00.0" /* the e1000 */
#define FLAG_OWNED (VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED)

static union {
	struct vfio_pci_hot_reset_info info;
	char room[512];
} answer;

static int ask(int fd, size_t argsz)
{
	memset(&answer, 0, sizeof(answer));
	answer.info.argsz = argsz;
	return iommu_call(fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, &answer);
}

/* What the answer says of one device: its devid, or -ENOENT if it is not in there */
static int devid(int bus, int slot)
{
	for (unsigned int i = 0; i < answer.info.count; i++) {
		struct vfio_pci_dependent_device *d = &answer.info.devices[i];

		if (d->bus == bus && d->devfn == slot << 3 && d->segment == 0)
			return d->devid;
	}
	return -ENOENT;
}

/* QEMU's edu keeps its registers over a reset; the e1000 does not */
static void nic_is_reset(int iommufd, uint32_t ioas)
{
	volatile uint32_t *ring; /* where it finds its transmit descriptors: a plain register */
	struct vfio_region_info bar;
	uint32_t id;
	char *regs;
	int fd;

	REQUIRE_RC(pci_bind(CARD, VM_DRIVER), 0, "a network card");
	fd = device_open(CARD);
	REQUIRE(fd >= 0, "it opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	REQUIRE_RC(device_region(fd, 0, &bar), 0, "it has registers");
	REQUIRE_RC(device_enable(fd, true, false), 0, "it is enabled");
	regs = device_map_bar(fd, 0, NULL);
	REQUIRE(regs != MAP_FAILED, "they are mapped");
	ring = (uint32_t *)(regs + 0x3800);

	*ring = 0x12345670;
	CHECK_EQ(*ring, 0x12345670, "control: a register holds what was written");
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_RESET, NULL), 0, "its function is reset");
	CHECK_EQ(*ring, 0, "and the register cleared, through the mapping from before");
	*ring = 0x12345670;
	CHECK_RC(device_hot_reset(fd), 0, "its bus is reset");
	CHECK_EQ(*ring, 0, "and the register cleared");

	*ring = 0x12345670;
	CHECK_RC(device_detach(fd), 0, "it detaches");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "it attaches again");
	CHECK_RC(device_enable(fd, true, false), 0, "it is enabled");
	CHECK_EQ(*ring, 0, "S10 what it was told before the detach is forgotten");
	*ring = 0x12345670;
	munmap(regs, bar.size);
	close(fd);

	/* and so for the next holder */
	fd = device_open(CARD);
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "another open binds");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	REQUIRE_RC(device_enable(fd, true, false), 0, "it is enabled");
	regs = device_map_bar(fd, 0, NULL);
	CHECK_EQ(*(volatile uint32_t *)(regs + 0x3800), 0, "S14 nothing is left of the holder before");
	munmap(regs, bar.size);
	close(fd);
}

int main(void)
{
	struct edu_setup one, two;
	uint32_t ioas, id;
	int iommufd, fd;
	uint8_t *mem;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio-pci"), 0, "stock VFIO is there");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");

	/* alone on its bus */
	REQUIRE_RC(edu_setup(&one, VM_EDU, iommufd, ioas), 0, "a device alone behind its port");
	CHECK_RC(ask(one.fd, sizeof(answer.info)), -ENOSPC, "no room for the answer is ENOSPC");
	CHECK_EQ(answer.info.count, 1, "with the number that is needed");
	CHECK_RC(ask(one.fd, sizeof(answer.info) - 1), -EINVAL, "a short question is EINVAL");
	CHECK_RC(ask(one.fd, sizeof(answer)), 0, "the question is answered");
	CHECK_EQ(answer.info.flags, FLAG_OWNED, "all that is hit is the context's");
	CHECK_EQ(devid(1, 0), one.dev_id, "and has the id of its bind");
	CHECK_RC(device_hot_reset(one.fd), 0, "the reset is done");
	CHECK_RC(device_enable(one.fd, true, true), 0, "the device is there");
	CHECK_RC(edu_push(&one.edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'm', "and DMA goes where it went");
	edu_teardown(&one);

	/* two on a bus, which is one group */
	REQUIRE_RC(pci_bind(VM_PAIR2, "vfio-pci"), 0, "vfio-pci has the sibling");
	REQUIRE_RC(edu_setup(&one, VM_PAIR1, iommufd, ioas), 0, "the first of a pair");
	CHECK_RC(ask(one.fd, sizeof(answer)), 0, "the question is answered");
	CHECK_EQ(answer.info.count, 2, "two are hit");
	CHECK_EQ(devid(6, 1), one.dev_id, "the first by its id");
	CHECK_EQ(devid(6, 2), VFIO_PCI_DEVID_NOT_OWNED, "a sibling of another driver is not owned");
	CHECK_EQ(answer.info.flags, VFIO_PCI_HOT_RESET_FLAG_DEV_ID, "so not all is");
	CHECK_RC(device_hot_reset(one.fd), -EINVAL, "S3 a reset that would hit it is refused");

	REQUIRE_RC(pci_bind(VM_PAIR2, ""), 0, "the sibling has no driver");
	CHECK_RC(device_hot_reset(one.fd), -EINVAL, "S3 nor is it reset without one");

	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "the sibling is ours");
	CHECK_RC(ask(one.fd, sizeof(answer)), 0, "the question is answered");
	CHECK_EQ(devid(6, 2), VFIO_PCI_DEVID_OWNED, "unbound, it is owned with its group");
	CHECK_EQ(answer.info.flags, FLAG_OWNED, "so all is");
	CHECK_RC(device_hot_reset(one.fd), 0, "and the reset is done");

	REQUIRE_RC(edu_setup(&two, VM_PAIR2, iommufd, ioas), 0, "the sibling in the same context");
	CHECK_RC(ask(two.fd, sizeof(answer)), 0, "the question is answered");
	CHECK_EQ(devid(6, 1), one.dev_id, "with the id of the one");
	CHECK_EQ(devid(6, 2), two.dev_id, "and of the other");
	CHECK_RC(device_hot_reset_with(one.fd, 0), -EINVAL, "group fds are not what counts");
	CHECK_RC(device_hot_reset(one.fd), 0, "the first resets both");
	CHECK_RC(device_enable(one.fd, true, true), 0, "the first is there");
	CHECK_RC(device_enable(two.fd, true, true), 0, "the second is there");
	CHECK_RC(edu_push(&two.edu, IOVA, 0, 16), 0, "and does DMA");
	CHECK_RC(device_detach(two.fd), 0, "it detaches");
	CHECK_RC(device_hot_reset(one.fd), 0, "bound and detached, it does not stand in the way");
	CHECK_RC(device_hot_reset(two.fd), -EINVAL, "but cannot ask for a reset itself");
	edu_exit(&two.edu);

	/* a dead fd keeps what the driver knew of the sibling; it must not count */
	REQUIRE_RC(pci_bind(VM_PAIR2, "vfio-pci"), 0, "the sibling goes to vfio-pci, its fd still open");
	CHECK_RC(ask(one.fd, sizeof(answer)), 0, "the question is answered");
	CHECK_EQ(devid(6, 2), VFIO_PCI_DEVID_NOT_OWNED, "S3 it is not owned for its dead fd's sake");
	CHECK_RC(device_hot_reset(one.fd), -EINVAL, "S3 nor reset");
	close(two.fd);
	edu_teardown(&one);

	nic_is_reset(iommufd, ioas);

	/* neither context nor claim: nothing to reset by */
	fd = device_open(VM_PAIR1);
	REQUIRE(fd >= 0, "it opens");
	CHECK_RC(device_hot_reset(fd), -EINVAL, "an inert device resets nothing");
	CHECK_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	CHECK_RC(device_hot_reset(fd), -EINVAL, "nor a bound one");
	close(fd);
	return checks_done();
}
