// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses: how a driver without an IOMMU uses an IOAS, see iommufd_access.h. Which pages a range shows,
 * what the access has pinned, and who waits for whom when a range is unmapped. How pages are pinned and
 * copied is not known here.
 *
 * No lock of the address space is held while memory faults. Instead an area that an access has pinned, or
 * is pinning, cannot go; and an unmap waits at access->lock for calls that began before it.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/* A range that an access has pinned, so that nothing else is ever unpinned. Owned by it; its lock. */
struct access_pin {
	struct rb_node node;
	unsigned long iova;
	unsigned long last;
	unsigned int count;             /* how often */
};

/* What of one area is in a range */
struct area_part {
	struct iopt_area *area;         /* not counted */
	unsigned long last;             /* I/O address */
	unsigned long byte;             /* of its pages */
};

static unsigned long part_index(const struct area_part *part)
{
	return part->byte / PAGE_SIZE;
}

static unsigned long part_last_index(const struct area_part *part, unsigned long iova)
{
	return (part->byte + (part->last - iova)) / PAGE_SIZE;
}

static int pin_cmp(unsigned long iova, unsigned long last, const struct rb_node *node)
{
	const struct access_pin *pin = rb_entry(node, struct access_pin, node);

	if (iova != pin->iova)
		return iova < pin->iova ? -1 : 1;
	if (last != pin->last)
		return last < pin->last ? -1 : 1;
	return 0;
}

static struct access_pin *pin_find(struct iommufd_access *access, unsigned long iova,
				   unsigned long last)
{
	struct rb_node *node = access->pins.rb_node;

	while (node) {
		int order = pin_cmp(iova, last, node);

		if (!order)
			return rb_entry(node, struct access_pin, node);
		node = order < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

/* Note one more pin. Return: 0, ENOMEM, or EOVERFLOW too many. */
static int pin_note(struct iommufd_access *access, unsigned long iova, unsigned long last)
{
	struct rb_node **link = &access->pins.rb_node;
	struct rb_node *parent = NULL;
	struct access_pin *pin;

	while (*link) {
		int order = pin_cmp(iova, last, *link);

		parent = *link;
		if (!order) {
			pin = rb_entry(parent, struct access_pin, node);
			if (pin->count == UINT_MAX)
				return -EOVERFLOW;
			pin->count++;
			return 0;
		}
		link = order < 0 ? &parent->rb_left : &parent->rb_right;
	}
	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return -ENOMEM;
	pin->iova = iova;
	pin->last = last;
	pin->count = 1;
	rb_link_node(&pin->node, parent, link);
	rb_insert_color(&pin->node, &access->pins);
	return 0;
}

/* Return: false if there is no such pin */
static bool pin_forget(struct iommufd_access *access, unsigned long iova, unsigned long last)
{
	struct access_pin *pin = pin_find(access, iova, last);

	if (!pin)
		return false;
	if (!--pin->count) {
		rb_erase(&pin->node, &access->pins);
		kfree(pin);
	}
	return true;
}

/*
 * What lies at the start of a range. iova_rwsem held. Return: 0; ENOENT
 * nothing; EINVAL it is being unmapped.
 */
static int part_find(struct io_pagetable *iopt, unsigned long iova, unsigned long last,
		     struct area_part *part)
{
	struct iopt_area *area = iopt_area_first(iopt, iova, iova);

	/* pairs with the release in areas_publish() */
	if (!area || smp_load_acquire(&area->busy))
		return -ENOENT;
	part->area = area;
	part->last = min(last, area->last);
	part->byte = iopt_area_start_byte(area, iova);
	if (area->no_access)
		return -EINVAL;
	return 0;
}

static int part_check_prot(const struct area_part *part, unsigned int flags)
{
	return part->area->prot & (flags & IOMMUFD_ACCESS_RW_WRITE ? IOMMU_WRITE : IOMMU_READ) ?
		0 : -EPERM;
}

/* Whether a range's pages follow each other without a part of one left out in between */
static bool part_is_aligned(const struct area_part *part, unsigned long iova, unsigned long last)
{
	if (part->byte % PAGE_SIZE)
		return false;
	return part->last == last || !((part->byte + (part->last - iova) + 1) % PAGE_SIZE);
}

/* Unpin what areas_pin() has. Each area stays until its count goes down. */
static void areas_unpin(struct io_pagetable *iopt, unsigned long iova, unsigned long last)
{
	struct area_part part;

	for (;; iova = part.last + 1) {
		unsigned long index, last_index;

		down_read(&iopt->iova_rwsem);
		part.area = iopt_area_first(iopt, iova, iova);
		if (WARN_ON(!part.area)) {
			up_read(&iopt->iova_rwsem);
			return;
		}
		part.last = min(last, part.area->last);
		part.byte = iopt_area_start_byte(part.area, iova);
		up_read(&iopt->iova_rwsem);

		index = part_index(&part);
		last_index = part_last_index(&part, iova);
		iopt_pages_unpin(part.area->pages, index, last_index);
		atomic_long_sub(last_index - index + 1, &iopt->nr_pinned);
		/* the area may be gone from here on */
		WARN_ON(atomic_dec_return_release(&part.area->num_accesses) < 0);
		if (part.last == last)
			return;
	}
}

/* Pin the pages behind a range, area by area. Nothing stays pinned on failure. */
static int areas_pin(struct io_pagetable *iopt, unsigned long iova, unsigned long last,
		     struct page **list, unsigned int flags)
{
	unsigned long at = iova;
	struct area_part part;
	int rc;

	for (;; at = part.last + 1) {
		unsigned long index, last_index;

		down_read(&iopt->iova_rwsem);
		rc = part_find(iopt, at, last, &part);
		if (!rc && !part_is_aligned(&part, at, last))
			rc = -EINVAL;
		if (!rc)
			rc = part_check_prot(&part, flags);
		if (!rc)
			atomic_inc(&part.area->num_accesses);
		up_read(&iopt->iova_rwsem);
		if (rc)
			break;

		index = part_index(&part);
		last_index = part_last_index(&part, at);
		rc = iopt_pages_pin(part.area->pages, index, last_index);
		if (rc) {
			atomic_dec_return_release(&part.area->num_accesses);
			break;
		}
		iopt_pages_list(part.area->pages, index, last_index, list);
		list += last_index - index + 1;
		atomic_long_add(last_index - index + 1, &iopt->nr_pinned);
		if (part.last == last)
			return 0;
	}
	if (at != iova)
		areas_unpin(iopt, iova, at - 1);
	return rc;
}

/* Copy from or to what is behind a range, area by area */
static int areas_rw(struct io_pagetable *iopt, unsigned long iova, unsigned long last, void *data,
		    unsigned int flags)
{
	struct area_part part;
	int rc;

	for (;; iova = part.last + 1) {
		struct iopt_pages *pages;

		down_read(&iopt->iova_rwsem);
		rc = part_find(iopt, iova, last, &part);
		if (!rc)
			rc = part_check_prot(&part, flags);
		if (rc) {
			up_read(&iopt->iova_rwsem);
			return rc;
		}
		pages = part.area->pages;
		iopt_get_pages(pages);
		up_read(&iopt->iova_rwsem);

		/* the area may go, but whoever takes it away waits for this call before it says so */
		rc = iopt_pages_rw(pages, part.byte, data, part.last - iova + 1, flags);
		iopt_put_pages(pages);
		if (rc || part.last == last)
			return rc;
		data += part.last - iova + 1;
	}
}

/* Wait for pins and copies of an access that have begun; what comes later sees what its caller has changed */
static void access_wait(struct iommufd_access *access)
{
	mutex_lock(&access->lock);
	mutex_unlock(&access->lock);
}

/* Wait for the accesses of an address space and, with a length, have them unpin a range */
static void accesses_wait(struct io_pagetable *iopt, unsigned long iova, unsigned long length)
{
	struct iommufd_access *access;
	unsigned long index;

	xa_lock(&iopt->accesses);
	xa_for_each(&iopt->accesses, index, access) {
		/* one that is being destroyed has nothing pinned, and no call of it runs */
		if (!iommufd_object_try_get(&access->obj))
			continue;
		xa_unlock(&iopt->accesses);
		access_wait(access);
		if (length && access->ops->unmap)
			access->ops->unmap(access->data, iova, length);
		iommufd_object_put(access->ictx, &access->obj);
		xa_lock(&iopt->accesses);
	}
	xa_unlock(&iopt->accesses);
}

/**
 * iommufd_access_notify_unmap() - Have the accesses of an address space unpin a range
 * @iopt: the address space; no lock of it held
 * @iova: of an area that gets no new pins
 * @length: of that area
 *
 * Nothing of it is pinned when this returns, or a driver is broken.
 */
void iommufd_access_notify_unmap(struct io_pagetable *iopt, unsigned long iova,
				 unsigned long length)
{
	accesses_wait(iopt, iova, length);
}

/* Wait for copies from and to what is in the address space no more; no lock of it held */
void iommufd_access_wait(struct io_pagetable *iopt)
{
	accesses_wait(iopt, 0, 0);
}

/*
 * A driver that leaves with pages pinned may go on to use them: they stay pinned for ever, in an IOAS that
 * stays for ever. Return: whether it is one.
 */
static bool access_leaks(struct iommufd_access *access)
{
	struct access_pin *pin, *next;

	if (!WARN_ON(!RB_EMPTY_ROOT(&access->pins)))
		return false;
	rbtree_postorder_for_each_entry_safe(pin, next, &access->pins, node)
		kfree(pin);
	access->pins = RB_ROOT;
	return true;
}

/* Leave an IOAS, for another one or none. lock is dropped over the callback, which takes it to unpin. */
static int access_change_ioas(struct iommufd_access *access, struct iommufd_ioas *ioas)
{
	bool pins = access->ops->needs_pin_pages;
	struct iommufd_ioas *old = access->ioas;
	u32 id = 0;
	int rc;

	lockdep_assert_held(&access->lock);
	if (old != access->ioas_unpin)
		return -EBUSY;
	if (old == ioas)
		return 0;
	if (ioas) {
		rc = iopt_add_access(&ioas->iopt, access, pins, &id);
		if (rc)
			return rc;
		refcount_inc(&ioas->obj.users);
	}
	if (old) {
		/* no new pins from here on, nor another change */
		access->ioas = NULL;
		if (access->ops->unmap) {
			mutex_unlock(&access->lock);
			access->ops->unmap(access->data, 0, ULONG_MAX);
			mutex_lock(&access->lock);
		}
		iopt_remove_access(&old->iopt, access, pins, access->iopt_id);
		if (!access_leaks(access))
			refcount_dec(&old->obj.users);
	}
	access->ioas = ioas;
	access->ioas_unpin = ioas;
	access->iopt_id = id;
	return 0;
}

static int access_change_ioas_id(struct iommufd_access *access, u32 ioas_id)
{
	struct iommufd_ioas *ioas = iommufd_ioas_get(access->ictx, ioas_id);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = access_change_ioas(access, ioas);
	iommufd_object_put(access->ictx, &ioas->obj);
	return rc;
}

int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	int rc = -EINVAL;

	mutex_lock(&access->lock);
	if (!WARN_ON(access->ioas))
		rc = access_change_ioas_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_attach, IOMMUFD);

int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id)
{
	int rc = -ENOENT;

	mutex_lock(&access->lock);
	if (access->ioas)
		rc = access_change_ioas_id(access, ioas_id);
	mutex_unlock(&access->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_replace, IOMMUFD);

void iommufd_access_detach(struct iommufd_access *access)
{
	mutex_lock(&access->lock);
	if (!WARN_ON(!access->ioas))
		WARN_ON(access_change_ioas(access, NULL));
	mutex_unlock(&access->lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_detach, IOMMUFD);

struct iommufd_access *iommufd_access_create(struct iommufd_ctx *ictx,
					     const struct iommufd_access_ops *ops, void *data,
					     u32 *id)
{
	struct iommufd_access *access;

	if (ops->needs_pin_pages && !ops->unmap)
		return ERR_PTR(-EINVAL);
	access = iommufd_object_alloc(ictx, struct iommufd_access, IOMMUFD_OBJ_ACCESS);
	if (IS_ERR(access))
		return access;
	access->ops = ops;
	access->data = data;
	mutex_init(&access->lock);
	access->pins = RB_ROOT;
	access->ictx = ictx;
	get_file(ictx->file);
	/* the driver's, until iommufd_access_destroy() */
	refcount_inc(&access->obj.users);
	*id = access->obj.id;
	iommufd_object_finalize(ictx, &access->obj);
	return access;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_create, IOMMUFD);

struct iommufd_access *iommufd_access_create_fd(int iommufd, const struct iommufd_access_ops *ops,
						void *data, u32 *id)
{
	struct iommufd_ctx *ictx = iommufd_ctx_from_fd(iommufd);
	struct iommufd_access *access;

	if (IS_ERR(ictx))
		return ERR_CAST(ictx);
	access = iommufd_access_create(ictx, ops, data, id);
	iommufd_ctx_release(ictx);
	return access;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_create_fd, IOMMUFD);

void iommufd_access_destroy(struct iommufd_access *access)
{
	iommufd_object_destroy_user(access->ictx, &access->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_destroy, IOMMUFD);

/* Nobody else has the access any more */
void iommufd_access_destroy_object(struct iommufd_object *obj)
{
	struct iommufd_access *access = container_of(obj, struct iommufd_access, obj);

	mutex_lock(&access->lock);
	WARN_ON(access_change_ioas(access, NULL));
	mutex_unlock(&access->lock);
	mutex_destroy(&access->lock);
	/* its release, if this was the last reference, runs later and looks for no access */
	iommufd_ctx_release(access->ictx);
}

int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages, unsigned int flags)
{
	unsigned long last;
	int rc;

	if (!length || !access->ops->needs_pin_pages)
		return -EINVAL;
	if (!iova_range_last(iova, length, &last))
		return -EOVERFLOW;

	mutex_lock(&access->lock);
	rc = -ENOENT;
	if (!access->ioas)
		goto out_unlock;
	rc = pin_note(access, iova, last);
	if (rc)
		goto out_unlock;
	rc = areas_pin(&access->ioas->iopt, iova, last, out_pages, flags);
	if (rc)
		pin_forget(access, iova, last);
out_unlock:
	mutex_unlock(&access->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_pin_pages, IOMMUFD);

void iommufd_access_unpin_pages(struct iommufd_access *access, unsigned long iova,
				unsigned long length)
{
	unsigned long last;

	if (WARN_ON(!iova_range_last(iova, length, &last)))
		return;
	mutex_lock(&access->lock);
	/* without an IOAS there is no pin either */
	if (!WARN_ON(!pin_forget(access, iova, last)))
		areas_unpin(&access->ioas_unpin->iopt, iova, last);
	mutex_unlock(&access->lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_unpin_pages, IOMMUFD);

int iommufd_access_rw(struct iommufd_access *access, unsigned long iova, void *data, size_t length,
		      unsigned int flags)
{
	unsigned long last;
	int rc = -ENOENT;

	if (!length)
		return -EINVAL;
	if (!iova_range_last(iova, length, &last))
		return -EOVERFLOW;
	mutex_lock(&access->lock);
	if (access->ioas)
		rc = areas_rw(&access->ioas->iopt, iova, last, data, flags);
	mutex_unlock(&access->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_access_rw, IOMMUFD);
