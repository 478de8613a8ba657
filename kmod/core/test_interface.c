// SPDX-License-Identifier: GPL-2.0
/*
 * The other side of test_interface.h: which test module there is, and its objects' references to
 * it. What a test does is that module's; nothing here changes what the core does for others.
 */
#include <linux/module.h>
#include <linux/spinlock.h>

#include "test_interface.h"

static DEFINE_SPINLOCK(test_lock);
static const struct iommufd_test_ops *test_ops; /* test_lock */

/**
 * iommufd_test_register() - Serve the test ioctl from now on
 * @ops: the module and its function, until iommufd_test_unregister()
 *
 * Return: 0, or EBUSY another test module is there.
 */
int iommufd_test_register(const struct iommufd_test_ops *ops)
{
	int rc = 0;

	spin_lock(&test_lock);
	if (test_ops)
		rc = -EBUSY;
	else
		test_ops = ops;
	spin_unlock(&test_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_register, IOMMUFD_TEST);

/*
 * Undo iommufd_test_register(). In the module's exit, so that no call of it runs and no object is
 * left.
 */
void iommufd_test_unregister(const struct iommufd_test_ops *ops)
{
	spin_lock(&test_lock);
	WARN_ON(test_ops != ops);
	test_ops = NULL;
	spin_unlock(&test_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_unregister, IOMMUFD_TEST);

/* The test ioctl. Return: what the module says, or ENOTTY: there is none. */
int iommufd_test_ioctl(struct iommufd_ucmd *ucmd)
{
	const struct iommufd_test_ops *ops;
	int rc;

	spin_lock(&test_lock);
	ops = test_ops;
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	spin_unlock(&test_lock);
	if (!ops)
		return -ENOTTY;
	rc = ops->execute(ucmd);
	module_put(ops->owner);
	return rc;
}

/**
 * iommufd_test_object_alloc_size() - Allocate an object, see iommufd_object_alloc_size()
 * @ictx: the context
 * @size: of the whole object
 * @owner: the calling module; the object keeps it
 * @destroy: called when the published object ends
 *
 * Return: the object, for iommufd_test_object_finalize() or iommufd_test_object_abort(), or an
 * ERR_PTR.
 */
void *iommufd_test_object_alloc_size(struct iommufd_ctx *ictx, size_t size, struct module *owner,
				     void (*destroy)(struct iommufd_test_object *tobj))
{
	struct iommufd_test_object *tobj;

	tobj = iommufd_object_alloc_size(ictx, size, IOMMUFD_OBJ_TEST);
	if (IS_ERR(tobj))
		return tobj;
	__module_get(owner);
	tobj->owner = owner;
	tobj->destroy = destroy;
	return tobj;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_object_alloc_size, IOMMUFD_TEST);

void iommufd_test_object_finalize(struct iommufd_ctx *ictx, struct iommufd_test_object *tobj)
{
	iommufd_object_finalize(ictx, &tobj->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_object_finalize, IOMMUFD_TEST);

void iommufd_test_object_abort(struct iommufd_ctx *ictx, struct iommufd_test_object *tobj)
{
	/* the caller is the module, so this is not its last reference */
	module_put(tobj->owner);
	iommufd_object_abort(ictx, &tobj->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_object_abort, IOMMUFD_TEST);

void iommufd_test_destroy(struct iommufd_object *obj)
{
	struct iommufd_test_object *tobj = container_of(obj, struct iommufd_test_object, obj);
	struct module *owner = tobj->owner;

	tobj->destroy(tobj);
	module_put(owner);
}

/**
 * iommufd_test_object_get() - Look up a test object
 * @ictx: the context
 * @id: what user space gave
 * @destroy: what it was made with
 *
 * Return: the object, for iommufd_test_put(), or an ERR_PTR: ENOENT; EINVAL of another kind.
 */
struct iommufd_test_object *
iommufd_test_object_get(struct iommufd_ctx *ictx, u32 id,
			void (*destroy)(struct iommufd_test_object *tobj))
{
	struct iommufd_object *obj = iommufd_object_get(ictx, id, IOMMUFD_OBJ_TEST);
	struct iommufd_test_object *tobj;

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	tobj = container_of(obj, struct iommufd_test_object, obj);
	if (tobj->destroy != destroy) {
		iommufd_object_put(ictx, obj);
		return ERR_PTR(-EINVAL);
	}
	return tobj;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_object_get, IOMMUFD_TEST);

/* End what one of the functions that look an id up began */
void iommufd_test_put(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	iommufd_object_put(ictx, obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_put, IOMMUFD_TEST);

/**
 * iommufd_test_device_bind() - iommufd_device_bind_fd() for a device that a test object owns
 * @ictx: the context
 * @dev: the device
 * @id: out, its id
 *
 * Does not keep the context open, for its close is what ends the object and with it the device.
 *
 * Return: as iommufd_device_bind_fd().
 */
struct iommufd_device *iommufd_test_device_bind(struct iommufd_ctx *ictx, struct device *dev,
						u32 *id)
{
	return iommufd_device_bind(ictx, dev, false, id);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_device_bind, IOMMUFD_TEST);

/*
 * The device behind an id. Return: the device, with @obj for iommufd_test_put(), or
 * ERR_PTR(-ENOENT).
 */
struct device *iommufd_test_get_device(struct iommufd_ctx *ictx, u32 id,
				       struct iommufd_object **obj)
{
	*obj = iommufd_object_get(ictx, id, IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(*obj))
		return ERR_CAST(*obj);
	return container_of(*obj, struct iommufd_device, obj)->dev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_get_device, IOMMUFD_TEST);

/**
 * iommufd_test_get_domain() - The domain of a HWPT
 * @ictx: the context
 * @id: the HWPT
 * @nested: whether it is a nested one
 * @obj: out, for iommufd_test_put()
 *
 * Return: the domain, or ERR_PTR(-ENOENT).
 */
struct iommu_domain *iommufd_test_get_domain(struct iommufd_ctx *ictx, u32 id, bool nested,
					     struct iommufd_object **obj)
{
	*obj = iommufd_object_get(ictx, id, nested ? IOMMUFD_OBJ_HWPT_NESTED :
				  IOMMUFD_OBJ_HWPT_PAGING);
	if (IS_ERR(*obj))
		return ERR_CAST(*obj);
	return container_of(*obj, struct iommufd_hw_pagetable, obj)->domain;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_get_domain, IOMMUFD_TEST);

/**
 * iommufd_test_reserve_iova() - Reserve a range of an IOAS as a device would, until the IOAS ends
 * @ictx: the context
 * @ioas_id: the IOAS
 * @start: of the range
 * @last: of the range
 *
 * Return: 0; ENOENT; as iopt_reserve_iova().
 */
int iommufd_test_reserve_iova(struct iommufd_ctx *ictx, u32 ioas_id, unsigned long start,
			      unsigned long last)
{
	struct iommufd_ioas *ioas = iommufd_ioas_get(ictx, ioas_id);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	down_write(&ioas->iopt.iova_rwsem);
	rc = iopt_reserve_iova(&ioas->iopt, start, last, NULL);
	up_write(&ioas->iopt.iova_rwsem);
	iommufd_object_put(ictx, &ioas->obj);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_reserve_iova, IOMMUFD_TEST);

/**
 * iommufd_test_limit_batch() - Make the map path work in small pieces
 * @entries: so many pages at most are pinned, and so many runs mapped, at a time; UINT_MAX: no
 *	limit
 */
void iommufd_test_limit_batch(unsigned int entries)
{
	WRITE_ONCE(iopt_batch_limit, max(entries, 1U));
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_limit_batch, IOMMUFD_TEST);
