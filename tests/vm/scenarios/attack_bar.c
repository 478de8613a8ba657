// SPDX-License-Identifier: GPL-2.0
/*
 * S10, S11 and S14 against everything that keeps a BAR mapping or an fd alive: mappings that were
 * inherited, moved, split, remapped, locked and populated; fds in other processes, in sockets, in an
 * io_uring, taken by pidfd_getfd. None of them reaches a detached or revoked device, nor makes it end.
 *
 * vm: about=S10 S11 no copy of a mapping or fd outlives a detach or a revocation
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include <linux/pci_regs.h>

#include "vm.h"

#define PAGE 4096
#define NR_MAPPINGS 8
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

static int iommufd, fd;
static uint32_t ioas;
static volatile uint8_t *map[NR_MAPPINGS];
static const char *const map_name[NR_MAPPINGS] = {
	"first", "moved by mremap", "through a dup", "split by munmap", "split by mprotect",
	"populated", "locked", "of remap_file_pages",
};

static volatile uint8_t *bar_map(int flags)
{
	size_t size;
	void *bar = device_map_bar(fd, 0, &size);

	if (bar == MAP_FAILED || !flags)
		return bar;
	munmap(bar, size);
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);
}

/* All ways to have a mapping; each is in use once, so that a page is in place */
static void map_all(void)
{
	size_t size;
	void *bar, *place;
	uint32_t value;
	int copy;

	map[0] = device_map_bar(fd, 0, &size);
	bar = device_map_bar(fd, 0, NULL);
	place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	touch(bar, &value);
	map[1] = mremap(bar, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	bar = device_map_bar(fd, 0, NULL);
	CHECK(mremap(bar, 0, size, MREMAP_MAYMOVE) == MAP_FAILED, "mremap makes no second mapping");
	munmap(bar, size);
	copy = dup(fd);
	map[2] = device_map_bar(copy, 0, NULL);
	close(copy);
	map[3] = device_map_bar(fd, 0, NULL);
	munmap((void *)(map[3] + 4 * PAGE), 8 * PAGE);
	map[4] = device_map_bar(fd, 0, NULL);
	mprotect((void *)(map[4] + 4 * PAGE), 4 * PAGE, PROT_READ);
	map[5] = bar_map(MAP_POPULATE);
	map[6] = device_map_bar(fd, 0, NULL);
	mlock((void *)map[6], size);
	map[7] = device_map_bar(fd, 0, NULL);
	syscall(SYS_remap_file_pages, map[7], size, 0, 0, 0);
	for (int i = 0; i < NR_MAPPINGS; i++) {
		if (!CHECK(map[i] != MAP_FAILED, "control: a mapping %s", map_name[i]))
			continue;
		CHECK_EQ(touch(map[i], &value), 0, "control: the mapping %s works", map_name[i]);
		CHECK_EQ(value, EDU_IDENT, "control: and shows the device");
	}
}

/* How many of the mappings still show something; as a child, too */
static int alive(void)
{
	uint32_t value;
	int n = 0;

	for (int i = 0; i < NR_MAPPINGS; i++) {
		if (touch(map[i], &value) != SIGBUS) {
			note("the mapping %s shows %x", map_name[i], value);
			n++;
		}
		if (touch_write((volatile void *)(map[i] + 4), 1) != SIGBUS)
			n++;
		if (!madvise((void *)map[i], PAGE, MADV_POPULATE_READ) ||
		    !madvise((void *)map[i], PAGE, MADV_POPULATE_WRITE))
			n++;
	}
	return n;
}

/* Reading it from another process must not go around the mapping's own rules */
static bool readable_from(pid_t pid)
{
	uint32_t value;
	struct iovec local = { &value, sizeof(value) }, remote = { (void *)map[0], sizeof(value) };
	char path[40];
	bool any;
	int mem;

	any = process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	any = any || pread(mem, &value, sizeof(value), (uintptr_t)map[0]) >= 0;
	any = any || pwrite(mem, &value, sizeof(value), (uintptr_t)map[0]) >= 0;
	close(mem);
	return any;
}

/* A child that answers each byte with how many of its inherited mappings are alive */
static int ask_child(int sock)
{
	char byte = 'q';

	return write(sock, &byte, 1) == 1 && read(sock, &byte, 1) == 1 ? byte : -1;
}

static pid_t start_child(int *sock)
{
	int pair[2];
	char byte;
	pid_t pid;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		while (read(pair[1], &byte, 1) == 1) {
			byte = alive();
			if (write(pair[1], &byte, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(pair[1]);
	*sock = pair[0];
	return pid;
}

/* --- fds ------------------------------------------------------------------------------------------ */

struct ring {
	int fd;
	struct io_uring_params p;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqes;
};

static int ring_setup(struct ring *ring)
{
	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, 4, &ring->p);
	if (ring->fd < 0)
		return -errno;
	ring->sq = mmap(NULL, ring->p.sq_off.array + 4 * sizeof(uint32_t), PROT_READ | PROT_WRITE,
			MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
	ring->cq = mmap(NULL, ring->p.cq_off.cqes + 8 * sizeof(struct io_uring_cqe),
			PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_CQ_RING);
	ring->sqes = mmap(NULL, 4 * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
			  ring->fd, IORING_OFF_SQES);
	return syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, &fd, 1) ? -errno : 0;
}

/* Read or write config space through the fd that is registered with the ring */
static int ring_config(struct ring *ring, bool write, void *buf, unsigned int len, unsigned int off)
{
	volatile uint32_t *tail = (uint32_t *)(ring->sq + ring->p.sq_off.tail);
	volatile uint32_t *head = (uint32_t *)(ring->cq + ring->p.cq_off.head);
	uint32_t mask = *(uint32_t *)(ring->sq + ring->p.sq_off.ring_mask);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(ring->cq + ring->p.cq_off.cqes);
	struct io_uring_sqe *sqe = &ring->sqes[*tail & mask];
	int res;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = write ? IORING_OP_WRITE : IORING_OP_READ;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	sqe->off = CONFIG + off;
	((uint32_t *)(ring->sq + ring->p.sq_off.array))[*tail & mask] = *tail & mask;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	res = cqes[*head & *(uint32_t *)(ring->cq + ring->p.cq_off.ring_mask)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

static void ring_close(struct ring *ring)
{
	munmap(ring->sqes, 4 * sizeof(struct io_uring_sqe));
	munmap(ring->sq, ring->p.sq_off.array + 4 * sizeof(uint32_t));
	munmap(ring->cq, ring->p.cq_off.cqes + 8 * sizeof(struct io_uring_cqe));
	close(ring->fd);
}

static int reopens(void)
{
	int rc = -EBUSY;

	for (int i = 0; i < 10000 && rc == -EBUSY; i++) {
		rc = device_open(VM_EDU);
		if (rc == -EBUSY)
			usleep(1000);
	}
	if (rc >= 0)
		close(rc);
	return rc < 0 ? rc : 0;
}

static int set_up(void)
{
	int rc;

	fd = device_open(VM_EDU);
	if (fd < 0)
		return fd;
	rc = device_bind(fd, iommufd, &(uint32_t){ 0 });
	if (!rc)
		rc = device_attach(fd, ioas, NULL);
	return rc ?: device_enable(fd, true, true);
}

/* Fds that are nowhere but in flight: the last of them keeps the device, and its end gives it back */
static void hidden_fds(void)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct ring ring;
	int pair[2], cycle[2], taken, pidfd, rc;
	char vendor[2];
	pid_t pid;

	REQUIRE_RC(set_up(), 0, "the device is operable");
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	CHECK_RC(send_fd(pair[0], fd), 0, "its fd is sent, and closed here");
	close(fd);
	usleep(100000);
	CHECK_RC(device_open(VM_EDU), -EBUSY, "S1 an fd in a socket is an open one");
	CHECK(pci_command(VM_EDU) & PCI_COMMAND_MASTER, "control: and the device goes on");
	close(pair[0]);
	close(pair[1]);
	CHECK_RC(reopens(), 0, "S6 with the socket goes the device");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S14 and its bus mastering");

	/* a cycle that only the kernel's garbage collector ends, in a task that is nobody's */
	REQUIRE_RC(set_up(), 0, "the device is operable");
	socketpair(AF_UNIX, SOCK_STREAM, 0, cycle);
	send_fd(cycle[0], cycle[0]);
	send_fd(cycle[0], cycle[1]);
	send_fd(cycle[1], cycle[0]);
	send_fd(cycle[0], fd);
	close(fd);
	close(cycle[0]);
	close(cycle[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	send_fd(pair[0], pair[1]); /* sets the collector off */
	close(pair[0]);
	close(pair[1]);
	CHECK_RC(reopens(), 0, "S6 an fd in a cycle of sockets is collected");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S14 and the device is silent");

	REQUIRE_RC(set_up(), 0, "the device is operable");
	fcntl(fd, F_SETFL, O_NONBLOCK); /* or io_uring waits until poll says that it can be read */
	rc = ring_setup(&ring);
	if (!CHECK_RC(rc, 0, "an io_uring has the fd"))
		return;
	CHECK_EQ(ring_config(&ring, false, vendor, 2, 0), 2, "control: config space is read through it");
	CHECK_RC(device_detach(fd), 0, "detached");
	CHECK_RC(ring_config(&ring, false, vendor, 2, 0), -EINVAL, "S10 not through an io_uring either");
	CHECK_RC(ring_config(&ring, true, &command, 2, PCI_COMMAND), -EINVAL, "S10 nor written");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S10 bus mastering is off");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "attached again");
	close(fd);
	CHECK_RC(device_open(VM_EDU), -EBUSY, "S1 an fd that an io_uring has is an open one");
	CHECK_RC(pci_bind(VM_EDU, ""), 0, "the driver is unbound");
	CHECK_RC(ring_config(&ring, false, vendor, 2, 0), -EIO, "S11 not through an io_uring either");
	CHECK_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "and bound again");
	CHECK_RC(ring_config(&ring, false, vendor, 2, 0), -EIO, "S11 the old fd stays dead");
	CHECK_RC(reopens(), 0, "S11 while the device has a new life");
	ring_close(&ring);

	/* somebody who may ptrace takes it */
	pid = fork();
	if (!pid) {
		fd = device_open(VM_EDU);
		dup2(fd, 100);
		close(fd);
		pause();
	}
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	for (taken = -1; taken < 0;) {
		taken = syscall(SYS_pidfd_getfd, pidfd, 100, 0);
		usleep(1000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_RC(device_open(VM_EDU), -EBUSY, "S1 an fd that was taken is the same open");
	close(taken);
	close(pidfd);
	CHECK_RC(reopens(), 0, "S6 and ends with its last owner");
}

int main(void)
{
	int sock;
	uint32_t value;
	pid_t child;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");

	hidden_fds();

	REQUIRE_RC(set_up(), 0, "the device is operable");
	map_all();
	child = start_child(&sock);
	CHECK_EQ(ask_child(sock), NR_MAPPINGS * 2, "control: a child's inherited mappings work, read and write");
	CHECK_RC(device_detach(fd), 0, "S10 detached");
	CHECK_EQ(alive(), 0, "S10 no mapping shows the device");
	CHECK_EQ(ask_child(sock), 0, "S10 no inherited one does");
	CHECK(!readable_from(child), "S10 nobody reads or writes it through another process's mapping");
	map[1] = mremap((void *)map[1], PAGE, PAGE, MREMAP_MAYMOVE);
	CHECK_EQ(alive(), 0, "S10 nor after it was moved again");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "S10 attached again");
	CHECK_RC(device_enable(fd, true, true), 0, "and enabled");
	CHECK_EQ(touch(map[0], &value), 0, "S10 the mapping is back without a reopen");

	CHECK_RC(pci_bind(VM_EDU, ""), 0, "the driver is unbound");
	CHECK_EQ(alive(), 0, "S11 no mapping shows the device");
	CHECK_EQ(ask_child(sock), 0, "S11 no inherited one does");
	CHECK_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "and bound again");
	CHECK_EQ(ask_child(sock) + alive(), 0, "S11 nor when the device is there again");
	close(fd);
	REQUIRE_RC(set_up(), 0, "another open operates it");
	CHECK_EQ(ask_child(sock) + alive(), 0, "S11 nor when somebody else has it operable");
	CHECK_RC(run_shell("echo 1 > /sys/bus/pci/devices/" VM_EDU "/remove && echo 1 > /sys/bus/pci/rescan"), 0,
		 "the device is unplugged and comes back");
	CHECK_EQ(poll_events(fd, 10000), 0x8 | 0x10, "S11 its holder sees it");
	CHECK_EQ(ask_child(sock) + alive(), 0, "S11 nothing shows it");
	close(fd);
	CHECK_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver takes it again");
	REQUIRE_RC(set_up(), 0, "and it is operable");
	CHECK_EQ(ask_child(sock) + alive(), 0, "S11 the old mappings stay dead");
	close(fd);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return checks_done();
}
