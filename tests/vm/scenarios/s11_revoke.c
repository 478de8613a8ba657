// SPDX-License-Identifier: GPL-2.0
/*
 * S11: a device is taken from its holder, who is inside every call there is: threads of his read and
 * write config space, touch a BAR, map it, read and write it by calls, reset the device, set interrupts,
 * ask, attach, move and detach, and turn bus mastering on again as often as they can, while the device
 * writes to memory. By an operator, by a verdict, by unbinding the driver, by removing the device. When
 * that has returned no byte arrives any more, every thread has been told, and the fd is dead until it is
 * closed. And one of a pair while its sibling's fd resets the bus of both.
 *
 * The file to write to is what `iommufd-lsm revoke` uses; the command itself is tried at the end.
 *
 * vm: about=S11 a device is taken away: threads in every call, DMA running, times with 1 GiB mapped
 * vm: mem=2G
 * vm: timeout=300
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "hooks.h"
#include "vm.h"

#define IOVA 0x600000
#define EDU_BUFFER 0x40000
#define EDU_LIVENESS 4 /* a register */
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define GIB (1UL << 30)
#define ROUNDS 8 /* each way to take a device away, with and without detaches */
#define PATIENCE_MS 30000
#define TOLD_SECONDS 3 /* each times vm_slowness(); milliseconds where nobody hinders it */
#define DONE_SECONDS 3
#define PAIR_ROUNDS 5

/* --- the holder, a process -------------------------------------------------------------------- */

enum { CONFIG_SPACE, BAR, REGISTERS, MAPPING, RESETS, INTERRUPTS, QUESTIONS, MOVES, NR_KINDS };

static const char *const kind_name[NR_KINDS] = {
	"config space", "a BAR", "a BAR by calls", "mmap", "reset", "interrupts", "questions", "attach, move and detach",
};

static struct shared {
	uint8_t mem[4096]; /* first: aligned to a page */
	atomic_int ready;  /* 1, or a negative errno */
	atomic_int go;
	atomic_ulong calls[NR_KINDS];
	atomic_ulong transfers;
	_Atomic double told; /* when poll returned and said so; 0 it did not */
	atomic_int refused;  /* threads that were told EIO or SIGBUS and ended */
} *shared;

static int iommufd, fd;
static uint32_t ioas[2], dev_id;
static bool detaches; /* in this round the device is not only moved */
static bool stays;    /* or not even that */
static volatile uint8_t *bar;
static __thread sigjmp_buf fault;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

static bool told(void)
{
	return poll_events(fd, 0) & POLLHUP;
}

/* One turn of each kind. Return: 0, or a negative errno. */
static int turn_config(void)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char header[64];

	if (pread(fd, header, sizeof(header), CONFIG) < 0)
		return -errno;
	return pwrite(fd, &command, 2, CONFIG + PCI_COMMAND) < 0 ? -errno : 0;
}

static int turn_bar(void)
{
	struct edu edu = { .fd = fd, .bar = bar };

	if (sigsetjmp(fault, 1))
		return -EFAULT;
	if (!edu_busy(&edu)) {
		edu_start(&edu, EDU_BUFFER, IOVA, 64, true);
		shared->transfers++;
	}
	return 0;
}

/* A register without effect, which answers with what was written inverted */
static int turn_registers(void)
{
	uint32_t value = 0x5a5a5a5a;

	if (pwrite(fd, &value, sizeof(value), EDU_LIVENESS) < 0)
		return -errno;
	return pread(fd, &value, sizeof(value), EDU_LIVENESS) < 0 ? -errno : 0;
}

static int turn_reset(void)
{
	return iommu_call(fd, VFIO_DEVICE_RESET, NULL);
}

static int turn_mapping(void)
{
	volatile uint8_t *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int rc = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (sigsetjmp(fault, 1))
		rc = -EFAULT;
	else
		*(volatile uint32_t *)(map + 4) = 1;
	munmap((void *)map, 4096);
	return rc;
}

static int turn_interrupts(void)
{
	static __thread int efd = -1;
	int rc;

	if (efd < 0)
		efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rc = device_irq_set(fd, VFIO_PCI_MSI_IRQ_INDEX, efd);
	return rc ? rc : device_irq_set(fd, VFIO_PCI_MSI_IRQ_INDEX, -1);
}

static int turn_questions(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region;
	int rc = iommu_call(fd, VFIO_DEVICE_GET_INFO, &info);

	return rc ? rc : device_region(fd, 0, &region);
}

static int turn_moves(void)
{
	static __thread unsigned int n;
	int rc;

	n += !stays;
	if (!detaches || n % 16)
		return device_attach(fd, ioas[n & 1], NULL);
	rc = device_detach(fd);
	return rc ? rc : device_attach(fd, ioas[n & 1], NULL);
}

static int (*const turn[NR_KINDS])(void) = {
	turn_config, turn_bar, turn_registers, turn_mapping, turn_reset, turn_interrupts, turn_questions, turn_moves,
};

/*
 * Until it is refused because the device was taken away; what a detach refuses is tried again. Registers answer EIO
 * also while memory access is off, as between a detach and the next attach.
 */
static void *works(void *arg)
{
	int kind = (intptr_t)arg, rc;

	while (!shared->go)
		usleep(1000);
	for (;;) {
		rc = turn[kind]();
		if ((rc == -EIO && (kind != REGISTERS || told())) || (rc == -EFAULT && told()))
			break;
		if (!rc)
			shared->calls[kind]++;
	}
	shared->refused++;
	return NULL;
}

static void *waits(void *arg)
{
	struct pollfd pfd = { .fd = fd };

	(void)arg;
	poll(&pfd, 1, -1);
	if (pfd.revents == (POLLHUP | POLLERR))
		shared->told = now();
	return NULL;
}

static int begin(uint64_t big)
{
	struct edu_setup setup;
	void *mem;
	int rc;

	iommufd = iommu_open();
	rc = iommufd < 0 ? iommufd : ioas_alloc(iommufd, &ioas[0]);
	rc = rc ?: ioas_alloc(iommufd, &ioas[1]);
	rc = rc ?: ioas_map(iommufd, ioas[0], shared->mem, 4096, IOVA);
	rc = rc ?: ioas_map(iommufd, ioas[1], shared->mem, 4096, IOVA);
	if (!rc && big) {
		mem = mmap(NULL, big, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(mem, big, MADV_HUGEPAGE); /* for the time of the test alone */
		rc = mem == MAP_FAILED ? -errno : ioas_map(iommufd, ioas[0], mem, big, GIB);
	}
	rc = rc ?: edu_setup(&setup, VM_EDU, iommufd, ioas[0]);
	fd = setup.fd;
	bar = setup.edu.bar;
	dev_id = setup.dev_id;
	return rc;
}

static int holder(uint64_t big)
{
	struct sigaction act = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pthread_t thread[NR_KINDS], waiter;
	uint32_t value;
	int rc = begin(big);

	sigaction(SIGBUS, &act, NULL);
	for (intptr_t i = 0; !rc && i < NR_KINDS; i++)
		rc = -pthread_create(&thread[i], NULL, works, (void *)i);
	rc = rc ?: -pthread_create(&waiter, NULL, waits, NULL);
	shared->ready = rc ?: 1;
	if (rc)
		return 1;
	for (int i = 0; i < NR_KINDS; i++)
		pthread_join(thread[i], NULL);
	pthread_join(waiter, NULL);
	expect_dead(fd, iommufd, ioas[0], "holder in every call");
	CHECK_EQ(touch(bar, &value), SIGBUS, "S11 its BAR mapping is dead");
	return 0;
}

/* --- the operator ----------------------------------------------------------------------------- */

static int write_attribute(const char *address, const char *name, const char *text)
{
	char path[96];
	int rc = 0, file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (write(file, text, strlen(text)) < 0)
		rc = -errno;
	close(file);
	return rc;
}

static int revoke_device(const char *address)
{
	return write_attribute(address, "iommufd_revoke", "1");
}

/* All that can take a device away */
enum way { OPERATOR, POLICY, UNBIND, REMOVE, NR_WAYS };

static const char *const way_name[NR_WAYS] = {
	"the operator revokes", "a policy denies it", "the driver is unbound", "the device is removed",
};

/*
 * A holder who detaches and attaches again is judged when he attaches; at this moment there may be nothing to judge.
 * Then once more when he had time to attach. *@start is when it began that was not for nothing.
 */
static int recheck_denied(double *start)
{
	int rc = -ESRCH, i;

	for (i = 0; rc == -ESRCH && i < PATIENCE_MS; i += 50) {
		*start = now();
		set_default_verdict("deny");
		rc = write_attribute(VM_EDU, "iommufd_recheck", "1");
		set_default_verdict("allow");
		if (rc == -ESRCH)
			usleep(50000);
	}
	return rc == -EACCES ? 0 : rc ? rc : -EPROTO;
}

static int take_away(enum way way, double *start)
{
	*start = now();
	switch (way) {
	case OPERATOR:
		return revoke_device(VM_EDU);
	case POLICY:
		return recheck_denied(start);
	case UNBIND:
		return pci_bind(VM_EDU, "");
	default:
		return write_attribute(VM_EDU, "remove", "1");
	}
}

static void give_back(enum way way)
{
	if (way == REMOVE)
		REQUIRE_RC(run_shell("echo 1 > /sys/bus/pci/rescan"), 0, "the device is found again");
	if (way == REMOVE || way == UNBIND)
		REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has it again");
}

static bool is_master(enum way way)
{
	return way != REMOVE && pci_command(VM_EDU) & PCI_COMMAND_MASTER;
}

static int ends_in_time(pid_t pid)
{
	int status;

	for (int i = 0; i < PATIENCE_MS; i += 5) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		usleep(5000);
	}
	return -1;
}

static bool all_at_work(void)
{
	for (int i = 0; i < NR_KINDS; i++)
		if (!shared->calls[i])
			return false;
	return shared->mem[0] != 'm';
}

/* Whether the memory holds nothing but what was put there */
static bool untouched(uint8_t byte)
{
	for (size_t i = 0; i < sizeof(shared->mem); i++)
		if (shared->mem[i] != byte)
			return false;
	return true;
}

static void round_of(int n, uint64_t big)
{
	enum way way = n % NR_WAYS;
	unsigned long before[NR_KINDS];
	double start, done;
	int i;
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	memset(shared->mem, 'm', sizeof(shared->mem));
	stays = big;
	detaches = n / NR_WAYS & 1;
	pid = fork();
	if (!pid)
		_exit(holder(big));
	for (i = 0; i < PATIENCE_MS && !shared->ready; i++)
		usleep(1000);
	if (!CHECK_EQ(shared->ready, 1, "control: the holder has the device"))
		goto out_kill;
	shared->go = 1;
	for (i = 0; i < PATIENCE_MS && !all_at_work(); i++)
		usleep(1000);
	if (!CHECK(all_at_work(), "control: DMA arrives, threads are in every call"))
		goto out_kill;
	usleep(20000 + n * 13000 % 90000); /* an edu transfer takes 100 ms: somewhere in one */

	CHECK_RC(take_away(way, &start), 0, "S11 %s", way_name[way]);
	done = now();
	for (i = 0; i < NR_KINDS; i++)
		before[i] = shared->calls[i];
	memset(shared->mem, 'x', sizeof(shared->mem));
	CHECK(!is_master(way), "S11 bus mastering is off");
	CHECK(!proc_find("/proc/iommufd", "device", "address=" VM_EDU, NULL, NULL, 0),
	      "S11 the device belongs to no context");
	usleep(250000);
	CHECK(untouched('x'), "S11 no byte arrives after the revocation has returned");
	CHECK(!is_master(way), "S11 bus mastering stays off");
	CHECK_EQ(ends_in_time(pid), 0, "S11 the holder sees it in every thread, and ends");
	CHECK_EQ(shared->refused, NR_KINDS, "S11 each of his threads was refused");
	give_back(way);
	note("round %d, %s: %lu transfers; told after %.1f ms, all done after %.1f ms%s", n,
	     way_name[way], (unsigned long)shared->transfers, (shared->told - start) * 1e3, (done - start) * 1e3,
	     big ? ", 1 GiB mapped" : "");
	for (i = 0; i < NR_KINDS; i++) {
		note("  %lu turns of %s", (unsigned long)shared->calls[i], kind_name[i]);
		/* one was done, and is counted later */
		CHECK(shared->calls[i] <= before[i] + 1, "S11 no turn of %s (%lu) is done after it has returned",
		      kind_name[i], shared->calls[i] - before[i]);
	}
	CHECK(shared->told >= start && shared->told - start < TOLD_SECONDS * vm_slowness(),
	      "S11 the holder's poll is told within %ld s (%.1f ms)", TOLD_SECONDS * vm_slowness(),
	      (shared->told - start) * 1e3);
	/* from here on no byte arrives: that was looked at from when it returned */
	CHECK(done >= start && done - start < DONE_SECONDS * vm_slowness(),
	      "S11 DMA is off, and all done, within %ld s (%.1f ms)", DONE_SECONDS * vm_slowness(), (done - start) * 1e3);
	return;
out_kill:
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* In each state an open fd can be in */
static void in_state(int state)
{
	static const char *const names[] = { "inert", "bound", "operable", "detached" };
	struct iommufd_device_claim_info info = { .size = sizeof(info) };
	uint32_t id;

	fd = device_open(VM_EDU2);
	REQUIRE(fd >= 0, "S11 %s: the device opens", names[state]);
	if (state > 0)
		REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	if (state > 1)
		REQUIRE_RC(device_attach(fd, ioas[0], NULL), 0, "it attaches");
	if (state > 2)
		REQUIRE_RC(device_detach(fd), 0, "it detaches");
	CHECK_EQ(poll_events(fd, 0), 0, "S11 %s: poll has nothing to say before", names[state]);
	CHECK_RC(revoke_device(VM_EDU2), 0, "S11 %s: the operator revokes", names[state]);
	expect_dead(fd, iommufd, ioas[0], names[state]);
	CHECK_RC(device_open(VM_EDU2), -EBUSY, "S11 %s: it is nobody's until the dead fd closes",
		 names[state]);
	CHECK_RC(revoke_device(VM_EDU2), -EALREADY, "S11 %s: it cannot be revoked twice", names[state]);
	CHECK(!close(fd), "S11 %s: the dead fd closes", names[state]);
	CHECK_RC(revoke_device(VM_EDU2), -ESRCH, "S11 %s: then nobody holds it", names[state]);
	fd = device_open(VM_EDU2);
	CHECK(fd >= 0, "S11 %s: it opens again", names[state]);
	CHECK_RC(device_claim_info(fd, &info), 0, "S11 %s: as an inert device", names[state]);
	CHECK_EQ(info.reason, IOMMUFD_CLAIM_OK, "S11 %s: whose group is free", names[state]);
	close(fd);
}

/* A sibling that stays attached keeps the group's translation; the revoked one is silent all the same */
static void one_of_a_pair(void)
{
	struct edu_setup one, other;
	uint32_t value;
	uint8_t *mem = memory(8192, 'm');
	int arrived = 0;

	REQUIRE_RC(ioas_map(iommufd, ioas[1], mem, 8192, IOVA), 0, "memory mapped");
	REQUIRE_RC(edu_setup(&one, VM_PAIR1, iommufd, ioas[1]), 0, "one device of a group is operable");
	REQUIRE_RC(edu_setup(&other, VM_PAIR2, iommufd, ioas[1]), 0, "and its sibling");
	edu_start(&one.edu, EDU_BUFFER, IOVA, 64, true);
	CHECK_RC(revoke_device(VM_PAIR1), 0, "S11 one of them is revoked, in mid-transfer");
	memset(mem, 'x', 8192);
	usleep(250000);
	for (int i = 0; i < 8192; i++)
		arrived += mem[i] != 'x';
	CHECK_EQ(arrived, 0, "S11 its transfer does not arrive, though the group is translated");
	CHECK_EQ(touch(one.edu.bar, &value), SIGBUS, "S11 its BAR mapping is dead");
	CHECK_EQ(poll_events(other.fd, 0), 0, "S11 its sibling is told nothing");
	CHECK_RC(edu_push(&other.edu, IOVA + 4096, 0, 16), 0, "S11 and goes on");
	CHECK(mem[4096] != 'x', "S11 with DMA that arrives");
	CHECK_RC(device_bind(one.fd, iommufd, &value), -EIO, "S11 the dead fd binds to nothing");
	edu_teardown(&one);
	edu_teardown(&other);
	ioas_unmap(iommufd, ioas[1], IOVA, 8192, NULL);
	munmap(mem, 8192);
}

static struct pair {
	struct edu_setup one, other;
	atomic_bool stop;
	atomic_ulong begun, resets;
	_Atomic double took; /* the last reset */
} pair;

/* The bus of both, from the sibling's fd; the one that may be revoked has bus mastering when a reset saves its state */
static void *resets_pair(void *arg)
{
	(void)arg;
	while (!pair.stop) {
		double begin = now();

		pair.begun++;
		pair.resets += !device_hot_reset(pair.other.fd);
		pair.took = now() - begin;
	}
	return NULL;
}

/*
 * The revocation finds a sibling's hot reset at work, which has saved bus mastering and will restore it. A call of the
 * holder's keeps the end of the revocation away, where the device is disabled: what is looked at is the part before.
 */
static void pair_under_reset(int uffd)
{
	static struct stalled_call call;
	unsigned long resets;
	pthread_t thread;
	char content[4096] = "";

	memset(&pair, 0, sizeof(pair));
	memset(&call, 0, sizeof(call));
	REQUIRE_RC(edu_setup(&pair.one, VM_PAIR1, iommufd, ioas[1]), 0, "one device of a group is operable");
	REQUIRE_RC(edu_setup(&pair.other, VM_PAIR2, iommufd, ioas[1]), 0, "and its sibling");
	call.fd = pair.one.fd;
	REQUIRE_RC(stalled_call_begin(&call, uffd), 0, "a call of the holder's does not end");
	REQUIRE_RC(-pthread_create(&thread, NULL, resets_pair, NULL), 0, "a thread resets both");
	for (int i = 0; i < PATIENCE_MS && !pair.resets; i++)
		usleep(1000);
	resets = pair.resets;
	CHECK(resets > 0, "control: a hot reset succeeds");
	/* in the middle of the next one, as far as that takes as long as the last; its registers cannot be read meanwhile */
	for (unsigned long begun = pair.begun; pair.begun == begun;)
		usleep(100);
	usleep(pair.took * 1e6 / 2);
	CHECK_RC(revoke_device(VM_PAIR1), -EINPROGRESS, "S11 one is revoked, while both are reset");
	resets = pair.resets - resets;
	pair.stop = true; /* a device that is being reset would look silent */
	pthread_join(thread, NULL);
	note("%lu hot resets meanwhile, of %.1f ms", resets, pair.took * 1e3);
	CHECK(!(pci_command(VM_PAIR1) & PCI_COMMAND_MASTER), "S11 its bus mastering is off, and no reset restores it");
	CHECK_EQ(poll_events(pair.one.fd, 0), POLLHUP | POLLERR, "S11 its holder is told");
	CHECK(pci_command(VM_PAIR2) & PCI_COMMAND_MASTER, "S11 its sibling keeps it");
	CHECK_RC(stalling_answer(uffd, call.page, content), 0, "the call is let go on");
	while (!call.done)
		usleep(1000);
	edu_teardown(&pair.one);
	edu_teardown(&pair.other);
}

/* --- the command ------------------------------------------------------------------------------ */

static int alice_revokes(void *arg)
{
	(void)arg;
	return -revoke_device(VM_EDU2) & 0xff;
}

static void says(const char *arguments, int want, const char *text)
{
	const char *output;
	int status;

	output = output_of(&status, "iommufd-lsm %s 2>&1", arguments);
	CHECK_EQ(status, want, "S11 '%s' exits with %d", arguments, want);
	if (!CHECK(strstr(output, text), "S11 and says '%s'", text))
		note("it says: %s", output);
}

static void command(void)
{
	fd = device_open(VM_EDU2);
	REQUIRE(fd >= 0, "a device is open");
	CHECK_EQ(run_as(1000, alice_revokes, NULL), EACCES, "S11 only root may write to the file");
	CHECK_RC(write_attribute(VM_EDU2, "iommufd_revoke", "0"), -EINVAL, "S11 and nothing but a yes");
	says("revoke", 2, "needs the address of a device");
	says("revoke " VM_EDU2 " " VM_EDU, 2, "one too many");
	says("revoke gpu", 1, "no address of a PCI device");
	says("revoke ../" VM_EDU2, 1, "no address of a PCI device");
	says("revoke 0000:7f:00.0", 1, "there is no such device");
	says("revoke " VM_BRIDGE, 1, "it has no driver");
	REQUIRE_RC(run_shell("modprobe nvme"), 0, "a device has another driver");
	says("revoke " VM_NVME, 1, "it is in use by the driver nvme, and by nobody through iommufd-vfio-pci");
	says("revoke " VM_PAIR1, 1, "nobody has it open");
	says("--revoke " VM_EDU2, 2, "there is no command");
	says("status --revoke", 2, "takes no option");
	CHECK_EQ(poll_events(fd, 0), 0, "S11 none of that took the device away");
	says("revoke " VM_EDU2, 0, "revoked " VM_EDU2 " from run (pid ");
	CHECK_EQ(poll_events(fd, 0), POLLHUP | POLLERR, "S11 that did");
	says("revoke " VM_EDU2, 1, "has not closed it yet");
	close(fd);
	fd = device_open(VM_EDU2);
	says("-j revoke " VM_EDU2, 0, "{\"revoked\":\"" VM_EDU2 "\",\"state\":\"inert\",\"pid\":");
	close(fd);
}

int main(void)
{
	long long pinned = pages_pinned();
	int uffd;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED, "shared memory");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the devices");
	REQUIRE_RC(pci_bind(VM_EDU2, VM_DRIVER), 0, "our driver has the devices");
	for (int n = 0; n < ROUNDS; n++)
		round_of(n, 0);
	for (int way = 0; way < NR_WAYS; way++)
		round_of(way, GIB);
	CHECK_EQ(pages_pinned(), pinned, "S15 all pages are given back");

	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas[0]), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas[1]), 0, "another");
	uffd = stalling_open();
	REQUIRE(uffd >= 0, "memory whose faults nobody answers");
	for (int state = 0; state < 4; state++)
		in_state(state);
	one_of_a_pair();
	for (int n = 0; n < PAIR_ROUNDS; n++)
		pair_under_reset(uffd);
	close(uffd);
	command();
	close(iommufd);
	CHECK_EQ(pages_pinned(), pinned, "S15 all pages are given back");
	return checks_done();
}
