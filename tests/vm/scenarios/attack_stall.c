// SPDX-License-Identifier: GPL-2.0
/*
 * S11, S14: who gives the kernel memory that it has to wait for stops himself and nobody else. Alice has
 * calls of hers wait for a page whose faults she answers and does not: an attach, a move, two HWPT_ALLOCs, a copy
 * of memory that is mapped for her device too. Bob goes on with his device and with hers where he may; the operator
 * sees what is there, and has it judged again; and whatever Alice has stalled, unbinding the driver, revoking her
 * device or having it judged by what denies it ends its DMA and its translation at once. What waits for her calls ends at the latest when she is killed.
 *
 * vm: about=S11 S14 memory that answers no faults stops only its owner
 * vm: timeout=400
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "hooks.h"
#include "vm.h"

#define IOVA 0x800000
#define COPY_IOVA 0x900000
#define PATIENCE 15000 /* milliseconds that a busy host may take for what takes none */

enum stall { ATTACH, MOVE, HWPT, HWPT_ANSWER, COPY, NR_STALLS };
enum how { UNBIND, REVOKE, RECHECK, NR_HOWS };

static const char *const stall_name[NR_STALLS] = {
	"an attach", "a move", "two HWPT_ALLOCs", "HWPT_ALLOC's answer", "a copy",
};

static const char *const how_name[NR_HOWS] = { "an unbind", "a revocation", "a denied recheck" };

static struct shared {
	uint8_t mem[4096];  /* first: aligned to a page */
	volatile int ready; /* 1 the calls are under way, or an errno */
	volatile int returned;
	volatile bool cut;
} *shared;

/* --- Alice ------------------------------------------------------------------------------------------ */

static struct edu_setup setup;
static int iommufd, uffd;
static uint32_t ioas[2]; /* the second holds the page that nobody fills */

static void *attach(void *arg)
{
	(void)arg;
	device_attach(setup.fd, ioas[1], NULL);
	shared->returned++;
	return NULL;
}

static void *alloc(void *arg)
{
	struct iommu_hwpt_alloc cmd = { .size = sizeof(cmd), .dev_id = setup.dev_id };
	void *at = &cmd;

	cmd.pt_id = ioas[arg ? 0 : 1];
	if (arg) {
		/* the page is there to be read, and is not when the answer is written */
		at = (char *)arg + 4096 - offsetof(struct iommu_hwpt_alloc, out_hwpt_id);
		memcpy(at, &cmd, offsetof(struct iommu_hwpt_alloc, out_hwpt_id));
	}
	iommu_call(iommufd, IOMMU_HWPT_ALLOC, at);
	shared->returned++;
	return NULL;
}

/* The address space of her device maps small pages from now on, so that what is mapped can be cut */
static int small_pages(void)
{
	struct iommu_vfio_ioas cmd = { .size = sizeof(cmd), .ioas_id = ioas[0], .op = IOMMU_VFIO_IOAS_SET };
	int rc = iommu_call(iommufd, IOMMU_VFIO_IOAS, &cmd);

	return rc ?: ioctl(iommufd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) ? -errno : 0;
}

static void *copy(void *unused)
{
	ioas_copy(iommufd, ioas[0], COPY_IOVA + 0x10000, ioas[1], COPY_IOVA + 8192, 4096);
	shared->returned++;
	return unused;
}

/* Of the same memory, two pages that are there and in the reach of her device: one of them is to go */
static void *cut(void *unused)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = COPY_IOVA, .size = 4096 };

	if (!iommu_call(iommufd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		shared->cut = true;
	return unused;
}

/* Three pages in an address space that nothing shows, and the first two in that of her device */
static int share_memory(void)
{
	char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED || stalling_from(uffd, page + 8192))
		return -ENOMEM;
	memset(page, 'p', 8192);
	return ioas_map(iommufd, ioas[1], page, 3 * 4096, COPY_IOVA) ?:
		ioas_copy(iommufd, ioas[0], COPY_IOVA, ioas[1], COPY_IOVA, 8192);
}

static void alice(enum stall stall, const char *address)
{
	pthread_t thread;
	char *page;
	int rc;

	uffd = stalling_open();
	iommufd = iommu_open();
	rc = uffd < 0 ? uffd : 0;
	rc = rc ?: ioas_alloc(iommufd, &ioas[0]) ?: ioas_alloc(iommufd, &ioas[1]);
	if (stall == COPY)
		rc = rc ?: small_pages();
	rc = rc ?: ioas_map(iommufd, ioas[0], shared->mem, 4096, IOVA);
	page = stalling_page(uffd);
	if (stall != COPY)
		rc = rc ?: ioas_map(iommufd, ioas[1], page, 4096, IOVA);
	if (stall == ATTACH) {
		setup.fd = device_open(address);
		rc = rc ?: device_bind(setup.fd, iommufd, &setup.dev_id);
	} else {
		rc = rc ?: edu_setup(&setup, address, iommufd, ioas[0]);
	}
	if (stall == COPY)
		rc = rc ?: share_memory();
	if (rc) {
		shared->ready = rc;
		_exit(1);
	}
	switch (stall) {
	case ATTACH:
	case MOVE:
		pthread_create(&thread, NULL, attach, NULL);
		break;
	case HWPT:
		pthread_create(&thread, NULL, alloc, NULL);
		pthread_create(&thread, NULL, alloc, NULL);
		break;
	case COPY:
		pthread_create(&thread, NULL, copy, NULL);
		break;
	default:
		/* its fields up to the answer end where the page begins that is not there */
		page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stalling_from(uffd, page + 4096);
		pthread_create(&thread, NULL, alloc, page);
	}
	while (!stalling_wait(uffd, PATIENCE))
		;
	if (stall == COPY)
		pthread_create(&thread, NULL, cut, NULL);
	usleep(100000); /* the second HWPT_ALLOC waits for the first */
	shared->ready = 1;
	for (;;)
		pause();
}

/* --- everybody else ----------------------------------------------------------------------------------- */

/* A child's exit status, or -1 if it does not end in time; it is left alone then */
static int ends_in_time(pid_t pid, int milliseconds)
{
	int status;

	for (; milliseconds > 0; milliseconds -= 5) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		usleep(5000);
	}
	return -1;
}

/* Somebody else's device, context and address space: all of its life */
static int bob_works(void)
{
	struct edu_setup mine;
	uint8_t *mem = memory(4096, 'b');
	uint32_t id;
	int ctx = iommu_open();

	if (ctx < 0 || ioas_alloc(ctx, &id) || ioas_map(ctx, id, mem, 4096, IOVA))
		return 1;
	if (edu_setup(&mine, VM_EDU2, ctx, id))
		return 2;
	if (edu_push(&mine.edu, IOVA, 0, 16) || mem[0] == 'b')
		return 3;
	if (device_detach(mine.fd))
		return 4;
	edu_teardown(&mine);
	return 0;
}

/* The sibling of Alice's device: bob opens it, and cannot have it */
static int bob_tries_sibling(void)
{
	struct iommufd_device_claim_info info = { .size = sizeof(info) };
	int ctx = iommu_open(), fd = device_open(VM_PAIR2), rc;
	uint32_t id;

	if (ctx < 0 || fd < 0)
		return 1;
	rc = device_bind(fd, ctx, &id);
	if (rc != -EPERM && rc != -EBUSY)
		return 2;
	return device_claim_info(fd, &info) ? 3 : info.reason == IOMMUFD_CLAIM_CONTEXT ? 0 : 4;
}

/* When hers is taken away the group is his, whatever she has stalled */
static int bob_gets_sibling(void)
{
	int ctx = iommu_open(), fd = device_open(VM_PAIR2), rc = -EBUSY;
	uint32_t id;

	if (ctx < 0 || fd < 0)
		return 1;
	for (int i = 0; i < 5000 && rc; i++) {
		rc = device_bind(fd, ctx, &id);
		usleep(1000);
	}
	return rc ? 2 : 0;
}

static int operator_looks(void)
{
	return run_shell("cat /proc/iommufd /proc/iommufd_lsm > /dev/null");
}

static void expect(int (*fn)(void), const char *what, const char *stalled)
{
	pid_t pid = fork();
	int rc;

	if (!pid)
		_exit(fn());
	rc = ends_in_time(pid, PATIENCE);
	CHECK_EQ(rc, 0, "S14 with %s stalled %s", stalled, what);
	if (rc == -1)
		kill(pid, SIGKILL);
}

static bool is_attached(const char *address)
{
	char match[64];

	snprintf(match, sizeof(match), "address=%s attached=1", address);
	return proc_find("/proc/iommufd", "device", match, NULL, NULL, 0);
}

static bool is_busy(void)
{
	return proc_find("/proc/iommufd", "group", "state=busy", NULL, NULL, 0);
}

static int write_one(const char *address, const char *name)
{
	char path[96];
	int rc, file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	rc = file < 0 || write(file, "1", 1) != 1 ? errno : 0;
	close(file);
	return rc;
}

static int operator_judges(void)
{
	int rc = write_one(VM_PAIR1, "iommufd_recheck");

	return rc == ESRCH ? 0 : rc; /* an attach under way is none yet */
}

/* Return: an exit status for "it is taken away" and an errno for anything else */
static int take(enum how how)
{
	int rc;

	switch (how) {
	case UNBIND:
		return !!pci_bind(VM_PAIR1, "");
	case REVOKE:
		rc = write_one(VM_PAIR1, "iommufd_revoke");
		return rc == EINPROGRESS ? 0 : rc;
	default:
		set_default_verdict("deny");
		rc = write_one(VM_PAIR1, "iommufd_recheck");
		set_default_verdict("allow");
		return rc == EACCES ? 0 : rc ?: EPROTO;
	}
}

static void stalled(enum stall stall, enum how how)
{
	const char *name = stall_name[stall];
	bool unbind = how == UNBIND, ended = false;
	pid_t pid, taker;
	int i, rc;

	memset(shared, 0, sizeof(*shared));
	pid = fork();
	if (!pid)
		alice(stall, VM_PAIR1);
	for (i = 0; i < PATIENCE && !shared->ready; i++)
		usleep(1000);
	if (!CHECK_EQ(shared->ready, 1, "control: %s is under way", name))
		goto out_kill;
	CHECK_EQ(shared->returned, 0, "control: and waits for its memory");

	expect(operator_looks, "the operator sees what is there", name);
	expect(operator_judges, "the operator has it judged again", name);
	expect(bob_works, "another user goes on with a device of his own", name);
	if (stall == COPY)
		CHECK(shared->cut, "S14 with a copy stalled other calls go on with the same memory");
	expect(bob_tries_sibling, "another user is told that the group is taken", name);

	taker = fork();
	if (!taker)
		_exit(take(how));
	for (i = 0; i < PATIENCE && !ended; i += 5) {
		usleep(5000);
		ended = !is_attached(VM_PAIR1) && !is_busy(); /* seen once: what follows keeps it busy for a moment */
	}
	CHECK(ended, "S11 with %s stalled %s ends the translation", name, how_name[how]);
	CHECK(!(pci_command(VM_PAIR1) & PCI_COMMAND_MASTER), "S11 and bus mastering");
	CHECK_EQ(shared->returned, 0, "control: the calls wait still");
	rc = unbind ? 0 : ends_in_time(taker, PATIENCE);
	CHECK_EQ(rc, 0, "S11 the operator does not wait for her");
	expect(operator_looks, "the operator sees what is there, after it", name);
	expect(bob_works, "another user goes on, after it", name);
	expect(bob_gets_sibling, "the group is free for another user", name);
	kill(pid, SIGKILL);
	rc = unbind ? ends_in_time(taker, PATIENCE) : 0;
	CHECK_EQ(rc, 0, "S11 the unbind is done when the holder is killed, who had %s stalled", name);
	CHECK(!is_attached(VM_PAIR1), "S11 and nothing is attached any more");
out_kill:
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED, "shared memory");
	for (int n = 0; n < NR_STALLS * NR_HOWS; n++) {
		if (n == ATTACH * NR_HOWS + RECHECK)
			continue; /* what is not attached is not judged */
		REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has the device");
		REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "and its sibling");
		stalled(n / NR_HOWS, n % NR_HOWS);
	}
	return checks_done();
}
