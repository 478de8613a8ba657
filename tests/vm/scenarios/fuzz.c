// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer of tests/fuzz, with a few seeds that are always the same. Parameters come by the
 * environment, which the kernel's command line gives: tests/fuzz/README.md.
 *
 * vm: about=random calls of all kinds on /dev/iommu and device fds by several threads, in DMA
 * vm: append=iommufd_lsm.default_verdict=allow
 * vm: append=hugepages=8
 * vm: timeout=240
 * a fault whose page is one of the allocations that fail
 * vm: expect=Huh VM_FAULT_OOM leaked out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vm.h"
#include "../../fuzz/fuzz.h"

#define ENOUGH 20000 /* calls, to expect that each has succeeded */
#define REPLAYED 500 /* calls */
#define MORE_SEEDS 6 /* where chance would have it otherwise */

static unsigned long parameter(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 0) : otherwise;
}

/* Whether enough has happened that what must not happen could have */
static bool has_reached(void)
{
	return !fuzz_never_ok() && dma_arrived && dma_cut_off && dma_pushes;
}

/* A seed is worth to be told only if it makes the same calls again */
static void replay(struct fuzz_options options)
{
	static const uint64_t seeds[] = { 1, 1, 2 };
	uint64_t drawn[3];
	unsigned long made;

	options.threads = 1;
	options.calls = REPLAYED;
	for (int i = 0; i < 3; i++) {
		options.seed = seeds[i];
		CHECK(fuzz_run(&options, &made), "replay: seed %lu", (unsigned long)seeds[i]);
		drawn[i] = fuzz_drawn;
	}
	CHECK(drawn[0] == drawn[1], "replay: a seed draws the same again");
	CHECK(drawn[0] != drawn[2], "replay: another one does not");
}

int main(void)
{
	unsigned long seed = parameter("FUZZ_SEED", 1), seeds = parameter("FUZZ_SEEDS", 2), all = 0, n;
	struct fuzz_options options = {
		.threads = parameter("FUZZ_THREADS", 6),
		.calls = parameter("FUZZ_CALLS", 10000),
		.print = parameter("FUZZ_PRINT", 0),
		.faults = parameter("FUZZ_FAULTS", 1),
	};
	time_t begin = time(NULL), limit = parameter("FUZZ_SECONDS", 0);
	int d;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* software devices that come and go are news to the log, hundreds of times */
	run_shell("dmesg -n 5");
	if (vm_slowness() > 1)
		REQUIRE(fuzz_can_fault(), "the kernel with checkers lets calls fail");
	REQUIRE_RC(run_shell("modprobe iommufd_mock"), 0, "the software IOMMU");
	for (d = 0; d < NR_DEV; d++)
		REQUIRE_RC(pci_bind(devices[d].address, VM_DRIVER), 0, "our driver has %s",
			   devices[d].address);
	if (!options.print)
		replay(options);
	for (n = 0; n < seeds + MORE_SEEDS && (!limit || time(NULL) - begin < limit); n++) {
		unsigned long made = 0;
		bool good;

		if (n >= seeds && (all < ENOUGH || has_reached()))
			break;
		options.seed = seed + n;
		good = fuzz_run(&options, &made);
		if (!CHECK(good, "S14 S15 seed %lu, %lu calls by %u threads: nothing changes, stays or is pinned after its end",
			   seed + n, made, options.threads))
			break;
		all += made;
	}
	note("fuzz: calls=%lu seeds=%lu seconds=%ld faults=%lu arrived=%lu cut-off=%lu anywhere=%lu", all, n,
	     (long)(time(NULL) - begin), fuzz_faulted, (unsigned long)dma_arrived, (unsigned long)dma_cut_off,
	     (unsigned long)dma_pushes);
	fuzz_figures();
	if (all < ENOUGH) {
		note("too few calls to expect each to have succeeded");
		return checks_done();
	}
	CHECK_EQ(fuzz_never_ok(), 0, "control: every call has succeeded sometimes");
	CHECK(dma_arrived && dma_cut_off && dma_pushes, "control: engines did write");
	if (options.faults && fuzz_can_fault())
		CHECK(fuzz_faulted > all / 50, "control: something failed in %lu calls", fuzz_faulted);
	return checks_done();
}
