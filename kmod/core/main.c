// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/iommu: opening and closing a context, and the table that takes an ioctl to its function. The
 * argument struct is copied here, once. Order of module start and end.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "iommufd_private.h"
#include "test_interface.h"

DEFINE_MUTEX(iommufd_contexts_lock);
LIST_HEAD(iommufd_contexts);

static atomic64_t last_ctx_id;

static int iommufd_fops_open(struct inode *inode, struct file *filp)
{
	struct iommufd_lsm_request req;
	struct iommufd_ctx *ictx;
	int rc;

	iommufd_request_init(&req, IOMMUFD_LSM_OP_ctx_open, NULL);
	rc = iommufd_lsm_ask(&req);
	if (rc)
		return rc;

	ictx = kzalloc(sizeof(*ictx), GFP_KERNEL_ACCOUNT);
	if (!ictx)
		return -ENOMEM;
	ictx->file = filp;
	ictx->id = atomic64_inc_return(&last_ctx_id);
	ictx->opener = req.opener;
	xa_init_flags(&ictx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	init_waitqueue_head(&ictx->destroy_wait);
	mutex_init(&ictx->groups_lock);
	INIT_LIST_HEAD(&ictx->groups);
	ictx->account_mode = IOPT_PAGES_ACCOUNT_USER;
	filp->private_data = ictx;

	mutex_lock(&iommufd_contexts_lock);
	list_add_tail(&ictx->contexts_item, &iommufd_contexts);
	mutex_unlock(&iommufd_contexts_lock);
	return 0;
}

/* The last reference to the file is gone: no call is running and no device is bound */
static int iommufd_fops_release(struct inode *inode, struct file *filp)
{
	struct iommufd_ctx *ictx = filp->private_data;

	mutex_lock(&iommufd_contexts_lock);
	list_del(&ictx->contexts_item);
	mutex_unlock(&iommufd_contexts_lock);

	iommufd_object_destroy_all(ictx);
	WARN_ON(!list_empty(&ictx->groups));
	mutex_destroy(&ictx->groups_lock);
	xa_destroy(&ictx->objects);
	kfree(ictx);
	return 0;
}

static int iommufd_destroy_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_destroy *cmd = ucmd->cmd;

	return iommufd_object_destroy_id(ucmd->ictx, cmd->id);
}

static int option_rlimit_mode(struct iommu_option *cmd, struct iommufd_ctx *ictx)
{
	int rc = 0;

	if (cmd->object_id)
		return -EOPNOTSUPP;
	if (cmd->op == IOMMU_OPTION_OP_GET) {
		cmd->val64 = ictx->account_mode == IOPT_PAGES_ACCOUNT_MM;
		return 0;
	}
	if (cmd->op != IOMMU_OPTION_OP_SET)
		return -EOPNOTSUPP;
	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;

	/* pages that are already counted must be given back to where they were counted */
	xa_lock(&ictx->objects);
	if (!xa_empty(&ictx->objects))
		rc = -EBUSY;
	else if (cmd->val64 > 1)
		rc = -EINVAL;
	else
		ictx->account_mode = cmd->val64 ? IOPT_PAGES_ACCOUNT_MM : IOPT_PAGES_ACCOUNT_USER;
	xa_unlock(&ictx->objects);
	return rc;
}

static int iommufd_option_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_option __user *uptr = ucmd->ubuffer;
	struct iommu_option *cmd = ucmd->cmd;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	switch (cmd->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		rc = option_rlimit_mode(cmd, ucmd->ictx);
		break;
	case IOMMU_OPTION_HUGE_PAGES:
		rc = iommufd_option_huge_pages(cmd, ucmd->ictx);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (rc)
		return rc;
	return copy_to_user(&uptr->val64, &cmd->val64, sizeof(cmd->val64)) ? -EFAULT : 0;
}

union ucmd_buffer {
	struct iommu_destroy destroy;
	struct iommu_fault_alloc fault_alloc;
	struct iommu_hw_info hw_info;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hwpt_get_dirty_bitmap get_dirty_bitmap;
	struct iommu_hwpt_invalidate invalidate;
	struct iommu_hwpt_set_dirty_tracking set_dirty_tracking;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas allow_iovas;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_iova_ranges iova_ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommufd_ioas_set_name set_name;
	struct iommufd_test_cmd test;
};

struct iommufd_ioctl {
	unsigned int cmd;
	unsigned int size;     /* of the struct as this module knows it */
	unsigned int min_size; /* of its first version: up to the last field it had */
	int (*execute)(struct iommufd_ucmd *ucmd);
};

#define IOCTL(_cmd, _execute, _struct, _last)                                                      \
	{                                                                                          \
		.cmd = _cmd,                                                                       \
		.size = sizeof(_struct) + BUILD_BUG_ON_ZERO(sizeof(union ucmd_buffer) <            \
							    sizeof(_struct)),                      \
		.min_size = offsetofend(_struct, _last),                                           \
		.execute = _execute,                                                               \
	}

static const struct iommufd_ioctl ioctls[] = {
	IOCTL(IOMMU_DESTROY, iommufd_destroy_ioctl, struct iommu_destroy, id),
	IOCTL(IOMMU_FAULT_QUEUE_ALLOC, iommufd_fault_alloc, struct iommu_fault_alloc, out_fault_fd),
	IOCTL(IOMMU_GET_HW_INFO, iommufd_get_hw_info, struct iommu_hw_info, __reserved),
	IOCTL(IOMMU_HWPT_ALLOC, iommufd_hwpt_alloc_ioctl, struct iommu_hwpt_alloc, __reserved),
	IOCTL(IOMMU_HWPT_GET_DIRTY_BITMAP, iommufd_hwpt_get_dirty_bitmap,
	      struct iommu_hwpt_get_dirty_bitmap, data),
	IOCTL(IOMMU_HWPT_INVALIDATE, iommufd_hwpt_invalidate, struct iommu_hwpt_invalidate,
	      __reserved),
	IOCTL(IOMMU_HWPT_SET_DIRTY_TRACKING, iommufd_hwpt_set_dirty_tracking,
	      struct iommu_hwpt_set_dirty_tracking, __reserved),
	IOCTL(IOMMU_IOAS_ALLOC, iommufd_ioas_alloc_ioctl, struct iommu_ioas_alloc, out_ioas_id),
	IOCTL(IOMMU_IOAS_ALLOW_IOVAS, iommufd_ioas_allow_iovas, struct iommu_ioas_allow_iovas,
	      allowed_iovas),
	IOCTL(IOMMU_IOAS_COPY, iommufd_ioas_copy, struct iommu_ioas_copy, src_iova),
	IOCTL(IOMMU_IOAS_IOVA_RANGES, iommufd_ioas_iova_ranges, struct iommu_ioas_iova_ranges,
	      out_iova_alignment),
	IOCTL(IOMMU_IOAS_MAP, iommufd_ioas_map, struct iommu_ioas_map, iova),
	IOCTL(IOMMU_IOAS_UNMAP, iommufd_ioas_unmap, struct iommu_ioas_unmap, length),
	IOCTL(IOMMU_OPTION, iommufd_option_ioctl, struct iommu_option, val64),
	IOCTL(IOMMU_VFIO_IOAS, iommufd_vfio_ioas, struct iommu_vfio_ioas, __reserved),
	IOCTL(IOMMUFD_IOAS_SET_NAME, iommufd_ioas_set_name_ioctl, struct iommufd_ioas_set_name,
	      name),
	IOCTL(IOMMUFD_TEST_CMD, iommufd_test_ioctl, struct iommufd_test_cmd, op),
};

static const struct iommufd_ioctl *find_ioctl(unsigned int cmd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		if (ioctls[i].cmd == cmd)
			return &ioctls[i];
	return NULL;
}

static long iommufd_fops_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	const struct iommufd_ioctl *ioctl = find_ioctl(cmd);
	struct iommufd_ucmd ucmd = {
		.ictx = filp->private_data,
		.ubuffer = (void __user *)arg,
	};
	union ucmd_buffer buffer;
	int rc;

	if (!ioctl)
		return iommufd_vfio_ioctl(ucmd.ictx, cmd, arg);
	rc = get_user(ucmd.user_size, (u32 __user *)arg);
	if (rc)
		return rc;
	if (ucmd.user_size < ioctl->min_size)
		return -EINVAL;
	rc = copy_struct_from_user(&buffer, ioctl->size, ucmd.ubuffer, ucmd.user_size);
	if (rc)
		return rc;
	ucmd.cmd = &buffer;
	return ioctl->execute(&ucmd);
}

static const struct file_operations iommufd_fops = {
	.owner = THIS_MODULE,
	.open = iommufd_fops_open,
	.release = iommufd_fops_release,
	.unlocked_ioctl = iommufd_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * iommufd_ctx_from_fd() - The context behind an fd
 * @fd: what user space gave
 *
 * Return: the context, for iommufd_ctx_release(), or ERR_PTR: EBADF no open file, EBADFD not of
 * /dev/iommu.
 */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &iommufd_fops) {
		fput(file);
		return ERR_PTR(-EBADFD);
	}
	/* the reference to the file moves to the caller */
	return file->private_data;
}

/* Drop a reference to a context; its release runs later, from the task's return to user space */
void iommufd_ctx_release(struct iommufd_ctx *ictx)
{
	fput(ictx->file);
}

static struct miscdevice iommufd_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.nodename = "iommu",
	.mode = 0660,
	.fops = &iommufd_fops,
};

static int __init iommufd_init(void)
{
	int rc;

	rc = iommufd_group_init();
	if (rc)
		return rc;
	rc = iommufd_proc_init();
	if (rc)
		goto err_group;
	rc = misc_register(&iommufd_misc);
	if (rc)
		goto err_proc;
	return 0;

err_proc:
	iommufd_proc_exit();
err_group:
	iommufd_group_exit();
	return rc;
}

static void __exit iommufd_exit(void)
{
	misc_deregister(&iommufd_misc);
	iommufd_proc_exit();
	iommufd_group_exit();
}

module_init(iommufd_init);
module_exit(iommufd_exit);
MODULE_IMPORT_NS(IOMMUFD);
MODULE_IMPORT_NS(IOMMUFD_INTERNAL);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("I/O address spaces for user space, with a policy on who attaches what where");
