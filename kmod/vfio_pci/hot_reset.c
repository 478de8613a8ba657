// SPDX-License-Identifier: GPL-2.0
/*
 * The reset of a whole slot or bus, and the question what it would hit. vfio-pci-core's own code
 * for this asks vfio who owns what, and vfio does not know our contexts; so both calls are answered
 * here.
 */
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"

/* The functions a reset hits, each with a reference. */
struct affected {
	struct pci_slot *slot; /* only those below this slot; NULL: the whole bus */
	struct pci_dev **devs;
	unsigned int count;    /* found; devs holds the first room of them */
	unsigned int room;
};

static bool is_below_slot(struct pci_dev *pdev, struct pci_slot *slot)
{
	while (pdev && pdev->bus != slot->bus)
		pdev = pdev->bus->self;
	return pdev && pdev->slot == slot;
}

/* pci_bus_sem is held: only collect here, what may sleep comes later. */
static int collect_one(struct pci_dev *pdev, void *data)
{
	struct affected *hit = data;

	if (hit->slot && !is_below_slot(pdev, hit->slot))
		return 0;
	if (hit->count < hit->room)
		hit->devs[hit->count] = pci_dev_get(pdev);
	hit->count++;
	return 0;
}

static void put_affected(struct affected *hit)
{
	unsigned int i;

	for (i = 0; i < min(hit->count, hit->room); i++)
		pci_dev_put(hit->devs[i]);
	kfree(hit->devs);
}

/* Return: 0, to be undone with put_affected(); ENODEV no such reset here; EAGAIN; ENOMEM. */
static int get_affected(struct pci_dev *pdev, struct affected *hit)
{
	*hit = (struct affected){};
	if (!pci_probe_reset_slot(pdev->slot))
		hit->slot = pdev->slot;
	else if (pci_probe_reset_bus(pdev->bus))
		return -ENODEV;

	pci_walk_bus(pdev->bus, collect_one, hit);
	hit->room = hit->count;
	hit->devs = kcalloc(hit->room, sizeof(*hit->devs), GFP_KERNEL);
	if (!hit->devs)
		return -ENOMEM;
	hit->count = 0;
	pci_walk_bus(pdev->bus, collect_one, hit);
	if (hit->count > hit->room) {
		/* one was plugged in between */
		put_affected(hit);
		return -EAGAIN;
	}
	return 0;
}

/* Only a device with this driver stays put and silent over a reset that somebody else asks for. */
static bool is_ours(struct vfio_device_set *dev_set, struct pci_dev *pdev)
{
	struct vfio_device *vdev = vfio_find_device_in_devset(dev_set, &pdev->dev);

	return vdev && vdev->ops == &ivp_vfio_ops;
}

/*
 * The id of an affected device as Linux gives it: that in the caller's context, or OWNED for one
 * that is not bound itself but whose group is the context's, or NOT_OWNED.
 */
static u32 devid_of(struct ivp_device *ivp, struct pci_dev *pdev)
{
	u32 id;

	if (!is_ours(ivp->core.vdev.dev_set, pdev))
		return VFIO_PCI_DEVID_NOT_OWNED;
	id = iommufd_device_bound_id(ivp->idev, &pdev->dev);
	if (id)
		return id;
	return iommufd_device_same_context(ivp->idev, &pdev->dev) ? VFIO_PCI_DEVID_OWNED :
								    VFIO_PCI_DEVID_NOT_OWNED;
}

/**
 * ivp_hot_reset_info() - VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
 * @ivp: an operable device, inside its gate
 * @arg: the caller's
 *
 * Return: 0; ENOSPC with the number needed; ENODEV no such reset; EINVAL; EFAULT; ENOMEM; EAGAIN.
 */
int ivp_hot_reset_info(struct ivp_device *ivp, struct vfio_pci_hot_reset_info __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_pci_hot_reset_info, count);
	struct vfio_device_set *dev_set = ivp->core.vdev.dev_set;
	struct vfio_pci_dependent_device *devices;
	struct vfio_pci_hot_reset_info hdr;
	struct affected hit;
	unsigned int i;
	int rc;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	if (hdr.argsz < minsz)
		return -EINVAL;

	rc = get_affected(ivp->core.pdev, &hit);
	if (rc)
		return rc;

	hdr.count = hit.count;
	hdr.flags = 0;
	if (hit.count > (hdr.argsz - minsz) / sizeof(*devices)) {
		rc = copy_to_user(arg, &hdr, minsz) ? -EFAULT : -ENOSPC;
		goto out_put;
	}
	devices = kcalloc(hit.count, sizeof(*devices), GFP_KERNEL);
	if (!devices) {
		rc = -ENOMEM;
		goto out_put;
	}

	hdr.flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	mutex_lock(&dev_set->lock);
	for (i = 0; i < hit.count; i++) {
		devices[i].segment = pci_domain_nr(hit.devs[i]->bus);
		devices[i].bus = hit.devs[i]->bus->number;
		devices[i].devfn = hit.devs[i]->devfn;
		devices[i].devid = devid_of(ivp, hit.devs[i]);
		if (devices[i].devid == VFIO_PCI_DEVID_NOT_OWNED)
			hdr.flags &= ~VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	}
	mutex_unlock(&dev_set->lock);

	if (copy_to_user(arg->devices, devices, hit.count * sizeof(*devices)) ||
	    copy_to_user(arg, &hdr, minsz))
		rc = -EFAULT;
	kfree(devices);
out_put:
	put_affected(&hit);
	return rc;
}

/* Every affected device is ours and the caller's context has it, and so is everyone in the set. */
static int check_owned(struct ivp_device *ivp, struct affected *hit)
{
	struct vfio_device_set *dev_set = ivp->core.vdev.dev_set;
	struct vfio_device *vdev;
	unsigned int i;

	lockdep_assert_held(&dev_set->lock);
	for (i = 0; i < hit->count; i++) {
		if (devid_of(ivp, hit->devs[i]) == VFIO_PCI_DEVID_NOT_OWNED) {
			pci_info_ratelimited(ivp->core.pdev,
					     "hot reset refused: it would hit %s, which the context does not own\n",
					     pci_name(hit->devs[i]));
			return -EINVAL;
		}
	}
	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vdev->ops != &ivp_vfio_ops)
			return -EINVAL;
	return 0;
}

/*
 * The reset restores the state a device has in D0. What its holder put to sleep by himself is
 * woken before, with the state vfio-pci-core set aside for devices that forget it in D3.
 */
static void wake_from_d3(struct vfio_pci_core_device *core)
{
	bool slept = core->pdev->current_state == PCI_D3hot ||
		     core->pdev->current_state == PCI_D3cold;

	if (pci_set_power_state(core->pdev, PCI_D0) || !slept || !core->needs_pm_restore)
		return;
	pci_load_and_free_saved_state(core->pdev, &core->pm_save);
	pci_restore_state(core->pdev);
}

/* Let the devices up to and with @last sleep again; none with the list's head */
static void sleep_down_from(struct vfio_device_set *dev_set, struct vfio_pci_core_device *last)
{
	struct vfio_pci_core_device *core = last;

	list_for_each_entry_from_reverse(core, &dev_set->device_list, vdev.dev_set_list)
		pm_runtime_put(&core->pdev->dev);
}

/* All before any is locked: a device that wakes up locks itself */
static int wake_all(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;
	int rc;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list) {
		rc = pm_runtime_resume_and_get(&core->pdev->dev);
		if (rc) {
			sleep_down_from(dev_set, list_prev_entry(core, vdev.dev_set_list));
			return rc;
		}
	}
	return 0;
}

static void unlock_down_from(struct vfio_device_set *dev_set, struct vfio_pci_core_device *last)
{
	struct vfio_pci_core_device *core = last;

	list_for_each_entry_from_reverse(core, &dev_set->device_list, vdev.dev_set_list)
		up_write(&core->memory_lock);
}

/*
 * Lock every device of the set against its BARs being touched; a page that is mapped again waits for the
 * lock. Only tried, for the order among them is nobody's.
 */
static int lock_all(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list) {
		if (!down_write_trylock(&core->memory_lock)) {
			unlock_down_from(dev_set, list_prev_entry(core, vdev.dev_set_list));
			return -EBUSY;
		}
		unmap_mapping_range(core->vdev.inode->i_mapping, 0, 0, 1);
	}
	return 0;
}

/*
 * What woke up, or was reset, has the bus mastering that was saved. Who was taken away meanwhile does not
 * get it back: either this sees that, or taking away clears it later, as in ivp_gate_leave_write().
 */
static void clear_revoked(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	/* pairs with fault_lock's release in shut_and_zap() */
	smp_mb();
	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		if (READ_ONCE(ivp_from_vfio(&core->vdev)->gate.revoked))
			pci_clear_master(core->pdev);
}

static int reset_set(struct ivp_device *ivp)
{
	struct vfio_device_set *dev_set = ivp->core.vdev.dev_set;
	struct vfio_pci_core_device *core, *last;
	int rc;

	lockdep_assert_held(&dev_set->lock);
	last = list_last_entry(&dev_set->device_list, struct vfio_pci_core_device,
			       vdev.dev_set_list);
	rc = wake_all(dev_set);
	if (rc)
		return rc;
	rc = lock_all(dev_set);
	if (!rc) {
		list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
			wake_from_d3(core);
		rc = pci_reset_bus(ivp->core.pdev);
		clear_revoked(dev_set);
		unlock_down_from(dev_set, last);
	}
	sleep_down_from(dev_set, last);
	return rc;
}

/**
 * ivp_hot_reset() - VFIO_DEVICE_PCI_HOT_RESET
 * @ivp: an operable device, inside its gate
 * @arg: the caller's; no group fds, being in one context is what counts
 *
 * Return: 0; EINVAL an affected device is not the context's; ENODEV no such reset; EBUSY, EAGAIN
 * somebody is at one of the devices just now; EFAULT; ENOMEM.
 */
int ivp_hot_reset(struct ivp_device *ivp, struct vfio_pci_hot_reset __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_pci_hot_reset, count);
	struct vfio_device_set *dev_set = ivp->core.vdev.dev_set;
	struct vfio_pci_hot_reset hdr;
	struct affected hit;
	int rc;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	if (hdr.argsz < minsz || hdr.flags || hdr.count)
		return -EINVAL;

	rc = get_affected(ivp->core.pdev, &hit);
	if (rc)
		return rc;
	mutex_lock(&dev_set->lock);
	rc = check_owned(ivp, &hit);
	if (!rc)
		rc = reset_set(ivp);
	mutex_unlock(&dev_set->lock);
	put_affected(&hit);
	return rc;
}
