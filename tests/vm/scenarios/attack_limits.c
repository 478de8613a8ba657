// SPDX-License-Identifier: GPL-2.0
/*
 * What an unprivileged holder of a device and a context can use up: memory that no limit of his counts,
 * and a CPU that nobody else gets.
 *
 * vm: about=S15 kernel memory and CPU time that a holder can use up
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define ALICE 1000
#define PAGE 4096UL
#define MIB (1024 * 1024L)
#define CGROUP "/sys/fs/cgroup/tenant"
#define LIMIT_MIB 8
#define NR_HWPTS 12000
#define NR_CONTEXTS 12
#define USER_MIB 36 /* 4096 HWPTs of 8 KiB, and a little */
#define NR_RANGES (1u << 18)

static struct shared {
	volatile long allocated;
	volatile int rc;
	volatile long cpu_ms, gave_way;
} *shared;

/* As many as one context takes; the device goes from one context to the next, what was made for it stays */
static int fill_context(void)
{
	int ctx = iommu_open(), fd = -1, rc = ctx < 0 ? ctx : 0;
	uint32_t ioas, dev_id, id;

	rc = rc ?: ioas_alloc(ctx, &ioas);
	if (!rc) {
		fd = device_open(VM_EDU);
		rc = fd < 0 ? fd : device_bind(fd, ctx, &dev_id);
	}
	while (!rc && shared->allocated < NR_HWPTS) {
		rc = hwpt_alloc(ctx, dev_id, ioas, &id);
		if (!rc)
			shared->allocated++;
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Page tables without end: each HWPT is an IOMMU domain */
static void many_hwpts(int contexts)
{
	while (contexts-- && shared->allocated < NR_HWPTS)
		shared->rc = fill_context();
	raise(SIGSTOP);
	_exit(0);
}

static void memory_of_hwpts(int contexts, long limit_mib, const char *who)
{
	long before, used;
	pid_t pid;
	int status;

	shared->allocated = 0;
	before = vmstat("nr_iommu_pages");
	pid = fork();
	if (!pid) {
		if (write_file(CGROUP "/cgroup.procs", "0") || setresgid(ALICE, ALICE, ALICE) ||
		    setresuid(ALICE, ALICE, ALICE))
			_exit(1);
		many_hwpts(contexts);
	}
	waitpid(pid, &status, WUNTRACED);
	used = (vmstat("nr_iommu_pages") - before) / 256;
	note("%s: %ld HWPTs, then %d; %ld MiB of page tables, to be less than %ld MiB", who,
	     shared->allocated, shared->rc, used, limit_mib);
	CHECK(shared->allocated > 100, "control: a tenant makes many HWPTs, %s", who);
	CHECK(used < limit_mib, "S15 %s: page tables do not take the host's memory", who);
	kill(pid, SIGKILL);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 10000 && vmstat("nr_iommu_pages") > before + 256; i++)
		usleep(1000);
	CHECK(vmstat("nr_iommu_pages") <= before + 256, "S15 and all are given back");
}

/* One call with millions of ranges, on a CPU that somebody else wants too */
static int many_ranges(void *arg)
{
	struct iommu_ioas_allow_iovas cmd = { .size = sizeof(cmd), .num_iovas = NR_RANGES };
	struct iommu_iova_range *ranges;
	struct rusage before, after;
	uint32_t ioas;
	int ctx = iommu_open();

	(void)arg;
	ranges = mmap(NULL, NR_RANGES * sizeof(*ranges), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ctx < 0 || ioas_alloc(ctx, &ioas) || ranges == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i < NR_RANGES; i++) {
		uint64_t n = (i * 2654435761u) % NR_RANGES; /* in no order */

		ranges[i].start = n * 0x2000;
		ranges[i].last = n * 0x2000 + 0xfff;
	}
	cmd.ioas_id = ioas;
	cmd.allowed_iovas = (uintptr_t)ranges;
	getrusage(RUSAGE_THREAD, &before);
	shared->rc = iommu_call(ctx, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
	getrusage(RUSAGE_THREAD, &after);
	shared->cpu_ms = (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 +
			 (after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1000;
	shared->gave_way = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw;
	return 0;
}

/* Counted in turns and not in time: a host that stands still takes time from everybody */
static void cpu_of_ranges(void)
{
	cpu_set_t set;
	pid_t rival;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	rival = fork();
	if (!rival)
		for (;;)
			(void)getppid(); /* always wants the CPU */
	CHECK_EQ(run_as(ALICE, many_ranges, NULL), 0, "a call with %u ranges returns", NR_RANGES);
	kill(rival, SIGKILL);
	waitpid(rival, NULL, 0);
	note("it returns %d after %ld ms of CPU time, in which others on its CPU had %ld turns", shared->rc,
	     shared->cpu_ms, shared->gave_way);
	CHECK(shared->cpu_ms < 300 || shared->gave_way > shared->cpu_ms / 100,
	      "it gives way to others while it works on them");
}

int main(void)
{
	char node[64];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	REQUIRE_RC(pci_node(VM_EDU, node, sizeof(node)), 0, "it has a node");
	REQUIRE(!chmod(node, 0666) && !chmod("/dev/iommu", 0666), "everybody may open it");
	REQUIRE(!mkdir(CGROUP, 0755) || errno == EEXIST, "a cgroup for a tenant");
	run_shell("echo +memory > /sys/fs/cgroup/cgroup.subtree_control");
	REQUIRE_RC(run_shell("echo %dM > " CGROUP "/memory.max", LIMIT_MIB), 0, "with a limit");
	memory_of_hwpts(1, LIMIT_MIB, "one context");
	/* a user's own limit, for IOMMU drivers count page tables on nobody's account */
	memory_of_hwpts(NR_CONTEXTS, USER_MIB, "a device taken from context to context");
	memory_of_hwpts(1, LIMIT_MIB, "one context again");
	cpu_of_ranges();
	return checks_done();
}
