// SPDX-License-Identifier: GPL-2.0
/*
 * Objects of a context: ids, lookup, the two reference counts, destruction. What an object is, and
 * what its end means, stands in the file of its type.
 */
#include <linux/slab.h>

#include "iommufd_private.h"
#include "test_interface.h"

static void (*const destroy_ops[IOMMUFD_OBJ_MAX])(struct iommufd_object *obj) = {
	[IOMMUFD_OBJ_ACCESS] = iommufd_access_destroy_object,
	[IOMMUFD_OBJ_DEVICE] = iommufd_device_destroy,
	[IOMMUFD_OBJ_FAULT] = iommufd_fault_destroy,
	[IOMMUFD_OBJ_HWPT_PAGING] = iommufd_hwpt_destroy,
	[IOMMUFD_OBJ_HWPT_NESTED] = iommufd_hwpt_nested_destroy,
	[IOMMUFD_OBJ_IOAS] = iommufd_ioas_destroy,
	[IOMMUFD_OBJ_TEST] = iommufd_test_destroy,
};

/*
 * IOMMU drivers count a domain and its top table on nobody's account: 4 to 8 KiB when it is empty. (The tables
 * below come with mappings, on the account of who maps: GFP_KERNEL_ACCOUNT, see iopt_fill.c.) A context gets as
 * many as any use has for them, not the host's memory; and as HWPTs stay when their device moves on to another
 * context, all contexts that a user opened share a limit, too.
 */
#define MAX_HWPTS 1024
#define MAX_HWPTS_OF_USER (4 * MAX_HWPTS)

/* By uid (effective, in the initial namespace): how many HWPTs there are; changed under the lock */
static DEFINE_XARRAY(hwpts_of_user);
static DEFINE_MUTEX(hwpts_of_user_lock);

static bool is_hwpt(enum iommufd_object_type type)
{
	return type == IOMMUFD_OBJ_HWPT_PAGING || type == IOMMUFD_OBJ_HWPT_NESTED;
}

static unsigned long count_of_user(u32 uid)
{
	void *entry = xa_load(&hwpts_of_user, uid);

	lockdep_assert_held(&hwpts_of_user_lock);
	return entry ? xa_to_value(entry) : 0;
}

/* Return: 0; ENOSPC the context, or who opened it, has as many as it may have; ENOMEM. */
static int count_hwpt(struct iommufd_ctx *ictx)
{
	u32 uid = ictx->opener.uid;
	unsigned long count;
	int rc = -ENOSPC;

	if (!atomic_add_unless(&ictx->nr_hwpts, 1, MAX_HWPTS))
		return -ENOSPC;
	mutex_lock(&hwpts_of_user_lock);
	count = count_of_user(uid);
	if (count < MAX_HWPTS_OF_USER)
		rc = xa_err(xa_store(&hwpts_of_user, uid, xa_mk_value(count + 1), GFP_KERNEL));
	mutex_unlock(&hwpts_of_user_lock);
	if (rc)
		atomic_dec(&ictx->nr_hwpts);
	return rc;
}

/* Cannot fail: storing over an entry allocates nothing */
static void uncount_hwpt(struct iommufd_ctx *ictx)
{
	u32 uid = ictx->opener.uid;
	unsigned long count;

	atomic_dec(&ictx->nr_hwpts);
	mutex_lock(&hwpts_of_user_lock);
	count = count_of_user(uid);
	if (count > 1)
		xa_store(&hwpts_of_user, uid, xa_mk_value(count - 1), GFP_KERNEL);
	else
		xa_erase(&hwpts_of_user, uid);
	mutex_unlock(&hwpts_of_user_lock);
}

static void free_object(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	if (is_hwpt(obj->type))
		uncount_hwpt(ictx);
	kfree(obj);
}

/**
 * iommufd_object_alloc_size() - Allocate an object and reserve its id
 * @ictx: the context
 * @size: of the whole object, whose first member is the struct iommufd_object
 * @type: what it is
 *
 * The id answers ENOENT until iommufd_object_finalize(); undo before that with
 * iommufd_object_abort().
 *
 * Return: the zeroed object, or an ERR_PTR: ENOMEM; EBUSY all ids are taken; ENOSPC the context, or its
 * user, has as many HWPTs as there may be.
 */
void *iommufd_object_alloc_size(struct iommufd_ctx *ictx, size_t size,
				enum iommufd_object_type type)
{
	struct iommufd_object *obj;
	int rc = is_hwpt(type) ? count_hwpt(ictx) : 0;

	if (rc)
		return ERR_PTR(rc);
	obj = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!obj) {
		rc = -ENOMEM;
		goto err_uncount;
	}
	obj->type = type;
	refcount_set(&obj->shortterm_users, 1);
	refcount_set(&obj->users, 1);
	rc = xa_alloc(&ictx->objects, &obj->id, XA_ZERO_ENTRY, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (rc) {
		kfree(obj);
		goto err_uncount;
	}
	return obj;

err_uncount:
	if (is_hwpt(type))
		uncount_hwpt(ictx);
	return ERR_PTR(rc);
}

/* Publish the id. Cannot fail: the slot was reserved. Others may use the object from here on. */
void iommufd_object_finalize(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	xa_lock(&ictx->objects);
	WARN_ON(__xa_store(&ictx->objects, obj->id, obj, GFP_KERNEL));
	if (obj->type == IOMMUFD_OBJ_DEVICE)
		__xa_set_mark(&ictx->objects, obj->id, IOMMUFD_MARK_DEVICE);
	xa_unlock(&ictx->objects);
}

/* Give the id back and free an object that was never published and holds nothing any more */
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	WARN_ON(xa_erase(&ictx->objects, obj->id));
	free_object(ictx, obj);
}

/*
 * Take a short-term reference. The caller holds the objects' xa_lock or something else that keeps the
 * memory. Return: false if the object is being destroyed.
 */
bool iommufd_object_try_get(struct iommufd_object *obj)
{
	if (!refcount_inc_not_zero(&obj->users))
		return false;
	if (!refcount_inc_not_zero(&obj->shortterm_users)) {
		/* not the last one: whoever waits for the short-term users still holds its own */
		refcount_dec(&obj->users);
		return false;
	}
	return true;
}

/**
 * iommufd_object_get() - Look an id up for the duration of a call
 * @ictx: the context, whose ids alone mean something here (S7)
 * @id: what user space gave
 * @type: what it must be, or IOMMUFD_OBJ_ANY
 *
 * Return: the object, for iommufd_object_put(), or ERR_PTR(-ENOENT).
 */
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  enum iommufd_object_type type)
{
	struct iommufd_object *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (!obj || (type != IOMMUFD_OBJ_ANY && obj->type != type) || !iommufd_object_try_get(obj))
		obj = ERR_PTR(-ENOENT);
	xa_unlock(&ictx->objects);
	return obj;
}

/* End a short-term reference. Users first, so that a destroy that saw no call sees no user either. */
void iommufd_object_put(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	refcount_dec(&obj->users);
	if (refcount_dec_and_test(&obj->shortterm_users))
		wake_up_all(&ictx->destroy_wait);
}

/* Drop the count that the id table holds and wait until no call works with the object */
static void wait_shortterm(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	if (!refcount_dec_and_test(&obj->shortterm_users))
		wait_event(ictx->destroy_wait, !refcount_read(&obj->shortterm_users));
}

static void destroy_removed(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	destroy_ops[obj->type](obj);
	free_object(ictx, obj);
}

/**
 * iommufd_object_destroy_id() - Destroy what user space names
 * @ictx: the context
 * @id: the object
 *
 * Return: 0; ENOENT no such object; EBUSY something refers to it or works with it.
 */
int iommufd_object_destroy_id(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj;
	int rc = 0;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (!obj)
		rc = -ENOENT;
	else if (!refcount_dec_if_one(&obj->users))
		rc = -EBUSY;
	else
		__xa_erase(&ictx->objects, id);
	if (!rc && ictx->vfio_ioas && obj == &ictx->vfio_ioas->obj)
		ictx->vfio_ioas = NULL;
	xa_unlock(&ictx->objects);
	if (rc)
		return rc;
	/* a call may be between the two decrements of its put */
	wait_shortterm(ictx, obj);
	destroy_removed(ictx, obj);
	return 0;
}

/*
 * Drop a users reference of an object that ends with its last user (an automatic HWPT), and destroy
 * it if nobody but the id table is left. The caller holds no lock that its destruction takes.
 */
void iommufd_object_put_and_try_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	bool last;

	xa_lock(&ictx->objects);
	refcount_dec(&obj->users);
	last = refcount_dec_if_one(&obj->users);
	if (last)
		__xa_erase(&ictx->objects, obj->id);
	xa_unlock(&ictx->objects);
	if (!last)
		return;
	wait_shortterm(ictx, obj);
	destroy_removed(ictx, obj);
}

/*
 * Destroy an object that a driver owns, with the reference it held. Cannot fail. Its id goes first, so
 * that only calls that have it already are waited for: none of them keeps it over a fault on user memory.
 */
void iommufd_object_destroy_user(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	xa_lock(&ictx->objects);
	__xa_erase(&ictx->objects, obj->id);
	xa_unlock(&ictx->objects);
	wait_shortterm(ictx, obj);
	/* what is left is the driver's reference and the id table's: only calls have others */
	WARN_ON(refcount_read(&obj->users) != 2);
	destroy_removed(ictx, obj);
}

/*
 * Destroy everything in a context that is closing: nobody can make a call, every device is unbound.
 * What others refer to goes after them, so leaves first until nothing is left.
 */
void iommufd_object_destroy_all(struct iommufd_ctx *ictx)
{
	struct iommufd_object *obj;
	unsigned long id;
	bool progress;

	do {
		progress = false;
		xa_for_each(&ictx->objects, id, obj) {
			if (!refcount_dec_if_one(&obj->users))
				continue;
			progress = true;
			xa_erase(&ictx->objects, id);
			destroy_removed(ictx, obj);
		}
	} while (progress);
	WARN_ON(!xa_empty(&ictx->objects));
}
