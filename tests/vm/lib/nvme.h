/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small NVMe driver on a device fd: one admin queue, one I/O queue pair, PRPs, completions by
 * polling or MSI-X. It knows IOVAs and registers; who maps what, and what must come of it, is the
 * scenario's. Nothing here prints. Functions return 0 or a negative errno, those of commands an NVMe
 * status (positive) too.
 */
#ifndef VM_NVME_DRIVER_H
#define VM_NVME_DRIVER_H

#include "vm.h"

#define NVME_PAGE 4096UL
#define NVME_BLOCK 512UL          /* of QEMU's namespaces */
#define NVME_DEPTH 32             /* entries in each queue; one stays empty */
#define NVME_SLOTS (NVME_DEPTH - 1)
#define NVME_MAX_BLOCKS 1024      /* in one command: 512 KiB, what QEMU's controller takes */
#define NVME_TIMEOUT_MS 30000     /* a busy host stops a guest for seconds */

/* Pages of the memory a controller is driven with, in this order */
enum {
	NVME_ADMIN_SQ,
	NVME_ADMIN_CQ,
	NVME_IO_SQ,
	NVME_IO_CQ,
	NVME_IDENTIFY,
	NVME_LISTS, /* two for each slot, for its PRP list */
	NVME_RING_PAGES = NVME_LISTS + 2 * NVME_DEPTH,
};

/* Registers of BAR 0, and their bits */
enum {
	NVME_CAP = 0x00,
	NVME_CC = 0x14,
	NVME_CSTS = 0x1c,
	NVME_AQA = 0x24,
	NVME_ASQ = 0x28,
	NVME_ACQ = 0x30,
	NVME_DOORBELLS = 0x1000,
};

#define NVME_CC_ENABLE 1u
#define NVME_CSTS_READY 1u
#define NVME_CSTS_FATAL 2u

struct nvme_command {
	uint8_t opcode;
	uint8_t flags;
	uint16_t cid;
	uint32_t nsid;
	uint32_t dw2, dw3;
	uint64_t metadata;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12, dw13, dw14, dw15;
};

struct nvme_completion {
	uint32_t result;
	uint32_t reserved;
	uint16_t sq_head;
	uint16_t sq_id;
	uint16_t cid;
	uint16_t status; /* bit 0 is the phase */
};

/* A command from its submission until its status is taken; its index is its cid */
struct nvme_slot {
	bool busy;
	bool done;
	uint16_t status;
};

struct nvme_queue {
	struct nvme_command *sq;
	volatile struct nvme_completion *cq;
	volatile uint32_t *sq_doorbell, *cq_doorbell;
	uint16_t tail, head, phase;
	struct nvme_slot slots[NVME_SLOTS];
};

/* Used by one thread at a time */
struct nvme {
	int fd;                  /* borrowed: an attached device */
	volatile uint8_t *bar;
	size_t bar_size;
	uint8_t *ring;           /* borrowed: NVME_RING_PAGES pages, mapped at ring_iova */
	uint64_t ring_iova;
	uint64_t blocks;         /* of namespace 1 */
	unsigned int list_start; /* entry of its page at which the next PRP list begins, 0 to 511 */
	struct nvme_queue admin, io;
};

/* Where a transfer goes: pages at iova one after the other, or each at its own */
struct nvme_memory {
	uint64_t iova;
	const uint64_t *pages; /* or NULL */
};

/* Map BAR 0, enable the device, reset the controller, learn the size of namespace 1 */
int nvme_init(struct nvme *nvme, int fd, void *ring, uint64_t ring_iova);
/* Unmap BAR 0 */
void nvme_exit(struct nvme *nvme);
/* The controller from scratch: memory access and bus mastering on, an admin queue and no other */
int nvme_reset(struct nvme *nvme);
uint32_t nvme_read32(struct nvme *nvme, unsigned int reg);
/* The controller has given up, or is not there */
bool nvme_dead(struct nvme *nvme);

/* MSI-X vectors 0 (admin) and 1 signal the two eventfds; NULL: none any more */
int nvme_irqs(struct nvme *nvme, const int eventfds[2]);
/* The I/O queue pair; vector -1: it raises no interrupt */
int nvme_io_create(struct nvme *nvme, int vector);
int nvme_io_delete(struct nvme *nvme);

/* Identify into the page NVME_IDENTIFY: cns 1 the controller, 0 namespace 1 */
int nvme_identify(struct nvme *nvme, uint32_t cns);

/* Start to read or write blocks, from offset of the memory on. The slot, or -EBUSY: none is free */
int nvme_start(struct nvme *nvme, bool write, uint64_t lba, unsigned int blocks,
	       const struct nvme_memory *memory, uint64_t offset);
/* Take note of what the controller has completed */
void nvme_poll(struct nvme_queue *queue);
/* Wait for a slot's status and free it: -EIO a dead controller, -ETIMEDOUT no answer */
int nvme_finish(struct nvme *nvme, struct nvme_queue *queue, int slot);
/* Start and finish */
int nvme_rw(struct nvme *nvme, bool write, uint64_t lba, unsigned int blocks,
	    const struct nvme_memory *memory, uint64_t offset);

#endif
