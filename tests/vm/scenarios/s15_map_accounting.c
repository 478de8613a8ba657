// SPDX-License-Identifier: GPL-2.0
/*
 * S15: pinned pages count against the limit of whoever maps them, exactly, and are given back
 * exactly; copies pin nothing again; what is mapped when everything is closed is given back too.
 *
 * vm: about=S15 memlock limits and pin counts of the map path
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)
#define IOVA 0x10000000UL
#define LIMIT (64 * PAGE)
#define ALICE 1000

static int fd;
static uint32_t shown, other; /* an IOAS with a device, and one without */
static char *mem;

static void limit_memlock(rlim_t bytes)
{
	struct rlimit limit = { bytes, bytes };

	REQUIRE_RC(setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0, 0, "a limit of %lu pages",
		   (unsigned long)(bytes / PAGE));
}

/* Runs as alice, who inherited the context: the user's count is what limits her */
static int alice_maps(void *arg)
{
	long long pinned = pages_pinned();
	bool mm_mode = arg;
	int i;

	limit_memlock(LIMIT);
	CHECK_RC(ioas_map(fd, shown, mem, LIMIT + PAGE, IOVA), -ENOMEM, "S15 one page too many");
	CHECK_EQ(process_kb(0, "VmPin"), 0, "S15 leaves nothing counted");
	CHECK_RC(ioas_map(fd, shown, mem, LIMIT, IOVA), 0, "S15 exactly the limit");
	CHECK_EQ(process_kb(0, "VmPin"), LIMIT / 1024, "S15 VmPin says so");
	CHECK_EQ(process_kb(0, "VmLck"), mm_mode ? LIMIT / 1024 : 0,
		 "S15 VmLck counts when the process counts, not the user");
	CHECK_RC(ioas_map(fd, shown, mem + LIMIT, PAGE, 2 * IOVA), -ENOMEM, "S15 no page more");
	CHECK_RC(ioas_copy(fd, shown, 2 * IOVA, shown, IOVA, LIMIT), 0, "S15 a copy counts nothing");
	CHECK_EQ(process_kb(0, "VmPin"), LIMIT / 1024, "S15 VmPin does not change");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, LIMIT, NULL), 0, "S15 the original goes");
	CHECK_EQ(process_kb(0, "VmPin"), LIMIT / 1024, "S15 the copy still counts");
	CHECK_RC(ioas_map(fd, shown, mem + LIMIT, PAGE, IOVA), -ENOMEM, "S15 still no page more");
	CHECK_RC(ioas_unmap(fd, shown, 2 * IOVA, LIMIT, NULL), 0, "S15 the copy goes");
	CHECK_EQ(process_kb(0, "VmPin"), 0, "S15 all is given back");
	CHECK_EQ(process_kb(0, "VmLck"), 0, "S15 VmLck too");

	/* page by page to the limit, and back */
	for (i = 0; i < 100; i++)
		if (ioas_map(fd, shown, mem + i * PAGE, PAGE, IOVA + i * PAGE))
			break;
	CHECK_EQ(i, LIMIT / PAGE, "S15 page by page, as many fit");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, PAGE, NULL), 0, "S15 one goes");
	CHECK_RC(ioas_map(fd, shown, mem, PAGE, IOVA), 0, "S15 one comes");
	CHECK_RC(ioas_map(fd, shown, mem, PAGE, IOVA + LIMIT), -ENOMEM, "S15 and no other");
	CHECK_RC(ioas_unmap(fd, shown, 0, UINT64_MAX, NULL), 0, "S15 all go");

	/* a failure half-way gives back what it counted */
	CHECK_RC(munmap(mem + 8 * PAGE, PAGE), 0, "a hole in the memory");
	CHECK_RC(ioas_map(fd, shown, mem, 32 * PAGE, IOVA), -EFAULT, "S15 a map that fails half-way");
	CHECK_EQ(process_kb(0, "VmPin"), 0, "S15 gives all back");
	CHECK_RC(ioas_map(fd, shown, mem + 9 * PAGE, LIMIT, IOVA), 0, "S15 to the limit once more");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, LIMIT, NULL), 0, "S15 and back");
	CHECK_EQ(pages_pinned(), pinned, "S15 nothing stays pinned");
	return checks_done();
}

/* Ends with its memory mapped: the pages belong to a process that is gone */
static int dies_mapped(void *arg)
{
	(void)arg;
	return ioas_map(fd, shown, mem, 16 * PAGE, IOVA) ? 1 : 0;
}

static void test_dead_owner(void)
{
	long long pinned = pages_pinned();
	uint64_t unmapped = 0;

	CHECK_EQ(run_as(ALICE, dies_mapped, NULL), 0, "a process maps memory and ends");
	CHECK_EQ(pages_pinned() - pinned, 16, "S15 its pages stay pinned: a device may use them");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, 16 * PAGE, &unmapped), 0, "S15 another unmaps them");
	CHECK_EQ(pages_pinned(), pinned, "S15 then they are not");
}

static void test_copies(void)
{
	long long pinned = pages_pinned();
	uint32_t third;

	REQUIRE_RC(ioas_alloc(fd, &third), 0, "a third IOAS");
	CHECK_RC(ioas_map(fd, other, mem, 10 * PAGE, IOVA), 0, "map without a device");
	CHECK_EQ(pages_pinned() - pinned, 0, "S15 pins nothing");
	CHECK_RC(ioas_copy(fd, third, IOVA, other, IOVA, 10 * PAGE), 0, "copy without a device");
	CHECK_EQ(pages_pinned() - pinned, 0, "S15 pins nothing either");
	CHECK_RC(ioas_copy(fd, shown, IOVA, other, IOVA + 2 * PAGE, 3 * PAGE), 0,
		 "copy of pages 2 to 4 to a device");
	CHECK_EQ(pages_pinned() - pinned, 3, "S15 pins those");
	CHECK_RC(ioas_copy(fd, shown, 2 * IOVA, other, IOVA + 4 * PAGE, 4 * PAGE), 0,
		 "copy of pages 4 to 7");
	CHECK_EQ(pages_pinned() - pinned, 6, "S15 pins the three that are new");
	CHECK_RC(ioas_copy(fd, shown, 3 * IOVA, other, IOVA, 10 * PAGE), 0, "copy of all");
	CHECK_EQ(pages_pinned() - pinned, 10, "S15 pins the rest");
	CHECK_EQ(process_kb(0, "VmPin"), 40, "S15 and VmPin counts each page once");
	CHECK_RC(ioas_copy(fd, shown, 4 * IOVA, shown, 3 * IOVA + 3 * PAGE, PAGE), 0,
		 "copy of page 3 of the copy");
	CHECK_EQ(pages_pinned() - pinned, 10, "S15 pins nothing new");
	CHECK_RC(ioas_unmap(fd, other, IOVA, 10 * PAGE, NULL), 0, "the original goes");
	CHECK_EQ(pages_pinned() - pinned, 10, "S15 which held nothing");
	CHECK_RC(ioas_unmap(fd, shown, 3 * IOVA, 10 * PAGE, NULL), 0, "the copy of all goes");
	CHECK_EQ(pages_pinned() - pinned, 6, "S15 pages 2 to 7 stay");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, 3 * PAGE, NULL), 0, "pages 2 to 4 go");
	CHECK_EQ(pages_pinned() - pinned, 5, "S15 3 and 4 to 7 stay, in two places");
	CHECK_RC(ioas_unmap(fd, shown, 4 * IOVA, PAGE, NULL), 0, "page 3 goes");
	CHECK_EQ(pages_pinned() - pinned, 4, "S15 and is unpinned");
	CHECK_RC(ioas_unmap(fd, shown, 2 * IOVA, 4 * PAGE, NULL), 0, "the last goes");
	CHECK_EQ(pages_pinned(), pinned, "S15 nothing is pinned");
	CHECK_EQ(process_kb(0, "VmPin"), 0, "S15 or counted");

	CHECK_RC(ioas_map(fd, shown, mem, 10 * PAGE, IOVA), 0, "ten pages");
	CHECK_RC(ioas_copy(fd, shown, 2 * IOVA, shown, IOVA + 4 * PAGE, 2 * PAGE), 0,
		 "two from the middle");
	CHECK_RC(ioas_copy(fd, shown, 3 * IOVA, shown, IOVA + 8 * PAGE, 2 * PAGE), 0, "two from the end");
	CHECK_RC(ioas_copy(fd, shown, 4 * IOVA, shown, IOVA, PAGE), 0, "one from the start");
	CHECK_EQ(pages_pinned() - pinned, 10, "S15 parts pin nothing");
	CHECK_RC(ioas_unmap(fd, shown, IOVA, 10 * PAGE, NULL), 0, "the whole goes");
	CHECK_EQ(pages_pinned() - pinned, 5, "S15 exactly the parts stay");
	CHECK_RC(ioas_unmap(fd, shown, 2 * IOVA, 2 * PAGE, NULL), 0, "the middle goes");
	CHECK_EQ(pages_pinned() - pinned, 3, "S15 is unpinned");
	CHECK_RC(ioas_unmap(fd, shown, 3 * IOVA, 2 * PAGE, NULL), 0, "the end goes");
	CHECK_EQ(pages_pinned() - pinned, 1, "S15 is unpinned");
	CHECK_RC(ioas_unmap(fd, shown, 4 * IOVA, PAGE, NULL), 0, "the start goes");
	CHECK_EQ(pages_pinned(), pinned, "S15 nothing is pinned");
	CHECK_RC(object_destroy(fd, third), 0, "an IOAS is destroyed with what it maps");
}

/* Two domains of one IOAS, and a device that comes late */
static void test_domains(uint32_t dev_id)
{
	long long pinned = pages_pinned();
	struct edu_setup second;
	uint32_t late, hwpt;

	REQUIRE_RC(ioas_alloc(fd, &late), 0, "an IOAS");
	CHECK_RC(ioas_map(fd, late, mem, 16 * PAGE, IOVA), 0, "map before any device");
	CHECK_EQ(pages_pinned() - pinned, 0, "S15 pins nothing");
	CHECK_RC(hwpt_alloc(fd, dev_id, late, &hwpt), 0, "a HWPT");
	CHECK_EQ(pages_pinned() - pinned, 16, "S15 pins what is mapped");
	REQUIRE_RC(edu_setup(&second, VM_EDU2, fd, late), 0, "a device, with a second domain");
	CHECK_EQ(pages_pinned() - pinned, 16, "S15 pins nothing again");
	CHECK_RC(object_destroy(fd, hwpt), 0, "the first domain goes");
	CHECK_EQ(pages_pinned() - pinned, 16, "S15 the second still needs the pages");
	CHECK_RC(ioas_map(fd, late, mem + 16 * PAGE, 4 * PAGE, 2 * IOVA), 0, "map with a device");
	CHECK_EQ(pages_pinned() - pinned, 20, "S15 pins at once");
	edu_teardown(&second);
	CHECK_EQ(pages_pinned(), pinned, "S15 with the last device everything is unpinned");
	CHECK_RC(ioas_unmap(fd, late, IOVA, 16 * PAGE, NULL), 0, "the mappings are still there");

	CHECK_RC(munmap(mem + 17 * PAGE, PAGE), 0, "memory that is mapped goes away");
	CHECK_RC(hwpt_alloc(fd, dev_id, late, &hwpt), -EFAULT, "a domain that cannot show it");
	CHECK_EQ(pages_pinned(), pinned, "S15 leaves nothing pinned");
	CHECK_RC(object_destroy(fd, late), 0, "the IOAS goes");
	mmap(mem + 17 * PAGE, PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(void)
{
	struct edu_setup edu;
	struct iommu_option mode = {
		.size = sizeof(mode), .option_id = IOMMU_OPTION_RLIMIT_MODE,
		.op = IOMMU_OPTION_OP_SET, .val64 = 1,
	};
	long long pinned = pages_pinned();

	mem = memory(4 * MIB, 'm');
	fd = iommu_open();
	REQUIRE(fd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(fd, &shown), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(fd, &other), 0, "another");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, fd, shown), 0, "a device");
	note("counted by user");
	CHECK_EQ(run_as(ALICE, alice_maps, NULL), 0, "S15 the user's limit");
	test_dead_owner();
	test_copies();
	test_domains(edu.dev_id);

	CHECK_RC(ioas_map(fd, shown, mem, 8 * PAGE, IOVA), 0, "map");
	edu_teardown(&edu);
	CHECK_EQ(pages_pinned(), pinned, "S15 a device's close unpins");
	close(fd);

	note("counted by process");
	fd = iommu_open();
	REQUIRE_RC(iommu_call(fd, IOMMU_OPTION, &mode), 0, "the process counts");
	REQUIRE_RC(ioas_alloc(fd, &shown), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(fd, &other), 0, "another");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, fd, shown), 0, "a device");
	CHECK_EQ(run_as(ALICE, alice_maps, (void *)1), 0, "S15 the process's limit");
	test_dead_owner();

	CHECK_RC(ioas_map(fd, shown, mem, 8 * PAGE, IOVA), 0, "map");
	close(fd);
	CHECK_EQ(pages_pinned() - pinned, 8, "the device keeps its context");
	edu_teardown(&edu);
	usleep(200000);
	CHECK_EQ(pages_pinned(), pinned, "S15 the end of both unpins");
	return checks_done();
}
