// SPDX-License-Identifier: GPL-2.0
/*
 * S1: at most one open of a device in the system. Who comes second gets EBUSY and disturbs nothing;
 * dup, fork, exec and a passed fd share the one open, and it ends with the last of them.
 *
 * vm: about=one open per device, shared by dup, fork, exec and passing
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000
#define ROUNDS 400

static char node[64];
static atomic_int holders, won, wrong;

static int open_node(void)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void *race(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int fd = open_node();

		if (fd < 0) {
			if (fd != -EBUSY)
				wrong++;
			continue;
		}
		if (atomic_fetch_add(&holders, 1))
			wrong++;
		won++;
		atomic_fetch_sub(&holders, 1);
		close(fd);
	}
	return NULL;
}

static int opens_it(void *arg)
{
	(void)arg;
	return open_node() == -EBUSY ? 0 : 1;
}

/* What an exec'ed copy of this program does with the device fd it inherited */
static int inherited(int fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return iommu_call(fd, VFIO_DEVICE_GET_INFO, &info) || open_node() != -EBUSY;
}

int main(int argc, char **argv)
{
	uint32_t ioas, id;
	struct edu edu;
	int iommufd, fd, copy, other, status, pair[2], gate[2];
	pthread_t threads[4];
	uint8_t *mem;
	char number[16], byte;
	pid_t pid;

	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	REQUIRE_RC(pci_node(VM_EDU, node, sizeof(node)), 0, "it has a node");
	if (argc > 1)
		return inherited(atoi(argv[1]));

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "and another device");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");

	fd = open_node();
	REQUIRE(fd >= 0, "S1 control: the first open succeeds");
	CHECK_RC(open_node(), -EBUSY, "S1 a second open fails with EBUSY while the first is inert");
	CHECK_EQ(run_as(0, opens_it, NULL), 0, "S1 so does one by another process");
	other = device_open(VM_EDU2);
	CHECK(other >= 0, "S1 another device opens at the same time");
	close(other);

	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "S1 the refused open left the first usable: it binds");
	CHECK_RC(open_node(), -EBUSY, "S1 a second open fails with EBUSY while the first is bound");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "and attaches");
	REQUIRE_RC(edu_init(&edu, fd), 0, "and maps");
	edu_start(&edu, 0x40000, IOVA, 16, true);
	CHECK_RC(open_node(), -EBUSY, "S1 a second open fails with EBUSY while the first does DMA");
	while (edu_busy(&edu))
		usleep(1000);
	CHECK(mem[0] != 'm', "S1 and the transfer arrives all the same");

	/* one open, whatever refers to it */
	copy = dup(fd);
	edu_exit(&edu);
	close(fd);
	fd = copy;
	CHECK_RC(open_node(), -EBUSY, "S1 dup keeps the open when the first fd closes");
	CHECK_RC(edu_init(&edu, fd), 0, "S1 and the duplicate is as operable");
	edu_exit(&edu);

	CHECK(!pipe(gate), "a pipe");
	pid = fork();
	if (!pid) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 && edu_init(&edu, fd) == 0 ? 0 : 1);
	}
	close(gate[0]);
	close(fd);
	CHECK_RC(open_node(), -EBUSY, "S1 a child's copy keeps the open when the parent closes");
	close(gate[1]);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0, "S1 the child could use it");

	fd = open_node();
	REQUIRE(fd >= 0, "S1 when the child is gone, it opens again");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	copy = dup(fd); /* not close-on-exec */
	snprintf(number, sizeof(number), "%d", copy);
	CHECK_EQ(run_program("/proc/self/exe", (char *[]){ argv[0], number, NULL }), 0,
		 "S1 exec keeps the open, and it is operable there");
	close(copy);

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "a socket pair");
	CHECK_RC(send_fd(pair[0], fd), 0, "the fd is sent");
	close(fd);
	CHECK_RC(open_node(), -EBUSY, "S1 an fd on its way through a socket keeps the open");
	fd = receive_fd(pair[1]);
	CHECK_RC(edu_init(&edu, fd), 0, "S1 the receiver can use it");
	edu_exit(&edu);
	close(fd);
	fd = open_node();
	CHECK(fd >= 0, "S1 when the receiver closes, it opens again");
	close(fd);

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, race, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(wrong, 0, "S1 of four threads that open and close, never two have it");
	CHECK(won > 0, "S1 and some have");
	return checks_done();
}
