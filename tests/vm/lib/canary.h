/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that tells who wrote to it: each owner fills his pages with a word of his own, and looks later
 * whether another is there. Devices in these tests write zeros.
 */
#ifndef VM_CANARY_H
#define VM_CANARY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL

#define LIVE 0x1111111111111111ULL   /* in a buffer that a device may reach */
#define AFTER 0xa5a5a5a5a5a5a5a5ULL  /* in the same buffer later */
#define BESIDE 0xbebebebebebebebeULL /* in the pages before and after it */
#define OTHERS 0x5a5a5a5a5a5a5a5aULL /* in a bystander's */

uint64_t now_ms(void);

void canary_fill(uint64_t *mem, size_t pages, uint64_t word);
/*
 * Whether there is nothing but one word. Zeros are allowed where zero is not NULL; it becomes true if there
 * are any. Prints what is wrong in `what`, unless that is NULL.
 */
bool canary_is_full_of(const uint64_t *mem, size_t pages, uint64_t word, bool *zero, const char *what);

/* Shared with the process that runs canary_bystand() */
struct canary_bystander {
	atomic_bool stop;              /* look at everything once more, and end */
	atomic_ulong looked, changed;  /* lots of pages */
	atomic_ulong reused;           /* pages that were in a device's reach before, see canary_mark() */
	atomic_uchar marked[1 << 20];  /* by page frame; all of a guest's memory */
};

/*
 * A process's own view of where its pages are, to be opened as root: who may see the numbers is decided then.
 * -1 if it cannot be had.
 */
int canary_pagemap(void);

/* These pages are in a device's reach: whoever gets one of them after their owner is a witness. */
void canary_mark(struct canary_bystander *state, int pagemap, const uint64_t *mem, size_t pages);

/*
 * Somebody with no device: takes pages that others free, a few at a time, and looks at each again half a
 * second later, when transfers that were under way are over. What changes there was freed while a device
 * could still reach it. Ends the process.
 */
void canary_bystand(struct canary_bystander *state) __attribute__((noreturn));

#endif
