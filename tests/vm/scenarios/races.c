// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, and what memory says of it. Twelve threads in three processes of an unprivileged
 * user do at random whatever the holder of ten devices and two contexts can do, while the devices read
 * and write memory all the time, at addresses that are mapped and at those that were. Processes are
 * killed in the midst of it, and the operator takes devices away.
 *
 * Four words tell whose memory is whose. A buffer is full of LIVE while a device may reach it, and then
 * of AFTER until it has rested; the pages beside it are full of BESIDE; somebody who has nothing to do
 * with it fills every page he can get that others have just freed with OTHERS. Devices write zeros, or
 * LIVE that they read. So a buffer with any other word in it was given what a device should not have
 * read, and in any other page any other word was written by a device that should not have.
 *
 * VM_RACE_SECONDS is how long (60), VM_RACE_SEED which numbers; what threads do with them is not the same
 * twice.
 *
 * vm: about=S14 S15 all calls against each other under DMA; freed memory, and what is beside, stays as it is
 * vm: timeout=600
 * vm: smp=4
 * vm: qemu=-device edu,bus=br,addr=3 -device edu,bus=br,addr=4 -device edu,bus=br,addr=5
 * vm: qemu=-device edu,bus=br,addr=6 -device edu,bus=br,addr=7 -device edu,bus=br,addr=8
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "canary.h"
#include "vm.h"

#define ALICE 1000
#define NR_PROCESSES 3
#define NR_RACERS 3 /* threads of each process, and one that programs the devices */
#define NR_DEVICES 10
#define NR_CTX 2
#define NR_IOAS 3
#define NR_BUFFERS 4 /* of each thread */
#define NR_MAPS 4    /* places where a buffer is mapped */
#define NR_SLOTS (NR_PROCESSES * NR_RACERS * NR_BUFFERS)

#define SLOT_PAGES 256UL
#define FIRST_IOVA 0x100000UL /* all below what an edu can address: 28 bits */
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)
#define EDU_BUFFER 0x40000
#define TRANSFER 2048

#define REST_MS 400 /* longer than a transfer that was begun takes */

enum op {
	OPEN_CONTEXT, OPEN_DEVICE, BIND, ATTACH, MOVE, DETACH, ALLOC, DESTROY, HWPT, MAP, COPY, UNMAP,
	UNMAP_ALL, CLOSE_CONTEXT, CLOSE_DEVICE, DUP, PASS, RECEIVE, FORK, RESET, INTERRUPT, CONFIG_READ,
	KILL, TAKE_AWAY, REVOKE, TRANSFERS, STALE, NR_OPS,
};

static const char *const op_name[NR_OPS] = {
	"open context", "open device", "bind", "attach", "move", "detach", "alloc", "destroy", "hwpt",
	"map", "copy", "unmap", "unmap all", "close context", "close device", "dup", "pass", "receive",
	"fork", "reset", "interrupt", "config read", "kill", "take away", "revoke", "transfer",
	"stale transfer",
};

static const char *const address[NR_DEVICES] = {
	VM_EDU, VM_EDU2, VM_PAIR1, VM_PAIR2, "0000:06:03.0", "0000:06:04.0",
	"0000:06:05.0", "0000:06:06.0", "0000:06:07.0", "0000:06:08.0",
};

/* What all processes share; races about it are wanted */
static struct shared {
	struct canary_bystander bystander;
	/* Changed when all that have it are to close it; then somebody opens it anew */
	atomic_uint ctx_gen[NR_CTX], dev_gen[NR_DEVICES];
	atomic_uint ctx_opened[NR_CTX]; /* the generation that somebody has opened */
	atomic_uint ioas[NR_CTX][NR_IOAS], hwpt[NR_CTX], dev_id[NR_DEVICES];
	/* What a device was last bound to, and whether it is attached */
	atomic_uint dev_ctx[NR_DEVICES], dev_ctx_gen[NR_DEVICES];
	atomic_bool attached[NR_DEVICES];
	/* For whoever programs a device: where it is attached, and what was last mapped where */
	atomic_uint dev_ioas[NR_DEVICES], slot_ctx[NR_SLOTS], slot_ioas[NR_SLOTS], slot_pages[NR_SLOTS];
	atomic_bool slot_stale[NR_SLOTS]; /* unmapped since: a transfer there must not arrive */
	char node[NR_DEVICES][64];
	dev_t number[NR_DEVICES]; /* of its node */
	pthread_mutex_t engine[NR_DEVICES]; /* who programs it; two at once would mix up its registers */
	struct {
		atomic_ulong tried, done;
	} count[NR_OPS];
	atomic_ulong transfers[NR_DEVICES];
	unsigned int together; /* devices of the group that were attached at the same time */
	atomic_ulong arrived; /* buffers that a device wrote to while it could */
	atomic_uint violations;
} *shared;

static int inbox[NR_PROCESSES][2]; /* read, write; all processes have all */
static int pagemap;                /* of this process */

/* Of a process: 0 there is none, otherwise fd + 1; and of which generation it is */
static int process;
static atomic_int ctx[NR_CTX], dev[NR_DEVICES];
static atomic_uint ctx_seen[NR_CTX], dev_seen[NR_DEVICES];

/* A thread's own: nobody else maps at its IOVA */
struct buffer {
	enum { FREE, MAPPED, RESTING } state;
	uint64_t *beside; /* a page, then the buffer, then a page */
	uint64_t *mem;
	size_t pages;
	bool is_shared;
	uint64_t iova;
	int nr_maps;
	struct {
		int ctx, fd; /* an fd of its own, to find the IOAS again */
		uint32_t ioas;
	} map[NR_MAPS];
	uint64_t until;
};

static __thread struct buffer *buffers;
static __thread uint64_t rng_state;
static __thread sigjmp_buf fault;
static __thread volatile sig_atomic_t catching;

static uint32_t rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (rng_state >> 11) % below;
}

static bool is_full_of(const uint64_t *mem, size_t pages, uint64_t word, bool *zero, const char *what)
{
	if (canary_is_full_of(mem, pages, word, zero, shared->violations < 8 ? what : NULL))
		return true;
	shared->violations++;
	return false;
}

static bool counted(enum op op, bool done)
{
	shared->count[op].tried++;
	if (done)
		shared->count[op].done++;
	return done;
}

/* --- fds ---------------------------------------------------------------------------------------- */

static bool drop(atomic_int *slot)
{
	int fd = atomic_exchange(slot, 0) - 1;

	return fd >= 0 && !close(fd);
}

/* Another one for this slot; what was there is closed */
static void store(atomic_int *slot, atomic_uint *seen, unsigned int gen, int fd)
{
	*seen = gen;
	fd = atomic_exchange(slot, fd + 1) - 1;
	if (fd >= 0)
		close(fd);
}

/*
 * An fd of the caller's own for a device, -1 if there is none. Another thread may close what stands in dev[], and open
 * something else under its number, at any time: that must not pass for this device, or who has the right to program the
 * one programs the other, and an edu that two program at once can be told what makes QEMU abort.
 */
static int own_device(int d)
{
	int fd = fcntl(dev[d] - 1, F_DUPFD_CLOEXEC, 0);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || st.st_rdev != shared->number[d])) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The fd of a context, -1 if there is none just now. Any thread may close it meanwhile. */
static int context(int c)
{
	unsigned int gen = shared->ctx_gen[c], opened = shared->ctx_opened[c];
	int fd;

	if (ctx_seen[c] != gen && drop(&ctx[c]))
		counted(CLOSE_CONTEXT, true);
	if (ctx[c])
		return ctx[c] - 1;
	/* one opens it, and passes it to the others; if he was killed before, the next one is opened */
	if (opened == gen && !rng(2000))
		atomic_compare_exchange_strong(&shared->ctx_gen[c], &gen, gen + 1);
	if (opened != gen && atomic_compare_exchange_strong(&shared->ctx_opened[c], &opened, gen)) {
		fd = iommu_open();
		if (counted(OPEN_CONTEXT, fd >= 0))
			store(&ctx[c], &ctx_seen[c], gen, fd);
	}
	return ctx[c] - 1;
}

static int device(int d)
{
	unsigned int gen = shared->dev_gen[d], c = shared->dev_ctx[d];
	int fd;

	/* bound to a context that is no more: nothing can be done with it */
	if (c < NR_CTX && shared->dev_ctx_gen[d] != shared->ctx_gen[c] && !rng(8) &&
	    atomic_compare_exchange_strong(&shared->dev_gen[d], &gen, gen + 1)) {
		shared->dev_ctx[d] = NR_CTX;
		gen++;
	}
	if (dev_seen[d] != gen && drop(&dev[d]))
		counted(CLOSE_DEVICE, true);
	if (!dev[d]) {
		fd = open(shared->node[d], O_RDWR | O_CLOEXEC);
		if (counted(OPEN_DEVICE, fd >= 0)) {
			shared->attached[d] = false;
			store(&dev[d], &dev_seen[d], gen, fd);
		}
	}
	return dev[d] - 1;
}

struct message {
	bool is_device;
	unsigned int index, gen;
};

static void pass(void)
{
	struct message msg = { .is_device = rng(2), .index = rng(NR_CTX) };
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {};
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr hdr = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);
	int fd;

	if (msg.is_device)
		msg.index = rng(NR_DEVICES);
	msg.gen = msg.is_device ? dev_seen[msg.index] : ctx_seen[msg.index];
	fd = msg.is_device ? own_device(msg.index) : fcntl(ctx[msg.index] - 1, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	counted(PASS, sendmsg(inbox[rng(NR_PROCESSES)][1], &hdr, MSG_DONTWAIT) > 0);
	close(fd);
}

static void receive(void)
{
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct message msg;
	struct iovec iov = { &msg, sizeof(msg) };
	struct msghdr hdr = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(inbox[process][0], &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(msg) ||
	    !CMSG_FIRSTHDR(&hdr))
		return;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&hdr)), sizeof(int));
	if (msg.is_device && msg.gen == shared->dev_gen[msg.index])
		store(&dev[msg.index], &dev_seen[msg.index], msg.gen, fd);
	else if (!msg.is_device && msg.gen == shared->ctx_gen[msg.index])
		store(&ctx[msg.index], &ctx_seen[msg.index], msg.gen, fd);
	else
		close(fd);
	counted(RECEIVE, true);
}

static void duplicate(void)
{
	int d = rng(NR_DEVICES), c = rng(NR_CTX), fd;

	if (rng(2)) {
		fd = own_device(d);
		if (counted(DUP, fd >= 0))
			store(&dev[d], &dev_seen[d], dev_seen[d], fd);
	} else {
		fd = fcntl(ctx[c] - 1, F_DUPFD_CLOEXEC, 0);
		if (counted(DUP, fd >= 0))
			store(&ctx[c], &ctx_seen[c], ctx_seen[c], fd);
	}
}

/* All close it, each in its time */
static void retire(void)
{
	int d = rng(NR_DEVICES), c = rng(NR_CTX);

	if (!rng(4)) {
		for (int a = 0; a < NR_IOAS; a++)
			shared->ioas[c][a] = 0;
		shared->ctx_gen[c]++;
	} else {
		shared->dev_gen[d]++;
		shared->dev_ctx[d] = NR_CTX;
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
	counted(FORK, pid > 0 && waitpid(pid, NULL, 0) == pid);
}

/* --- the life of a buffer ------------------------------------------------------------------------ */

static bool map_one(struct buffer *b, int c, uint32_t ioas, int from)
{
	int fd = from < 0 ? fcntl(ctx[c] - 1, F_DUPFD_CLOEXEC, 0) :
			    fcntl(b->map[from].fd, F_DUPFD_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return false;
	if (from < 0)
		rc = ioas_map(fd, ioas, b->mem, b->pages * PAGE, b->iova);
	else
		rc = ioas_copy(fd, ioas, b->iova, b->map[from].ioas, b->iova, b->pages * PAGE);
	if (rc == -EEXIST) /* left by a process that was here before, and was killed */
		ioas_unmap(fd, ioas, b->iova, SLOT_PAGES * PAGE, NULL);
	if (!counted(from < 0 ? MAP : COPY, !rc)) {
		close(fd);
		return false;
	}
	b->map[b->nr_maps].ctx = c;
	b->map[b->nr_maps].fd = fd;
	b->map[b->nr_maps++].ioas = ioas;
	return true;
}

static unsigned int slot_of(uint64_t iova)
{
	return (iova - FIRST_IOVA) / PAGE / SLOT_PAGES;
}

/* Whether a device was attached to an IOAS when last heard of */
static bool is_in_reach(int c, uint32_t ioas)
{
	for (int d = 0; d < NR_DEVICES; d++)
		if (shared->attached[d] && shared->dev_ctx[d] == (unsigned int)c && shared->dev_ioas[d] == ioas)
			return true;
	return false;
}

static void buffer_begin(struct buffer *b)
{
	unsigned int slot = slot_of(b->iova);
	int c = rng(NR_CTX);
	uint32_t ioas = shared->ioas[c][rng(NR_IOAS)];
	size_t length;

	if (context(c) < 0)
		return;
	b->pages = rng(8) ? 1 + rng(16) : 1 + rng(SLOT_PAGES);
	b->is_shared = !rng(3);
	length = (b->pages + 2) * PAGE;
	b->beside = mmap(NULL, length, PROT_READ | PROT_WRITE,
			 (b->is_shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
	if (b->beside == MAP_FAILED)
		return;
	b->mem = b->beside + PAGE / 8;
	canary_fill(b->beside, b->pages + 2, BESIDE);
	canary_fill(b->mem, b->pages, LIVE);
	shared->slot_stale[slot] = false;
	if (!map_one(b, c, ioas, -1)) {
		munmap(b->beside, length);
		return;
	}
	if (is_in_reach(c, ioas))
		canary_mark(&shared->bystander, pagemap, b->mem, b->pages);
	b->state = MAPPED;
	shared->slot_ctx[slot] = c;
	shared->slot_ioas[slot] = ioas;
	shared->slot_pages[slot] = b->pages;
}

static void buffer_more(struct buffer *b)
{
	int c = b->map[0].ctx;

	if (b->nr_maps == NR_MAPS)
		return;
	if (rng(2) && context(c) >= 0)
		map_one(b, c, shared->ioas[c][rng(NR_IOAS)], -1);
	else
		map_one(b, c, shared->ioas[c][rng(NR_IOAS)], rng(b->nr_maps));
}

/*
 * Afterwards no device can reach it, whatever the others did to these address spaces: 0 it was there,
 * ENOENT the IOAS is gone, and with it the mapping.
 */
static void unmap_everywhere(struct buffer *b)
{
	while (b->nr_maps) {
		int i = --b->nr_maps, rc, tries = 5000;

		do {
			rc = ioas_unmap(b->map[i].fd, b->map[i].ioas, b->iova, SLOT_PAGES * PAGE, NULL);
		} while (rc == -EBUSY && --tries && !usleep(1000));
		if (!counted(UNMAP, !rc) && rc != -ENOENT) {
			shared->violations++;
			note("an unmap says %s", strerrorname_np(-rc));
		}
		close(b->map[i].fd);
	}
	shared->slot_stale[slot_of(b->iova)] = true;
}

static void buffer_end(struct buffer *b)
{
	size_t length = (b->pages + 2) * PAGE;
	bool written = false;

	switch (rng(4)) {
	case 0:
		/*
		 * Its memory goes first: only the pins keep its pages. Nothing else may come to these
		 * addresses, for that is what an attach would pin.
		 */
		is_full_of(b->beside, 1, BESIDE, NULL, "the page before a buffer");
		is_full_of(b->mem + b->pages * PAGE / 8, 1, BESIDE, NULL, "the page after a buffer");
		mmap(b->beside, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		usleep(rng(3) ? 0 : rng(20000));
		unmap_everywhere(b);
		munmap(b->beside, length);
		b->state = FREE;
		return;
	case 1: /* likewise, but that the process has other pages there afterwards */
		madvise(b->mem, b->pages * PAGE, MADV_DONTNEED);
		unmap_everywhere(b);
		break;
	default:
		unmap_everywhere(b);
		is_full_of(b->mem, b->pages, LIVE, &written, "a buffer that a device could write to");
		if (written)
			shared->arrived++;
	}
	canary_fill(b->mem, b->pages, AFTER);
	b->state = RESTING;
	b->until = now_ms() + REST_MS;
}

static void buffer_rested(struct buffer *b)
{
	is_full_of(b->mem, b->pages, AFTER, NULL, "a buffer after its life");
	is_full_of(b->beside, 1, BESIDE, NULL, "the page before a buffer");
	is_full_of(b->mem + b->pages * PAGE / 8, 1, BESIDE, NULL, "the page after a buffer");
	munmap(b->beside, (b->pages + 2) * PAGE);
	b->state = FREE;
}

static void buffer_step(struct buffer *b)
{
	switch (b->state) {
	case FREE:
		buffer_begin(b);
		break;
	case MAPPED:
		if (!rng(4))
			buffer_more(b);
		else if (!rng(8))
			buffer_end(b);
		break;
	case RESTING:
		if (now_ms() >= b->until)
			buffer_rested(b);
	}
}

/* --- calls -------------------------------------------------------------------------------------- */

static void bind_one(int d)
{
	/* mostly where its group is: others keep it from there */
	int c = rng(6) ? d >= 2 : rng(NR_CTX), fd = device(d);
	unsigned int gen = shared->ctx_gen[c];
	uint32_t id;

	if (fd < 0 || context(c) < 0)
		return;
	if (counted(BIND, !device_bind(fd, ctx[c] - 1, &id))) {
		shared->dev_id[d] = id;
		shared->dev_ctx_gen[d] = gen;
		shared->dev_ctx[d] = c;
	}
}

static void attach_one(int d)
{
	unsigned int c = shared->dev_ctx[d];
	uint16_t enable = 2 | 4; /* memory, master */
	int fd = device(d);
	uint32_t pt;
	bool move;

	if (fd < 0 || c >= NR_CTX)
		return;
	pt = rng(6) ? shared->ioas[c][rng(NR_IOAS)] : shared->hwpt[c];
	if (!pt)
		return;
	move = shared->attached[d];
	if (move && rng(8)) /* translations in use are forgotten in a move */
		return;
	if (counted(move ? MOVE : ATTACH, !device_attach(fd, pt, NULL))) {
		shared->attached[d] = true;
		shared->dev_ioas[d] = pt;
		pwrite(fd, &enable, 2, CONFIG + 4);
	}
}

static void one_call(void)
{
	int c = rng(NR_CTX), d = rng(NR_DEVICES), a = rng(NR_IOAS), fd;
	uint16_t command = 2 | 4;
	uint32_t id;
	char buf[64];

	switch (rng(64)) {
	case 0: case 1: case 2:
		fd = context(c);
		if ((!shared->ioas[c][a] || !rng(4)) && fd >= 0 && counted(ALLOC, !ioas_alloc(fd, &id)))
			shared->ioas[c][a] = id;
		break;
	case 3:
		if (rng(4))
			break;
		counted(DESTROY, !object_destroy(ctx[c] - 1, rng(4) ? shared->ioas[c][a] : rng(20) + 1));
		break;
	case 4:
		if (counted(HWPT, !hwpt_alloc(ctx[c] - 1, shared->dev_id[d], shared->ioas[c][a], &id)))
			shared->hwpt[c] = id;
		break;
	case 5:
		if (!rng(8))
			counted(UNMAP_ALL, !ioas_unmap(ctx[c] - 1, shared->ioas[c][a], 0, UINT64_MAX, NULL));
		break;
	case 6: case 7: case 8: case 9: case 10: case 11:
		bind_one(d);
		break;
	case 12: case 13: case 14: case 15: case 16: case 17: case 18: case 19:
		attach_one(d);
		break;
	case 20:
		if (!rng(3) && counted(DETACH, !device_detach(dev[d] - 1)))
			shared->attached[d] = false;
		break;
	case 21:
		if (!rng(20))
			retire();
		break;
	case 22: case 23:
		duplicate();
		break;
	case 24: case 25:
		pass();
		break;
	case 26: case 27: case 28:
		receive();
		break;
	case 29:
		if (!rng(10))
			forks();
		break;
	case 30:
		if (rng(4))
			break;
		counted(RESET, !ioctl(dev[d] - 1, rng(2) ? VFIO_DEVICE_RESET : VFIO_DEVICE_PCI_HOT_RESET,
				      &(struct vfio_pci_hot_reset){ .argsz = sizeof(struct vfio_pci_hot_reset) }));
		break;
	case 31:
		counted(INTERRUPT, !device_irq_set(dev[d] - 1, VFIO_PCI_MSI_IRQ_INDEX, -1));
		break;
	case 32: case 33:
		counted(CONFIG_READ, pread(dev[d] - 1, buf, sizeof(buf), CONFIG) == sizeof(buf));
		break;
	case 34: case 35:
		pwrite(dev[d] - 1, &command, 2, CONFIG + 4);
		break;
	case 36:
		ioas_name(ctx[c] - 1, shared->ioas[c][a], "racer");
		break;
	default:
		buffer_step(&buffers[rng(NR_BUFFERS)]);
	}
}

static void *racer(void *arg)
{
	unsigned int thread = (uintptr_t)arg;

	setpriority(PRIO_PROCESS, 0, 5); /* of this thread: DMA is to go on all the time, whatever the calls cost */
	buffers = calloc(NR_BUFFERS, sizeof(*buffers));
	rng_state = (thread + 1) * 0x9e3779b97f4a7c15ULL;
	for (int i = 0; i < NR_BUFFERS; i++)
		buffers[i].iova = FIRST_IOVA + ((process * NR_RACERS + thread % NR_RACERS) * NR_BUFFERS + i) *
			SLOT_PAGES * PAGE;
	for (;;)
		one_call();
	return NULL;
}

/* --- DMA ---------------------------------------------------------------------------------------- */

static void write64(volatile uint8_t *regs, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(regs + reg) = value;
}

/* To or from somewhere that is mapped, or was. The upper half of the device's buffer stays zero. */
static void program(int d, volatile uint8_t *regs)
{
	volatile uint32_t *command = (volatile uint32_t *)(regs + 0x98);
	static uint64_t last[NR_DEVICES];
	unsigned int slot, pages;
	uint64_t iova;

	if (*command & 1)
		return;
	for (int tries = 0; tries < 40; tries++) {
		slot = rng(NR_SLOTS);
		if (shared->slot_ctx[slot] == shared->dev_ctx[d] &&
		    shared->slot_ioas[slot] == shared->dev_ioas[d])
			break;
	}
	/* often the same page again: a stale translation is one that was in use */
	pages = rng(4) ? 1 : shared->slot_pages[slot] ?: 1;
	iova = last[d];
	if (!iova || rng(2))
		iova = FIRST_IOVA + slot * SLOT_PAGES * PAGE + rng(pages) * PAGE + rng(2) * TRANSFER;
	last[d] = iova;
	if (rng(4)) {
		write64(regs, 0x80, EDU_BUFFER + (rng(4) ? TRANSFER - 8 : 0));
		write64(regs, 0x88, iova);
		write64(regs, 0x90, TRANSFER - 16);
		*command = 1 | 2;
	} else {
		write64(regs, 0x80, iova);
		write64(regs, 0x88, EDU_BUFFER);
		write64(regs, 0x90, TRANSFER - 16);
		*command = 1;
	}
	if (counted(TRANSFERS, *command & 1))
		shared->transfers[d]++;
	slot = slot_of(iova);
	if (shared->slot_stale[slot] && shared->slot_ctx[slot] == shared->dev_ctx[d] &&
	    shared->slot_ioas[slot] == shared->dev_ioas[d])
		counted(STALE, *command & 1);
}

static void engines(void)
{
	volatile uint8_t *volatile bar[NR_DEVICES] = {};
	unsigned int seen[NR_DEVICES] = {};

	for (;;) {
		for (volatile int d = 0; d < NR_DEVICES; d++) {
			if (bar[d] && seen[d] != shared->dev_gen[d]) {
				munmap((void *)bar[d], PAGE);
				bar[d] = NULL;
			}
			if (!bar[d] && device(d) >= 0) {
				unsigned int gen = dev_seen[d];
				int fd = own_device(d);
				void *new = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

				close(fd);
				if (new == MAP_FAILED) { /* it is to run all the time */
					bind_one(d);
					attach_one(d);
					continue;
				}
				bar[d] = new;
				seen[d] = gen;
			}
			if (!bar[d])
				continue;
			switch (pthread_mutex_trylock(&shared->engine[d])) {
			case EOWNERDEAD:
				pthread_mutex_consistent(&shared->engine[d]);
				break;
			case 0:
				break;
			default:
				continue;
			}
			catching = true;
			if (!sigsetjmp(fault, 1))
				program(d, bar[d]);
			catching = false;
			pthread_mutex_unlock(&shared->engine[d]);
		}
		usleep(10000);
	}
}

/* --- who races, and who watches ------------------------------------------------------------------- */

static void on_fault(int sig)
{
	if (catching)
		siglongjmp(fault, sig);
	_exit(99);
}

static void race(unsigned int seed)
{
	struct sigaction sa = { .sa_handler = on_fault };
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pagemap = canary_pagemap();
	if (setgroups(0, NULL) || setresgid(ALICE, ALICE, ALICE) || setresuid(ALICE, ALICE, ALICE))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a new user loses it */
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	for (unsigned int i = 0; i < NR_RACERS; i++)
		pthread_create(&thread, NULL, racer, (void *)(uintptr_t)(seed * NR_RACERS + i));
	rng_state ^= seed * 2463534242ULL;
	engines();
}

static void give_nodes(void)
{
	for (int d = 0; d < NR_DEVICES; d++) {
		char path[sizeof(shared->node[d])];
		struct stat st;

		if (pci_node(address[d], path, sizeof(path)) || stat(path, &st))
			continue;
		memcpy(shared->node[d], path, sizeof(path));
		shared->number[d] = st.st_rdev;
		chmod(path, 0666);
	}
	chmod("/dev/iommu", 0666);
}

/*
 * Unplugged only where nothing else is on the bus, looked for only there, and not reset by sysfs at all.
 * Linux by itself gets these wrong: its reset of a bus does not expect a device to be added meanwhile,
 * looking through a bus undoes or repeats a reset under way, and a reset loses the BARs when VFIO saves
 * a device's state in the middle of it.
 */
static void take_away(void)
{
	int d = rng(NR_DEVICES), rc, back;

	if (rng(2)) {
		counted(REVOKE, !run_shell("echo 1 > /sys/bus/pci/devices/%s/iommufd_revoke", address[d]));
		shared->dev_gen[d]++;
		return;
	}
	if (d < 2 && rng(2))
		rc = run_shell("echo 1 > /sys/bus/pci/devices/%s/remove && echo 1 > /sys/class/pci_bus/%.7s/rescan",
			       address[d], address[d]);
	else
		rc = pci_bind(address[d], "");
	back = pci_bind(address[d], VM_DRIVER); /* the others go on with it, whatever became of that */
	counted(TAKE_AWAY, !rc && !back);
	shared->dev_gen[d]++;
	give_nodes();
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
			rc = edu_push(&setup.edu, 0x800000, EDU_BUFFER_SIZE - 16, 16);
			if (!rc && (mem[0] || mem[16] != 'm'))
				rc = -EIO;
			edu_teardown(&setup);
		}
		if (rc)
			wrong++, note("%s: %d", address[d], rc);
		close(fd);
		munmap(mem, PAGE);
	}
	return wrong;
}

static void share(void)
{
	pthread_mutexattr_t attr;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED, "shared memory");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (int d = 0; d < NR_DEVICES; d++)
		pthread_mutex_init(&shared->engine[d], &attr);
	for (int p = 0; p < NR_PROCESSES; p++)
		REQUIRE(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, inbox[p]), "an inbox");
	for (int c = 0; c < NR_CTX; c++)
		shared->ctx_gen[c] = 1; /* not opened */
}

/* What waits there keeps its files open */
static void empty_inboxes(void)
{
	for (process = 0; process < NR_PROCESSES; process++) {
		for (int i = 0; i < 200; i++)
			receive();
	}
	for (int d = 0; d < NR_DEVICES; d++)
		drop(&dev[d]);
	for (int c = 0; c < NR_CTX; c++)
		drop(&ctx[c]);
}

static pid_t start(int p)
{
	unsigned int seed = rng(1 << 20);
	pid_t pid = fork();

	if (!pid) {
		process = p;
		race(seed);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void one_round(int round, uint64_t ms)
{
	uint64_t end = now_ms() + ms, next_kill = now_ms() + 2000, next_take = now_ms() + 4000;
	pid_t pid[NR_PROCESSES];
	char group[16];

	snprintf(group, sizeof(group), "id=%d", pci_group(VM_PAIR1));
	give_nodes();
	for (int p = 0; p < NR_PROCESSES; p++)
		pid[p] = start(p);
	/* on a slow machine, until enough has happened to be worth ending */
	while (now_ms() < end || (shared->arrived < 3U * (round + 1) && now_ms() < end + 60000)) {
		long long attached = proc_number("/proc/iommufd", "group", group, "attached");

		if (attached > shared->together)
			shared->together = attached;
		usleep(100000);
		if (now_ms() > next_kill) {
			int p = rng(NR_PROCESSES);

			stop(pid[p]);
			pid[p] = start(p);
			counted(KILL, true);
			next_kill = now_ms() + 1000 + rng(2000);
		}
		if (round % 2 && now_ms() > next_take) {
			take_away();
			next_take = now_ms() + 500 + rng(2500);
		}
	}
	for (int p = 0; p < NR_PROCESSES; p++)
		stop(pid[p]);
	empty_inboxes();
}

int main(void)
{
	const struct rlimit locked = { 256 << 20, 256 << 20 };
	long seconds = vm_number("VM_RACE_SECONDS", 60), seed = vm_number("VM_RACE_SEED", 0);
	int rounds = seconds < 120 ? 2 : seconds / 60, status;
	unsigned long calls = 0;
	uint64_t begin = now_ms();
	long long pinned;
	int members = 0;
	pid_t watcher;

	share();
	if (!seed)
		REQUIRE(getrandom(&seed, 3, 0) == 3, "a seed");
	rng_state = seed * 88172645463325252ULL + 1;
	note("%ld seconds; to choose the same numbers again: VM_RACE_SEED=%ld", seconds, seed);
	setrlimit(RLIMIT_MEMLOCK, &locked);
	for (int d = 0; d < NR_DEVICES; d++)
		REQUIRE_RC(pci_bind(address[d], VM_DRIVER), 0, "our driver has %s", address[d]);
	pinned = pages_pinned();

	watcher = fork();
	if (!watcher)
		canary_bystand(&shared->bystander);
	for (int round = 0; round < rounds; round++) {
		one_round(round, seconds * 1000 / rounds);
		CHECK_EQ(shared->violations + shared->bystander.changed, 0,
			 "S14 round %d: no memory changed or was read but what was mapped", round);
		for (int i = 0; i < 2000 && pages_pinned() != pinned; i++)
			usleep(5000);
		CHECK_EQ(pages_pinned(), pinned, "S15 round %d: no page is pinned any more", round);
		CHECK_EQ(all_free(), 0, "S14 round %d: every device is silent, free, and good for the next", round);
	}
	shared->bystander.stop = true;
	CHECK(waitpid(watcher, &status, 0) == watcher && !status, "control: the bystander watched to the end");
	CHECK_EQ(shared->bystander.changed, 0, "S14 no page of a bystander changed");
	CHECK(shared->bystander.looked > 100, "control: he had %lu lots of pages", (unsigned long)shared->bystander.looked);
	CHECK(shared->bystander.reused > 100 + (unsigned long)seconds, "control: %lu of his pages were buffers before",
	      (unsigned long)shared->bystander.reused);

	for (int op = 0; op < NR_OPS; op++) {
		unsigned long done = shared->count[op].done;

		calls += op == STALE ? 0 : done;
		note("%-14s %9lu tried %9lu done", op_name[op], (unsigned long)shared->count[op].tried, done);
		CHECK(done >= 1 + (unsigned long)seconds / 60, "control: %s took part", op_name[op]);
	}
	note("races: iterations=%lu seconds=%lu seed=%ld", calls, (unsigned long)(now_ms() - begin) / 1000, seed);
	for (int d = 2; d < NR_DEVICES; d++)
		members += shared->transfers[d] > 0;
	note("%u devices of the group were attached at the same time, %d transferred", shared->together, members);
	CHECK(shared->together > 1 && members > 1, "control: more than one device of the group took part");
	note("%lu buffers were written to by a device while it could", (unsigned long)shared->arrived);
	CHECK(shared->arrived > 5 + (unsigned long)seconds / 60, "control: devices wrote to buffers");
	CHECK(shared->count[TRANSFERS].done >= 2 * (unsigned long)seconds, "control: devices transferred all the time");
	CHECK(shared->count[STALE].done >= (unsigned long)seconds / 2, "control: also to and from what was unmapped");
	return checks_done();
}
