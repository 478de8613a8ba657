/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The structs of the map path and the calls between its files. Neither objects and ids nor devices
 * are known here, and nothing here asks a hook (S17).
 *
 * An io_pagetable is the I/O address space of one IOAS. An iopt_area is one range of it, shown to
 * devices by every domain of the io_pagetable. iopt_pages is a stretch of a process's memory; areas
 * of any number of address spaces show all or a part of it. Memory is pinned in segments: a segment
 * counts its users, the areas and pins of accesses that cover it; each covers all of it or nothing, and
 * the last to go unpins it.
 *
 *   iova_space.c    areas by address, reserved and allowed ranges, the allocator
 *   io_pagetable.c  mapping, unmapping, copying; the domains and accesses of an address space
 *   iopt_cut.c      one area becomes two
 *   iopt_fill.c     an area's pages into a domain and out of it
 *   pages.c         pinning and unpinning, accounting
 *   pages_access.c  what is in pages, for the CPU
 *
 * Locks: see iommufd_private.h for the order. A fault on user memory happens in a pin's turn
 * (iopt_pages.pinning), which comes where the pages' mutex does and is no lock; and, when a first
 * domain joins mappings that exist already, under the two locks of the io_pagetable.
 */
#ifndef IO_PAGETABLE_H
#define IO_PAGETABLE_H

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "iova.h"

struct iommufd_access;
struct iommufd_ctx;
struct mm_struct;
struct task_struct;
struct user_struct;

/* Where pinned pages count: a process with CAP_IPC_LOCK is not limited, and not counted */
enum iopt_account_mode {
	IOPT_PAGES_ACCOUNT_NONE,
	IOPT_PAGES_ACCOUNT_USER, /* the user's locked_vm, as io_uring does */
	IOPT_PAGES_ACCOUNT_MM,   /* the mm's locked_vm, as VFIO type1 does */
};

/*
 * The I/O address space of one IOAS, embedded in it.
 *
 * domains_rwsem guards domains and nr_domains, and for writing excludes every map and unmap between
 * its placing of an area and the end of its work: whoever holds it for writing sees each area
 * either filled into all domains, or into none (busy: a map has still to look at the domains).
 * iova_rwsem guards areas, and what is reserved and allowed. iova_alignment, disable_large_pages, accesses
 * and nr_pinning change under both; accesses also under its own xa_lock, which is enough to look at it.
 */
struct io_pagetable {
	struct rw_semaphore domains_rwsem;
	struct list_head domains;               /* of iopt_domain.item */
	unsigned int nr_domains;

	struct rw_semaphore iova_rwsem;
	struct rb_root areas;                   /* of iopt_area.node: disjoint, by address */
	struct list_head reserved_list;         /* of iopt_reserved.item, one for each owner's range */
	struct iova_range *reserved;            /* the same as disjoint ranges, for searching */
	size_t nr_reserved;
	size_t reserved_capacity;               /* at least the length of reserved_list */
	struct iova_range *allowed;             /* disjoint and sorted; none: everything is allowed */
	size_t nr_allowed;
	unsigned long iova_alignment;           /* a power of two, at most PAGE_SIZE */
	bool disable_large_pages;
	struct xarray accesses;                 /* of struct iommufd_access */
	unsigned int nr_pinning;                /* accesses that pin pages */

	/* for people: /proc/iommufd */
	unsigned long nr_areas;
	unsigned long nr_mapped;                /* bytes in areas */
	atomic_long_t nr_pinned;                /* pages that areas and accesses hold pinned; no lock */
};

/* A domain that shows an io_pagetable. Owned by the io_pagetable; domains_rwsem. */
struct iopt_domain {
	struct list_head item;
	struct iommu_domain *domain;            /* not owned: its HWPT removes it before freeing it */
};

/* A range that must stay free. Owned by the io_pagetable; iova_rwsem. */
struct iopt_reserved {
	struct list_head item;
	struct iova_range range;
	void *owner;                            /* a device or a domain, never dereferenced */
};

/*
 * A range of I/O addresses that shows pages, to which it holds a reference. start to prot do not
 * change while it is in the tree; iova_rwsem guards the tree's fields.
 *
 * busy: a map or unmap works on it, which alone may look at the rest, and others take it for a
 * range that is not free but shows nothing. Set under iova_rwsem for writing, cleared with release
 * order under domains_rwsem. pinned and next belong to whoever set busy, or holds domains_rwsem for
 * writing.
 *
 * num_accesses counts pins of accesses, each of which keeps the area where it is: it is never busy or
 * cut then. Raised under iova_rwsem, and lowered with release order without it, as the last thing a
 * pin's end does. no_access: an unmap waits for them to end. Set under iova_rwsem for writing.
 */
struct iopt_area {
	struct rb_node node;
	unsigned long gap;                      /* free addresses between the area before and this */
	unsigned long subtree_max_gap;          /* the largest gap of the subtree */
	unsigned long start;
	unsigned long last;
	struct io_pagetable *iopt;
	struct iopt_pages *pages;
	unsigned long index;                    /* of the first page shown, in pages */
	u16 page_offset;                        /* where in that page the area starts */
	u8 prot;                                /* IOMMU_READ, IOMMU_WRITE, IOMMU_CACHE */
	bool busy;
	bool pinned;                            /* it is a user of the segments it covers */
	bool no_access;
	atomic_t num_accesses;
	struct iopt_area *next;                 /* in the list of one map or unmap */
};

/* A physically contiguous run of pages: its number of pages below, its first pfn above */
#define IOPT_RUN_PAGES_BITS 20
#define IOPT_RUN_MAX_PAGES  ((1UL << IOPT_RUN_PAGES_BITS) - 1)

static inline u64 iopt_run_make(unsigned long pfn, unsigned long npages)
{
	return (u64)pfn << IOPT_RUN_PAGES_BITS | npages;
}

static inline unsigned long iopt_run_pfn(u64 run)
{
	return run >> IOPT_RUN_PAGES_BITS;
}

static inline unsigned long iopt_run_npages(u64 run)
{
	return run & IOPT_RUN_MAX_PAGES;
}

/* Pinned pages, all with the same users. Owned by its iopt_pages; its mutex. */
struct iopt_segment {
	struct rb_node node;
	unsigned long index;                    /* of the first page */
	unsigned long npages;
	unsigned int users;                     /* areas, and pins of accesses, that cover it */
	unsigned int nr_runs;
	u64 runs[];
};

/*
 * A stretch of a process's memory: what can be pinned of it, and what is. Reference counted: one
 * for each area that shows it, one for each call that works with it. mutex guards the segments; the
 * rest does not change.
 *
 * The first area is part of it, and so is room for a segment of one run: a small mapping is one
 * allocation.
 */
struct iopt_pages {
	struct kref kref;
	u8 account_mode;                        /* enum iopt_account_mode */
	bool writable;
	bool spare_used;                        /* mutex */
	bool pinning;                           /* mutex: a call pins, perhaps for ever */
	struct mutex mutex;
	unsigned long npages;
	unsigned long uaddr;                    /* of the first page */
	struct mm_struct *source_mm;            /* mmgrab()bed */
	struct task_struct *source_task;        /* whose limit counts; NULL if none does */
	struct user_struct *source_user;        /* whose locked_vm counts; NULL if none does */
	struct rb_root segments;                /* of iopt_segment.node: disjoint, by index */
	struct iopt_area first_area;
	struct iopt_segment spare;              /* last: allocated with one run */
};

static inline unsigned long iopt_area_length(const struct iopt_area *area)
{
	return area->last - area->start + 1;    /* 0 for all addresses, which no area has */
}

/* The number of pages an area shows, those it shows in part included */
static inline unsigned long iopt_area_npages(const struct iopt_area *area)
{
	return (area->page_offset + (area->last - area->start)) / PAGE_SIZE + 1;
}

static inline unsigned long iopt_area_last_index(const struct iopt_area *area)
{
	return area->index + iopt_area_npages(area) - 1;
}

/* The byte of its pages that an area shows at an address */
static inline unsigned long iopt_area_start_byte(const struct iopt_area *area, unsigned long iova)
{
	return iova - area->start + area->page_offset + area->index * PAGE_SIZE;
}

static inline unsigned long iopt_nr_pinned(struct io_pagetable *iopt)
{
	return atomic_long_read(&iopt->nr_pinned);
}

/* io_pagetable.c */
void iopt_init_table(struct io_pagetable *iopt);
void iopt_destroy_table(struct io_pagetable *iopt);
int iopt_map_user_pages(struct io_pagetable *iopt, enum iopt_account_mode account_mode,
			unsigned long *iova, unsigned long uaddr, unsigned long length, int prot,
			bool fixed);
int iopt_copy_areas(struct io_pagetable *iopt, unsigned long iova, unsigned long length,
		    struct iopt_area **copies);
void iopt_free_copies(struct iopt_area *copies);
int iopt_map_areas(struct io_pagetable *iopt, struct iopt_area *areas, unsigned long length,
		   unsigned long *iova, int prot, bool fixed);
int iopt_unmap_iova(struct io_pagetable *iopt, unsigned long iova, unsigned long length,
		    unsigned long *unmapped);
int iopt_unmap_all(struct io_pagetable *iopt, unsigned long *unmapped);
int iopt_table_add_domain(struct io_pagetable *iopt, struct iommu_domain *domain);
void iopt_table_remove_domain(struct io_pagetable *iopt, struct iommu_domain *domain);
int iopt_disable_large_pages(struct io_pagetable *iopt);
void iopt_enable_large_pages(struct io_pagetable *iopt);
int iopt_add_access(struct io_pagetable *iopt, struct iommufd_access *access, bool pins, u32 *id);
void iopt_remove_access(struct io_pagetable *iopt, struct iommufd_access *access, bool pins,
			u32 id);

/* iopt_cut.c */
int iopt_cut_iova(struct io_pagetable *iopt, unsigned long start, unsigned long last);

/* access.c: who uses an address space from within the kernel; no lock held, for they wait */
void iommufd_access_notify_unmap(struct io_pagetable *iopt, unsigned long iova,
				 unsigned long length);
void iommufd_access_wait(struct io_pagetable *iopt);

/* iova_space.c; iova_rwsem held, for writing by what changes something */
void iova_space_init(struct io_pagetable *iopt);
void iova_space_destroy(struct io_pagetable *iopt);
struct iopt_area *iopt_area_first(struct io_pagetable *iopt, unsigned long start,
				  unsigned long last);
struct iopt_area *iopt_area_next(struct iopt_area *area);
void iopt_area_insert(struct io_pagetable *iopt, struct iopt_area *area);
void iopt_area_remove(struct io_pagetable *iopt, struct iopt_area *area);
int iopt_check_iova(struct io_pagetable *iopt, unsigned long iova, unsigned long length);
int iopt_alloc_iova(struct io_pagetable *iopt, unsigned long *iova, unsigned long uaddr,
		    unsigned long length);
int iopt_reserve_iova(struct io_pagetable *iopt, unsigned long start, unsigned long last,
		      void *owner);
void iopt_release_iova(struct io_pagetable *iopt, void *owner);

/* iova_space.c; take iova_rwsem themselves */
int iopt_set_allow_iova(struct io_pagetable *iopt, struct iova_range **allowed, size_t nr);
int iopt_table_enforce_dev_resv_regions(struct io_pagetable *iopt, struct device *dev,
					phys_addr_t *sw_msi_start);
void iopt_remove_reserved_iova(struct io_pagetable *iopt, void *owner);

/* pages.c: how many pages are pinned, and runs mapped, at a time; UINT_MAX but in tests */
extern unsigned int iopt_batch_limit;

/* iopt_fill.c; domains_rwsem held */
int iopt_area_fill_domain(struct iopt_area *area, struct iopt_pages *pages,
			  struct iommu_domain *domain);
bool iopt_area_unmap_domain(struct iopt_area *area, struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather, unsigned long *gathered);

/* pages.c */
struct iopt_pages *iopt_alloc_pages(unsigned long uaddr, unsigned long length, bool writable,
				    enum iopt_account_mode account_mode);
void iopt_release_pages(struct kref *kref);
int iopt_pages_pin(struct iopt_pages *pages, unsigned long index, unsigned long last);
void iopt_pages_unpin(struct iopt_pages *pages, unsigned long index, unsigned long last);
int iopt_pages_cut(struct iopt_pages *pages, unsigned long index);
struct iopt_segment *iopt_segment_find(struct iopt_pages *pages, unsigned long index);
struct iopt_segment *iopt_segment_next(struct iopt_segment *segment);

/* pages_access.c; flags are of iommufd_access_rw() */
void iopt_pages_list(struct iopt_pages *pages, unsigned long index, unsigned long last,
		     struct page **list);
int iopt_pages_rw(struct iopt_pages *pages, unsigned long byte, void *data, unsigned long length,
		  unsigned int flags);

static inline void iopt_get_pages(struct iopt_pages *pages)
{
	kref_get(&pages->kref);
}

static inline void iopt_put_pages(struct iopt_pages *pages)
{
	kref_put(&pages->kref, iopt_release_pages);
}

#endif
