// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a VFIO container, on /dev/iommu, for programs that know nothing else: they speak of
 * one IOAS of the context, the one that IOMMU_VFIO_IOAS has set. Which device is attached to it is
 * decided as for any other; nothing here makes an IOAS, attaches, or asks a hook.
 */
#include <linux/slab.h>
#include <linux/vfio.h>

#include "iommufd_private.h"

/* The IOAS these calls speak of, for iommufd_object_put(), or ERR_PTR(-ENODEV) */
static struct iommufd_ioas *compat_ioas_get(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->vfio_ioas;
	if (!ioas || !iommufd_object_try_get(&ioas->obj))
		ioas = ERR_PTR(-ENODEV);
	xa_unlock(&ictx->objects);
	return ioas;
}

/* IOMMU_VFIO_IOAS. Return: 0; EOPNOTSUPP; ENODEV none is set; ENOENT no such IOAS; EFAULT. */
int iommufd_vfio_ioas(struct iommufd_ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct iommufd_ctx *ictx = ucmd->ictx;
	struct iommufd_ioas *ioas;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		ioas = compat_ioas_get(ictx);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		cmd->ioas_id = ioas->obj.id;
		iommufd_object_put(ictx, &ioas->obj);
		return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	case IOMMU_VFIO_IOAS_SET:
		ioas = iommufd_ioas_get(ictx, cmd->ioas_id);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		xa_lock(&ictx->objects);
		ictx->vfio_ioas = ioas;
		xa_unlock(&ictx->objects);
		iommufd_object_put(ictx, &ioas->obj);
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		xa_lock(&ictx->objects);
		ictx->vfio_ioas = NULL;
		xa_unlock(&ictx->objects);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* Return: 1 if the IOMMU makes all DMA of the devices coherent, 0 if not, or an errno */
static int dma_coherent(struct iommufd_ctx *ictx)
{
	struct iommufd_hw_pagetable *hwpt;
	struct iommufd_ioas *ioas;
	int coherent = 1;

	ioas = compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	mutex_lock(&ioas->mutex);
	list_for_each_entry(hwpt, &ioas->hwpt_list, hwpt_item)
		coherent &= hwpt->enforce_cache_coherency;
	mutex_unlock(&ioas->mutex);
	iommufd_object_put(ictx, &ioas->obj);
	return coherent;
}

static int check_extension(struct iommufd_ctx *ictx, unsigned long extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		return dma_coherent(ictx);
	default:
		return 0;
	}
}

/*
 * Type 1 can unmap within a mapping, which takes pages of the smallest size; version 2 cannot.
 * Return: 0; EINVAL an unknown type; ENODEV no IOAS; what iopt_disable_large_pages() says.
 */
static int set_iommu(struct iommufd_ctx *ictx, unsigned long type)
{
	struct iommufd_ioas *ioas;
	int rc = 0;

	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	ioas = compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (type == VFIO_TYPE1_IOMMU)
		rc = iopt_disable_large_pages(&ioas->iopt);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

static int map_dma(struct iommufd_ctx *ictx, void __user *arg)
{
	struct vfio_iommu_type1_dma_map map;
	struct iommufd_ioas *ioas;
	int prot = IOMMU_CACHE;
	unsigned long iova;
	int rc;

	if (copy_from_user(&map, arg, sizeof(map)))
		return -EFAULT;
	if (map.argsz < sizeof(map) ||
	    map.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE) || !map.flags)
		return -EINVAL;
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;

	ioas = compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	iova = map.iova;
	rc = iopt_map_user_pages(&ioas->iopt, ictx->account_mode, &iova, map.vaddr, map.size, prot,
				 true);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}

static int unmap_ioas(struct iommufd_ioas *ioas, const struct vfio_iommu_type1_dma_unmap *unmap,
		      unsigned long *unmapped)
{
	unsigned long last;
	int rc;

	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		if (unmap->iova || unmap->size)
			return -EINVAL;
		return iopt_unmap_all(&ioas->iopt, unmapped);
	}
	/* see set_iommu() */
	if (READ_ONCE(ioas->iopt.disable_large_pages) &&
	    iova_range_last(unmap->iova, unmap->size, &last)) {
		rc = iopt_cut_iova(&ioas->iopt, unmap->iova, last);
		if (rc)
			return rc;
	}
	return iopt_unmap_iova(&ioas->iopt, unmap->iova, unmap->size, unmapped);
}

/* Nothing there is no error. What was unmapped before one is told all the same, in size. */
static int unmap_dma(struct iommufd_ctx *ictx, void __user *arg)
{
	size_t min_size = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	struct vfio_iommu_type1_dma_unmap unmap;
	unsigned long unmapped = 0;
	struct iommufd_ioas *ioas;
	int rc;

	if (copy_from_user(&unmap, arg, min_size))
		return -EFAULT;
	if (unmap.argsz < min_size || unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	ioas = compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = unmap_ioas(ioas, &unmap, &unmapped);
	iommufd_object_put(ictx, &ioas->obj);
	unmap.size = unmapped;
	return copy_to_user(arg, &unmap, min_size) ? -EFAULT : rc;
}

static u64 page_sizes(struct io_pagetable *iopt)
{
	unsigned long sizes = ULONG_MAX;
	struct iopt_domain *entry;

	down_read(&iopt->domains_rwsem);
	list_for_each_entry(entry, &iopt->domains, item)
		sizes &= entry->domain->pgsize_bitmap;
	/* as VFIO: what is smaller than a page of the CPU counts as one */
	if (sizes & ~PAGE_MASK)
		sizes = (sizes & PAGE_MASK) | PAGE_SIZE;
	sizes = max(sizes, iopt->iova_alignment);
	up_read(&iopt->domains_rwsem);
	return sizes;
}

/* The answer of GET_INFO with its chain of capabilities; the ranges end it */
struct info_chain {
	struct vfio_iommu_type1_info info;
	struct vfio_iommu_type1_info_dma_avail avail __aligned(sizeof(u64));
	struct vfio_iommu_type1_info_cap_iova_range iova __aligned(sizeof(u64));
};

/* Return: the whole answer, to be freed, or NULL without memory. Its length is info.argsz. */
static struct info_chain *info_make(struct io_pagetable *iopt)
{
	unsigned long start, last;
	struct info_chain *chain;
	u32 nr = 0;

	down_read(&iopt->iova_rwsem);
	/* between n reserved ranges there are n + 1 holes at most */
	chain = kvzalloc(struct_size(chain, iova.iova_ranges, iopt->nr_reserved + 1),
			 GFP_KERNEL_ACCOUNT);
	if (!chain)
		goto out_unlock;
	for (start = 0; iova_ranges_hole(iopt->reserved, iopt->nr_reserved, &start, &last);
	     start = last + 1) {
		chain->iova.iova_ranges[nr].start = start;
		chain->iova.iova_ranges[nr].end = last;
		nr++;
		if (last == ULONG_MAX)
			break;
	}
	chain->iova.nr_iovas = nr;
	chain->iova.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	chain->iova.header.version = 1;
	chain->avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	chain->avail.header.version = 1;
	chain->avail.header.next = offsetof(struct info_chain, iova);
	chain->avail.avail = U32_MAX; /* memory and RLIMIT_MEMLOCK are the limits, not a count */
	chain->info.argsz = struct_size(chain, iova.iova_ranges, nr);
	chain->info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
out_unlock:
	up_read(&iopt->iova_rwsem);
	return chain;
}

/* Too little room for the capabilities is no error: argsz says how much it takes */
static int get_info(struct iommufd_ctx *ictx, void __user *arg)
{
	size_t min_size = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	struct iommufd_ioas *ioas;
	struct info_chain *chain;
	size_t copied;
	u32 room;
	int rc;

	if (get_user(room, (u32 __user *)arg))
		return -EFAULT;
	if (room < min_size)
		return -EINVAL;
	ioas = compat_ioas_get(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	chain = info_make(&ioas->iopt);
	if (chain)
		chain->info.iova_pgsizes = page_sizes(&ioas->iopt);
	iommufd_object_put(ictx, &ioas->obj);
	if (!chain)
		return -ENOMEM;

	if (room >= chain->info.argsz) {
		chain->info.cap_offset = offsetof(struct info_chain, avail);
		copied = chain->info.argsz;
	} else {
		copied = min_t(size_t, room, sizeof(chain->info));
	}
	rc = copy_to_user(arg, chain, copied) ? -EFAULT : 0;
	kvfree(chain);
	return rc;
}

/**
 * iommufd_vfio_ioctl() - A call that may be one of a VFIO container
 * @ictx: the context
 * @cmd: its number
 * @arg: its argument: a value, or an address
 *
 * Return: what the call returns; ENODEV no IOAS is set; ENOTTY it is none.
 */
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(ictx, arg);
	case VFIO_SET_IOMMU:
		return set_iommu(ictx, arg);
	case VFIO_IOMMU_GET_INFO:
		return get_info(ictx, uarg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(ictx, uarg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(ictx, uarg);
	default:
		return -ENOTTY;
	}
}
