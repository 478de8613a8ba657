// SPDX-License-Identifier: GPL-2.0
/*
 * One area becomes two that show the same, for VFIO type 1, whose programs unmap parts of what they
 * mapped. No domain notices: this takes an address space that maps page by page.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "io_pagetable.h"

/* The area below the cut stays what it was, but for its end. Locks held as by iopt_cut_iova(). */
static int area_cut(struct iopt_area *area, unsigned long iova)
{
	struct io_pagetable *iopt = area->iopt;
	unsigned long start_byte = iopt_area_start_byte(area, iova + 1);
	struct iopt_area *upper;
	int rc;

	/* pairs with the release in areas_publish() */
	if (smp_load_acquire(&area->busy) || area->no_access)
		return -EBUSY;
	/* large pages cannot be cut, nor can the pins of an access */
	if (offset_in_page((iova + 1) | start_byte) || !iopt->disable_large_pages ||
	    atomic_read(&area->num_accesses))
		return -EINVAL;

	upper = kzalloc(sizeof(*upper), GFP_KERNEL_ACCOUNT);
	if (!upper)
		return -ENOMEM;
	rc = iopt_pages_cut(area->pages, start_byte / PAGE_SIZE);
	if (rc) {
		kfree(upper);
		return rc;
	}
	iopt_get_pages(area->pages);
	upper->pages = area->pages;
	upper->index = start_byte / PAGE_SIZE;
	upper->start = iova + 1;
	upper->last = area->last;
	upper->prot = area->prot;
	/* both are users of the segments they cover, of which none covers pages of both */
	upper->pinned = area->pinned;

	iopt_area_remove(iopt, area);
	area->last = iova;
	iopt_area_insert(iopt, area);
	iopt_area_insert(iopt, upper);
	return 0;
}

/* Cut whatever has addresses on both sides of the end of @iova, if anything has */
static int cut_after(struct io_pagetable *iopt, unsigned long iova)
{
	struct iopt_area *area = iopt_area_first(iopt, iova, iova);

	/* its first byte alone cannot be cut off, and an unmap of it says so itself */
	if (!area || area->last == iova || area->start == iova)
		return 0;
	return area_cut(area, iova);
}

/**
 * iopt_cut_iova() - Make sure that no area lies both in a range and outside of it
 * @iopt: the address space, with large pages disabled
 * @start: of the range
 * @last: of the range
 *
 * Return: 0; EINVAL a cut would go through a page, or what an access has pinned, or large pages are not
 * disabled; EBUSY another call works on the area; ENOMEM.
 */
int iopt_cut_iova(struct io_pagetable *iopt, unsigned long start, unsigned long last)
{
	int rc;

	down_read(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	rc = cut_after(iopt, last);
	if (!rc && start)
		rc = cut_after(iopt, start - 1);
	up_write(&iopt->iova_rwsem);
	up_read(&iopt->domains_rwsem);
	return rc;
}
