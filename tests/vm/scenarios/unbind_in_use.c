// SPDX-License-Identifier: GPL-2.0
/*
 * S11, the part that is here: a driver unbound in use takes the device from its holder, who is not
 * asked. He sees it by poll, an eventfd, EIO and SIGBUS; his fd stays closable; the device goes on
 * with others. And the module cannot be unloaded while an fd is open.
 *
 * vm: about=the driver is unbound, or the module unloaded, in use
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define IOVA 0x600000
#define EDU_BUFFER 0x40000

static int fd;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void *waits(void *arg)
{
	*(int *)arg = poll_events(fd, 20000);
	return NULL;
}

/* In each state an open fd can be in */
static void in_state(int state, int iommufd, uint32_t ioas)
{
	static const char *const names[] = { "inert", "bound", "detached" };
	uint32_t id;

	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "our driver has another device");
	fd = device_open(VM_EDU2);
	REQUIRE(fd >= 0, "it opens");
	if (state > 0)
		REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	if (state > 1) {
		REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
		REQUIRE_RC(device_detach(fd), 0, "it detaches");
	}
	CHECK_EQ(poll_events(fd, 0), 0, "S11 %s: poll has nothing to say before", names[state]);
	CHECK_RC(pci_bind(VM_EDU2, ""), 0, "S11 %s: the driver is unbound", names[state]);
	expect_dead(fd, iommufd, ioas, names[state]);
	CHECK(!close(fd), "S11 %s: it closes", names[state]);
}

static volatile bool closing_ends;
static long closed_bound;

/* Open it, bind it, close it, as often as it goes */
static void *closes(void *arg)
{
	int iommufd = *(int *)arg;
	uint32_t id;

	while (!closing_ends) {
		int mine = device_open(VM_EDU2);

		if (mine < 0) {
			usleep(1000);
			continue;
		}
		closed_bound += !device_bind(mine, iommufd, &id);
		close(mine);
	}
	return NULL;
}

/* A close takes some steps, and vfio must not be told to forget the device between two of them */
static void against_close(int iommufd)
{
	int rounds, rc = 0;
	pthread_t other;

	REQUIRE(!pthread_create(&other, NULL, closes, &iommufd), "a thread opens, binds and closes");
	for (rounds = 0; rounds < 150 && !rc; rounds++) {
		rc = pci_bind(VM_EDU2, VM_DRIVER);
		usleep(rounds % 10 * 1000);
		if (!rc)
			rc = pci_bind(VM_EDU2, "");
	}
	closing_ends = true;
	pthread_join(other, NULL);
	CHECK_RC(rc, 0, "S11 the driver is bound and unbound %d times meanwhile", rounds);
	CHECK(closed_bound > 20, "control: it was bound and closed in between (%ld times)", closed_bound);
}

int main(void)
{
	long long pinned = pages_pinned();
	uint32_t ioas, value;
	struct edu_setup setup, again;
	int iommufd, request, events, copy, msi, other_msi;
	uint64_t count;
	pthread_t waiter;
	uint8_t *mem;
	double start;
	char node[64], path[64];
	bool arrived = false;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");

	/* the module first */
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "it opens");
	CHECK(run_shell("rmmod iommufd_vfio_pci 2>/dev/null") != 0, "the module is in use by an inert fd");
	close(fd);

	REQUIRE_RC(edu_setup(&setup, VM_EDU, iommufd, ioas), 0, "the device is operable");
	fd = setup.fd;
	CHECK(run_shell("rmmod iommufd_vfio_pci 2>/dev/null") != 0, "and by an operable one");
	CHECK(run_shell("rmmod iommufd 2>/dev/null") != 0, "the core is in use by the driver");
	CHECK(run_shell("rmmod vfio_pci_core 2>/dev/null") != 0, "and vfio-pci-core");
	CHECK_RC(edu_push(&setup.edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'm', "and none of that disturbed the device: DMA arrives");

	/* the driver, in mid-transfer, with somebody waiting */
	request = device_irq(fd, VFIO_PCI_REQ_IRQ_INDEX);
	REQUIRE(request >= 0, "an eventfd for requests to give the device back");
	msi = device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX);
	REQUIRE(msi >= 0, "and one for its interrupt");
	edu_write(&setup.edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(msi, 5000), 0, "control: the interrupt arrives");
	CHECK_EQ(read(msi, &count, 8), 8, "it is read");
	REQUIRE_RC(pci_node(VM_EDU, node, sizeof(node)), 0, "it has a node");
	REQUIRE(!pthread_create(&waiter, NULL, waits, &events), "a thread polls");
	usleep(100000);
	memset(mem, 'm', 4096);
	edu_start(&setup.edu, EDU_BUFFER, IOVA, 64, true);
	klog_mark();
	start = now();
	CHECK_RC(pci_bind(VM_EDU, ""), 0, "S11 the driver is unbound");
	CHECK(now() - start < 10, "S11 without waiting for the holder (%.1f s)", now() - start);
	memset(mem, 'x', 4096);
	pthread_join(waiter, NULL);
	CHECK_EQ(events, POLLHUP | POLLERR, "S11 the waiting thread is told");
	CHECK_RC(wait_readable(request, 0), 0, "S11 the request eventfd is signalled");
	CHECK_EQ(klog_count("taken away from"), 1, "S11 the log says from whom");
	CHECK_EQ(touch(setup.edu.bar, &value), SIGBUS, "S11 touching the BAR raises SIGBUS");
	expect_dead(fd, iommufd, ioas, "operable");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S11 bus mastering is off");
	usleep(300000);
	for (int i = 0; i < 4096; i++)
		arrived = arrived || mem[i] != 'x';
	CHECK(!arrived, "S11 the transfer under way does not arrive");
	CHECK(access(node, F_OK) < 0 || !*pci_driver(VM_EDU), "S11 the device is gone from its driver");

	/* the dead fd stands in nobody's way */
	CHECK_EQ(run_shell("rmmod iommufd_vfio_pci 2>/dev/null") != 0, 1, "the dead fd keeps the module");
	REQUIRE_RC(edu_setup(&again, VM_EDU, iommufd, ioas), 0, "S11 the device goes on under a new fd");
	REQUIRE_RC(pci_node(VM_EDU, path, sizeof(path)), 0, "with a node");
	CHECK_RC(edu_push(&again.edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'x', "and arrives");
	other_msi = device_irq(again.fd, VFIO_PCI_MSI_IRQ_INDEX);
	edu_write(&again.edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(other_msi, 5000), 0, "S11 its interrupt is signalled to who has it now");
	CHECK_RC(wait_readable(msi, 500), -ETIMEDOUT, "S11 and not to who had it");
	close(other_msi);
	close(msi);
	CHECK_EQ(touch(setup.edu.bar, &value), SIGBUS, "S11 the old mapping stays dead");
	expect_dead(fd, iommufd, ioas, "while another has it");
	copy = dup(fd);
	CHECK(!close(fd), "S11 the dead fd closes");
	fd = copy;
	expect_dead(fd, iommufd, ioas, "a duplicate");
	close(copy);
	CHECK_EQ(touch(setup.edu.bar, &value), SIGBUS, "S11 a mapping outlives its fd, dead");
	munmap((void *)setup.edu.bar, setup.edu.bar_size);
	CHECK_EQ(edu_read(&again.edu, 0), EDU_IDENT, "and the new holder noticed nothing");
	edu_teardown(&again);

	for (int state = 0; state < 3; state++)
		in_state(state, iommufd, ioas);
	against_close(iommufd);
	close(iommufd);
	CHECK_EQ(pages_pinned(), pinned, "all pages are given back");
	CHECK_RC(pci_bind(VM_EDU, ""), 0, "nobody has a device");
	CHECK_EQ(run_shell("rmmod iommufd_vfio_pci"), 0, "the module unloads");
	CHECK_EQ(run_shell("modprobe iommufd_vfio_pci"), 0, "and loads again");
	return checks_done();
}
