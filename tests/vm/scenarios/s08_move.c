// SPDX-License-Identifier: GPL-2.0
/*
 * S8: a move exposes nothing. Transfers run all the time while the device moves between two IOASes: what
 * they write lands in one or the other, or nowhere. Memory whose physical address is the IOVA, which DMA
 * would reach if translation were off or identity for an instant, is never touched. A move that fails
 * leaves the old IOAS in force.
 *
 * vm: about=moving between IOASes under DMA, and moves that fail
 * vm: qemu=-global edu.dma_mask=0xffffffffff
 * vm: timeout=240
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000
#define MOVES_A_TRANSFER 50
#define TRANSFERS 12

/* The physical address of a page of ours, 0 if the kernel will not say */
static uint64_t physical(const void *va)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, (uintptr_t)va / 4096 * 8) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ULL << 55) - 1)) * 4096;
}

static bool all(const uint8_t *mem, int value)
{
	int i;

	for (i = 0; i < 4096; i++)
		if (mem[i] != value)
			return false;
	return true;
}

int main(void)
{
	uint32_t a, b, small, *at;
	uint8_t *mem_a, *mem_b, *canary;
	unsigned int moves = 0, in_a = 0, in_b = 0, nowhere = 0, i, n;
	struct edu_setup edu;
	uint64_t iova, phys;
	int iommufd;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &a), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &b), 0, "another");
	mem_a = memory(4096, 'a');
	mem_b = memory(4096, 'b');
	REQUIRE_RC(ioas_map(iommufd, a, mem_a, 4096, IOVA), 0, "memory in the one");
	REQUIRE_RC(ioas_map(iommufd, b, mem_b, 4096, IOVA), 0, "other memory there in the other");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, iommufd, a), 0, "the device attaches to the one");

	/* the device's buffer holds 0, so any byte that arrives shows */
	CHECK_RC(edu_push(&edu.edu, IOVA, 0, 64), 0, "a transfer");
	CHECK(!mem_a[0] && mem_b[0] == 'b', "S8 control: DMA goes to the first");
	CHECK_RC(device_attach(edu.fd, b, NULL), 0, "a live move");
	memset(mem_a, 'a', 4096);
	CHECK_RC(edu_push(&edu.edu, IOVA, 0, 64), 0, "a transfer");
	CHECK(!mem_b[0] && mem_a[0] == 'a', "S8 control: the same IOVA now reaches the other memory");

	/* transfers to an IOVA that neither maps, and that is the physical address of our canary */
	canary = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	memset(canary, 'c', 4096);
	phys = physical(canary);
	REQUIRE(phys && phys < 1ULL << 40, "a canary at a physical address the device can name: %#llx",
		(unsigned long long)phys);
	for (n = 0; n < TRANSFERS; n++) {
		bool to_canary = n % 2;

		memset(mem_a, 'a', 4096);
		memset(mem_b, 'b', 4096);
		iova = to_canary ? phys : IOVA;
		edu_start(&edu.edu, 0x40000, iova, 64, true);
		for (i = 0; i < MOVES_A_TRANSFER || edu_busy(&edu.edu); i++) {
			if (device_attach(edu.fd, i % 2 ? a : b, NULL))
				break;
			moves++;
		}
		if (edu_busy(&edu.edu))
			break;
		in_a += !mem_a[0];
		in_b += !mem_b[0];
		nowhere += mem_a[0] && mem_b[0];
	}
	note("%u moves under %u transfers: %u landed in one IOAS, %u in the other, %u nowhere", moves, n,
	     in_a, in_b, nowhere);
	CHECK_EQ(n, TRANSFERS, "S8 all moves succeeded");
	CHECK(nowhere >= TRANSFERS / 2, "S8 DMA to what neither maps arrived in neither");
	CHECK(all(canary, 'c'), "S8 nor at that physical address: translation was never off");
	CHECK_EQ(physical(canary), phys, "the canary was there all the time");

	/* moves that fail */
	REQUIRE_RC(device_attach(edu.fd, a, NULL), 0, "back in the first");
	memset(mem_a, 'a', 4096);
	CHECK_RC(device_attach(edu.fd, 0x7000, NULL), -ENOENT, "S8 a move to nothing fails");
	REQUIRE_RC(ioas_alloc(iommufd, &small), 0, "an IOAS");
	/* the MSI window: reserved by the device, so an IOAS with a mapping there cannot take it */
	REQUIRE_RC(ioas_map(iommufd, small, mem_b, 4096, 0xfee00000), 0, "that maps where MSIs go");
	CHECK_RC(device_attach(edu.fd, small, NULL), -EADDRINUSE, "S8 a move there fails");
	CHECK_RC(edu_push(&edu.edu, IOVA, 0, 64), 0, "a transfer");
	CHECK(!mem_a[0], "S8 a move that failed left the old IOAS in force");
	at = (uint32_t *)mem_b;
	*at = 0x62626262;
	CHECK_RC(edu_push(&edu.edu, 0xfee00000, 0, 4), 0, "a write to the MSI window");
	CHECK_EQ(*at, 0x62626262, "S8 reaches no memory");
	CHECK_RC(object_destroy(iommufd, small), 0, "S8 and left nothing behind on the other");

	edu_teardown(&edu);
	close(iommufd);
	return checks_done();
}
