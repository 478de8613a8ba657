// SPDX-License-Identifier: GPL-2.0
/*
 * The NVMe driver of nvme.h: registers, queues, PRP lists.
 */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "nvme.h"

_Static_assert(sizeof(struct nvme_command) == 64, "as the controller reads it");
_Static_assert(sizeof(struct nvme_completion) == 16, "as the controller writes it");

enum {
	IO_WRITE = 0x01,
	IO_READ = 0x02,
	ADMIN_DELETE_SQ = 0x00,
	ADMIN_CREATE_SQ = 0x01,
	ADMIN_DELETE_CQ = 0x04,
	ADMIN_CREATE_CQ = 0x05,
	ADMIN_IDENTIFY = 0x06,
};

#define NSID 1
#define IO_QUEUE 1
#define LIST_ENTRIES (NVME_PAGE / sizeof(uint64_t))

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

uint32_t nvme_read32(struct nvme *nvme, unsigned int reg)
{
	return *(volatile uint32_t *)(nvme->bar + reg);
}

static void write32(struct nvme *nvme, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(nvme->bar + reg) = value;
}

/* In halves: a controller need not take 64 bits at once */
static void write64(struct nvme *nvme, unsigned int reg, uint64_t value)
{
	write32(nvme, reg, value);
	write32(nvme, reg + 4, value >> 32);
}

static uint8_t *ring_page(struct nvme *nvme, unsigned int page)
{
	return nvme->ring + page * NVME_PAGE;
}

static uint64_t ring_iova(struct nvme *nvme, unsigned int page)
{
	return nvme->ring_iova + page * NVME_PAGE;
}

bool nvme_dead(struct nvme *nvme)
{
	/* all ones, of a device that is not there, have the bit too */
	return nvme_read32(nvme, NVME_CSTS) & NVME_CSTS_FATAL;
}

static int wait_ready(struct nvme *nvme, uint32_t ready)
{
	long long end = now_ms() + NVME_TIMEOUT_MS;

	do {
		if ((nvme_read32(nvme, NVME_CSTS) & NVME_CSTS_READY) == ready)
			return 0;
		if (ready && nvme_dead(nvme))
			return -EIO;
		usleep(100);
	} while (now_ms() < end);
	return -ETIMEDOUT;
}

static void queue_init(struct nvme *nvme, struct nvme_queue *queue, unsigned int id,
		       unsigned int sq_page)
{
	unsigned int stride = 4 << (nvme_read32(nvme, NVME_CAP + 4) & 0xf);

	memset(queue, 0, sizeof(*queue));
	memset(ring_page(nvme, sq_page), 0, 2 * NVME_PAGE);
	queue->sq = (struct nvme_command *)ring_page(nvme, sq_page);
	queue->cq = (struct nvme_completion *)ring_page(nvme, sq_page + 1);
	queue->sq_doorbell =
		(volatile uint32_t *)(nvme->bar + NVME_DOORBELLS + 2 * id * stride);
	queue->cq_doorbell =
		(volatile uint32_t *)(nvme->bar + NVME_DOORBELLS + (2 * id + 1) * stride);
	queue->phase = 1;
}

int nvme_reset(struct nvme *nvme)
{
	int rc = device_enable(nvme->fd, true, true);

	if (rc)
		return rc;
	write32(nvme, NVME_CC, 0);
	rc = wait_ready(nvme, 0);
	if (rc)
		return rc;

	queue_init(nvme, &nvme->admin, 0, NVME_ADMIN_SQ);
	write32(nvme, NVME_AQA, (NVME_DEPTH - 1) << 16 | (NVME_DEPTH - 1));
	write64(nvme, NVME_ASQ, ring_iova(nvme, NVME_ADMIN_SQ));
	write64(nvme, NVME_ACQ, ring_iova(nvme, NVME_ADMIN_CQ));
	/* entries of 64 and 16 bytes, pages of 4 KiB, the NVM command set */
	write32(nvme, NVME_CC, 4 << 20 | 6 << 16 | NVME_CC_ENABLE);
	return wait_ready(nvme, NVME_CSTS_READY);
}

int nvme_init(struct nvme *nvme, int fd, void *ring, uint64_t iova)
{
	uint64_t blocks;
	void *bar;
	int rc;

	memset(nvme, 0, sizeof(*nvme));
	nvme->fd = fd;
	nvme->ring = ring;
	nvme->ring_iova = iova;
	bar = device_map_bar(fd, VFIO_PCI_BAR0_REGION_INDEX, &nvme->bar_size);
	if (bar == MAP_FAILED)
		return -errno;
	nvme->bar = bar;

	rc = nvme_reset(nvme);
	if (!rc)
		rc = nvme_identify(nvme, 0);
	if (rc) {
		nvme_exit(nvme);
		return rc < 0 ? rc : -EIO;
	}
	memcpy(&blocks, ring_page(nvme, NVME_IDENTIFY), sizeof(blocks));
	nvme->blocks = blocks;
	return 0;
}

void nvme_exit(struct nvme *nvme)
{
	if (nvme->bar)
		munmap((void *)nvme->bar, nvme->bar_size);
	nvme->bar = NULL;
}

int nvme_irqs(struct nvme *nvme, const int eventfds[2])
{
	char buf[sizeof(struct vfio_irq_set) + 2 * sizeof(int)] = {};
	struct vfio_irq_set *set = (struct vfio_irq_set *)buf;

	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	if (eventfds) {
		set->argsz = sizeof(buf);
		set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
		set->count = 2;
		memcpy(set->data, eventfds, 2 * sizeof(int));
	} else {
		set->argsz = sizeof(*set);
		set->flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	}
	return iommu_call(nvme->fd, VFIO_DEVICE_SET_IRQS, set);
}

static int take_slot(struct nvme_queue *queue)
{
	for (int slot = 0; slot < NVME_SLOTS; slot++) {
		if (queue->slots[slot].busy)
			continue;
		queue->slots[slot] = (struct nvme_slot){ .busy = true };
		return slot;
	}
	return -EBUSY;
}

static void submit(struct nvme_queue *queue, struct nvme_command *command, int slot)
{
	command->cid = slot;
	queue->sq[queue->tail] = *command;
	queue->tail = (queue->tail + 1) % NVME_DEPTH;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*queue->sq_doorbell = queue->tail;
}

void nvme_poll(struct nvme_queue *queue)
{
	bool any = false;

	for (;;) {
		volatile struct nvme_completion *entry = &queue->cq[queue->head];
		uint16_t status = entry->status, cid;

		if ((status & 1) != queue->phase)
			break;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		cid = entry->cid;
		if (cid < NVME_SLOTS) {
			queue->slots[cid].status = status >> 1 & 0x7ff;
			queue->slots[cid].done = true;
		}
		queue->head = (queue->head + 1) % NVME_DEPTH;
		if (!queue->head)
			queue->phase ^= 1;
		any = true;
	}
	if (any)
		*queue->cq_doorbell = queue->head;
}

int nvme_finish(struct nvme *nvme, struct nvme_queue *queue, int slot)
{
	long long end = now_ms() + NVME_TIMEOUT_MS;
	unsigned int tries = 0;

	for (;;) {
		nvme_poll(queue);
		if (queue->slots[slot].done) {
			queue->slots[slot].busy = false;
			return queue->slots[slot].status;
		}
		/* a register costs more than a look at memory, and others may need this processor */
		if (++tries % 16)
			sched_yield();
		else if (nvme_dead(nvme))
			return -EIO;
		else if (now_ms() >= end)
			return -ETIMEDOUT;
		else
			usleep(200);
	}
}

static int admin(struct nvme *nvme, struct nvme_command *command)
{
	int slot = take_slot(&nvme->admin);

	if (slot < 0)
		return slot;
	submit(&nvme->admin, command, slot);
	return nvme_finish(nvme, &nvme->admin, slot);
}

int nvme_identify(struct nvme *nvme, uint32_t cns)
{
	struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = cns ? 0 : NSID,
		.prp1 = ring_iova(nvme, NVME_IDENTIFY),
		.dw10 = cns,
	};

	return admin(nvme, &command);
}

int nvme_io_create(struct nvme *nvme, int vector)
{
	struct nvme_command cq = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = ring_iova(nvme, NVME_IO_CQ),
		.dw10 = (NVME_DEPTH - 1) << 16 | IO_QUEUE,
		/* one piece of memory; an interrupt or none */
		.dw11 = 1 | (vector < 0 ? 0 : 2 | (uint32_t)vector << 16),
	};
	struct nvme_command sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = ring_iova(nvme, NVME_IO_SQ),
		.dw10 = (NVME_DEPTH - 1) << 16 | IO_QUEUE,
		.dw11 = IO_QUEUE << 16 | 1,
	};
	int rc;

	queue_init(nvme, &nvme->io, IO_QUEUE, NVME_IO_SQ);
	rc = admin(nvme, &cq);
	return rc ? rc : admin(nvme, &sq);
}

int nvme_io_delete(struct nvme *nvme)
{
	struct nvme_command sq = { .opcode = ADMIN_DELETE_SQ, .dw10 = IO_QUEUE };
	struct nvme_command cq = { .opcode = ADMIN_DELETE_CQ, .dw10 = IO_QUEUE };
	int rc = admin(nvme, &sq);

	return rc ? rc : admin(nvme, &cq);
}

static uint64_t page_iova(const struct nvme_memory *memory, uint64_t page)
{
	return memory->pages ? memory->pages[page] : memory->iova + page * NVME_PAGE;
}

/*
 * PRPs for length bytes from offset on. More than two pages need a list. It may begin anywhere in
 * its page; where it does not fit, the last entry of the page leads to the slot's other page.
 */
static void fill_prps(struct nvme *nvme, struct nvme_command *command, int slot,
		      const struct nvme_memory *memory, uint64_t offset, uint64_t length)
{
	uint64_t first = offset / NVME_PAGE, last = (offset + length - 1) / NVME_PAGE, page;
	unsigned int list_page = NVME_LISTS + 2 * slot;
	uint64_t *list = (uint64_t *)ring_page(nvme, list_page);
	unsigned int at = nvme->list_start;

	command->prp1 = page_iova(memory, first) + offset % NVME_PAGE;
	if (last == first)
		return;
	if (last == first + 1) {
		command->prp2 = page_iova(memory, last);
		return;
	}
	command->prp2 = ring_iova(nvme, list_page) + at * sizeof(*list);
	for (page = first + 1; page <= last; page++) {
		if (at == LIST_ENTRIES - 1 && page < last)
			list[at++] = ring_iova(nvme, list_page + 1);
		list[at++] = page_iova(memory, page);
	}
}

int nvme_start(struct nvme *nvme, bool write, uint64_t lba, unsigned int blocks,
	       const struct nvme_memory *memory, uint64_t offset)
{
	struct nvme_command command = {
		.opcode = write ? IO_WRITE : IO_READ,
		.nsid = NSID,
		.dw10 = lba,
		.dw11 = lba >> 32,
		.dw12 = blocks - 1,
	};
	int slot = take_slot(&nvme->io);

	if (slot < 0)
		return slot;
	fill_prps(nvme, &command, slot, memory, offset, blocks * NVME_BLOCK);
	submit(&nvme->io, &command, slot);
	return slot;
}

int nvme_rw(struct nvme *nvme, bool write, uint64_t lba, unsigned int blocks,
	    const struct nvme_memory *memory, uint64_t offset)
{
	int slot = nvme_start(nvme, write, lba, blocks, memory, offset);

	return slot < 0 ? slot : nvme_finish(nvme, &nvme->io, slot);
}
