// SPDX-License-Identifier: GPL-2.0
/*
 * The map path under load: random calls against a model in this program, very many areas, and many
 * threads that get in each other's way while a device comes and goes.
 *
 * vm: about=random, many and concurrent map calls
 * vm: append=iommufd_lsm.default_verdict=allow
 * vm: timeout=400
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)
#define RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED (RW | IOMMU_IOAS_MAP_FIXED_IOVA)

/* The model's window, in pages; the allocator is confined to it */
#define WINDOW 192
#define BASE 0x40000000UL

static int fd;
static uint32_t ioas[2]; /* with a device, and without */
static char *mem;
static uint64_t rng_state = 88172645463325252ULL;

static uint32_t rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (rng_state >> 11) % below;
}

/* For each page of the window: 0, or a number that all pages of an area have in common */
static unsigned int model[2][WINDOW];
static unsigned int last_area;

static bool model_free(const unsigned int *pages, unsigned int start, unsigned int nr)
{
	if (start + nr > WINDOW)
		return false;
	for (unsigned int i = start; i < start + nr; i++)
		if (pages[i])
			return false;
	return true;
}

static void model_add(unsigned int *pages, unsigned int start, unsigned int nr)
{
	last_area++;
	for (unsigned int i = start; i < start + nr; i++)
		pages[i] = last_area;
}

/* The lowest place, aligned as memory and length ask; WINDOW if there is none */
static unsigned int model_place(const unsigned int *pages, uintptr_t va, unsigned int nr)
{
	unsigned int alignment = 1, i;

	while (alignment < nr)
		alignment *= 2;
	while (va / PAGE % alignment)
		alignment /= 2;
	for (i = 0; i < WINDOW; i += alignment)
		if (model_free(pages, i, nr))
			return i;
	return WINDOW;
}

/* What an unmap must answer, and what it leaves */
static int model_unmap(unsigned int *pages, unsigned int start, unsigned int nr, uint64_t *bytes)
{
	unsigned int at = start, end = start + nr;

	*bytes = 0;
	while (at < end) {
		unsigned int area = pages[at], first = at, after;

		if (!area) {
			at++;
			continue;
		}
		while (first && pages[first - 1] == area)
			first--;
		for (after = at; after < WINDOW && pages[after] == area; after++)
			;
		if (first < start || after > end)
			return -ENOENT;
		memset(&pages[first], 0, (after - first) * sizeof(pages[0]));
		*bytes += (after - first) * PAGE;
		at = after;
	}
	return *bytes ? 0 : -ENOENT;
}

static bool one_map(int which)
{
	unsigned int nr = 1 + rng(12), start = rng(WINDOW - nr), page = rng(64);
	char *va = mem + page * PAGE;
	uint64_t iova = BASE + start * PAGE;
	bool fixed = rng(2);
	int rc, want = 0;

	if (fixed) {
		if (!model_free(model[which], start, nr))
			want = -EEXIST;
	} else {
		start = model_place(model[which], (uintptr_t)va, nr);
		if (start == WINDOW)
			want = -ENOSPC;
	}
	/* out of memory (with fault injection) may happen at any time, but must change nothing */
	do {
		rc = ioas_map_flags(fd, ioas[which], va, nr * PAGE, &iova, fixed ? FIXED : RW);
	} while (rc == -ENOMEM);
	if (rc != want || (!rc && iova != BASE + start * PAGE)) {
		note("map %s of %u pages: %d and %lx, not %d and %lx", fixed ? "fixed" : "free", nr,
		     rc, (unsigned long)iova, want, BASE + start * PAGE);
		return false;
	}
	if (!rc)
		model_add(model[which], start, nr);
	return true;
}

static bool one_unmap(int which)
{
	unsigned int nr = 1 + rng(40), start = rng(WINDOW - nr);
	uint64_t bytes, unmapped = 0;
	int want, rc;

	want = model_unmap(model[which], start, nr, &bytes);
	rc = ioas_unmap(fd, ioas[which], BASE + start * PAGE, nr * PAGE, &unmapped);
	if (rc == want && (rc || unmapped == bytes))
		return true;
	note("unmap %u+%u: %d of %lu bytes, not %d of %lu", start, nr, rc, (unsigned long)unmapped,
	     want, (unsigned long)bytes);
	return false;
}

static bool one_copy(int from, int to)
{
	unsigned int nr = 1 + rng(16), src = rng(WINDOW - nr), dst = rng(WINDOW - nr), i, first;
	int want = 0, rc;

	for (i = src; i < src + nr; i++)
		if (!model[from][i])
			want = -ENOENT;
	if (!want && !model_free(model[to], dst, nr))
		want = -EEXIST;
	do {
		rc = ioas_copy(fd, ioas[to], BASE + dst * PAGE, ioas[from], BASE + src * PAGE,
			       nr * PAGE);
	} while (rc == -ENOMEM);
	if (rc != want) {
		note("copy %u+%u to %u: %d, not %d", src, nr, dst, rc, want);
		return false;
	}
	if (rc)
		return true;
	/* each area of the source gives one of its own; the source may be the same IOAS */
	for (first = i = 0; i < nr; i++) {
		if (i + 1 < nr && model[from][src + i + 1] == model[from][src + i])
			continue;
		model_add(model[to], dst + first, i + 1 - first);
		first = i + 1;
	}
	return true;
}

static void test_random(void)
{
	struct iommu_iova_range window = { BASE, BASE + WINDOW * PAGE - 1 };
	long long pinned = pages_pinned();
	int i, n = 60000;

	for (i = 0; i < 2; i++) {
		struct iommu_ioas_allow_iovas cmd = {
			.size = sizeof(cmd), .ioas_id = ioas[i], .num_iovas = 1,
			.allowed_iovas = (uintptr_t)&window,
		};

		REQUIRE_RC(iommu_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd), 0, "a window");
	}
	for (i = 0; i < n; i++) {
		uint32_t what = rng(10);
		bool ok;

		if (what < 4)
			ok = one_map(rng(2));
		else if (what < 8)
			ok = one_unmap(rng(2));
		else
			ok = one_copy(rng(2), rng(2));
		if (!ok)
			break;
	}
	CHECK_EQ(i, n, "random calls answer as the model does");
	for (i = 0; i < 2; i++) {
		struct iommu_ioas_allow_iovas cmd = { .size = sizeof(cmd), .ioas_id = ioas[i] };

		ioas_unmap(fd, ioas[i], 0, UINT64_MAX, NULL);
		CHECK_RC(iommu_call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd), 0, "no window");
	}
	CHECK_EQ(pages_pinned(), pinned, "and leave nothing pinned");
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Time of the last tenth over that of the first: a search through all areas would show here */
static void test_many(void)
{
	unsigned int nr = 300000 / vm_slowness(), i, wrong = 0;
	double start = seconds(), first = 0, last = 0;
	struct edu_setup second;
	uint64_t iova, unmapped;
	uint32_t id;

	REQUIRE_RC(ioas_alloc(fd, &id), 0, "an IOAS for many areas");
	for (i = 0; i < nr; i++) {
		if (i == nr / 10)
			first = seconds() - start;
		if (i == nr - nr / 10)
			start = seconds();
		iova = 0;
		if (ioas_map_flags(fd, id, mem + i % 64 * PAGE, PAGE, &iova, RW))
			break;
		wrong += iova != (i + 1) * PAGE;
	}
	last = seconds() - start;
	CHECK_EQ(i, nr, "many areas");
	CHECK_EQ(wrong, 0, "each in the lowest place");
	CHECK(last < 20 * first, "the last tenth (%.2f s) about as fast as the first (%.2f s)",
	      last, first);

	/* every hundredth goes, and is found again */
	for (i = 0; i < nr; i += 100)
		ioas_unmap(fd, id, (i + 1) * PAGE, PAGE, NULL);
	for (i = wrong = 0; i < nr; i += 100) {
		iova = 0;
		if (ioas_map_flags(fd, id, mem, PAGE, &iova, RW) || iova != (i + 1) * PAGE)
			wrong++;
	}
	CHECK_EQ(wrong, 0, "holes are found, the lowest first");

	REQUIRE_RC(edu_setup(&second, VM_EDU2, fd, id), 0, "a device comes to many areas");
	CHECK_RC(ioas_unmap(fd, id, PAGE, nr / 2 * PAGE, &unmapped), 0, "half of them go at once");
	CHECK_EQ(unmapped, nr / 2 * PAGE, "all of that half");
	edu_teardown(&second);
	CHECK_RC(object_destroy(fd, id), 0, "the rest goes with the IOAS");
}

static atomic_bool stop;
static atomic_ulong calls, unexpected;

static void count(int rc, int ok1, int ok2, int ok3)
{
	atomic_fetch_add(&calls, 1);
	if (rc && rc != -ENOMEM && rc != ok1 && rc != ok2 && rc != ok3 && !atomic_fetch_add(&unexpected, 1))
		note("unexpected: %s", strerror(-rc));
}

/* Map, copy and unmap what others map, copy and unmap */
static void *thread_map(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!stop) {
		unsigned int nr = 1 + rand_r(&seed) % 64;
		uint64_t at = BASE + rand_r(&seed) % 128 * PAGE;
		char *va = mem + rand_r(&seed) % 64 * PAGE;
		uint32_t id = ioas[rand_r(&seed) % 2];

		switch (rand_r(&seed) % 4) {
		case 0:
			count(ioas_map(fd, id, va, nr * PAGE, at), -EEXIST, -EFAULT, 0);
			break;
		case 1:
			count(ioas_copy(fd, ioas[rand_r(&seed) % 2], at + 256 * PAGE, id, at, nr * PAGE),
			      -EEXIST, -ENOENT, -EFAULT);
			break;
		case 2:
			count(ioas_unmap(fd, id, at, nr * PAGE, NULL), -ENOENT, -EBUSY, 0);
			break;
		default:
			count(ioas_unmap(fd, id, BASE, 512 * PAGE, NULL), -ENOENT, -EBUSY, 0);
		}
	}
	return NULL;
}

/* The memory goes and comes under them */
static void *thread_memory(void *arg)
{
	(void)arg;
	while (!stop) {
		munmap(mem + 20 * PAGE, 4 * PAGE);
		usleep(100);
		mmap(mem + 20 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		madvise(mem + 40 * PAGE, 4 * PAGE, MADV_DONTNEED);
		usleep(1000);
	}
	return NULL;
}

static void *thread_fork(void *arg)
{
	(void)arg;
	while (!stop) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return NULL;
}

static void test_threads(struct edu_setup *edu)
{
	long long pinned = pages_pinned();
	unsigned int moves = 0, failed = 0;
	pthread_t threads[6];
	double until;
	uintptr_t i;

	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, thread_map, (void *)(i + 1));
	pthread_create(&threads[4], NULL, thread_memory, NULL);
	pthread_create(&threads[5], NULL, thread_fork, NULL);
	/* the device leaves and comes back, there and elsewhere: first and last domains */
	for (until = seconds() + 15; seconds() < until; moves++) {
		int rc = device_attach(edu->fd, ioas[moves % 2], NULL);

		/* what is mapped may be gone from memory */
		if (rc && rc != -EFAULT && rc != -ENOMEM)
			failed++;
		if (moves % 8 == 7)
			device_detach(edu->fd);
		usleep(500);
	}
	stop = true;
	for (i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK(calls > 500, "threads made %lu calls", (unsigned long)calls);
	CHECK_EQ(unexpected, 0, "with expected answers");
	CHECK(moves > 10, "the device came and went %u times", moves);
	CHECK_EQ(failed, 0, "as it should");
	for (i = 0; i < 2; i++)
		ioas_unmap(fd, ioas[i], 0, UINT64_MAX, NULL);
	CHECK_EQ(pages_pinned(), pinned, "nothing is pinned at the end");
}

int main(void)
{
	struct edu_setup edu;

	mem = mmap(NULL, 256 * PAGE + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem = (char *)(((uintptr_t)mem + 2 * MIB) & -(2 * MIB));
	madvise(mem, 256 * PAGE, MADV_NOHUGEPAGE);
	memset(mem, 1, 256 * PAGE);
	fd = iommu_open();
	REQUIRE(fd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(fd, &ioas[0]), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(fd, &ioas[1]), 0, "another");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, fd, ioas[0]), 0, "a device in the first");
	test_random();
	test_many();
	edu_exit(&edu.edu);
	test_threads(&edu);
	close(edu.fd);
	close(fd);
	return checks_done();
}
