// SPDX-License-Identifier: GPL-2.0
/*
 * A device's legacy interrupt line, which others may share: a level that nobody answers keeps a processor in
 * interrupts, until the kernel switches off the line for all on it. vfio-pci-core lets the device assert it
 * whenever the holder does not forbid it; here it may only while vfio-pci-core has a handler there.
 */
#include <linux/pm_runtime.h>

#include "device.h"

/**
 * ivp_intx_settle() - Keep the device from asserting INTx if nobody would take it
 * @ivp: the device, enabled and its gate passed, or with nobody inside
 *
 * To be called after whatever may have removed the handler or let the device assert INTx: SET_IRQS, a reset, a
 * write of the command register; and after the device was enabled or disabled, which gives it the state of before. When
 * a handler comes vfio-pci-core lets it assert INTx. May sleep; takes igate, then memory_lock, under which
 * vfio-pci-core writes the command register.
 *
 * Without effect on a device that cannot be told: for those vfio-pci-core wants a line of its own.
 */
void ivp_intx_settle(struct ivp_device *ivp)
{
	struct vfio_pci_core_device *core = &ivp->core;
	struct device *dev = &core->pdev->dev;

	if (!core->pci_2_3)
		return;
	/* awake: waking up would restore what was saved when it went to sleep */
	if (pm_runtime_resume_and_get(dev))
		return;
	mutex_lock(&core->igate);
	if (core->irq_type != VFIO_PCI_INTX_IRQ_INDEX) {
		down_write(&core->memory_lock);
		pci_intx(core->pdev, 0);
		up_write(&core->memory_lock);
	}
	mutex_unlock(&core->igate);
	pm_runtime_put(dev);
}
