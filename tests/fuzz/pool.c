// SPDX-License-Identifier: GPL-2.0
/*
 * What all threads share: fds, ids, device nodes, memory. A slot holds whatever was put there last;
 * no lock, for the races are what is wanted.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

struct context contexts[NR_CTX];
struct device devices[NR_DEV] = {
	{ .address = VM_EDU, .edu = true },
	{ .address = VM_EDU2, .edu = true },
	{ .address = VM_NIC },
	{ .address = VM_PAIR1, .edu = true },
	{ .address = VM_PAIR2, .edu = true },
};
atomic_int dups[NR_DUP], eventfds[4];

unsigned int some_ctx(struct call *c)
{
	return draw(c, NR_CTX);
}

/* Those of one group have one context; the last context has software devices alone */
unsigned int usual_ctx(unsigned int device)
{
	static const unsigned int ctx[NR_DEV] = { 0, 1, 0, 2, 2 };

	return ctx[device];
}

int ctx_fd(struct call *c, unsigned int ctx)
{
	int fd = contexts[ctx].fd;

	if (chance(c, 2))
		fd = (int)boundary(c);
	else if (chance(c, 2))
		fd = devices[draw(c, NR_DEV)].fd;
	else if (chance(c, 2))
		fd = dups[draw(c, NR_DUP)];
	return fd;
}

int dev_fd(struct call *c, unsigned int device)
{
	int fd = devices[device].fd;

	if (chance(c, 2))
		fd = contexts[draw(c, NR_CTX)].fd;
	else if (chance(c, 2))
		fd = dups[draw(c, NR_DUP)];
	return fd;
}

uint32_t some_id(struct call *c, unsigned int ctx, enum kind kind)
{
	unsigned int i = draw(c, NR_IDS), what = draw(c, 100);

	/* two IOASes of each context are where most happens */
	if (kind == K_IOAS && chance(c, 60))
		i &= 1;
	if (what < 84)
		return contexts[ctx].id[kind][i];
	if (what < 88)
		return contexts[draw(c, NR_CTX)].id[kind][i];
	if (what < 92)
		return contexts[ctx].id[draw(c, NR_KINDS)][i];
	if (what < 98)
		return draw(c, 48);
	return boundary(c);
}

uint32_t some_pt(struct call *c, unsigned int ctx)
{
	unsigned int what = draw(c, 10);

	return some_id(c, ctx, what < 5 ? K_IOAS : what < 8 ? K_HWPT : K_NESTED);
}

void learn_id(struct call *c, unsigned int ctx, enum kind kind, uint32_t id)
{
	unsigned int i;

	contexts[ctx].id[kind][draw(c, NR_IDS)] = id;
	/* no slot stays empty for long */
	for (i = 0; i < NR_IDS; i++)
		if (!contexts[ctx].id[kind][i])
			contexts[ctx].id[kind][i] = id;
}

void forget_id(unsigned int ctx, uint32_t id)
{
	int kind, i;

	for (kind = 0; kind < NR_KINDS; kind++)
		for (i = 0; i < NR_IDS; i++)
			if (contexts[ctx].id[kind][i] == id)
				contexts[ctx].id[kind][i] = 0;
}

void put_fd(atomic_int *slot, int fd)
{
	int old = atomic_exchange(slot, fd);

	if (old > 2)
		close(old);
}

/* --- memory ------------------------------------------------------------------------------------------- */

/* Pieces of different kinds, each with a hole behind it */
static struct piece {
	size_t length;
	int prot, flags;
	bool file; /* a page cache's pages */
	char *at;
} pieces[] = {
	{ 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, false, NULL },
	{ 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, false, NULL },
	{ 32 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, true, NULL },
	{ 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, false, NULL },
	{ 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, false, NULL },
	{ 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, false, NULL },
};

#define NR_PIECES (sizeof(pieces) / sizeof(pieces[0]))
#define PIECE_ROOM (64 * MIB)

int memory_init(void)
{
	size_t i;

	for (i = 0; i < NR_PIECES; i++) {
		struct piece *p = &pieces[i];
		int fd = p->file ? memfd_create("memory", MFD_CLOEXEC) : -1;

		if (p->file && ftruncate(fd, p->length))
			return -ENOMEM;
		p->at = mmap((char *)MEMORY_AT + i * PIECE_ROOM, p->length, p->prot,
			     p->flags | MAP_FIXED_NOREPLACE, fd, 0);
		if (p->at == MAP_FAILED && p->flags & MAP_HUGETLB) /* none were to be had */
			p->at = mmap((char *)MEMORY_AT + i * PIECE_ROOM, p->length, p->prot,
				     (p->flags & ~MAP_HUGETLB) | MAP_FIXED_NOREPLACE, fd, 0);
		if (fd >= 0)
			close(fd);
		if (p->at == MAP_FAILED)
			return -ENOMEM;
	}
	madvise(pieces[NR_PIECES - 1].at, 2 * MIB, MADV_HUGEPAGE);
	return 0;
}

void memory_end(void)
{
	munmap((void *)MEMORY_AT, NR_PIECES * PIECE_ROOM);
}

void *some_memory(struct call *c, size_t *length)
{
	struct piece *p = &pieces[draw(c, NR_PIECES)];
	size_t pages = p->length / PAGE, first, want = 1 + draw(c, 8);
	char *at;

	if (chance(c, 5)) /* all of it */
		want = pages;
	first = draw(c, pages);
	if (want > pages - first && !chance(c, 3))
		first = pages >= want ? pages - want : 0;
	at = p->at + first * PAGE;
	*length = want * PAGE;
	if (chance(c, 4)) { /* not whole pages */
		at += draw(c, 8) * 512;
		*length -= draw(c, 4) * 512;
	}
	return chance(c, 3) ? (void *)boundary(c) : at;
}

/*
 * In a window of 128 pages, so that much collides, and where the engines reach and the software IOMMU
 * translates; far from that of the victims. Mostly one of 16 places, where what was mapped is found
 * and not cut in two.
 */
uint64_t some_iova(struct call *c)
{
	uint64_t iova = MOCK_IOVA + (chance(c, 75) ? draw(c, 16) * 8 : draw(c, 128)) * PAGE;

	if (chance(c, 4))
		iova += draw(c, 8) * 512;
	return chance(c, 2) ? boundary(c) : iova;
}

uint64_t some_length(struct call *c)
{
	if (chance(c, 2))
		return boundary(c);
	return (chance(c, 70) ? 8 * (1 + draw(c, 4)) : 1 + draw(c, 24)) * PAGE;
}

/* --- begin and end ------------------------------------------------------------------------------------ */

int pool_init(void)
{
	int i, k;

	memset(contexts, 0, sizeof(contexts));
	for (i = 0; i < NR_CTX; i++) {
		contexts[i].fd = -1;
		for (k = 0; k < NR_FDS; k++)
			contexts[i].fault_fd[k] = contexts[i].access_fd[k] = -1;
	}
	for (i = 0; i < NR_DUP; i++)
		dups[i] = -1;
	for (i = 0; i < 4; i++) {
		eventfds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (eventfds[i] < 0)
			return -errno;
	}
	for (i = 0; i < NR_DEV; i++) {
		devices[i].fd = -1;
		devices[i].ctx = usual_ctx(i);
		devices[i].ioas = 0;
		devices[i].bar = 0;
	}
	return 0;
}

/* Two software devices, a HWPT that others can be nested in, and one that is, with page faults */
static void fill_software(struct call *c, unsigned int ctx, int fd, uint32_t ioas)
{
	struct mock_cmd access = { .create_access.flags = MOCK_ACCESS_NEEDS_PIN };
	struct iommu_fault_alloc queue = { .size = sizeof(queue) };
	struct mock_hwpt_data data = { .iotlb = 1 };
	struct mock_dev dev;
	uint32_t id;
	int i;

	for (i = 0; i < 2; i++) {
		if (mock_device(fd, ioas, 0, &dev))
			return;
		learn_id(c, ctx, K_MOCK, dev.object_id);
		learn_id(c, ctx, K_DEVICE, dev.dev_id);
		learn_id(c, ctx, K_HWPT, dev.hwpt_id);
	}
	if (hwpt_alloc_full(fd, dev.dev_id, ioas,
			    IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
			    IOMMU_HWPT_DATA_NONE, NULL, 0, 0, &id))
		return;
	for (i = 0; i < NR_IDS; i += 2) {
		contexts[ctx].id[K_HWPT][i] = id;
		contexts[ctx].ioas_of[i] = ioas;
	}
	if (!iommu_call(fd, IOMMU_FAULT_QUEUE_ALLOC, &queue)) {
		learn_id(c, ctx, K_FAULT, queue.out_fault_id);
		put_fd(&contexts[ctx].fault_fd[draw(c, NR_FDS)], queue.out_fault_fd);
	}
	if (!hwpt_alloc_full(fd, dev.dev_id, id, IOMMU_HWPT_FAULT_ID_VALID, MOCK_HWPT_DATA, &data,
			     sizeof(data), queue.out_fault_id, &id)) {
		learn_id(c, ctx, K_NESTED, id);
		mock_move(fd, &dev, id);
	}
	if (!mock_call(fd, MOCK_OP_CREATE_ACCESS, ioas, &access))
		put_fd(&contexts[ctx].access_fd[draw(c, NR_FDS)], access.create_access.out_fd);
}

void ctx_fill(struct call *c, unsigned int ctx, int fd)
{
	uint32_t id;
	int k, i;

	put_fd(&contexts[ctx].fd, fd);
	for (k = 0; k < NR_KINDS; k++)
		for (i = 0; i < NR_IDS; i++)
			contexts[ctx].id[k][i] = 0;
	for (i = 0; i < NR_IDS; i++)
		if (!ioas_alloc(fd, &id))
			contexts[ctx].id[K_IOAS][i] = id;
	fill_software(c, ctx, fd, contexts[ctx].id[K_IOAS][0]);
}

void pool_fill(struct call *c)
{
	unsigned int i;
	uint32_t id;

	for (i = 0; i < NR_CTX; i++)
		ctx_fill(c, i, iommu_open());
	for (i = 0; i < NR_DEV; i++) {
		unsigned int ctx = usual_ctx(i);
		int fd = device_open(devices[i].address);

		devices[i].fd = fd;
		if (device_bind(fd, contexts[ctx].fd, &id))
			continue;
		learn_id(c, ctx, K_DEVICE, id);
		if (device_attach(fd, contexts[ctx].id[K_IOAS][1], &id))
			continue;
		devices[i].ioas = contexts[ctx].id[K_IOAS][1];
		learn_id(c, ctx, K_HWPT, id);
	}
}

/*
 * A BAR mapping is its address with the number of its pages in the low bits, so that the one is never
 * seen without the other.
 */
void *bar_at(uintptr_t bar)
{
	return (void *)(bar & ~(PAGE - 1));
}

void put_bar(unsigned int device, void *at, unsigned int pages)
{
	uintptr_t old = atomic_exchange(&devices[device].bar, (uintptr_t)at | pages);

	if (old)
		munmap(bar_at(old), (old & (PAGE - 1)) * PAGE);
}

void pool_end(void)
{
	int i;

	for (i = 0; i < NR_DEV; i++)
		put_bar(i, NULL, 0);
	/* and those that were lost: an answer was changed under the thread that got it */
	close_range(3, ~0U, 0);
}
