// SPDX-License-Identifier: GPL-2.0
/*
 * edu engines that write to memory, and the memory that must not change: canaries, which are only
 * ever mapped to be read, and victims, which an engine may write to until their mapping is gone, and
 * then never again.
 *
 * A victim is mapped by one call at an IOVA of its own that nothing else is mapped at or copied
 * from, in a context that the call keeps an fd of. So when the unmap of just that range succeeds,
 * its only mapping has gone, whatever the other threads do.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define NR_VICTIMS 256
#define VICTIM_SIZE (2 * PAGE)
/* engines reach the first 256 MiB; three bits away from what some_iova() draws */
#define VICTIM_IOVA 0xe000000UL
#define CANARY_SIZE (8 * PAGE)

#define FRESH 0xa5   /* before an engine wrote to it: its own buffer holds zeroes */
#define RETIRED 0xc3
#define CANARY 0x96

#define EDU_BUFFER 0x40000
#define EDU_SRC 0x80
#define EDU_DST 0x88
#define EDU_COUNT 0x90

enum { FREE, BUSY, GONE, LOST }; /* GONE: its mapping is. LOST: nobody knows. */

static struct victim {
	atomic_int state;
	char *at;
} victims[NR_VICTIMS];
static atomic_uint next_victim;
static unsigned char *canaries;
static pthread_mutex_t engine_lock[NR_DEV];
static atomic_bool changed;

atomic_ulong dma_arrived, dma_cut_off, dma_pushes;

static bool is_all(const unsigned char *at, size_t length, unsigned char byte)
{
	return at[0] == byte && !memcmp(at, at + 1, length - 1);
}

int dma_init(void)
{
	int i;

	/* shared: a fork must not give a child or the parent another page than the device has */
	canaries = mmap((void *)CANARY_AT, CANARY_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	victims[0].at = mmap((void *)VICTIM_AT, NR_VICTIMS * VICTIM_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (canaries == MAP_FAILED || victims[0].at == MAP_FAILED)
		return -ENOMEM;
	memset(canaries, CANARY, CANARY_SIZE);
	for (i = 0; i < NR_VICTIMS; i++) {
		victims[i].at = victims[0].at + i * VICTIM_SIZE;
		victims[i].state = FREE;
	}
	for (i = 0; i < NR_DEV; i++)
		pthread_mutex_init(&engine_lock[i], NULL);
	return 0;
}

static void report(const char *what, const unsigned char *at, size_t length, unsigned char byte)
{
	size_t i = 0;

	while (i < length && at[i] == byte)
		i++;
	if (!atomic_exchange(&changed, true))
		note("%s at %p + %#zx holds %#x, not %#x", what, at, i, i < length ? at[i] : 0, byte);
}

bool dma_look(void)
{
	int i, state;

	if (!is_all(canaries, CANARY_SIZE, CANARY))
		report("a canary", canaries, CANARY_SIZE, CANARY);
	for (i = 0; i < NR_VICTIMS; i++) {
		unsigned char *at = (unsigned char *)victims[i].at;

		/* held, so that nobody begins with it meanwhile */
		state = GONE;
		if (!atomic_compare_exchange_strong(&victims[i].state, &state, BUSY))
			continue;
		if (!is_all(at, VICTIM_SIZE, RETIRED))
			report("memory whose mapping is gone,", at, VICTIM_SIZE, RETIRED);
		victims[i].state = GONE;
	}
	return !changed;
}

void dma_end(void)
{
	munmap(canaries, CANARY_SIZE);
	munmap(victims[0].at, NR_VICTIMS * VICTIM_SIZE);
}

static struct victim *take_victim(void)
{
	unsigned int tries, state;

	for (tries = 0; tries < 16; tries++) {
		struct victim *v = &victims[next_victim++ % NR_VICTIMS];

		state = FREE;
		if (atomic_compare_exchange_strong(&v->state, (int *)&state, BUSY))
			return v;
		state = GONE;
		if (!atomic_compare_exchange_strong(&v->state, (int *)&state, BUSY))
			continue;
		if (!is_all((unsigned char *)v->at, VICTIM_SIZE, RETIRED))
			report("memory whose mapping is gone,", (unsigned char *)v->at, VICTIM_SIZE, RETIRED);
		return v;
	}
	return NULL;
}

/*
 * Start one push. The device believes what it is told and ends the machine if that is nonsense, so
 * what it was told is read back first: a register write may have met a device that was just taken
 * away. Returns -EFAULT then, -EBUSY while it works on another.
 */
static int push(struct edu *edu, uint64_t iova, uint32_t length)
{
	int rc = 0;

	touching = true;
	if (sigsetjmp(touch_env, 1)) {
		rc = -EFAULT;
	} else if (edu_read(edu, 0) != EDU_IDENT) {
		rc = -ENXIO;
	} else if (edu_busy(edu)) {
		rc = -EBUSY;
	} else {
		*(volatile uint64_t *)(edu->bar + EDU_SRC) = EDU_BUFFER;
		*(volatile uint64_t *)(edu->bar + EDU_DST) = iova;
		*(volatile uint64_t *)(edu->bar + EDU_COUNT) = length;
		if (edu_read(edu, EDU_SRC) != EDU_BUFFER || edu_read(edu, EDU_DST) != iova ||
		    edu_read(edu, EDU_COUNT) != length)
			rc = -ENXIO;
		else
			edu_start(edu, EDU_BUFFER, iova, length, true);
	}
	touching = false;
	return rc;
}

static void wait_done(struct edu *edu)
{
	volatile int tries;

	touching = true;
	if (!sigsetjmp(touch_env, 1))
		for (tries = 0; tries < 100 && edu_busy(edu); tries++)
			usleep(2000);
	touching = false;
}

/* A device ready to write, or what is in the way. The engine's lock is held. */
static int engine(struct call *c, unsigned int d, struct edu *edu)
{
	int rc;

	edu->fd = devices[d].fd;
	rc = device_enable(edu->fd, true, true);
	if (rc)
		return rc;
	edu->bar_size = PAGE;
	edu->bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, edu->fd, 0);
	if (edu->bar == MAP_FAILED)
		return -errno;
	say(c, " %s", devices[d].address);
	return 0;
}

static unsigned int some_engine(struct call *c)
{
	static const unsigned int engines[] = { 0, 1, 3, 4 };

	return engines[draw(c, 4)];
}

/* To whatever the others have mapped, canaries included */
static int push_anywhere(struct call *c)
{
	unsigned int d = some_engine(c);
	uint64_t iova = MOCK_IOVA + draw(c, 128) * PAGE + draw(c, 8) * 512;
	uint32_t length = 1 + draw(c, 4000);
	struct edu edu;
	int rc;

	if (pthread_mutex_trylock(&engine_lock[d]))
		return -ENOEXEC;
	rc = engine(c, d, &edu);
	if (!rc) {
		rc = push(&edu, iova, length);
		munmap((void *)edu.bar, PAGE);
	}
	pthread_mutex_unlock(&engine_lock[d]);
	if (!rc)
		dma_pushes++;
	errno = -rc;
	return told(c, rc ? -1 : 0);
}

/*
 * Map a victim, have it written to, unmap it: at once, or once the engine is through, or after it was through and
 * was started again, with the translation in the IOTLB.
 */
static int push_and_unmap(struct call *c)
{
	unsigned int d = some_engine(c), ctx = devices[d].ctx;
	bool wait = chance(c, 60), again = chance(c, 60);
	unsigned int delay = draw(c, 3000);
	uint32_t ioas = devices[d].ioas, offset = draw(c, 4) * 512, length = 1 + draw(c, 4000);
	uint64_t iova, unmapped = 0;
	struct victim *v;
	struct edu edu;
	int rc, fd, end;

	if (pthread_mutex_trylock(&engine_lock[d]))
		return -ENOEXEC;
	v = take_victim();
	fd = fcntl(contexts[ctx].fd, F_DUPFD_CLOEXEC, 3);
	if (!v || fd < 0) {
		if (v) {
			memset(v->at, RETIRED, VICTIM_SIZE);
			v->state = GONE;
		}
		rc = -EBADF;
		goto out_unlock;
	}
	iova = VICTIM_IOVA + (v - victims) * 4 * VICTIM_SIZE;
	memset(v->at, FRESH, VICTIM_SIZE);
	rc = ioas_map(fd, ioas, v->at, VICTIM_SIZE, iova);
	if (rc) {
		/* it never was mapped */
		memset(v->at, RETIRED, VICTIM_SIZE);
		v->state = GONE;
		goto out_close;
	}
	rc = engine(c, d, &edu);
	if (!rc) {
		rc = push(&edu, iova + offset, length);
		if (!rc && wait) {
			wait_done(&edu);
			if ((unsigned char)v->at[offset] != FRESH)
				dma_arrived++;
			if (again && !push(&edu, iova + offset, length))
				wait = false;
		} else if (!rc) {
			usleep(delay);
		}
		munmap((void *)edu.bar, PAGE);
	}
	end = ioas_unmap(fd, ioas, iova, VICTIM_SIZE, &unmapped);
	if (!end && unmapped == VICTIM_SIZE) {
		if (!rc && !wait)
			dma_cut_off++;
		memset(v->at, RETIRED, VICTIM_SIZE);
		v->state = GONE;
	} else {
		v->state = LOST;
	}
out_close:
	close(fd);
out_unlock:
	pthread_mutex_unlock(&engine_lock[d]);
	errno = -rc;
	return told(c, rc ? -1 : 0);
}

const struct fuzz_call dma_calls[] = {
	{ "DMA to anywhere", 8, push_anywhere, true, false },
	{ "DMA, and the mapping goes", 20, push_and_unmap, true, false },
	{ NULL, 0, NULL, false, false },
};
