// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a VFIO container on /dev/iommu: which IOAS they speak of, what they refuse, what
 * they answer and where they write it; and what a device sees of what they map and unmap. S17 holds
 * for them as well.
 *
 * vm: about=VFIO's container calls on /dev/iommu, with DMA
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define PAGE 4096UL
#define IOVA 0x1000000UL /* edu reaches 28 bits */
#define CHUNK 1024
#define ROOM 4096

static int fd;

static int vfio_ioas(uint32_t op, uint32_t *id)
{
	struct iommu_vfio_ioas cmd = { .size = sizeof(cmd), .op = op, .ioas_id = *id };
	int rc = iommu_call(fd, IOMMU_VFIO_IOAS, &cmd);

	*id = cmd.ioas_id;
	return rc;
}

static int value_call(unsigned long request, unsigned long value)
{
	return iommu_call(fd, request, (void *)value);
}

static int map_flags(void *va, uint64_t size, uint64_t iova, uint32_t flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = flags, .vaddr = (uintptr_t)va, .iova = iova, .size = size,
	};

	return iommu_call(fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int map(void *va, uint64_t size, uint64_t iova)
{
	return map_flags(va, size, iova, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

static int unmap_flags(uint64_t size, uint64_t iova, uint32_t flags, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .flags = flags, .iova = iova, .size = size,
	};
	int rc = iommu_call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	*unmapped = unmap.size;
	return rc;
}

static int unmap(uint64_t size, uint64_t iova, uint64_t *unmapped)
{
	return unmap_flags(size, iova, 0, unmapped);
}

/* Without an IOAS there is nothing to speak of */
static void none_set(void)
{
	uint64_t unmapped;
	uint32_t id = 0;

	CHECK_EQ(value_call(VFIO_GET_API_VERSION, 0), VFIO_API_VERSION, "the version of VFIO's interface");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU), 1, "type 1 can be had");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU), 1, "its version 2");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL), 1, "unmapping everything");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU), 0, "no IOMMU cannot be had");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR), 0, "nor new addresses for mappings");
	CHECK_EQ(value_call(VFIO_CHECK_EXTENSION, -1UL), 0, "nor what nobody knows");
	CHECK_RC(value_call(VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU), -ENODEV, "coherence: of what IOAS?");
	CHECK_RC(value_call(VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), -ENODEV, "setting the type: likewise");
	CHECK_RC(map(memory(PAGE, 0), PAGE, IOVA), -ENODEV, "mapping: likewise");
	CHECK_RC(unmap(PAGE, IOVA, &unmapped), -ENODEV, "unmapping: likewise");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_GET, &id), -ENODEV, "asking which: none");
}

/* Which IOAS it is */
static void which(void)
{
	uint32_t first, second, foreign, id = 0x7000;
	int other = iommu_open();

	REQUIRE_RC(ioas_alloc(fd, &first), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(fd, &second), 0, "another");
	for (int i = 0; i < 5; i++)
		REQUIRE_RC(ioas_alloc(other, &foreign), 0, "IOASes of another context");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &id), -ENOENT, "one that does not exist");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &foreign), -ENOENT, "S7 one of another context");
	CHECK_RC(vfio_ioas(3, &first), -EOPNOTSUPP, "an operation nobody knows");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &first), 0, "the first is set");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_GET, &id), 0, "and told");
	CHECK_EQ(id, first, "by its id");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &second), 0, "then the second");
	CHECK_RC(object_destroy(fd, first), 0, "the first is not held by having been set");
	CHECK_RC(object_destroy(fd, second), 0, "nor is the second, by being set");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_GET, &id), -ENODEV, "with it the setting is gone");
	REQUIRE_RC(ioas_alloc(fd, &first), 0, "an IOAS, in the same place maybe");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_GET, &id), -ENODEV, "a new one is not set by itself");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &first), 0, "but by the call");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_CLEAR, &first), 0, "and cleared by another");
	CHECK_RC(vfio_ioas(IOMMU_VFIO_IOAS_GET, &id), -ENODEV, "then none is set");
	CHECK_RC(object_destroy(fd, first), 0, "the IOAS was still there");
	close(other);
}

/* Arguments that are refused, each for one reason */
static void refused(void)
{
	struct vfio_iommu_type1_dma_unmap unmap_cmd = { .argsz = sizeof(unmap_cmd) - 1 };
	struct vfio_iommu_type1_dma_map map_cmd = { .argsz = sizeof(map_cmd) - 1,
						    .flags = VFIO_DMA_MAP_FLAG_READ };
	uint64_t unmapped;
	char *mem = memory(4 * PAGE, 0);

	CHECK_RC(iommu_call(fd, VFIO_IOMMU_MAP_DMA, &map_cmd), -EINVAL, "map: a struct too short");
	CHECK_RC(iommu_call(fd, VFIO_IOMMU_MAP_DMA, NULL), -EFAULT, "map: no struct");
	CHECK_RC(map_flags(mem, PAGE, IOVA, 0), -EINVAL, "map: neither to read nor to write");
	CHECK_RC(map_flags(mem, PAGE, IOVA, VFIO_DMA_MAP_FLAG_VADDR), -EINVAL, "map: new addresses");
	CHECK_RC(map_flags(mem, PAGE, IOVA, -1U), -EINVAL, "map: flags nobody knows");
	CHECK_RC(map(mem, 0, IOVA), -EINVAL, "map: nothing");
	CHECK_RC(map(mem, PAGE, IOVA + 1), -EINVAL, "map: not aligned");
	CHECK_RC(map(mem, PAGE, 0xfee00000), -EINVAL, "map: where interrupts are");
	CHECK_RC(map(mem, 1UL << 63, 1UL << 63), -EINVAL, "map: beyond what the IOMMU translates");
	CHECK_RC(map((void *)-PAGE, 2 * PAGE, IOVA), -EOVERFLOW, "map: memory that wraps");
	CHECK_RC(map(mem, PAGE, -PAGE), -EINVAL, "map: the last addresses");
	CHECK_RC(map((void *)PAGE, PAGE, IOVA), -EFAULT, "map: no memory there");
	CHECK_RC(map(mem, 2 * PAGE, IOVA), 0, "map: as it should be");
	CHECK_RC(map(mem, PAGE, IOVA + PAGE), -EEXIST, "map: over another mapping");

	CHECK_RC(iommu_call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap_cmd), -EINVAL, "unmap: a struct too short");
	CHECK_RC(iommu_call(fd, VFIO_IOMMU_UNMAP_DMA, NULL), -EFAULT, "unmap: no struct");
	CHECK_RC(unmap_flags(PAGE, IOVA, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, &unmapped), -EINVAL,
		 "unmap: with a bitmap");
	CHECK_RC(unmap_flags(PAGE, IOVA, VFIO_DMA_UNMAP_FLAG_VADDR, &unmapped), -EINVAL,
		 "unmap: addresses only");
	CHECK_RC(unmap_flags(2 * PAGE, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped), -EINVAL,
		 "unmap: everything, and a length");
	CHECK_RC(unmap_flags(0, IOVA, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped), -EINVAL,
		 "unmap: everything, and an address");
	CHECK_RC(unmap(0, IOVA, &unmapped), -EINVAL, "unmap: nothing");
	CHECK_RC(unmap(2 * PAGE, -PAGE, &unmapped), -EOVERFLOW, "unmap: a range that wraps");
	CHECK_RC(unmap(PAGE, IOVA, &unmapped), -ENOENT, "unmap: a part, of version 2");
	CHECK_EQ(unmapped, 0, "unmap: a part: nothing was unmapped");
	CHECK_RC(unmap(PAGE, IOVA + 8 * PAGE, &unmapped), 0, "unmap: where nothing is");
	CHECK_EQ(unmapped, 0, "unmap: where nothing is: it says so");
	CHECK_RC(unmap(16 * PAGE, IOVA, &unmapped), 0, "unmap: more than there is");
	CHECK_EQ(unmapped, 2 * PAGE, "unmap: it says how much there was");

	CHECK_RC(map(mem, PAGE, IOVA), 0, "a mapping");
	CHECK_RC(map(mem, PAGE, IOVA + 4 * PAGE), 0, "and another");
	CHECK_RC(unmap_flags(0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped), 0, "unmap: everything");
	CHECK_EQ(unmapped, 2 * PAGE, "unmap: everything: it says how much");
	CHECK_RC(value_call(VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU), -EINVAL, "the type: without an IOMMU");
	CHECK_RC(value_call(VFIO_SET_IOMMU, 0), -EINVAL, "the type: 0");
	munmap(mem, 4 * PAGE);
}

static void *capability(uint8_t *info, uint16_t id)
{
	uint32_t at = ((struct vfio_iommu_type1_info *)info)->cap_offset;

	while (at) {
		struct vfio_info_cap_header *header = (void *)(info + at);

		if (header->id == id)
			return header;
		at = header->next;
	}
	return NULL;
}

/* Every size of the buffer: never a byte more is written, and all of it where it fits */
static void info(void)
{
	static uint8_t buf[ROOM], full[ROOM];
	struct vfio_iommu_type1_info *answer = (void *)buf;
	struct vfio_iommu_type1_info_cap_iova_range *ranges;
	struct vfio_iommu_type1_info_dma_avail *avail;
	bool same = true, bounded = true, msi = false;
	uint32_t size, whole;

	answer->argsz = 15;
	CHECK_RC(iommu_call(fd, VFIO_IOMMU_GET_INFO, buf), -EINVAL, "info: a struct too short");
	CHECK_RC(iommu_call(fd, VFIO_IOMMU_GET_INFO, NULL), -EFAULT, "info: no struct");
	answer->argsz = ROOM;
	CHECK_RC(iommu_call(fd, VFIO_IOMMU_GET_INFO, buf), 0, "info: with room for everything");
	whole = answer->argsz;
	CHECK_EQ(answer->flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, "info: what it holds");
	CHECK(answer->iova_pgsizes & PAGE, "info: pages of 4 KiB can be mapped");
	CHECK(whole > sizeof(*answer) && whole < ROOM, "info: it says its length");
	avail = capability(buf, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	if (CHECK(avail, "info: how many mappings may be made"))
		CHECK_EQ(avail->avail, UINT32_MAX, "info: as many as one likes");
	ranges = capability(buf, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	REQUIRE(ranges && ranges->nr_iovas >= 2, "info: which addresses there are");
	for (uint32_t i = 0; i < ranges->nr_iovas; i++)
		msi |= ranges->iova_ranges[i].start <= 0xfeefffff &&
		       ranges->iova_ranges[i].end >= 0xfee00000;
	CHECK(!msi, "info: not those of interrupts");
	memcpy(full, buf, whole);
	for (size = 16; size <= whole; size++) {
		memset(buf, 0xa5, sizeof(buf));
		answer->argsz = size;
		if (iommu_call(fd, VFIO_IOMMU_GET_INFO, buf)) {
			same = false;
			break;
		}
		for (uint32_t i = size; i < ROOM; i++)
			bounded &= buf[i] == 0xa5;
		same &= answer->argsz == whole;
		if (size >= sizeof(*answer) && size < whole)
			same &= !answer->cap_offset;
	}
	CHECK(same, "info: it says how much room it takes, whatever there is");
	CHECK(bounded, "info: nothing is written beyond the room there is");
	CHECK(!memcmp(full, buf, whole), "info: with exactly as much room it is all there");
}

/* What the device sees */
static void dma(struct edu *edu)
{
	char *mem = memory(4 * PAGE, 0x11), *more = memory(PAGE, 0x22);
	uint64_t unmapped;

	memset(mem, 0x5a, CHUNK);
	CHECK_RC(map(mem, 4 * PAGE, IOVA), 0, "memory is mapped");
	CHECK(!edu_pull(edu, IOVA, 0, CHUNK) && !edu_push(edu, IOVA + 2 * PAGE, 0, CHUNK),
	      "a device moves bytes of it");
	CHECK(!memcmp(mem, mem + 2 * PAGE, CHUNK), "and they are there");
	CHECK_EQ(mem[2 * PAGE + CHUNK], 0x11, "and no more of them");
	CHECK_RC(map_flags(more, PAGE, IOVA + 8 * PAGE, VFIO_DMA_MAP_FLAG_READ), 0, "some only to be read");
	edu_push(edu, IOVA + 8 * PAGE, 0, CHUNK);
	CHECK_EQ(more[0], 0x22, "is not written to");
	CHECK_RC(unmap(4 * PAGE, IOVA, &unmapped), 0, "memory is unmapped");
	CHECK_EQ(unmapped, 4 * PAGE, "all of it");
	memset(mem, 0x33, 4 * PAGE);
	edu_push(edu, IOVA, 0, CHUNK);
	CHECK_EQ(mem[0], 0x33, "S14 the device reaches it no more");
	CHECK_RC(unmap_flags(0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped), 0, "the rest is unmapped");
	CHECK_EQ(unmapped, PAGE, "by a call for everything");
	munmap(mem, 4 * PAGE);
	munmap(more, PAGE);
}

/* Type 1 proper unmaps parts of mappings, and the device loses exactly those */
static void parts(struct edu *edu)
{
	char *mem = memory(4 * PAGE, 0);
	uint64_t unmapped;

	CHECK_RC(map(mem, 4 * PAGE, IOVA), 0, "type 1: four pages are mapped");
	CHECK_RC(unmap(PAGE, IOVA + PAGE, &unmapped), 0, "type 1: the second is unmapped");
	CHECK_EQ(unmapped, PAGE, "type 1: and nothing else");
	for (int i = 0; i < 4; i++)
		memset(mem + i * PAGE, 0x10 + i, PAGE);
	edu_pull(edu, IOVA, 0, CHUNK);
	for (int i = 1; i < 4; i++)
		edu_push(edu, IOVA + i * PAGE, 0, CHUNK);
	CHECK_EQ(mem[PAGE], 0x11, "S14 type 1: the device does not reach the second");
	CHECK_EQ(mem[2 * PAGE], 0x10, "type 1: it reaches the third");
	CHECK_EQ(mem[3 * PAGE], 0x10, "type 1: and the fourth");
	CHECK_RC(map(mem, PAGE, IOVA + PAGE), 0, "type 1: something else is mapped there");
	CHECK_RC(unmap(2 * PAGE, IOVA + PAGE, &unmapped), 0, "type 1: a whole and a part are unmapped");
	CHECK_EQ(unmapped, 2 * PAGE, "type 1: both");
	CHECK_RC(unmap_flags(0, 0, VFIO_DMA_UNMAP_FLAG_ALL, &unmapped), 0, "type 1: the rest");
	CHECK_EQ(unmapped, 2 * PAGE, "type 1: the first and the last");
	munmap(mem, 4 * PAGE);
}

int main(void)
{
	struct edu_setup setup;
	long long asked, pinned;
	uint32_t ioas, small;

	pinned = pages_pinned();
	fd = iommu_open();
	none_set();
	which();
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(fd, &small), 0, "one for type 1");
	REQUIRE_RC(edu_setup(&setup, VM_EDU, fd, ioas), 0, "a device on the first");

	asked = hook_count(NULL, NULL);
	REQUIRE_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &ioas), 0, "it is VFIO's");
	REQUIRE_RC(value_call(VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0, "of version 2");
	note("coherent: %d", value_call(VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
	refused();
	info();
	dma(&setup.edu);
	CHECK_EQ(hook_count(NULL, NULL), asked, "S17 no hook was asked by any of it");

	REQUIRE_RC(vfio_ioas(IOMMU_VFIO_IOAS_SET, &small), 0, "the other one is VFIO's");
	REQUIRE_RC(value_call(VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), 0, "of version 1");
	REQUIRE_RC(device_attach(setup.fd, small, NULL), 0, "and the device moves there");
	parts(&setup.edu);

	edu_teardown(&setup);
	close(fd);
	CHECK_EQ(pages_pinned(), pinned, "S15 nothing is left pinned");
	return checks_done();
}
