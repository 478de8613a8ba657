// SPDX-License-Identifier: GPL-2.0
/*
 * A driver in user space as they are written: an NVMe controller, its queues, lists and data in
 * memory that it reaches by IOVA, under a policy that gives it to this program alone. Every byte is
 * compared, also while the controller moves to another address space, loses a mapping, is detached,
 * reset, or loses its driver to SIGKILL in mid-transfer.
 *
 * vm: about=an NVMe controller driven through IOVAs: data, interrupts, moves, unmapping, resets, kill
 * vm: timeout=300
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "nvme.h"

#define HUGE (2UL << 20)
#define DISK_BLOCKS 32768UL
#define DISK_SIZE (DISK_BLOCKS * NVME_BLOCK)

#define RING_IOVA 0x10000000UL
#define HUGE_IOVA 0x40000000UL
#define BUFFER_IOVA 0x80000000UL
#define SOURCE_IOVA 0x4000000000UL /* beyond 32 bits, with holes between its pages */
#define SOURCE_PAGES 512

#define POISON 0xee
#define SECRET 0x5e
#define STRANGER "/root/stranger"

static const char policy[] =
	"version: 1\n"
	"name: nvme-queues\n"
	"mode: enforce\n"
	"guards: { hand-over: off }\n" /* what a handed fd is worth is shown here */
	"processes:\n"
	"  driver: { exe: /vm/run, user: root }\n"
	"devices:\n"
	"  nvme: { class: \"010802\", driver: iommufd-vfio-pci }\n"
	"ioas:\n"
	"  staging: { name: staging }\n"
	"  guest: { name: \"guest-*\" }\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc]\n"
	"    who: any\n"
	"  - allow: ioas-name\n"
	"    who: driver\n"
	"    to: [staging, guest]\n"
	"  - allow: [device-open, bind, detach]\n"
	"    who: driver\n"
	"    device: nvme\n"
	"  - allow: attach\n"
	"    who: driver\n"
	"    device: nvme\n"
	"    to: staging\n"
	"  - allow: move\n"
	"    who: driver\n"
	"    device: nvme\n"
	"    from: staging\n"
	"    to: guest\n";

/* What the driver has. The queues are the same memory in both IOASes, all else is not */
static struct rig {
	int iommufd, fd;
	uint32_t dev_id, staging, guest;
	struct nvme nvme;
	uint8_t *ring;
	uint8_t *huge;        /* a huge page, HUGE_IOVA in staging */
	uint8_t *guest_huge;  /* another, there in guest */
	uint8_t *source;      /* SOURCE_PAGES, in staging only */
	uint64_t source_iova[SOURCE_PAGES];
} rig;

static const struct nvme_memory in_huge = { .iova = HUGE_IOVA };
static const struct nvme_memory in_buffer = { .iova = BUFFER_IOVA };
static const struct nvme_memory in_source = { .pages = rig.source_iova };

static uint8_t *disk; /* what must be on it */

static uint64_t random64(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void fill_random(void *memory, size_t length)
{
	for (uint64_t *at = memory; length; length -= 8)
		*at++ = random64();
}

static bool all(const uint8_t *memory, size_t length, int value)
{
	return !length || (memory[0] == value && !memcmp(memory, memory + 1, length - 1));
}

static uint8_t *on_disk(uint64_t lba)
{
	return disk + lba * NVME_BLOCK;
}

/* --- who may ---------------------------------------------------------------------------------- */

/* Another program, run by the same root: "open", or the driver's fd and what to do with it */
static int stranger(char **argv)
{
	int iommufd, fd;
	uint32_t id;

	iommufd = iommu_open();
	CHECK(iommufd >= 0, "control: another program may open /dev/iommu");
	CHECK_RC(ioas_alloc(iommufd, &id), 0, "control: and make an address space");
	CHECK_RC(ioas_name(iommufd, id, "staging"), -EACCES, "S16 it may not call it so");
	if (!strcmp(argv[0], "open")) {
		CHECK_RC(device_open(VM_NVME), -EACCES, "S16 nor open the controller");
		return checks_done();
	}
	fd = atoi(argv[0]);
	if (!strcmp(argv[1], "bind")) {
		CHECK_RC(device_bind(fd, iommufd, &id), -EACCES, "S16 nor bind one that it was handed");
		return checks_done();
	}
	CHECK_RC(device_attach(fd, atoi(argv[1]), NULL), -EACCES, "S16 nor %s one that it was handed",
		 argv[2]);
	return checks_done();
}

static void ask_stranger(const char *fd, const char *what, const char *how)
{
	char *argv[] = { "stranger", (char *)fd, (char *)what, (char *)how, NULL };

	CHECK_EQ(run_program(STRANGER, argv), 0, "S16 the other program got no further");
}

static void hand_over(const char *what, const char *how)
{
	char fd[12];

	snprintf(fd, sizeof(fd), "%d", rig.fd);
	fcntl(rig.fd, F_SETFD, 0);
	ask_stranger(fd, what, how);
	fcntl(rig.fd, F_SETFD, FD_CLOEXEC);
}

static bool logged(const char *decision)
{
	return !run_shell("iommufd-lsm log | grep -q '%s'", decision);
}

/* --- getting there ---------------------------------------------------------------------------- */

static uint8_t *huge_page(void)
{
	void *va = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);

	REQUIRE(va != MAP_FAILED, "a huge page");
	memset(va, POISON, HUGE);
	return va;
}

/* Areas of their own for what is unmapped alone later */
static const struct {
	unsigned int first, pages;
} ring_areas[] = {
	{ NVME_ADMIN_SQ, 2 },
	{ NVME_IO_SQ, 1 },
	{ NVME_IO_CQ, NVME_LISTS - NVME_IO_CQ },
	{ NVME_LISTS, NVME_RING_PAGES - NVME_LISTS },
};

static int map_ring(uint32_t ioas, unsigned int area)
{
	uint64_t at = ring_areas[area].first * NVME_PAGE;

	return ioas_map(rig.iommufd, ioas, rig.ring + at, ring_areas[area].pages * NVME_PAGE,
			RING_IOVA + at);
}

static int unmap_ring(uint32_t ioas, unsigned int area)
{
	return ioas_unmap(rig.iommufd, ioas, RING_IOVA + ring_areas[area].first * NVME_PAGE,
			  ring_areas[area].pages * NVME_PAGE, NULL);
}

static int map_source(void)
{
	int rc = 0;

	/* 197 and 512 have no common factor: each place once, no neighbour beside its neighbour */
	for (unsigned int i = 0; i < SOURCE_PAGES && !rc; i++) {
		rig.source_iova[i] = SOURCE_IOVA + i * 197 % SOURCE_PAGES * 2 * NVME_PAGE;
		rc = ioas_map(rig.iommufd, rig.staging, rig.source + i * NVME_PAGE, NVME_PAGE,
			      rig.source_iova[i]);
	}
	return rc;
}

static void make_address_spaces(void)
{
	rig.iommufd = iommu_open();
	REQUIRE(rig.iommufd >= 0, "S16 the driver opens /dev/iommu");
	REQUIRE_RC(ioas_alloc(rig.iommufd, &rig.staging), 0, "S16 makes an address space");
	REQUIRE_RC(ioas_alloc(rig.iommufd, &rig.guest), 0, "S16 and another");
	CHECK_RC(ioas_name(rig.iommufd, rig.staging, "other"), -EACCES, "S16 not by any name");
	REQUIRE_RC(ioas_name(rig.iommufd, rig.staging, "staging"), 0, "S16 the one is named staging");
	REQUIRE_RC(ioas_name(rig.iommufd, rig.guest, "guest-1"), 0, "S16 the other guest-1");

	rig.ring = memory(NVME_RING_PAGES * NVME_PAGE, 0);
	rig.source = memory(SOURCE_PAGES * NVME_PAGE, 0);
	rig.huge = huge_page();
	rig.guest_huge = huge_page();
	for (unsigned int i = 0; i < sizeof(ring_areas) / sizeof(ring_areas[0]); i++) {
		uint64_t iova = RING_IOVA + ring_areas[i].first * NVME_PAGE;

		REQUIRE_RC(map_ring(rig.staging, i), 0, "memory for queues, part %u", i);
		REQUIRE_RC(ioas_copy(rig.iommufd, rig.guest, iova, rig.staging, iova,
				     ring_areas[i].pages * NVME_PAGE),
			   0, "the same for the guest");
	}
	REQUIRE_RC(map_source(), 0, "%u single pages, scattered", SOURCE_PAGES);
	REQUIRE_RC(ioas_map(rig.iommufd, rig.staging, rig.huge, HUGE, HUGE_IOVA), 0, "a huge page");
	REQUIRE_RC(ioas_map(rig.iommufd, rig.guest, rig.guest_huge, HUGE, HUGE_IOVA), 0,
		   "another at the same IOVA for the guest");
}

static void become_driver(void)
{
	char id[12];

	CHECK_RC(device_open(VM_EDU), -EACCES, "S16 a device of another class is not the driver's");
	rig.fd = device_open(VM_NVME);
	REQUIRE(rig.fd >= 0, "S16 the driver opens the controller (%d)", rig.fd);
	hand_over("bind", NULL);
	REQUIRE_RC(device_bind(rig.fd, rig.iommufd, &rig.dev_id), 0, "S16 binds it");
	snprintf(id, sizeof(id), "%u", rig.staging);
	hand_over(id, "attach");
	CHECK_RC(device_attach(rig.fd, rig.guest, NULL), -EACCES, "S16 cannot start in the guest's");
	REQUIRE_RC(device_attach(rig.fd, rig.staging, NULL), 0, "S16 attaches it to staging");
	snprintf(id, sizeof(id), "%u", rig.guest);
	hand_over(id, "move");
	CHECK(logged("allowed bind of " VM_NVME " for run (pid [0-9]*, uid 0): rule 3, "),
	      "S16 the log has the driver's bind and its rule");
	CHECK(logged("denied bind of " VM_NVME " for stranger (pid [0-9]*, uid 0): no rule allows it"),
	      "S16 and the other program's");
	CHECK(logged("denied move of " VM_NVME " .*for stranger (pid "), "S16 and its move");
}

static void recover(const char *when)
{
	REQUIRE_RC(nvme_reset(&rig.nvme), 0, "%s a reset of the controller makes it work", when);
	REQUIRE_RC(nvme_io_create(&rig.nvme, -1), 0, "%s so do its I/O queues", when);
}

static void identify(void)
{
	const uint8_t *answer;

	REQUIRE_RC(nvme_init(&rig.nvme, rig.fd, rig.ring, RING_IOVA), 0,
		   "the controller is enabled with queues at IOVAs");
	CHECK_EQ(rig.nvme.blocks, DISK_BLOCKS, "it identifies its namespace");
	CHECK_EQ(nvme_identify(&rig.nvme, 1), 0, "and itself");
	answer = rig.ring + NVME_IDENTIFY * NVME_PAGE;
	CHECK(!memcmp(answer + 4, "vm0 ", 4), "with its serial number");
}

/* --- data ------------------------------------------------------------------------------------- */

/* The whole disk into the huge page, piece by piece, in commands of the largest size */
static bool disk_is_right(void)
{
	uint64_t blocks = HUGE / NVME_BLOCK, lba, at;
	bool right = true;

	for (lba = 0; lba < DISK_BLOCKS; lba += blocks) {
		int slots[HUGE / NVME_BLOCK / NVME_MAX_BLOCKS], n = 0;

		memset(rig.huge, POISON, HUGE);
		for (at = 0; at < blocks; at += NVME_MAX_BLOCKS)
			slots[n++] = nvme_start(&rig.nvme, false, lba + at, NVME_MAX_BLOCKS, &in_huge,
						at * NVME_BLOCK);
		while (n--)
			right = right && slots[n] >= 0 &&
				!nvme_finish(&rig.nvme, &rig.nvme.io, slots[n]);
		right = right && !memcmp(rig.huge, on_disk(lba), HUGE);
	}
	return right;
}

/* One write from the scattered pages, kept in mind */
static int write_source(uint64_t lba, unsigned int blocks, uint64_t offset)
{
	memcpy(on_disk(lba), rig.source + offset, blocks * NVME_BLOCK);
	return nvme_start(&rig.nvme, true, lba, blocks, &in_source, offset);
}

static void bulk(void)
{
	static const unsigned int sizes[] = { 1, 8, 9, 16, 17, 24, 1000, NVME_MAX_BLOCKS };
	unsigned int batch, stripe, failed = 0, commands = 0;
	uint64_t bytes = 0;

	/* the shapes of PRPs: one page, two, a list, a list that begins with its page's last entry */
	fill_random(rig.source, SOURCE_PAGES * NVME_PAGE);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t offset = sizes[i] < NVME_MAX_BLOCKS ? 3 * NVME_BLOCK : 0;
		int slot;

		rig.nvme.list_start = i % 2 ? 511 : 0;
		slot = write_source(i * 2048 + 5, sizes[i], offset);
		failed += slot < 0 || nvme_finish(&rig.nvme, &rig.nvme.io, slot);
		memset(rig.huge, POISON, HUGE);
		failed += !!nvme_rw(&rig.nvme, false, i * 2048 + 5, sizes[i], &in_huge, offset);
		failed += !!memcmp(rig.huge + offset, on_disk(i * 2048 + 5), sizes[i] * NVME_BLOCK);
		failed += !all(rig.huge, offset, POISON);
		failed += !all(rig.huge + offset + sizes[i] * NVME_BLOCK,
			       HUGE - offset - sizes[i] * NVME_BLOCK, POISON);
	}
	CHECK_EQ(failed, 0, "data of every shape is written and read back, and nothing beside it");

	failed = 0;
	for (batch = 0; batch < 24; batch++) {
		int slots[8];

		fill_random(rig.source, SOURCE_PAGES * NVME_PAGE);
		for (stripe = 0; stripe < 8; stripe++) {
			unsigned int blocks = 1 + random64() % 500;
			uint64_t lba = stripe * 4096 + random64() % (4096 - blocks);
			uint64_t offset = stripe * 64 * NVME_PAGE + random64() % 8 * NVME_BLOCK;

			rig.nvme.list_start = random64() % 512;
			slots[stripe] = write_source(lba, blocks, offset);
			bytes += blocks * NVME_BLOCK;
			commands++;
		}
		for (stripe = 0; stripe < 8; stripe++)
			failed += slots[stripe] < 0 ||
				  nvme_finish(&rig.nvme, &rig.nvme.io, slots[stripe]);
	}
	rig.nvme.list_start = 0;
	note("%u writes of random size to random blocks, eight at a time: %llu KiB", commands,
	     (unsigned long long)bytes / 1024);
	CHECK_EQ(failed, 0, "random writes from scattered pages succeed");
	CHECK(disk_is_right(), "every block of the disk reads as it was written");
}

/* --- interrupts ------------------------------------------------------------------------------- */

/*
 * A controller may take its admin queue's vector into use when the queue comes to be (QEMU's does),
 * so vectors come first. Leaves the controller with an I/O queue pair.
 */
static void interrupts(const char *when)
{
	int events[2] = { eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			  eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	uint64_t count;
	int slot;

	REQUIRE_RC(nvme_irqs(&rig.nvme, events), 0, "%s two MSI-X vectors signal eventfds", when);
	REQUIRE_RC(nvme_reset(&rig.nvme), 0, "%s the controller starts with them", when);
	CHECK_RC(nvme_io_create(&rig.nvme, 1), 0, "%s an I/O queue pair with an interrupt", when);
	CHECK_RC(wait_readable(events[0], NVME_TIMEOUT_MS), 0, "%s the admin queue's vector came", when);
	CHECK_RC(wait_readable(events[1], 0), -ETIMEDOUT, "%s the other has had no cause", when);
	for (int i = 0; i < 3; i++) {
		memset(rig.huge, POISON, NVME_PAGE);
		slot = nvme_start(&rig.nvme, false, i * 8, 8, &in_huge, 0);
		CHECK_RC(wait_readable(events[1], NVME_TIMEOUT_MS), 0, "%s a read interrupts", when);
		if (read(events[1], &count, sizeof(count)) != sizeof(count))
			count = 0;
		CHECK_EQ(count, 1, "%s once", when);
		nvme_poll(&rig.nvme.io);
		CHECK(slot >= 0 && rig.nvme.io.slots[slot].done, "%s when it is complete", when);
		CHECK_EQ(nvme_finish(&rig.nvme, &rig.nvme.io, slot), 0, "%s with success", when);
		CHECK(!memcmp(rig.huge, on_disk(i * 8), NVME_PAGE), "%s and its data", when);
	}
	CHECK_RC(nvme_irqs(&rig.nvme, NULL), 0, "%s the vectors are given back", when);
	slot = nvme_start(&rig.nvme, false, 0, 8, &in_huge, 0);
	CHECK_EQ(nvme_finish(&rig.nvme, &rig.nvme.io, slot), 0, "%s a read without them", when);
	CHECK_RC(wait_readable(events[1], 0), -ETIMEDOUT, "%s signals nobody", when);
	close(events[0]);
	close(events[1]);
}

/* --- unmapping -------------------------------------------------------------------------------- */

static void others_work(const char *when)
{
	memset(rig.huge, POISON, NVME_PAGE);
	CHECK_EQ(nvme_rw(&rig.nvme, false, 64, 8, &in_huge, 0), 0, "S14 %s, another command succeeds",
		 when);
	CHECK(!memcmp(rig.huge, on_disk(64), NVME_PAGE), "S14 %s, with its data", when);
}

/*
 * With nothing in flight at the unmapping: what QEMU reads from its disk may still finish into
 * memory it looked up before, which hardware behind a VT-d cannot once the unmapping has returned.
 */
static void unmapping(void)
{
	uint8_t *buffer = memory(4 * NVME_PAGE, POISON);
	long long pinned = pages_pinned();
	uint64_t lba = 1024;
	int rc, secrets = 0;

	REQUIRE_RC(ioas_map(rig.iommufd, rig.staging, buffer, 4 * NVME_PAGE, BUFFER_IOVA), 0, "a buffer");
	CHECK_EQ(nvme_rw(&rig.nvme, false, lba, 32, &in_buffer, 0), 0, "control: a read into it");
	CHECK(!memcmp(buffer, on_disk(lba), 4 * NVME_PAGE), "control: arrives");

	REQUIRE_RC(ioas_unmap(rig.iommufd, rig.staging, BUFFER_IOVA, 4 * NVME_PAGE, NULL), 0,
		   "it is unmapped under the controller");
	CHECK_EQ(pages_pinned(), pinned, "S14 its pages are not pinned any more");
	memset(buffer, POISON, 4 * NVME_PAGE);
	rc = nvme_rw(&rig.nvme, false, lba, 32, &in_buffer, 0);
	note("a read into unmapped memory: status %#x", rc);
	CHECK(rc >= 0, "S14 a read into it is answered (%d)", rc);
	CHECK(all(buffer, 4 * NVME_PAGE, POISON), "S14 and not a byte of it arrives");
	others_work("beside it");

	memset(buffer, SECRET, 4 * NVME_PAGE);
	rc = nvme_rw(&rig.nvme, true, lba, 32, &in_buffer, 0);
	note("a write from unmapped memory: status %#x", rc);
	CHECK(rc >= 0, "S14 a write from it is answered (%d)", rc);
	CHECK_EQ(nvme_rw(&rig.nvme, false, lba, 32, &in_huge, 0), 0, "its blocks are read");
	for (unsigned int i = 0; i < 4 * NVME_PAGE; i += NVME_BLOCK)
		secrets += all(rig.huge + i, NVME_BLOCK, SECRET);
	CHECK_EQ(secrets, 0, "S14 none of them has what the memory holds now");

	REQUIRE_RC(ioas_map(rig.iommufd, rig.staging, buffer, 4 * NVME_PAGE, BUFFER_IOVA), 0,
		   "it is mapped again");
	fill_random(buffer, 4 * NVME_PAGE);
	memcpy(on_disk(lba), buffer, 4 * NVME_PAGE);
	CHECK_EQ(nvme_rw(&rig.nvme, true, lba, 32, &in_buffer, 0), 0, "a write from it");
	CHECK_EQ(nvme_rw(&rig.nvme, false, lba, 32, &in_huge, 0), 0, "is read");
	CHECK(!memcmp(rig.huge, buffer, 4 * NVME_PAGE), "and was written");

	/* what the controller reads to know what to do */
	REQUIRE_RC(unmap_ring(rig.staging, 3), 0, "the PRP lists are unmapped");
	memset(rig.huge, POISON, HUGE);
	rc = nvme_rw(&rig.nvme, false, lba, 32, &in_huge, 0);
	CHECK(rc > 0, "S14 a command that needs one fails (%#x)", rc);
	CHECK(all(rig.huge, HUGE, POISON), "S14 and nothing of it arrives");
	others_work("beside it");
	REQUIRE_RC(map_ring(rig.staging, 3), 0, "they are mapped again");
	CHECK_EQ(nvme_rw(&rig.nvme, false, lba, 32, &in_huge, 0), 0, "and the command succeeds");

	REQUIRE_RC(unmap_ring(rig.staging, 1), 0, "the submission queue itself is unmapped");
	rc = nvme_rw(&rig.nvme, false, lba, 8, &in_huge, 0);
	CHECK_RC(rc, -EIO, "S14 the controller cannot go on");
	REQUIRE_RC(map_ring(rig.staging, 1), 0, "it is mapped again");
	recover("after that");
	others_work("after that");
	CHECK_RC(ioas_unmap(rig.iommufd, rig.staging, BUFFER_IOVA, 4 * NVME_PAGE, NULL), 0,
		 "the buffer goes");
	munmap(buffer, 4 * NVME_PAGE);
	CHECK(disk_is_right(), "every block of the disk is as it must be");
}

/* --- moving under I/O ------------------------------------------------------------------------- */

#define CHUNKS 16
#define CHUNK_PAGES 4
#define CHUNK (CHUNK_PAGES * NVME_PAGE)
#define ENOUGH 64

enum phase { BEFORE, MOVING, AFTER, STOP };

/* Where reads land that a thread keeps going while another moves the controller */
struct reader {
	enum phase phase;      /* atomic; set by who moves */
	unsigned int before;   /* atomic: reads complete before the move began */
	unsigned int after;    /* atomic: reads begun after it returned */
	bool ended;            /* atomic */
	bool dead, stuck;
	unsigned int across, lost, failed, wrong;
	struct {
		int slot;
		uint64_t lba;
		enum phase begun;
	} chunks[CHUNKS];
};

static void begin_read(struct reader *reader, unsigned int i)
{
	typeof(&reader->chunks[0]) chunk = &reader->chunks[i];

	chunk->lba = random64() % (DISK_SIZE / CHUNK) * (CHUNK / NVME_BLOCK);
	memset(rig.huge + i * CHUNK, POISON, CHUNK);
	memset(rig.guest_huge + i * CHUNK, POISON, CHUNK);
	chunk->begun = __atomic_load_n(&reader->phase, __ATOMIC_SEQ_CST);
	chunk->slot = nvme_start(&rig.nvme, false, chunk->lba, CHUNK / NVME_BLOCK, &in_huge, i * CHUNK);
}

static void judge_read(struct reader *reader, unsigned int i)
{
	typeof(&reader->chunks[0]) chunk = &reader->chunks[i];
	struct nvme_slot *slot = &rig.nvme.io.slots[chunk->slot];
	/* read after the completion was seen, so BEFORE means what it says */
	enum phase now = __atomic_load_n(&reader->phase, __ATOMIC_SEQ_CST);
	unsigned int in_staging = 0, in_guest = 0, nowhere = 0, page;

	for (page = 0; page < CHUNK_PAGES; page++) {
		const uint8_t *want = on_disk(chunk->lba) + page * NVME_PAGE;
		const uint8_t *a = rig.huge + i * CHUNK + page * NVME_PAGE;
		const uint8_t *b = rig.guest_huge + i * CHUNK + page * NVME_PAGE;
		bool a_poison = all(a, NVME_PAGE, POISON), b_poison = all(b, NVME_PAGE, POISON);

		in_staging += b_poison && !memcmp(a, want, NVME_PAGE);
		in_guest += a_poison && !memcmp(b, want, NVME_PAGE);
		nowhere += a_poison && b_poison;
	}
	if (now == BEFORE) {
		reader->wrong += slot->status || in_staging != CHUNK_PAGES;
		__atomic_add_fetch(&reader->before, 1, __ATOMIC_SEQ_CST);
	} else if (chunk->begun == AFTER) {
		reader->wrong += slot->status || in_guest != CHUNK_PAGES;
		__atomic_add_fetch(&reader->after, 1, __ATOMIC_SEQ_CST);
	} else {
		reader->wrong += in_staging + in_guest + nowhere != CHUNK_PAGES;
		reader->across++;
		reader->lost += nowhere;
		reader->failed += !!slot->status;
	}
	slot->busy = false;
}

static void *reads(void *arg)
{
	struct reader *reader = arg;
	time_t end = time(NULL) + 2 * NVME_TIMEOUT_MS / 1000;
	unsigned int running = CHUNKS, rounds = 0, i;

	for (i = 0; i < CHUNKS; i++)
		begin_read(reader, i);
	while (running) {
		nvme_poll(&rig.nvme.io);
		for (i = 0; i < CHUNKS; i++) {
			int slot = reader->chunks[i].slot;

			if (slot < 0 || !rig.nvme.io.slots[slot].done)
				continue;
			judge_read(reader, i);
			reader->chunks[i].slot = -1;
			if (__atomic_load_n(&reader->phase, __ATOMIC_SEQ_CST) != STOP)
				begin_read(reader, i);
			else
				running--;
		}
		if (++rounds % 16) {
			sched_yield();
			continue;
		}
		reader->dead = nvme_dead(&rig.nvme);
		reader->stuck = time(NULL) > end;
		if (reader->dead || reader->stuck)
			break;
	}
	/* it goes on when it is told of more commands, so all may have been answered without a look since */
	reader->dead = nvme_dead(&rig.nvme);
	__atomic_store_n(&reader->ended, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void set_phase(struct reader *reader, enum phase phase)
{
	__atomic_store_n(&reader->phase, phase, __ATOMIC_SEQ_CST);
}

static void wait_for(struct reader *reader, unsigned int *counter)
{
	while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < ENOUGH &&
	       !__atomic_load_n(&reader->ended, __ATOMIC_SEQ_CST))
		usleep(500);
}

/*
 * The queues go on where they are. What is in flight at the instant of the move may be lost where
 * the IOMMU must block between two page tables, and if that is the queue itself, the controller
 * stops. All else must be where it belongs.
 */
static void move_under_io(int round)
{
	struct reader reader = {}, again = { .phase = AFTER };
	pthread_t thread;

	memset(rig.huge, POISON, HUGE);
	memset(rig.guest_huge, POISON, HUGE);
	REQUIRE(!pthread_create(&thread, NULL, reads, &reader), "a thread that reads");
	wait_for(&reader, &reader.before);
	set_phase(&reader, MOVING);
	CHECK_RC(device_attach(rig.fd, rig.guest, NULL), 0, "S8 %d: a move under I/O", round);
	set_phase(&reader, AFTER);
	wait_for(&reader, &reader.after);
	set_phase(&reader, STOP);
	pthread_join(thread, NULL);
	note("%u reads before, %u across the move (%u pages lost, %u failed), %u after%s", reader.before,
	     reader.across, reader.lost, reader.failed, reader.after,
	     reader.dead ? "; the controller stopped" : "");
	CHECK(reader.before >= ENOUGH, "S8 %d: reads were under way before it", round);
	CHECK(reader.across || reader.dead, "S8 %d: and at its instant", round);
	CHECK(!reader.stuck, "S8 %d: each was answered, or the controller said why not", round);
	CHECK_EQ(reader.wrong, 0, "S8 %d: every read before is in the one memory, after in the other",
		 round);
	if (reader.dead) {
		recover("S8 after the move");
		REQUIRE(!pthread_create(&thread, NULL, reads, &again), "a thread that reads");
		wait_for(&again, &again.after);
		set_phase(&again, STOP);
		pthread_join(thread, NULL);
		reader.after = again.after;
		CHECK(!again.dead && !again.stuck && !again.wrong,
		      "S8 %d: from a reset on, every read is in the other memory", round);
	}
	CHECK(reader.after >= ENOUGH, "S8 %d: reads go on after it", round);
	CHECK(all(rig.huge + CHUNKS * CHUNK, HUGE - CHUNKS * CHUNK, POISON) &&
		      all(rig.guest_huge + CHUNKS * CHUNK, HUGE - CHUNKS * CHUNK, POISON),
	      "S8 %d: nothing landed beside them", round);
	CHECK_RC(device_attach(rig.fd, rig.staging, NULL), -EACCES, "S16 %d: there is no way back", round);
	CHECK_EQ(nvme_rw(&rig.nvme, false, 0, 8, &in_huge, HUGE - NVME_PAGE), 0,
		 "S16 %d: it asked for nothing and changed nothing", round);
	CHECK(!memcmp(rig.guest_huge + HUGE - NVME_PAGE, on_disk(0), NVME_PAGE),
	      "S16 %d: it is still in the guest's", round);
}

/* --- the ends of it: detach, reset, kill ------------------------------------------------------ */

/* Reads to all of the huge page, and nobody waits for them */
static void start_reads(void)
{
	memset(rig.huge, POISON, HUGE);
	for (unsigned int i = 0; i < 16; i++)
		nvme_start(&rig.nvme, false, i * 256, 256, &in_huge, i * (HUGE / 16));
}

static void nothing_arrives(const char *id, const char *when)
{
	memset(rig.huge, 'x', HUGE);
	memset(rig.guest_huge, 'x', HUGE);
	usleep(200000);
	CHECK(all(rig.huge, HUGE, 'x') && all(rig.guest_huge, HUGE, 'x'),
	      "%s after %s nothing of what was in flight arrives", id, when);
}

static void detach_in_io(void)
{
	uint32_t value;

	start_reads();
	CHECK_RC(device_detach(rig.fd), 0, "S10 a detach under I/O");
	nothing_arrives("S10", "the detach");
	CHECK_EQ(touch(rig.nvme.bar, &value), SIGBUS, "S10 the doorbells are gone");
	CHECK(!(pci_command(VM_NVME) & PCI_COMMAND_MASTER), "S10 bus mastering is off");
	REQUIRE_RC(device_attach(rig.fd, rig.staging, NULL), 0, "S10 it attaches again");
	REQUIRE_RC(device_enable(rig.fd, true, false), 0, "with memory access on");
	CHECK_EQ(touch(rig.nvme.bar, &value), 0, "S10 the registers are back where they were mapped");
	CHECK(!(nvme_read32(&rig.nvme, NVME_CC) & NVME_CC_ENABLE) &&
		      !(nvme_read32(&rig.nvme, NVME_CSTS) & NVME_CSTS_READY),
	      "S10 the controller was reset: it is disabled");
}

static void device_reset(void)
{
	start_reads();
	CHECK_RC(iommu_call(rig.fd, VFIO_DEVICE_RESET, NULL), 0, "a reset of the function under I/O");
	nothing_arrives("S14", "the reset");
	REQUIRE_RC(device_enable(rig.fd, true, true), 0, "with memory access on");
	CHECK(!(nvme_read32(&rig.nvme, NVME_CC) & NVME_CC_ENABLE), "it disabled the controller");
	recover("after that");
	CHECK(disk_is_right(), "every block of the disk is as it must be");
}

#define SCRATCH (DISK_BLOCKS - 2048) /* blocks that a process is killed over */

/* Seen by the driver that is killed and by the next: what it read to, what it wrote from */
static struct shared {
	uint8_t in[1 << 20];
	uint8_t out[1 << 20];
	int progress; /* atomic: commands complete, or a negative errno */
} *shared;

#define SHARED_SIZE (2UL << 20)

static int start_driver(void)
{
	int rc;

	rig.iommufd = iommu_open();
	if (rig.iommufd < 0)
		return rig.iommufd;
	rc = ioas_alloc(rig.iommufd, &rig.staging);
	if (!rc)
		rc = ioas_name(rig.iommufd, rig.staging, "staging");
	if (!rc)
		rc = ioas_map(rig.iommufd, rig.staging, rig.ring, NVME_RING_PAGES * NVME_PAGE, RING_IOVA);
	if (!rc)
		rc = ioas_map(rig.iommufd, rig.staging, rig.huge, HUGE, HUGE_IOVA);
	if (!rc)
		rc = ioas_map(rig.iommufd, rig.staging, shared, SHARED_SIZE, BUFFER_IOVA);
	if (rc)
		return rc;
	rig.fd = device_open(VM_NVME);
	if (rig.fd < 0)
		return rig.fd;
	rc = device_bind(rig.fd, rig.iommufd, &rig.dev_id);
	if (!rc)
		rc = device_attach(rig.fd, rig.staging, NULL);
	if (!rc)
		rc = nvme_init(&rig.nvme, rig.fd, rig.ring, RING_IOVA);
	if (!rc)
		rc = nvme_io_create(&rig.nvme, -1);
	return rc > 0 ? -EIO : rc;
}

static void stop_driver(void)
{
	nvme_exit(&rig.nvme);
	close(rig.fd);
	close(rig.iommufd);
}

/* Reads and writes without end, 16 at a time */
static void victim(void)
{
	int rc = start_driver(), slots[16];

	if (rc) {
		__atomic_store_n(&shared->progress, rc, __ATOMIC_SEQ_CST);
		_exit(1);
	}
	for (unsigned int n = 0;; n++) {
		unsigned int i = n % 16, piece = i / 2;
		uint64_t blocks = sizeof(shared->in) / 8 / NVME_BLOCK;

		if (n >= 16) {
			rc = nvme_finish(&rig.nvme, &rig.nvme.io, slots[i]);
			__atomic_store_n(&shared->progress, rc ? -EIO : (int)n, __ATOMIC_SEQ_CST);
		}
		slots[i] = nvme_start(&rig.nvme, i % 2, (i % 2 ? SCRATCH : 0) + piece * blocks, blocks,
				      &in_buffer, (i % 2) * sizeof(shared->in) +
						  piece * blocks * NVME_BLOCK);
	}
}

static void kill_in_io(int round)
{
	long long pinned = pages_pinned();
	int progress, status, fd, rc, strange = 0;
	uint64_t lba;
	pid_t pid;

	memset(shared->in, 'm', sizeof(shared->in));
	memset(shared->out, 'w', sizeof(shared->out));
	shared->progress = 0;
	pid = fork();
	if (!pid)
		victim();
	do {
		usleep(500);
		progress = __atomic_load_n(&shared->progress, __ATOMIC_SEQ_CST);
	} while (progress >= 0 && progress < ENOUGH);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	REQUIRE(progress >= ENOUGH, "S14 %d control: a driver reads and writes (%d)", round, progress);
	CHECK(!memcmp(shared->in, on_disk(0), sizeof(shared->in)),
	      "S14 %d control: what it read came", round);

	fd = device_open(VM_NVME);
	CHECK(fd >= 0, "S14 %d: killed in mid-I/O it has left the controller (%d)", round, fd);
	memset(shared->in, 'x', sizeof(shared->in));
	memset(shared->out, SECRET, sizeof(shared->out));
	CHECK(!(pci_command(VM_NVME) & PCI_COMMAND_MASTER), "S14 %d: bus mastering is off", round);
	CHECK_EQ(pages_pinned(), pinned, "S14 %d: its memory is given back", round);
	usleep(200000);
	CHECK(all(shared->in, sizeof(shared->in), 'x'), "S14 %d: nothing arrives in it afterwards", round);
	close(fd);

	rc = start_driver();
	CHECK_RC(rc, 0, "S14 %d: the next driver gets the controller", round);
	if (rc)
		return;
	for (lba = SCRATCH; lba < DISK_BLOCKS; lba += NVME_MAX_BLOCKS) {
		rc = nvme_rw(&rig.nvme, false, lba, NVME_MAX_BLOCKS, &in_huge, 0);
		CHECK_EQ(rc, 0, "S14 %d: it reads what was written", round);
		for (unsigned int i = 0; i < NVME_MAX_BLOCKS; i++) {
			const uint8_t *block = rig.huge + i * NVME_BLOCK;

			strange += !all(block, NVME_BLOCK, 'w');
		}
	}
	CHECK_EQ(strange, 0, "S14 %d: which is the dead one's data, and not what its memory became",
		 round);
	memset(on_disk(SCRATCH), 'w', DISK_SIZE - SCRATCH * NVME_BLOCK);
	CHECK(disk_is_right(), "S14 %d: every block of the disk is as it must be", round);
	stop_driver();
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return stranger(argv + 1);

	disk = memory(DISK_SIZE, 0);
	REQUIRE_RC(run_shell("echo 8 > /proc/sys/vm/nr_hugepages"), 0, "huge pages");
	REQUIRE_RC(pci_bind(VM_NVME, VM_DRIVER), 0, "our driver has the controller");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "and a device of another class");
	REQUIRE_RC(copy_self(STRANGER), 0, "the same program under another path");
	REQUIRE_RC(load_policy(policy), 0, "a policy for the one loads");

	klog_mark();
	ask_stranger("open", NULL, NULL);
	CHECK(klog_count("denied device-open of " VM_NVME " for stranger") == 1,
	      "S16 the kernel's log says so");
	make_address_spaces();
	become_driver();

	identify();
	interrupts("at first");
	CHECK_EQ(nvme_io_delete(&rig.nvme), 0, "the I/O queues are deleted");
	CHECK_EQ(nvme_io_create(&rig.nvme, -1), 0, "and made without an interrupt");
	bulk();
	unmapping();

	for (int round = 0; round < 4; round++) {
		move_under_io(round);
		detach_in_io();
		recover("attached again");
	}
	CHECK(disk_is_right(), "every block of the disk is as it must be");
	interrupts("after detach and attach");
	device_reset();
	stop_driver();
	munmap(rig.source, SOURCE_PAGES * NVME_PAGE);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED, "shared memory");
	memset(shared, 0, sizeof(*shared));
	for (int round = 0; round < 3; round++)
		kill_in_io(round);
	return checks_done();
}
