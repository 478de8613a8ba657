// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once. An attacker whose threads do at random whatever an unprivileged holder of four
 * devices and two contexts can do, while two of the devices write to memory all the time; killed in the
 * middle of it, again and again. The memory he had is somebody else's at once and must not change; every
 * device must be free, silent and good for the next; no page may stay pinned. In later rounds the
 * operator unbinds and unplugs the devices meanwhile.
 *
 * vm: about=S14 all calls against each other, killed in mid-DMA, with memory reused at once
 * vm: timeout=400
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define ALICE 1000
#define ROUNDS 5
#define ROUND_MS 2500
#define NR_THREADS 5
#define NR_DEVICES 4
#define NR_IOAS 4
#define NR_SLOTS 16
#define PAGE 4096UL
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define EDU_BUFFER 0x40000
#define REUSED (160UL << 20)

static const char *const address[NR_DEVICES] = { VM_EDU, VM_EDU2, VM_PAIR1, VM_PAIR2 };
static char node[NR_DEVICES][64];

/* What the attacker's threads share; races about it are wanted, so no lock */
static atomic_int ctx[2] = { -1, -1 };
static atomic_uint ioas[2][NR_IOAS], hwpt[2];
static atomic_int dev[NR_DEVICES] = { -1, -1, -1, -1 };
static atomic_uint dev_id[NR_DEVICES];
static void *_Atomic memory_of[8];
static void *_Atomic bar[NR_DEVICES];
static struct counts {
	atomic_ulong calls, attached, pushes, mapped;
} *counts;

static __thread uint64_t rng_state;
static __thread sigjmp_buf fault;
static __thread bool catching;

static uint32_t rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (rng_state >> 11) % below;
}

static void on_fault(int sig)
{
	if (catching)
		siglongjmp(fault, sig);
	_exit(99);
}

static uint64_t some_iova(void)
{
	return 0x100000 + rng(NR_SLOTS) * 4 * PAGE;
}

static void open_something(void)
{
	int i = rng(2), d = rng(NR_DEVICES), fd;

	if (rng(2)) {
		if (ctx[i] >= 0 && rng(4))
			return;
		fd = iommu_open();
		fd = atomic_exchange(&ctx[i], fd);
	} else {
		fd = open(node[d], O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return;
		fd = atomic_exchange(&dev[d], fd);
	}
	if (fd >= 0)
		close(fd);
}

static void close_something(void)
{
	int fd = rng(2) ? atomic_exchange(&ctx[rng(2)], -1) : atomic_exchange(&dev[rng(NR_DEVICES)], -1);

	if (fd >= 0)
		close(fd);
}

static void change_memory(void)
{
	int i = rng(8);
	void *mem;

	switch (rng(3)) {
	case 0:
		mem = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
			   (rng(2) ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | (rng(2) ? MAP_POPULATE : 0),
			   -1, 0);
		mem = atomic_exchange(&memory_of[i], mem == MAP_FAILED ? NULL : mem);
		if (mem)
			munmap(mem, 16 * PAGE);
		break;
	case 1:
		madvise(memory_of[i], 16 * PAGE, MADV_DONTNEED);
		break;
	case 2:
		mprotect(memory_of[i], 16 * PAGE, rng(4) ? PROT_READ | PROT_WRITE : PROT_READ);
	}
}

static void forks(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		usleep(rng(20000));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void map_bar(int d)
{
	void *new = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, dev[d], 0);
	void *old = new == MAP_FAILED ? NULL : atomic_exchange(&bar[d], new);

	if (old)
		munmap(old, 0x1000);
}

static void one_call(void)
{
	int c = rng(2), d = rng(NR_DEVICES), a = rng(NR_IOAS);
	uint32_t id, enable = 6 | 1; /* I/O, memory, master */
	uint64_t iova = some_iova();
	char *mem = memory_of[rng(8)];
	char buf[64];

	counts->calls++;
	switch (rng(24)) {
	case 0:
		open_something();
		break;
	case 1:
		if (!rng(4))
			close_something();
		break;
	case 2:
		if (!ioas_alloc(ctx[c], &id))
			ioas[c][a] = id;
		break;
	case 3:
		object_destroy(ctx[c], rng(2) ? ioas[c][a] : rng(12) + 1);
		break;
	case 4: case 5: case 6:
		if (mem && !ioas_map(ctx[c], ioas[c][a], mem + rng(8) * PAGE, (1 + rng(8)) * PAGE, iova))
			counts->mapped++;
		break;
	case 7:
		ioas_unmap(ctx[c], ioas[c][a], rng(2) ? iova : 0, rng(2) ? 4 * PAGE : UINT64_MAX, NULL);
		break;
	case 8:
		ioas_copy(ctx[c], ioas[c][a], iova, ioas[c][rng(NR_IOAS)], some_iova(), (1 + rng(8)) * PAGE);
		break;
	case 9:
		if (!hwpt_alloc(ctx[c], dev_id[d], ioas[c][a], &id))
			hwpt[c] = id;
		break;
	case 10: case 11:
		if (!device_bind(dev[d], ctx[c], &id))
			dev_id[d] = id;
		break;
	case 12: case 13: case 14:
		id = rng(4) ? ioas[c][a] : hwpt[c];
		if (!device_attach(dev[d], id, NULL)) {
			counts->attached++;
			pwrite(dev[d], &enable, 2, CONFIG + 4);
		}
		break;
	case 15:
		if (!rng(3))
			device_detach(dev[d]);
		break;
	case 16:
		pwrite(dev[d], &enable, 2, CONFIG + 4);
		break;
	case 17:
		pread(dev[d], buf, sizeof(buf), rng(2) ? CONFIG + rng(64) * 4 : rng(0x60) * 4);
		break;
	case 18:
		map_bar(d);
		break;
	case 19:
		change_memory();
		break;
	case 20:
		if (!rng(10))
			forks();
		break;
	case 21:
		if (!rng(6))
			ioctl(dev[d], rng(2) ? VFIO_DEVICE_RESET : VFIO_DEVICE_PCI_HOT_RESET,
			      &(struct vfio_pci_hot_reset){ .argsz = sizeof(struct vfio_pci_hot_reset) });
		break;
	case 22:
		ioas_name(ctx[c], ioas[c][a], "racer");
		break;
	case 23:
		device_irq_set(dev[d], VFIO_PCI_MSI_IRQ_INDEX, -1);
	}
}

static void *racer(void *arg)
{
	rng_state = 88172645463325252ULL * ((uintptr_t)arg + 1);
	for (;;)
		one_call();
	return NULL;
}

static void write64(volatile uint8_t *regs, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(regs + reg) = value;
}

/* The only one to program this device: have it write, always, to anywhere the others map */
static void *dma(void *arg)
{
	int d = (uintptr_t)arg;

	rng_state = 2463534242ULL + d;
	for (;;) {
		volatile uint8_t *regs = bar[d];

		catching = true;
		if (regs && !sigsetjmp(fault, 1)) {
			write64(regs, 0x80, EDU_BUFFER);
			write64(regs, 0x88, some_iova() + rng(4) * PAGE);
			write64(regs, 0x90, 2048);
			*(volatile uint32_t *)(regs + 0x98) = 1 | 2;
			counts->pushes++;
		}
		catching = false;
		usleep(20000);
	}
	return NULL;
}

static int attacker(void *arg)
{
	struct sigaction sa = { .sa_handler = on_fault };
	pthread_t thread;

	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	rng_state = 1;
	for (int i = 0; i < 8; i++)
		memory_of[i] = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		pthread_create(&thread, NULL, racer, (void *)i);
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&thread, NULL, dma, (void *)i);
	for (;;)
		pause();
	return 0;
}

/* Whether memory that was just somebody else's stays what it is while late transfers could arrive */
static bool stays(void)
{
	char *mem = mmap(NULL, REUSED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t *words = (uint64_t *)mem;
	bool same = true;

	if (mem == MAP_FAILED)
		return false;
	memset(mem, 0x5a, REUSED);
	usleep(400000);
	for (size_t i = 0; i < REUSED / 8; i++)
		same = same && words[i] == 0x5a5a5a5a5a5a5a5aULL;
	munmap(mem, REUSED);
	return same;
}

static void give_nodes(void)
{
	for (int d = 0; d < NR_DEVICES; d++)
		if (!pci_node(address[d], node[d], sizeof(node[d])))
			chmod(node[d], 0666);
	chmod("/dev/iommu", 0666);
}

static void operator_meddles(int round)
{
	int d = round % NR_DEVICES;

	if (round < 2) {
		usleep(ROUND_MS * 1000);
		return;
	}
	for (int ms = 0; ms < ROUND_MS; ms += 500) {
		/*
		 * Unplugged only where nothing else is on the bus, looked for only there, and not reset by
		 * sysfs at all. Linux by itself gets these wrong: its reset of a bus does not expect a
		 * device to be added meanwhile, looking through a bus undoes or repeats a reset under
		 * way, and a reset loses the BARs when VFIO saves a device's state in the middle of it.
		 */
		if (d < 2 && rng(2))
			run_shell("echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > /sys/class/pci_bus/%.7s/rescan",
				  address[d], address[d]);
		else
			pci_bind(address[d], "");
		pci_bind(address[d], VM_DRIVER);
		give_nodes();
		usleep(300000);
		d = (d + 1) % NR_DEVICES;
	}
}

static int all_free(void)
{
	int wrong = 0;

	for (int d = 0; d < NR_DEVICES; d++) {
		struct edu_setup setup;
		uint8_t *mem = memory(PAGE, 'm');
		int fd = iommu_open(), rc;
		uint32_t id;

		if (pci_command(address[d]) & 4)
			wrong++, note("%s still masters the bus", address[d]);
		rc = fd < 0 ? fd : ioas_alloc(fd, &id);
		rc = rc ?: ioas_map(fd, id, mem, PAGE, 0x800000);
		rc = rc ?: edu_setup(&setup, address[d], fd, id);
		if (!rc) {
			usleep(300000); /* whatever it was told before is over */
			rc = edu_push(&setup.edu, 0x800000, 0, 16);
			edu_teardown(&setup);
		}
		if (rc)
			wrong++, note("%s: %d", address[d], rc);
		close(fd);
		munmap(mem, PAGE);
	}
	return wrong;
}

int main(void)
{
	long long pinned;

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	rng_state = 12345;
	for (int d = 0; d < NR_DEVICES; d++)
		REQUIRE_RC(pci_bind(address[d], VM_DRIVER), 0, "our driver has %s", address[d]);
	pinned = pages_pinned();
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid;

		give_nodes();
		pid = fork();
		if (!pid)
			_exit(run_as(ALICE, attacker, NULL));
		operator_meddles(round);
		/* on a slow machine, until enough has happened to be worth ending */
		for (int ms = 0; ms < 60000 && (counts->attached <= 3UL * round || counts->pushes <= 3UL * round);
		     ms += 10)
			usleep(10000);
		kill(pid, SIGKILL); /* and he with his parent, by PDEATHSIG */
		waitpid(pid, NULL, 0);
		CHECK(stays(), "S14 round %d: no late transfer into memory of others", round);
		note("after round %d: %lu calls, %lu attaches, %lu maps, %lu transfers", round, counts->calls,
		     counts->attached, counts->mapped, counts->pushes);
		for (int i = 0; i < 2000 && pages_pinned() != pinned; i++)
			usleep(5000);
		CHECK_EQ(pages_pinned(), pinned, "S15 round %d: no page is pinned any more", round);
		CHECK_EQ(all_free(), 0, "S14 round %d: every device is silent, free, and good for the next", round);
	}
	CHECK(counts->attached > 10 && counts->pushes > 10 && counts->mapped > 10,
	      "control: there was something to race");
	return checks_done();
}
