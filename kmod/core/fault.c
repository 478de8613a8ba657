// SPDX-License-Identifier: GPL-2.0
/*
 * Fault queues: page faults of devices, handed to user space through a file, and its answers handed
 * back. Which HWPT leads to which queue is said when the HWPT is made; when devices come and go is
 * group.c's.
 *
 * No lock is held over a fault on user memory: who reads slowly must not keep a device from
 * leaving.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "iommufd_private.h"

/* Whose faults go to a queue, and the id it has for user space. Owned by the queue; its mutex. */
struct fault_device {
	struct list_head item;
	struct device *dev;
	u32 id;
};

static struct fault_device *find_device(struct iommufd_fault *fault, struct device *dev)
{
	struct fault_device *cur;

	lockdep_assert_held(&fault->mutex);
	list_for_each_entry(cur, &fault->devices, item)
		if (cur->dev == dev)
			return cur;
	return NULL;
}

/* Answer a group that nobody else answers, and forget it */
static void refuse(struct iopf_group *group)
{
	iopf_group_response(group, IOMMU_PAGE_RESP_INVALID);
	iopf_free_group(group);
}

/* Whether a group came by way of @handle, or of any if NULL, from @dev, or any */
static bool group_is(struct iopf_group *group, struct iommu_attach_handle *handle,
		     struct device *dev)
{
	return (!handle || group->attach_handle == handle) &&
	       (!dev || group->fault_param->dev == dev);
}

static void refuse_all(struct iommufd_fault *fault, struct iommu_attach_handle *handle,
		       struct device *dev)
{
	struct iopf_group *group, *next;
	unsigned long index;
	LIST_HEAD(refused);

	lockdep_assert_held(&fault->mutex);
	spin_lock(&fault->lock);
	list_for_each_entry_safe(group, next, &fault->deliver, node)
		if (group_is(group, handle, dev))
			list_move(&group->node, &refused);
	spin_unlock(&fault->lock);
	list_for_each_entry_safe(group, next, &refused, node)
		refuse(group);
	xa_for_each(&fault->response, index, group) {
		if (!group_is(group, handle, dev))
			continue;
		xa_erase(&fault->response, index);
		refuse(group);
	}
}

static int enable_iopf(struct device *dev)
{
	/* its page requests share one interface with those of the whole device */
	if (dev_is_pci(dev) && to_pci_dev(dev)->is_virtfn)
		return -EINVAL;
	return iommu_dev_enable_feature(dev, IOMMU_DEV_FEAT_IOPF);
}

/**
 * iommufd_fault_join() - Have the faults of a device go to a queue
 * @fault: the queue
 * @idev: the device, about to be attached to a HWPT of that queue; its group's lock is held
 *
 * A device may be in two queues while it moves.
 *
 * Return: 0; EINVAL a virtual function; ENODEV the device or its IOMMU cannot; ENOMEM; what else
 * the IOMMU driver says.
 */
int iommufd_fault_join(struct iommufd_fault *fault, struct iommufd_device *idev)
{
	struct fault_device *entry;
	int rc;

	lockdep_assert_held(&idev->igroup->lock);
	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	if (!idev->nr_faults) {
		rc = enable_iopf(idev->dev);
		if (rc) {
			kfree(entry);
			return rc;
		}
	}
	idev->nr_faults++;
	entry->dev = idev->dev;
	entry->id = idev->obj.id;
	mutex_lock(&fault->mutex);
	list_add_tail(&entry->item, &fault->devices);
	mutex_unlock(&fault->mutex);
	return 0;
}

/**
 * iommufd_fault_leave() - Undo iommufd_fault_join(); cannot fail
 * @fault: the queue
 * @idev: the device, no longer attached to a HWPT of that queue; its group's lock is held
 *
 * What it waits for is answered: invalid.
 */
void iommufd_fault_leave(struct iommufd_fault *fault, struct iommufd_device *idev)
{
	struct fault_device *entry;

	lockdep_assert_held(&idev->igroup->lock);
	mutex_lock(&fault->mutex);
	refuse_all(fault, NULL, idev->dev);
	mutex_unlock(&fault->mutex);
	/* fails for a device that is off already only */
	if (!--idev->nr_faults)
		iommu_dev_disable_feature(idev->dev, IOMMU_DEV_FEAT_IOPF);
	mutex_lock(&fault->mutex);
	/* what the IOMMU driver still had */
	refuse_all(fault, NULL, idev->dev);
	entry = find_device(fault, idev->dev);
	if (!WARN_ON(!entry)) {
		list_del(&entry->item);
		kfree(entry);
	}
	mutex_unlock(&fault->mutex);
}

/* Answer what came by way of an attachment that has ended, and whose handle is about to go */
void iommufd_fault_end_handle(struct iommufd_fault *fault, struct iommu_attach_handle *handle)
{
	mutex_lock(&fault->mutex);
	refuse_all(fault, handle, NULL);
	mutex_unlock(&fault->mutex);
}

/* The IOMMU core has a group of faults; it is ours to answer from here on */
static int take_group(struct iopf_group *group)
{
	struct iommufd_hw_pagetable *hwpt = group->attach_handle->domain->fault_data;
	struct iommufd_fault *fault = hwpt->fault;

	iopf_group_dequeue(group);
	spin_lock(&fault->lock);
	list_add_tail(&group->node, &fault->deliver);
	spin_unlock(&fault->lock);
	wake_up_interruptible(&fault->wait_queue);
	return 0;
}

/**
 * iommufd_fault_connect() - Have the faults of a new HWPT go to a queue
 * @ictx: the context
 * @hwpt: not published yet
 * @fault_id: what user space gave
 *
 * Return: 0, and the HWPT holds the queue, for iommufd_fault_disconnect(); ENOENT no such queue.
 */
int iommufd_fault_connect(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt, u32 fault_id)
{
	struct iommufd_object *obj = iommufd_object_get(ictx, fault_id, IOMMUFD_OBJ_FAULT);

	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt->fault = container_of(obj, struct iommufd_fault, obj);
	hwpt->domain->iopf_handler = take_group;
	hwpt->domain->fault_data = hwpt;
	refcount_inc(&obj->users);
	iommufd_object_put(ictx, obj);
	return 0;
}

/* A HWPT goes whose domain is gone already */
void iommufd_fault_disconnect(struct iommufd_hw_pagetable *hwpt)
{
	if (hwpt->fault)
		refcount_dec(&hwpt->fault->obj.users);
}

/*
 * The first group that is to be delivered, or NULL. It stays, as only holders of the mutex take
 * groups.
 */
static struct iopf_group *first_group(struct iommufd_fault *fault)
{
	struct iopf_group *group;

	lockdep_assert_held(&fault->mutex);
	spin_lock(&fault->lock);
	group = list_first_entry_or_null(&fault->deliver, struct iopf_group, node);
	spin_unlock(&fault->lock);
	return group;
}

static void deliver_remove(struct iommufd_fault *fault, struct iopf_group *group)
{
	spin_lock(&fault->lock);
	list_del(&group->node);
	spin_unlock(&fault->lock);
}

/* One message for each fault of a group */
static struct iommu_hwpt_pgfault *compose(struct iopf_group *group, u32 dev_id)
{
	struct iommu_hwpt_pgfault *messages, *message;
	struct iopf_fault *iopf;

	messages = kvcalloc(group->fault_count, sizeof(*messages), GFP_KERNEL_ACCOUNT);
	if (!messages)
		return NULL;
	message = messages;
	list_for_each_entry(iopf, &group->faults, list) {
		const struct iommu_fault_page_request *prm = &iopf->fault.prm;

		*message++ = (struct iommu_hwpt_pgfault) {
			.flags = prm->flags,
			.dev_id = dev_id,
			.pasid = prm->pasid,
			.grpid = prm->grpid,
			.perm = prm->perm,
			.addr = prm->addr,
			.cookie = group->cookie,
		};
	}
	return messages;
}

/*
 * Take the next group for delivery: it waits for its response from here on. Return: the length of
 * its messages, 0 there is none; EINVAL they are longer than @room; ENOMEM; EBUSY all cookies are
 * in use.
 */
static ssize_t take_next(struct iommufd_fault *fault, size_t room, struct iopf_group **taken,
			 u32 *cookie, struct iommu_hwpt_pgfault **messages)
{
	struct fault_device *entry;
	struct iopf_group *group;
	size_t length;
	int rc;

	lockdep_assert_held(&fault->mutex);
	for (;;) {
		group = first_group(fault);
		if (!group)
			return 0;
		entry = find_device(fault, group->fault_param->dev);
		if (entry)
			break;
		/* its device left while the IOMMU driver still had it */
		deliver_remove(fault, group);
		refuse(group);
	}
	length = array_size(group->fault_count, sizeof(**messages));
	if (length > room)
		return -EINVAL;
	/* cyclic: a cookie says which group it is even after that group has gone */
	rc = xa_alloc_cyclic(&fault->response, &group->cookie, group, xa_limit_32b,
			     &fault->next_cookie, GFP_KERNEL_ACCOUNT);
	if (rc < 0)
		return rc;
	*messages = compose(group, entry->id);
	if (!*messages) {
		xa_erase(&fault->response, group->cookie);
		return -ENOMEM;
	}
	deliver_remove(fault, group);
	*taken = group;
	*cookie = group->cookie;
	return length;
}

/* The messages did not arrive: deliver the group again, unless it has been answered meanwhile */
static void untake(struct iommufd_fault *fault, struct iopf_group *group, u32 cookie)
{
	mutex_lock(&fault->mutex);
	if (xa_load(&fault->response, cookie) == group) {
		xa_erase(&fault->response, cookie);
		spin_lock(&fault->lock);
		list_add(&group->node, &fault->deliver);
		spin_unlock(&fault->lock);
	}
	mutex_unlock(&fault->mutex);
}

static ssize_t fault_fops_read(struct file *filp, char __user *buf, size_t count, loff_t *ppos)
{
	struct iommufd_fault *fault = filp->private_data;
	struct iommu_hwpt_pgfault *messages;
	struct iopf_group *group;
	ssize_t length = 0;
	size_t done = 0;
	u32 cookie;

	if (*ppos || count % sizeof(*messages))
		return -ESPIPE;
	for (;;) {
		bool failed;

		mutex_lock(&fault->mutex);
		length = take_next(fault, count - done, &group, &cookie, &messages);
		mutex_unlock(&fault->mutex);
		if (length <= 0)
			break;
		failed = copy_to_user(buf + done, messages, length);
		kvfree(messages);
		if (failed) {
			untake(fault, group, cookie);
			length = -EFAULT;
			break;
		}
		done += length;
	}
	return done ? done : length;
}

static int respond(struct iommufd_fault *fault, const struct iommu_hwpt_page_response *response)
{
	struct iopf_group *group;

	static_assert((int)IOMMUFD_PAGE_RESP_SUCCESS == (int)IOMMU_PAGE_RESP_SUCCESS);
	static_assert((int)IOMMUFD_PAGE_RESP_INVALID == (int)IOMMU_PAGE_RESP_INVALID);
	if (response->code != IOMMUFD_PAGE_RESP_SUCCESS &&
	    response->code != IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;
	mutex_lock(&fault->mutex);
	group = xa_erase(&fault->response, response->cookie);
	if (group) {
		iopf_group_response(group, response->code);
		iopf_free_group(group);
	}
	mutex_unlock(&fault->mutex);
	return group ? 0 : -EINVAL;
}

static ssize_t fault_fops_write(struct file *filp, const char __user *buf, size_t count,
				loff_t *ppos)
{
	struct iommufd_fault *fault = filp->private_data;
	struct iommu_hwpt_page_response response;
	size_t done;
	int rc = 0;

	if (*ppos || count % sizeof(response))
		return -ESPIPE;
	for (done = 0; done < count; done += sizeof(response)) {
		rc = copy_from_user(&response, buf + done, sizeof(response)) ?
			-EFAULT : respond(fault, &response);
		if (rc)
			break;
		cond_resched();
	}
	return done ? done : rc;
}

static __poll_t fault_fops_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct iommufd_fault *fault = filp->private_data;
	__poll_t events = EPOLLOUT;

	poll_wait(filp, &fault->wait_queue, wait);
	spin_lock(&fault->lock);
	if (!list_empty(&fault->deliver))
		events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&fault->lock);
	return events;
}

static int fault_fops_release(struct inode *inode, struct file *filp)
{
	struct iommufd_fault *fault = filp->private_data;
	struct iommufd_ctx *ictx = fault->ictx;

	/* the queue may be gone after this */
	refcount_dec(&fault->obj.users);
	iommufd_ctx_release(ictx);
	return 0;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.read = fault_fops_read,
	.write = fault_fops_write,
	.poll = fault_fops_poll,
	.release = fault_fops_release,
};

/* Neither a HWPT nor the file is left */
void iommufd_fault_destroy(struct iommufd_object *obj)
{
	struct iommufd_fault *fault = container_of(obj, struct iommufd_fault, obj);

	mutex_lock(&fault->mutex);
	refuse_all(fault, NULL, NULL);
	mutex_unlock(&fault->mutex);
	WARN_ON(!list_empty(&fault->devices));
	xa_destroy(&fault->response);
	mutex_destroy(&fault->mutex);
}

/* IOMMU_FAULT_QUEUE_ALLOC. Return: 0; EOPNOTSUPP; EMFILE, ENFILE, ENOMEM; EFAULT. */
int iommufd_fault_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct iommufd_fault *fault;
	struct file *filp;
	int fd, rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	fault = iommufd_object_alloc(ucmd->ictx, struct iommufd_fault, IOMMUFD_OBJ_FAULT);
	if (IS_ERR(fault))
		return PTR_ERR(fault);
	fault->ictx = ucmd->ictx;
	mutex_init(&fault->mutex);
	spin_lock_init(&fault->lock);
	INIT_LIST_HEAD(&fault->deliver);
	INIT_LIST_HEAD(&fault->devices);
	xa_init_flags(&fault->response, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&fault->wait_queue);

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		rc = fd;
		goto err_abort;
	}
	cmd->out_fault_id = fault->obj.id;
	cmd->out_fault_fd = fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_put_fd;
	/* last: a file that exists ends by its release */
	filp = anon_inode_getfile("[iommufd-pgfault]", &fault_fops, fault, O_RDWR);
	if (IS_ERR(filp)) {
		rc = PTR_ERR(filp);
		goto err_put_fd;
	}
	refcount_inc(&fault->obj.users);
	get_file(ucmd->ictx->file);
	iommufd_object_finalize(ucmd->ictx, &fault->obj);
	fd_install(fd, filp);
	return 0;

err_put_fd:
	put_unused_fd(fd);
err_abort:
	mutex_destroy(&fault->mutex);
	iommufd_object_abort(ucmd->ictx, &fault->obj);
	return rc;
}
