// SPDX-License-Identifier: GPL-2.0
/*
 * S3, S4, S9: why a group is one unit, and that it stays one. Two devices behind a bridge share one
 * translation: what is mapped for the one, the other reaches; that is shown first, as is a kernel's driver
 * that takes a third where no context has the group. Then two users fight for the group with contexts of
 * their own while an operator tries to bind that driver all the time: never have two of them a part of it.
 *
 * vm: about=S3 S4 two contexts and a sibling's driver fight for one group in use
 * vm: append=iommufd_lsm.default_verdict=allow
 * vm: qemu=-device virtio-rng-pci,bus=br,addr=3,disable-legacy=on,iommu_platform=on
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define ALICE 1000
#define BOB 1001
#define IOVA 0x100000
#define RNG "0000:06:03.0" /* the third behind the bridge, for a kernel's driver that does DMA */
#define WANTED 15          /* turns of each of the three */
#define PATIENCE 60000     /* milliseconds for them */

static struct shared {
	atomic_int holders;              /* contexts with an operable device of the group, at this moment */
	atomic_int bound;                /* the kernel's driver has its device, and keeps it a while */
	atomic_int won[2], driver_won;
	atomic_int two_contexts, beside_driver, driver_beside, strange;
	atomic_bool stop;
} *shared;

/* One device reads through the other's mapping */
static void one_translation(void)
{
	struct edu_setup mine, sibling;
	uint8_t *secret = memory(4096, 's'), *mem = memory(4096, 'm');
	int iommufd = iommu_open();
	uint32_t ioas;

	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_map(iommufd, ioas, secret, 4096, IOVA), 0, "with a secret");
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA + 4096), 0, "and room");
	REQUIRE_RC(edu_setup(&mine, VM_PAIR1, iommufd, ioas), 0, "a device is attached to it");
	REQUIRE_RC(edu_setup(&sibling, VM_PAIR2, iommufd, ioas), 0, "and its sibling");
	CHECK_RC(edu_pull(&sibling.edu, IOVA, 0, 16), 0, "the sibling reads");
	CHECK_RC(edu_push(&sibling.edu, IOVA + 4096, 0, 16), 0, "and writes");
	CHECK(!memcmp(mem, secret, 16),
	      "without protection: a device reaches what is mapped for another of its group");
	edu_teardown(&mine);
	edu_teardown(&sibling);
	close(iommufd);
}

static bool has_driver(void)
{
	return !access("/sys/bus/pci/devices/" RNG "/driver", F_OK);
}

/* While this context has the group: nobody else may have anything of it */
static void hold(int who, int device)
{
	if (atomic_fetch_add(&shared->holders, 1))
		shared->two_contexts++;
	shared->beside_driver += has_driver();
	device_enable(device, true, true);
	usleep(2000);
	shared->beside_driver += has_driver();
	shared->won[who]++;
	atomic_fetch_sub(&shared->holders, 1);
}

/* Open, bind, attach, let go, as fast as it goes; sometimes both devices */
static int fighter(void *arg)
{
	int who = *(int *)arg, turn = who, iommufd, fd, rc;
	uint32_t ioas, id;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; !shared->stop; turn++) {
		iommufd = iommu_open();
		fd = device_open(turn & 1 ? VM_PAIR1 : VM_PAIR2);
		if (iommufd < 0 || ioas_alloc(iommufd, &ioas))
			return 1;
		rc = fd < 0 ? fd : device_bind(fd, iommufd, &id) ?: device_attach(fd, ioas, NULL);
		if (!rc)
			hold(who, fd);
		else if (rc != -EBUSY && rc != -EPERM)
			shared->strange = rc;
		if (fd >= 0)
			close(fd);
		close(iommufd);
		usleep(rc ? 500 : 3000);
	}
	return 0;
}

static void operator_tries(void)
{
	for (int ms = 0; ms < PATIENCE; ms++) {
		if (shared->won[0] >= WANTED && shared->won[1] >= WANTED && shared->driver_won >= WANTED)
			break;
		if (!pci_bind(RNG, "virtio-pci")) {
			/* it has it: whoever became holder since has it beside the driver */
			shared->driver_beside += atomic_load(&shared->holders) > 0;
			shared->driver_won++;
			usleep(2000);
			shared->driver_beside += atomic_load(&shared->holders) > 0;
			pci_bind(RNG, "");
		}
		usleep(1000);
	}
	shared->stop = true;
}

static void fight(void)
{
	char node[64];
	pid_t pid[2];
	int who[2] = { 0, 1 }, status;

	REQUIRE_RC(pci_node(VM_PAIR1, node, sizeof(node)) ?: chmod(node, 0666), 0, "a node for everybody");
	REQUIRE_RC(pci_node(VM_PAIR2, node, sizeof(node)) ?: chmod(node, 0666), 0, "and the other");
	chmod("/dev/iommu", 0666);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit(run_as(i ? BOB : ALICE, fighter, &who[i]));
	}
	operator_tries();
	for (int i = 0; i < 2; i++) {
		waitpid(pid[i], &status, 0);
		CHECK_EQ(status, 0, "control: fighter %d could do what he tried", i);
	}
	note("the group went to the first %d times, to the second %d, to the driver %d", shared->won[0],
	     shared->won[1], shared->driver_won);
	CHECK(shared->won[0] >= WANTED && shared->won[1] >= WANTED && shared->driver_won >= WANTED,
	      "control: each of the three had it, again and again");
	CHECK_EQ(shared->two_contexts, 0, "S4 never had two contexts a part of the group");
	CHECK_EQ(shared->beside_driver, 0, "S3 never had a context it beside a kernel's driver");
	CHECK_EQ(shared->driver_beside, 0, "S3 nor a driver beside a context");
	CHECK_RC(shared->strange, 0, "S4 who lost was told that somebody has it");
}

int main(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE_RC(run_shell("modprobe virtio_pci"), 0, "a kernel's driver is there");
	REQUIRE_RC(pci_bind(RNG, ""), 0, "the third has none");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has the first");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "and the second");
	one_translation();
	CHECK_RC(pci_bind(RNG, "virtio-pci"), 0,
		 "without protection: where no context has the group, a driver that does DMA takes a part of it");
	CHECK_RC(pci_bind(RNG, ""), 0, "and lets go");
	fight();
	return checks_done();
}
