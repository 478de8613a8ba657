// SPDX-License-Identifier: GPL-2.0
/*
 * S10: detaching revokes. Before the call returns DMA goes nowhere, BAR mappings are gone, every
 * call is refused, bus mastering is off, interrupts are quiet; attaching again makes the device
 * operable again, and nothing it was told before starts then.
 *
 * vm: about=detach takes everything at once, attach gives it back
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define IOVA 0x300000
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define EDU_BUFFER 0x40000
#define ROUNDS 25

static int iommufd, fd;
static uint32_t ioas, other_ioas;

static bool all_bytes(const uint8_t *mem, int value)
{
	for (int i = 0; i < 4096; i++)
		if (mem[i] != value)
			return false;
	return true;
}

/* Everything the holder could use, after a detach that has returned */
static void expect_revoked(struct edu *edu, const char *when)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	uint32_t value;

	CHECK_EQ(touch(edu->bar, &value), SIGBUS, "S10 %s: reading a BAR mapping raises SIGBUS", when);
	CHECK_EQ(touch_write(edu->bar + 4, 1), SIGBUS, "S10 %s: writing it too", when);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_INFO, &info), -EINVAL, "S10 %s: GET_INFO", when);
	CHECK(pread(fd, &value, 4, CONFIG) < 0 && errno == EINVAL, "S10 %s: config read", when);
	CHECK(pwrite(fd, &value, 4, CONFIG + 4) < 0 && errno == EINVAL, "S10 %s: config write", when);
	CHECK(pread(fd, &value, 4, 0) < 0 && errno == EINVAL, "S10 %s: BAR read", when);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL,
	      "S10 %s: mmap", when);
	CHECK_RC(device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX), -EINVAL, "S10 %s: interrupts", when);
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S10 %s: bus mastering is off", when);
}

/* A transfer takes the device 100 ms: the detach comes in between */
static void dma_in_flight(struct edu *edu, uint8_t *mem, uint8_t *other_mem)
{
	memset(mem, 'm', 4096);
	memset(other_mem, 'o', 4096);
	edu_start(edu, EDU_BUFFER, IOVA, 64, true);
	CHECK_RC(device_detach(fd), 0, "it detaches in mid-transfer");
	expect_revoked(edu, "in mid-transfer");
	memset(mem, 'x', 4096);
	usleep(400000);
	CHECK(all_bytes(mem, 'x'), "S10 the transfer under way never arrives");

	CHECK_RC(device_attach(fd, other_ioas, NULL), 0, "S10 it attaches again, to another IOAS");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S10 bus mastering is still off");
	CHECK_RC(device_enable(fd, true, true), 0, "its holder enables it");
	usleep(400000);
	CHECK(all_bytes(other_mem, 'o'), "S10 what was started before does not arrive there");
	CHECK(all_bytes(mem, 'x'), "S10 nor where it was meant to");
	CHECK_EQ(edu_read(edu, 0), EDU_IDENT, "S10 the old BAR mapping works again");
	CHECK_RC(edu_push(edu, IOVA, 0, 64), 0, "a new transfer runs");
	CHECK(!all_bytes(other_mem, 'o') && all_bytes(mem, 'x'), "S10 and arrives in the new IOAS alone");
}

static void interrupts(struct edu *edu)
{
	int msi = device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX);
	uint64_t count;

	REQUIRE(msi >= 0, "an MSI signals an eventfd");
	edu_write(edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(msi, 5000), 0, "S10 control: the interrupt arrives");
	CHECK_EQ(read(msi, &count, 8), 8, "it is read");
	CHECK_RC(device_detach(fd), 0, "it detaches");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "and attaches again");
	CHECK_RC(device_enable(fd, true, true), 0, "and is enabled");
	edu_write(edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(msi, 500), -ETIMEDOUT, "S10 the eventfd from before stays quiet");
	close(msi);
	msi = device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX);
	CHECK(msi >= 0, "S10 a new one can be set");
	edu_write(edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(msi, 5000), 0, "S10 and is signalled");
	close(msi);
}

static void forked_mapping(struct edu *edu)
{
	int to_child[2], to_parent[2], status;
	uint32_t value;
	char byte;
	pid_t pid;

	CHECK(!pipe(to_child) && !pipe(to_parent), "pipes");
	pid = fork();
	if (!pid) {
		bool ok = !touch(edu->bar, &value) && value == EDU_IDENT;

		ok = ok && write(to_parent[1], "r", 1) == 1 && read(to_child[0], &byte, 1) == 1;
		ok = ok && touch(edu->bar, &value) == SIGBUS;
		ok = ok && write(to_parent[1], "r", 1) == 1 && read(to_child[0], &byte, 1) == 1;
		ok = ok && !touch(edu->bar, &value) && value == EDU_IDENT;
		_exit(!ok);
	}
	CHECK_EQ(read(to_parent[0], &byte, 1), 1, "S10 a BAR mapping survives a fork");
	CHECK_RC(device_detach(fd), 0, "it detaches");
	CHECK_EQ(write(to_child[1], "g", 1), 1, "the child is told");
	CHECK_EQ(read(to_parent[0], &byte, 1), 1, "S10 the child's copy of a mapping is gone as well");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	CHECK_RC(device_enable(fd, true, true), 0, "and is enabled");
	CHECK_EQ(write(to_child[1], "g", 1), 1, "the child is told");
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0, "S10 and works again with the parent's");
}

/* --- under load: four threads use everything while the device goes to and fro --- */

static atomic_int stop, wrong, worked, refused;
static __thread sigjmp_buf on_sigbus;

static void sigbus(int sig)
{
	siglongjmp(on_sigbus, sig);
}

static void judge(long rc, int error)
{
	if (rc >= 0)
		worked++;
	else if (error == EINVAL || error == EFAULT)
		refused++; /* EFAULT: its own buffer, a BAR mapping, was taken away under it */
	else
		wrong = error;
}

static void *use(void *arg)
{
	struct edu *edu = arg;
	struct vfio_device_info info = { .argsz = sizeof(info) };
	volatile uint32_t value;
	uint32_t word;
	void *at;

	while (!stop) {
		judge(ioctl(fd, VFIO_DEVICE_GET_INFO, &info), errno);
		judge(pread(fd, &word, 4, CONFIG), errno);
		/* from the device into the device: the copy faults while the call is inside */
		judge(pread(fd, (void *)(edu->bar + 4), 4, CONFIG), errno);
		at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		judge(at == MAP_FAILED ? -1 : 0, errno);
		if (!sigsetjmp(on_sigbus, 1)) {
			value = *(volatile uint32_t *)edu->bar;
			if (at != MAP_FAILED)
				value = *(volatile uint32_t *)at;
			(void)value;
			worked++;
		} else {
			refused++;
		}
		if (at != MAP_FAILED)
			munmap(at, 4096);
	}
	return NULL;
}

static void under_load(struct edu *edu)
{
	struct sigaction act = { .sa_handler = sigbus, .sa_flags = SA_NODEFER };
	pthread_t threads[4];
	int rc = 0;

	sigaction(SIGBUS, &act, NULL);
	alarm(100 * vm_number("VM_SLOWNESS", 1)); /* a deadlock ends the scenario */
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, use, edu);
	for (int i = 0; i < ROUNDS && !rc; i++) {
		usleep(3000);
		rc = device_detach(fd);
		usleep(1000);
		if (!rc)
			rc = device_attach(fd, i % 2 ? ioas : other_ioas, NULL);
		if (!rc)
			rc = device_enable(fd, true, true);
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	signal(SIGBUS, SIG_DFL);
	CHECK_RC(rc, 0, "S10 %d times detached and attached under load", ROUNDS);
	CHECK_EQ(wrong, 0, "S10 every call either worked or was refused (else: the last errno)");
	CHECK(worked > 0 && refused > 0, "S10 both happened (%d, %d)", worked, refused);
}

int main(void)
{
	uint8_t *mem, *other_mem;
	struct edu edu;
	uint32_t id, value;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &other_ioas), 0, "another");
	mem = memory(4096, 'm');
	other_mem = memory(4096, 'o');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory in the one");
	REQUIRE_RC(ioas_map(iommufd, other_ioas, other_mem, 4096, IOVA), 0, "memory in the other");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	REQUIRE_RC(edu_init(&edu, fd), 0, "it is mapped");
	CHECK_RC(edu_push(&edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(!all_bytes(mem, 'm'), "S10 control: DMA arrives");
	CHECK_EQ(touch(edu.bar, &value), 0, "S10 control: the BAR can be touched");

	CHECK_RC(device_attach(fd, other_ioas, NULL), 0, "it moves");
	CHECK_EQ(touch(edu.bar, &value), 0, "S8 a move keeps the BAR mapping");
	CHECK(pci_command(VM_EDU) & PCI_COMMAND_MASTER, "S8 and bus mastering");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "and back");

	dma_in_flight(&edu, mem, other_mem);
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "back to the first IOAS");
	interrupts(&edu);
	forked_mapping(&edu);
	under_load(&edu);

	CHECK_RC(device_detach(fd), 0, "it detaches");
	expect_revoked(&edu, "in the end");
	munmap((void *)edu.bar, edu.bar_size);
	close(fd);
	return checks_done();
}
