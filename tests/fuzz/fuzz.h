/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the fuzzer: what a call is (calls_*.c), how its values are drawn and its struct is
 * placed (draw.c, place.c), the objects all threads share (pool.c), the DMA engines and the memory
 * that must not change (dma.c), and the run of threads with its figures (engine.c).
 *
 * What a thread does is a function of the seed, its number and the number of the call, never of
 * what a call answered: a call draws which slots of the pool it speaks of, and only the ids and fds
 * in them come from the kernel. So a seed gives each thread the same sequence of calls every time.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"
#include "mock.h"

#define PAGE 4096UL
#define MIB (1024 * 1024UL)

/* --- one call (draw.c) ---------------------------------------------------------------------------- */

/* Belongs to the thread that makes it */
struct call {
	unsigned int thread;
	uint64_t number;
	uint64_t state;    /* of what is drawn next */
	bool child;        /* made by a forked child, in a copy of the pool */
	char text[512];    /* what a replay prints: filled while the call is made */
	size_t length;
};

void call_begin(struct call *c, uint64_t seed, unsigned int thread, uint64_t number);
uint64_t draw64(struct call *c);
uint32_t draw(struct call *c, uint32_t below);
bool chance(struct call *c, unsigned int percent);
/* Values at which something begins or ends */
uint64_t boundary(struct call *c);
/* Add to the text of a replay */
void say(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern bool fuzz_print;

/* --- structs in memory (place.c) -------------------------------------------------------------------- */

/*
 * Everything the kernel may write to stands where no other memory is one turned bit, or one word at a
 * boundary, away: a bent pointer must not hit the fuzzer itself, or what must not change.
 */
#define SCRATCH_AT 0x100000000000UL
#define MEMORY_AT  0x200000000000UL
#define CANARY_AT  0x5a5a5a400000UL
#define VICTIM_AT  0x3c3c3c400000UL

#define ARG_ROOM 512 /* more than any struct */

/* Memory for the arguments of one thread, and what another thread may change in it meanwhile */
struct scratch {
	char *rw;                    /* two pages, nothing behind them */
	char *ro;                    /* the same two, not to be written */
	char *huge;                  /* in a huge page */
	_Atomic(uint32_t *) racing;  /* a word to be changed while the call runs */
	_Atomic uint32_t race_mask;
};

/* For a thread by its number. -ENOMEM */
int scratch_init(struct scratch *scratch, unsigned int number);
void scratch_end(struct scratch *scratch);
extern __thread struct scratch *scratch;

/*
 * An ioctl with a struct: sometimes bent, sometimes where it cannot be read or written. What it
 * answers is in @arg afterwards. Returns what the call does, or a negative errno.
 */
int struct_call(struct call *c, int fd, unsigned long request, void *arg, size_t size);
/* The same, as it is and where it can be used: for what later checks rely on */
int exact_call(struct call *c, int fd, unsigned long request, void *arg, size_t size);
/* Any other result: rc or -errno, told to a replay */
int told(struct call *c, long rc);
/* A pointer for data of a call: usable, or unmapped, not writable, NULL, the kernel's */
void *data_place(struct call *c, size_t size);

/* Where a SIGBUS or SIGSEGV of this thread goes while touching is set */
extern __thread sigjmp_buf touch_env;
extern __thread bool touching;

/* --- what all threads share (pool.c) ---------------------------------------------------------------- */

#define NR_CTX 4
#define NR_IDS 8
#define NR_FDS 3
#define NR_DEV 5
#define NR_DUP 8

enum kind { K_IOAS, K_HWPT, K_NESTED, K_FAULT, K_DEVICE, K_MOCK, NR_KINDS };

/* A slot is written by whoever has something newer for it; races about it are wanted */
struct context {
	atomic_int fd;
	atomic_uint id[NR_KINDS][NR_IDS];
	atomic_uint ioas_of[NR_IDS];    /* K_HWPT: the IOAS it was made of */
	atomic_int fault_fd[NR_FDS];
	atomic_int access_fd[NR_FDS];
	atomic_uint pin[NR_FDS];        /* the last pages pinned through access_fd */
};

struct device {
	const char *address;
	bool edu;
	atomic_int fd;
	atomic_int ctx;                 /* the slot of the context it was bound to last */
	atomic_uint ioas;               /* the IOAS it was attached to last, 0 unknown */
	_Atomic uintptr_t bar;          /* the last mapping of a BAR, see bar_at() */
};

extern struct context contexts[NR_CTX];
extern struct device devices[NR_DEV];
extern atomic_int dups[NR_DUP], eventfds[4];

/* A context's slot */
unsigned int some_ctx(struct call *c);
/* The one whose objects a device is meant for */
unsigned int usual_ctx(unsigned int device);
int ctx_fd(struct call *c, unsigned int ctx);
int dev_fd(struct call *c, unsigned int device);
/* An id, mostly of that kind in that context, sometimes any other number */
uint32_t some_id(struct call *c, unsigned int ctx, enum kind kind);
/* IOAS or HWPT */
uint32_t some_pt(struct call *c, unsigned int ctx);
void learn_id(struct call *c, unsigned int ctx, enum kind kind, uint32_t id);
void forget_id(unsigned int ctx, uint32_t id);
/* Put an fd into a slot, closing the one that was there */
void put_fd(atomic_int *slot, int fd);

/* Memory of the process that is mapped, and addresses for it */
int memory_init(void);
void memory_end(void);
void *some_memory(struct call *c, size_t *length);
uint64_t some_iova(struct call *c);
uint64_t some_length(struct call *c);

/* The address of device.bar, and a new one for it; the old one is unmapped */
void *bar_at(uintptr_t bar);
void put_bar(unsigned int device, void *at, unsigned int pages);

int pool_init(void);
/* A new context for a slot, with objects of every kind but PCI devices */
void ctx_fill(struct call *c, unsigned int ctx, int fd);
/* Begin with objects of every kind, so that calls reach further than the first look-up */
void pool_fill(struct call *c);
void pool_end(void);

/* --- DMA, and memory that must stay (dma.c) ------------------------------------------------------------ */

int dma_init(void);
/* Look at everything that must not have changed; false once it has */
bool dma_look(void);
void dma_end(void);
extern atomic_ulong dma_arrived, dma_cut_off, dma_pushes;

/* --- calls ------------------------------------------------------------------------------------------- */

struct fuzz_call {
	const char *name;
	unsigned int weight;
	/* what it returned, or a negative errno; -ENOEXEC: there was nothing to call */
	int (*make)(struct call *c);
	bool parent_only; /* not for forked children */
	bool optional;    /* need not ever succeed */
};

/* Have software devices of a context ask for pages, so that there is something to read and answer */
void ask_for_page(struct call *c, unsigned int ctx);

extern const struct fuzz_call iommu_calls[], container_calls[], mock_calls[], device_calls[],
	region_calls[], memory_calls[], dma_calls[];

/* --- the run (engine.c) -------------------------------------------------------------------------------- */

struct fuzz_options {
	uint64_t seed;
	unsigned int threads;
	unsigned long calls;   /* by all threads together */
	bool print;            /* each call, as it is made */
	bool faults;           /* let calls fail in their midst, where the kernel can */
};

/* One run: false if something that must hold did not. Prints no result line. */
bool fuzz_run(const struct fuzz_options *options, unsigned long *made);
/* Whether this kernel can let calls fail, and in how many it did in all runs so far */
bool fuzz_can_fault(void);
extern unsigned long fuzz_faulted;
/* A sum of all that was drawn in the last run */
extern uint64_t fuzz_drawn;
/* How many kinds of calls never succeeded in all runs so far, of those that should */
unsigned int fuzz_never_ok(void);
/* Print what became of each call in all runs */
void fuzz_figures(void);
/* Make one call as a child does */
void fuzz_child_call(struct call *c);

#endif
