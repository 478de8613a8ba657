// SPDX-License-Identifier: GPL-2.0
/*
 * Access objects beyond what Linux's selftest asks of them, driven by the mock: every errno, pages
 * pinned once whoever shows them, drivers in a kernel thread, drivers that do not unpin, an unmap
 * that waits for what is under way in its range while nobody else does, and all of it at once.
 *
 * vm: about=in-kernel accesses: errnos, pins, unmap notification, stalled users
 * vm: append=iommufd_lsm.default_verdict=allow
 * vm: timeout=400
 * vm: expect=WARNING: CPU.*unmap_range|RIP: 0010:unmap_range|Call Trace|RIP: 0033|\]  (\? )?[a-z_0-9.]+\+0x
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"
#include "mock.h"

#define PAGE 4096UL
#define IOVA MOCK_IOVA

static int fd;
static uint32_t ioas;
static char *mem; /* 16 pages */

static int access_make(uint32_t ioas_id, uint32_t flags)
{
	struct mock_cmd cmd = { .create_access.flags = flags };
	int rc = mock_call(fd, MOCK_OP_CREATE_ACCESS, ioas_id, &cmd);

	return rc ? rc : (int)cmd.create_access.out_fd;
}

static int access_replace(int access, uint32_t ioas_id)
{
	struct mock_cmd cmd = { .access_replace.ioas_id = ioas_id };

	return mock_call(fd, MOCK_OP_ACCESS_REPLACE_IOAS, access, &cmd);
}

/* Compares the pages with those at expected, unless that is NULL */
static int pin(int access, uint64_t iova, uint64_t length, void *expected, bool write, uint32_t *id)
{
	struct mock_cmd cmd = {
		.access_pages = { .flags = write ? MOCK_ACCESS_WRITE : 0, .iova = iova,
				  .length = length, .uptr = (uintptr_t)expected },
	};
	int rc = mock_call(fd, MOCK_OP_ACCESS_PAGES, access, &cmd);

	if (id)
		*id = cmd.access_pages.out_pages_id;
	return rc;
}

static int unpin(int access, uint32_t id)
{
	struct mock_cmd cmd = { .destroy_access_pages.pages_id = id };

	return mock_call(fd, MOCK_OP_DESTROY_ACCESS_PAGES, access, &cmd);
}

static int rw(int access, uint64_t iova, void *data, uint64_t length, uint32_t flags)
{
	struct mock_cmd cmd = {
		.access_rw = { .iova = iova, .length = length, .uptr = (uintptr_t)data,
			       .flags = flags },
	};

	return mock_call(fd, MOCK_OP_ACCESS_RW, access, &cmd);
}

/* 0 if each page is pinned just so often */
static int pinned(void *va, uint64_t length, uint32_t times)
{
	struct mock_cmd cmd = {
		.check_refs = { .length = length, .uptr = (uintptr_t)va, .refs = times },
	};

	return mock_call(fd, MOCK_OP_CHECK_REFS, 0, &cmd);
}

static int map_prot(void *va, uint64_t length, uint64_t iova, uint32_t prot)
{
	return ioas_map_flags(fd, ioas, va, length, &iova, prot | IOMMU_IOAS_MAP_FIXED_IOVA);
}

static uint64_t alignment(void)
{
	struct iommu_iova_range ranges[8];
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = 8,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return iommu_call(fd, IOMMU_IOAS_IOVA_RANGES, &cmd) ? 0 : cmd.out_iova_alignment;
}

static void unmap_everything(const char *when)
{
	CHECK_RC(ioas_unmap(fd, ioas, 0, UINT64_MAX, NULL), 0, "%s: all is unmapped", when);
	CHECK_RC(pinned(mem, 16 * PAGE, 0), 0, "S14 %s: and nothing is pinned", when);
}

static void lives_and_references(void)
{
	uint32_t other;
	int access;

	CHECK_RC(access_make(ioas + 100, 0), -ENOENT, "create: no such IOAS");
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE / 2, IOVA), 0, "half a page is mapped");
	CHECK_RC(access_make(ioas, MOCK_ACCESS_NEEDS_PIN), -EADDRINUSE,
		 "create: who pins pages needs whole ones");
	CHECK_EQ(alignment(), 1, "create: and a refusal changes nothing");
	access = access_make(ioas, 0);
	CHECK(access >= 0, "create: who only copies does not");
	CHECK_RC(pin(access, IOVA, PAGE / 2, NULL, false, NULL), -EOPNOTSUPP, "and may not pin");
	close(access);
	unmap_everything("create");

	access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	REQUIRE(access >= 0, "an access that pins");
	CHECK_EQ(alignment(), PAGE, "the IOAS maps whole pages then");
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE / 2, IOVA), -EINVAL, "and no half ones");
	CHECK_RC(object_destroy(fd, ioas), -EBUSY, "its IOAS cannot be destroyed");
	CHECK_RC(access_replace(access, ioas + 100), -ENOENT, "replace: no such IOAS");
	CHECK_RC(access_replace(access, ioas), 0, "replace: by itself");
	CHECK_RC(object_destroy(fd, ioas), -EBUSY, "replace: changes nothing then");

	REQUIRE_RC(ioas_alloc(fd, &other), 0, "another IOAS");
	/* ids are given in order */
	CHECK_RC(object_destroy(fd, other - 1), -EBUSY, "the access is not user space's to destroy");
	CHECK_RC(ioas_map(fd, other, mem, PAGE / 2, IOVA), 0, "with half a page");
	CHECK_RC(access_replace(access, other), -EADDRINUSE, "replace: it does not suit");
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE, IOVA), 0, "a mapping in the first");
	CHECK_RC(pin(access, IOVA, PAGE, mem, true, NULL), 0, "which can still be pinned");
	CHECK_RC(ioas_unmap(fd, other, IOVA, PAGE / 2, NULL), 0, "the other suits now");
	CHECK_RC(access_replace(access, other), 0, "replace: it does");
	CHECK_RC(pinned(mem, PAGE, 0), 0, "S14 replace: what was pinned is not any more");
	CHECK_EQ(alignment(), 1, "replace: the first IOAS need not suit any more");
	CHECK_RC(pin(access, IOVA, PAGE, NULL, false, NULL), -ENOENT, "replace: it is in the other");
	unmap_everything("replace");
	CHECK_RC(object_destroy(fd, other), -EBUSY, "the other is in use");
	close(access);
	CHECK_RC(object_destroy(fd, other), 0, "until the access ends");
}

static void outlives_its_fd(void)
{
	int access, old = fd;
	uint32_t old_ioas = ioas;
	char byte = 0;

	REQUIRE((fd = iommu_open()) >= 0, "another context");
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "its IOAS");
	mem[5] = 7;
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE, IOVA), 0, "with a page");
	access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	CHECK_RC(pin(access, IOVA, PAGE, mem, true, NULL), 0, "an access pins it");
	close(fd);
	fd = old;
	ioas = old_ioas;
	CHECK_RC(rw(access, IOVA + 5, &byte, 1, 0), 0, "the access keeps its context");
	CHECK_EQ(byte, 7, "and what is in it");
	CHECK_RC(pinned(mem, PAGE, 1), 0, "the page is pinned");
	close(access);
	CHECK_RC(pinned(mem, PAGE, 0), 0, "S14 until the access ends, and the context with it");
}

static void errnos(void)
{
	char buf[3 * PAGE];
	int access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	const uint32_t rd = IOMMU_IOAS_MAP_READABLE, wr = IOMMU_IOAS_MAP_WRITEABLE;

	REQUIRE(access >= 0, "an access");
	CHECK_RC(map_prot(mem, PAGE, IOVA, rd | wr), 0, "map: a page for both");
	CHECK_RC(map_prot(mem + PAGE, PAGE, IOVA + PAGE, rd), 0, "map: one to read");
	CHECK_RC(map_prot(mem + 2 * PAGE, PAGE, IOVA + 3 * PAGE, wr), 0, "map: a hole, one to write");

	CHECK_RC(pin(access, IOVA, 0, NULL, false, NULL), -EINVAL, "pin: nothing");
	CHECK_RC(pin(access, UINT64_MAX - 5, PAGE, NULL, false, NULL), -EOVERFLOW, "pin: it wraps");
	CHECK_RC(pin(access, IOVA + 8, 8, NULL, false, NULL), -EINVAL, "pin: in a page");
	CHECK_RC(pin(access, IOVA - PAGE, 2 * PAGE, NULL, false, NULL), -ENOENT, "pin: it begins in a hole");
	CHECK_RC(pin(access, IOVA, 3 * PAGE, NULL, false, NULL), -ENOENT, "pin: it ends in a hole");
	CHECK_RC(pin(access, IOVA + PAGE, PAGE, NULL, true, NULL), -EPERM, "pin: not to be written");
	CHECK_RC(pin(access, IOVA + 3 * PAGE, PAGE, NULL, false, NULL), -EPERM, "pin: not to be read");
	CHECK_RC(pin(access, IOVA, 2 * PAGE, NULL, true, NULL), -EPERM, "pin: the second not to be written");
	CHECK_RC(pinned(mem, 3 * PAGE, 0), 0, "S14 pin: a failure leaves nothing pinned");
	CHECK_RC(pin(access, IOVA, 2 * PAGE, mem, false, NULL), 0, "pin: over two mappings");
	CHECK_RC(pin(access, IOVA, 8, mem, false, NULL), 0, "pin: a part of a page");
	CHECK_RC(pinned(mem, 2 * PAGE, 1), 0, "S15 pin: twice, once in fact");

	CHECK_RC(rw(access, IOVA, buf, 0, 0), -EINVAL, "rw: nothing");
	CHECK_RC(rw(access, UINT64_MAX - 5, buf, 8, 0), -EOVERFLOW, "rw: it wraps");
	CHECK_RC(rw(access, IOVA + 2 * PAGE - 4, buf, 8, 0), -ENOENT, "rw: it ends in a hole");
	CHECK_RC(rw(access, IOVA + PAGE + 3, buf, 1, MOCK_ACCESS_RW_WRITE), -EPERM, "rw: not to be written");
	CHECK_RC(rw(access, IOVA + 3 * PAGE, buf, 1, 0), -EPERM, "rw: not to be read");
	CHECK_RC(rw(access, IOVA + 10, buf, 2 * PAGE - 20, 0), 0, "rw: over two mappings");
	CHECK(!memcmp(buf, mem + 10, 2 * PAGE - 20), "rw: what is in both");

	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 4 * PAGE, NULL), 0, "an unmap of them all");
	CHECK_RC(pinned(mem, 3 * PAGE, 0), 0, "S14 has all unpinned");
	CHECK_RC(rw(access, IOVA, buf, 1, 0), -ENOENT, "S14 and nothing is reached any more");

	mem[0] = 1;
	REQUIRE(!mprotect(mem + PAGE, PAGE, PROT_NONE), "memory without access");
	CHECK_RC(map_prot(mem, 2 * PAGE, IOVA, rd | wr), 0, "is mapped, for nobody looks");
	CHECK_RC(pin(access, IOVA, 2 * PAGE, NULL, true, NULL), -EFAULT, "pin: not there");
	CHECK_RC(pinned(mem, PAGE, 0), 0, "S14 pin: nor pinned before it");
	CHECK_RC(rw(access, IOVA + PAGE, buf, 8, 0), -EFAULT, "rw: not there");
	CHECK_RC(rw(access, IOVA + PAGE, buf, 8, MOCK_ACCESS_RW_SLOW), -EFAULT, "rw: nor page by page");
	CHECK_RC(rw(access, IOVA + PAGE, buf, 8, MOCK_ACCESS_RW_KTHREAD), -EFAULT, "rw: nor in a thread");
	REQUIRE(!mprotect(mem + PAGE, PAGE, PROT_READ | PROT_WRITE), "with access again");
	unmap_everything("errnos");
	close(access);
}

/* Two accesses and two domains share pages; whoever goes leaves what others have */
static void pages_are_pinned_once(void)
{
	int one = access_make(ioas, MOCK_ACCESS_NEEDS_PIN), two = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	uint32_t other, middle, end;
	struct mock_dev dev, dev2;

	REQUIRE(one >= 0 && two >= 0, "two accesses");
	CHECK_RC(ioas_map(fd, ioas, mem, 8 * PAGE, IOVA), 0, "eight pages");
	CHECK_RC(pinned(mem, 8 * PAGE, 0), 0, "nobody needs them");
	CHECK_RC(pin(one, IOVA + 2 * PAGE, 4 * PAGE, mem + 2 * PAGE, true, &middle), 0, "one pins four");
	CHECK_RC(pin(two, IOVA + 4 * PAGE, 4 * PAGE, mem + 4 * PAGE, true, &end), 0, "another overlaps");
	CHECK_RC(pinned(mem, 2 * PAGE, 0), 0, "S15 so the first two are not pinned");
	CHECK_RC(pinned(mem + 2 * PAGE, 6 * PAGE, 1), 0, "S15 and the others once");
	CHECK_EQ(proc_number("/proc/iommufd", "ioas", NULL, "pinned_pages"), 8,
		 "/proc/iommufd counts each pin");

	CHECK_RC(mock_device(fd, ioas, 0, &dev), 0, "a device comes");
	CHECK_RC(pinned(mem, 8 * PAGE, 1), 0, "S15 and pins the rest");
	REQUIRE_RC(ioas_alloc(fd, &other), 0, "another IOAS");
	CHECK_RC(mock_device(fd, other, 0, &dev2), 0, "with a device");
	CHECK_RC(ioas_copy(fd, other, IOVA, ioas, IOVA + PAGE, 4 * PAGE), 0, "shows some of them");
	CHECK_RC(pinned(mem, 8 * PAGE, 1), 0, "S15 still once");
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "the first device goes");
	CHECK_RC(pinned(mem, PAGE, 0), 0, "S14 the first page is nobody's");
	CHECK_RC(pinned(mem + PAGE, 7 * PAGE, 1), 0, "S14 the others are somebody's");
	CHECK_RC(unpin(one, middle), 0, "one unpins");
	CHECK_RC(unpin(one, middle), -ENOENT, "which it can do once");
	CHECK_RC(unpin(one, end), -ENOENT, "and not another's");
	CHECK_RC(pinned(mem + PAGE, 7 * PAGE, 1), 0, "S14 they have another user each");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 8 * PAGE, NULL), 0, "all is unmapped");
	CHECK_RC(unpin(two, end), -ENOENT, "which the other access was told");
	CHECK_RC(pinned(mem + PAGE, 4 * PAGE, 1), 0, "S14 the copy has its pages");
	CHECK_RC(pinned(mem + 5 * PAGE, 3 * PAGE, 0), 0, "S14 and no others are pinned");
	CHECK_RC(object_destroy(fd, dev2.object_id), 0, "the second device goes");
	CHECK_RC(object_destroy(fd, other), 0, "and its IOAS");
	CHECK_RC(pinned(mem, 8 * PAGE, 0), 0, "S14 nothing is pinned");
	close(one);
	close(two);
}

static void copies(void)
{
	static const uint32_t ways[] = { 0, MOCK_ACCESS_RW_SLOW, MOCK_ACCESS_RW_KTHREAD,
					 MOCK_ACCESS_RW_KTHREAD | MOCK_ACCESS_RW_SLOW };
	int access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN), pipes[2];
	char out[3 * PAGE], in[3 * PAGE];
	uint32_t id;
	pid_t child;

	REQUIRE(access >= 0 && !pipe(pipes), "an access");
	CHECK_RC(ioas_map(fd, ioas, mem, 4 * PAGE, IOVA), 0, "four pages");
	for (unsigned int i = 0; i < 4; i++) {
		for (int j = 0; j < 2; j++) {
			const char *which = j ? "pinned" : "not pinned";

			if (j)
				REQUIRE_RC(pin(access, IOVA, 3 * PAGE, mem, true, &id), 0, "pinned");
			for (size_t k = 0; k < sizeof(out); k++)
				out[k] = rand();
			CHECK_RC(rw(access, IOVA + 100, out, sizeof(out), ways[i] | MOCK_ACCESS_RW_WRITE), 0,
				 "rw, way %u, %s: write", i, which);
			CHECK(!memcmp(mem + 100, out, sizeof(out)), "way %u, %s: it is there", i, which);
			memset(in, 0, sizeof(in));
			CHECK_RC(rw(access, IOVA + 100, in, sizeof(in), ways[i]), 0, "way %u, %s: read", i, which);
			CHECK(!memcmp(in, out, sizeof(in)), "way %u, %s: the same", i, which);
			if (j)
				REQUIRE_RC(unpin(access, id), 0, "unpinned");
		}
	}
	unmap_everything("rw");

	/* memory of a process that is there, and then is not */
	child = fork();
	if (!child) {
		char *theirs = memory(2 * PAGE, 0x5a);

		CHECK_RC(ioas_map(fd, ioas, theirs, 2 * PAGE, IOVA), 0, "another process maps");
		if (write(pipes[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	REQUIRE(read(pipes[0], in, 1) == 1, "it has");
	for (unsigned int i = 0; i < 4; i++) {
		memset(in, 0, 2);
		CHECK_RC(rw(access, IOVA + PAGE - 1, in, 2, ways[i]), 0, "of another process, way %u", i);
		CHECK(in[0] == 0x5a && in[1] == 0x5a, "of another process, way %u: the right bytes", i);
	}
	CHECK_RC(pin(access, IOVA, PAGE, NULL, false, &id), 0, "the first page is pinned");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	for (unsigned int i = 0; i < 4; i++) {
		in[0] = 0;
		CHECK_RC(rw(access, IOVA, in, 1, ways[i]), 0, "the process is gone, way %u: what is pinned", i);
		CHECK_EQ(in[0], 0x5a, "the process is gone, way %u: is what it was", i);
		CHECK_RC(rw(access, IOVA + PAGE, in, 1, ways[i]), -EFAULT, "and nothing else, way %u", i);
	}
	CHECK_RC(pin(access, IOVA, 2 * PAGE, NULL, false, NULL), -EFAULT, "nor can more be pinned");
	unmap_everything("a process that is gone");
	close(access);
}

/* A driver that does not do what it must: the unmap ends, and the memory stays pinned */
static void deaf_driver(void)
{
	int access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN | MOCK_ACCESS_DEAF);
	uint64_t unmapped = 0;
	uint32_t id;
	char byte;

	REQUIRE(access >= 0, "an access that does not unpin when told");
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE, IOVA), 0, "a page");
	CHECK_RC(ioas_map(fd, ioas, mem + PAGE, PAGE, IOVA + PAGE), 0, "another, which it pins");
	CHECK_RC(ioas_map(fd, ioas, mem + 2 * PAGE, PAGE, IOVA + 2 * PAGE), 0, "and a third");
	CHECK_RC(pin(access, IOVA + PAGE, PAGE, mem + PAGE, true, &id), 0, "the second is pinned");
	REQUIRE(!run_shell("echo 0 > /proc/sys/kernel/panic_on_warn"), "a warning will come");
	klog_mark();
	CHECK_RC(ioas_unmap(fd, ioas, IOVA, 3 * PAGE, &unmapped), -EDEADLOCK, "an unmap of all gives up");
	CHECK(klog_count("WARNING") == 1, "and the log says so");
	REQUIRE(!run_shell("echo 1 > /proc/sys/kernel/panic_on_warn"), "no more warnings");
	CHECK_RC(pinned(mem + PAGE, PAGE, 1), 0, "S14 the page stays pinned");
	CHECK_RC(rw(access, IOVA, &byte, 1, 0), -ENOENT, "what was before it is gone");
	CHECK_RC(rw(access, IOVA + PAGE, &byte, 1, 0), -EINVAL, "it takes no access any more");
	CHECK_RC(pin(access, IOVA + PAGE, PAGE, NULL, false, NULL), -EINVAL, "nor a pin");
	CHECK_RC(rw(access, IOVA + 2 * PAGE, &byte, 1, 0), 0, "what is behind it is there");
	CHECK_RC(unpin(access, id), 0, "it unpins at last");
	CHECK_RC(ioas_unmap(fd, ioas, IOVA + PAGE, 2 * PAGE, &unmapped), 0, "and the unmap works");
	CHECK_EQ(unmapped, 2 * PAGE, "for both");
	unmap_everything("a driver that does not unpin");
	close(access);
}

/* --- calls that hang in memory nobody provides -------------------------------------------------- */

struct call {
	pthread_t thread;
	enum { READ, PIN, UNMAP } what;
	int access;
	uint64_t iova, length;
	volatile int rc;
	volatile bool done;
};

static void *call_thread(void *arg)
{
	struct call *call = arg;
	char byte;

	if (call->what == READ)
		call->rc = rw(call->access, call->iova, &byte, 1, MOCK_ACCESS_RW_SLOW);
	else if (call->what == PIN)
		call->rc = pin(call->access, call->iova, call->length, NULL, true, NULL);
	else
		call->rc = ioas_unmap(fd, ioas, call->iova, call->length, NULL);
	call->done = true;
	return NULL;
}

static void call_start(struct call *call)
{
	call->done = false;
	REQUIRE(!pthread_create(&call->thread, NULL, call_thread, call), "a thread");
}

static void stalled(int what, const char *name)
{
	static char content[PAGE];
	struct call stall = { .what = what, .iova = IOVA, .length = PAGE };
	struct call unmap = { .what = UNMAP, .iova = IOVA, .length = PAGE };
	struct mock_dev dev;
	uint32_t other;
	char *page;
	int uffd;

	uffd = stalling_open();
	page = stalling_page(uffd);
	REQUIRE(page, "a page nobody provides");
	stall.access = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	REQUIRE(stall.access >= 0, "an access");
	CHECK_RC(ioas_map(fd, ioas, page, PAGE, IOVA), 0, "%s: it is mapped", name);

	call_start(&stall);
	REQUIRE(stalling_wait(uffd, 5000) == 1, "%s hangs in it", name);
	CHECK_RC(ioas_map(fd, ioas, mem, PAGE, IOVA + PAGE), 0, "%s hangs: others map", name);
	CHECK_RC(ioas_alloc(fd, &other), 0, "%s hangs: others make an IOAS", name);
	CHECK_RC(ioas_map(fd, other, mem, PAGE, IOVA), 0, "%s hangs: and map there", name);
	CHECK_RC(ioas_unmap(fd, other, IOVA, PAGE, NULL), 0, "%s hangs: and unmap", name);
	CHECK_RC(mock_device(fd, other, 0, &dev), 0, "%s hangs: and attach", name);
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "%s hangs: and detach", name);
	CHECK_RC(object_destroy(fd, other), 0, "%s hangs: and destroy it", name);
	CHECK(proc_find("/proc/iommufd", "ioas", NULL, NULL, NULL, 0), "%s hangs: looking does not", name);
	call_start(&unmap);
	usleep(300000);
	CHECK(!stall.done, "control: %s hangs", name);
	CHECK(!unmap.done, "S14 an unmap waits for %s", name);
	CHECK_RC(stalling_answer(uffd, page, content), 0, "the page is provided");
	pthread_join(stall.thread, NULL);
	CHECK_RC(stall.rc, 0, "%s ends well", name);
	pthread_join(unmap.thread, NULL);
	CHECK_RC(unmap.rc, 0, "and so does the unmap");
	CHECK_RC(pinned(page, PAGE, 0), 0, "S14 with nothing pinned");
	close(uffd);
	close(stall.access);
	munmap(page, PAGE);
	unmap_everything(name);
}

/* --- everything at once ---------------------------------------------------------------------------- */

static volatile bool stop;
static volatile unsigned int nr_pins, nr_copies, nr_unmaps, nr_moves, nr_devices;
static volatile int surprise;
static int shared;
static uint32_t twin;

static void surprised(const char *what, int rc)
{
	if (!surprise)
		note("%s: %d", what, rc);
	surprise = rc;
}

static void *pinner(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	uint32_t id;

	while (!stop) {
		unsigned int first = rand_r(&seed) % 13, n = 1 + rand_r(&seed) % 3;
		int rc = pin(shared, IOVA + first * PAGE, n * PAGE, mem + first * PAGE, true, &id);

		if (!rc) {
			nr_pins++;
			if (rand_r(&seed) % 2)
				rc = unpin(shared, id);
		}
		if (rc && rc != -ENOENT && rc != -EINVAL)
			surprised("pin", rc);
	}
	return NULL;
}

static void *copier(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	char buf[3 * PAGE];

	while (!stop) {
		uint32_t flags = rand_r(&seed) % 2 ? MOCK_ACCESS_RW_SLOW : 0;
		unsigned int at = rand_r(&seed) % (13 * PAGE);
		int rc;

		if (!(rand_r(&seed) % 8))
			flags = MOCK_ACCESS_RW_KTHREAD;
		rc = rw(shared, IOVA + at, buf, 1 + rand_r(&seed) % sizeof(buf), flags);
		if (!rc)
			nr_copies++;
		else if (rc != -ENOENT && rc != -EINVAL)
			surprised("rw", rc);
	}
	return NULL;
}

static void *mapper(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!stop) {
		unsigned int first = rand_r(&seed) % 4 * 4, id = rand_r(&seed) % 2 ? ioas : twin;
		int rc = ioas_map(fd, id, mem + first * PAGE, 4 * PAGE, IOVA + first * PAGE);

		if (rc && rc != -EEXIST)
			surprised("map", rc);
		rc = ioas_unmap(fd, id, IOVA + first * PAGE, 4 * PAGE, NULL);
		if (!rc)
			nr_unmaps++;
		else if (rc != -ENOENT && rc != -EBUSY)
			surprised("unmap", rc);
	}
	return NULL;
}

static void *mover(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	struct mock_dev dev;

	while (!stop) {
		int rc = access_replace(shared, rand_r(&seed) % 2 ? ioas : twin);

		if (!rc)
			nr_moves++;
		else
			surprised("replace", rc);
		rc = mock_device(fd, ioas, 0, &dev);
		if (!rc) {
			nr_devices++;
			rc = object_destroy(fd, dev.object_id);
		}
		if (rc)
			surprised("device", rc);
		usleep(1000);
	}
	return NULL;
}

static void all_at_once(void)
{
	static void *(*const what[])(void *) = { pinner, pinner, copier, mapper, mapper, mover };
	pthread_t threads[6];

	REQUIRE_RC(ioas_alloc(fd, &twin), 0, "a second IOAS");
	shared = access_make(ioas, MOCK_ACCESS_NEEDS_PIN);
	REQUIRE(shared >= 0, "an access");
	for (int i = 0; i < 6; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, what[i], (void *)(uintptr_t)(i + 1)), "a thread");
	sleep(10);
	stop = true;
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	note("%u pins, %u copies, %u unmaps, %u moves, %u devices", nr_pins, nr_copies, nr_unmaps, nr_moves,
	     nr_devices);
	CHECK(!surprise, "pins, copies, unmaps, moves and devices at once do what each alone may do");
	CHECK(nr_pins && nr_copies && nr_unmaps && nr_moves && nr_devices,
	      "control: all of them did something");
	close(shared);
	CHECK_RC(ioas_unmap(fd, twin, 0, UINT64_MAX, NULL), 0, "the second IOAS is emptied");
	CHECK_RC(object_destroy(fd, twin), 0, "and destroyed");
	unmap_everything("all at once");
}

int main(void)
{
	REQUIRE(!run_shell("modprobe iommufd_mock"), "the test module loads");
	fd = iommu_open();
	REQUIRE(fd >= 0, "/dev/iommu opens");
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	mem = memory(16 * PAGE, 0);

	lives_and_references();
	outlives_its_fd();
	errnos();
	pages_are_pinned_once();
	copies();
	deaf_driver();
	stalled(READ, "a copy");
	stalled(PIN, "a pin");
	all_at_once();

	CHECK_RC(object_destroy(fd, ioas), 0, "the IOAS ends");
	close(fd);
	CHECK(!run_shell("rmmod iommufd_mock"), "and the test module goes");
	return checks_done();
}
