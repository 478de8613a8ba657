// SPDX-License-Identifier: GPL-2.0
/*
 * The same memory mapped and unmapped for the same device through VFIO type1 and through
 * /dev/iommu, in one process: both see the very same physical pages. Prints figures and ratios, and
 * fails if a row is slower here, or unmapping huge pages takes more than a fifth of type1's time.
 *
 * Run by tests/bench/run, in a guest whose clock counts instructions. What it measures is one call
 * from user space, on memory that is there already.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define KIB 1024UL
#define MIB (1024 * KIB)
#define LARGEST (256 * MIB)
#define MAX_RUNS 41

struct row {
	const char *name;
	int buffer;
	size_t length;
	unsigned int runs;
	bool huge;
	/* by peer, in microseconds of guest time: thousands of instructions */
	double map[2], unmap[2];
};

#define ROW(...) { __VA_ARGS__, .map = { 0 } }

enum { FRESH, SHUFFLED, THP, HUGETLB, NR_BUFFERS };
enum { TYPE1, IOMMUFD };

static struct row rows[] = {
	ROW("4 KiB", FRESH, 4 * KIB, 41, false),
	ROW("64 KiB", FRESH, 64 * KIB, 41, false),
	ROW("2 MiB", FRESH, 2 * MIB, 21, false),
	ROW("256 MiB", FRESH, LARGEST, 5, false),
	ROW("64 KiB, shuffled pages", SHUFFLED, 64 * KIB, 41, false),
	ROW("2 MiB, shuffled pages", SHUFFLED, 2 * MIB, 21, false),
	ROW("256 MiB, shuffled pages", SHUFFLED, LARGEST, 5, false),
	ROW("4 KiB of a huge page", THP, 4 * KIB, 41, true),
	ROW("2 MiB, transparent huge", THP, 2 * MIB, 41, true),
	ROW("256 MiB, transparent huge", THP, LARGEST, 5, true),
	ROW("2 MiB, hugetlb", HUGETLB, 2 * MIB, 41, true),
	ROW("256 MiB, hugetlb", HUGETLB, LARGEST, 5, true),
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

static char *buffers[NR_BUFFERS];

/* The two ways to map; negative errno or 0 */
struct peer {
	const char *name;
	int (*map)(void *va, size_t length, uint64_t iova);
	int (*unmap)(uint64_t iova, size_t length);
};

static int container, group, device, iommufd;
static uint32_t ioas;

static int type1_map(void *va, size_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

static int type1_unmap(uint64_t iova, size_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		return -errno;
	return unmap.size == length ? 0 : -EIO;
}

static int iommufd_map(void *va, size_t length, uint64_t iova)
{
	return ioas_map(iommufd, ioas, va, length, iova);
}

static int iommufd_unmap(uint64_t iova, size_t length)
{
	uint64_t unmapped;
	int rc = ioas_unmap(iommufd, ioas, iova, length, &unmapped);

	if (rc)
		return rc;
	return unmapped == length ? 0 : -EIO;
}

static const struct peer peers[] = {
	[TYPE1] = { "type1", type1_map, type1_unmap },
	[IOMMUFD] = { "iommufd", iommufd_map, iommufd_unmap },
};

static void fail(const char *what, int rc)
{
	printf("not ok %s: %s\n", what, strerror(-rc));
	exit(1);
}

static char *reserve(int flags, int advice)
{
	/* aligned to a huge page, so that each row starts with one */
	size_t extra = flags & MAP_HUGETLB ? 0 : 2 * MIB;
	char *p = mmap(NULL, LARGEST + extra, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (p == MAP_FAILED)
		fail("memory", -errno);
	p = (char *)(((uintptr_t)p + extra) & ~(2 * MIB - 1));
	if (advice && madvise(p, LARGEST, advice))
		fail("madvise", -errno);
	return p;
}

/* The order of a shuffle that is the same in each run */
static void touch_shuffled(char *p)
{
	size_t nr = LARGEST / (4 * KIB), i;
	uint32_t *order = malloc(nr * sizeof(*order));
	uint64_t state = 88172645463325252ULL;

	for (i = 0; i < nr; i++)
		order[i] = i;
	for (i = nr - 1; i; i--) {
		size_t other;
		uint32_t tmp;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		other = state % (i + 1);
		tmp = order[i];
		order[i] = order[other];
		order[other] = tmp;
	}
	for (i = 0; i < nr; i++)
		p[order[i] * 4 * KIB] = 1;
	free(order);
}

static void touch_in_order(char *p, size_t step)
{
	size_t i;

	for (i = 0; i < LARGEST; i += step)
		p[i] = 1;
}

static void buffers_make(void)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (!f || fprintf(f, "%lu", LARGEST / (2 * MIB)) < 0 || fclose(f))
		fail("hugetlb pages", -errno);
	buffers[HUGETLB] = reserve(MAP_HUGETLB, 0);
	touch_in_order(buffers[HUGETLB], 2 * MIB);
	buffers[THP] = reserve(0, MADV_HUGEPAGE);
	touch_in_order(buffers[THP], 2 * MIB);
	buffers[FRESH] = reserve(0, MADV_NOHUGEPAGE);
	touch_in_order(buffers[FRESH], 4 * KIB);
	buffers[SHUFFLED] = reserve(0, MADV_NOHUGEPAGE);
	touch_shuffled(buffers[SHUFFLED]);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* What reading the clock itself takes, to be left out */
static double clock_cost(void)
{
	double costs[MAX_RUNS];
	unsigned int i;

	for (i = 0; i < MAX_RUNS; i++) {
		double start = now();

		costs[i] = now() - start;
	}
	qsort(costs, MAX_RUNS, sizeof(costs[0]), compare);
	return costs[MAX_RUNS / 2];
}

static void measure(struct row *row, int which, double cost)
{
	const struct peer *peer = &peers[which];
	double map[MAX_RUNS], unmap[MAX_RUNS];
	uint64_t iova = 0x100000000ULL * (row->buffer + 1);
	unsigned int i;

	/* the first run is not counted: it finds the IOMMU without tables */
	for (i = 0; i <= row->runs; i++) {
		unsigned int at = i ? i - 1 : 0;
		double start, middle, restart, end;
		int rc;

		start = now();
		rc = peer->map(buffers[row->buffer], row->length, iova);
		middle = now();
		if (rc)
			fail(row->name, rc);
		restart = now();
		rc = peer->unmap(iova, row->length);
		end = now();
		if (rc)
			fail(row->name, rc);
		map[at] = middle - start - cost;
		unmap[at] = end - restart - cost;
	}
	qsort(map, row->runs, sizeof(map[0]), compare);
	qsort(unmap, row->runs, sizeof(unmap[0]), compare);
	row->map[which] = map[row->runs / 2];
	row->unmap[which] = unmap[row->runs / 2];
}

static void type1_open(void)
{
	char path[64];
	int rc;

	rc = pci_bind(VM_NIC, "vfio-pci");
	if (rc)
		fail("vfio-pci takes the device", rc);
	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(VM_NIC));
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		fail("open of the group", -errno);
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("type1", -errno);
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, VM_NIC);
	if (device < 0)
		fail("device fd of type1", -errno);
}

static void type1_close(void)
{
	close(device);
	close(group);
	close(container);
}

static void iommufd_open(void)
{
	uint32_t id;
	int rc;

	rc = pci_bind(VM_NIC, VM_DRIVER);
	if (rc)
		fail(VM_DRIVER " takes the device", rc);
	device = device_open(VM_NIC);
	iommufd = iommu_open();
	if (device < 0 || iommufd < 0)
		fail("open of device and context", device < 0 ? device : iommufd);
	rc = device_bind(device, iommufd, &id);
	if (!rc)
		rc = ioas_alloc(iommufd, &ioas);
	if (!rc)
		rc = device_attach(device, ioas, NULL);
	if (rc)
		fail("attach", rc);
}

static bool judge(const struct row *row)
{
	double map = row->map[IOMMUFD] / row->map[TYPE1];
	double unmap = row->unmap[IOMMUFD] / row->unmap[TYPE1];
	double unmap_limit = row->huge && row->length >= 2 * MIB ? 0.2 : 1.0;
	bool ok = map <= 1.0 && unmap <= unmap_limit;

	printf("%-26s %10.2f %10.2f %6.3f %c %10.2f %10.2f %6.3f %c\n", row->name,
	       row->map[TYPE1], row->map[IOMMUFD], map, map <= 1.0 ? ' ' : '!',
	       row->unmap[TYPE1], row->unmap[IOMMUFD], unmap, unmap <= unmap_limit ? ' ' : '!');
	return ok;
}

int main(int argc, char **argv)
{
	unsigned int slow = 0;
	double cost;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	buffers_make();
	cost = clock_cost();
	/* "only" iommufd or type1, for whoever looks for instructions */
	if (argc < 2 || !strcmp(argv[1], "type1")) {
		type1_open();
		for (i = 0; i < NR_ROWS; i++)
			measure(&rows[i], TYPE1, cost);
		type1_close();
	}
	iommufd_open();
	for (i = 0; i < NR_ROWS; i++)
		measure(&rows[i], IOMMUFD, cost);

	printf("%-26s %10s %10s %6s   %10s %10s %6s\n", "microseconds a call", "type1 map",
	       "iommufd", "ratio", "unmap", "iommufd", "ratio");
	for (i = 0; i < NR_ROWS; i++)
		slow += !judge(&rows[i]);
	if (slow)
		printf("%u of %zu rows miss the target (marked !)\n", slow, NR_ROWS);
	else
		printf("no row is slower than type1; huge pages unmap in a fifth of its time or less\n");
	return slow ? 1 : 0;
}
