/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every struct of the driver, who owns it, which lock guards which field, and what its files
 * offer each other. The states of a device fd are in device_state.h.
 *
 * The lock order, outermost first; it continues the one in ../core/iommufd_private.h:
 *
 *   device lock of the driver core (probe, remove)
 *     ivp_device.call             the holder's bind, attach, move, detach, one at a time. They may
 *                                 wait for his memory and his other calls: nobody else takes it
 *       [ gate.srcu drain ]       may wait for operations that wait for dev_set->lock, so never
 *                                 under it: a holder who stalls his own calls stalls nobody else
 *       iommufd_ioas.mutex        of the core, from an attach's fill to its end
 *         ivp_device.lock         what the device is; held over the hooks, never over a copy from
 *                                 or to user space, nor over anything that waits for one
 *           the core's locks      commit, cut, recheck
 *           vfio dev_set->lock    enable, close, hot reset; what belongs to which context. Devices
 *                                 of other tenants share it; hot reset asks the core who owns what
 *                                 by calls that wait for nobody
 *
 *     ioeventfds_lock               inside the gate; by who disables the device, when nobody is there
 *     ivp_intx.calls                inside the gate
 *       vfio-pci-core's igate
 *         memory_lock
 *
 *   mmap_lock
 *     gate.fault_lock             read over the insertion of a BAR's page
 *       vfio_pci_core_device.memory_lock
 */
#ifndef IOMMUFD_VFIO_PCI_DEVICE_H
#define IOMMUFD_VFIO_PCI_DEVICE_H

#include <linux/cdev.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/srcu.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "iommufd_driver.h"
#include "device_state.h"

#define IVP_DRIVER_NAME "iommufd-vfio-pci"
#define IVP_LEGACY_LOGGED 8

/*
 * Decides whether a file operation or a page fault may touch the device. Part of a device.
 *
 * open is set by attach alone, after everything else, and cleared by detach, release and revoke
 * before everything else; revoked overrides it. Both are written under fault_lock, which faults
 * hold for reading; file operations read them inside srcu. So: shut, zap, drain, and nobody touches
 * the device any more. An rwsem for both would deadlock: an operation that copies to a BAR mapping
 * faults while it is inside.
 */
struct ivp_gate {
	struct srcu_struct srcu;
	struct rw_semaphore fault_lock;
	bool open;
	bool revoked;
};

/*
 * Our handlers on the device's legacy interrupt line, of intx.c. Set by probe and remove, when the device is enabled,
 * and under calls, which the holder's SET_IRQS take from begin to end; in_a_row and forbidden by the handlers.
 */
struct ivp_intx {
	struct mutex calls;
	int irq;               /* 0: the line is not watched */
	bool is_behind;        /* one of ours is behind vfio-pci-core's */
	unsigned int in_a_row; /* that the line was asserted and not taken */
	bool forbidden;        /* the device may have been told not to assert it */
};

/*
 * A device with this driver. Owned by its embedded vfio device, whose last reference frees it:
 * the driver core's, dropped by remove, and one of an open file.
 *
 * lock guards state, idev, registered, removed, opener_*, revoke_*. idev and legacy_group change
 * under dev_set->lock in addition, so either is enough to read them; when the device is bound no
 * longer (state), who made it so takes them apart without lock. state and opener_* are read
 * without a lock, too, to turn a second opener away and to show who holds it. ioeventfds and
 * their number have a lock of their own.
 */
struct ivp_device {
	struct vfio_pci_core_device core; /* must be first, see vfio_alloc_device() */
	struct cdev cdev;
	struct mutex call;
	struct mutex lock;
	enum ivp_state state;
	bool registered; /* the open file holds a registration of the vfio device */
	bool removed;    /* the driver leaves the device, nobody opens it again */
	struct iommufd_device *idev;
	struct vfio_group *legacy_group; /* what compat_vfio_legacy_hide() returned */
	struct ivp_gate gate;
	wait_queue_head_t revoke_wait;   /* of poll, and of who waits until revoking or an unbind ends */
	struct work_struct revoke_work;  /* finish_revoke(): while revoking it owns the next two, */
	enum ivp_state revoke_from;      /* idev and the registration */
	struct iommufd_left revoke_left;
	bool revoking;
	struct mutex ioeventfds_lock;
	struct list_head ioeventfds;     /* of ioeventfd.c */
	unsigned int nr_ioeventfds;
	struct ivp_intx intx;
	pid_t opener_tgid;               /* for log lines only, as is opener_comm */
	char opener_comm[TASK_COMM_LEN];
	/* legacy.c: whose attempts on the legacy door are in the log already */
	spinlock_t legacy_logged_lock;
	struct {
		pid_t tgid;
		u64 start_time;
	} legacy_logged[IVP_LEGACY_LOGGED];
	unsigned int legacy_logged_next;
};

static inline struct ivp_device *ivp_from_vfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct ivp_device, core.vdev);
}

/* main.c */
extern const struct vfio_device_ops ivp_vfio_ops;

/* cdev.c: the file operations */
int ivp_cdev_init(void);
void ivp_cdev_exit(void);
int ivp_cdev_add(struct ivp_device *ivp);
void ivp_cdev_del(struct ivp_device *ivp);

/* control.c: the ways between the states */
int ivp_device_open(struct ivp_device *ivp);
int ivp_device_bind(struct ivp_device *ivp, int iommufd, u32 *id);
int ivp_device_attach(struct ivp_device *ivp, u32 *pt_id);
int ivp_device_detach(struct ivp_device *ivp);
int ivp_device_ask(struct ivp_device *ivp, struct iommufd_device_claim_info *info);
void ivp_device_init_revoke(struct ivp_device *ivp);
void ivp_device_unwind_bind(struct ivp_device *ivp);
int ivp_device_revoke(struct ivp_device *ivp, bool removing, const char *why);
int ivp_device_recheck(struct ivp_device *ivp);
void ivp_device_release(struct ivp_device *ivp);

/* operator.c: what an operator writes to */
extern const struct attribute_group *ivp_operator_groups[];

/* gate.c */
int ivp_gate_init(struct ivp_gate *gate);
void ivp_gate_destroy(struct ivp_gate *gate);
int ivp_gate_enter(struct ivp_gate *gate, int *idx);
void ivp_gate_leave(struct ivp_gate *gate, int idx);
void ivp_gate_leave_write(struct ivp_device *ivp, int idx);
void ivp_gate_open(struct ivp_gate *gate);
void ivp_gate_shut(struct ivp_gate *gate, struct address_space *mapping);
void ivp_gate_revoke(struct ivp_gate *gate, struct address_space *mapping);
void ivp_gate_rearm(struct ivp_gate *gate);
void ivp_gate_drain(struct ivp_gate *gate);
int ivp_gate_mmap(struct ivp_device *ivp, struct vm_area_struct *vma);

/* hot_reset.c: for an operable device, inside the gate */
int ivp_hot_reset_info(struct ivp_device *ivp, struct vfio_pci_hot_reset_info __user *arg);
int ivp_hot_reset(struct ivp_device *ivp, struct vfio_pci_hot_reset __user *arg);

/* intx.c */
void ivp_intx_watch(struct ivp_device *ivp);
void ivp_intx_unwatch(struct ivp_device *ivp);
void ivp_intx_enabled(struct ivp_device *ivp);
long ivp_intx_set_irqs(struct ivp_device *ivp, unsigned long arg);

/* ioeventfd.c: the first for an operable device, inside the gate */
int ivp_ioeventfd(struct ivp_device *ivp, struct vfio_device_ioeventfd __user *arg);
void ivp_ioeventfds_end(struct ivp_device *ivp);

/* legacy.c: /dev/vfio/GROUP stays shut */
int ivp_legacy_match(struct vfio_device *vdev, char *buf);
int ivp_legacy_open_device(struct vfio_device *vdev);

#endif
