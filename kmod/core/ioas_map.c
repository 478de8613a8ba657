// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctls that change what an IOAS maps or may map: arguments in, errnos out. The work is done
 * in io_pagetable.c; no hook is asked on this path (S17).
 *
 * Map, copy and unmap answer in one field, and write that alone.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "iommufd_private.h"

#define MAP_PROT_FLAGS (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)
#define MAP_FLAGS      (MAP_PROT_FLAGS | IOMMU_IOAS_MAP_FIXED_IOVA)
/*
 * A map that finds no place has looked through all, with iova_rwsem held: for some milliseconds, as an
 * attach and a revocation of a device wait for it
 */
#define RANGES_MAX     65536

/* Devices are coherent, or they would not have been bound, and user space could not flush anyway */
static int map_prot(u32 flags)
{
	int prot = IOMMU_CACHE;

	if (flags & IOMMU_IOAS_MAP_WRITEABLE)
		prot |= IOMMU_WRITE;
	if (flags & IOMMU_IOAS_MAP_READABLE)
		prot |= IOMMU_READ;
	return prot;
}

/* IOMMU_IOAS_MAP. Return: 0 or an errno, see iopt_map_user_pages(). */
int iommufd_ioas_map(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map __user *answer = ucmd->ubuffer;
	struct iommu_ioas_map *cmd = ucmd->cmd;
	unsigned long iova = cmd->iova;
	struct iommufd_ioas *ioas;
	unsigned long unmapped;
	int rc;

	if ((cmd->flags & ~MAP_FLAGS) || cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->iova >= ULONG_MAX || cmd->length >= ULONG_MAX)
		return -EOVERFLOW;
	if (!(cmd->flags & MAP_PROT_FLAGS))
		return -EINVAL;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = iopt_map_user_pages(&ioas->iopt, ucmd->ictx->account_mode, &iova, cmd->user_va,
				 cmd->length, map_prot(cmd->flags),
				 cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA);
	if (rc)
		goto out_put;
	rc = put_user((u64)iova, &answer->iova);
	/* a mapping nobody knows of is one nobody takes away */
	if (rc)
		iopt_unmap_iova(&ioas->iopt, iova, cmd->length, &unmapped);
out_put:
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/* IOMMU_IOAS_COPY. Return: 0 or an errno, see iopt_copy_areas() and iopt_map_areas(). */
int iommufd_ioas_copy(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_copy __user *answer = ucmd->ubuffer;
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	unsigned long iova = cmd->dst_iova;
	struct iommufd_ioas *ioas;
	struct iopt_area *copies;
	unsigned long unmapped;
	int rc;

	if (cmd->flags & ~MAP_FLAGS)
		return -EOPNOTSUPP;
	if (cmd->length >= ULONG_MAX || cmd->src_iova >= ULONG_MAX || cmd->dst_iova >= ULONG_MAX)
		return -EOVERFLOW;
	if (!(cmd->flags & MAP_PROT_FLAGS))
		return -EINVAL;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->src_ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = iopt_copy_areas(&ioas->iopt, cmd->src_iova, cmd->length, &copies);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	if (rc)
		return rc;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->dst_ioas_id);
	if (IS_ERR(ioas)) {
		iopt_free_copies(copies);
		return PTR_ERR(ioas);
	}
	rc = iopt_map_areas(&ioas->iopt, copies, cmd->length, &iova, map_prot(cmd->flags),
			    cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA);
	if (rc)
		goto out_put;
	rc = put_user((u64)iova, &answer->dst_iova);
	if (rc)
		iopt_unmap_iova(&ioas->iopt, iova, cmd->length, &unmapped);
out_put:
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/* IOMMU_IOAS_UNMAP. Return: 0 or an errno, see iopt_unmap_iova(); ENOENT nothing was mapped. */
int iommufd_ioas_unmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_unmap __user *answer = ucmd->ubuffer;
	struct iommu_ioas_unmap *cmd = ucmd->cmd;
	unsigned long unmapped = 0;
	struct iommufd_ioas *ioas;
	int rc;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (!cmd->iova && cmd->length == U64_MAX) {
		rc = iopt_unmap_all(&ioas->iopt, &unmapped);
	} else if (cmd->iova >= ULONG_MAX || cmd->length >= ULONG_MAX) {
		rc = -EOVERFLOW;
	} else {
		rc = iopt_unmap_iova(&ioas->iopt, cmd->iova, cmd->length, &unmapped);
		if (!rc && !unmapped)
			rc = -ENOENT;
	}
	if (!rc)
		rc = put_user((u64)unmapped, &answer->length);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/*
 * IOMMU_IOAS_IOVA_RANGES. The answer is put together before any of it is copied out: a fault on
 * user memory under the locks of the address space would let user space stop everybody who needs
 * them.
 *
 * Return: 0; EOPNOTSUPP, ENOENT; EMSGSIZE there are more, and num_iovas says how many; EFAULT;
 * ENOMEM.
 */
int iommufd_ioas_iova_ranges(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	struct iommu_iova_range *ranges = NULL;
	u32 nr = 0, nr_asked = cmd->num_iovas;
	struct io_pagetable *iopt;
	struct iommufd_ioas *ioas;
	unsigned long start, last;
	size_t room;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	iopt = &ioas->iopt;

	down_read(&iopt->iova_rwsem);
	/* between n reserved ranges there are n + 1 holes at most */
	room = min_t(size_t, nr_asked, iopt->nr_reserved + 1);
	rc = -ENOMEM;
	ranges = kvmalloc_array(room, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges && room) {
		up_read(&iopt->iova_rwsem);
		goto out_put;
	}
	cmd->out_iova_alignment = iopt->iova_alignment;
	for (start = 0; iova_ranges_hole(iopt->reserved, iopt->nr_reserved, &start, &last);
	     start = last + 1) {
		if (nr < room) {
			ranges[nr].start = start;
			ranges[nr].last = last;
		}
		nr++;
		if (last == ULONG_MAX)
			break;
	}
	up_read(&iopt->iova_rwsem);

	rc = -EFAULT;
	if (copy_to_user(u64_to_user_ptr(cmd->allowed_iovas), ranges,
			 min(nr, nr_asked) * sizeof(*ranges)))
		goto out_put;
	cmd->num_iovas = nr;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (!rc && nr > nr_asked)
		rc = -EMSGSIZE;
out_put:
	kvfree(ranges);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

static int range_cmp(const void *a, const void *b)
{
	const struct iova_range *left = a, *right = b;

	/* sort() by itself gives way to nobody */
	cond_resched();
	return left->start < right->start ? -1 : left->start > right->start;
}

/* Copy in @nr ranges, sorted; an ERR_PTR if they are not disjoint, or not of two bytes or more */
static struct iova_range *ranges_copy_in(const struct iommu_iova_range __user *uranges, u32 nr)
{
	struct iova_range *ranges;
	size_t i;
	int rc;

	static_assert(sizeof(struct iova_range) == sizeof(struct iommu_iova_range));
	if (!nr)
		return NULL;
	if (nr > RANGES_MAX)
		return ERR_PTR(-E2BIG);
	ranges = kvmalloc_array(nr, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	rc = -EFAULT;
	if (copy_from_user(ranges, uranges, nr * sizeof(*ranges)))
		goto err_free;
	rc = -EINVAL;
	for (i = 0; i < nr; i++)
		if (ranges[i].start >= ranges[i].last)
			goto err_free;
	sort(ranges, nr, sizeof(*ranges), range_cmp, NULL);
	for (i = 1; i < nr; i++)
		if (ranges[i].start <= ranges[i - 1].last)
			goto err_free;
	return ranges;

err_free:
	kvfree(ranges);
	return ERR_PTR(rc);
}

/* IOMMU_IOAS_ALLOW_IOVAS. Return: 0 or an errno, EADDRINUSE a range is reserved, E2BIG too many */
int iommufd_ioas_allow_iovas(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct iova_range *allowed;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	allowed = ranges_copy_in(u64_to_user_ptr(cmd->allowed_iovas), cmd->num_iovas);
	if (IS_ERR(allowed)) {
		rc = PTR_ERR(allowed);
	} else {
		/* on success allowed becomes what was there before */
		rc = iopt_set_allow_iova(&ioas->iopt, &allowed, cmd->num_iovas);
		kvfree(allowed);
	}
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}

/**
 * iommufd_option_huge_pages() - Read or set whether an IOAS maps in pages larger than the CPU's
 * @cmd: the argument of IOMMU_OPTION; its option id is IOMMU_OPTION_HUGE_PAGES
 * @ictx: the context
 *
 * Return: 0; ENOENT no such IOAS; EINVAL a value but 0 and 1, or domains show mappings; EADDRINUSE
 * a mapping is not aligned to pages; EOPNOTSUPP unknown operation.
 */
int iommufd_option_huge_pages(struct iommu_option *cmd, struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;
	int rc = 0;

	ioas = iommufd_ioas_get(ictx, cmd->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (cmd->op == IOMMU_OPTION_OP_GET)
		cmd->val64 = !ioas->iopt.disable_large_pages;
	else if (cmd->op != IOMMU_OPTION_OP_SET)
		rc = -EOPNOTSUPP;
	else if (cmd->val64 == 0)
		rc = iopt_disable_large_pages(&ioas->iopt);
	else if (cmd->val64 == 1)
		iopt_enable_large_pages(&ioas->iopt);
	else
		rc = -EINVAL;
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}
