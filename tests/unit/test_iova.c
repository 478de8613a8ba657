// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of I/O addresses: each function against a model that is too simple to be wrong, which
 * tries every address of a small space, or counts with 128 bits.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kmod/core/iova.h"

#define SPACE 64 /* addresses of the model */

static uint32_t rng_state;

static uint32_t rng(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 17;
	rng_state ^= rng_state << 5;
	return rng_state % below;
}

/* The model: one flag for each address */
static void model_set(bool *used, unsigned long start, unsigned long last)
{
	for (unsigned long i = start; i <= last; i++)
		used[i] = true;
}

static bool model_free(const bool *used, unsigned long start, unsigned long length)
{
	for (unsigned long i = start; i < start + length; i++)
		if (used[i])
			return false;
	return true;
}

/* Disjoint, ascending, not touching ranges of the space; returns how many */
static size_t random_ranges(struct iova_range *ranges, size_t max, bool *used)
{
	unsigned long at = rng(8);
	size_t nr = 0;

	while (nr < max && at < SPACE) {
		unsigned long last = at + rng(6);

		if (last >= SPACE)
			last = SPACE - 1;
		ranges[nr].start = at;
		ranges[nr++].last = last;
		model_set(used, at, last);
		at = last + 2 + rng(8);
	}
	return nr;
}

/* Areas as the kernel's tree gives them: the first hole of that size, from an address on */
struct areas {
	struct iova_range ranges[SPACE];
	size_t nr;
};

static bool next_hole(const void *data, unsigned long from, unsigned long length,
		      unsigned long *start, unsigned long *last)
{
	const struct areas *areas = data;

	*start = from;
	while (iova_ranges_hole(areas->ranges, areas->nr, start, last)) {
		if (*last - *start >= length - 1)
			return true;
		if (*last == ULONG_MAX)
			return false;
		*start = *last + 1;
	}
	return false;
}

Test(iova, last_address)
{
	unsigned long last;

	cr_assert(iova_range_last(0, 1, &last) && last == 0);
	cr_assert(iova_range_last(4096, 4096, &last) && last == 8191);
	cr_assert(iova_range_last(ULONG_MAX, 1, &last) && last == ULONG_MAX);
	cr_assert(iova_range_last(0, ULONG_MAX, &last) && last == ULONG_MAX - 1);
	cr_assert(iova_range_last(1, ULONG_MAX, &last) && last == ULONG_MAX);
	cr_assert_not(iova_range_last(2, ULONG_MAX, &last));
	cr_assert_not(iova_range_last(ULONG_MAX, 2, &last));
	cr_assert_not(iova_range_last(0, 0, &last));
	cr_assert_not(iova_range_last(ULONG_MAX, 0, &last));
}

Test(iova, overlap_and_find_agree_with_the_model)
{
	rng_state = 1;
	for (int round = 0; round < 20000; round++) {
		struct iova_range ranges[SPACE];
		bool used[SPACE] = { false };
		size_t nr = random_ranges(ranges, 8, used);
		unsigned long start = rng(SPACE), last = start + rng(SPACE - start);

		cr_assert_eq(iova_ranges_overlap(ranges, nr, start, last),
			     !model_free(used, start, last - start + 1));
	}
}

Test(iova, no_range_overlaps_nothing)
{
	cr_assert_not(iova_ranges_overlap(NULL, 0, 0, ULONG_MAX));
}

Test(iova, merge_keeps_every_address_and_leaves_gaps)
{
	rng_state = 2;
	for (int round = 0; round < 20000; round++) {
		bool used[SPACE] = { false }, merged[SPACE] = { false };
		struct iova_range ranges[8];
		size_t nr = rng(9), i, j;

		for (i = 0; i < nr; i++) {
			ranges[i].start = rng(SPACE);
			ranges[i].last = ranges[i].start + rng(SPACE - ranges[i].start);
			model_set(used, ranges[i].start, ranges[i].last);
		}
		for (i = 1; i < nr; i++)
			for (j = i; j && ranges[j].start < ranges[j - 1].start; j--) {
				struct iova_range tmp = ranges[j];

				ranges[j] = ranges[j - 1];
				ranges[j - 1] = tmp;
			}
		nr = iova_ranges_merge(ranges, nr);
		for (i = 0; i < nr; i++) {
			model_set(merged, ranges[i].start, ranges[i].last);
			cr_assert(!i || ranges[i].start > ranges[i - 1].last + 1);
		}
		cr_assert_eq(memcmp(used, merged, sizeof(used)), 0);
	}
}

Test(iova, merge_at_the_top)
{
	struct iova_range ranges[] = {
		{ ULONG_MAX - 9, ULONG_MAX }, { ULONG_MAX - 5, ULONG_MAX - 3 }, { ULONG_MAX, ULONG_MAX },
	};

	cr_assert_eq(iova_ranges_merge(ranges, 3), 1);
	cr_assert_eq(ranges[0].start, ULONG_MAX - 9);
	cr_assert_eq(ranges[0].last, ULONG_MAX);
}

Test(iova, holes_are_what_the_ranges_leave)
{
	rng_state = 3;
	for (int round = 0; round < 20000; round++) {
		bool used[SPACE] = { false }, in_hole[SPACE] = { false };
		struct iova_range ranges[SPACE];
		size_t nr = random_ranges(ranges, 8, used);
		unsigned long start = 0, last;

		while (iova_ranges_hole(ranges, nr, &start, &last)) {
			cr_assert(!start || start >= SPACE || used[start - 1]);
			model_set(in_hole, start, last < SPACE ? last : SPACE - 1);
			if (last == ULONG_MAX)
				break;
			start = last + 1;
		}
		for (int i = 0; i < SPACE; i++)
			cr_assert_eq(in_hole[i], !used[i]);
	}
}

Test(iova, no_hole_when_all_is_covered)
{
	struct iova_range all = { 0, ULONG_MAX }, top = { 10, ULONG_MAX };
	unsigned long start = 0, last;

	cr_assert_not(iova_ranges_hole(&all, 1, &start, &last));
	start = 0;
	cr_assert(iova_ranges_hole(&top, 1, &start, &last) && start == 0 && last == 9);
	start = 10;
	cr_assert_not(iova_ranges_hole(&top, 1, &start, &last));
}

static unsigned long roundup_pow2(unsigned long n)
{
	unsigned long p = 1;

	while (p < n)
		p *= 2;
	return p;
}

Test(iova, alignment_is_the_memorys_the_ranges_or_a_huge_pages)
{
	rng_state = 4;
	for (int round = 0; round < 20000; round++) {
		unsigned long addr = (unsigned long)rng(1 << 20) << rng(30);
		unsigned long length = rng(2) ? 1UL << rng(50) :
			1 + ((unsigned long)rng(1 << 20) << rng(30));
		unsigned long want = roundup_pow2(length);

		if (addr && (addr & -addr) < want)
			want = addr & -addr;
		if (want > 1 << 21)
			want = 1 << 21;
		cr_assert_eq(iova_fit_alignment(addr, length, 1 << 21), want);
	}
}

Test(iova, fit_near_the_top_does_not_wrap)
{
	struct iova_fit fit = { .length = 4096, .alignment = 1 << 21 };
	unsigned long start = ULONG_MAX - 4096;

	cr_assert_not(iova_fit_in(&fit, &start, ULONG_MAX));
	cr_assert_eq(start, ULONG_MAX - 4096, "a failed fit moves nothing");
	fit.alignment = 4096;
	start = ULONG_MAX - 4095;
	cr_assert(iova_fit_in(&fit, &start, ULONG_MAX));
	cr_assert_eq(start, ULONG_MAX - 4095);
	fit.length = 4097;
	cr_assert_not(iova_fit_in(&fit, &start, ULONG_MAX));
}

/* The lowest address the model would choose, or SPACE for none */
static unsigned long model_search(const struct iova_fit *fit, const struct iova_range *bounds,
				  const bool *used)
{
	for (unsigned long at = bounds->start; at <= bounds->last; at++) {
		unsigned long base = at & ~(fit->alignment - 1);

		/* base | page_offset, for an aligned base that is not below the bounds */
		if ((base | fit->page_offset) != at || (at & ~fit->page_offset) % fit->alignment)
			continue;
		if (bounds->last - at < fit->length - 1)
			break;
		if (model_free(used, at, fit->length))
			return at;
	}
	return SPACE;
}

Test(iova, search_finds_the_lowest_place)
{
	unsigned int found = 0;

	rng_state = 5;
	for (int round = 0; round < 100000; round++) {
		bool used[SPACE] = { false };
		struct iova_range reserved[SPACE];
		size_t nr_reserved = random_ranges(reserved, rng(5), used);
		struct areas areas;
		struct iova_range bounds;
		struct iova_fit fit = {
			.length = 1 + rng(12),
			.alignment = 1UL << rng(4),
		};
		unsigned long iova = SPACE, want;

		areas.nr = random_ranges(areas.ranges, rng(9), used);
		bounds.start = rng(SPACE);
		bounds.last = bounds.start + rng(SPACE - bounds.start);
		want = model_search(&fit, &bounds, used);
		if (iova_fit_search(&fit, &bounds, reserved, nr_reserved, next_hole, &areas, &iova))
			found++;
		else
			iova = SPACE;
		cr_assert_eq(iova, want, "round %d: %lu, not %lu", round, iova, want);
	}
	/* neither always nor never, or this would prove little */
	cr_assert(found > 20000 && found < 90000, "%u", found);
}

Test(iova, search_keeps_the_offset_in_the_page)
{
	struct areas areas = { .nr = 0 };
	struct iova_range bounds = { 4096, ULONG_MAX - 4096 };
	struct iova_fit fit = { .length = 2048, .alignment = 2048, .page_offset = 2048 };
	unsigned long iova;

	cr_assert(iova_fit_search(&fit, &bounds, NULL, 0, next_hole, &areas, &iova));
	cr_assert_eq(iova, 4096 + 2048);
	areas.ranges[0] = (struct iova_range){ 4096, 4096 + 2048 };
	areas.nr = 1;
	cr_assert(iova_fit_search(&fit, &bounds, NULL, 0, next_hole, &areas, &iova));
	cr_assert_eq(iova % 4096, 2048);
}

Test(iova, search_ends_at_the_top)
{
	struct areas areas = { .ranges = { { 0, ULONG_MAX - 8192 } }, .nr = 1 };
	struct iova_range bounds = { 4096, ULONG_MAX - 4096 };
	struct iova_range reserved = { ULONG_MAX - 8000, ULONG_MAX };
	struct iova_fit fit = { .length = 4096, .alignment = 1 };
	unsigned long iova;

	cr_assert(iova_fit_search(&fit, &bounds, NULL, 0, next_hole, &areas, &iova));
	cr_assert_eq(iova, ULONG_MAX - 8191);
	cr_assert_not(iova_fit_search(&fit, &bounds, &reserved, 1, next_hole, &areas, &iova));
	areas.ranges[0].last = ULONG_MAX;
	cr_assert_not(iova_fit_search(&fit, &bounds, NULL, 0, next_hole, &areas, &iova));
}
