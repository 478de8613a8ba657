// SPDX-License-Identifier: GPL-2.0
/*
 * Test calls that compare what a device would see with what the process sees: the same pages, each
 * pinned as often as it should be; and the dirty bits a device would have set.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "mock.h"

/* The page behind an address of the process. Return: it, with a reference, or an ERR_PTR. */
struct page *mock_get_page(unsigned long uaddr)
{
	struct page *page;
	int rc = get_user_pages_fast(uaddr & PAGE_MASK, 1, 0, &page);

	if (rc == 1)
		return page;
	return ERR_PTR(rc ?: -EFAULT);
}

static struct iommu_domain *get_paging(struct iommufd_ctx *ictx, u32 id,
				       struct iommufd_object **obj)
{
	struct iommu_domain *domain = iommufd_test_get_domain(ictx, id, false, obj);

	if (IS_ERR(domain) || domain->ops == &mock_paging_ops)
		return domain;
	iommufd_test_put(ictx, *obj);
	return ERR_PTR(-EINVAL);
}

/* Whether a range shows memory. Return: 0; ENOENT; EINVAL it does not, or misaligned; EFAULT. */
int mock_check_map_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	unsigned long iova = cmd->check_map.iova;
	unsigned long uaddr = cmd->check_map.uptr;
	unsigned long length = cmd->check_map.length;
	struct iommufd_object *obj;
	struct iommu_domain *domain;
	unsigned long done, end;
	int rc = 0;

	if ((iova | length | uaddr) % MOCK_PAGE_SIZE || check_add_overflow(uaddr, length, &end) ||
	    check_add_overflow(iova, length, &end))
		return -EINVAL;
	domain = get_paging(ucmd->ictx, cmd->id, &obj);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	for (done = 0; done < length && !rc; done += MOCK_PAGE_SIZE) {
		struct page *page = mock_get_page(uaddr + done);
		phys_addr_t phys;

		if (IS_ERR(page)) {
			rc = PTR_ERR(page);
			break;
		}
		if (!mock_paging_lookup(domain, iova + done, &phys) ||
		    phys != page_to_phys(page) + offset_in_page(uaddr + done))
			rc = -EINVAL;
		put_page(page);
	}
	iommufd_test_put(ucmd->ictx, obj);
	return rc;
}

/*
 * Whether each page of a range is pinned so many times. Known for small pages alone: pins of others
 * count for the whole folio. Return: 0; EIO it is not; EINVAL misaligned; EFAULT.
 */
int mock_check_refs_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	unsigned long uaddr = cmd->check_refs.uptr;
	unsigned long length = cmd->check_refs.length;
	unsigned long end;
	int rc = 0;

	if ((uaddr | length) % PAGE_SIZE || check_add_overflow(uaddr, length, &end))
		return -EINVAL;
	for (; uaddr < end && !rc; uaddr += PAGE_SIZE) {
		struct page *page = mock_get_page(uaddr);

		if (IS_ERR(page))
			return PTR_ERR(page);
		if (!PageCompound(page) &&
		    page_ref_count(page) / GUP_PIN_COUNTING_BIAS != cmd->check_refs.refs)
			rc = -EIO;
		put_page(page);
	}
	return rc;
}

/*
 * Dirty the pages of a range whose bits are set in a bitmap of the process. Answers how many there
 * were.
 * Return: 0; ENOENT; EINVAL misaligned, or the domain keeps no dirty bits; EOVERFLOW; EFAULT;
 * ENOMEM.
 */
int mock_dirty_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	unsigned long page_size = cmd->dirty.page_size;
	unsigned long length = cmd->dirty.length;
	unsigned long iova = cmd->dirty.iova;
	struct iommufd_object *obj;
	struct iommu_domain *domain;
	unsigned long *bits;
	unsigned long i, nr;
	int rc;

	if (!page_size || !length || iova % page_size || length % page_size || !cmd->dirty.uptr)
		return -EINVAL;
	nr = length / page_size;
	if (nr > SZ_16M * BITS_PER_BYTE)
		return -EOVERFLOW;
	domain = get_paging(ucmd->ictx, cmd->id, &obj);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	rc = -EINVAL;
	if (!mock_paging_tracks(domain))
		goto out_put;
	rc = -ENOMEM;
	bits = kvcalloc(BITS_TO_LONGS(nr), sizeof(*bits), GFP_KERNEL_ACCOUNT);
	if (!bits)
		goto out_put;
	rc = -EFAULT;
	if (copy_from_user(bits, u64_to_user_ptr(cmd->dirty.uptr), DIV_ROUND_UP(nr, BITS_PER_BYTE)))
		goto out_free;
	cmd->dirty.out_count = 0;
	for_each_set_bit(i, bits, nr)
		cmd->dirty.out_count += mock_paging_mark_dirty(domain, iova + i * page_size);
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
out_free:
	kvfree(bits);
out_put:
	iommufd_test_put(ucmd->ictx, obj);
	return rc;
}
