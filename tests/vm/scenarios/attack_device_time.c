// SPDX-License-Identifier: GPL-2.0
/*
 * S2, S10, S11: a device fd used before and after its time. With stock vfio-pci it is operable from its
 * first moment until its holder chooses to close it, whoever wants the device back; that is shown first.
 * Ours is inert before, empty after a detach, and dead after the driver's unbind, which does not ask.
 *
 * vm: about=S2 S10 S11 a device fd used before and after its time, beside vfio-pci's
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define IOVA 0x500000

/* An operator, who shares nothing with the holder, wants the device back; true: he has it in time */
static bool taken_back(pid_t *operator, int ms)
{
	*operator = fork();
	if (!*operator) {
		execl("/bin/sh", "sh", "-c", "echo " VM_EDU " > /sys/bus/pci/devices/" VM_EDU "/driver/unbind",
		      NULL);
		_exit(127);
	}
	for (; ms > 0; ms -= 10) {
		if (waitpid(*operator, NULL, WNOHANG) == *operator)
			return true;
		usleep(10000);
	}
	return false;
}

/* What arrives in mem of a transfer to it */
static bool dma_arrives(struct edu *edu, uint8_t *mem)
{
	memset(mem, 'm', 16);
	edu_start(edu, 0x40000, IOVA, 16, true);
	usleep(400000);
	return mem[0] != 'm';
}

static void with_vfio_pci(uint8_t *mem)
{
	struct edu edu;
	struct legacy l;
	uint32_t value;
	pid_t operator;
	int fd;

	REQUIRE_RC(pci_bind(VM_EDU, "vfio-pci"), 0, "vfio-pci has the device");
	REQUIRE_RC(legacy_open(&l, VM_EDU), 0, "a container has its group");
	fd = legacy_device(&l, VM_EDU);
	REQUIRE(fd >= 0, "which gives the device out");
	CHECK_RC(edu_init(&edu, fd), 0,
		 "without protection: the fd is operable at once, bus mastering and all, nothing mapped yet");
	REQUIRE_RC(legacy_map(&l, mem, 4096, IOVA), 0, "memory is mapped");
	CHECK(dma_arrives(&edu, mem), "control: it does DMA");
	CHECK(!taken_back(&operator, 3000), "without protection: an operator who wants it back waits");
	CHECK_EQ(touch(edu.bar, &value), 0, "without protection: its registers answer all the while");
	CHECK(dma_arrives(&edu, mem), "without protection: and DMA goes on");
	edu_exit(&edu);
	close(fd);
	legacy_close(&l);
	CHECK(waitpid(operator, NULL, 0) == operator, "the operator gets it when its holder likes");
}

static void with_ours(uint8_t *mem)
{
	int iommufd = iommu_open(), fd;
	uint32_t ioas, value;
	struct edu edu;
	pid_t operator;

	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory is mapped");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "which opens");
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S2 before: no bus mastering");
	CHECK(device_map_bar(fd, 0, NULL) == MAP_FAILED && errno == EINVAL, "S2 before: no registers");
	CHECK_RC(device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX), -EINVAL, "S2 before: no interrupts");
	REQUIRE_RC(device_bind(fd, iommufd, &value), 0, "it binds");
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S2 nor when it is bound");
	CHECK(device_map_bar(fd, 0, NULL) == MAP_FAILED && errno == EINVAL, "S2 no registers either");

	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	REQUIRE_RC(edu_init(&edu, fd), 0, "in its time it is operable");
	CHECK(dma_arrives(&edu, mem), "control: it does DMA");

	memset(mem, 'm', 16);
	edu_start(&edu, 0x40000, IOVA, 16, true);
	CHECK_RC(device_detach(fd), 0, "it is detached in mid-transfer");
	usleep(400000);
	CHECK(mem[0] == 'm', "S10 after: what was under way does not arrive");
	CHECK_EQ(touch(edu.bar, &value), SIGBUS, "S10 after: its registers are gone");
	CHECK_RC(device_enable(fd, true, true), -EINVAL, "S10 after: no bus mastering");

	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "attached again");
	REQUIRE_RC(device_enable(fd, true, true), 0, "it is operable again");
	CHECK(dma_arrives(&edu, mem), "control: it does DMA");
	CHECK(taken_back(&operator, 15000), "S11 an operator who wants it back has it, and asks nobody");
	CHECK_EQ(touch(edu.bar, &value), SIGBUS, "S11 after: its registers are gone");
	CHECK_RC(device_enable(fd, true, true), -EIO, "S11 after: the fd is dead");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S11 after: no bus mastering");
	edu_exit(&edu);
	close(fd);
	close(iommufd);
}

int main(void)
{
	uint8_t *mem = memory(4096, 'm');

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1"), 0, "stock VFIO is there");
	with_vfio_pci(mem);
	with_ours(mem);
	return checks_done();
}
