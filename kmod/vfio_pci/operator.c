// SPDX-License-Identifier: GPL-2.0
/*
 * The operator's side of a device: two files in its sysfs directory that root writes "1" to, there
 * while the device has this driver. What happens then is control.c's.
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

static struct attribute *operator_attrs[] = {
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
