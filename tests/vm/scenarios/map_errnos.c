// SPDX-License-Identifier: GPL-2.0
/*
 * What the calls of the map path answer, for good and bad arguments, on an IOAS without a device
 * and on one with a device: errnos as Linux documents them, and nothing changed by a call that
 * failed.
 *
 * vm: about=errnos of map, unmap, copy, ranges and options
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)
#define IOVA 0x10000000UL
#define RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED (RW | IOMMU_IOAS_MAP_FIXED_IOVA)
#define MSI 0xfee00000UL /* what x86 reserves for interrupts */

static int fd;
static char *mem;
static uint32_t plain, shown; /* an IOAS without a device, and one with */

static int map_at(uint32_t ioas, void *va, uint64_t length, uint64_t iova, uint32_t flags)
{
	return ioas_map_flags(fd, ioas, va, length, &iova, flags);
}

/* How many bytes an IOAS maps, found by unmapping them */
static uint64_t empty(uint32_t ioas)
{
	uint64_t unmapped = 0;

	ioas_unmap(fd, ioas, 0, UINT64_MAX, &unmapped);
	return unmapped;
}

static int copy_flags(uint32_t dst, uint64_t *dst_iova, uint32_t src, uint64_t src_iova,
		      uint64_t length, uint32_t flags)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd), .flags = flags, .dst_ioas_id = dst, .src_ioas_id = src,
		.length = length, .dst_iova = *dst_iova, .src_iova = src_iova,
	};
	int rc = iommu_call(fd, IOMMU_IOAS_COPY, &cmd);

	*dst_iova = cmd.dst_iova;
	return rc;
}

static void test_map_arguments(uint32_t ioas, const char *where)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd), .flags = FIXED, .ioas_id = ioas, .user_va = (uintptr_t)mem,
		.length = PAGE, .iova = IOVA, .__reserved = 1,
	};
	long long pinned = pages_pinned();

	CHECK_RC(iommu_call(fd, IOMMU_IOAS_MAP, &cmd), -EOPNOTSUPP, "map (%s): reserved field", where);
	CHECK_RC(map_at(ioas, mem, PAGE, IOVA, FIXED | 1u << 31), -EOPNOTSUPP,
		 "map (%s): unknown flag", where);
	CHECK_RC(map_at(ioas, mem, PAGE, IOVA, IOMMU_IOAS_MAP_FIXED_IOVA), -EINVAL,
		 "map (%s): neither readable nor writable", where);
	CHECK_RC(map_at(ioas, mem, 0, IOVA, FIXED), -EINVAL, "map (%s): no length", where);
	CHECK_RC(map_at(ioas, mem, UINT64_MAX, IOVA, FIXED), -EOVERFLOW,
		 "map (%s): length of all ones", where);
	CHECK_RC(map_at(ioas, mem, PAGE, UINT64_MAX, FIXED), -EOVERFLOW,
		 "map (%s): address of all ones", where);
	CHECK_RC(map_at(ioas, mem, UINT64_MAX - PAGE, IOVA, FIXED), -EOVERFLOW,
		 "map (%s): memory that wraps", where);
	CHECK_RC(map_at(ioas, mem, UINT64_MAX - 1, IOVA, FIXED), -EINVAL,
		 "map (%s): more than any memory", where);
	CHECK_RC(map_at(ioas, mem, 2 * PAGE, UINT64_MAX - PAGE + 1, FIXED), -EOVERFLOW,
		 "map (%s): a range that wraps", where);
	CHECK_RC(map_at(ioas, (void *)-PAGE, 2 * PAGE, IOVA, FIXED), -EOVERFLOW,
		 "map (%s): memory across the top", where);
	CHECK_RC(map_at(ioas, NULL, 1UL << 63, 0, RW), -EOVERFLOW,
		 "map (%s): absurd length, place chosen by the kernel", where);
	CHECK_RC(map_at(4711, mem, PAGE, IOVA, FIXED), -ENOENT, "map: no such IOAS");
	CHECK_EQ(empty(ioas), 0, "map (%s): nothing is mapped after all that", where);
	CHECK_EQ(pages_pinned(), pinned, "map (%s): nothing is pinned after all that", where);

	CHECK_RC(map_at(ioas, mem, 4 * PAGE, IOVA, FIXED), 0, "map (%s): pages", where);
	CHECK_RC(map_at(ioas, mem, PAGE, IOVA, FIXED), -EEXIST, "map (%s): same place", where);
	CHECK_RC(map_at(ioas, mem, 2 * PAGE, IOVA - PAGE, FIXED), -EEXIST,
		 "map (%s): overlaps the start", where);
	CHECK_RC(map_at(ioas, mem, 2 * PAGE, IOVA + 3 * PAGE, FIXED), -EEXIST,
		 "map (%s): overlaps the end", where);
	CHECK_RC(map_at(ioas, mem, 8 * PAGE, IOVA - 2 * PAGE, FIXED), -EEXIST,
		 "map (%s): around it", where);
	CHECK_RC(map_at(ioas, mem, PAGE, IOVA - PAGE, FIXED), 0, "map (%s): just below", where);
	CHECK_RC(map_at(ioas, mem, PAGE, IOVA + 4 * PAGE, FIXED), 0, "map (%s): just above", where);
	CHECK_EQ(empty(ioas), 6 * PAGE, "unmap (%s): all of it is there", where);
}

static void test_alignment(void)
{
	CHECK_RC(map_at(plain, mem + 100, 200, IOVA + 50, FIXED), 0,
		 "alignment: any bytes, without a device");
	CHECK_EQ(empty(plain), 200, "alignment: and exactly those");
	CHECK_RC(map_at(shown, mem + 100, PAGE, IOVA, FIXED), -EINVAL, "alignment: memory");
	CHECK_RC(map_at(shown, mem, PAGE, IOVA + 50, FIXED), -EINVAL, "alignment: address");
	CHECK_RC(map_at(shown, mem, PAGE + 50, IOVA, FIXED), -EINVAL, "alignment: length");
	CHECK_RC(map_at(shown, mem + 100, PAGE, 0, RW), -EINVAL,
		 "alignment: memory, place chosen by the kernel");
	CHECK_EQ(empty(shown), 0, "alignment: nothing came of it");
}

static void test_unmap(uint32_t ioas, const char *where)
{
	uint64_t unmapped = 0;
	int i;

	CHECK_RC(ioas_unmap(fd, ioas, IOVA, PAGE, NULL), -ENOENT, "unmap (%s): nothing there", where);
	CHECK_RC(ioas_unmap(fd, ioas, 0, UINT64_MAX, &unmapped), 0,
		 "unmap (%s): everything, of nothing", where);
	CHECK_EQ(unmapped, 0, "unmap (%s): and says so", where);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 0, NULL), -EINVAL, "unmap (%s): no length", where);
	CHECK_RC(ioas_unmap(fd, ioas, 1, UINT64_MAX, NULL), -EOVERFLOW,
		 "unmap (%s): length of all ones", where);
	CHECK_RC(ioas_unmap(fd, ioas, UINT64_MAX, PAGE, NULL), -EOVERFLOW,
		 "unmap (%s): address of all ones", where);
	CHECK_RC(ioas_unmap(fd, ioas, UINT64_MAX - PAGE, 2 * PAGE, NULL), -EOVERFLOW,
		 "unmap (%s): a range that wraps", where);
	CHECK_RC(ioas_unmap(fd, 4711, IOVA, PAGE, NULL), -ENOENT, "unmap: no such IOAS");

	CHECK_RC(map_at(ioas, mem, 4 * PAGE, IOVA, FIXED), 0, "unmap (%s): pages to unmap", where);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, PAGE, NULL), -ENOENT, "unmap (%s): its start", where);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA + 3 * PAGE, PAGE, NULL), -ENOENT,
		 "unmap (%s): its end", where);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA + PAGE, PAGE, NULL), -ENOENT,
		 "unmap (%s): its middle", where);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA - PAGE, 8 * PAGE, &unmapped), 0,
		 "unmap (%s): more than it", where);
	CHECK_EQ(unmapped, 4 * PAGE, "unmap (%s): says how much there was", where);

	for (i = 0; i < 8; i++)
		ioas_map(fd, ioas, mem + i * 2 * PAGE, 2 * PAGE, IOVA + i * 4 * PAGE);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 16 * PAGE + PAGE, NULL), -ENOENT,
		 "unmap (%s): a range that ends within an area", where);
	CHECK_EQ(empty(ioas), 8 * PAGE, "unmap (%s): the areas before it are gone", where);
}

static void test_placing(uint32_t ioas, const char *where)
{
	uint64_t iova[4];
	char *aligned = (char *)(((uintptr_t)mem + 2 * MIB - 1) & -(2 * MIB));
	int i;

	for (i = 0; i < 4; i++)
		if (ioas_map_flags(fd, ioas, aligned, 2 * MIB, &iova[i], RW))
			break;
	CHECK_EQ(i, 4, "place (%s): the kernel finds some", where);
	CHECK(iova[0] && !((iova[0] | iova[1] | iova[2] | iova[3]) % (2 * MIB)),
	      "place (%s): aligned as the memory is, to huge pages", where);
	CHECK(iova[1] == iova[0] + 2 * MIB && iova[3] == iova[0] + 6 * MIB,
	      "place (%s): the lowest each time", where);
	CHECK_RC(ioas_map_flags(fd, ioas, aligned + PAGE, PAGE, &iova[3], RW), 0,
		 "place (%s): a page", where);
	CHECK_EQ(iova[3], PAGE, "place (%s): never address 0", where);
	CHECK_RC(ioas_unmap(fd, ioas, iova[1], 2 * MIB, NULL), 0, "place (%s): make a hole", where);
	CHECK_RC(ioas_map_flags(fd, ioas, aligned, 4 * MIB, &iova[2], RW), 0,
		 "place (%s): too large for the hole", where);
	CHECK_EQ(iova[2], iova[0] + 8 * MIB, "place (%s): goes above", where);
	CHECK_RC(ioas_map_flags(fd, ioas, aligned + 8 * PAGE, 2 * PAGE, &iova[2], RW), 0,
		 "place (%s): small pieces", where);
	CHECK_EQ(iova[2], 2 * PAGE, "place (%s): as low as their alignment goes", where);
	empty(ioas);
}

static int allow(uint32_t ioas, struct iommu_iova_range *ranges, uint32_t nr)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .num_iovas = nr,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return iommu_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static void test_allow(void)
{
	struct iommu_iova_range two[] = { { IOVA + MIB, IOVA + MIB + 2 * PAGE - 1 },
					  { IOVA, IOVA + PAGE - 1 } };
	struct iommu_iova_range bad[] = { { IOVA, IOVA + PAGE }, { IOVA + PAGE, IOVA + 2 * PAGE } };
	struct iommu_iova_range point = { IOVA, IOVA };
	struct iommu_iova_range msi = { MSI, MSI + PAGE - 1 };
	struct iommu_ioas_allow_iovas cmd = { .size = sizeof(cmd), .ioas_id = plain, .__reserved = 1 };
	struct iommu_iova_range *edge;
	uint64_t iova;
	unsigned int i;

	edge = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap((char *)edge + PAGE, PAGE);
	for (i = 0; i < PAGE / sizeof(*edge); i++)
		edge[i] = (struct iommu_iova_range){ i * 2 * PAGE, i * 2 * PAGE + PAGE - 1 };
	CHECK_RC(allow(plain, edge, i + 1), -EFAULT, "allow: one more than there is memory");
	CHECK_RC(allow(plain, edge, UINT32_MAX), -E2BIG, "allow: more than may be");
	CHECK_RC(allow(plain, edge, i), 0, "allow: as many as there are");
	munmap(edge, PAGE);

	CHECK_RC(iommu_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd), -EOPNOTSUPP, "allow: reserved field");
	CHECK_RC(allow(4711, two, 2), -ENOENT, "allow: no such IOAS");
	CHECK_RC(allow(plain, bad, 2), -EINVAL, "allow: ranges overlap");
	CHECK_RC(allow(plain, &point, 1), -EINVAL, "allow: a single address is no range");
	CHECK_RC(allow(plain, NULL, 1), -EFAULT, "allow: no memory");
	CHECK_RC(allow(shown, &msi, 1), -EADDRINUSE, "allow: reserved");
	CHECK_RC(allow(plain, &msi, 1), 0, "allow: not reserved here");

	CHECK_RC(allow(plain, two, 2), 0, "allow: two ranges, in any order");
	iova = 0;
	CHECK_RC(ioas_map_flags(fd, plain, mem, 2 * PAGE, &iova, RW), 0, "allow: the larger one");
	CHECK_EQ(iova, IOVA + MIB, "allow: is chosen for what does not fit the other");
	CHECK_RC(ioas_map_flags(fd, plain, mem, 2 * PAGE, &iova, RW), -ENOSPC,
		 "allow: no more of them");
	CHECK_RC(ioas_map_flags(fd, plain, mem, PAGE, &iova, RW), 0, "allow: the smaller one");
	CHECK_EQ(iova, IOVA, "allow: it is");
	CHECK_RC(map_at(plain, mem, PAGE, 4 * IOVA, FIXED), 0,
		 "allow: who chooses the place is not held to it");
	CHECK_RC(allow(plain, &point, 1), -EINVAL, "allow: a bad list");
	CHECK_RC(ioas_map_flags(fd, plain, mem, PAGE, &iova, RW), -ENOSPC,
		 "allow: leaves the old one in force");
	CHECK_RC(allow(plain, NULL, 0), 0, "allow: everything again");
	CHECK_RC(ioas_map_flags(fd, plain, mem, PAGE, &iova, RW), 0, "allow: and so it is");
	empty(plain);
}

static int ranges_of(uint32_t ioas, struct iommu_iova_range *ranges, uint32_t room, uint32_t *nr,
		     uint64_t *alignment)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .num_iovas = room,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int rc = iommu_call(fd, IOMMU_IOAS_IOVA_RANGES, &cmd);

	*nr = cmd.num_iovas;
	*alignment = cmd.out_iova_alignment;
	return rc;
}

static void test_ranges(void)
{
	struct iommu_ioas_iova_ranges cmd = { .size = sizeof(cmd), .ioas_id = plain, .__reserved = 1 };
	struct iommu_iova_range ranges[16];
	uint64_t alignment;
	uint32_t nr, i;

	CHECK_RC(iommu_call(fd, IOMMU_IOAS_IOVA_RANGES, &cmd), -EOPNOTSUPP, "ranges: reserved field");
	CHECK_RC(ranges_of(4711, ranges, 16, &nr, &alignment), -ENOENT, "ranges: no such IOAS");
	CHECK_RC(ranges_of(plain, ranges, 16, &nr, &alignment), 0, "ranges: without a device");
	CHECK(nr == 1 && ranges[0].start == 0 && ranges[0].last == UINT64_MAX && alignment == 1,
	      "ranges: everything, in any alignment");

	CHECK_RC(ranges_of(shown, ranges, 16, &nr, &alignment), 0, "ranges: with a device");
	CHECK(nr >= 2 && nr <= 16, "ranges: more than one (%u)", nr);
	CHECK_EQ(alignment, PAGE, "ranges: in pages");
	CHECK(ranges[0].start == 0 && ranges[0].last == MSI - 1, "ranges: up to where interrupts go");
	CHECK_EQ(ranges[1].start, MSI + MIB, "ranges: and from there on");
	CHECK(ranges[nr - 1].last < UINT64_MAX, "ranges: up to what the IOMMU can address");
	for (i = 1; i < nr && ranges[i].start > ranges[i - 1].last + 1; i++)
		;
	CHECK_EQ(i, nr, "ranges: ascending, with gaps");

	memset(ranges, 0xaa, sizeof(ranges));
	CHECK_RC(ranges_of(shown, ranges, 1, &nr, &alignment), -EMSGSIZE, "ranges: little room");
	CHECK(nr >= 2 && ranges[0].last == MSI - 1 && ranges[1].start == 0xaaaaaaaaaaaaaaaaULL,
	      "ranges: says how many there are and fills what there is");
	CHECK_RC(ranges_of(shown, NULL, 0, &nr, &alignment), -EMSGSIZE, "ranges: no room at all");
	CHECK_RC(ranges_of(shown, NULL, 16, &nr, &alignment), -EFAULT, "ranges: no memory");

	CHECK_RC(map_at(shown, mem, PAGE, MSI, FIXED), -EINVAL, "reserved: not mapped");
	CHECK_RC(map_at(shown, mem, 2 * PAGE, MSI - PAGE, FIXED), -EINVAL, "reserved: not in part");
	CHECK_RC(map_at(shown, mem, PAGE, MSI - PAGE, FIXED), 0, "reserved: but just below");
	CHECK_RC(map_at(shown, mem, PAGE, UINT64_MAX - PAGE + 1, FIXED), -EINVAL,
		 "reserved: beyond what the IOMMU can address");
	CHECK_RC(map_at(plain, mem, PAGE, UINT64_MAX - PAGE + 1, FIXED), 0,
		 "reserved: the last page of all, without a device");
	CHECK_EQ(empty(plain), PAGE, "reserved: and unmapped with everything");
	empty(shown);
}

static void test_copy(void)
{
	struct iommu_ioas_copy cmd = { .size = sizeof(cmd), .flags = FIXED | 1u << 31 };
	char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t iova = IOVA, unmapped;

	CHECK_RC(iommu_call(fd, IOMMU_IOAS_COPY, &cmd), -EOPNOTSUPP, "copy: unknown flag");
	CHECK_RC(copy_flags(shown, &iova, plain, IOVA, PAGE, IOMMU_IOAS_MAP_FIXED_IOVA), -EINVAL,
		 "copy: neither readable nor writable");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, 0), -EINVAL, "copy: no length");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, UINT64_MAX), -EOVERFLOW,
		 "copy: length of all ones");
	CHECK_RC(ioas_copy(fd, shown, UINT64_MAX, plain, IOVA, PAGE), -EOVERFLOW,
		 "copy: to an address of all ones");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, UINT64_MAX, PAGE), -EOVERFLOW,
		 "copy: from an address of all ones");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, UINT64_MAX - PAGE, 2 * PAGE), -EOVERFLOW,
		 "copy: from a range that wraps");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, PAGE), -ENOENT, "copy: of nothing");

	ioas_map(fd, plain, mem, 2 * PAGE, IOVA);
	ioas_map(fd, plain, mem + 2 * PAGE, 2 * PAGE, IOVA + 2 * PAGE);
	ioas_map(fd, plain, mem + 4 * PAGE, PAGE, IOVA + 5 * PAGE);
	CHECK_RC(ioas_copy(fd, 4711, IOVA, plain, IOVA, PAGE), -ENOENT, "copy: to no such IOAS");
	CHECK_RC(ioas_copy(fd, shown, IOVA, 4711, IOVA, PAGE), -ENOENT, "copy: from no such IOAS");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, 6 * PAGE), -ENOENT, "copy: over a hole");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, 5 * PAGE), -ENOENT, "copy: up to a hole");
	CHECK_RC(ioas_copy(fd, shown, MSI, plain, IOVA, PAGE), -EINVAL, "copy: to a reserved place");
	CHECK_RC(ioas_copy(fd, shown, IOVA + 50, plain, IOVA, PAGE), -EINVAL, "copy: misaligned");
	CHECK_EQ(empty(shown), 0, "copy: nothing came of all that");

	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA + PAGE, 2 * PAGE), 0,
		 "copy: parts of two areas");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, PAGE), -EEXIST, "copy: to where one is");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, PAGE, &unmapped), 0, "copy: makes an area of each");
	iova = 1;
	CHECK_RC(copy_flags(shown, &iova, plain, IOVA, 4 * PAGE, RW), 0, "copy: the kernel finds a place");
	CHECK(iova && iova % PAGE == 0, "copy: and says where");
	CHECK_RC(ioas_copy(fd, shown, 2 * IOVA, shown, iova, 4 * PAGE), 0, "copy: within an IOAS");
	CHECK_EQ(empty(shown), 9 * PAGE, "copy: all of it was there");
	CHECK_EQ(empty(plain), 5 * PAGE, "copy: and so was the source");

	iova = IOVA;
	CHECK_RC(map_at(plain, ro, PAGE, IOVA, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA), 0,
		 "copy: a read-only area");
	CHECK_RC(ioas_copy(fd, shown, IOVA, plain, IOVA, PAGE), -EPERM, "copy: is not made writable");
	CHECK_RC(copy_flags(shown, &iova, plain, IOVA, PAGE,
			    IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA), 0,
		 "copy: as it is, it is copied");
	empty(shown);
	empty(plain);
	munmap(ro, PAGE);
}

static void test_memory(void)
{
	char *ro = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *half = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *none = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long long pinned = pages_pinned();

	munmap(hole, PAGE);
	munmap(half + 2 * PAGE, PAGE);
	CHECK_RC(map_at(shown, ro, PAGE, IOVA, FIXED), -EFAULT, "memory: read-only, for writing");
	CHECK_RC(map_at(shown, ro, PAGE, IOVA, IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA), 0,
		 "memory: read-only, for reading");
	CHECK_RC(map_at(shown, none, PAGE, 2 * IOVA, FIXED), -EFAULT, "memory: no access");
	CHECK_RC(map_at(shown, hole, PAGE, 2 * IOVA, FIXED), -EFAULT, "memory: none");
	CHECK_RC(map_at(shown, half, 4 * PAGE, 2 * IOVA, FIXED), -EFAULT, "memory: with a hole");
	CHECK_RC(map_at(shown, (void *)0xffff888000000000UL, PAGE, 2 * IOVA, FIXED), -EFAULT,
		 "memory: the kernel's");
	CHECK_RC(map_at(shown, NULL, 1UL << 40, 2 * IOVA, FIXED), -EINVAL,
		 "memory: a TiB to where the IOMMU cannot address so much");
	CHECK_EQ(pages_pinned() - pinned, 1, "memory: only what was mapped is pinned");
	CHECK_EQ(empty(shown), PAGE, "memory: and mapped");
	CHECK_EQ(pages_pinned(), pinned, "memory: then nothing");

	CHECK_RC(map_at(plain, ro, PAGE, IOVA, FIXED), 0, "memory: not looked at, without a device");
	CHECK_RC(map_at(plain, hole, 1UL << 40, 16 * IOVA, FIXED), 0,
		 "memory: not even a TiB of nothing");
	CHECK_EQ(pages_pinned(), pinned, "memory: and not pinned");
	CHECK_EQ(empty(plain), PAGE + (1UL << 40), "memory: and unmapped again");
	munmap(ro, 4 * PAGE);
	munmap(half, 4 * PAGE);
	munmap(none, 4 * PAGE);
}

static int option(uint32_t id, uint16_t op, uint32_t object, uint64_t *value)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd), .option_id = id, .op = op, .object_id = object, .val64 = *value,
	};
	int rc = iommu_call(fd, IOMMU_OPTION, &cmd);

	*value = cmd.val64;
	return rc;
}

static void test_huge_pages(void)
{
	uint64_t value = 7, zero = 0, one = 1;

	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_GET, plain, &value), 0,
		 "huge pages: get");
	CHECK_EQ(value, 1, "huge pages: on at first");
	value = 2;
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, plain, &value), -EINVAL,
		 "huge pages: neither on nor off");
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, 7, plain, &value), -EOPNOTSUPP,
		 "huge pages: unknown operation");
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_GET, 4711, &value), -ENOENT,
		 "huge pages: no such IOAS");
	CHECK_RC(option(99, IOMMU_OPTION_OP_GET, plain, &value), -EOPNOTSUPP, "options: unknown");

	ioas_map(fd, plain, mem + 100, 100, IOVA);
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, plain, &zero), -EADDRINUSE,
		 "huge pages: not off under what is not aligned to pages");
	empty(plain);
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, plain, &zero), 0, "huge pages: off");
	CHECK_RC(map_at(plain, mem + 100, 100, IOVA, FIXED), -EINVAL, "huge pages: then pages only");
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, plain, &one), 0, "huge pages: on");
	CHECK_RC(map_at(plain, mem + 100, 100, IOVA, FIXED), 0, "huge pages: then anything");
	empty(plain);

	ioas_map(fd, shown, mem, 4 * PAGE, IOVA);
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, shown, &zero), -EINVAL,
		 "huge pages: not off under a device's mappings");
	empty(shown);
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, shown, &zero), 0,
		 "huge pages: off for a device");
	CHECK_RC(map_at(shown, mem, 4 * MIB, IOVA, FIXED), 0, "huge pages: it still maps");
	CHECK_EQ(empty(shown), 4 * MIB, "huge pages: and unmaps");
	CHECK_RC(option(IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, shown, &one), 0,
		 "huge pages: on for a device");
}

static void test_sizes(void)
{
	struct { struct iommu_ioas_map cmd; char tail[64]; } long_map = {
		.cmd = { .size = sizeof(long_map), .flags = FIXED, .ioas_id = plain,
			 .user_va = (uintptr_t)mem, .length = PAGE, .iova = IOVA },
	};
	static const struct { unsigned long request; uint32_t size; const char *name; } calls[] = {
		{ IOMMU_IOAS_MAP, sizeof(struct iommu_ioas_map), "map" },
		{ IOMMU_IOAS_UNMAP, sizeof(struct iommu_ioas_unmap), "unmap" },
		{ IOMMU_IOAS_COPY, sizeof(struct iommu_ioas_copy), "copy" },
		{ IOMMU_IOAS_IOVA_RANGES, sizeof(struct iommu_ioas_iova_ranges), "ranges" },
		{ IOMMU_IOAS_ALLOW_IOVAS, sizeof(struct iommu_ioas_allow_iovas), "allow" },
		{ IOMMU_OPTION, sizeof(struct iommu_option), "option" },
	};
	/* far from the end of user addresses, unlike the stack: what is said to be 4 GiB long would reach beyond (EFAULT) */
	static union { uint32_t size; char bytes[256]; } cmd;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		memset(&cmd, 0, sizeof(cmd));
		cmd.size = calls[i].size - 1;
		CHECK_RC(iommu_call(fd, calls[i].request, &cmd), -EINVAL, "%s: too short", calls[i].name);
		cmd.size = 0;
		CHECK_RC(iommu_call(fd, calls[i].request, &cmd), -EINVAL, "%s: size 0", calls[i].name);
		cmd.size = calls[i].size + 8;
		cmd.bytes[calls[i].size + 3] = 1;
		CHECK_RC(iommu_call(fd, calls[i].request, &cmd), -E2BIG, "%s: unknown field set",
			 calls[i].name);
		memset(&cmd, 0xff, sizeof(cmd));
		CHECK_RC(iommu_call(fd, calls[i].request, &cmd), -E2BIG, "%s: all ones", calls[i].name);
		cmd.size = calls[i].size;
		CHECK(iommu_call(fd, calls[i].request, &cmd) < 0, "%s: all ones but its size",
		      calls[i].name);
		CHECK_RC(iommu_call(fd, calls[i].request, NULL), -EFAULT, "%s: no memory", calls[i].name);
		memset(&cmd, 0, sizeof(cmd));
		cmd.size = calls[i].size;
		CHECK(iommu_call(fd, calls[i].request, &cmd) < 0, "%s: zeroes but its size",
		      calls[i].name);
	}
	CHECK_RC(iommu_call(fd, IOMMU_IOAS_MAP, &long_map), 0, "map: unknown fields that are not set");
	CHECK_EQ(empty(plain), PAGE, "map: and it did");
}

/* The answer of a map is written to the arguments: they may be read-only by then */
static void test_answer(void)
{
	struct iommu_ioas_map *cmd = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long long pinned = pages_pinned();

	*cmd = (struct iommu_ioas_map){
		.size = sizeof(*cmd), .flags = FIXED, .ioas_id = shown, .user_va = (uintptr_t)mem,
		.length = PAGE, .iova = IOVA,
	};
	mprotect(cmd, PAGE, PROT_READ);
	CHECK_RC(iommu_call(fd, IOMMU_IOAS_MAP, cmd), -EFAULT, "answer: nowhere to write it");
	CHECK_EQ(empty(shown), 0, "answer: so nothing is mapped");
	CHECK_EQ(pages_pinned(), pinned, "answer: or pinned");
	munmap(cmd, PAGE);
}

int main(void)
{
	struct edu_setup edu;

	mem = memory(16 * MIB, 'm');
	fd = iommu_open();
	REQUIRE(fd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(fd, &plain), 0, "an IOAS without a device");
	REQUIRE_RC(ioas_alloc(fd, &shown), 0, "an IOAS");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, fd, shown), 0, "and a device in it");

	test_map_arguments(plain, "no device");
	test_map_arguments(shown, "device");
	test_alignment();
	test_unmap(plain, "no device");
	test_unmap(shown, "device");
	test_placing(plain, "no device");
	test_placing(shown, "device");
	test_allow();
	test_ranges();
	test_copy();
	test_memory();
	test_huge_pages();
	test_sizes();
	test_answer();

	edu_teardown(&edu);
	close(fd);
	return checks_done();
}
