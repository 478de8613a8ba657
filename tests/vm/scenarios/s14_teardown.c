// SPDX-License-Identifier: GPL-2.0
/*
 * S14: teardown cannot fail and cannot be delayed into exposure. Whatever order things are closed
 * in, and however the holder ends, DMA is blocked before a page is given back: bytes of a transfer
 * under way do not arrive in memory that was let go.
 *
 * vm: about=close in any order, kill and exec in mid-DMA
 * vm: timeout=300
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define IOVA 0x400000
#define EDU_BUFFER 0x40000

/* Seen by child and parent: where DMA goes, and how far the child is */
static struct shared {
	uint8_t mem[4096];
	volatile int ready;
} *shared;

static bool all_bytes(const uint8_t *mem, int value)
{
	for (int i = 0; i < 4096; i++)
		if (mem[i] != value)
			return false;
	return true;
}

/* A device with a context, ready to do DMA to shared->mem */
static int set_up(struct edu_setup *setup, int *iommufd)
{
	uint32_t ioas;
	int rc;

	*iommufd = iommu_open();
	if (*iommufd < 0)
		return *iommufd;
	rc = ioas_alloc(*iommufd, &ioas);
	if (!rc)
		rc = ioas_map(*iommufd, ioas, shared->mem, 4096, IOVA);
	if (!rc)
		rc = edu_setup(setup, VM_EDU, *iommufd, ioas);
	return rc;
}

enum ending { KILLED, EXITS, EXECS, NR_ENDINGS };

static const char *const ending_names[NR_ENDINGS] = { "killed", "that exits", "that executes" };

static void child(enum ending ending)
{
	struct edu_setup setup;
	int iommufd, rc;

	rc = set_up(&setup, &iommufd);
	if (!rc)
		rc = edu_push(&setup.edu, IOVA, 0, 64);
	if (!rc && all_bytes(shared->mem, 'm'))
		rc = -EIO;
	if (rc) {
		shared->ready = rc;
		_exit(1);
	}
	edu_start(&setup.edu, EDU_BUFFER, IOVA, 64, true);
	shared->ready = 1;
	if (ending == EXITS)
		_exit(0);
	if (ending == EXECS)
		execl("/bin/busybox", "sleep", "60", NULL);
	for (;;)
		edu_start(&setup.edu, EDU_BUFFER, IOVA, 64, true);
}

static bool is_executing(pid_t pid)
{
	char path[40], buf[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	(void)!read(fd, buf, sizeof(buf) - 1);
	close(fd);
	return !strncmp(buf, "sleep", 5);
}

/*
 * The holder ends in mid-transfer. As soon as another can have the device (all of the teardown is
 * done then) the memory is ours alone, and nothing may arrive in it any more.
 */
static void ends_in_mid_dma(enum ending ending, int round)
{
	const char *name = ending_names[ending];
	long long pinned = pages_pinned();
	struct edu_setup setup;
	int iommufd, rc, fd, status;
	uint32_t id;
	pid_t pid;

	memset(shared->mem, 'm', 4096);
	shared->ready = 0;
	pid = fork();
	if (!pid)
		child(ending);
	while (!shared->ready)
		usleep(500);
	REQUIRE_RC(shared->ready, 1, "S14 control %d: DMA of a process %s arrives", round, name);

	if (ending == KILLED)
		kill(pid, SIGKILL);
	if (ending == EXECS) {
		for (int i = 0; i < 2000 && !is_executing(pid); i++)
			usleep(1000);
	} else {
		waitpid(pid, &status, 0);
	}
	fd = device_open(VM_EDU);
	CHECK(fd >= 0, "S14 %d: a process %s has left the device (%d)", round, name, fd);
	memset(shared->mem, 'x', 4096);
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S14 %d: bus mastering is off", round);
	usleep(300000);
	CHECK(all_bytes(shared->mem, 'x'), "S14 %d: its transfer does not arrive afterwards", round);
	CHECK_EQ(pages_pinned(), pinned, "S14 %d: its pages are given back", round);
	if (ending == EXECS) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	iommufd = iommu_open();
	CHECK_RC(device_bind(fd, iommufd, &id), 0, "S14 %d: another context can claim the group", round);
	close(iommufd);
	close(fd);

	rc = set_up(&setup, &iommufd);
	CHECK_RC(rc, 0, "S14 %d: and operate the device", round);
	if (!rc) {
		edu_teardown(&setup);
		close(iommufd);
	}
}

/* The four things a holder has, let go of in every order, each time in mid-transfer */
static void any_order(void)
{
	static const char *const what[4] = { "context", "device", "BAR", "memory" };
	long long pinned = pages_pinned();
	struct edu_setup setup;
	int iommufd, rc, order[4], wrong = 0, late = 0;
	uint8_t *mem;

	for (int n = 0; n < 256; n++) {
		uint32_t ioas;
		bool used[4] = {};
		bool distinct = true;

		for (int i = 0; i < 4; i++) {
			order[i] = n >> (2 * i) & 3;
			distinct = distinct && !used[order[i]];
			used[order[i]] = true;
		}
		if (!distinct)
			continue;

		mem = memory(4096, 'm');
		iommufd = iommu_open();
		rc = ioas_alloc(iommufd, &ioas);
		if (!rc)
			rc = ioas_map(iommufd, ioas, mem, 4096, IOVA);
		if (!rc)
			rc = edu_setup(&setup, VM_EDU, iommufd, ioas);
		if (rc) {
			note("order %d: %d", n, rc);
			wrong++;
			break;
		}
		edu_start(&setup.edu, EDU_BUFFER, IOVA, 64, true);
		for (int i = 0; i < 4; i++) {
			switch (order[i]) {
			case 0:
				wrong += !!close(iommufd);
				break;
			case 1:
				wrong += !!close(setup.fd);
				break;
			case 2:
				wrong += !!munmap((void *)setup.edu.bar, setup.edu.bar_size);
				break;
			default:
				wrong += !!munmap(mem, 4096);
			}
		}
		if (pci_command(VM_EDU) & PCI_COMMAND_MASTER || pages_pinned() != pinned) {
			late++;
			note("after %s, %s, %s, %s something is left", what[order[0]], what[order[1]],
			     what[order[2]], what[order[3]]);
		}
	}
	CHECK_EQ(wrong, 0, "S14 context, device, BAR and memory go in any order");
	CHECK_EQ(late, 0, "S14 and each time all is given back when the last is gone");
}

int main(void)
{
	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	REQUIRE(shared != MAP_FAILED, "shared memory");

	for (int ending = 0; ending < NR_ENDINGS; ending++)
		for (int round = 0; round < 3; round++)
			ends_in_mid_dma(ending, round);
	any_order();
	return checks_done();
}
