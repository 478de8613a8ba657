// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty tracking: which pages of a HWPT devices have written to, as bits in user memory.
 *
 * The kernel's own bitmap, to which IOMMU drivers report, is compiled into them as an empty
 * function where the kernel has no iommufd. But for every page they report they also extend the
 * range of the IOTLB that is to be invalidated, and that range is ours: asked about one page it
 * says whether that page was dirty, and how large the IOMMU's page is. So drivers are asked page by
 * page, and never say clean for what is not.
 *
 * Drivers take a page to begin where they look at it: who begins in the middle of a large page is in the
 * middle of all that follow, and what comes before is passed over. Pages are of powers of two and lie at
 * multiples of their size, so drivers are asked about blocks of the same kind. A page then lies within a
 * block, and is looked at from its beginning, or it covers the block.
 */
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "iommufd_private.h"

#ifndef __LITTLE_ENDIAN
#error "bits are put together in longs, and copied in bytes"
#endif

/* So many bits are collected at a time, for so many bytes of I/O addresses unless pages are huge */
#define CHUNK_BITS  (PAGE_SIZE * BITS_PER_BYTE)
#define CHUNK_BYTES ((unsigned long)SZ_1G)

/*
 * One GET_DIRTY_BITMAP.
 *
 * @asked_last: the last address that was asked about
 * @bits: what the chunk from @start to @last found, one bit for 1 << @shift bytes
 * @reported: what the IOMMU called dirty reaches up to here. A page of its may be larger than a
 *            chunk, and is called dirty once.
 * @cleared: what must go from the IOTLB, so that the next write is noticed again
 */
struct dirty_read {
	struct iommufd_hw_pagetable *hwpt;
	unsigned long flags;
	unsigned int shift;
	unsigned long asked_last;
	unsigned long start;
	unsigned long last;
	unsigned long reported;
	bool any_reported;
	struct iommu_iotlb_gather cleared;
	unsigned long bits[CHUNK_BITS / BITS_PER_LONG];
};

/* Which IOMMU pages of a range are dirty: *@found covers from the first to the last, or nothing */
static int ask_driver(struct iommu_domain *domain, unsigned long start, unsigned long last,
		      unsigned long flags, struct iommu_iotlb_gather *found)
{
	struct iommu_dirty_bitmap dirty = { .gather = found };

	iommu_iotlb_gather_init(found);
	return domain->dirty_ops->read_and_clear_dirty(domain, start, last - start + 1, flags,
						       &dirty);
}

static bool found_any(const struct iommu_iotlb_gather *found)
{
	return found->start <= found->end;
}

/* Set the bits of a dirty range, as far as it lies in the chunk, and remember how far it reaches */
static void report(struct dirty_read *read, unsigned long start, unsigned long last)
{
	if (!read->any_reported || read->reported < last)
		read->reported = last;
	read->any_reported = true;
	start = max(start, read->start);
	last = min(last, read->last);
	if (start > last)
		return;
	start = (start - read->start) >> read->shift;
	last = (last - read->start) >> read->shift;
	bitmap_set(read->bits, start, last - start + 1);
}

/* Bytes of the IOMMU's smallest page */
static unsigned long smallest_page(const struct dirty_read *read)
{
	return 1UL << __ffs(read->hwpt->domain->pgsize_bitmap);
}

/* The page at an address: dirty or not, and clean afterwards if that was asked for */
static int ask_page(const struct dirty_read *read, unsigned long at,
		    struct iommu_iotlb_gather *found)
{
	unsigned long last = at + (smallest_page(read) - 1);

	return ask_driver(read->hwpt->domain, at, last, read->flags, found);
}

/*
 * A dirty page that covers the block at @at and more. It gets clean only if all of it can be told. What is
 * before the block was clean when it was looked at, or was not asked about, as what is behind asked_last; then
 * the page stays dirty, to be told the next time.
 */
static int read_large(struct dirty_read *read, unsigned long at, unsigned long size)
{
	unsigned long last = at | (size - 1);
	struct iommu_iotlb_gather found;
	int rc = 0;

	if (!(at & (size - 1)) && last <= read->asked_last) {
		rc = ask_page(read, at, &found);
		iommu_iotlb_gather_add_range(&read->cleared, at, size);
	}
	report(read, at, last);
	return rc;
}

/* Look at a block */
static int read_block(struct dirty_read *read, unsigned long start, unsigned long last)
{
	struct iommu_iotlb_gather found;
	int rc;

	/* most are clean: between which is it worth looking at each? */
	rc = ask_driver(read->hwpt->domain, start, last, IOMMU_DIRTY_NO_CLEAR, &found);
	if (rc || !found_any(&found))
		return rc;
	if (found.end > last)
		return read_large(read, start, found.end - start + 1);
	start = found.start;
	last = found.end;
	for (;;) {
		unsigned long size = smallest_page(read);

		rc = ask_page(read, start, &found);
		if (rc)
			return rc;
		if (found_any(&found)) {
			/* a clean page is passed in small steps, and may be written to meanwhile: it begins before */
			size = found.end - found.start + 1;
			start = ALIGN_DOWN(start, size);
			report(read, start, start + (size - 1));
			iommu_iotlb_gather_add_range(&read->cleared, start, size);
		}
		if (last - start < size)
			return 0;
		start += size;
		/* a bit may stand for terabytes of pages; what was found is reported all the same */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
}

/* The last address of the largest block from an address that does not go beyond another */
static unsigned long block_last(unsigned long start, unsigned long last)
{
	unsigned long size = rounddown_pow_of_two(last - start + 1);

	if (start)
		size = min(size, 1UL << __ffs(start));
	return start + (size - 1);
}

/* Look at the part of an area that lies in the chunk, a GiB at most */
static int read_area(struct dirty_read *read, unsigned long start, unsigned long last)
{
	for (;;) {
		unsigned long end = block_last(start, last);
		int rc = read_block(read, start, end);

		if (rc)
			return rc;
		if (read->any_reported)
			end = max(end, read->reported);
		if (end >= last)
			return 0;
		start = end + 1;
	}
}

/* Whether areas cover a range without a hole; iova_rwsem held, under which that does not change */
static bool range_is_mapped(struct io_pagetable *iopt, unsigned long start, unsigned long last)
{
	struct iopt_area *area = iopt_area_first(iopt, start, last);

	/* pairs with the release in areas_publish() */
	while (area && area->start <= start && !smp_load_acquire(&area->busy)) {
		if (area->last >= last)
			return true;
		start = area->last + 1;
		area = iopt_area_next(area);
	}
	return false;
}

/* Whether a range can be told of at all; iova_rwsem held */
static bool can_tell(struct iommufd_hw_pagetable *hwpt, unsigned long start, unsigned long last)
{
	return READ_ONCE(hwpt->dirty_tracking) && range_is_mapped(&hwpt->ioas->iopt, start, last);
}

/*
 * Collect the bits of a part of the chunk. Areas are neither filled nor emptied in the domain meanwhile:
 * to begin either takes the lock for writing.
 */
static int read_part(struct dirty_read *read, unsigned long start, unsigned long last)
{
	struct io_pagetable *iopt = &read->hwpt->ioas->iopt;
	struct iopt_area *area;
	int rc = -EINVAL;

	iommu_iotlb_gather_init(&read->cleared);
	down_read(&iopt->iova_rwsem);
	if (!can_tell(read->hwpt, start, last))
		goto out_unlock;
	rc = 0;
	for (area = iopt_area_first(iopt, start, last); area && area->start <= last && !rc;
	     area = iopt_area_next(area))
		rc = read_area(read, max(start, area->start), min(last, area->last));
	if (found_any(&read->cleared) && !(read->flags & IOMMU_DIRTY_NO_CLEAR))
		iommu_iotlb_sync(read->hwpt->domain, &read->cleared);
out_unlock:
	up_read(&iopt->iova_rwsem);
	return rc;
}

/*
 * Collect the bits of the chunk. With huge pages it is of terabytes; an attach and a revocation of a device
 * wait for the lock, so it is held for a part at a time.
 */
static int read_chunk(struct dirty_read *read)
{
	unsigned long start = read->start, last;
	int rc;

	bitmap_zero(read->bits, CHUNK_BITS);
	for (;;) {
		if (read->any_reported && read->reported >= start) {
			report(read, start, read->reported);
			if (read->reported >= read->last)
				return 0;
			start = read->reported + 1;
		}
		last = min(read->last - start, CHUNK_BYTES - 1) + start;
		rc = read_part(read, start, last);
		if (rc || last == read->last)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		start = last + 1;
	}
}

/* The pages of a part of the caller's bitmap */
struct user_bits {
	struct page *pages[2];
	int nr_pages;
	unsigned int offset;
};

/* Before anything is cleared: what is found must have a place to go to. Return: 0 or EFAULT. */
static int user_bits_pin(struct user_bits *user, unsigned long addr, size_t length)
{
	int nr;

	user->offset = offset_in_page(addr);
	user->nr_pages = (user->offset + length - 1) / PAGE_SIZE + 1;
	nr = pin_user_pages_fast(addr & PAGE_MASK, user->nr_pages, FOLL_WRITE, user->pages);
	if (nr == user->nr_pages)
		return 0;
	if (nr > 0)
		unpin_user_pages(user->pages, nr);
	return -EFAULT;
}

/* Add bits to those that are there */
static void user_bits_set(struct user_bits *user, const void *bits, size_t length)
{
	const u8 *from = bits;
	size_t at = user->offset, i;

	for (i = 0; i < length; i++, at++)
		if (from[i]) {
			u8 *to = kmap_local_page(user->pages[at / PAGE_SIZE]);

			to[at % PAGE_SIZE] |= from[i];
			kunmap_local(to);
		}
}

static void user_bits_unpin(struct user_bits *user)
{
	unpin_user_pages_dirty_lock(user->pages, user->nr_pages, true);
}

/*
 * Return: 0; EOVERFLOW, EINVAL the range is none, or not aligned to pages of the IOMMU and to bits
 */
static int check_range(struct io_pagetable *iopt, const struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	unsigned long alignment = READ_ONCE(iopt->iova_alignment);
	u64 last;

	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow(cmd->iova, cmd->length - 1, &last) || last > ULONG_MAX)
		return -EOVERFLOW;
	if (!is_power_of_2(cmd->page_size))
		return -EINVAL;
	if ((cmd->iova | (last + 1)) & ((alignment - 1) | (cmd->page_size - 1)))
		return -EINVAL;
	return 0;
}

static int read_all(struct dirty_read *read, const struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	unsigned long nr_bits = ((cmd->length - 1) >> read->shift) + 1;
	unsigned long chunk = clamp(CHUNK_BYTES >> read->shift, BITS_PER_BYTE, CHUNK_BITS);
	struct io_pagetable *iopt = &read->hwpt->ioas->iopt;
	unsigned long bit;
	bool possible;

	/* all of it, before a part is cleared, though it may change until that part's turn */
	down_read(&iopt->iova_rwsem);
	possible = can_tell(read->hwpt, cmd->iova, read->asked_last);
	up_read(&iopt->iova_rwsem);
	if (!possible)
		return -EINVAL;
	for (bit = 0; bit < nr_bits; bit += chunk) {
		size_t bytes = DIV_ROUND_UP(min(chunk, nr_bits - bit), BITS_PER_BYTE);
		struct user_bits user;
		int rc;

		read->start = cmd->iova + (bit << read->shift);
		read->last = read->asked_last;
		if (nr_bits - bit > chunk)
			read->last = read->start + ((chunk << read->shift) - 1);
		rc = user_bits_pin(&user, cmd->data + bit / BITS_PER_BYTE, bytes);
		if (rc)
			return rc;
		rc = read_chunk(read);
		/* after an error too: bits that were cleared are nowhere else */
		user_bits_set(&user, read->bits, bytes);
		user_bits_unpin(&user);
		if (rc)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static struct iommufd_hw_pagetable *hwpt_get(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj = iommufd_object_get(ictx, id, IOMMUFD_OBJ_HWPT_PAGING);

	return IS_ERR(obj) ? ERR_CAST(obj) : container_of(obj, struct iommufd_hw_pagetable, obj);
}

/*
 * IOMMU_HWPT_GET_DIRTY_BITMAP. Adds to the bits that are set in the caller's bitmap already.
 * Return: 0; ENOENT; EOPNOTSUPP the HWPT was not made for it; EOVERFLOW, EINVAL no such range;
 * EINVAL not all of it is mapped, or tracking is off; EFAULT the bitmap; ENOMEM; EINTR. What bits
 * were cleared are told always.
 */
int iommufd_hwpt_get_dirty_bitmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct iommufd_hw_pagetable *hwpt;
	struct dirty_read *read;
	int rc;

	if ((cmd->flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) || cmd->__reserved)
		return -EOPNOTSUPP;
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	rc = check_range(&hwpt->ioas->iopt, cmd);
	if (rc)
		goto out_put;
	rc = -EOPNOTSUPP;
	if (!hwpt->domain->dirty_ops)
		goto out_put;
	rc = -ENOMEM;
	read = kzalloc(sizeof(*read), GFP_KERNEL_ACCOUNT);
	if (!read)
		goto out_put;
	read->hwpt = hwpt;
	read->flags = cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR ? IOMMU_DIRTY_NO_CLEAR : 0;
	read->shift = __ffs64(cmd->page_size);
	read->asked_last = cmd->iova + (cmd->length - 1);
	rc = read_all(read, cmd);
	kfree(read);
out_put:
	iommufd_object_put(ucmd->ictx, &hwpt->obj);
	return rc;
}

/* Forget what was dirty before tracking begins; iova_rwsem held */
static int clear_all(struct iommufd_hw_pagetable *hwpt)
{
	struct io_pagetable *iopt = &hwpt->ioas->iopt;
	struct iommu_iotlb_gather cleared;
	struct iopt_area *area;
	int rc = 0;

	iommu_iotlb_gather_init(&cleared);
	for (area = iopt_area_first(iopt, 0, ULONG_MAX); area && !rc; area = iopt_area_next(area)) {
		struct iommu_iotlb_gather found;

		/* pairs with the release in areas_publish() */
		if (smp_load_acquire(&area->busy))
			continue;
		rc = ask_driver(hwpt->domain, area->start, area->last, 0, &found);
		if (found_any(&found))
			iommu_iotlb_gather_add_range(&cleared, found.start,
						     found.end - found.start + 1);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		cond_resched();
	}
	if (found_any(&cleared))
		iommu_iotlb_sync(hwpt->domain, &cleared);
	return rc;
}

/*
 * IOMMU_HWPT_SET_DIRTY_TRACKING. Return: 0; ENOENT; EOPNOTSUPP, also if the HWPT was not made for
 * it; what the IOMMU driver says.
 */
int iommufd_hwpt_set_dirty_tracking(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	bool enable = cmd->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE;
	struct iommufd_hw_pagetable *hwpt;
	int rc = 0;

	if ((cmd->flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE) || cmd->__reserved)
		return -EOPNOTSUPP;
	hwpt = hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (!hwpt->domain->dirty_ops) {
		rc = -EOPNOTSUPP;
		goto out_put;
	}
	mutex_lock(&hwpt->ioas->mutex);
	down_read(&hwpt->ioas->iopt.iova_rwsem);
	if (enable)
		rc = clear_all(hwpt);
	if (!rc)
		rc = hwpt->domain->dirty_ops->set_dirty_tracking(hwpt->domain, enable);
	if (!rc)
		WRITE_ONCE(hwpt->dirty_tracking, enable);
	up_read(&hwpt->ioas->iopt.iova_rwsem);
	mutex_unlock(&hwpt->ioas->mutex);
out_put:
	iommufd_object_put(ucmd->ictx, &hwpt->obj);
	return rc;
}
