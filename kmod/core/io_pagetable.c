// SPDX-License-Identifier: GPL-2.0
/*
 * An I/O address space: mapping, unmapping and copying areas, and the domains that show them. Every
 * domain shows every area, or the call that would change that fails and changes nothing. Who accesses them
 * from within the kernel is told before one goes.
 *
 * Pages are pinned before a device can see them and unpinned after no device can (S14): the order
 * of the calls in areas_fill(), areas_drop() and the two functions for domains.
 */
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"

/* An unmap works on so many areas or bytes at a time, so that others get at the tree in between */
#define UNMAP_MAX_AREAS 512
#define UNMAP_MAX_BYTES SZ_1G
/* How often an access is told to unpin before its driver counts as broken */
#define UNMAP_MAX_TRIES 100

/* Areas of one call, in the order of their addresses, linked through next */
struct area_list {
	struct iopt_area *first;
	struct iopt_area **end;
};

static void area_list_init(struct area_list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void area_list_add(struct area_list *list, struct iopt_area *area)
{
	area->next = NULL;
	*list->end = area;
	list->end = &area->next;
}

/* Free an area that is in no tree, and drop its reference to its pages */
static void area_free(struct iopt_area *area)
{
	struct iopt_pages *pages = area->pages;

	if (area != &pages->first_area)
		kfree(area);
	iopt_put_pages(pages);
}

static void areas_free(struct iopt_area *area)
{
	while (area) {
		struct iopt_area *next = area->next;

		area_free(area);
		area = next;
	}
}

static int area_pin(struct iopt_area *area)
{
	int rc;

	if (area->pinned)
		return 0;
	rc = iopt_pages_pin(area->pages, area->index, iopt_area_last_index(area));
	if (rc)
		return rc;
	area->pinned = true;
	atomic_long_add(iopt_area_npages(area), &area->iopt->nr_pinned);
	return 0;
}

static void area_unpin(struct iopt_area *area)
{
	if (!area->pinned)
		return;
	iopt_pages_unpin(area->pages, area->index, iopt_area_last_index(area));
	area->pinned = false;
	atomic_long_sub(iopt_area_npages(area), &area->iopt->nr_pinned);
}

/*
 * After a driver has failed to unmap, its tables may still lead to the pages: they must never be
 * used for anything else, so they stay pinned, and so does everything that describes them.
 */
static void area_leak(struct iopt_area *area)
{
	iopt_get_pages(area->pages);
	area->pinned = false;
}

/* Take the areas from @area up to @end out of one domain, IOTLB and all */
static void areas_unmap_domain(struct iopt_area *area, struct iopt_area *end,
			       struct iommu_domain *domain)
{
	struct iommu_iotlb_gather gather;
	unsigned long gathered = 0;

	iommu_iotlb_gather_init(&gather);
	for (; area != end; area = area->next)
		if (!iopt_area_unmap_domain(area, domain, &gather, &gathered))
			area_leak(area);
	if (gathered)
		iommu_iotlb_sync(domain, &gather);
}

static void areas_unmap(struct io_pagetable *iopt, struct iopt_area *area, struct iopt_area *end)
{
	struct iopt_domain *entry;

	list_for_each_entry(entry, &iopt->domains, item)
		areas_unmap_domain(area, end, entry->domain);
}

/* Show the areas in every domain, all of them in all or none in any. domains_rwsem held. */
static int areas_fill_domains(struct io_pagetable *iopt, struct iopt_area *first)
{
	struct iopt_domain *entry;
	struct iopt_area *area;
	int rc;

	for (area = first; area; area = area->next) {
		list_for_each_entry(entry, &iopt->domains, item) {
			rc = iopt_area_fill_domain(area, area->pages, entry->domain);
			if (rc)
				goto err_unmap;
		}
	}
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(entry, &iopt->domains, item)
		areas_unmap_domain(area, area->next, entry->domain);
	areas_unmap(iopt, first, area);
	return rc;
}

/* Let others at areas that were busy. Each may be unmapped and freed at once. */
static void areas_publish(struct iopt_area *area)
{
	while (area) {
		struct iopt_area *next = area->next;

		/* whoever sees it idle sees it filled, or as it was before */
		smp_store_release(&area->busy, false);
		area = next;
	}
}

/*
 * Pin and show areas that are in the tree and busy, and let others at them. Pinning faults, so it
 * happens with neither lock of the io_pagetable held; if meanwhile a first domain came, or the last
 * one went, look again.
 */
static int areas_fill(struct io_pagetable *iopt, struct iopt_area *first)
{
	bool pin = READ_ONCE(iopt->nr_domains);
	struct iopt_area *area;
	int rc = 0;

	for (;;) {
		for (area = first; area && pin && !rc; area = area->next)
			rc = area_pin(area);
		if (rc)
			break;
		down_read(&iopt->domains_rwsem);
		if (!iopt->nr_domains == !pin) {
			rc = areas_fill_domains(iopt, first);
			/* a later domain fills what it finds not busy */
			if (!rc)
				areas_publish(first);
			up_read(&iopt->domains_rwsem);
			break;
		}
		up_read(&iopt->domains_rwsem);
		if (pin)
			for (area = first; area; area = area->next)
				area_unpin(area);
		pin = !pin;
	}
	if (rc)
		for (area = first; area; area = area->next)
			area_unpin(area);
	return rc;
}

/* Find a place for all areas, one after the other, and put them there, busy */
static int areas_place(struct io_pagetable *iopt, struct iopt_area *first, unsigned long length,
		       unsigned long *iova, bool fixed)
{
	struct iopt_area *area;
	unsigned long at;
	int rc;

	down_write(&iopt->iova_rwsem);
	rc = -EINVAL;
	if (length & (iopt->iova_alignment - 1))
		goto out_unlock;
	if (fixed)
		rc = iopt_check_iova(iopt, *iova, length);
	else
		rc = iopt_alloc_iova(iopt, iova, first->pages->uaddr + first->index * PAGE_SIZE +
				     first->page_offset, length);
	if (rc)
		goto out_unlock;

	at = *iova;
	for (area = first; area; area = area->next) {
		unsigned long area_length = iopt_area_length(area);

		rc = -EPERM;
		if ((area->prot & IOMMU_WRITE) && !area->pages->writable)
			goto out_unlock;
		rc = -EINVAL;
		if ((area->page_offset | area_length | at) & (iopt->iova_alignment - 1))
			goto out_unlock;
		area->start = at;
		area->last = at + (area_length - 1);
		at += area_length;
	}
	rc = 0;
	for (area = first; area; area = area->next) {
		area->busy = true;
		iopt_area_insert(iopt, area);
	}
out_unlock:
	up_write(&iopt->iova_rwsem);
	return rc;
}

static void areas_remove(struct io_pagetable *iopt, struct iopt_area *area)
{
	down_write(&iopt->iova_rwsem);
	for (; area; area = area->next)
		iopt_area_remove(iopt, area);
	up_write(&iopt->iova_rwsem);
}

/* Take busy areas out of the domains and the tree, and free them. domains_rwsem held. */
static void areas_drop(struct io_pagetable *iopt, struct iopt_area *first)
{
	struct iopt_area *area;

	areas_unmap(iopt, first, NULL);
	/* no device can reach the pages from here on, but the addresses are taken until now */
	areas_remove(iopt, first);
	for (area = first; area; area = area->next)
		area_unpin(area);
	areas_free(first);
}

/**
 * iopt_map_areas() - Map areas that are in no address space yet, one after the other
 * @iopt: the address space
 * @areas: the areas, each with its pages and which part of them; taken over, whatever the result
 * @length: of all of them
 * @iova: where, or out: where they were put
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @fixed: @iova was chosen by the caller
 *
 * Return: 0; EINVAL misaligned or reserved; EEXIST occupied; EOVERFLOW, ENOSPC no place; EINTR the
 * caller is being killed; EPERM writable areas of read-only pages; what iopt_pages_pin() says; what
 * the IOMMU driver says.
 */
int iopt_map_areas(struct io_pagetable *iopt, struct iopt_area *areas, unsigned long length,
		   unsigned long *iova, int prot, bool fixed)
{
	struct iopt_area *area;
	int rc;

	for (area = areas; area; area = area->next)
		area->prot = prot;
	rc = areas_place(iopt, areas, length, iova, fixed);
	if (rc)
		goto err_free;
	rc = areas_fill(iopt, areas);
	if (!rc)
		return 0;
	areas_remove(iopt, areas);
err_free:
	areas_free(areas);
	return rc;
}

/**
 * iopt_map_user_pages() - Map memory of the calling process
 * @iopt: the address space
 * @account_mode: where pinned pages count
 * @iova: where, or out: where it was put
 * @uaddr: the memory
 * @length: of it
 * @prot: IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE
 * @fixed: @iova was chosen by the caller
 *
 * Return: 0, or an errno as from iopt_alloc_pages() and iopt_map_areas().
 */
int iopt_map_user_pages(struct io_pagetable *iopt, enum iopt_account_mode account_mode,
			unsigned long *iova, unsigned long uaddr, unsigned long length, int prot,
			bool fixed)
{
	struct iopt_pages *pages;
	struct iopt_area *area;

	pages = iopt_alloc_pages(uaddr, length, prot & IOMMU_WRITE, account_mode);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	/* the reference to the pages moves into the area */
	area = &pages->first_area;
	area->pages = pages;
	area->page_offset = offset_in_page(uaddr);
	area->last = length - 1;
	return iopt_map_areas(iopt, area, length, iova, prot, fixed);
}

/**
 * iopt_copy_areas() - Make areas that show what a range of an address space shows
 * @iopt: the address space
 * @iova: of the range
 * @length: of the range
 * @copies: out, for iopt_map_areas() of any address space
 *
 * Return: 0; EINVAL, EOVERFLOW no such range; ENOENT a part of it shows nothing; ENOMEM.
 */
int iopt_copy_areas(struct io_pagetable *iopt, unsigned long iova, unsigned long length,
		    struct iopt_area **copies)
{
	struct iopt_area *area, *copy;
	struct area_list list;
	unsigned long last;
	int rc = -ENOENT;

	if (!length)
		return -EINVAL;
	if (!iova_range_last(iova, length, &last))
		return -EOVERFLOW;

	area_list_init(&list);
	down_read(&iopt->iova_rwsem);
	area = iopt_area_first(iopt, iova, iova);
	/* pairs with the release in areas_publish(), as everywhere */
	while (area && area->start <= iova && !smp_load_acquire(&area->busy)) {
		unsigned long piece_last = min(last, area->last);
		unsigned long start_byte = iopt_area_start_byte(area, iova);

		copy = kzalloc(sizeof(*copy), GFP_KERNEL_ACCOUNT);
		if (!copy) {
			rc = -ENOMEM;
			break;
		}
		iopt_get_pages(area->pages);
		copy->pages = area->pages;
		copy->index = start_byte / PAGE_SIZE;
		copy->page_offset = start_byte % PAGE_SIZE;
		copy->last = piece_last - iova;
		area_list_add(&list, copy);
		if (piece_last == last) {
			rc = 0;
			break;
		}
		iova = piece_last + 1;
		area = iopt_area_next(area);
	}
	up_read(&iopt->iova_rwsem);
	if (rc)
		areas_free(list.first);
	else
		*copies = list.first;
	return rc;
}

/* Free what iopt_copy_areas() made and nobody mapped */
void iopt_free_copies(struct iopt_area *copies)
{
	areas_free(copies);
}

/*
 * Claim areas for an unmap: those from *@start to @last, as many as should go at once. Moves
 * *@start behind them. Return: 0 with an empty list at the end; EBUSY or ENOENT for what follows
 * the list; EAGAIN what is at *@start has pins of accesses, and gets no more from here on.
 */
static int unmap_claim(struct io_pagetable *iopt, unsigned long *start, unsigned long last,
		       struct area_list *list, bool *more)
{
	unsigned long bytes = 0;
	unsigned int nr = 0;
	struct iopt_area *area;
	int rc = 0;

	area_list_init(list);
	*more = false;
	down_write(&iopt->iova_rwsem);
	for (area = iopt_area_first(iopt, *start, last); area && area->start <= last;
	     area = iopt_area_next(area)) {
		/* pairs with the release in areas_publish() */
		if (smp_load_acquire(&area->busy)) {
			rc = -EBUSY;
			break;
		}
		if (area->start < *start || area->last > last) {
			rc = -ENOENT;
			break;
		}
		if (nr == UNMAP_MAX_AREAS || bytes >= UNMAP_MAX_BYTES) {
			*more = true;
			break;
		}
		/* pairs with the release when a pin ends */
		if (unlikely(atomic_read_acquire(&area->num_accesses))) {
			area->no_access = true;
			*start = area->start;
			rc = -EAGAIN;
			break;
		}
		area->busy = true;
		area_list_add(list, area);
		nr++;
		bytes += iopt_area_length(area);
		*start = area->last + 1;
		if (area->last == last)
			break;
	}
	up_write(&iopt->iova_rwsem);
	return rc;
}

/*
 * Have whoever has pinned a part of the area at @start unpin it. Others may have unmapped it meanwhile, and
 * mapped another.
 */
static noinline void unmap_notify(struct io_pagetable *iopt, unsigned long start)
{
	unsigned long length = 0;
	struct iopt_area *area;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_first(iopt, start, start);
	if (area && area->start == start && area->no_access)
		length = iopt_area_length(area);
	up_read(&iopt->iova_rwsem);
	if (length)
		iommufd_access_notify_unmap(iopt, start, length);
}

/*
 * Take a range away from devices and accesses. An area that an access has pinned is looked at again after
 * the access was told, with no lock held; who fails to unpin stops the unmap.
 */
static int unmap_range(struct io_pagetable *iopt, unsigned long start, unsigned long last,
		       unsigned long *unmapped)
{
	unsigned long told = ULONG_MAX;
	unsigned int tries = 0;
	struct area_list list;
	bool more;
	int rc;

	*unmapped = 0;
	do {
		struct iopt_area *area;

		down_read(&iopt->domains_rwsem);
		rc = unmap_claim(iopt, &start, last, &list, &more);
		for (area = list.first; area; area = area->next)
			*unmapped += iopt_area_length(area);
		if (list.first)
			areas_drop(iopt, list.first);
		up_read(&iopt->domains_rwsem);
		if (likely(rc != -EAGAIN))
			continue;
		if (start != told)
			tries = 0;
		told = start;
		unmap_notify(iopt, start);
		if (WARN_ON(++tries > UNMAP_MAX_TRIES))
			rc = -EDEADLOCK;
	} while (rc == -EAGAIN || (more && !rc));
	/* a copy from or to what is gone may still be under way */
	if (!xa_empty(&iopt->accesses))
		iommufd_access_wait(iopt);
	return rc;
}

/**
 * iopt_unmap_iova() - Unmap a range
 * @iopt: the address space
 * @iova: of the range
 * @length: of the range
 * @unmapped: out, how many bytes were unmapped, even with an error
 *
 * Areas are not cut. Those before the one that is in the way are unmapped all the same.
 *
 * Return: 0, also if nothing was mapped; EINVAL, EOVERFLOW no such range; ENOENT the range ends
 * within an area; EBUSY another call works on an area; EDEADLOCK an access does not unpin it.
 */
int iopt_unmap_iova(struct io_pagetable *iopt, unsigned long iova, unsigned long length,
		    unsigned long *unmapped)
{
	unsigned long last;

	*unmapped = 0;
	if (!length)
		return -EINVAL;
	if (!iova_range_last(iova, length, &last))
		return -EOVERFLOW;
	return unmap_range(iopt, iova, last, unmapped);
}

/**
 * iopt_unmap_all() - Unmap everything
 * @iopt: the address space
 * @unmapped: out, how many bytes were unmapped
 *
 * Return: 0; EBUSY another call works on an area; EDEADLOCK an access does not unpin it.
 */
int iopt_unmap_all(struct io_pagetable *iopt, unsigned long *unmapped)
{
	return unmap_range(iopt, 0, ULONG_MAX, unmapped);
}

/* Whether every area could be shown by a domain with larger pages. Both locks held. */
static bool alignment_suits(struct io_pagetable *iopt, unsigned long alignment)
{
	struct iopt_area *area;

	for (area = iopt_area_first(iopt, 0, ULONG_MAX); area; area = iopt_area_next(area))
		if ((area->start | iopt_area_length(area) | area->page_offset) & (alignment - 1))
			return false;
	return true;
}

static unsigned long domain_min_page(const struct iommu_domain *domain)
{
	return 1UL << __ffs(domain->pgsize_bitmap);
}

/* What areas must be aligned to with what there is now. Both locks held for writing. */
static unsigned long iopt_alignment(struct io_pagetable *iopt)
{
	unsigned long alignment = iopt->disable_large_pages || iopt->nr_pinning ? PAGE_SIZE : 1;
	struct iopt_domain *entry;

	list_for_each_entry(entry, &iopt->domains, item)
		alignment = max(alignment, domain_min_page(entry->domain));
	return alignment;
}

/* A list of all areas that are not busy, through next; both locks held for writing */
static struct iopt_area *areas_all(struct io_pagetable *iopt)
{
	struct area_list list;
	struct iopt_area *area;

	area_list_init(&list);
	for (area = iopt_area_first(iopt, 0, ULONG_MAX); area; area = iopt_area_next(area))
		/* pairs with the release in areas_publish() */
		if (!smp_load_acquire(&area->busy))
			area_list_add(&list, area);
	return list.first;
}

/* Show everything in a domain, pinning what none has shown yet. Nothing has changed on failure. */
static int domain_fill(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	struct iopt_area *first = areas_all(iopt);
	struct iopt_area *area, *undo;
	int rc = 0;

	for (area = first; area; area = area->next) {
		rc = area_pin(area);
		if (!rc)
			rc = iopt_area_fill_domain(area, area->pages, domain);
		if (rc)
			break;
	}
	if (!rc)
		return 0;

	areas_unmap_domain(first, area, domain);
	if (!iopt->nr_domains)
		for (undo = first; undo; undo = undo->next)
			area_unpin(undo);
	return rc;
}

/**
 * iopt_table_add_domain() - Let a domain show an address space
 * @iopt: the address space
 * @domain: the domain, which no device uses yet
 *
 * Installs every mapping there is before it returns, and every later one, until
 * iopt_table_remove_domain().
 *
 * Return: 0; EADDRINUSE a mapping, or an allowed range, lies where the domain cannot show it, or is
 * not aligned to its pages; EINVAL its smallest page is larger than the CPU's; ENOMEM; EFAULT and
 * others from pinning. Nothing has changed then.
 */
int iopt_table_add_domain(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	const struct iommu_domain_geometry *geometry = &domain->geometry;
	struct iopt_domain *entry, *other;
	unsigned long alignment;
	int rc = 0;

	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	entry->domain = domain;

	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	list_for_each_entry(other, &iopt->domains, item)
		if (WARN_ON(other->domain == domain))
			rc = -EEXIST;
	if (rc)
		goto err_unlock;

	/* no hardware promises more contiguity than a page of the CPU's */
	alignment = max(domain_min_page(domain), iopt->iova_alignment);
	rc = -EINVAL;
	if (alignment > PAGE_SIZE)
		goto err_unlock;
	rc = -EADDRINUSE;
	if (alignment != iopt->iova_alignment && !alignment_suits(iopt, alignment))
		goto err_unlock;

	rc = 0;
	if (geometry->aperture_start)
		rc = iopt_reserve_iova(iopt, 0, geometry->aperture_start - 1, domain);
	if (!rc && geometry->aperture_end < ULONG_MAX)
		rc = iopt_reserve_iova(iopt, geometry->aperture_end + 1, ULONG_MAX, domain);
	if (!rc)
		rc = domain_fill(iopt, domain);
	if (rc)
		goto err_release;

	iopt->iova_alignment = alignment;
	list_add_tail(&entry->item, &iopt->domains);
	WRITE_ONCE(iopt->nr_domains, iopt->nr_domains + 1);
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	return 0;

err_release:
	iopt_release_iova(iopt, domain);
err_unlock:
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	kfree(entry);
	return rc;
}

/**
 * iopt_table_remove_domain() - Undo iopt_table_add_domain(); cannot fail
 * @iopt: the address space
 * @domain: the domain, which no device uses any more
 *
 * With the last domain everything is unpinned.
 */
void iopt_table_remove_domain(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	struct iopt_domain *entry, *found = NULL;
	struct iopt_area *first, *area;

	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	list_for_each_entry(entry, &iopt->domains, item)
		if (entry->domain == domain)
			found = entry;
	if (WARN_ON(!found))
		goto out_unlock;

	list_del(&found->item);
	WRITE_ONCE(iopt->nr_domains, iopt->nr_domains - 1);
	first = areas_all(iopt);
	areas_unmap_domain(first, NULL, domain);
	if (!iopt->nr_domains)
		for (area = first; area; area = area->next)
			area_unpin(area);
	iopt_release_iova(iopt, domain);
	iopt->iova_alignment = iopt_alignment(iopt);
out_unlock:
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	kfree(found);
}

/**
 * iopt_disable_large_pages() - Map in pages of the CPU's smallest size from now on
 * @iopt: the address space
 *
 * Return: 0; EINVAL a domain shows areas already; EADDRINUSE an area is not aligned to pages.
 */
int iopt_disable_large_pages(struct io_pagetable *iopt)
{
	int rc = 0;

	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	if (iopt->disable_large_pages)
		goto out_unlock;
	rc = -EINVAL;
	if (iopt->nr_domains && !RB_EMPTY_ROOT(&iopt->areas))
		goto out_unlock;
	rc = -EADDRINUSE;
	if (!alignment_suits(iopt, PAGE_SIZE))
		goto out_unlock;
	rc = 0;
	iopt->disable_large_pages = true;
	iopt->iova_alignment = iopt_alignment(iopt);
out_unlock:
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	return rc;
}

/**
 * iopt_enable_large_pages() - Map in the largest pages possible from now on, as by default
 * @iopt: the address space
 */
void iopt_enable_large_pages(struct io_pagetable *iopt)
{
	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	iopt->disable_large_pages = false;
	iopt->iova_alignment = iopt_alignment(iopt);
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
}

/**
 * iopt_add_access() - Let an access use an address space
 * @iopt: the address space
 * @access: who is to be told of unmaps, until iopt_remove_access()
 * @pins: it pins pages, so areas must consist of whole pages
 * @id: out, for iopt_remove_access()
 *
 * Return: 0; EADDRINUSE a mapping does not consist of whole pages; ENOMEM; EBUSY too many. Nothing has
 * changed then.
 */
int iopt_add_access(struct io_pagetable *iopt, struct iommufd_access *access, bool pins, u32 *id)
{
	int rc = 0;

	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	if (pins && iopt->iova_alignment < PAGE_SIZE && !alignment_suits(iopt, PAGE_SIZE))
		rc = -EADDRINUSE;
	if (!rc)
		rc = xa_alloc(&iopt->accesses, id, access, xa_limit_16b, GFP_KERNEL_ACCOUNT);
	if (!rc) {
		iopt->nr_pinning += pins;
		iopt->iova_alignment = iopt_alignment(iopt);
	}
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	return rc;
}

/**
 * iopt_remove_access() - Undo iopt_add_access(); cannot fail
 * @iopt: the address space
 * @access: who is told of no more unmaps
 * @pins: as it was added
 * @id: as it was added
 */
void iopt_remove_access(struct io_pagetable *iopt, struct iommufd_access *access, bool pins,
			u32 id)
{
	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	WARN_ON(xa_erase(&iopt->accesses, id) != access);
	iopt->nr_pinning -= pins;
	iopt->iova_alignment = iopt_alignment(iopt);
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
}

/**
 * iopt_init_table() - Make an empty address space without domains
 * @iopt: the address space, zeroed
 */
void iopt_init_table(struct io_pagetable *iopt)
{
	init_rwsem(&iopt->domains_rwsem);
	INIT_LIST_HEAD(&iopt->domains);
	xa_init_flags(&iopt->accesses, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	iova_space_init(iopt);
}

/**
 * iopt_destroy_table() - Unmap everything and free what an address space holds
 * @iopt: the address space, which no domain shows and no call works on any more
 */
void iopt_destroy_table(struct io_pagetable *iopt)
{
	unsigned long unmapped;

	WARN_ON(iopt->nr_domains);
	WARN_ON(!xa_empty(&iopt->accesses));
	xa_destroy(&iopt->accesses);
	WARN_ON(iopt_unmap_all(iopt, &unmapped));
	WARN_ON(iopt_nr_pinned(iopt));
	iova_space_destroy(iopt);
}
