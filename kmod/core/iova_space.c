// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O addresses of an io_pagetable: which belong to areas, which are reserved or allowed, and
 * where a new area can go. What an area shows, and to whom, is not known here.
 */
#include <linux/list_sort.h>
#include <linux/mm.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "io_pagetable.h"

#define node_area(ptr) rb_entry_safe(ptr, struct iopt_area, node)

/*
 * The tree of areas. Each knows the gap before it, each subtree its largest gap, so that a free
 * place among a million areas is found without looking at each.
 */
static inline unsigned long area_gap(struct iopt_area *area)
{
	return area->gap;
}

RB_DECLARE_CALLBACKS_MAX(static, gap_callbacks, struct iopt_area, node, unsigned long,
			 subtree_max_gap, area_gap)

static void area_set_gap(struct iopt_area *area, const struct iopt_area *prev)
{
	unsigned long gap = prev ? area->start - prev->last - 1 : area->start;

	if (gap == area->gap)
		return;
	area->gap = gap;
	gap_callbacks.propagate(&area->node, NULL);
}

/**
 * iopt_area_first() - The lowest area that has an address in a range
 * @iopt: the address space; iova_rwsem held
 * @start: of the range
 * @last: of the range
 *
 * Return: the area, or NULL.
 */
struct iopt_area *iopt_area_first(struct io_pagetable *iopt, unsigned long start,
				  unsigned long last)
{
	struct rb_node *node = iopt->areas.rb_node;
	struct iopt_area *found = NULL;

	lockdep_assert_held(&iopt->iova_rwsem);
	while (node) {
		struct iopt_area *area = node_area(node);

		if (area->last >= start) {
			found = area;
			if (area->start <= start)
				break;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found && found->start <= last ? found : NULL;
}

/* Return: the area above this one, or NULL. iova_rwsem held. */
struct iopt_area *iopt_area_next(struct iopt_area *area)
{
	lockdep_assert_held(&area->iopt->iova_rwsem);
	return node_area(rb_next(&area->node));
}

/* Insert an area whose start and last are set and overlap no other. iova_rwsem held for writing. */
void iopt_area_insert(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct rb_node **link = &iopt->areas.rb_node;
	struct iopt_area *prev = NULL, *next = NULL;
	struct rb_node *parent = NULL;

	lockdep_assert_held_write(&iopt->iova_rwsem);
	while (*link) {
		parent = *link;
		if (area->start < node_area(parent)->start) {
			next = node_area(parent);
			link = &parent->rb_left;
		} else {
			prev = node_area(parent);
			link = &parent->rb_right;
		}
	}
	area->iopt = iopt;
	area->gap = prev ? area->start - prev->last - 1 : area->start;
	area->subtree_max_gap = 0;
	rb_link_node(&area->node, parent, link);
	gap_callbacks.propagate(&area->node, NULL);
	rb_insert_augmented(&area->node, &iopt->areas, &gap_callbacks);
	if (next)
		area_set_gap(next, area);
	iopt->nr_areas++;
	iopt->nr_mapped += iopt_area_length(area);
}

/* Undo iopt_area_insert(). iova_rwsem held for writing. */
void iopt_area_remove(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_area *prev, *next;

	lockdep_assert_held_write(&iopt->iova_rwsem);
	prev = node_area(rb_prev(&area->node));
	next = node_area(rb_next(&area->node));
	rb_erase_augmented(&area->node, &iopt->areas, &gap_callbacks);
	if (next)
		area_set_gap(next, prev);
	iopt->nr_areas--;
	iopt->nr_mapped -= iopt_area_length(area);
}

/* The lowest area of a subtree before which there are at least @length free addresses */
static struct iopt_area *gap_first(struct iopt_area *area, unsigned long length)
{
	if (!area || area->subtree_max_gap < length)
		return NULL;
	for (;;) {
		struct iopt_area *left = node_area(area->node.rb_left);

		if (left && left->subtree_max_gap >= length)
			area = left;
		else if (area->gap < length)
			area = node_area(area->node.rb_right);
		else
			return area;
	}
}

/* The same among the areas above one */
static struct iopt_area *gap_next(struct iopt_area *area, unsigned long length)
{
	struct iopt_area *found = gap_first(node_area(area->node.rb_right), length);

	while (!found) {
		struct rb_node *parent = rb_parent(&area->node);

		if (!parent)
			return NULL;
		if (parent->rb_left == &area->node) {
			found = node_area(parent);
			if (found->gap < length)
				found = gap_first(node_area(parent->rb_right), length);
		}
		area = node_area(parent);
	}
	return found;
}

/* See iova_next_hole_fn */
static bool areas_next_hole(const void *areas, unsigned long from, unsigned long length,
			    unsigned long *start, unsigned long *last)
{
	struct io_pagetable *iopt = (struct io_pagetable *)areas;
	struct iopt_area *area = iopt_area_first(iopt, from, ULONG_MAX);
	struct rb_node *highest;

	/* there may be as many holes as a user cares to make, of which none fits */
	if (fatal_signal_pending(current))
		return false;
	cond_resched();
	/* the hole that @from lies in, if it does, may be used from there on only */
	if (area && area->start > from && area->start - from >= length) {
		*start = max(from, area->start - area->gap);
		*last = area->start - 1;
		return true;
	}
	if (area)
		area = gap_next(area, length);
	if (area) {
		*start = area->start - area->gap;
		*last = area->start - 1;
		return true;
	}
	highest = rb_last(&iopt->areas);
	if (highest && node_area(highest)->last == ULONG_MAX)
		return false;
	*start = highest ? max(from, node_area(highest)->last + 1) : from;
	*last = ULONG_MAX;
	return *last - *start >= length - 1;
}

/**
 * iopt_alloc_iova() - Find a place for an area
 * @iopt: the address space; iova_rwsem held
 * @iova: out, the lowest address that does, never 0
 * @uaddr: of the memory, whose alignment is kept up to that of a huge page
 * @length: of the area, not 0
 *
 * Return: 0; EOVERFLOW @length is absurd; EINVAL the memory is aligned worse than a domain demands;
 * ENOSPC nothing is free; EINTR the caller is being killed.
 */
int iopt_alloc_iova(struct io_pagetable *iopt, unsigned long *iova, unsigned long uaddr,
		    unsigned long length)
{
	const unsigned long max_alignment = IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) ?
		HPAGE_PMD_SIZE : PAGE_SIZE;
	const struct iova_range everything = { PAGE_SIZE, ULONG_MAX - PAGE_SIZE };
	struct iova_fit fit = {
		.length = length,
		.page_offset = uaddr % PAGE_SIZE,
	};
	size_t i;

	lockdep_assert_held(&iopt->iova_rwsem);
	if (length >= ULONG_MAX / 2)
		return -EOVERFLOW;
	fit.alignment = iova_fit_alignment(uaddr, length, max_alignment);
	if (fit.alignment < iopt->iova_alignment)
		return -EINVAL;

	if (!iopt->nr_allowed && iova_fit_search(&fit, &everything, iopt->reserved,
						 iopt->nr_reserved, areas_next_hole, iopt, iova))
		return 0;
	for (i = 0; i < iopt->nr_allowed; i++) {
		struct iova_range bounds = {
			.start = max(iopt->allowed[i].start, everything.start),
			.last = min(iopt->allowed[i].last, everything.last),
		};

		if (bounds.start <= bounds.last &&
		    iova_fit_search(&fit, &bounds, iopt->reserved, iopt->nr_reserved,
				    areas_next_hole, iopt, iova))
			return 0;
	}
	return fatal_signal_pending(current) ? -EINTR : -ENOSPC;
}

/**
 * iopt_check_iova() - Check the place a caller chose for an area
 * @iopt: the address space; iova_rwsem held
 * @iova: the start
 * @length: not 0
 *
 * The allowed ranges do not matter here: they guide the allocator and refuse new reservations.
 *
 * Return: 0; EINVAL misaligned or reserved; EOVERFLOW it wraps; EEXIST another area is there.
 */
int iopt_check_iova(struct io_pagetable *iopt, unsigned long iova, unsigned long length)
{
	unsigned long last;

	lockdep_assert_held(&iopt->iova_rwsem);
	if (iova & (iopt->iova_alignment - 1))
		return -EINVAL;
	if (!iova_range_last(iova, length, &last))
		return -EOVERFLOW;
	if (iova_ranges_overlap(iopt->reserved, iopt->nr_reserved, iova, last))
		return -EINVAL;
	return iopt_area_first(iopt, iova, last) ? -EEXIST : 0;
}

/**
 * iopt_set_allow_iova() - Replace the allowed ranges
 * @iopt: the address space
 * @allowed: disjoint and sorted ranges, kvmalloc()ed; gets the old ones on success. The caller
 * frees.
 * @nr: how many
 *
 * Return: 0; EADDRINUSE one of them is reserved, in part at least: nothing has changed.
 */
int iopt_set_allow_iova(struct io_pagetable *iopt, struct iova_range **allowed, size_t nr)
{
	int rc = 0;
	size_t i;

	down_write(&iopt->iova_rwsem);
	for (i = 0; i < nr && !rc; i++) {
		if (iova_ranges_overlap(iopt->reserved, iopt->nr_reserved, (*allowed)[i].start,
					(*allowed)[i].last))
			rc = -EADDRINUSE;
		cond_resched();
	}
	if (!rc) {
		swap(*allowed, iopt->allowed);
		iopt->nr_allowed = nr;
	}
	up_write(&iopt->iova_rwsem);
	return rc;
}

static int reserved_cmp(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct iopt_reserved *left = list_entry(a, struct iopt_reserved, item);
	const struct iopt_reserved *right = list_entry(b, struct iopt_reserved, item);

	return left->range.start > right->range.start;
}

/* Make the disjoint ranges anew from the list, which does not exceed their capacity */
static void reserved_rebuild(struct io_pagetable *iopt)
{
	struct iopt_reserved *entry;
	size_t nr = 0;

	list_sort(NULL, &iopt->reserved_list, reserved_cmp);
	list_for_each_entry(entry, &iopt->reserved_list, item)
		iopt->reserved[nr++] = entry->range;
	iopt->nr_reserved = iova_ranges_merge(iopt->reserved, nr);
}

/**
 * iopt_reserve_iova() - Keep a range free of areas
 * @iopt: the address space; iova_rwsem held for writing
 * @start: of the range
 * @last: of the range
 * @owner: for whom; ranges overlap freely
 *
 * Return: 0; EADDRINUSE an area is there, or it was allowed explicitly; ENOMEM.
 */
int iopt_reserve_iova(struct io_pagetable *iopt, unsigned long start, unsigned long last,
		      void *owner)
{
	size_t nr = list_count_nodes(&iopt->reserved_list) + 1;
	struct iopt_reserved *entry;

	lockdep_assert_held_write(&iopt->iova_rwsem);
	if (iopt_area_first(iopt, start, last) ||
	    iova_ranges_overlap(iopt->allowed, iopt->nr_allowed, start, last))
		return -EADDRINUSE;

	if (nr > iopt->reserved_capacity) {
		/* room for removals too: they cannot allocate */
		size_t capacity = max_t(size_t, nr, 2 * iopt->reserved_capacity);
		struct iova_range *larger;

		larger = kvmalloc_array(capacity, sizeof(*larger), GFP_KERNEL_ACCOUNT);
		if (!larger)
			return -ENOMEM;
		memcpy(larger, iopt->reserved, iopt->nr_reserved * sizeof(*larger));
		kvfree(iopt->reserved);
		iopt->reserved = larger;
		iopt->reserved_capacity = capacity;
	}
	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	entry->range.start = start;
	entry->range.last = last;
	entry->owner = owner;
	list_add(&entry->item, &iopt->reserved_list);
	reserved_rebuild(iopt);
	return 0;
}

/* Drop what an owner has reserved. iova_rwsem held for writing. */
void iopt_release_iova(struct io_pagetable *iopt, void *owner)
{
	struct iopt_reserved *entry, *next;

	lockdep_assert_held_write(&iopt->iova_rwsem);
	list_for_each_entry_safe(entry, next, &iopt->reserved_list, item) {
		if (entry->owner != owner)
			continue;
		list_del(&entry->item);
		kfree(entry);
	}
	reserved_rebuild(iopt);
}

/**
 * iopt_remove_reserved_iova() - Drop what an owner has reserved
 * @iopt: the address space
 * @owner: as it was reserved for, a device or a domain
 */
void iopt_remove_reserved_iova(struct io_pagetable *iopt, void *owner)
{
	down_write(&iopt->iova_rwsem);
	iopt_release_iova(iopt, owner);
	up_write(&iopt->iova_rwsem);
}

/**
 * iopt_table_enforce_dev_resv_regions() - Reserve what a device cannot use for DMA to memory
 * @iopt: the address space the device is about to be attached to
 * @dev: the device, who owns the reservations
 * @sw_msi_start: NULL, or out: where the doorbells of its interrupts must be mapped, if anywhere
 *
 * Everything but relaxable direct mappings, which firmware asks for only until a driver takes over.
 *
 * Return: 0; EADDRINUSE an area or an allowed range is there; ENOMEM; EINVAL contradictory regions.
 */
int iopt_table_enforce_dev_resv_regions(struct io_pagetable *iopt, struct device *dev,
					phys_addr_t *sw_msi_start)
{
	unsigned int hw_msi = 0, sw_msi = 0;
	struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int rc = 0;

	iommu_get_resv_regions(dev, &regions);
	down_write(&iopt->iova_rwsem);
	list_for_each_entry(region, &regions, list) {
		unsigned long last;

		if (region->type == IOMMU_RESV_DIRECT_RELAXABLE)
			continue;
		if (region->type == IOMMU_RESV_MSI)
			hw_msi++;
		if (region->type == IOMMU_RESV_SW_MSI) {
			sw_msi++;
			if (sw_msi_start)
				*sw_msi_start = region->start;
		}
		if (!iova_range_last(region->start, region->length, &last))
			rc = -EINVAL;
		else
			rc = iopt_reserve_iova(iopt, region->start, last, dev);
		if (rc)
			break;
	}
	/* a device signals interrupts in one way; a driver that says otherwise is broken */
	if (!rc && sw_msi_start && (WARN_ON(hw_msi && sw_msi) || WARN_ON(sw_msi > 1)))
		rc = -EINVAL;
	if (rc)
		iopt_release_iova(iopt, dev);
	up_write(&iopt->iova_rwsem);
	iommu_put_resv_regions(dev, &regions);
	return rc;
}

void iova_space_init(struct io_pagetable *iopt)
{
	init_rwsem(&iopt->iova_rwsem);
	iopt->areas = RB_ROOT;
	INIT_LIST_HEAD(&iopt->reserved_list);
	/* without domains any address and length will do */
	iopt->iova_alignment = 1;
}

void iova_space_destroy(struct io_pagetable *iopt)
{
	WARN_ON(!RB_EMPTY_ROOT(&iopt->areas));
	/* a test's reservations have no owner who would have released them */
	down_write(&iopt->iova_rwsem);
	iopt_release_iova(iopt, NULL);
	up_write(&iopt->iova_rwsem);
	WARN_ON(!list_empty(&iopt->reserved_list));
	kvfree(iopt->reserved);
	kvfree(iopt->allowed);
}
