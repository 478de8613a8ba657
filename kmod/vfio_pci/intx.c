// SPDX-License-Identifier: GPL-2.0
/*
 * A device's legacy interrupt line, which others may share. It is a level: while nobody answers, a processor does
 * nothing but ask who it was, until the kernel switches off the line for all on it. Stock vfio lets a holder do
 * that: his device may assert the line while he has set no eventfd, or has masked it in a way that a reset, a
 * changed power state or a write of the command register undoes.
 *
 * So a handler of ours is on the line as long as the driver has the device. It leaves to vfio-pci-core what that
 * takes, and forbids the device to assert the line when it was not taken. Two things make sure that no interrupt
 * is lost to its holder by that: ours looks behind vfio-pci-core's, and it looks more than once, since the device
 * may assert the line between the two. Handlers are asked in the order in which they came: so there is one from the
 * beginning, and while vfio-pci-core has one, another behind it.
 */
#include <linux/interrupt.h>

#include "device.h"

/* So often in a row nobody took it: asserted between the two, and taken back before they look again, it is hardly twice */
#define PATIENCE 4

/* One that sleeps still answers, if the bridge before it does not sleep; in a reset it answers late, and is forbidden */
static bool is_reachable(struct pci_dev *pdev)
{
	struct pci_dev *bridge = pdev->bus->self;

	return !pdev->block_cfg_access && READ_ONCE(pdev->current_state) != PCI_D3cold &&
	       (!bridge || READ_ONCE(bridge->current_state) == PCI_D0);
}

static irqreturn_t look(struct ivp_device *ivp)
{
	struct pci_dev *pdev = ivp->core.pdev;
	struct ivp_intx *intx = &ivp->intx;
	u32 both;

	if (!is_reachable(pdev))
		return IRQ_NONE;
	/* command and status; all ones if the device is gone */
	pci_read_config_dword(pdev, PCI_COMMAND, &both);
	if (both & PCI_COMMAND_INTX_DISABLE || !(both >> 16 & PCI_STATUS_INTERRUPT)) {
		WRITE_ONCE(intx->in_a_row, 0);
		return IRQ_NONE;
	}
	WRITE_ONCE(intx->in_a_row, READ_ONCE(intx->in_a_row) + 1);
	if (READ_ONCE(intx->in_a_row) >= PATIENCE) {
		WRITE_ONCE(intx->in_a_row, 0);
		WRITE_ONCE(intx->forbidden, true);
		pci_check_and_mask_intx(pdev);
	}
	return IRQ_HANDLED;
}

static irqreturn_t in_front(int irq, void *data)
{
	struct ivp_device *ivp = data;

	return READ_ONCE(ivp->intx.is_behind) ? IRQ_NONE : look(ivp);
}

static irqreturn_t behind(int irq, void *data)
{
	return look(container_of(data, struct ivp_device, intx));
}

static int come_behind(struct ivp_device *ivp)
{
	int rc = request_irq(ivp->intx.irq, behind, IRQF_SHARED, IVP_DRIVER_NAME, &ivp->intx);

	if (rc)
		return rc;
	WRITE_ONCE(ivp->intx.in_a_row, 0);
	WRITE_ONCE(ivp->intx.is_behind, true);
	return 0;
}

/* The one in front is enough, until there is one of vfio-pci-core's again */
static void leave_behind(struct ivp_device *ivp)
{
	if (!ivp->intx.is_behind)
		return;
	WRITE_ONCE(ivp->intx.is_behind, false);
	free_irq(ivp->intx.irq, &ivp->intx);
}

/**
 * ivp_intx_watch() - Begin to watch the line of a device that this driver was given
 * @ivp: the device, awake; nobody can open it yet
 *
 * Enables the device, without which it has no line. Where it has none, cannot be forbidden to assert it, or
 * somebody has the line for himself, the line is not watched. May sleep.
 */
void ivp_intx_watch(struct ivp_device *ivp)
{
	struct pci_dev *pdev = ivp->core.pdev;
	int rc;

	if (!pdev->pin || !pci_intx_mask_supported(pdev))
		return;
	rc = pci_enable_device(pdev);
	if (rc)
		goto err;
	rc = -ENXIO;
	if (pdev->irq && pdev->irq != IRQ_NOTCONNECTED)
		rc = request_irq(pdev->irq, in_front, IRQF_SHARED, IVP_DRIVER_NAME, ivp);
	if (!rc) {
		ivp->intx.irq = pdev->irq; /* which MSI changes */
		return;
	}
	pci_disable_device(pdev);
err:
	pci_info(pdev, "its legacy interrupt line cannot be watched (%d)\n", rc);
}

/**
 * ivp_intx_unwatch() - End that
 * @ivp: the device; nobody is inside its gate, nor will be if this is for good. May sleep.
 */
void ivp_intx_unwatch(struct ivp_device *ivp)
{
	if (!ivp->intx.irq)
		return;
	leave_behind(ivp);
	free_irq(ivp->intx.irq, ivp);
	ivp->intx.irq = 0;
	pci_disable_device(ivp->core.pdev);
}

/**
 * ivp_intx_enabled() - Note that vfio-pci-core enabled the device, which has no interrupts yet
 * @ivp: the device; nobody is inside its gate. May sleep.
 */
void ivp_intx_enabled(struct ivp_device *ivp)
{
	leave_behind(ivp);
	if (!ivp->core.pci_2_3)
		ivp_intx_unwatch(ivp); /* broken, or by a parameter of vfio-pci's: it wants the line for itself, if any */
}

/* Who has asked for interrupts gets them, whatever was forbidden while he did. */
static void allow(struct ivp_device *ivp)
{
	struct vfio_pci_core_device *core = &ivp->core;

	if (!READ_ONCE(ivp->intx.forbidden))
		return;
	/* some raise no MSI either while they may not assert the line */
	if (core->irq_type == VFIO_PCI_INTX_IRQ_INDEX ? core->virq_disabled :
	    !(core->pdev->dev_flags & PCI_DEV_FLAGS_MSI_INTX_DISABLE_BUG))
		return;
	/* vfio-pci-core holds it when it writes the command register, and over a reset */
	down_write(&core->memory_lock);
	/* a holder's sleeping device may be given back the register of before */
	if (core->pdev->current_state == PCI_D0) {
		WRITE_ONCE(ivp->intx.forbidden, false);
		pci_intx(core->pdev, 1);
	}
	up_write(&core->memory_lock);
}

/**
 * ivp_intx_set_irqs() - VFIO_DEVICE_SET_IRQS
 * @ivp: an operable device, inside its gate
 * @arg: of the call
 *
 * One at a time, so that our handler is behind vfio-pci-core's when the call returns. May sleep, and wait for the
 * caller's memory; takes vfio-pci-core's igate and memory_lock.
 *
 * Return: vfio-pci-core's errno; EINTR; ENOMEM, then it may be that only a few interrupts arrive, until another call
 * succeeds.
 */
long ivp_intx_set_irqs(struct ivp_device *ivp, unsigned long arg)
{
	struct vfio_pci_core_device *core = &ivp->core;
	int followed = 0;
	long rc;

	if (!ivp->intx.irq)
		return vfio_pci_core_ioctl(&core->vdev, VFIO_DEVICE_SET_IRQS, arg);
	if (mutex_lock_killable(&ivp->intx.calls))
		return -EINTR;
	if (core->irq_type != VFIO_PCI_INTX_IRQ_INDEX)
		leave_behind(ivp);
	rc = vfio_pci_core_ioctl(&core->vdev, VFIO_DEVICE_SET_IRQS, arg);
	mutex_lock(&core->igate);
	if (core->irq_type == VFIO_PCI_INTX_IRQ_INDEX && !ivp->intx.is_behind)
		followed = come_behind(ivp);
	allow(ivp);
	mutex_unlock(&core->igate);
	mutex_unlock(&ivp->intx.calls);
	return rc ? rc : followed;
}
