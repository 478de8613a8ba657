// SPDX-License-Identifier: GPL-2.0
/*
 * S10, S11: a register write that is left with the kernel (VFIO_DEVICE_IOEVENTFD: it is done whenever an
 * eventfd is signalled) is not a call that anybody makes, so no call that is refused stops it. It must end
 * with the holder's access: with a detach, and with a revocation even while he keeps another call of his
 * inside the driver for ever.
 *
 * vm: about=S10 S11 register writes left with the kernel end with the holder's access
 * vm: append=iommufd_lsm.default_verdict=allow iomem=relaxed
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define LIVENESS 4 /* a register that shows the inverse of what was written last */
#define REGISTER ((uint64_t)VFIO_PCI_BAR0_REGION_INDEX << 40 | LIVENESS)
#define MARK 0x5a5a0000u

static struct shared {
	volatile int ready, go, rc;
} *shared;

static volatile uint32_t *host_view; /* the registers, as root sees them in sysfs */

/* Have writing to the eventfd write value to the register */
static int ioeventfd(int fd, int efd, uint32_t value)
{
	struct vfio_device_ioeventfd arg = {
		.argsz = sizeof(arg), .flags = VFIO_DEVICE_IOEVENTFD_32, .offset = REGISTER,
		.data = value, .fd = efd,
	};

	return iommu_call(fd, VFIO_DEVICE_IOEVENTFD, &arg);
}

/* Whether signalling the eventfd reaches the register; value: what the ioeventfd writes */
static bool reaches(int efd, uint32_t value)
{
	eventfd_write(efd, 1);
	usleep(100000);
	return host_view[LIVENESS / 4] == ~value;
}

/* Who loses the device and does not let go */
static void holder(int efd)
{
	uint32_t ioas, id;
	int iommufd = iommu_open(), fd = device_open(VM_EDU), rc;
	struct stalled_call call = { .fd = fd };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rc = ioas_alloc(iommufd, &ioas) ?: device_bind(fd, iommufd, &id) ?: device_attach(fd, ioas, NULL);
	rc = rc ?: device_enable(fd, true, true) ?: ioeventfd(fd, efd, MARK + 3);
	if (rc)
		_exit(1);
	if (stalled_call_begin(&call, stalling_open()))
		_exit(3);
	shared->ready = 1;
	while (poll_events(fd, -1) != (POLLHUP | POLLERR))
		;
	shared->rc = ioeventfd(fd, efd, MARK + 4);
	shared->go = 1;
	pthread_join(call.thread, NULL);
	_exit(4); /* it must not come back */
}

static volatile uint32_t *map_host_view(void)
{
	int fd = open("/sys/bus/pci/devices/" VM_EDU "/resource0", O_RDWR | O_SYNC | O_CLOEXEC);
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

int main(void)
{
	int efd = eventfd(0, EFD_CLOEXEC), iommufd = iommu_open(), fd;
	pid_t pid, unbinder;
	uint32_t ioas, id;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	CHECK_RC(ioeventfd(fd, efd, MARK), -EINVAL, "S2 before it is attached nothing can be left with the kernel");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	REQUIRE_RC(device_enable(fd, true, true), 0, "it is enabled");
	REQUIRE_RC(ioeventfd(fd, efd, MARK + 1), 0, "a write is left with the kernel");
	host_view = map_host_view();
	REQUIRE(host_view, "root looks at the registers");
	CHECK(reaches(efd, MARK + 1), "without protection: signalling an eventfd writes a register, no call is made");
	REQUIRE_RC(device_detach(fd), 0, "it is detached");
	pci_command_set(VM_EDU, pci_command(VM_EDU) | 2);
	host_view[LIVENESS / 4] = 0;
	CHECK(host_view[LIVENESS / 4] == ~0u, "control: the registers are there");
	CHECK(!reaches(efd, MARK + 1), "S10 after a detach it writes nothing");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches again");
	REQUIRE_RC(device_enable(fd, true, true), 0, "it is enabled");
	CHECK(!reaches(efd, MARK + 1), "S10 nor after another attach");
	close(fd);

	pid = fork();
	if (!pid)
		holder(efd);
	for (int i = 0; i < 15000 && !shared->ready; i++)
		usleep(1000);
	usleep(300000);
	CHECK(shared->ready, "somebody has the device, and a call in the driver that does not come back");
	CHECK(reaches(efd, MARK + 3), "control: his eventfd writes the register");
	unbinder = fork();
	if (!unbinder)
		_exit(!!pci_bind(VM_EDU, ""));
	for (int i = 0; i < 15000 && !shared->go; i++)
		usleep(1000);
	CHECK(shared->go, "the operator takes it from him, and he knows");
	CHECK_RC(shared->rc, -EIO, "S11 he can leave no more writes with the kernel");
	CHECK_EQ(waitpid(unbinder, NULL, WNOHANG), 0, "control: his call is still in the driver");
	pci_command_set(VM_EDU, pci_command(VM_EDU) | 2);
	host_view[LIVENESS / 4] = 0;
	CHECK(host_view[LIVENESS / 4] == ~0u, "control: the registers are there");
	CHECK(!reaches(efd, MARK + 3), "S11 what he left there writes nothing any more");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(waitpid(unbinder, NULL, 0) == unbinder, "killed, he keeps nobody waiting");
	return checks_done();
}
