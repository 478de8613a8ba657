// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI driver: which devices it takes, how one comes and goes, and the order of init and exit.
 * What an open device does is in control.c and cdev.c.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci_ids.h>

#include "../compat/vfio_device.h"
#include "device.h"

/*
 * Devices of which Intel published that one user can harm others or the machine through them;
 * vfio-pci refuses them by default, and here is no parameter to change that.
 */
static const struct pci_device_id refused_ids[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

static int check_supported(struct pci_dev *pdev)
{
	if (pci_match_id(refused_ids, pdev)) {
		pci_warn(pdev, "refused: %04x:%04x is known not to isolate its users\n",
			 pdev->vendor, pdev->device);
		return -EINVAL;
	}
	if (pdev->vendor == PCI_VENDOR_ID_INTEL && (pdev->class >> 8) == PCI_CLASS_DISPLAY_VGA) {
		pci_warn(pdev, "refused: Intel graphics shares regions with the host that are not supported\n");
		return -EINVAL;
	}
	return 0;
}

static int ivp_init_dev(struct vfio_device *vdev)
{
	struct ivp_device *ivp = ivp_from_vfio(vdev);
	int rc;

	rc = vfio_pci_core_init_dev(vdev);
	if (rc)
		return rc;
	mutex_init(&ivp->call);
	mutex_init(&ivp->lock);
	spin_lock_init(&ivp->legacy_logged_lock);
	ivp_device_init_revoke(ivp);
	mutex_init(&ivp->intx.calls);
	mutex_init(&ivp->ioeventfds_lock);
	INIT_LIST_HEAD(&ivp->ioeventfds);
	ivp->state = IVP_CLOSED;
	rc = ivp_gate_init(&ivp->gate);
	if (rc)
		vfio_pci_core_release_dev(vdev);
	return rc;
}

static void ivp_release_dev(struct vfio_device *vdev)
{
	struct ivp_device *ivp = ivp_from_vfio(vdev);

	ivp_gate_destroy(&ivp->gate);
	mutex_destroy(&ivp->ioeventfds_lock);
	mutex_destroy(&ivp->intx.calls);
	mutex_destroy(&ivp->lock);
	mutex_destroy(&ivp->call);
	vfio_pci_core_release_dev(vdev);
}

/*
 * What vfio may call. No ioctl, read, write, mmap: the files it would open are refused, and should
 * one exist it can do nothing. The name must be the driver's, vfio-pci-core gives it to new VFs.
 */
const struct vfio_device_ops ivp_vfio_ops = {
	.name = IVP_DRIVER_NAME,
	.init = ivp_init_dev,
	.release = ivp_release_dev,
	.open_device = ivp_legacy_open_device,
	.match = ivp_legacy_match,
	.request = vfio_pci_core_request,
};

static int ivp_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ivp_device *ivp;
	int rc;

	rc = check_supported(pdev);
	if (rc)
		return rc;

	ivp = vfio_alloc_device(ivp_device, core.vdev, &pdev->dev, &ivp_vfio_ops);
	if (IS_ERR(ivp))
		return PTR_ERR(ivp);

	/*
	 * Nobody has claimed the group, or a context that a sibling is attached to has: from here
	 * on until it is attached itself, the device must not do DMA.
	 */
	pci_clear_master(pdev);
	dev_set_drvdata(&pdev->dev, &ivp->core);
	ivp_intx_watch(ivp);

	rc = ivp_cdev_add(ivp);
	if (rc)
		goto err_unwatch;
	rc = vfio_pci_core_register_device(&ivp->core);
	if (rc)
		goto err_cdev;
	return 0;

err_cdev:
	ivp_cdev_del(ivp);
err_unwatch:
	ivp_intx_unwatch(ivp);
	vfio_put_device(&ivp->core.vdev);
	return rc;
}

/*
 * The holder of an open file is not asked. His file stays, dead, and keeps our memory; so the
 * device must leave the set of those that share a reset now, and not when he closes: it would count
 * there as one of ours while another driver has it.
 */
static void ivp_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);
	struct ivp_device *ivp = ivp_from_vfio(&core->vdev);
	struct vfio_device_set *dev_set = core->vdev.dev_set;

	ivp_cdev_del(ivp);
	ivp_device_revoke(ivp, true, "its driver was unbound, or it was unplugged");
	vfio_pci_core_unregister_device(core);

	mutex_lock(&dev_set->lock);
	list_del_init(&core->vdev.dev_set_list);
	mutex_unlock(&dev_set->lock);

	ivp_intx_unwatch(ivp);
	vfio_put_device(&core->vdev);
}

static const struct pci_device_id ivp_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, ivp_ids);

static struct pci_driver ivp_driver = {
	.name = IVP_DRIVER_NAME,
	.id_table = ivp_ids,
	.probe = ivp_probe,
	.remove = ivp_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.dev_groups = ivp_operator_groups,
	.driver_managed_dma = true,
};

static int __init ivp_init(void)
{
	int rc;

	rc = ivp_cdev_init();
	if (rc)
		return rc;
	rc = pci_register_driver(&ivp_driver);
	if (rc)
		ivp_cdev_exit();
	return rc;
}

static void __exit ivp_exit(void)
{
	pci_unregister_driver(&ivp_driver);
	ivp_cdev_exit();
}

module_init(ivp_init);
module_exit(ivp_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO PCI device fds that are secure before they are usable");
MODULE_IMPORT_NS(IOMMUFD);
