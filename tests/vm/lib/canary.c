// SPDX-License-Identifier: GPL-2.0
/*
 * Words that tell whose memory it is, and a bystander who takes what others free.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "canary.h"
#include "vm.h"

#define LOT 64 /* pages */
#define NR_LOTS 48
#define REST_MS 500

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void canary_fill(uint64_t *mem, size_t pages, uint64_t word)
{
	for (size_t i = 0; i < pages * PAGE / 8; i++)
		mem[i] = word;
}

bool canary_is_full_of(const uint64_t *mem, size_t pages, uint64_t word, bool *zero, const char *what)
{
	for (size_t i = 0; i < pages * PAGE / 8; i++) {
		uint64_t got = *(volatile const uint64_t *)&mem[i];

		if (got == word)
			continue;
		if (zero && !got) {
			*zero = true;
			continue;
		}
		if (what)
			note("%s: word %zu of %zu pages is %#llx, not %#llx", what, i, pages,
			     (unsigned long long)got, (unsigned long long)word);
		return false;
	}
	return true;
}

int canary_pagemap(void)
{
	return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

/*
 * The mark of a page's frame, NULL if it has none: bits 0 to 54 of its entry are the frame's number where bit 63
 * says that it is in memory (Documentation/admin-guide/mm/pagemap.rst)
 */
static atomic_uchar *mark_of(struct canary_bystander *state, int pagemap, const uint64_t *page)
{
	uint64_t entry, frame;

	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / PAGE * sizeof(entry)) != sizeof(entry) ||
	    !(entry >> 63))
		return NULL;
	frame = entry & ((1ULL << 55) - 1);
	return frame && frame < sizeof(state->marked) ? &state->marked[frame] : NULL;
}

void canary_mark(struct canary_bystander *state, int pagemap, const uint64_t *mem, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		atomic_uchar *mark = mark_of(state, pagemap, mem + i * PAGE / 8);

		if (mark)
			*mark = 1;
	}
}

/* How many of them were in a device's reach since they were last asked about */
static unsigned int marked(struct canary_bystander *state, int pagemap, const uint64_t *mem, size_t pages)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < pages; i++) {
		atomic_uchar *mark = mark_of(state, pagemap, mem + i * PAGE / 8);

		nr += mark && atomic_exchange(mark, 0);
	}
	return nr;
}

void canary_bystand(struct canary_bystander *state)
{
	struct {
		uint64_t *mem, since;
	} lot[NR_LOTS] = {};
	int pagemap = canary_pagemap();
	bool stop = false;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0, left = NR_LOTS; left; i = (i + 1) % NR_LOTS, left -= stop) {
		stop = stop || state->stop;
		/* the new ones before the old are free again: they are to be others' */
		uint64_t *new = mmap(NULL, LOT * PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (new == MAP_FAILED)
			_exit(1);
		madvise(new, LOT * PAGE, MADV_NOHUGEPAGE);
		canary_fill(new, LOT, OTHERS);
		state->reused += marked(state, pagemap, new, LOT);
		if (lot[i].mem) {
			while (now_ms() < lot[i].since + REST_MS)
				usleep(5000);
			state->looked++;
			if (!canary_is_full_of(lot[i].mem, LOT, OTHERS, NULL, "a bystander's pages"))
				state->changed++;
			munmap(lot[i].mem, LOT * PAGE);
		}
		lot[i].mem = new;
		lot[i].since = now_ms();
		usleep(5000);
	}
	_exit(0);
}
