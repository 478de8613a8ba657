// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty tracking on a software IOMMU whose driver knows nothing of our bitmap, like those of the
 * kernel: what a device wrote to is told exactly once, wherever the bitmap and its parts begin and
 * end; and what cannot be told is never called clean.
 *
 * vm: about=dirty tracking: each written page told, and once, at every border
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"
#include "mock.h"

#define MIB (1UL << 20)
#define GIB (1UL << 30)
#define LENGTH (130 * MIB)              /* more than two parts of 64 MiB */
#define NR_PAGES (LENGTH / MOCK_PAGE)
#define PART_PAGES (64 * MIB / MOCK_PAGE)

static int fd;
static uint32_t ioas, hwpt;
static char *mem;
static uint8_t wrote[NR_PAGES / 8 + 8], told[NR_PAGES / 8 + 4096];

static int get_at(uint32_t id, uint64_t iova, uint64_t length, uint64_t page_size, void *bits,
		  uint32_t flags)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd), .hwpt_id = id, .flags = flags, .iova = iova, .length = length,
		.page_size = page_size, .data = (uintptr_t)bits,
	};

	return iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

static int get(uint64_t iova, uint64_t length, void *bits, uint32_t flags)
{
	return get_at(hwpt, iova, length, MOCK_PAGE, bits, flags);
}

static int set(uint32_t id, bool enable)
{
	struct iommu_hwpt_set_dirty_tracking cmd = { .size = sizeof(cmd), .flags = enable, .hwpt_id = id };

	return iommu_call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static void set_bit(uint8_t *bits, unsigned long i)
{
	bits[i / 8] |= 1 << i % 8;
}

static bool bit(const uint8_t *bits, unsigned long i)
{
	return bits[i / 8] & 1 << i % 8;
}

static unsigned long count(const uint8_t *bits, size_t bytes)
{
	unsigned long n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += __builtin_popcount(bits[i]);
	return n;
}

static int device_writes(void)
{
	return mock_write(fd, hwpt, MOCK_IOVA, LENGTH, MOCK_PAGE, wrote);
}

static void pattern(unsigned int seed)
{
	static const unsigned long borders[] = { 0, 1, 7, 8, 63, 64, PART_PAGES - 1, PART_PAGES,
						 2 * PART_PAGES - 1, 2 * PART_PAGES, NR_PAGES - 1 };

	memset(wrote, 0, sizeof(wrote));
	srand(seed);
	for (int i = 0; i < 3000; i++)
		set_bit(wrote, rand() % NR_PAGES);
	for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++)
		set_bit(wrote, borders[i]);
	/* a run across the border of two parts */
	for (unsigned long i = PART_PAGES - 100; i < PART_PAGES + 100; i++)
		set_bit(wrote, i);
}

static void all_of_it(void)
{
	static const unsigned int offsets[] = { 0, 1, 8, 2048, 4095 };
	char what[64];

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		uint8_t *bits = told + offsets[i];

		snprintf(what, sizeof(what), "bitmap at %u", offsets[i]);
		pattern(i + 1);
		CHECK_RC(device_writes(), 0, "%s: the device writes", what);
		memset(told, 0, sizeof(told));
		CHECK_RC(get(MOCK_IOVA, LENGTH, bits, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0,
			 "%s: looked at", what);
		CHECK(!memcmp(bits, wrote, NR_PAGES / 8), "%s: exactly what was written to", what);
		CHECK_EQ(count(told, sizeof(told)), count(wrote, sizeof(wrote)), "%s: nothing beside", what);
		memset(told, 0, sizeof(told));
		CHECK_RC(get(MOCK_IOVA, LENGTH, bits, 0), 0, "%s: taken", what);
		CHECK(!memcmp(bits, wrote, NR_PAGES / 8), "%s: the same, once more", what);
		memset(told, 0, sizeof(told));
		told[offsets[i]] = 0xa0;
		CHECK_RC(get(MOCK_IOVA, LENGTH, bits, 0), 0, "%s: asked again", what);
		CHECK_EQ(count(told, sizeof(told)), 2, "%s: it is clean, and bits that were set stay", what);
	}
}

/* Ranges that begin and end anywhere, bits for more than a page */
static void parts_of_it(void)
{
	const unsigned long first = 4096 + 17 * 32, nr = PART_PAGES + 2 * 32;
	unsigned long i, wrong = 0;

	pattern(77);
	REQUIRE_RC(device_writes(), 0, "part: the device writes");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA + first * MOCK_PAGE, nr * MOCK_PAGE, told, 0), 0, "part: taken");
	for (i = 0; i < nr; i++)
		wrong += bit(told, i) != bit(wrote, first + i);
	CHECK_EQ(wrong, 0, "part: the first bit is the first page asked about");
	memset(told, 0, sizeof(told));
	CHECK_RC(get_at(hwpt, MOCK_IOVA, LENGTH, 65536, told, 0), 0, "coarse: 64 KiB a bit");
	for (i = 0; i < NR_PAGES; i += 32) {
		bool any = false;

		for (unsigned long j = i; j < i + 32; j++)
			any |= bit(wrote, j) && (j < first || j >= first + nr);
		wrong += any != bit(told, i / 32);
	}
	CHECK_EQ(wrong, 0, "coarse: a bit is set if one of its pages is dirty, but what was taken is gone");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 0), 0, "all: asked again");
	CHECK_EQ(count(told, sizeof(told)), 0, "all: it is clean");
}

/* What cannot be told is not lost */
static void not_told(void)
{
	const unsigned long hole = 3 * PART_PAGES / 2;
	uint8_t *protected = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				  0);

	pattern(99);
	REQUIRE_RC(device_writes(), 0, "the device writes");
	CHECK_RC(get_at(hwpt, MOCK_IOVA, LENGTH, 3 * MOCK_PAGE, told, 0), -EINVAL, "bits of an odd size");
	CHECK_RC(get_at(hwpt, MOCK_IOVA + 1024, LENGTH, MOCK_PAGE, told, 0), -EINVAL, "half a page");
	CHECK_RC(get_at(ioas, MOCK_IOVA, LENGTH, MOCK_PAGE, told, 0), -ENOENT, "an IOAS");
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 2), -EOPNOTSUPP, "flags nobody knows");
	CHECK_RC(get(MOCK_IOVA, LENGTH + MOCK_PAGE * 64, told, 0), -EINVAL, "beyond what is mapped");
	mprotect(protected + 4096, 4096, PROT_READ);
	CHECK_RC(get(MOCK_IOVA, LENGTH, protected + 4096, 0), -EFAULT, "a bitmap that cannot be written");
	munmap(protected + 4096, 4096);
	/* the first part of the bitmap is 4096 bytes, half of them here */
	CHECK_RC(get(MOCK_IOVA, LENGTH, protected + 2048, 0), -EFAULT, "a bitmap half of which is there");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0, "now looked at");
	memset(told + PART_PAGES / 8, 0, sizeof(told) - PART_PAGES / 8);
	for (unsigned long i = PART_PAGES; i < NR_PAGES; i++)
		if (bit(wrote, i))
			set_bit(told, i);
	CHECK(!memcmp(told, wrote, NR_PAGES / 8), "nothing was lost by any of these");

	CHECK_RC(ioas_unmap(fd, ioas, MOCK_IOVA + hole * MOCK_PAGE, 2 * MIB, NULL), 0, "a hole");
	CHECK_RC(get(MOCK_IOVA + PART_PAGES * MOCK_PAGE, (NR_PAGES - PART_PAGES) * MOCK_PAGE, told, 0),
		 -EINVAL, "a range with a hole");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA, hole * MOCK_PAGE, told, 0), 0, "what is below it");
	CHECK(!memcmp(told, wrote, hole / 8), "lost nothing by that");
	CHECK_RC(ioas_map(fd, ioas, mem + hole * MOCK_PAGE, 2 * MIB, MOCK_IOVA + hole * MOCK_PAGE), 0,
		 "the hole is filled");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 0), 0, "all of it");
	CHECK_EQ(count(told, (hole + 1024) / 8), 0, "what was told, and what is new, is clean");
	CHECK_EQ(count(told, sizeof(told)),
		 count(wrote + (hole + 1024) / 8, (NR_PAGES - hole - 1024) / 8), "the rest is told");
}

static void off(void)
{
	pattern(5);
	REQUIRE_RC(device_writes(), 0, "the device writes");
	CHECK_RC(set(hwpt, false), 0, "tracking goes off");
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 0), -EINVAL, "nothing is called clean then");
	CHECK_RC(set(hwpt, true), 0, "and on");
	memset(told, 0, sizeof(told));
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 0), 0, "asked");
	CHECK_EQ(count(told, sizeof(told)), 0, "it begins anew");
}

/* --- pages of the IOMMU that are cut by what is asked about, or by its parts ------------------------ */

#define HUGE_PAGES (MOCK_HUGE / MOCK_PAGE)
#define CUT_START (MOCK_IOVA + MOCK_HUGE / 2)
#define CUT_LENGTH (LENGTH - MOCK_HUGE)

static struct mock_dev cut_dev;
static uint32_t cut_space, cut_id;

/* Huge pages but for one, in which small ones lie */
static void cut_begin(unsigned long small)
{
	const unsigned long pieces[] = { 0, small, small + MOCK_HUGE / 2, small + MOCK_HUGE, LENGTH };

	REQUIRE_RC(ioas_alloc(fd, &cut_space), 0, "cut: an IOAS");
	for (int i = 0; i < 4; i++)
		REQUIRE_RC(ioas_map(fd, cut_space, mem + pieces[i], pieces[i + 1] - pieces[i],
				    MOCK_IOVA + pieces[i]), 0, "cut: memory");
	REQUIRE_RC(mock_device(fd, cut_space, MOCK_DEVICE_HUGE_IOVA, &cut_dev), 0, "cut: a device");
	REQUIRE_RC(hwpt_alloc_full(fd, cut_dev.dev_id, cut_space, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0, NULL,
				   0, 0, &cut_id), 0, "cut: a HWPT");
	REQUIRE_RC(set(cut_id, true), 0, "cut: tracked");
}

static void cut_end(void)
{
	CHECK_RC(object_destroy(fd, cut_dev.object_id), 0, "cut: the device goes");
	CHECK_RC(object_destroy(fd, cut_id), 0, "cut: the HWPT goes");
	CHECK_RC(object_destroy(fd, cut_space), 0, "cut: the IOAS goes");
}

/* The device writes one small page's worth, so many bytes above where all is mapped */
static int cut_write(unsigned long at)
{
	uint8_t one = 1;

	return mock_write(fd, cut_id, MOCK_IOVA + at, MOCK_PAGE, MOCK_PAGE, &one);
}

/* What is told of all but half a huge page at either end */
static int cut_get(void *bits, uint32_t flags)
{
	return get_at(cut_id, CUT_START, CUT_LENGTH, MOCK_PAGE, bits, flags);
}

/* Whether the bits from the first to before the last are told, and no other */
static bool told_just(unsigned long first, unsigned long end)
{
	for (unsigned long i = first; i < end; i++)
		if (!bit(told, i))
			return false;
	return count(told, sizeof(told)) == end - first;
}

/* A huge page is dirty as a whole, and clean as a whole, wherever the parts of a look at it end */
static void huge(void)
{
	/* next to where a look begins, where its parts end, and it itself does; all others are clean */
	static const unsigned long pages[] = { 1, 2, 63, 64, 65, 66, 67, 127, 128 };
	const unsigned long small = 66;

	cut_begin(small * MOCK_HUGE);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		unsigned long first = pages[i] * HUGE_PAGES - HUGE_PAGES / 2, end = first + HUGE_PAGES;

		if (pages[i] == small)
			end = first + 1;
		for (int clear = 0; clear < 2; clear++) {
			memset(told, 0, sizeof(told));
			CHECK_RC(cut_write(pages[i] * MOCK_HUGE + (pages[i] == small ? 0 : 5 * MOCK_PAGE)), 0,
				 "huge %lu: it is written to", pages[i]);
			CHECK_RC(cut_get(told, clear ? 0 : IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0,
				 "huge %lu: %s", pages[i], clear ? "taken" : "looked at");
			CHECK(told_just(first, end), "huge %lu: all of it is told, and no more", pages[i]);
		}
		memset(told, 0, sizeof(told));
		CHECK_RC(cut_get(told, 0), 0, "huge %lu: asked again", pages[i]);
		CHECK_EQ(count(told, sizeof(told)), 0, "huge %lu: it is clean", pages[i]);
	}
	cut_end();
}

/* A page of which only a part was asked about is told as long as the rest of it is not told */
static void half_asked(void)
{
	cut_begin(66 * MOCK_HUGE);
	REQUIRE_RC(cut_write(0), 0, "half: the first page is written to");
	REQUIRE_RC(cut_write(LENGTH - MOCK_PAGE), 0, "half: the last, too");
	for (int i = 0; i < 2; i++) {
		memset(told, 0, sizeof(told));
		CHECK_RC(cut_get(told, 0), 0, "half: taken");
		CHECK(bit(told, 0) && bit(told, HUGE_PAGES / 2 - 1) &&
		      bit(told, CUT_LENGTH / MOCK_PAGE - HUGE_PAGES / 2) &&
		      bit(told, CUT_LENGTH / MOCK_PAGE - 1), "half: they are told, as far as was asked");
		CHECK_EQ(count(told, sizeof(told)), HUGE_PAGES, "half: and no more");
	}
	memset(told, 0, sizeof(told));
	CHECK_RC(get_at(cut_id, MOCK_IOVA, LENGTH, MOCK_PAGE, told, 0), 0, "half: all is taken");
	CHECK(bit(told, 0) && bit(told, NR_PAGES - 1) && count(told, sizeof(told)) == 2 * HUGE_PAGES,
	      "half: the other halves were not lost");
	memset(told, 0, sizeof(told));
	CHECK_RC(get_at(cut_id, MOCK_IOVA, LENGTH, MOCK_PAGE, told, 0), 0, "half: asked again");
	CHECK_EQ(count(told, sizeof(told)), 0, "half: they are clean");
	cut_end();
}

static int between_rc;

static void *between_get(void *bits)
{
	between_rc = cut_get(bits, 0);
	return NULL;
}

/* A device writes to a page when the first half of it was found clean, and the second was not looked at */
static void between(void)
{
	const unsigned long part = CUT_START - MOCK_IOVA + 64 * MIB, first = part - MOCK_HUGE / 2;
	static const uint8_t nothing[4096];
	uint8_t *bits = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = stalling_open();
	pthread_t thread;

	/* a part of the bitmap is a page: the second is not to be had at once */
	REQUIRE(bits != MAP_FAILED && uffd >= 0 && !stalling_from(uffd, bits + 4096),
		"between: a bitmap that stalls");
	cut_begin(66 * MOCK_HUGE);
	memset(bits, 0, 4096);
	REQUIRE(!pthread_create(&thread, NULL, between_get, bits), "between: a thread");
	REQUIRE(stalling_wait(uffd, 5000) == 1, "between: it waits for the second part");
	CHECK_RC(cut_write(first + 3 * MOCK_PAGE), 0, "between: what was found clean is written to");
	REQUIRE_RC(stalling_answer(uffd, bits + 4096, nothing), 0, "between: it goes on");
	pthread_join(thread, NULL);
	CHECK_RC(between_rc, 0, "between: taken");
	CHECK_EQ(count(bits, 4096), 0, "between: the first part was clean when it was looked at");
	memset(told, 0, sizeof(told));
	CHECK_RC(cut_get(told, 0), 0, "between: asked again");
	CHECK(told_just(64 * MIB / MOCK_PAGE - HUGE_PAGES / 2, 64 * MIB / MOCK_PAGE + HUGE_PAGES / 2),
	      "between: the page is told, all of it");
	memset(told, 0, sizeof(told));
	CHECK_RC(cut_get(told, 0), 0, "between: and again");
	CHECK_EQ(count(told, sizeof(told)), 0, "between: it is clean");
	cut_end();
	close(uffd);
	munmap(bits, 4 * 4096);
}

/* So much a bit that those of one look are for more than a GiB, which is read in parts: wherever the page lies */
static void wide_bits(void)
{
	const uint64_t wide = 256 * MIB, start = wide, length = 7 * wide, piece = 128 * MIB;
	const uint64_t page[] = { 0, wide, GIB - MOCK_PAGE, GIB, length - MOCK_PAGE };
	uint32_t space, id;
	struct mock_dev dev;
	uint8_t one = 1;

	REQUIRE_RC(ioas_alloc(fd, &space), 0, "wide: an IOAS");
	REQUIRE_RC(ioas_map(fd, space, mem, piece, start), 0, "wide: memory");
	for (uint64_t at = piece; at < length; at += piece)
		REQUIRE_RC(ioas_copy(fd, space, start + at, space, start, piece), 0, "wide: the same at %#lx",
			   (unsigned long)at);
	REQUIRE_RC(mock_device(fd, space, MOCK_DEVICE_HUGE_IOVA, &dev), 0, "wide: a device");
	REQUIRE_RC(hwpt_alloc_full(fd, dev.dev_id, space, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0, NULL, 0, 0,
				   &id), 0, "wide: a HWPT");
	REQUIRE_RC(set(id, true), 0, "wide: tracked");
	for (size_t i = 0; i < sizeof(page) / sizeof(page[0]); i++) {
		memset(told, 0, sizeof(told));
		CHECK_RC(mock_write(fd, id, start + page[i], MOCK_PAGE, MOCK_PAGE, &one), 0, "wide: a page is written");
		CHECK_RC(get_at(id, start, length, wide, told, 0), 0, "wide: taken");
		CHECK(bit(told, page[i] / wide) && count(told, sizeof(told)) == 1, "wide: its bit is told, page at %#lx",
		      (unsigned long)page[i]);
		memset(told, 0, sizeof(told));
		CHECK_RC(get_at(id, start, length, wide, told, 0), 0, "wide: asked again");
		CHECK_EQ(count(told, sizeof(told)), 0, "wide: it is clean");
	}
	CHECK_RC(ioas_unmap(fd, space, start + GIB, piece, NULL), 0, "wide: a hole");
	CHECK_RC(get_at(id, start, length, wide, told, 0), -EINVAL, "wide: cannot be told");
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "wide: the device goes");
	CHECK_RC(object_destroy(fd, id), 0, "wide: the HWPT goes");
	CHECK_RC(object_destroy(fd, space), 0, "wide: the IOAS goes");
}

static volatile bool stop;

static void *mapper(void *arg)
{
	(void)arg;
	while (!stop) {
		ioas_unmap(fd, ioas, MOCK_IOVA + 64 * MIB, MIB, NULL);
		ioas_map(fd, ioas, mem + 64 * MIB, MIB, MOCK_IOVA + 64 * MIB);
		usleep(2000);
	}
	return NULL;
}

/* Mappings come and go while it is asked about, until it was seen with all of them and without */
static void racing(void)
{
	time_t end = time(NULL) + 60;
	int rc = 0, whole = 0, holed = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, mapper, NULL);
	while ((whole < 50 || holed < 50) && time(NULL) < end) {
		rc = get(MOCK_IOVA + 60 * MIB, 8 * MIB, told, whole & 1);
		whole += !rc;
		holed += rc == -EINVAL;
		if (rc && rc != -EINVAL)
			break;
		if ((whole + holed) % 32 == 0 && set(hwpt, true))
			break;
	}
	stop = true;
	pthread_join(thread, NULL);
	CHECK(!rc || rc == -EINVAL, "racing: told, or not all of it was mapped");
	CHECK(whole && holed, "racing: %d times the one, %d the other", whole, holed);
}

int main(void)
{
	struct mock_dev dev;

	fd = iommu_open();
	REQUIRE_RC(run_shell("modprobe iommufd_mock"), 0, "the software IOMMU");
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	mem = mmap(NULL, LENGTH + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem = (char *)(((uintptr_t)mem + 2 * MIB - 1) & -(2 * MIB));
	madvise(mem, LENGTH, MADV_HUGEPAGE);
	memset(mem, 1, LENGTH);
	/* in pieces, of which one can be taken away */
	for (unsigned long at = 0; at < LENGTH; at += MIB)
		if (ioas_map(fd, ioas, mem + at, MIB, MOCK_IOVA + at))
			REQUIRE(false, "memory is mapped");
	REQUIRE_RC(mock_device(fd, ioas, 0, &dev), 0, "a device");
	CHECK_RC(set(dev.hwpt_id, true), -EOPNOTSUPP, "a HWPT that was not made to be tracked");
	CHECK_RC(get_at(dev.hwpt_id, MOCK_IOVA, LENGTH, MOCK_PAGE, told, 0), -EOPNOTSUPP,
		 "never says what is clean");
	REQUIRE_RC(hwpt_alloc_full(fd, dev.dev_id, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0, NULL, 0, 0,
				   &hwpt), 0, "one that was");
	CHECK_RC(get(MOCK_IOVA, LENGTH, told, 0), -EINVAL, "nor does it, while it is not tracked");
	REQUIRE_RC(set(hwpt, true), 0, "it is tracked");
	all_of_it();
	parts_of_it();
	not_told();
	off();
	racing();
	CHECK_RC(object_destroy(fd, dev.object_id), 0, "the device goes");
	huge();
	half_asked();
	between();
	wide_bits();
	close(fd);
	CHECK_RC(run_shell("rmmod iommufd_mock"), 0, "the software IOMMU goes");
	return checks_done();
}
