// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's edu device: its registers and its DMA engine, which is the truth about where DMA goes.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define REG_IDENT 0x00
#define REG_DMA_SRC 0x80
#define REG_DMA_DST 0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_COMMAND 0x98

#define DMA_RUN 1
#define DMA_TO_MEMORY 2

#define EDU_BUFFER 0x40000 /* where the device's own buffer stands in its address space */

uint32_t edu_read(struct edu *edu, unsigned int reg)
{
	return *(volatile uint32_t *)(edu->bar + reg);
}

void edu_write(struct edu *edu, unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(edu->bar + reg) = value;
}

static void write64(struct edu *edu, unsigned int reg, uint64_t value)
{
	*(volatile uint64_t *)(edu->bar + reg) = value;
}

int edu_init(struct edu *edu, int fd)
{
	int rc = device_enable(fd, true, true);

	if (rc)
		return rc;
	edu->fd = fd;
	edu->bar = device_map_bar(fd, 0, &edu->bar_size);
	if (edu->bar == MAP_FAILED)
		return -errno;
	return edu_read(edu, REG_IDENT) == EDU_IDENT ? 0 : -ENXIO;
}

void edu_exit(struct edu *edu)
{
	munmap((void *)edu->bar, edu->bar_size);
}

void edu_start(struct edu *edu, uint64_t src, uint64_t dst, uint32_t length, bool to_memory)
{
	write64(edu, REG_DMA_SRC, src);
	write64(edu, REG_DMA_DST, dst);
	write64(edu, REG_DMA_COUNT, length);
	edu_write(edu, REG_DMA_COMMAND, DMA_RUN | (to_memory ? DMA_TO_MEMORY : 0));
}

bool edu_busy(struct edu *edu)
{
	return edu_read(edu, REG_DMA_COMMAND) & DMA_RUN;
}

static int finish(struct edu *edu)
{
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (!edu_busy(edu))
			return 0;
		usleep(2000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < 20); /* a loaded host is slow */
	return -ETIMEDOUT;
}

/* Beyond its buffer the device ends the whole machine, so that is refused here */
static bool fits(uint32_t offset, uint32_t length)
{
	return length && offset < EDU_BUFFER_SIZE && length <= EDU_BUFFER_SIZE - offset;
}

/* What it was told before must be over: it takes no new addresses until then, but may the new command */
static int transfer(struct edu *edu, uint64_t src, uint64_t dst, uint32_t length, bool to_memory)
{
	int rc = finish(edu);

	if (rc)
		return rc;
	edu_start(edu, src, dst, length, to_memory);
	return finish(edu);
}

int edu_pull(struct edu *edu, uint64_t iova, uint32_t offset, uint32_t length)
{
	if (!fits(offset, length))
		return -ERANGE;
	return transfer(edu, iova, EDU_BUFFER + offset, length, false);
}

int edu_push(struct edu *edu, uint64_t iova, uint32_t offset, uint32_t length)
{
	if (!fits(offset, length))
		return -ERANGE;
	return transfer(edu, EDU_BUFFER + offset, iova, length, true);
}

int edu_setup(struct edu_setup *setup, const char *address, int iommufd, uint32_t pt_id)
{
	int rc;

	memset(setup, 0, sizeof(*setup));
	setup->fd = -1;
	rc = pci_bind(address, VM_DRIVER);
	if (rc)
		return rc;
	rc = device_open(address);
	if (rc < 0)
		return rc;
	setup->fd = rc;
	rc = device_bind(setup->fd, iommufd, &setup->dev_id);
	if (!rc)
		rc = device_attach(setup->fd, pt_id, NULL);
	if (!rc)
		rc = edu_init(&setup->edu, setup->fd);
	if (rc) {
		close(setup->fd);
		setup->fd = -1;
	}
	return rc;
}

void edu_teardown(struct edu_setup *setup)
{
	edu_exit(&setup->edu);
	close(setup->fd);
	setup->fd = -1;
}
