// SPDX-License-Identifier: GPL-2.0
/*
 * What one user programs into a device, against the next one. The first starts a transfer and lets go
 * in the middle of it, by closing or detaching; the next has the device attached and enabled as fast as
 * he can, with memory of his at the same I/O address.
 *
 * A known limit, measured here and not judged: the edu device obeys no reset, and stands for hardware
 * whose reset does not reach its DMA engine or that has none. What such a device was told before it
 * changed hands, it does with the next user's bus mastering and translation. Only a reset helps, and where
 * there is none the log has to say so.
 *
 * vm: about=how far a transfer that one user began reaches the next one's memory
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x700000
#define EDU_BUFFER 0x40000

static bool all_bytes(const uint8_t *mem, int value)
{
	for (int i = 0; i < 4096; i++)
		if (mem[i] != value)
			return false;
	return true;
}

/* The first user: what it puts into the device is 'A' */
static int first(const char *address, bool move, uint8_t *mem)
{
	struct edu_setup setup;
	uint32_t ioas, other;
	int iommufd = iommu_open(), rc;

	memset(mem, 'A', 4096);
	rc = ioas_alloc(iommufd, &ioas) ?: ioas_alloc(iommufd, &other);
	rc = rc ?: ioas_map(iommufd, ioas, mem, 4096, IOVA);
	rc = rc ?: edu_setup(&setup, address, iommufd, ioas);
	rc = rc ?: edu_pull(&setup.edu, IOVA, 0, 2048);
	if (rc)
		return 1;
	edu_start(&setup.edu, EDU_BUFFER, IOVA, 2048, true);
	if (move)
		device_detach(setup.fd);
	return 0; /* and gone: everything is closed by exiting */
}

/* Returns whether something arrived */
static int next(const char *address, uint8_t *mem)
{
	struct edu_setup setup;
	uint32_t ioas;
	int iommufd = iommu_open(), rc = -1;
	bool clean;

	memset(mem, 'B', 4096);
	if (ioas_alloc(iommufd, &ioas) || ioas_map(iommufd, ioas, mem, 4096, IOVA))
		return -1;
	for (int i = 0; i < 20000 && rc; i++) {
		rc = edu_setup(&setup, address, iommufd, ioas);
		if (rc)
			edu_teardown(&setup);
	}
	if (rc)
		return -1;
	usleep(400000);
	clean = all_bytes(mem, 'B');
	edu_teardown(&setup);
	close(iommufd);
	return !clean;
}

/* Of four transfers; -1 where one was not begun, or nobody came after it to look */
static int arrivals(const char *address, bool detach)
{
	uint8_t *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *mine = memory(4096, 'B');
	int n = 0;

	for (int round = 0; round < 4; round++) {
		pid_t pid = fork();
		int status, arrived;

		if (!pid)
			_exit(first(address, detach, mem));
		waitpid(pid, &status, 0);
		if (status)
			return -1;
		arrived = next(address, mine);
		if (arrived < 0)
			return -1;
		n += arrived;
	}
	munmap(mem, 4096);
	munmap(mine, 4096);
	return n;
}

static void measure(const char *address, bool detach, const char *how)
{
	int n = arrivals(address, detach);

	if (CHECK(n >= 0, "%s: each transfer was begun, and the next user looked", how))
		note("%s: %d of 4 transfers arrive", how, n);
}

int main(void)
{
	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	klog_mark();
	measure(VM_EDU, false, "alone on its bus, which is reset");
	measure(VM_EDU, true, "after a detach");
	CHECK_EQ(klog_count("has no function reset"), 0, "control: a reset is there, for devices that obey it");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "a device that no reset reaches");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "and its sibling");
	measure(VM_PAIR1, false, "without a reset");
	CHECK(klog_count("has no function reset") > 0, "the log warns of a device without a reset");
	return checks_done();
}
