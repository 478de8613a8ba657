// SPDX-License-Identifier: GPL-2.0
/*
 * The character device of a device: its node, its file operations, and the copying of arguments in
 * and out. Every operation passes the gate or goes to control.c; nothing here touches the device.
 */
#include <linux/fs.h>
#include <linux/pm_runtime.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "device.h"
#include "iommufd_ext.h"

static dev_t first_devt;

static int fops_open(struct inode *inode, struct file *file)
{
	struct ivp_device *ivp = container_of(inode->i_cdev, struct ivp_device, cdev);
	int rc;

	rc = ivp_device_open(ivp);
	if (rc)
		return rc;
	file->private_data = ivp;
	/* where vfio-pci-core zaps BAR mappings, and so do we */
	file->f_mapping = ivp->core.vdev.inode->i_mapping;
	return 0;
}

static int fops_release(struct inode *inode, struct file *file)
{
	ivp_device_release(file->private_data);
	return 0;
}

/*
 * The bind's answer must not fail after the deed, so it is tried before: what the caller gave as
 * out_devid is written back. Only a caller who unmaps it meanwhile fails later, and is undone.
 */
static long ioctl_bind(struct ivp_device *ivp, struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device_bind_iommufd bind;
	unsigned long minsz = offsetofend(struct vfio_device_bind_iommufd, out_devid);
	u32 id;
	int rc;

	if (copy_from_user(&bind, arg, minsz))
		return -EFAULT;
	if (bind.argsz < minsz || bind.flags || bind.iommufd < 0)
		return -EINVAL;
	if (put_user(bind.out_devid, &arg->out_devid))
		return -EFAULT;

	rc = ivp_device_bind(ivp, bind.iommufd, &id);
	if (rc)
		return rc;
	if (put_user(id, &arg->out_devid)) {
		ivp_device_unwind_bind(ivp);
		return -EFAULT;
	}
	return 0;
}

/* As with the bind; what cannot be told is undone by detaching, which is safe whatever it was. */
static long ioctl_attach(struct ivp_device *ivp, struct vfio_device_attach_iommufd_pt __user *arg)
{
	struct vfio_device_attach_iommufd_pt attach;
	unsigned long minsz = offsetofend(struct vfio_device_attach_iommufd_pt, pt_id);
	int rc;

	if (copy_from_user(&attach, arg, minsz))
		return -EFAULT;
	if (attach.argsz < minsz || attach.flags)
		return -EINVAL;
	if (put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;

	rc = ivp_device_attach(ivp, &attach.pt_id);
	if (rc)
		return rc;
	if (put_user(attach.pt_id, &arg->pt_id)) {
		ivp_device_detach(ivp);
		return -EFAULT;
	}
	return 0;
}

static long ioctl_detach(struct ivp_device *ivp, struct vfio_device_detach_iommufd_pt __user *arg)
{
	struct vfio_device_detach_iommufd_pt detach;
	unsigned long minsz = offsetofend(struct vfio_device_detach_iommufd_pt, flags);

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz || detach.flags)
		return -EINVAL;
	return ivp_device_detach(ivp);
}

static long ioctl_claim_info(struct ivp_device *ivp, struct iommufd_device_claim_info __user *arg)
{
	struct iommufd_device_claim_info info;
	u32 size;
	int rc;

	if (get_user(size, &arg->size))
		return -EFAULT;
	if (size < sizeof(info))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	rc = copy_struct_from_user(&info, sizeof(info), arg, size);
	if (rc)
		return rc;
	if (info.flags || info.__reserved)
		return -EOPNOTSUPP;

	memset(&info, 0, sizeof(info));
	rc = ivp_device_ask(ivp, &info);
	if (rc)
		return rc;
	info.size = size; /* what was judged, should the caller have changed it since */
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioctl_feature(struct ivp_device *ivp, struct vfio_device_feature __user *arg)
{
	const u32 ops = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	size_t minsz = offsetofend(struct vfio_device_feature, flags);
	struct vfio_device_feature feature;

	if (copy_from_user(&feature, arg, minsz))
		return -EFAULT;
	if (feature.argsz < minsz)
		return -EINVAL;
	if (feature.flags & ~(VFIO_DEVICE_FEATURE_MASK | VFIO_DEVICE_FEATURE_PROBE | ops))
		return -EINVAL;
	if (!(feature.flags & VFIO_DEVICE_FEATURE_PROBE) && (feature.flags & ops) == ops)
		return -EINVAL;
	return vfio_pci_core_ioctl_feature(&ivp->core.vdev, feature.flags, arg->data,
					   feature.argsz - minsz);
}

static long ioctl_operable(struct ivp_device *ivp, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_FEATURE:
		return ioctl_feature(ivp, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return ivp_intx_set_irqs(ivp, arg);
	case VFIO_DEVICE_IOEVENTFD:
		return ivp_ioeventfd(ivp, uarg);
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		return ivp_hot_reset_info(ivp, uarg);
	case VFIO_DEVICE_PCI_HOT_RESET:
		return ivp_hot_reset(ivp, uarg);
	default:
		return vfio_pci_core_ioctl(&ivp->core.vdev, cmd, arg);
	}
}

static long fops_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ivp_device *ivp = file->private_data;
	struct device *dev = &ivp->core.pdev->dev;
	void __user *uarg = (void __user *)arg;
	int idx;
	long rc;

	switch (cmd) {
	case VFIO_DEVICE_BIND_IOMMUFD:
		return ioctl_bind(ivp, uarg);
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return ioctl_attach(ivp, uarg);
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return ioctl_detach(ivp, uarg);
	case IOMMUFD_DEVICE_CLAIM_INFO:
		return ioctl_claim_info(ivp, uarg);
	}

	rc = ivp_gate_enter(&ivp->gate, &idx);
	if (rc)
		return rc;
	/* A holder may have put the device to sleep (LOW_POWER_ENTRY); calls wake it. */
	rc = pm_runtime_resume_and_get(dev);
	if (rc) {
		pci_info_ratelimited(ivp->core.pdev, "cannot be woken for an ioctl (%ld)\n", rc);
		rc = -EIO;
	} else {
		rc = ioctl_operable(ivp, cmd, arg);
		pm_runtime_put(dev);
	}
	/* a reset restores bus mastering as it was when it began */
	ivp_gate_leave_write(ivp, idx);
	return rc;
}

static ssize_t fops_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct ivp_device *ivp = file->private_data;
	ssize_t rc;
	int idx;

	rc = ivp_gate_enter(&ivp->gate, &idx);
	if (rc)
		return rc;
	rc = vfio_pci_core_read(&ivp->core.vdev, buf, count, ppos);
	ivp_gate_leave(&ivp->gate, idx);
	return rc;
}

/*
 * Config space is written in the aligned pieces that vfio-pci-core would take it apart into, each
 * on its own passage of the gate: within one, the caller's memory is read before the register is
 * written and not afterwards, which is what ivp_gate_leave_write() relies on.
 */
static size_t config_piece(loff_t pos, size_t count)
{
	if (count >= 4 && !(pos & 3))
		return 4;
	return count >= 2 && !(pos & 1) ? 2 : min_t(size_t, count, 1);
}

static ssize_t fops_write(struct file *file, const char __user *buf, size_t count, loff_t *ppos)
{
	struct ivp_device *ivp = file->private_data;
	bool config = VFIO_PCI_OFFSET_TO_INDEX(*ppos) == VFIO_PCI_CONFIG_REGION_INDEX;
	size_t done = 0, part;
	ssize_t rc;
	int idx;

	do {
		part = config ? config_piece(*ppos, count - done) : count;
		rc = ivp_gate_enter(&ivp->gate, &idx);
		if (rc)
			break;
		rc = vfio_pci_core_write(&ivp->core.vdev, buf + done, part, ppos);
		ivp_gate_leave_write(ivp, idx);
		if (rc > 0)
			done += rc;
	} while (rc > 0 && done < count);
	return done ? done : rc;
}

static int fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ivp_device *ivp = file->private_data;
	int idx, rc;

	rc = ivp_gate_enter(&ivp->gate, &idx);
	if (rc)
		return rc;
	rc = ivp_gate_mmap(ivp, vma);
	ivp_gate_leave(&ivp->gate, idx);
	return rc;
}

/* Nothing is ever readable; what can be waited for is that the device is taken away. */
static __poll_t fops_poll(struct file *file, struct poll_table_struct *wait)
{
	struct ivp_device *ivp = file->private_data;

	poll_wait(file, &ivp->revoke_wait, wait);
	return READ_ONCE(ivp->gate.revoked) ? EPOLLHUP | EPOLLERR : 0;
}

/* The owner pins the module, and with it the core and vfio-pci-core, while any file is open. */
static const struct file_operations ivp_fops = {
	.owner = THIS_MODULE,
	.open = fops_open,
	.release = fops_release,
	.read = fops_read,
	.write = fops_write,
	.unlocked_ioctl = fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = fops_mmap,
	.poll = fops_poll,
};

static char *ivp_devnode(const struct device *dev, umode_t *mode, kuid_t *uid, kgid_t *gid)
{
	return kasprintf(GFP_KERNEL, "vfio/devices/%s", dev_name(dev));
}

/* vfio adds the device with what we set in it before: this is how the node gets its place. */
static const struct device_type ivp_device_type = {
	.name = IVP_DRIVER_NAME,
	.devnode = ivp_devnode,
};

/**
 * ivp_cdev_add() - Prepare the node of a device that is about to be registered with vfio
 * @ivp: the device
 *
 * Opening it fails with ENODEV until vfio has registered it.
 *
 * Return: 0 or a negative errno.
 */
int ivp_cdev_add(struct ivp_device *ivp)
{
	struct device *dev = &ivp->core.vdev.device;

	dev->devt = MKDEV(MAJOR(first_devt), ivp->core.vdev.index);
	dev->type = &ivp_device_type;
	cdev_init(&ivp->cdev, &ivp_fops);
	ivp->cdev.owner = THIS_MODULE;
	/* an open file holds its cdev, and so the device it is part of */
	cdev_set_parent(&ivp->cdev, &dev->kobj);
	return cdev_add(&ivp->cdev, dev->devt, 1);
}

void ivp_cdev_del(struct ivp_device *ivp)
{
	cdev_del(&ivp->cdev);
}

int ivp_cdev_init(void)
{
	return alloc_chrdev_region(&first_devt, 0, MINORMASK + 1, IVP_DRIVER_NAME);
}

void ivp_cdev_exit(void)
{
	unregister_chrdev_region(first_devt, MINORMASK + 1);
}
