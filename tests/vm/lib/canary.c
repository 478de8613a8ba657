// SPDX-License-Identifier: GPL-2.0
/*
 * Words that tell whose memory it is, and a bystander who takes what others free.
 */
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

void canary_bystand(struct canary_bystander *state)
{
	struct {
		uint64_t *mem, since;
	} lot[NR_LOTS] = {};
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
