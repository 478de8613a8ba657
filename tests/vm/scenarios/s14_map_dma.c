// SPDX-License-Identifier: GPL-2.0
/*
 * What a device sees of mapped memory, with bytes that must and must not arrive: every kind of
 * memory; memory its owner has unmapped, forked over or truncated; mappings from before the device
 * came; and S14: after an unmap has returned, or its owner has died, the device reaches nothing.
 *
 * vm: about=S14 DMA to and from every kind of memory, and none after unmap
 * vm: append=iommufd_lsm.default_verdict=allow
 * vm: timeout=300
 * vm: mem=2G
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)
#define IOVA 0x1000000UL /* edu reaches 28 bits */
#define CHUNK 1024

static int fd;
static uint32_t ioas;
static struct edu_setup setup;

/* The device writes what it read from @src to @dst; are the bytes there? */
static bool moved(uint64_t src, uint64_t dst)
{
	return !edu_pull(&setup.edu, src, 0, CHUNK) && !edu_push(&setup.edu, dst, 0, CHUNK);
}

static void fill(char *p, size_t length, int seed)
{
	for (size_t i = 0; i < length; i++)
		p[i] = (char)(i * 7 + seed);
}

static bool all(const char *p, size_t length, int value)
{
	for (size_t i = 0; i < length; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* Device reads @p at its start and writes it near the end of the same memory */
static void test_kind(char *p, size_t length, const char *kind)
{
	int rc;

	if (!CHECK(p != MAP_FAILED, "%s: memory", kind))
		return;
	memset(p, 0, length);
	fill(p, CHUNK, 1);
	rc = ioas_map(fd, ioas, p, length, IOVA);
	if (!CHECK_RC(rc, 0, "%s: map", kind))
		return;
	CHECK(moved(IOVA, IOVA + length - CHUNK) && !memcmp(p, p + length - CHUNK, CHUNK),
	      "%s: the device reads and writes it", kind);
	/* across the boundary of two pages that are not neighbours in memory, most likely */
	fill(p + PAGE - CHUNK / 2, CHUNK, 2);
	CHECK(moved(IOVA + PAGE - CHUNK / 2, IOVA + length / 2 - CHUNK / 2) &&
	      !memcmp(p + PAGE - CHUNK / 2, p + length / 2 - CHUNK / 2, CHUNK),
	      "%s: across pages", kind);
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, length, NULL), 0, "%s: unmap", kind);
}

static void write_number(const char *path, unsigned long value)
{
	FILE *f = fopen(path, "we");

	if (f) {
		fprintf(f, "%lu", value);
		fclose(f);
	}
}

static char *anonymous(size_t length, int advice)
{
	char *p = mmap(NULL, length + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	p = (char *)(((uintptr_t)p + 2 * MIB) & -(2 * MIB));
	madvise(p, length, advice);
	return p;
}

static void test_kinds(void)
{
	int mem_fd, file;
	char *p;

	test_kind(anonymous(4 * MIB, MADV_NOHUGEPAGE), 4 * MIB, "anonymous pages");
	test_kind(anonymous(4 * MIB, MADV_HUGEPAGE), 4 * MIB, "transparent huge pages");
	p = anonymous(4 * MIB, MADV_HUGEPAGE);
	memset(p, 1, 4 * MIB);
	/* a hole in a huge page that is mapped: the rest of it stays where it is */
	madvise(p + 8 * PAGE, PAGE, MADV_DONTNEED);
	p[8 * PAGE] = 1;
	test_kind(p, 4 * MIB, "a huge page with a page replaced");

	write_number("/proc/sys/vm/nr_hugepages", 4);
	test_kind(mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0), 4 * MIB, "hugetlb");

	mem_fd = memfd_create("m", MFD_CLOEXEC);
	if (ftruncate(mem_fd, 4 * MIB))
		REQUIRE(false, "a memfd");
	test_kind(mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0), 4 * MIB,
		  "memfd, shared");
	test_kind(mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, mem_fd, 0), 4 * MIB,
		  "memfd, private");
	test_kind(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), MIB,
		  "shared anonymous");
	mem_fd = memfd_create("h", MFD_CLOEXEC | MFD_HUGETLB);
	if (ftruncate(mem_fd, 2 * MIB))
		REQUIRE(false, "a memfd of huge pages");
	p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
	test_kind(p, 2 * MIB, "memfd of huge pages");
	munmap(p, 2 * MIB);

	file = open("/dev/shm/f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(file, MIB))
		REQUIRE(false, "a file");
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	test_kind(p, MIB, "a file of tmpfs");
	CHECK_RC(ioas_map(fd, ioas, p, MIB, IOVA), 0, "a file of tmpfs: mapped");
	fill(p, CHUNK, 3);
	CHECK_RC(ftruncate(file, 0) ? -errno : 0, 0, "truncated while mapped");
	CHECK(moved(IOVA, IOVA + PAGE), "the device still has the old pages");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, MIB, NULL), 0, "unmap");
	munmap(p, MIB);
	close(file);

	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		 open("/dev/iommu", O_RDWR | O_CLOEXEC), 0);
	CHECK(p == MAP_FAILED, "/dev/iommu has no memory");
}

/* A part of memory, in the middle of its pages' runs, as a copy to another address space */
static void test_copy_of_part(void)
{
	char *p = memory(64 * PAGE, 0);
	uint32_t from;

	REQUIRE_RC(ioas_alloc(fd, &from), 0, "an IOAS without a device");
	CHECK_RC(ioas_map(fd, from, p, 64 * PAGE, 2 * IOVA), 0, "map there");
	CHECK_RC(ioas_copy(fd, ioas, IOVA, from, 2 * IOVA + 10 * PAGE, 20 * PAGE), 0,
		 "pages 10 to 29 to the device");
	CHECK_RC(ioas_copy(fd, ioas, IOVA + 40 * PAGE, from, 2 * IOVA + 20 * PAGE, 44 * PAGE), 0,
		 "pages 20 to 63 as well");
	fill(p + 12 * PAGE, CHUNK, 4);
	CHECK(moved(IOVA + 2 * PAGE, IOVA + 40 * PAGE + 43 * PAGE) &&
	      !memcmp(p + 12 * PAGE, p + 63 * PAGE, CHUNK), "page 12 goes to page 63");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 20 * PAGE, NULL), 0, "the first copy goes");
	fill(p + 25 * PAGE, CHUNK, 5);
	CHECK(moved(IOVA + 45 * PAGE, IOVA + 40 * PAGE + 35 * PAGE) &&
	      !memcmp(p + 25 * PAGE, p + 55 * PAGE, CHUNK), "the second still shows page 25 and 55");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA + 40 * PAGE, 44 * PAGE, NULL), 0, "it goes too");
	CHECK_RC(object_destroy(fd, from), 0, "the source goes");
	munmap(p, 64 * PAGE);
}

static void test_unmap_stops(void)
{
	char *p = memory(4 * PAGE, 'a'), *probe = memory(PAGE, 0);

	CHECK_RC(ioas_map(fd, ioas, p, 4 * PAGE, IOVA), 0, "S14 map");
	CHECK_RC(ioas_map(fd, ioas, probe, PAGE, 2 * IOVA), 0, "S14 and memory to see with");
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'a'), "S14 the device reads it");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 4 * PAGE, NULL), 0, "S14 unmap");
	memset(p, 'b', 4 * PAGE);
	memset(probe, 0, PAGE);
	klog_mark();
	CHECK(moved(IOVA, 2 * IOVA) && !memchr(probe, 'b', CHUNK), "S14 the device reads it no more");
	/* the device's own buffer is known: fill it from the probe, aim at what was unmapped */
	memset(probe, 'c', PAGE);
	edu_pull(&setup.edu, 2 * IOVA, 0, CHUNK);
	edu_push(&setup.edu, IOVA, 0, CHUNK);
	CHECK(all(p, 4 * PAGE, 'b'), "S14 the device writes it no more");
	CHECK(klog_count("DMAR") > 0, "S14 the IOMMU saw it try");

	/* the same address shows other memory at once: nothing old is cached */
	for (int i = 0; i < 5; i++) {
		char *q = memory(PAGE, 'd' + i);

		CHECK_RC(ioas_map(fd, ioas, q, PAGE, IOVA), 0, "S14 other memory, same address");
		CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'd' + i), "S14 is what the device sees");
		CHECK_RC(ioas_unmap(fd, ioas, IOVA, PAGE, NULL), 0, "S14 unmap");
		munmap(q, PAGE);
	}
	CHECK_RC(ioas_unmap(fd, ioas, 2 * IOVA, PAGE, NULL), 0, "S14 unmap");
	munmap(p, 4 * PAGE);
	munmap(probe, PAGE);
}

/* Read-only for the device, and write-only */
static void test_direction(void)
{
	char *p = memory(PAGE, 'r'), *probe = memory(PAGE, 0);
	uint64_t iova = IOVA;

	CHECK_RC(ioas_map(fd, ioas, probe, PAGE, 2 * IOVA), 0, "direction: memory to see with");
	CHECK_RC(ioas_map_flags(fd, ioas, p, PAGE, &iova,
				IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA), 0,
		 "direction: readable");
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'r'), "direction: is read");
	memset(probe, 'w', PAGE);
	CHECK(moved(2 * IOVA, IOVA) && all(p, PAGE, 'r'), "direction: and not written");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, PAGE, NULL), 0, "direction: unmap");
	munmap(p, PAGE);
	CHECK_RC(ioas_unmap(fd, ioas, 2 * IOVA, PAGE, NULL), 0, "direction: unmap");
	munmap(probe, PAGE);
}

/* The owner changes its mind about its memory while the device has it */
static void test_owner(void)
{
	char *p = memory(4 * PAGE, 'a'), *probe = memory(PAGE, 0), *q;
	pid_t child;
	int status;

	CHECK_RC(ioas_map(fd, ioas, p, 4 * PAGE, IOVA), 0, "owner: map");
	CHECK_RC(ioas_map(fd, ioas, probe, PAGE, 2 * IOVA), 0, "owner: memory to see with");

	child = fork();
	if (!child) {
		memset(p, 'c', 4 * PAGE);
		_exit(p[0] == 'c' ? 0 : 1);
	}
	waitpid(child, &status, 0);
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'a'), "owner: a child writes to its own copy");
	memset(p, 'p', PAGE);
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'p'),
	      "owner: after a fork the parent still shares its pages with the device");
	memset(probe, 'd', PAGE);
	CHECK(moved(2 * IOVA, IOVA) && all(p, CHUNK, 'd'), "owner: in both directions");

	munmap(p, 4 * PAGE);
	memset(probe, 0, PAGE);
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'd'),
	      "owner: unmapped memory stays the device's");
	q = mmap(p, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(q, 'n', 4 * PAGE);
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'd'), "owner: new memory there is not");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 4 * PAGE, NULL), 0, "owner: unmap");
	CHECK(all(q, 4 * PAGE, 'n'), "owner: the new memory is untouched");
	CHECK_RC(ioas_unmap(fd, ioas, 2 * IOVA, PAGE, NULL), 0, "owner: unmap");
	munmap(q, 4 * PAGE);
	munmap(probe, PAGE);
}

/* Mappings from before a device comes are there for its first access */
static void test_replay(void)
{
	size_t nr = 32;
	char *p = memory(nr * 16 * PAGE, 0);
	struct edu_setup second, *first = &setup;
	struct edu_setup saved;
	uint32_t late;
	size_t i;

	REQUIRE_RC(ioas_alloc(fd, &late), 0, "replay: an IOAS");
	for (i = 0; i < nr; i++) {
		fill(p + i * 16 * PAGE, CHUNK, i);
		if (ioas_map(fd, late, p + i * 16 * PAGE, 16 * PAGE, IOVA + i * 32 * PAGE))
			break;
	}
	CHECK_EQ(i, nr, "replay: mappings without a device");
	REQUIRE_RC(edu_setup(&second, VM_EDU2, fd, late), 0, "replay: a device comes");
	saved = *first;
	*first = second;
	for (i = 0; i < nr; i += 5)
		CHECK(moved(IOVA + i * 32 * PAGE, IOVA + i * 32 * PAGE + 15 * PAGE) &&
		      !memcmp(p + i * 16 * PAGE, p + i * 16 * PAGE + 15 * PAGE, CHUNK),
		      "replay: it sees mapping %zu", i);
	edu_teardown(first);
	*first = saved;
	CHECK_RC(object_destroy(fd, late), 0, "replay: destroyed with its mappings");
	munmap(p, nr * 16 * PAGE);
}

/* A process that shares the context maps memory, and is killed */
static void test_killed(void)
{
	char *probe = memory(PAGE, 0);
	int pipes[2];
	pid_t child;
	char c;

	CHECK_RC(ioas_map(fd, ioas, probe, PAGE, 2 * IOVA), 0, "killed: memory to see with");
	REQUIRE(!pipe(pipes), "a pipe");
	child = fork();
	if (!child) {
		char *p = memory(PAGE, 'k');

		if (ioas_map(fd, ioas, p, PAGE, IOVA))
			_exit(1);
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	CHECK_EQ(read(pipes[0], &c, 1), 1, "killed: a child maps");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(moved(IOVA, 2 * IOVA) && all(probe, CHUNK, 'k'),
	      "S14 its pages are the device's until they are unmapped");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, PAGE, NULL), 0, "killed: unmap");
	CHECK_RC(ioas_unmap(fd, ioas, 2 * IOVA, PAGE, NULL), 0, "killed: unmap");
	munmap(probe, PAGE);
	close(pipes[0]);
	close(pipes[1]);
}

/* A map that takes long ends with its process, and leaves nothing */
static void test_killed_mapping(void)
{
	long long pinned = pages_pinned();
	size_t length = 512 * MIB;
	uint64_t unmapped = 0;
	int status = 0, i;
	pid_t child;

	child = fork();
	if (!child)
		_exit(ioas_map(fd, ioas, mmap(NULL, length, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), length, IOVA) ? 1 : 0);
	for (i = 0; i < 1000 && pages_pinned() - pinned < 64; i++)
		usleep(1000);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status), "S14 a process is killed in the middle of a map");
	ioas_unmap(fd, ioas, 0, UINT64_MAX, &unmapped);
	CHECK_EQ(unmapped, 0, "S14 nothing of it is mapped");
	CHECK_EQ(pages_pinned(), pinned, "S14 or pinned");
}

int main(void)
{
	long long pinned = pages_pinned();

	fd = iommu_open();
	REQUIRE(fd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	REQUIRE_RC(edu_setup(&setup, VM_EDU, fd, ioas), 0, "a device");
	test_kinds();
	test_copy_of_part();
	test_unmap_stops();
	test_direction();
	test_owner();
	test_replay();
	test_killed();
	test_killed_mapping();
	CHECK_EQ(pages_pinned(), pinned, "S14 nothing is pinned at the end");
	edu_teardown(&setup);
	close(fd);
	return checks_done();
}
