// SPDX-License-Identifier: GPL-2.0
/*
 * What an unprivileged holder of a device and a context can use up: memory that no limit of his counts,
 * memory that only his cgroup counts, and a CPU that nobody else gets.
 *
 * vm: about=S15 kernel memory and CPU time that a holder can use up
 * vm: append=iommufd_lsm.default_verdict=allow
 * The OOM killer is what ends those whose cgroup is full, and says so with a stack; those it may not kill see ENOMEM.
 * vm: expect=Memory cgroup out of memory: Killed process|Out of memory and no killable processes|Call Trace|RIP: 0033|\]  (\? )?[a-z_0-9.]+\+0x
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
#define BOB 1001
#define PAGE 4096UL
#define MIB (1024 * 1024L)
#define CGROUP "/sys/fs/cgroup/tenant"
#define LIMIT_MIB 8
#define NR_HWPTS 12000
#define NR_CONTEXTS 12
#define OF_CONTEXT 1024 /* HWPTs, as kmod/core/object.c has it */
#define OF_USER 4096
#define USER_MIB 36 /* 4096 HWPTs of 8 KiB, and a little */
#define FULL_MIB 16 /* for what the cgroup alone counts; enough to stand out from what a machine does besides */
#define UNCOUNTED_MIB 2 /* for whom each object is charged, and slabs that are not full */
#define SLACK (64 * 1024L) /* what may not wait is charged even when it is full: the signal it stops by */
#define ENDLESS 100000 /* more than fit */
#define NR_RANGES 65536u /* the most that may be allowed */

static struct shared {
	volatile long allocated;
	volatile int rc;
	volatile int rc_more, rc_map;
	volatile long cpu_ms, gave_way, map_ms;
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

/* What anybody may do who has a device: a context, an IOAS, memory mapped there, and the device attached to it */
static int bystander(void *arg)
{
	int ctx = iommu_open(), fd = -1, rc = ctx < 0 ? ctx : 0;
	uint32_t ioas, dev_id;

	(void)arg;
	rc = rc ?: ioas_alloc(ctx, &ioas);
	rc = rc ?: ioas_map(ctx, ioas, memory(PAGE, 'b'), PAGE, 1UL << 20);
	if (!rc) {
		fd = device_open(VM_EDU2);
		rc = fd < 0 ? fd : device_bind(fd, ctx, &dev_id);
	}
	rc = rc ?: device_attach(fd, ioas, NULL);
	return -rc & 0xff;
}

/* Page tables without end: each HWPT is an IOMMU domain */
static void many_hwpts(int contexts)
{
	while (contexts-- && shared->allocated < NR_HWPTS)
		shared->rc = fill_context();
	raise(SIGSTOP);
	_exit(0);
}

static void memory_of_hwpts(int contexts, long most, long limit_mib, const char *who)
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
	CHECK_EQ(shared->allocated, most, "S15 %s: so many HWPTs and no more", who);
	CHECK_RC(shared->rc, -ENOSPC, "S15 %s: it is the limit that ends them, and not the cgroup", who);
	/* who shares the uid shares the limit: a uid for each tenant */
	CHECK_EQ(run_as(ALICE, bystander, NULL), most == OF_USER ? ENOSPC : 0, "%s: what is left for the same uid", who);
	CHECK_EQ(run_as(BOB, bystander, NULL), 0, "S15 %s: another uid has a limit of its own", who);
	CHECK(used < limit_mib, "S15 %s: page tables do not take the host's memory", who);
	kill(pid, SIGKILL);
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 10000 && vmstat("nr_iommu_pages") > before + 256; i++)
		usleep(1000);
	CHECK(vmstat("nr_iommu_pages") <= before + 256, "S15 and all are given back");
}

/* --- what only a cgroup counts ---------------------------------------------------------------- */

static struct {
	int ctx;
	uint32_t ioas;
	void *page;
} tenant;

static int one_ioas(long n)
{
	uint32_t id;

	(void)n;
	return ioas_alloc(tenant.ctx, &id);
}

/* Without its file, of which there can only be as many as one may have open */
static int one_fault_queue(long n)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = iommu_call(tenant.ctx, IOMMU_FAULT_QUEUE_ALLOC, &cmd);

	(void)n;
	if (!rc)
		close(cmd.out_fault_fd);
	return rc;
}

/* No device is attached: nothing is pinned, so RLIMIT_MEMLOCK knows nothing of it */
static int one_mapping(long n)
{
	return ioas_map(tenant.ctx, tenant.ioas, tenant.page, PAGE, (n + 1) * PAGE);
}

/* The same page, which is pinned once, in so many page tables as there are mappings */
static int one_table(long n)
{
	uint64_t first = 4096 * MIB; /* no reserved region is there */

	return n ? ioas_copy(tenant.ctx, tenant.ioas, first + n * 2 * MIB, tenant.ioas, first, PAGE) :
		   ioas_map(tenant.ctx, tenant.ioas, tenant.page, PAGE, first);
}

static const struct kind {
	const char *name;
	int (*one)(long n);
	bool attached;
} kinds[] = {
	{ "IOASes", one_ioas, false },
	{ "fault queues", one_fault_queue, false },
	{ "mappings", one_mapping, false },
	{ "page tables", one_table, true },
};

/* Stops when there is no more memory, and when it goes on tries until it is killed */
static int exhaust(const struct kind *kind)
{
	uint32_t dev_id;
	int fd, rc;

	tenant.page = memory(PAGE, 'p');
	/* its own faults need no memory when there is none */
	if (mlockall(MCL_CURRENT) || write_file("/proc/self/oom_score_adj", "-1000") ||
	    write_file(CGROUP "/cgroup.procs", "0") || setresgid(ALICE, ALICE, ALICE) || setresuid(ALICE, ALICE, ALICE))
		return 1;
	tenant.ctx = iommu_open();
	rc = tenant.ctx < 0 ? tenant.ctx : ioas_alloc(tenant.ctx, &tenant.ioas);
	if (!rc && kind->attached) {
		fd = device_open(VM_EDU);
		rc = fd < 0 ? fd : device_bind(fd, tenant.ctx, &dev_id);
		rc = rc ?: device_attach(fd, tenant.ioas, NULL);
	}
	while (!rc && shared->allocated < ENDLESS) {
		rc = kind->one(shared->allocated);
		if (!rc)
			shared->allocated++;
	}
	shared->rc = rc;
	raise(SIGSTOP);
	for (long n = shared->allocated; n < ENDLESS; n++)
		kind->one(n);
	return 0;
}

static long number_in(const char *path, const char *key)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			number = atol(line + strlen(key));
	if (file)
		fclose(file);
	return number;
}

/* What all of the kernel's objects and IOMMU page tables take, KiB: free memory also changes with the lists of each CPU */
static long kernel_kib(void)
{
	return number_in("/proc/meminfo", "Slab:") + number_in("/proc/meminfo", "SecPageTables:");
}

static void new_cgroup(int mib)
{
	rmdir(CGROUP);
	REQUIRE(!mkdir(CGROUP, 0755), "a cgroup for a tenant");
	REQUIRE_RC(run_shell("echo %dM > " CGROUP "/memory.max", mib), 0, "with a limit");
}

/* What a cgroup is charged with is what the kernel spends: no object, mapping or table passes it by */
static void memory_of_cgroup(const struct kind *kind)
{
	long before, used, charged;
	char path[64];
	pid_t pid;
	int status;

	new_cgroup(FULL_MIB);
	shared->allocated = 0;
	shared->rc = 0;
	before = kernel_kib();
	pid = fork();
	if (!pid)
		_exit(exhaust(kind));
	waitpid(pid, &status, WUNTRACED);
	used = kernel_kib() - before;
	charged = number_in(CGROUP "/memory.current", "");
	note("%s: %ld, then %d; the cgroup is charged with %ld KiB, the kernel has %ld KiB more", kind->name,
	     shared->allocated, shared->rc, charged / 1024, used);
	if (!CHECK(WIFSTOPPED(status), "control: a tenant makes as many %s as it can", kind->name))
		return;
	CHECK_RC(shared->rc, -ENOMEM, "S15 the cgroup ends its %s", kind->name);
	CHECK(charged > (FULL_MIB - 1) * MIB && charged <= FULL_MIB * MIB + SLACK, "S15 %s: it is full, and not more",
	      kind->name);
	/* kmemleak notes each allocation, for which nobody is charged */
	if (vm_slowness() == 1)
		CHECK(used < (FULL_MIB + UNCOUNTED_MIB) * 1024, "S15 %s: all they cost is charged", kind->name);
	CHECK_EQ(run_as(BOB, bystander, NULL), 0, "S15 %s: others get what they need meanwhile", kind->name);

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	REQUIRE_RC(write_file(path, "0"), 0, "it may be killed now");
	kill(pid, SIGCONT);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "S15 %s: who does not stop is killed", kind->name);
	CHECK(number_in(CGROUP "/memory.events", "oom_kill ") == 1, "S15 %s: by its cgroup", kind->name);
	CHECK(number_in(CGROUP "/memory.peak", "") <= FULL_MIB * MIB + SLACK, "S15 %s: which was never more than full", kind->name);
	CHECK_EQ(run_as(BOB, bystander, NULL), 0, "S15 %s: others get what they need afterwards", kind->name);
}

/* --- processor time --------------------------------------------------------------------------- */

static long cpu_ms(const struct rusage *since)
{
	struct rusage now;

	getrusage(RUSAGE_THREAD, &now);
	return (now.ru_stime.tv_sec - since->ru_stime.tv_sec) * 1000 +
	       (now.ru_stime.tv_usec - since->ru_stime.tv_usec) / 1000;
}

/* As many ranges as there may be, and a map that looks through all, on a CPU that somebody else wants too */
static int many_ranges(void *arg)
{
	struct iommu_ioas_allow_iovas cmd = { .size = sizeof(cmd), .num_iovas = NR_RANGES };
	struct iommu_ioas_map map = {
		.size = sizeof(map), .flags = IOMMU_IOAS_MAP_READABLE, .length = 8192, /* more than each has */
	};
	struct iommu_iova_range *ranges;
	struct rusage before, after;
	uint32_t ioas;
	int ctx = iommu_open();

	(void)arg;
	ranges = mmap(NULL, (NR_RANGES + 1) * sizeof(*ranges), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (ctx < 0 || ioas_alloc(ctx, &ioas) || ranges == MAP_FAILED)
		return 1;
	for (uint64_t i = 0; i <= NR_RANGES; i++) {
		uint64_t n = i < NR_RANGES ? (i * 2654435761u) % NR_RANGES : NR_RANGES; /* in no order */

		ranges[i].start = n * 0x2000;
		ranges[i].last = n * 0x2000 + 0xfff;
	}
	cmd.ioas_id = ioas;
	cmd.allowed_iovas = (uintptr_t)ranges;
	getrusage(RUSAGE_THREAD, &before);
	shared->rc = iommu_call(ctx, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
	shared->cpu_ms = cpu_ms(&before);
	getrusage(RUSAGE_THREAD, &after);
	shared->gave_way = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw;
	cmd.num_iovas = NR_RANGES + 1;
	shared->rc_more = iommu_call(ctx, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
	map.ioas_id = ioas;
	map.user_va = (uintptr_t)ranges & -4096UL;
	shared->rc_map = iommu_call(ctx, IOMMU_IOAS_MAP, &map);
	shared->map_ms = cpu_ms(&after);
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
	CHECK_RC(shared->rc, 0, "so many are taken");
	CHECK_RC(shared->rc_more, -E2BIG, "S11 and no more: who takes a device away may wait for a map that looks through all");
	CHECK_RC(shared->rc_map, -ENOSPC, "control: that finds no place");
	note("in %ld ms of CPU time", shared->map_ms);
	CHECK(shared->map_ms < 300 * vm_number("VM_SLOWNESS", 1), "S11 which does not take long");
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
	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "and another one");
	REQUIRE_RC(pci_node(VM_EDU2, node, sizeof(node)), 0, "with a node");
	REQUIRE(!chmod(node, 0666), "everybody may open that, too");
	run_shell("echo +memory > /sys/fs/cgroup/cgroup.subtree_control");
	new_cgroup(LIMIT_MIB);
	memory_of_hwpts(1, OF_CONTEXT, LIMIT_MIB, "one context");
	/* a user's own limit, for IOMMU drivers count a HWPT's top table on nobody's account */
	memory_of_hwpts(NR_CONTEXTS, OF_USER, USER_MIB, "a device taken from context to context");
	memory_of_hwpts(1, OF_CONTEXT, LIMIT_MIB, "one context again");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		memory_of_cgroup(&kinds[i]);
	cpu_of_ranges();
	return checks_done();
}
