// SPDX-License-Identifier: GPL-2.0
/*
 * The gate in front of a device: who is inside, closing it, and the BAR mappings behind it. It does
 * not know why it is opened or shut; that is control.c's.
 */
#include <linux/mm.h>

#include "device.h"

int ivp_gate_init(struct ivp_gate *gate)
{
	init_rwsem(&gate->fault_lock);
	gate->open = false;
	gate->revoked = false;
	return init_srcu_struct(&gate->srcu);
}

void ivp_gate_destroy(struct ivp_gate *gate)
{
	cleanup_srcu_struct(&gate->srcu);
}

/**
 * ivp_gate_enter() - Begin an operation that touches the device
 * @gate: its gate
 * @idx: out, for ivp_gate_leave()
 *
 * May be left open for long: the operation may sleep, copy from and to user space and wait for
 * dev_set->lock. Whoever shuts the gate waits for it in ivp_gate_drain().
 *
 * Return: 0; EIO it was revoked; EINVAL it is not operable. Not entered unless 0.
 */
int ivp_gate_enter(struct ivp_gate *gate, int *idx)
{
	int rc = 0;

	*idx = srcu_read_lock(&gate->srcu);
	/* pairs with the release in ivp_gate_open(): what is seen open is seen enabled */
	if (READ_ONCE(gate->revoked))
		rc = ivp_state_may(IVP_REVOKED, IVP_USE);
	else if (!smp_load_acquire(&gate->open)) /* pairs as said above */
		rc = ivp_state_may(IVP_INERT, IVP_USE);
	if (rc)
		srcu_read_unlock(&gate->srcu, *idx);
	else
		__release(&gate->srcu); /* sparse: it stays held, until ivp_gate_leave() */
	return rc;
}

void ivp_gate_leave(struct ivp_gate *gate, int idx)
{
	__acquire(&gate->srcu); /* sparse: since ivp_gate_enter() */
	srcu_read_unlock(&gate->srcu, idx);
}

/**
 * ivp_gate_leave_write() - End an operation that may have set bus mastering, or allowed INTx
 * @ivp: the device
 * @idx: from ivp_gate_enter()
 *
 * Whoever shuts the gate by force turns both off without waiting for those inside. What they wrote after that is
 * taken back here; between their write and this they touch no memory of user space, so nothing they do keeps them.
 */
void ivp_gate_leave_write(struct ivp_device *ivp, int idx)
{
	/* pairs with fault_lock's release in shut_and_zap(): one of both sees what the other did */
	smp_mb();
	if (READ_ONCE(ivp->gate.revoked)) {
		pci_clear_master(ivp->core.pdev);
		WRITE_ONCE(ivp->core.virq_disabled, true);
	}
	ivp_gate_leave(&ivp->gate, idx);
}

/**
 * ivp_gate_open() - Let operations and faults through
 * @gate: the gate of a device that is enabled and attached
 *
 * Without effect on one that was revoked.
 */
void ivp_gate_open(struct ivp_gate *gate)
{
	down_write(&gate->fault_lock);
	/* whoever gets in sees the device enabled: ivp_gate_enter() */
	smp_store_release(&gate->open, true);
	up_write(&gate->fault_lock);
}

/*
 * Faults hold fault_lock for reading until their page is in place: those before us are found by the
 * zap, those after us see the flag.
 */
static void shut_and_zap(struct ivp_gate *gate, bool revoke, struct address_space *mapping)
{
	down_write(&gate->fault_lock);
	WRITE_ONCE(gate->open, false);
	if (revoke)
		WRITE_ONCE(gate->revoked, true);
	up_write(&gate->fault_lock);
	unmap_mapping_range(mapping, 0, 0, 1);
}

/**
 * ivp_gate_shut() - Let nobody in any more and tear down the BAR mappings
 * @gate: the gate, open or not
 * @mapping: of the device's mappings
 *
 * Does not wait for those inside. A BAR mapping stays in its address space, empty; touching it is
 * SIGBUS until the gate opens again.
 */
void ivp_gate_shut(struct ivp_gate *gate, struct address_space *mapping)
{
	shut_and_zap(gate, false, mapping);
}

/* Like ivp_gate_shut(), and for good: until ivp_gate_rearm() everybody gets EIO. */
void ivp_gate_revoke(struct ivp_gate *gate, struct address_space *mapping)
{
	shut_and_zap(gate, true, mapping);
}

/* Make the gate that of a freshly opened device; the previous open has nothing left. */
void ivp_gate_rearm(struct ivp_gate *gate)
{
	down_write(&gate->fault_lock);
	gate->open = false;
	gate->revoked = false;
	up_write(&gate->fault_lock);
}

/**
 * ivp_gate_drain() - Wait until everybody who was inside has left
 * @gate: a gate that was shut
 *
 * As long as the slowest of them takes, who may wait for memory of his own to be faulted in: never
 * to be called with dev_set->lock held.
 */
void ivp_gate_drain(struct ivp_gate *gate)
{
	synchronize_srcu(&gate->srcu);
}

/* vfio-pci-core's own, the same for every BAR of every device; known from the first mmap on */
static const struct vm_operations_struct *inner_vm_ops;

static vm_fault_t gate_fault(struct vm_fault *vmf, unsigned int order, bool huge)
{
	struct vfio_pci_core_device *core = vmf->vma->vm_private_data;
	struct ivp_gate *gate = &ivp_from_vfio(&core->vdev)->gate;
	const struct vm_operations_struct *inner = READ_ONCE(inner_vm_ops);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&gate->fault_lock);
	if (gate->open && !gate->revoked) {
		if (!huge)
			ret = inner->fault(vmf);
		else if (inner->huge_fault)
			ret = inner->huge_fault(vmf, order);
		else
			ret = VM_FAULT_FALLBACK;
	}
	up_read(&gate->fault_lock);
	return ret;
}

static vm_fault_t gate_vma_fault(struct vm_fault *vmf)
{
	return gate_fault(vmf, 0, false);
}

static vm_fault_t gate_vma_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	return gate_fault(vmf, order, true);
}

static const struct vm_operations_struct gate_vm_ops = {
	.fault = gate_vma_fault,
	.huge_fault = gate_vma_huge_fault,
};

/* Only what the wrapper passes on may be wrapped. */
static bool is_wrappable(const struct vm_operations_struct *ops)
{
	return ops && ops->fault && !ops->open && !ops->close && !ops->may_split && !ops->mremap &&
	       !ops->mprotect && !ops->map_pages && !ops->page_mkwrite && !ops->pfn_mkwrite &&
	       !ops->access;
}

/**
 * ivp_gate_mmap() - Map a BAR such that its faults pass the gate
 * @ivp: the device; the caller is inside its gate
 * @vma: the mapping
 *
 * Return: 0 or vfio-pci-core's errno; EOPNOTSUPP if its mappings are of a kind we do not know.
 */
int ivp_gate_mmap(struct ivp_device *ivp, struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops, *known;
	int rc;

	rc = vfio_pci_core_mmap(&ivp->core.vdev, vma);
	if (rc)
		return rc;

	ops = vma->vm_ops;
	known = cmpxchg(&inner_vm_ops, NULL, ops);
	if (!is_wrappable(ops) || (known && known != ops) || vma->vm_private_data != &ivp->core) {
		pci_warn_once(ivp->core.pdev, "vfio-pci-core's mappings are not as expected, mmap refused\n");
		vma->vm_ops = NULL;
		return -EOPNOTSUPP;
	}
	vma->vm_ops = &gate_vm_ops;
	return 0;
}
