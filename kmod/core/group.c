// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU groups in a context: the claim, and what translates the group's DMA. Every change of state is
 * checked against the table in group_state.h before it is made. Who may is asked in device.c.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iommufd_private.h"

/* Its workers give groups back, see release() */
static struct workqueue_struct *release_wq;

int __init iommufd_group_init(void)
{
	/* with a rescuer: memory that is short must not keep a close waiting for a worker */
	release_wq = alloc_workqueue("iommufd_release", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return release_wq ? 0 : -ENOMEM;
}

void iommufd_group_exit(void)
{
	destroy_workqueue(release_wq);
}

/**
 * iommufd_group_get() - The context's struct for the group of a device, made if need be
 * @ictx: the context
 * @dev: the device
 *
 * Context: may sleep, takes groups_lock.
 *
 * Return: the group, for iommufd_group_put(), or ERR_PTR: ENODEV the device has no IOMMU; ENOMEM.
 */
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ictx, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommufd_group *igroup;

	if (!group)
		return ERR_PTR(-ENODEV);

	mutex_lock(&ictx->groups_lock);
	list_for_each_entry(igroup, &ictx->groups, ctx_item) {
		if (igroup->group == group) {
			igroup->nbound++;
			iommu_group_put(group);
			goto out_unlock;
		}
	}
	igroup = kzalloc(sizeof(*igroup), GFP_KERNEL_ACCOUNT);
	if (!igroup) {
		iommu_group_put(group);
		igroup = ERR_PTR(-ENOMEM);
		goto out_unlock;
	}
	igroup->ictx = ictx;
	igroup->group = group; /* the reference moves */
	igroup->nbound = 1;
	igroup->state = IOMMUFD_GROUP_UNCLAIMED;
	mutex_init(&igroup->lock);
	INIT_LIST_HEAD(&igroup->devices);
	list_add_tail(&igroup->ctx_item, &ictx->groups);
out_unlock:
	mutex_unlock(&ictx->groups_lock);
	return igroup;
}

void iommufd_group_put(struct iommufd_group *igroup)
{
	struct iommufd_ctx *ictx = igroup->ictx;

	mutex_lock(&ictx->groups_lock);
	if (--igroup->nbound) {
		mutex_unlock(&ictx->groups_lock);
		return;
	}
	list_del(&igroup->ctx_item);
	mutex_unlock(&ictx->groups_lock);

	WARN_ON(igroup->state != IOMMUFD_GROUP_UNCLAIMED);
	iommu_group_put(igroup->group);
	mutex_destroy(&igroup->lock);
	kfree(igroup);
}

/* Whether @event may happen now. What callers get wrong is a bug: they checked the device's state. */
static bool may(struct iommufd_group *igroup, enum iommufd_group_event event)
{
	lockdep_assert_held(&igroup->lock);
	return !WARN_ON(iommufd_group_next(igroup->state, event) == IOMMUFD_GROUP_REFUSED);
}

/* @event has happened */
static void done(struct iommufd_group *igroup, enum iommufd_group_event event)
{
	igroup->state = iommufd_group_next(igroup->state, event);
	WARN_ON((igroup->state == IOMMUFD_GROUP_TRANSLATED) != !!igroup->hwpt);
}

/**
 * iommufd_group_claim() - Count a device for the claim of its group; the first one makes it
 * @igroup: the group, its lock is held
 * @idev: the device
 *
 * The IOMMU core hands the group to the context (its pointer is the owner's mark) if no driver of any
 * of its devices uses DMA and nobody else owns it, blocks its DMA, and from then on lets no such
 * driver bind (S3, S4).
 *
 * Return: 0 or what the IOMMU core says: EPERM or EBUSY somebody else has it; EINVAL, ENOMEM.
 */
int iommufd_group_claim(struct iommufd_group *igroup, struct iommufd_device *idev)
{
	int rc;

	if (!may(igroup, IOMMUFD_GROUP_BIND))
		return -EINVAL;
	rc = iommu_device_claim_dma_owner(idev->dev, igroup->ictx);
	if (rc)
		return rc;
	WRITE_ONCE(igroup->nclaims, igroup->nclaims + 1); /* claim.c looks without the lock */
	list_add_tail(&idev->group_item, &igroup->devices);
	done(igroup, IOMMUFD_GROUP_BIND);
	return 0;
}

struct release {
	struct work_struct work;
	struct device *dev;
};

static void release_work(struct work_struct *work)
{
	iommu_device_release_dma_owner(container_of(work, struct release, work)->dev);
}

/*
 * Undo a claim. With the last one the IOMMU driver allocates to attach the group's default domain, and
 * Linux warns if that fails: the group stays blocked, useless to its next driver. A task that is killed
 * for want of memory, or whose allocations are made to fail, closes its fds by itself; a worker is no
 * such task, and what it asks for is too little to be refused.
 */
static void release(struct device *dev)
{
	struct release release = { .dev = dev };

	INIT_WORK_ONSTACK(&release.work, release_work);
	queue_work(release_wq, &release.work);
	flush_work(&release.work);
	destroy_work_on_stack(&release.work);
}

/* Undo iommufd_group_claim() for a detached device: with the last one the group is the kernel's again */
void iommufd_group_unclaim(struct iommufd_group *igroup, struct iommufd_device *idev)
{
	enum iommufd_group_event event;

	mutex_lock(&igroup->lock);
	event = igroup->nclaims == 1 ? IOMMUFD_GROUP_UNBIND_LAST : IOMMUFD_GROUP_UNBIND;
	WARN_ON(idev->attached);
	if (may(igroup, event)) {
		list_del(&idev->group_item);
		WRITE_ONCE(igroup->nclaims, igroup->nclaims - 1);
		release(idev->dev);
		done(igroup, event);
	}
	mutex_unlock(&igroup->lock);
}

/*
 * The IOMMU core checks this for an attach, and not for a replace: a domain of one IOMMU driver given to
 * another would be taken for one of its own.
 */
static bool suits_all(struct iommufd_group *igroup, struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_device *cur;

	list_for_each_entry(cur, &igroup->devices, group_item)
		if (!compat_domain_suits(hwpt->domain, cur->dev))
			return false;
	return true;
}

/*
 * Keep mappings out of what the device's platform reserves (its MSI window, for one). A window that
 * software must map for interrupts (Arm) is not served: better no attach than lost interrupts.
 */
static int reserve_regions(struct iommufd_ioas *ioas, struct device *dev)
{
	phys_addr_t sw_msi_start = PHYS_ADDR_MAX;
	int rc;

	rc = iopt_table_enforce_dev_resv_regions(&ioas->iopt, dev, &sw_msi_start);
	if (rc)
		return rc;
	if (sw_msi_start != PHYS_ADDR_MAX) {
		dev_warn_once(dev, "its platform needs a software-mapped MSI window, which is not supported\n");
		iopt_remove_reserved_iova(&ioas->iopt, dev);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* A device leaves a HWPT for another, or for none: so do its faults, unless the queue stays */
static void leave_fault(struct iommufd_device *idev, struct iommufd_hw_pagetable *from,
			struct iommufd_hw_pagetable *to)
{
	struct iommufd_fault *stays = to ? to->fault : NULL;

	if (from->fault && from->fault != stays)
		iommufd_fault_leave(from->fault, idev);
}

static int join_fault(struct iommufd_device *idev, struct iommufd_hw_pagetable *from,
		      struct iommufd_hw_pagetable *to)
{
	struct iommufd_fault *stays = from ? from->fault : NULL;

	return to->fault && to->fault != stays ? iommufd_fault_join(to->fault, idev) : 0;
}

static void unreserve_attached(struct iommufd_group *igroup, struct iommufd_ioas *ioas)
{
	struct iommufd_device *cur;

	list_for_each_entry(cur, &igroup->devices, group_item)
		if (cur->attached)
			iopt_remove_reserved_iova(&ioas->iopt, cur->dev);
}

/**
 * iommufd_group_attach() - Attach a device, and with the first one its group
 * @igroup: the group, its lock is held
 * @idev: a device of it that is bound and not attached
 * @hwpt: what to attach to; what the group is attached to already, if it is
 *
 * Takes a users reference of @hwpt for the device.
 *
 * Return: 0; EINVAL the domain does not suit the device; EADDRINUSE a mapping is in the way of a
 * reserved region; what iommufd_fault_join() says; ENOMEM.
 */
int iommufd_group_attach(struct iommufd_group *igroup, struct iommufd_device *idev,
			 struct iommufd_hw_pagetable *hwpt)
{
	struct iommu_attach_handle *handle;
	int rc;

	if (!may(igroup, IOMMUFD_GROUP_ATTACH))
		return -EINVAL;
	if (igroup->hwpt && igroup->hwpt != hwpt)
		return -EINVAL;
	rc = reserve_regions(hwpt->ioas, idev->dev);
	if (rc)
		return rc;
	rc = join_fault(idev, NULL, hwpt);
	if (rc)
		goto err_unreserve;

	if (!igroup->hwpt) {
		handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
		if (!handle) {
			rc = -ENOMEM;
			goto err_leave;
		}
		rc = iommu_attach_group_handle(hwpt->domain, igroup->group, handle);
		if (rc)
			goto err_free;
		igroup->hwpt = hwpt;
		igroup->handle = handle;
	}
	refcount_inc(&hwpt->obj.users);
	atomic_inc(&hwpt->ioas->ndevices);
	idev->attached = true;
	igroup->nattached++;
	done(igroup, IOMMUFD_GROUP_ATTACH);
	return 0;

err_free:
	kfree(handle);
err_leave:
	leave_fault(idev, hwpt, NULL);
err_unreserve:
	iopt_remove_reserved_iova(&hwpt->ioas->iopt, idev->dev);
	return rc;
}

/**
 * iommufd_group_move() - Move all attached devices of a group to another HWPT
 * @igroup: the group, its lock is held
 * @hwpt: where to
 * @old: out: where from; its devices' references are gone but one, for iommufd_hwpt_put() when no
 *       lock is held any more
 *
 * The IOMMU core goes from the old domain to the new in one step, or by way of blocking where the
 * hardware needs that; never through the kernel's own domain (S8). Failure leaves the old one.
 *
 * Return: as iommufd_group_attach().
 */
int iommufd_group_move(struct iommufd_group *igroup, struct iommufd_hw_pagetable *hwpt,
		       struct iommufd_hw_pagetable **old)
{
	struct iommufd_ioas *old_ioas, *ioas = hwpt->ioas;
	struct iommufd_hw_pagetable *old_hwpt = igroup->hwpt;
	struct iommu_attach_handle *handle;
	struct iommufd_device *cur;
	int rc;

	if (!may(igroup, IOMMUFD_GROUP_MOVE) || !suits_all(igroup, hwpt))
		return -EINVAL;
	old_ioas = old_hwpt->ioas;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	if (ioas != old_ioas) {
		list_for_each_entry(cur, &igroup->devices, group_item) {
			if (!cur->attached)
				continue;
			rc = reserve_regions(ioas, cur->dev);
			if (rc)
				goto err_unreserve;
		}
	}
	list_for_each_entry(cur, &igroup->devices, group_item) {
		if (!cur->attached)
			continue;
		rc = join_fault(cur, old_hwpt, hwpt);
		if (rc)
			goto err_leave;
	}
	rc = iommu_replace_group_handle(igroup->group, hwpt->domain, handle);
	if (rc)
		goto err_leave; /* of all: cur is at the head of the list */

	if (old_hwpt->fault)
		iommufd_fault_end_handle(old_hwpt->fault, igroup->handle);
	list_for_each_entry(cur, &igroup->devices, group_item)
		if (cur->attached)
			leave_fault(cur, old_hwpt, hwpt);
	if (ioas != old_ioas)
		unreserve_attached(igroup, old_ioas);
	atomic_add(igroup->nattached, &ioas->ndevices);
	atomic_sub(igroup->nattached, &old_ioas->ndevices);
	refcount_add(igroup->nattached, &hwpt->obj.users);
	if (igroup->nattached > 1)
		WARN_ON(refcount_sub_and_test(igroup->nattached - 1, &old_hwpt->obj.users));
	kfree(igroup->handle);
	*old = old_hwpt;
	igroup->hwpt = hwpt;
	igroup->handle = handle;
	done(igroup, IOMMUFD_GROUP_MOVE);
	return 0;

err_leave:
	list_for_each_entry_continue_reverse(cur, &igroup->devices, group_item)
		if (cur->attached)
			leave_fault(cur, hwpt, old_hwpt);
err_unreserve:
	/* harmless for those whose turn had not come */
	if (ioas != old_ioas)
		unreserve_attached(igroup, ioas);
	kfree(handle);
	return rc;
}

/**
 * iommufd_group_detach() - Detach a device; with the last one the group's DMA is blocked
 * @igroup: the group, its lock is held
 * @idev: an attached device of it
 *
 * Cannot fail: a group that is owned goes to the blocking domain that its claim allocated.
 *
 * Return: the HWPT, for iommufd_hwpt_put() when no lock is held any more.
 */
struct iommufd_hw_pagetable *iommufd_group_detach(struct iommufd_group *igroup,
						  struct iommufd_device *idev)
{
	struct iommufd_hw_pagetable *hwpt = igroup->hwpt;
	enum iommufd_group_event event;

	event = igroup->nattached == 1 ? IOMMUFD_GROUP_DETACH_LAST : IOMMUFD_GROUP_DETACH;
	may(igroup, event);
	idev->attached = false;
	igroup->nattached--;
	if (event == IOMMUFD_GROUP_DETACH_LAST) {
		iommu_detach_group_handle(hwpt->domain, igroup->group);
		igroup->hwpt = NULL;
	}
	leave_fault(idev, hwpt, NULL);
	if (event == IOMMUFD_GROUP_DETACH_LAST) {
		kfree(igroup->handle);
		igroup->handle = NULL;
	}
	iopt_remove_reserved_iova(&hwpt->ioas->iopt, idev->dev);
	atomic_dec(&hwpt->ioas->ndevices);
	done(igroup, event);
	return hwpt;
}
