// SPDX-License-Identifier: GPL-2.0
/*
 * S5: devices of one group bound by the same context share its claim, which ends when the last of them
 * leaves, in whatever order.
 *
 * vm: about=one claim for all devices of a group, until the last leaves
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000

static bool group_is(const char *words)
{
	return proc_find("/proc/iommufd", "group", words, NULL, NULL, 0);
}

/* Whether DMA of the device reaches the memory mapped at IOVA */
static bool dma_arrives(struct edu *edu, uint8_t *mem)
{
	memset(mem, 'm', 16);
	return !edu_push(edu, IOVA, 0, 16) && mem[0] != 'm';
}

int main(void)
{
	struct edu_setup a, b;
	int iommufd, other;
	uint32_t ioas, id;
	uint8_t *mem;
	int fd, rc;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "our driver has the second, too");
	iommufd = iommu_open();
	other = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");

	REQUIRE_RC(edu_setup(&a, VM_PAIR1, iommufd, ioas), 0, "the first device attaches");
	CHECK(group_is("state=translated bound=1 attached=1"), "S5 one device holds the claim");
	REQUIRE_RC(edu_setup(&b, VM_PAIR2, iommufd, ioas), 0, "the second attaches");
	CHECK(group_is("state=translated bound=2 attached=2"), "S5 two devices share it");
	CHECK(dma_arrives(&a.edu, mem), "S5 DMA of the first arrives");
	CHECK(dma_arrives(&b.edu, mem), "S5 DMA of the second arrives");

	/* the one that made the claim leaves first */
	edu_teardown(&a);
	CHECK(group_is("state=translated bound=1 attached=1"), "S5 the claim outlives its first device");
	CHECK(dma_arrives(&b.edu, mem), "S5 and DMA of the second still arrives");
	fd = device_open(VM_PAIR1);
	rc = device_bind(fd, other, &id);
	CHECK(rc == -EPERM || rc == -EBUSY, "S5 the first cannot go to another context meanwhile (%d)", rc);
	close(fd);

	/* detached but bound still counts */
	CHECK_RC(device_detach(b.fd), 0, "the second detaches");
	CHECK(group_is("state=blocked bound=1 attached=0"), "S5 bound devices alone keep the claim");
	fd = device_open(VM_PAIR1);
	rc = device_bind(fd, other, &id);
	CHECK(rc == -EPERM || rc == -EBUSY, "S5 so another context does not get it (%d)", rc);
	edu_teardown(&b);
	CHECK(!group_is(""), "S5 the last one ends the claim");
	CHECK_RC(device_bind(fd, other, &id), 0, "S5 and the other context gets the group");
	close(fd);

	close(iommufd);
	close(other);
	return checks_done();
}
