// SPDX-License-Identifier: GPL-2.0
/*
 * S6: leaving a context is closing the device fd. An fd binds once; a new one starts inert, free
 * for any context. The context outlives its own fd as long as a device is in it.
 *
 * Leaving cannot fail: with any allocation of the close made to fail (on a kernel that can) the group
 * goes back to the kernel, and Linux has nothing to warn of.
 *
 * vm: about=a device fd binds once, and leaves its context by closing
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x200000

#define FAILSLAB "/sys/kernel/debug/failslab/"

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) > 0, "%s written to %s", text, path);
	close(fd);
}

/* Close @fd while the @nth allocation of this task fails. Returns whether there were so many. */
static bool close_failing(int fd, int nth)
{
	int fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	bool on, off, failed;
	char text[16] = "";
	int n;

	n = snprintf(text, sizeof(text), "%d", nth);
	on = fail_nth >= 0 && pwrite(fail_nth, text, n, 0) == n;
	close(fd);
	/* what the close left over hits these two: a copy to or from here fails as an allocation does */
	failed = pread(fail_nth, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;
	off = pwrite(fail_nth, "0", 1, 0) == 1 || pwrite(fail_nth, "0", 1, 0) == 1;
	REQUIRE(on && off, "allocation %d was to fail, and no other", nth);
	close(fail_nth);
	return failed;
}

/* What Linux has to say to a group it does not get back is a report, which fails the scenario */
static void leave_without_memory(int iommufd, uint32_t ioas)
{
	bool failed = true;
	int failures = 0;
	uint32_t id;

	write_text(FAILSLAB "ignore-gfp-wait", "N");
	write_text(FAILSLAB "verbose", "0");
	write_text("/sys/kernel/debug/fail_usercopy/verbose", "0");
	for (int nth = 1; failed && nth < 100; nth++) {
		int fd = device_open(VM_EDU);

		REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
		REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
		failed = close_failing(fd, nth);
		failures += failed;
	}
	CHECK(failures > 0, "control: a close has allocations, %d", failures);
	CHECK(!failed, "S6 each allocation of a close has failed");
}

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

	if (access(FAILSLAB, F_OK))
		note("this kernel cannot let allocations fail");
	else
		leave_without_memory(other, other_ioas);
	return checks_done();
}
