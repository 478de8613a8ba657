// SPDX-License-Identifier: GPL-2.0
/*
 * A page table in software: what a mock device reads and writes through. Two levels, the lower ones
 * pages of 512 entries, so that one of them is what a huge page covers. It complains about every
 * call that an IOMMU's driver could not serve: mapping what is mapped, cutting what was mapped in
 * one.
 */
#include <linux/slab.h>

#include "mock.h"

#define LEAF_ENTRIES 512
#define ROOT_ENTRIES ((MOCK_APERTURE_LAST + 1) / MOCK_HUGE_PAGE_SIZE)

/* An entry: the address of a page of MOCK_PAGE_SIZE, and below */
#define ENTRY_PRESENT BIT_ULL(0)
#define ENTRY_DIRTY   BIT_ULL(1)
#define ENTRY_HUGE    BIT_ULL(2)
#define ENTRY_FIRST   BIT_ULL(3)        /* of one map call */
#define ENTRY_LAST    BIT_ULL(4)
#define ENTRY_BITS    GENMASK_ULL(4, 0)

struct mock_leaf {
	u64 entries[LEAF_ENTRIES];
};

/*
 * The caller keeps calls for one address apart. Those for different ones run side by side, so a
 * leaf is put in place atomically and stays until the domain goes.
 */
struct mock_paging {
	struct iommu_domain domain;
	bool tracks;                    /* dirty bits are kept */
	struct mock_leaf *root[ROOT_ENTRIES];
};

static struct mock_paging *to_paging(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_paging, domain);
}

static u64 *find_entry(struct mock_paging *paging, unsigned long iova)
{
	struct mock_leaf *leaf;

	if (iova > MOCK_APERTURE_LAST)
		return NULL;
	leaf = READ_ONCE(paging->root[iova / MOCK_HUGE_PAGE_SIZE]);
	return leaf ? &leaf->entries[iova / MOCK_PAGE_SIZE % LEAF_ENTRIES] : NULL;
}

static u64 read_entry(struct mock_paging *paging, unsigned long iova)
{
	u64 *entry = find_entry(paging, iova);

	return entry ? READ_ONCE(*entry) : 0;
}

static int make_leaf(struct mock_paging *paging, unsigned long iova, gfp_t gfp)
{
	struct mock_leaf **slot = &paging->root[iova / MOCK_HUGE_PAGE_SIZE];
	struct mock_leaf *leaf;

	if (READ_ONCE(*slot))
		return 0;
	leaf = kzalloc(sizeof(*leaf), gfp);
	if (!leaf)
		return -ENOMEM;
	if (cmpxchg(slot, NULL, leaf))
		kfree(leaf);
	return 0;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t paddr,
			  size_t pgsize, size_t pgcount, int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_paging *paging = to_paging(domain);
	unsigned long at, end = iova + pgsize * pgcount;
	u64 bits = ENTRY_PRESENT | (pgsize == MOCK_HUGE_PAGE_SIZE ? ENTRY_HUGE : 0);
	int rc;

	if (mock_should_fail())
		return -ENOMEM;
	if (WARN_ON((iova | paddr) & (pgsize - 1)) ||
	    WARN_ON(iova < MOCK_APERTURE_START || end - 1 > MOCK_APERTURE_LAST))
		return -EINVAL;
	for (at = ALIGN_DOWN(iova, MOCK_HUGE_PAGE_SIZE); at < end; at += MOCK_HUGE_PAGE_SIZE) {
		rc = make_leaf(paging, at, gfp);
		if (rc)
			return rc;
	}
	for (at = iova; at < end; at += MOCK_PAGE_SIZE) {
		u64 *entry = find_entry(paging, at);

		WARN_ON(*entry);
		WRITE_ONCE(*entry, (paddr + (at - iova)) | bits |
			   (at == iova ? ENTRY_FIRST : 0) |
			   (at + MOCK_PAGE_SIZE == end ? ENTRY_LAST : 0));
	}
	*mapped = end - iova;
	return 0;
}

/*
 * Stops at what is not mapped, as real drivers do. A range that was mapped by one call may only go
 * as a whole. With two sizes of pages the IOMMU core cuts both kinds of calls as it likes, and it
 * is a huge page that goes as a whole.
 */
static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t pgsize,
			       size_t pgcount, struct iommu_iotlb_gather *gather)
{
	bool huge = domain->pgsize_bitmap & MOCK_HUGE_PAGE_SIZE;
	struct mock_paging *paging = to_paging(domain);
	unsigned long at, end = iova + pgsize * pgcount;
	u64 last = 0;

	WARN_ON(iova & (pgsize - 1));
	for (at = iova; at < end; at += MOCK_PAGE_SIZE) {
		u64 *entry = find_entry(paging, at);

		if (!entry || !*entry)
			break;
		WARN_ON(at == iova && !huge && !(*entry & ENTRY_FIRST));
		WARN_ON(at == iova && (*entry & ENTRY_HUGE) && at % MOCK_HUGE_PAGE_SIZE);
		last = *entry;
		WRITE_ONCE(*entry, 0);
	}
	WARN_ON(last && !huge && !(last & ENTRY_LAST));
	WARN_ON((last & ENTRY_HUGE) && at % MOCK_HUGE_PAGE_SIZE);
	return at - iova;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	phys_addr_t phys;

	return mock_paging_lookup(domain, iova, &phys) ? phys : 0;
}

static void mock_paging_free(struct iommu_domain *domain)
{
	struct mock_paging *paging = to_paging(domain);
	size_t i;

	for (i = 0; i < ROOT_ENTRIES; i++) {
		struct mock_leaf *leaf = paging->root[i];

		WARN_ON(leaf && memchr_inv(leaf, 0, sizeof(*leaf)));
		kfree(leaf);
	}
	kvfree(paging);
}

/* A device that cannot tell what it wrote must not use a domain that promises to know */
int mock_attach(struct iommu_domain *domain, struct device *dev)
{
	if (domain->dirty_ops && (to_mock_device(dev)->flags & MOCK_DEVICE_NO_DIRTY))
		return -EINVAL;
	return 0;
}

const struct iommu_domain_ops mock_paging_ops = {
	.attach_dev = mock_attach,
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iova_to_phys = mock_iova_to_phys,
	.free = mock_paging_free,
};

static int mock_set_dirty_tracking(struct iommu_domain *domain, bool enabled)
{
	WRITE_ONCE(to_paging(domain)->tracks, enabled);
	return 0;
}

/* Whether a page, huge or not, is dirty; it is clean afterwards if @clear */
static bool test_dirty(struct mock_paging *paging, unsigned long start, unsigned long size,
		       bool clear)
{
	unsigned long at;
	bool dirty = false;

	for (at = start; at < start + size; at += MOCK_PAGE_SIZE) {
		u64 *entry = find_entry(paging, at);

		if (!entry || !(READ_ONCE(*entry) & ENTRY_DIRTY))
			continue;
		dirty = true;
		if (clear)
			WRITE_ONCE(*entry, *entry & ~ENTRY_DIRTY);
	}
	return dirty;
}

static int mock_read_and_clear_dirty(struct iommu_domain *domain, unsigned long iova, size_t size,
				     unsigned long flags, struct iommu_dirty_bitmap *dirty)
{
	struct mock_paging *paging = to_paging(domain);
	unsigned long end = iova + size;

	if (!READ_ONCE(paging->tracks) && dirty->bitmap)
		return -EINVAL;
	/*
	 * Like drivers for hardware: a page is taken to begin where it is looked at, so who begins in the middle
	 * of one is in the middle of all that follow
	 */
	while (iova < end) {
		u64 entry = read_entry(paging, iova);
		unsigned long page = entry & ENTRY_HUGE ? MOCK_HUGE_PAGE_SIZE : MOCK_PAGE_SIZE;

		if (entry && test_dirty(paging, ALIGN_DOWN(iova, page), page,
					!(flags & IOMMU_DIRTY_NO_CLEAR)))
			iommu_dirty_bitmap_record(dirty, iova, page);
		iova += page;
	}
	return 0;
}

static const struct iommu_dirty_ops mock_dirty_ops = {
	.set_dirty_tracking = mock_set_dirty_tracking,
	.read_and_clear_dirty = mock_read_and_clear_dirty,
};

/* Return: an empty domain for a device with such flags, or ERR_PTR(-ENOMEM) */
struct iommu_domain *mock_paging_alloc(u32 device_flags, bool dirty_tracking)
{
	struct mock_paging *paging;

	paging = kvzalloc(sizeof(*paging), GFP_KERNEL_ACCOUNT);
	if (!paging)
		return ERR_PTR(-ENOMEM);
	paging->domain.type = IOMMU_DOMAIN_UNMANAGED;
	paging->domain.ops = &mock_paging_ops;
	paging->domain.dirty_ops = dirty_tracking ? &mock_dirty_ops : NULL;
	paging->domain.geometry.aperture_start = MOCK_APERTURE_START;
	paging->domain.geometry.aperture_end = MOCK_APERTURE_LAST;
	paging->domain.geometry.force_aperture = true;
	paging->domain.pgsize_bitmap = MOCK_PAGE_SIZE;
	if (device_flags & MOCK_DEVICE_HUGE_IOVA)
		paging->domain.pgsize_bitmap |= MOCK_HUGE_PAGE_SIZE;
	return &paging->domain;
}

/* What a device would reach at an address. Return: false nothing. */
bool mock_paging_lookup(struct iommu_domain *domain, unsigned long iova, phys_addr_t *phys)
{
	u64 entry = read_entry(to_paging(domain), iova);

	*phys = (entry & ~ENTRY_BITS) + iova % MOCK_PAGE_SIZE;
	return entry;
}

bool mock_paging_tracks(struct iommu_domain *domain)
{
	return READ_ONCE(to_paging(domain)->tracks);
}

/* As if a device had written there. Return: false nothing is mapped. */
bool mock_paging_mark_dirty(struct iommu_domain *domain, unsigned long iova)
{
	u64 *entry = find_entry(to_paging(domain), iova);

	if (!entry || !*entry)
		return false;
	WRITE_ONCE(*entry, *entry | ENTRY_DIRTY);
	return true;
}
