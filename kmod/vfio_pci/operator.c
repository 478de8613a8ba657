// SPDX-License-Identifier: GPL-2.0
/*
 * The operator's side of a device: three files in its sysfs directory, there while the device has this
 * driver. Who holds it can be read; to revoke and to have it judged again, root writes "1". What
 * happens then is control.c's.
 */
#include <linux/capability.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "device.h"

/*
 * The driver core removes the files, and waits for their writers, before it calls remove(): while
 * one runs the device is there. It holds the device lock then, so no writer may take that.
 */
static struct ivp_device *written_one(struct device *dev, const char *buf)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);
	bool yes;

	/* a container's root may be a uid 0 that owns the file */
	if (!capable(CAP_SYS_ADMIN))
		return ERR_PTR(-EPERM);
	if (kstrtobool(buf, &yes) || !yes)
		return ERR_PTR(-EINVAL);
	return ivp_from_vfio(&core->vdev);
}

/* Return: as ivp_device_revoke(), EPERM, EINVAL. */
static ssize_t iommufd_revoke_store(struct device *dev, struct device_attribute *attr,
				    const char *buf, size_t count)
{
	struct ivp_device *ivp = written_one(dev, buf);
	int rc = PTR_ERR_OR_ZERO(ivp);

	if (!rc)
		rc = ivp_device_revoke(ivp, false, "its operator revoked it");
	return rc ? rc : count;
}
static DEVICE_ATTR_WO(iommufd_revoke);

/* Return: as ivp_device_recheck(), EPERM, EINVAL. */
static ssize_t iommufd_recheck_store(struct device *dev, struct device_attribute *attr,
				     const char *buf, size_t count)
{
	struct ivp_device *ivp = written_one(dev, buf);
	int rc = PTR_ERR_OR_ZERO(ivp);

	if (!rc)
		rc = ivp_device_recheck(ivp);
	return rc ? rc : count;
}
static DEVICE_ATTR_WO(iommufd_recheck);

/* "STATE PID NAME", or nothing if nobody has it open. A look without a lock: true a moment ago. */
static ssize_t iommufd_holder_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);
	struct ivp_device *ivp = ivp_from_vfio(&core->vdev);
	enum ivp_state state = READ_ONCE(ivp->state);
	char comm[TASK_COMM_LEN];

	if (state == IVP_CLOSED)
		return 0;
	strscpy(comm, ivp->opener_comm, sizeof(comm));
	return sysfs_emit(buf, "%s %d %*pE\n", ivp_state_name(state), READ_ONCE(ivp->opener_tgid),
			  (int)strlen(comm), comm);
}
static DEVICE_ATTR_ADMIN_RO(iommufd_holder);

static struct attribute *operator_attrs[] = {
	&dev_attr_iommufd_holder.attr,
	&dev_attr_iommufd_revoke.attr,
	&dev_attr_iommufd_recheck.attr,
	NULL
};

static const struct attribute_group operator_group = {
	.attrs = operator_attrs,
};

const struct attribute_group *ivp_operator_groups[] = {
	&operator_group,
	NULL
};
