// SPDX-License-Identifier: GPL-2.0
/*
 * S6: leaving a context is closing the device fd. An fd binds once; a new one starts inert, free
 * for any context. The context outlives its own fd as long as a device is in it.
 *
 * vm: about=a device fd binds once, and leaves its context by closing
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x200000

int main(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	uint32_t ioas, other_ioas, id, other_id;
	int iommufd, other, fd;
	struct edu edu;
	uint8_t *mem;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	iommufd = iommu_open();
	other = iommu_open();
	REQUIRE(iommufd >= 0 && other >= 0, "two contexts");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(other, &other_ioas), 0, "an IOAS of the other");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");

	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	CHECK_RC(device_bind(fd, iommufd, &other_id), -EINVAL, "S6 it does not bind twice");
	CHECK_RC(device_bind(fd, other, &other_id), -EINVAL, "S6 nor to another context");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	CHECK_RC(device_bind(fd, other, &other_id), -EINVAL, "S6 nor while attached");
	CHECK_RC(object_destroy(iommufd, id), -EBUSY, "S6 destroying its id does not take it out");
	CHECK_RC(device_detach(fd), 0, "it detaches");
	CHECK_RC(device_bind(fd, other, &other_id), -EINVAL, "S6 nor after a detach, which is no leaving");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "S6 it is in its context still");

	close(iommufd);
	REQUIRE_RC(edu_init(&edu, fd), 0, "S6 it stays operable when the context's fd is closed");
	CHECK_RC(edu_push(&edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'm', "S6 and DMA arrives: the context lives on");
	edu_exit(&edu);
	close(fd);

	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "it opens again");
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_INFO, &info), -EINVAL, "S6 a new fd starts inert");
	CHECK_RC(device_attach(fd, ioas, NULL), -EINVAL, "S6 and unbound");
	REQUIRE_RC(device_bind(fd, other, &other_id), 0, "S6 and another context may have it now");
	CHECK_RC(device_attach(fd, other_ioas, NULL), 0, "it attaches there");
	close(fd);
	return checks_done();
}
