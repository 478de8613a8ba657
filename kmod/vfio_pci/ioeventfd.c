// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO_DEVICE_IOEVENTFD: register writes that a holder leaves with the kernel, to be done whenever an
 * eventfd is signalled. vfio-pci-core's own are done past the gate, until the device is disabled; and
 * that a holder can put off, by a call of his that does not end. These pass the gate like his calls.
 */
#include <linux/bitops.h>
#include <linux/io-64-nonatomic-lo-hi.h> /* without it vfio-pci-core's 64-bit write is not declared */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"

#define MAX_IOEVENTFDS 1000 /* as vfio-pci-core's, kernel memory */

/*
 * One such write. On the list of its device, which owns it; found again by everything but the eventfd.
 * virqfd changes by itself when the eventfd is closed.
 */
struct ioeventfd {
	struct list_head item;
	struct ivp_device *ivp;
	struct virqfd *virqfd;
	u64 pos;
	u64 data;
	unsigned int bar;
	unsigned int width; /* in bytes */
};

/* The eventfd's lock is held: a write may have to wait for a reset, so it is left to a worker */
static int signalled(void *opaque, void *unused)
{
	return 1;
}

static void do_write(void *opaque, void *unused)
{
	struct ioeventfd *one = opaque;
	struct vfio_pci_core_device *core = &one->ivp->core;
	bool memory = pci_resource_flags(core->pdev, one->bar) & IORESOURCE_MEM;
	void __iomem *at;
	int idx;

	if (ivp_gate_enter(&one->ivp->gate, &idx))
		return;
	at = core->barmap[one->bar] + one->pos;
	switch (one->width) {
	case 1:
		vfio_pci_core_iowrite8(core, memory, one->data, at);
		break;
	case 2:
		vfio_pci_core_iowrite16(core, memory, one->data, at);
		break;
	case 4:
		vfio_pci_core_iowrite32(core, memory, one->data, at);
		break;
	case 8:
		vfio_pci_core_iowrite64(core, memory, one->data, at);
		break;
	}
	ivp_gate_leave(&one->ivp->gate, idx);
}

static void end_one(struct ivp_device *ivp, struct ioeventfd *one)
{
	/* waits for a write under way */
	vfio_virqfd_disable(&one->virqfd);
	list_del(&one->item);
	kfree(one);
	ivp->nr_ioeventfds--;
}

static struct ioeventfd *find(struct ivp_device *ivp, const struct ioeventfd *what)
{
	struct ioeventfd *one;

	lockdep_assert_held(&ivp->ioeventfds_lock);
	list_for_each_entry(one, &ivp->ioeventfds, item)
		if (one->bar == what->bar && one->pos == what->pos && one->data == what->data &&
		    one->width == what->width)
			return one;
	return NULL;
}

/* The MSI-X table is vfio's, as it is for writes of the holder himself */
static bool is_msix_table(struct vfio_pci_core_device *core, const struct ioeventfd *what)
{
	return what->bar == core->msix_bar && what->pos < core->msix_offset + core->msix_size &&
	       what->pos + what->width > core->msix_offset;
}

static int add_one(struct ivp_device *ivp, const struct ioeventfd *what, int fd)
{
	struct ioeventfd *one;
	int rc;

	lockdep_assert_held(&ivp->ioeventfds_lock);
	if (ivp->nr_ioeventfds >= MAX_IOEVENTFDS)
		return -ENOSPC;
	one = kmemdup(what, sizeof(*what), GFP_KERNEL_ACCOUNT);
	if (!one)
		return -ENOMEM;
	list_add(&one->item, &ivp->ioeventfds);
	ivp->nr_ioeventfds++;
	rc = vfio_virqfd_enable(one, signalled, do_write, NULL, &one->virqfd, fd);
	if (rc)
		end_one(ivp, one);
	return rc;
}

/**
 * ivp_ioeventfd() - VFIO_DEVICE_IOEVENTFD
 * @ivp: an operable device, inside its gate
 * @arg: the caller's; fd -1 ends what was set up with the same address, data and width
 *
 * Return: 0; EINVAL; EFAULT; EEXIST there is one; ENODEV there is none to end; ENOSPC, ENOMEM; EBADF;
 * EBUSY, ENODEV the BAR cannot be had.
 */
int ivp_ioeventfd(struct ivp_device *ivp, struct vfio_device_ioeventfd __user *arg)
{
	unsigned long minsz = offsetofend(struct vfio_device_ioeventfd, fd);
	struct ioeventfd what = { .ivp = ivp }, *old;
	struct vfio_device_ioeventfd call;
	int rc;

	if (copy_from_user(&call, arg, minsz))
		return -EFAULT;
	if (call.argsz < minsz || call.flags & ~VFIO_DEVICE_IOEVENTFD_SIZE_MASK ||
	    hweight32(call.flags) != 1 || call.fd < -1)
		return -EINVAL;
	what.width = call.flags; /* the flags are the widths */
	what.data = call.data;
	what.pos = call.offset & VFIO_PCI_OFFSET_MASK;
	what.bar = VFIO_PCI_OFFSET_TO_INDEX(call.offset);
	if (VFIO_PCI_OFFSET_TO_INDEX(call.offset) > VFIO_PCI_BAR5_REGION_INDEX ||
	    what.pos + what.width > pci_resource_len(ivp->core.pdev, what.bar) ||
	    is_msix_table(&ivp->core, &what))
		return -EINVAL;
	rc = vfio_pci_core_setup_barmap(&ivp->core, what.bar);
	if (rc)
		return rc;

	mutex_lock(&ivp->ioeventfds_lock);
	old = find(ivp, &what);
	if (call.fd >= 0)
		rc = old ? -EEXIST : add_one(ivp, &what, call.fd);
	else if (old)
		end_one(ivp, old);
	else
		rc = -ENODEV;
	mutex_unlock(&ivp->ioeventfds_lock);
	return rc;
}

/* The device is about to be disabled, nobody is inside the gate: forget them all */
void ivp_ioeventfds_end(struct ivp_device *ivp)
{
	struct ioeventfd *one, *next;

	mutex_lock(&ivp->ioeventfds_lock);
	list_for_each_entry_safe(one, next, &ivp->ioeventfds, item)
		end_one(ivp, one);
	mutex_unlock(&ivp->ioeventfds_lock);
}
