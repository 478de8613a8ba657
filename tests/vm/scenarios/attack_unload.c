// SPDX-License-Identifier: GPL-2.0
/*
 * Modules unloaded under fire. That root can take /dev/iommu and the hooks away when nobody uses them, and
 * with them whatever the policy would refuse, is shown first. Then he tries without a pause while users open,
 * bind, attach and do DMA: whoever has a device keeps it whole, and no hook is gone while it may be asked.
 *
 * vm: about=S14 S16 modules unloaded under fire
 * who passes by the hooks is to see it
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000
#define FIRE_MS 8000
#define NR_USERS 3

static const char policy[] =
	"version: 1\n"
	"name: under-fire\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc, device-open, bind, attach, detach]\n"
	"    who: any\n"
	"  - deny: ioas-name\n"
	"    who: any\n";

static struct shared {
	atomic_int turns, transfers, unloaded, refused, strange, named, broken;
	atomic_bool stop, lull;
} *shared;

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* Attaching resets the device, which cannot be while the operator looks at it */
static int attach_patiently(int fd, uint32_t ioas)
{
	int rc;

	do
		rc = device_attach(fd, ioas, NULL);
	while (rc == -EAGAIN);
	return rc;
}

/* Everything a user does with a device, each step of which may find that it is not there any more */
static void one_turn(const char *address)
{
	struct edu_setup setup = { .fd = -1 };
	uint8_t *mem = memory(4096, 'm');
	int iommufd = iommu_open(), rc;
	uint32_t ioas = 0;

	rc = iommufd < 0 ? iommufd : ioas_alloc(iommufd, &ioas);
	if (!rc) {
		/* the hooks must be there as long as there is a context to ask about */
		shared->named += ioas_name(iommufd, ioas, "guest") != -EACCES;
		rc = ioas_map(iommufd, ioas, mem, 4096, IOVA);
	}
	setup.fd = rc ? rc : device_open(address);
	if (setup.fd >= 0) {
		rc = device_bind(setup.fd, iommufd, &setup.dev_id) ?: attach_patiently(setup.fd, ioas) ?:
		     edu_init(&setup.edu, setup.fd) ?: edu_push(&setup.edu, IOVA, 0, 16);
		/* a device that is ours once stays whole */
		shared->broken += rc || mem[0] == 'm';
		shared->transfers += !rc;
		edu_teardown(&setup);
	} else if (setup.fd != -ENOENT && setup.fd != -ENODEV && setup.fd != -ENXIO && setup.fd != -EBUSY &&
		   setup.fd != -EACCES) {
		shared->strange = setup.fd;
	}
	if (iommufd >= 0)
		close(iommufd);
	munmap(mem, 4096);
	shared->turns++;
}

static void user(int i)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!shared->stop) {
		one_turn(i & 1 ? VM_EDU2 : VM_EDU);
		usleep((shared->lull ? 200000 : 1000) * (i + 1));
	}
	_exit(0);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/*
 * The driver in use, again and again; when it does go it comes back, with the devices. Where the users leave no gap,
 * as on a busy host, they are told to after a while.
 */
static void fire(void)
{
	static const char *const modules[] = { "iommufd_vfio_pci", "iommufd", "iommufd_lsm" };
	double end = now_ms() + FIRE_MS;

	for (int i = 0; now_ms() < end || ((shared->transfers < 5 || !shared->unloaded) && now_ms() < end + 60000);
	     i++) {
		int rc = unload(modules[i % 3]);

		shared->lull = now_ms() > end && !shared->unloaded;

		if (rc)
			shared->refused++;
		else
			shared->unloaded++;
		if (!rc || i % 64 == 0) {
			run_shell("modprobe iommufd_vfio_pci");
			pci_bind(VM_EDU, VM_DRIVER);
			pci_bind(VM_EDU2, VM_DRIVER);
		}
		usleep(500);
	}
	shared->stop = true;
}

int main(void)
{
	pid_t users[NR_USERS];
	int status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has a device");
	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "and another");
	CHECK(!access("/dev/iommu", F_OK) && !access("/proc/iommufd_lsm", F_OK), "control: the modules are there");
	CHECK_RC(unload("iommufd_vfio_pci"), 0, "without protection: a driver nobody uses is unloaded");
	CHECK_RC(unload("iommufd"), 0, "without protection: and /dev/iommu");
	CHECK_RC(unload("iommufd_lsm"), 0, "without protection: and the hooks that no program is on");
	CHECK(access("/dev/iommu", F_OK) && access("/proc/iommufd_lsm", F_OK), "they are gone");

	REQUIRE_RC(run_shell("modprobe iommufd_vfio_pci"), 0, "they are loaded again");
	REQUIRE_RC(load_policy(policy), 0, "and a policy");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has a device");
	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "and another");
	CHECK_RC(unload("iommufd_lsm"), -EWOULDBLOCK, "S16 hooks that a policy is on stay");
	for (int i = 0; i < NR_USERS; i++) {
		users[i] = fork();
		if (!users[i])
			user(i);
	}
	fire();
	for (int i = 0; i < NR_USERS; i++) {
		waitpid(users[i], &status, 0);
		CHECK_EQ(status, 0, "user %d has survived", i);
	}
	note("%d turns, %d transfers; unloaded %d times, refused %d", shared->turns, shared->transfers,
	     shared->unloaded, shared->refused);
	CHECK(shared->transfers >= 5, "control: there was something to unload under");
	CHECK(shared->refused > 50, "modules in use are not unloaded");
	CHECK(shared->unloaded > 0, "control: and those not in use are");
	CHECK_EQ(shared->broken, 0, "S14 no device that somebody had was taken from him, or half there");
	CHECK_EQ(shared->named, 0, "S16 no question passed by the hooks");
	CHECK_RC(shared->strange, 0, "who came between got an errno that says so");
	REQUIRE_RC(run_shell("modprobe iommufd_vfio_pci"), 0, "loaded at the end");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	shared->transfers = 0;
	one_turn(VM_EDU);
	CHECK_EQ(shared->transfers, 1, "and everything works");
	return checks_done();
}
