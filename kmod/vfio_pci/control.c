// SPDX-License-Identifier: GPL-2.0
/*
 * What is done on each way from one state of a device fd to another (device_state.h says which ways
 * there are), and in which order. The ioctls' arguments are cdev.c's; who may, is judged in the
 * core.
 */
#include <linux/eventfd.h>
#include <linux/pm_runtime.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "../compat/vfio_device.h"
#include "device.h"
#include "iommufd_ext.h"

/* So long an operator waits for calls of the holder's to end, which have no DMA any more */
#define REVOKE_PATIENCE (3 * HZ)

static struct address_space *bar_mapping(struct ivp_device *ivp)
{
	return ivp->core.vdev.inode->i_mapping;
}

static void set_state(struct ivp_device *ivp, enum ivp_event event)
{
	lockdep_assert_held(&ivp->lock);
	WRITE_ONCE(ivp->state, ivp_state_after(ivp->state, event));
}

/*
 * Whether a call of the holder's may be tried now, as ivp_state_may(). A revocation is seen from
 * when it began: it is about to take the lock that the caller holds.
 */
static int may(struct ivp_device *ivp, enum ivp_event event)
{
	lockdep_assert_held(&ivp->lock);
	return ivp_state_may(READ_ONCE(ivp->gate.revoked) ? IVP_REVOKED : ivp->state, event);
}

/* From then on vfio may forget the device, while we keep its memory. */
static void put_registration(struct ivp_device *ivp)
{
	lockdep_assert_held(&ivp->lock);
	if (!ivp->registered)
		return;
	ivp->registered = false;
	compat_vfio_put_registration(&ivp->core.vdev);
}

/**
 * ivp_device_open() - Open the device: once in the system, and inert
 * @ivp: the device; its cdev keeps it while this runs
 *
 * Takes a reference that ivp_device_release() drops.
 *
 * Return: 0; EBUSY it is open already; ENODEV the driver is leaving; or the hooks' errno.
 */
int ivp_device_open(struct ivp_device *ivp)
{
	int rc;

	/* Without the lock: who comes second must neither wait for the first nor disturb him. */
	rc = ivp_state_may(READ_ONCE(ivp->state), IVP_OPEN);
	if (rc)
		return rc;

	if (mutex_lock_killable(&ivp->lock))
		return -EINTR;
	rc = ivp_state_may(ivp->state, IVP_OPEN);
	if (rc)
		goto out_unlock;
	rc = -ENODEV;
	if (ivp->removed || !compat_vfio_try_get_registration(&ivp->core.vdev))
		goto out_unlock;
	ivp->registered = true;

	rc = iommufd_device_may_open(&ivp->core.pdev->dev);
	if (rc) {
		put_registration(ivp);
		goto out_unlock;
	}
	ivp_gate_rearm(&ivp->gate);
	get_device(&ivp->core.vdev.device);
	ivp->opener_tgid = task_tgid_nr(current);
	get_task_comm(ivp->opener_comm, current);
	set_state(ivp, IVP_OPEN);
out_unlock:
	mutex_unlock(&ivp->lock);
	return rc;
}

/*
 * A VF whose PF is driven through vfio too needs the PF's token, and a bind has no field for one
 * here. The address alone is what is asked for.
 */
static int check_vf_token(struct ivp_device *ivp)
{
	char address[32];
	int rc;

	strscpy(address, pci_name(ivp->core.pdev), sizeof(address));
	rc = vfio_pci_core_match(&ivp->core.vdev, address);
	if (rc < 0)
		return rc;
	return rc ? 0 : -EACCES;
}

static int bind(struct ivp_device *ivp, int iommufd, u32 *id)
{
	struct vfio_device *vdev = &ivp->core.vdev;
	struct iommufd_device *idev;
	int rc;

	lockdep_assert_held(&ivp->lock);
	rc = may(ivp, IVP_BIND);
	if (!rc)
		rc = check_vf_token(ivp);
	if (rc)
		return rc;
	idev = iommufd_device_bind_fd(iommufd, &ivp->core.pdev->dev, id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	mutex_lock(&vdev->dev_set->lock);
	ivp->idev = idev;
	ivp->legacy_group = compat_vfio_legacy_hide(vdev);
	mutex_unlock(&vdev->dev_set->lock);
	set_state(ivp, IVP_BIND);
	return 0;
}

/**
 * ivp_device_bind() - Give the device's group to a context
 * @ivp: the device
 * @iommufd: fd of the context
 * @id: out, the device's id there
 *
 * Return: 0; EINVAL it is bound already; EIO it was revoked; EACCES a VF token is needed; or an
 * errno of iommufd_device_bind_fd(). Unless 0 it is as it was.
 */
int ivp_device_bind(struct ivp_device *ivp, int iommufd, u32 *id)
{
	int rc;

	if (mutex_lock_killable(&ivp->call))
		return -EINTR;
	mutex_lock(&ivp->lock);
	rc = bind(ivp, iommufd, id);
	mutex_unlock(&ivp->lock);
	mutex_unlock(&ivp->call);
	return rc;
}

/*
 * Out of its context. Calls of that context which are at the device are waited for, so this is
 * done without the lock, in a state in which nobody else looks at idev: the caller has set it.
 */
static void unbind(struct ivp_device *ivp)
{
	struct vfio_device *vdev = &ivp->core.vdev;
	struct iommufd_device *idev = ivp->idev;

	/* a sibling's hot reset looks at it: from here on the device is nobody's */
	mutex_lock(&vdev->dev_set->lock);
	ivp->idev = NULL;
	mutex_unlock(&vdev->dev_set->lock);
	iommufd_device_unbind(idev);
	mutex_lock(&vdev->dev_set->lock);
	compat_vfio_legacy_show(vdev, ivp->legacy_group);
	mutex_unlock(&vdev->dev_set->lock);
	wake_up_all(&ivp->revoke_wait);
}

/*
 * Reserve the BARs now. vfio-pci-core does it at the first use of each, which two first uses at
 * once may spoil for each other, and not at all for a BAR that stayed mapped over a detach. One
 * that cannot be had is refused at its use, as ever.
 */
static void reserve_bars(struct ivp_device *ivp)
{
	unsigned int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!pci_resource_len(ivp->core.pdev, bar))
			continue;
		if (vfio_pci_core_setup_barmap(&ivp->core, bar))
			pci_info_ratelimited(ivp->core.pdev, "BAR %u cannot be reserved\n", bar);
	}
}

/*
 * Bound to operable. The group is the context's and its DMA goes nowhere yet: now the device is
 * enabled, which resets it, so that nothing programmed before this attach survives it. Only then
 * it is attached. Bus mastering stays off until the holder sets it.
 */
static int activate(struct ivp_device *ivp, struct iommufd_attach *attach, u32 *pt_id)
{
	struct vfio_device *vdev = &ivp->core.vdev;
	int rc;

	lockdep_assert_held(&ivp->lock);
	mutex_lock(&vdev->dev_set->lock);
	compat_vfio_count_open(vdev);
	rc = vfio_pci_core_enable(&ivp->core);
	if (rc) {
		pci_info_ratelimited(ivp->core.pdev, "attach refused: cannot enable the device (%d)\n",
				     rc);
		goto err_count;
	}
	if (!ivp->core.reset_works && ivp->state == IVP_BOUND)
		pci_info_ratelimited(ivp->core.pdev,
				     "has no function reset: what it was programmed to do survives detach and attach\n");

	ivp_intx_enabled(ivp);
	mutex_unlock(&vdev->dev_set->lock);

	rc = iommufd_attach_commit(ivp->idev, attach, pt_id);

	mutex_lock(&vdev->dev_set->lock);
	if (rc) {
		vfio_pci_core_disable(&ivp->core);
		goto err_count;
	}
	vfio_pci_core_finish_enable(&ivp->core);
	mutex_unlock(&vdev->dev_set->lock);
	reserve_bars(ivp);
	return 0;

err_count:
	compat_vfio_count_close(vdev);
	mutex_unlock(&vdev->dev_set->lock);
	return rc;
}

static int commit(struct ivp_device *ivp, struct iommufd_attach *attach, u32 *pt_id)
{
	int rc;

	lockdep_assert_held(&ivp->lock);
	if (ivp->state == IVP_OPERABLE)
		return iommufd_attach_commit(ivp->idev, attach, pt_id);
	rc = activate(ivp, attach, pt_id);
	if (!rc) {
		set_state(ivp, IVP_ATTACH);
		ivp_gate_open(&ivp->gate);
	}
	return rc;
}

/* The holder's memory may keep him in the fill. A revocation passes him, and is seen after it. */
static int attach(struct ivp_device *ivp, u32 *pt_id)
{
	struct iommufd_attach attach;
	int rc, filled;

	lockdep_assert_held(&ivp->call);
	mutex_lock(&ivp->lock);
	rc = may(ivp, IVP_ATTACH);
	if (!rc)
		rc = iommufd_attach_begin(ivp->idev, *pt_id, &attach);
	mutex_unlock(&ivp->lock);
	if (rc)
		return rc;
	do {
		filled = iommufd_attach_fill(&attach);
		mutex_lock(&ivp->lock);
		rc = may(ivp, IVP_ATTACH);
		if (!rc)
			rc = filled ? filled : commit(ivp, &attach, pt_id);
		mutex_unlock(&ivp->lock);
	} while (rc > 0);
	iommufd_attach_end(&attach);
	return rc;
}

/**
 * ivp_device_attach() - Attach the device, or move it where it is attached
 * @ivp: the device
 * @pt_id: in the IOAS or HWPT, out the HWPT
 *
 * Return: 0; EINVAL it is not bound; EIO it was revoked; EAGAIN somebody is about to take the
 * device away; or an errno of iommufd_attach_fill() or _commit(). Unless 0 it is attached, or
 * not, as before.
 */
int ivp_device_attach(struct ivp_device *ivp, u32 *pt_id)
{
	int rc;

	if (mutex_lock_killable(&ivp->call))
		return -EINTR;
	rc = attach(ivp, pt_id);
	mutex_unlock(&ivp->call);
	return rc;
}

/*
 * vfio-pci-core resets a device when it closes it, but needs its device lock for that, and whoever
 * unbinds a driver holds it. So does remove(), which therefore resets here.
 */
static void reset_in_remove(struct ivp_device *ivp)
{
	struct pci_dev *pdev = ivp->core.pdev;
	int rc;

	if (!ivp->core.reset_works || !ivp->core.needs_reset || !pci_device_is_present(pdev))
		return;
	pm_runtime_get_sync(&pdev->dev);
	rc = pci_reset_function_locked(pdev);
	if (!rc)
		ivp->core.needs_reset = false;
	else
		pci_warn(pdev, "not reset after it was taken away (%d)\n", rc);
	pm_runtime_put(&pdev->dev);
}

/* Bus mastering and interrupts off, and reset; nobody is inside the gate. */
static void disable(struct ivp_device *ivp)
{
	struct vfio_device_set *dev_set = ivp->core.vdev.dev_set;

	ivp_ioeventfds_end(ivp);
	mutex_lock(&dev_set->lock);
	vfio_pci_core_close_device(&ivp->core.vdev);
	compat_vfio_count_close(&ivp->core.vdev);
	mutex_unlock(&dev_set->lock);
}

/*
 * Operable to quiet, as its holder asked. Nobody gets in, nothing is mapped, nobody is inside:
 * the caller has seen to that. The device is silenced, and at last its translation goes: until
 * then it counts as attached, and a sibling's move is judged for it too.
 */
static void quiesce(struct ivp_device *ivp, struct iommufd_left *left)
{
	lockdep_assert_held(&ivp->lock);
	disable(ivp);
	iommufd_device_cut(ivp->idev, left);
}

static int detach(struct ivp_device *ivp, struct iommufd_left *left)
{
	int rc;

	lockdep_assert_held(&ivp->call);
	mutex_lock(&ivp->lock);
	rc = may(ivp, IVP_DETACH);
	if (!rc)
		ivp_gate_shut(&ivp->gate, bar_mapping(ivp));
	mutex_unlock(&ivp->lock);
	if (rc)
		return rc;
	/* his own calls, for as long as he likes: not under the lock */
	ivp_gate_drain(&ivp->gate);

	mutex_lock(&ivp->lock);
	rc = may(ivp, IVP_DETACH);
	if (!rc) {
		quiesce(ivp, left);
		set_state(ivp, IVP_DETACH);
	}
	mutex_unlock(&ivp->lock);
	return rc;
}

/**
 * ivp_device_detach() - Make the device silent and unreachable, and detach it
 * @ivp: the device
 *
 * Waits for the holder's own calls that are under way.
 *
 * Return: 0; EINVAL it is not attached; EIO it was revoked, before or meanwhile.
 */
int ivp_device_detach(struct ivp_device *ivp)
{
	struct iommufd_left left = {};
	int rc;

	if (mutex_lock_killable(&ivp->call))
		return -EINTR;
	rc = detach(ivp, &left);
	iommufd_left_put(&left);
	mutex_unlock(&ivp->call);
	return rc;
}

/**
 * ivp_device_ask() - Say what stands in the way of claiming the device's group
 * @ivp: the device
 * @info: out
 *
 * Return: 0, or EIO it was revoked.
 */
int ivp_device_ask(struct ivp_device *ivp, struct iommufd_device_claim_info *info)
{
	int rc;

	if (mutex_lock_killable(&ivp->lock))
		return -EINTR;
	rc = may(ivp, IVP_ASK);
	if (!rc)
		iommufd_device_claim_info(&ivp->core.pdev->dev, info);
	mutex_unlock(&ivp->lock);
	return rc;
}

/*
 * Undo a bind whose id did not reach the caller, who does not know of it: inert again, another bind
 * may follow. Unless another thread attached it or closed it meanwhile, and so does know.
 */
void ivp_device_unwind_bind(struct ivp_device *ivp)
{
	bool bound;

	mutex_lock(&ivp->call);
	mutex_lock(&ivp->lock);
	bound = ivp->state == IVP_BOUND;
	if (bound)
		WRITE_ONCE(ivp->state, IVP_INERT);
	mutex_unlock(&ivp->lock);
	if (bound)
		unbind(ivp);
	mutex_unlock(&ivp->call);
}

static void tell_holder(struct ivp_device *ivp)
{
	/* The count is what vfio-pci-core logs every tenth time; this is the only time. */
	if (rcu_access_pointer(ivp->core.req_trigger))
		vfio_pci_core_request(&ivp->core.vdev, 1);
}

/*
 * The device gets no DMA, and the holder no further. Waits for none of his calls, needs no lock of
 * this file. A reset that is under way keeps the gate for a moment, so DMA ends before; and again
 * after, as until the gate is shut he may set bus mastering.
 */
static void cut_off(struct ivp_device *ivp)
{
	pci_clear_master(ivp->core.pdev);
	ivp_gate_revoke(&ivp->gate, bar_mapping(ivp));
	pci_clear_master(ivp->core.pdev);
	wake_up_all(&ivp->revoke_wait);
}

/*
 * The part of a revocation that waits for nobody: the holder is cut off and told, the device has
 * no DMA, no translation. The rest is finish_revoke()'s.
 */
static void take_away(struct ivp_device *ivp, const char *why)
{
	lockdep_assert_held(&ivp->lock);
	/* escaped: the opener chose its name */
	pci_warn(ivp->core.pdev, "taken away from %*pE[%d], which had it %s: %s\n",
		 (int)strlen(ivp->opener_comm), ivp->opener_comm, ivp->opener_tgid,
		 ivp_state_name(ivp->state), why);
	cut_off(ivp);
	ivp->revoke_from = ivp->state;
	if (ivp->state == IVP_OPERABLE) {
		/* signals him no more, by which an eventfd that unmasks what signals it comes to rest */
		WRITE_ONCE(ivp->core.virq_disabled, true);
		tell_holder(ivp);
		iommufd_device_cut(ivp->idev, &ivp->revoke_left);
		/* again: INTx's handlers read and write the command register past the gate */
		pci_clear_master(ivp->core.pdev);
	}
	set_state(ivp, IVP_REVOKE);
	WRITE_ONCE(ivp->revoking, true);
	/* awake until it is done: waking up would restore what was saved, bus mastering with it */
	pm_runtime_get_noresume(&ivp->core.pdev->dev);
	queue_work(system_unbound_wq, &ivp->revoke_work);
}

/*
 * What waits for the holder, who can keep calls of his inside the gate for as long as he likes
 * (their buffers may be memory that he answers faults for). Whoever asked for the revocation need
 * not wait with it. Bus mastering stays off, see ivp_gate_leave_write().
 */
static void finish_revoke(struct work_struct *work)
{
	struct ivp_device *ivp = container_of(work, struct ivp_device, revoke_work);

	ivp_gate_drain(&ivp->gate);
	if (ivp->revoke_from == IVP_OPERABLE)
		disable(ivp);
	if (ivp_state_is_bound(ivp->revoke_from))
		unbind(ivp);
	iommufd_left_put(&ivp->revoke_left);

	mutex_lock(&ivp->lock);
	put_registration(ivp);
	WRITE_ONCE(ivp->revoking, false);
	mutex_unlock(&ivp->lock);
	pm_runtime_put(&ivp->core.pdev->dev);
	wake_up_all(&ivp->revoke_wait);
}

void ivp_device_init_revoke(struct ivp_device *ivp)
{
	init_waitqueue_head(&ivp->revoke_wait);
	INIT_WORK(&ivp->revoke_work, finish_revoke);
}

/* Whether all of a revocation is done, after some time at most */
static bool wait_finished(struct ivp_device *ivp)
{
	return wait_event_timeout(ivp->revoke_wait, !READ_ONCE(ivp->revoking), REVOKE_PATIENCE);
}

/**
 * ivp_device_revoke() - Take the device away from whoever has it open
 * @ivp: the device
 * @removing: called by remove(), the device lock is held and the device is never opened again
 * @why: for the log
 *
 * Needs nothing of the holder: when this returns the device has no DMA, no translation, no
 * mapping and nobody who can begin to use it. (A sibling's hot reset that is under way may restore
 * bus mastering, and takes it back itself; a device that was just reset has nothing to transfer.)
 * Calls under way are waited for, by remove() until they have ended, else not for long.
 *
 * Return: 0; EINPROGRESS it is taken away, and its holder keeps a call of his from ending; ESRCH
 * nobody has it open; EALREADY it was taken away before, and is not closed yet.
 */
int ivp_device_revoke(struct ivp_device *ivp, bool removing, const char *why)
{
	struct pci_dev *pdev = ivp->core.pdev;
	int rc = 0;

	pm_runtime_get_sync(&pdev->dev);
	/* first and without a lock */
	cut_off(ivp);

	mutex_lock(&ivp->lock);
	if (removing)
		ivp->removed = true;
	if (ivp->state == IVP_CLOSED)
		rc = -ESRCH;
	else if (ivp->state == IVP_REVOKED)
		rc = -EALREADY;
	else /* cut off once more, should it have been closed and opened since */
		take_away(ivp, why);
	mutex_unlock(&ivp->lock);
	if (removing) {
		flush_work(&ivp->revoke_work);
		/* a close, or a bind that is undone, may be on its way out without the lock */
		wait_event(ivp->revoke_wait, !compat_vfio_legacy_is_hidden(&ivp->core.vdev));
		reset_in_remove(ivp);
	} else if (!rc && !wait_finished(ivp)) {
		rc = -EINPROGRESS;
	}
	pm_runtime_put(&pdev->dev);
	return rc;
}

/**
 * ivp_device_recheck() - Have the attachment judged again, and take the device away if it is
 * denied
 * @ivp: the device
 *
 * Return: 0 it stays; EACCES it was denied, whatever errno that had, and taken away; ESRCH it is
 * not attached.
 */
int ivp_device_recheck(struct ivp_device *ivp)
{
	struct pci_dev *pdev = ivp->core.pdev;
	int rc = -ESRCH;

	pm_runtime_get_sync(&pdev->dev);
	mutex_lock(&ivp->lock);
	if (ivp->state == IVP_OPERABLE)
		rc = iommufd_device_recheck(ivp->idev) ? -EACCES : 0;
	if (rc == -EACCES)
		take_away(ivp, "the policy denies what it is attached to");
	mutex_unlock(&ivp->lock);
	if (rc == -EACCES)
		wait_finished(ivp);
	pm_runtime_put(&pdev->dev);
	return rc;
}

/**
 * ivp_device_release() - The open file is gone, in whatever state it was
 * @ivp: the device; not to be touched afterwards
 */
void ivp_device_release(struct ivp_device *ivp)
{
	struct iommufd_left left = {};
	bool bound;

	mutex_lock(&ivp->lock);
	if (ivp->state == IVP_OPERABLE) {
		ivp_gate_shut(&ivp->gate, bar_mapping(ivp));
		ivp_gate_drain(&ivp->gate); /* nobody: each would have the file */
		quiesce(ivp, &left);
	}
	bound = ivp_state_is_bound(ivp->state);
	/* until all is done nobody opens it, and an operator need not take it away */
	set_state(ivp, IVP_REVOKE);
	mutex_unlock(&ivp->lock);
	flush_work(&ivp->revoke_work);
	if (bound)
		unbind(ivp);
	iommufd_left_put(&left);

	mutex_lock(&ivp->lock);
	set_state(ivp, IVP_RELEASE);
	put_registration(ivp);
	mutex_unlock(&ivp->lock);
	put_device(&ivp->core.vdev.device);
}
