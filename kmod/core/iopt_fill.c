// SPDX-License-Identifier: GPL-2.0
/*
 * One area into one domain, and out of it. Which areas and which domains, and when their pages are
 * pinned, is decided in io_pagetable.c.
 *
 * Where the IOMMU caches absent entries too (VT-d's caching mode, so every virtual IOMMU), each
 * iommu_map() costs an invalidation. Runs of pages that are not contiguous therefore go together,
 * as a scatterlist; there is no other call in the IOMMU API that maps several runs and syncs once.
 */
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"

#define GATHER_MAX SZ_1G

/* What has been collected and not mapped yet, all of it contiguous in I/O addresses */
struct fill {
	struct iommu_domain *domain;
	unsigned long iova;                     /* of the first entry of the list, or of phys */
	int prot;
	bool small_pages;                       /* one call for each page: nothing may be merged */
	phys_addr_t phys;                       /* the last run, which the next may extend */
	unsigned long length;                   /* of that run */
	struct scatterlist *list;               /* the runs before it */
	unsigned int capacity;
	bool list_ready;
	unsigned int nr;
	unsigned long list_length;
};

static int map_run(struct fill *fill, phys_addr_t phys, unsigned long length)
{
	unsigned long step = fill->small_pages ? PAGE_SIZE : length;
	int rc;

	for (; length; length -= step) {
		step = min(step, length);
		rc = iommu_map(fill->domain, fill->iova, phys, step, fill->prot,
			       GFP_KERNEL_ACCOUNT);
		if (rc)
			return rc;
		fill->iova += step;
		phys += step;
	}
	return 0;
}

static int map_list(struct fill *fill)
{
	ssize_t rc;

	if (!fill->nr)
		return 0;
	rc = iommu_map_sg(fill->domain, fill->iova, fill->list, fill->nr, fill->prot,
			  GFP_KERNEL_ACCOUNT);
	if (rc < 0)
		return rc;
	if (WARN_ON(rc != fill->list_length)) {
		iommu_unmap(fill->domain, fill->iova, rc);
		return -EIO;
	}
	fill->iova += fill->list_length;
	fill->list_length = 0;
	fill->nr = 0;
	cond_resched();
	return 0;
}

/* The run that was extended so far is complete */
static int fill_run(struct fill *fill)
{
	int rc;

	if (!fill->length)
		return 0;
	/* alone and large, it is mapped as it is: a list's entry has 32 bits of length */
	if (fill->small_pages || fill->length > SZ_1G) {
		rc = map_list(fill);
		if (!rc)
			rc = map_run(fill, fill->phys, fill->length);
		fill->length = 0;
		return rc;
	}
	if (fill->nr == fill->capacity) {
		rc = map_list(fill);
		if (rc)
			return rc;
	}
	if (!fill->list_ready) {
		sg_init_table(fill->list, fill->capacity);
		fill->list_ready = true;
	}
	sg_set_page(&fill->list[fill->nr++], pfn_to_page(PHYS_PFN(fill->phys)), fill->length,
		    offset_in_page(fill->phys));
	fill->list_length += fill->length;
	fill->length = 0;
	return 0;
}

static int fill_add(struct fill *fill, phys_addr_t phys, unsigned long length)
{
	int rc;

	if (fill->length && phys == fill->phys + fill->length) {
		fill->length += length;
		return 0;
	}
	rc = fill_run(fill);
	fill->phys = phys;
	fill->length = length;
	return rc;
}

static int fill_finish(struct fill *fill)
{
	unsigned long length = fill->length;
	int rc;

	if (!fill->nr) {
		/* one run, the usual case */
		fill->length = 0;
		return map_run(fill, fill->phys, length);
	}
	rc = fill_run(fill);
	return rc ?: map_list(fill);
}

static int fill_from_segments(struct fill *fill, struct iopt_area *area, struct iopt_pages *pages)
{
	struct iopt_segment *segment = iopt_segment_find(pages, area->index);
	unsigned long left = iopt_area_length(area);
	unsigned int offset = area->page_offset;
	int rc;

	for (; left; segment = iopt_segment_next(segment)) {
		unsigned int i;

		if (WARN_ON(!segment))
			return -EINVAL;
		for (i = 0; i < segment->nr_runs && left; i++) {
			u64 run = segment->runs[i];
			unsigned long length;

			length = min(left, iopt_run_npages(run) * PAGE_SIZE - offset);
			rc = fill_add(fill, PFN_PHYS(iopt_run_pfn(run)) + offset, length);
			if (rc)
				return rc;
			left -= length;
			offset = 0;
		}
	}
	return fill_finish(fill);
}

/**
 * iopt_area_fill_domain() - Show an area in a domain
 * @area: the area, a user of its pages; the caller holds domains_rwsem
 * @pages: its pages
 * @domain: the domain, which shows nothing there
 *
 * Return: 0, or what the IOMMU driver says, ENOMEM mostly: the domain shows nothing of it then.
 */
int iopt_area_fill_domain(struct iopt_area *area, struct iopt_pages *pages,
			  struct iommu_domain *domain)
{
	struct scatterlist backup[8];
	struct fill fill = {
		.domain = domain,
		.iova = area->start,
		.prot = area->prot,
		.small_pages = area->iopt->disable_large_pages,
		.list = backup,
		.capacity = min_t(unsigned int, ARRAY_SIZE(backup), READ_ONCE(iopt_batch_limit)),
	};
	int rc;

	lockdep_assert_held(&area->iopt->domains_rwsem);
	if (!fill.small_pages && fill.capacity == ARRAY_SIZE(backup) &&
	    iopt_area_npages(area) > ARRAY_SIZE(backup)) {
		unsigned int nr = PAGE_SIZE / sizeof(*fill.list);

		fill.list = kmalloc_array(nr, sizeof(*fill.list), GFP_KERNEL | __GFP_NOWARN);
		if (fill.list)
			fill.capacity = nr;
		else
			fill.list = backup;
	}
	mutex_lock(&pages->mutex);
	rc = fill_from_segments(&fill, area, pages);
	mutex_unlock(&pages->mutex);
	if (rc && fill.iova != area->start)
		iommu_unmap(domain, area->start, fill.iova - area->start);
	if (fill.list != backup)
		kfree(fill.list);
	return rc;
}

/**
 * iopt_area_unmap_domain() - Take an area out of a domain
 * @area: the area; the caller holds domains_rwsem
 * @domain: the domain
 * @gather: collects what to invalidate; the caller syncs before anything is unpinned
 * @gathered: increased by the bytes since the last sync, so that 0 means nothing to do
 *
 * Cannot fail, short of a bug in the IOMMU driver. The IOMMU driver frees its own tables in the
 * sync, so there is one for each GiB.
 *
 * Return: false after such a bug: the pages may still be shown, and must stay pinned for ever.
 */
bool iopt_area_unmap_domain(struct iopt_area *area, struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather, unsigned long *gathered)
{
	unsigned long left = iopt_area_length(area);
	unsigned long iova = area->start;

	while (left) {
		/* up to a multiple of a GiB: a larger page than that reports itself as a whole */
		unsigned long length = min(left, GATHER_MAX - iova % GATHER_MAX);
		size_t unmapped = iommu_unmap_fast(domain, iova, length, gather);

		if (WARN_ON(!unmapped || unmapped > left))
			return false;
		iova += unmapped;
		left -= unmapped;
		*gathered += unmapped;
		if (*gathered >= GATHER_MAX) {
			iommu_iotlb_sync(domain, gather);
			*gathered = 0;
			cond_resched();
		}
	}
	return true;
}
