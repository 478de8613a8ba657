/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Arithmetic on ranges of I/O addresses: overlap, alignment, the search for a free place. Pure
 * functions without locks, allocations or knowledge of what a range stands for; unit tests include
 * this file.
 *
 * A range is (start, last), both inclusive, so that one that ends at the last address has no
 * overflow.
 */
#ifndef IOMMUFD_IOVA_H
#define IOMMUFD_IOVA_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#endif

struct iova_range {
	unsigned long start;
	unsigned long last;
};

/* The last address of @length bytes from @start. Return: false if there are none, or they wrap. */
static inline bool iova_range_last(unsigned long start, unsigned long length, unsigned long *last)
{
	if (!length || start > ULONG_MAX - (length - 1))
		return false;
	*last = start + (length - 1);
	return true;
}

/**
 * iova_ranges_find() - The first range that does not lie wholly below an address
 * @ranges: disjoint and in ascending order
 * @nr: how many
 * @start: the address
 *
 * Return: an index; @nr if every range ends before @start.
 */
static inline size_t iova_ranges_find(const struct iova_range *ranges, size_t nr,
				      unsigned long start)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges[middle].last < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether any of the ranges, as iova_ranges_find() takes them, has an address in [start, last] */
static inline bool iova_ranges_overlap(const struct iova_range *ranges, size_t nr,
				       unsigned long start, unsigned long last)
{
	size_t i = iova_ranges_find(ranges, nr, start);

	return i < nr && ranges[i].start <= last;
}

/**
 * iova_ranges_merge() - Make ranges disjoint by joining those that overlap or touch
 * @ranges: in ascending order of their starts; changed in place
 * @nr: how many
 *
 * Return: how many are left.
 */
static inline size_t iova_ranges_merge(struct iova_range *ranges, size_t nr)
{
	size_t out = 0, i;

	for (i = 1; i < nr; i++) {
		struct iova_range *prev = &ranges[out];

		if (prev->last == ULONG_MAX || ranges[i].start <= prev->last + 1) {
			if (ranges[i].last > prev->last)
				prev->last = ranges[i].last;
		} else {
			ranges[++out] = ranges[i];
		}
	}
	return nr ? out + 1 : 0;
}

/**
 * iova_ranges_hole() - The first hole between ranges at or after an address
 * @ranges: disjoint and in ascending order
 * @nr: how many
 * @from: where to start; changed to where the hole starts
 * @last: out, where it ends
 *
 * Return: false if everything from @from on is covered.
 */
static inline bool iova_ranges_hole(const struct iova_range *ranges, size_t nr,
				    unsigned long *from, unsigned long *last)
{
	size_t i = iova_ranges_find(ranges, nr, *from);

	for (; i < nr && ranges[i].start <= *from; i++) {
		if (ranges[i].last == ULONG_MAX)
			return false;
		*from = ranges[i].last + 1;
	}
	*last = i < nr ? ranges[i].start - 1 : ULONG_MAX;
	return true;
}

/* What an automatically placed range must satisfy; alignment is a power of two */
struct iova_fit {
	unsigned long length;
	unsigned long alignment;
	unsigned long page_offset; /* bits to set below the size of a page, as the memory has them */
};

/**
 * iova_fit_alignment() - How an automatically placed range is aligned
 * @addr: the address of the memory
 * @length: of the range, neither 0 nor above half of the address space
 * @max: upper bound, the size of a huge page
 *
 * As the memory is aligned, so that pages that are huge there can be huge in the I/O page table,
 * but not more than the range can use.
 *
 * Return: a power of two, at most @max.
 */
static inline unsigned long iova_fit_alignment(unsigned long addr, unsigned long length,
					       unsigned long max)
{
	unsigned long alignment = addr ? addr & -addr : max;

	if (alignment > max)
		alignment = max;
	/* halve it while half is enough for the whole range */
	while (alignment > 1 && alignment / 2 >= length)
		alignment /= 2;
	return alignment;
}

/**
 * iova_fit_in() - Place a range in a hole
 * @fit: what it must satisfy
 * @start: where the hole starts; changed to where the range starts
 * @last: where the hole ends
 *
 * Return: false if it does not fit.
 */
static inline bool iova_fit_in(const struct iova_fit *fit, unsigned long *start, unsigned long last)
{
	unsigned long mask = fit->alignment - 1;
	unsigned long aligned;

	if (*start > ULONG_MAX - mask)
		return false;
	aligned = ((*start + mask) & ~mask) | fit->page_offset;
	if (aligned > last || last - aligned < fit->length - 1)
		return false;
	*start = aligned;
	return true;
}

/*
 * The next hole among the areas: the first that contains @length free addresses at or after @from.
 * Sets @start, not below @from, and @last. Return: false if there is none.
 */
typedef bool (*iova_next_hole_fn)(const void *areas, unsigned long from, unsigned long length,
				  unsigned long *start, unsigned long *last);

/**
 * iova_fit_search() - The lowest free place for a range
 * @fit: what it must satisfy
 * @bounds: where it may lie
 * @reserved: where it must not lie; disjoint and in ascending order
 * @nr_reserved: how many
 * @next_hole: enumerates what the areas leave free
 * @areas: passed to @next_hole
 * @iova: out, the start
 *
 * Return: false if it fits nowhere.
 */
static inline bool iova_fit_search(const struct iova_fit *fit, const struct iova_range *bounds,
				   const struct iova_range *reserved, size_t nr_reserved,
				   iova_next_hole_fn next_hole, const void *areas,
				   unsigned long *iova)
{
	unsigned long from = bounds->start;
	unsigned long start, last;

	while (next_hole(areas, from, fit->length, &start, &last)) {
		size_t i;

		if (start > bounds->last)
			return false;
		if (last > bounds->last)
			last = bounds->last;
		from = start;
		i = iova_ranges_find(reserved, nr_reserved, start);
		/* walk through what the reserved ranges leave of this hole */
		for (;;) {
			unsigned long piece_last = last;

			if (i < nr_reserved && reserved[i].start <= piece_last) {
				if (reserved[i].start <= from) {
					if (reserved[i].last >= last)
						break;
					from = reserved[i++].last + 1;
					continue;
				}
				piece_last = reserved[i].start - 1;
			}
			start = from;
			if (iova_fit_in(fit, &start, piece_last)) {
				*iova = start;
				return true;
			}
			if (piece_last == last)
				break;
			from = piece_last + 1;
		}
		if (last == ULONG_MAX)
			return false;
		from = last + 1;
		if (from > bounds->last)
			return false;
	}
	return false;
}

#endif
