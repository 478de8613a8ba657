/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every struct of the core that more than one file knows, with who owns it and which lock guards
 * which field. The map path's own structs are in io_pagetable.h.
 *
 * The lock order of the whole project, outermost first. Nobody takes a lock to the left while
 * holding one to the right:
 *
 *   driver's call lock                        serialises bind, attach, detach, unbind of a device
 *     iommufd_ioas.mutex                      HWPT list and name of an IOAS
 *       driver's state lock                   what a device is; taken inside from the fill of an attach to
 *                                             its end. From here on no lock is held over a wait for
 *                                             memory of a user's: a revocation takes these
 *         iommufd_contexts_lock               the list of contexts
 *           iommufd_ctx.groups_lock           which groups a context knows
 *         iommufd_group.lock                  state of a group in a context; held over the hooks;
 *                                             readers of /proc/iommufd take it in groups_lock
 *     (the following are taken in ioas.mutex or group.lock, or alone)
 *       iommufd_access.lock                   what an access is attached to, and has pinned; not
 *                                             held over its unmap callback
 *         io_pagetable.domains_rwsem          which domains an IOAS fills
 *           io_pagetable.iova_rwsem           its areas, reserved and allowed ranges
 *             iopt_pages.mutex                pinned pages; not held while they are faulted in
 *         iommufd_fault.mutex                 what a fault queue has delivered; the IOMMU core's
 *                                             locks of a device's faults are taken in it
 *           iommufd_fault.lock                a spinlock: what it is to deliver
 *   object.c's count of users' HWPTs: innermost but for an allocation
 *   iommufd_ctx.objects' xa_lock: innermost, never held over anything
 *
 * The map path takes the last three only, and nothing holds them over a hook.
 */
#ifndef IOMMUFD_PRIVATE_H
#define IOMMUFD_PRIVATE_H

#include <linux/iommu.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "iommufd_ext.h"
#include "../compat/iommu.h"
#include "../lsm/iommufd_lsm.h"
#include "group_state.h"
#include "io_pagetable.h"
#include "iommufd_access.h"
#include "iommufd_driver.h"

struct file;
struct iommufd_ioas;

/*
 * One open of /dev/iommu. Lives as long as its file; a bound device holds a reference to the file.
 */
struct iommufd_ctx {
	struct file *file;                /* not counted: the file owns this */
	u64 id;                           /* number since the module was loaded, never 0 */
	struct iommufd_lsm_opener opener; /* set at open */
	struct xarray objects;            /* id -> iommufd_object, devices marked; own xa_lock */
	wait_queue_head_t destroy_wait;   /* woken when an object's shortterm_users drop to 0 */
	struct mutex groups_lock;
	struct list_head groups;          /* of iommufd_group.ctx_item, groups_lock */
	struct iommufd_ioas *vfio_ioas;   /* of VFIO's calls, or NULL; not counted, objects' xa_lock */
	atomic_t nr_hwpts;                /* that exist, as object.c limits them */
	u8 account_mode;                  /* enum iopt_account_mode, changes only while no object exists */
	struct list_head contexts_item;   /* in iommufd_contexts, iommufd_contexts_lock */
};

/* main.c: all open contexts */
extern struct mutex iommufd_contexts_lock;
extern struct list_head iommufd_contexts;

/* Bound devices among the objects, of which there may be as many as a user cares to make */
#define IOMMUFD_MARK_DEVICE XA_MARK_1

struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_release(struct iommufd_ctx *ictx);

enum iommufd_object_type {
	IOMMUFD_OBJ_NONE,
	IOMMUFD_OBJ_ANY = IOMMUFD_OBJ_NONE,
	IOMMUFD_OBJ_ACCESS,
	IOMMUFD_OBJ_DEVICE,
	IOMMUFD_OBJ_FAULT,
	IOMMUFD_OBJ_HWPT_PAGING,
	IOMMUFD_OBJ_HWPT_NESTED,
	IOMMUFD_OBJ_IOAS,
	IOMMUFD_OBJ_TEST,
	IOMMUFD_OBJ_MAX,
};

/*
 * The first member of everything that has an id in a context.
 *
 * users counts who needs the object to stay: 1 for the id table, one for each object that refers
 * to it (a HWPT to its IOAS, a device to its HWPT), one for each call that works with it.
 * shortterm_users counts the last kind alone, so that a destroy can wait for calls to end yet fail
 * at once where another object still refers to it.
 */
struct iommufd_object {
	refcount_t shortterm_users;
	refcount_t users;
	enum iommufd_object_type type;
	unsigned int id;
};

/* object.c */
void *iommufd_object_alloc_size(struct iommufd_ctx *ictx, size_t size,
				enum iommufd_object_type type);

/* @type must start with its struct iommufd_object, called obj. ERR_PTR on failure. */
#define iommufd_object_alloc(ictx, type, obj_type)                                      \
	((type *)iommufd_object_alloc_size(ictx,                                        \
		sizeof(type) + BUILD_BUG_ON_ZERO(offsetof(type, obj) != 0), obj_type))

void iommufd_object_finalize(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj);
struct iommufd_object *iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
					  enum iommufd_object_type type);
bool iommufd_object_try_get(struct iommufd_object *obj);
void iommufd_object_put(struct iommufd_ctx *ictx, struct iommufd_object *obj);
int iommufd_object_destroy_id(struct iommufd_ctx *ictx, u32 id);
void iommufd_object_put_and_try_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_destroy_user(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_destroy_all(struct iommufd_ctx *ictx);

/*
 * One ioctl: the argument struct is copied once, into cmd; what the caller changes later is not seen.
 */
struct iommufd_ucmd {
	struct iommufd_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
};

/* Copy the first @cmd_len bytes of the answer back. Return: 0 or -EFAULT. */
static inline int iommufd_ucmd_respond(struct iommufd_ucmd *ucmd, size_t cmd_len)
{
	return copy_to_user(ucmd->ubuffer, ucmd->cmd, min_t(size_t, ucmd->user_size, cmd_len)) ?
		-EFAULT : 0;
}

/*
 * An I/O address space: mappings, and the HWPTs that carry them. References: users of obj.
 * mutex guards hwpt_list and name, and is held over the hooks of an attach or move to it: a name does
 * not change between the question and the deed.
 */
struct iommufd_ioas {
	struct iommufd_object obj;
	struct io_pagetable iopt;
	struct mutex mutex;
	struct list_head hwpt_list;            /* of iommufd_hw_pagetable.hwpt_item */
	char name[IOMMUFD_EXT_NAME_LEN];
	atomic_t ndevices;                     /* attached, for what is shown and asked */
};

static inline struct iommufd_ioas *iommufd_ioas_get(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj = iommufd_object_get(ictx, id, IOMMUFD_OBJ_IOAS);

	return IS_ERR(obj) ? ERR_CAST(obj) : container_of(obj, struct iommufd_ioas, obj);
}

/* ioas.c: life and name of an IOAS */
int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_set_name_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_ioas_destroy(struct iommufd_object *obj);

/* ioas_map.c: the calls that change its mappings; no hook in here (S17) */
int iommufd_ioas_iova_ranges(struct iommufd_ucmd *ucmd);
int iommufd_ioas_allow_iovas(struct iommufd_ucmd *ucmd);
int iommufd_ioas_map(struct iommufd_ucmd *ucmd);
int iommufd_ioas_unmap(struct iommufd_ucmd *ucmd);
int iommufd_ioas_copy(struct iommufd_ucmd *ucmd);
int iommufd_option_huge_pages(struct iommu_option *cmd, struct iommufd_ctx *ictx);

/*
 * An IOMMU domain under an id, of one of two types: HWPT_PAGING carries the mappings of its IOAS;
 * HWPT_NESTED translates by page tables of user space first, and by its parent then. References:
 * users of obj, one of them for each attached device and each nested HWPT. It holds one of its
 * IOAS, or of its parent. All fields but the last two are constant once the id is published.
 */
struct iommufd_hw_pagetable {
	struct iommufd_object obj;
	struct iommu_domain *domain;
	struct iommufd_ioas *ioas;  /* where all DMA ends up: of a nested one the parent's */
	struct iommufd_hw_pagetable *parent; /* of a nested one, else NULL */
	struct iommufd_fault *fault; /* of a nested one, or NULL; counted */
	bool auto_domain;           /* made by an attach to the IOAS; goes with its last device */
	bool nest_parent;           /* made to be the parent of nested ones */
	bool enforce_cache_coherency; /* the IOMMU makes all DMA through it coherent */
	bool dirty_tracking;        /* is on; changes under ioas->mutex */
	struct list_head hwpt_item; /* in ioas->hwpt_list, ioas->mutex; a nested one is in no list */
};

/* hwpt.c */
struct iommufd_hw_pagetable *iommufd_hwpt_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
						struct iommufd_device *idev, u32 flags,
						const struct iommu_user_data *user_data);
int iommufd_hwpt_fill(struct iommufd_hw_pagetable *hwpt);
void iommufd_hwpt_abort(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt);
void iommufd_hwpt_put(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt);
int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd);
void iommufd_hwpt_destroy(struct iommufd_object *obj);

/*
 * Where page faults of devices wait for user space, which has a file to read them from. References:
 * users of obj, one of them the file's, one for each HWPT that leads to it. mutex guards devices
 * and response, and is held by who takes a group from deliver; lock guards deliver. Faults that a
 * device may still wait for are answered when it leaves.
 */
struct iommufd_fault {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;       /* with a reference to its file, while this has a file */
	struct mutex mutex;
	struct list_head devices;       /* of fault_device.item: whose faults may come */
	struct xarray response;         /* cookie -> struct iopf_group, delivered and not answered */
	u32 next_cookie;                /* mutex */
	spinlock_t lock;
	struct list_head deliver;       /* of iopf_group.node, not delivered */
	wait_queue_head_t wait_queue;   /* woken when deliver gets one */
};

/* fault.c */
int iommufd_fault_alloc(struct iommufd_ucmd *ucmd);
void iommufd_fault_destroy(struct iommufd_object *obj);
int iommufd_fault_connect(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt,
			  u32 fault_id);
void iommufd_fault_disconnect(struct iommufd_hw_pagetable *hwpt);
int iommufd_fault_join(struct iommufd_fault *fault, struct iommufd_device *idev);
void iommufd_fault_leave(struct iommufd_fault *fault, struct iommufd_device *idev);
void iommufd_fault_end_handle(struct iommufd_fault *fault, struct iommu_attach_handle *handle);

/* hwpt_nested.c */
int iommufd_hwpt_nested_check(struct iommufd_hw_pagetable *parent, struct iommufd_device *idev,
			      u32 flags, u32 data_len);
struct iommufd_hw_pagetable *iommufd_hwpt_nested_alloc(struct iommufd_ctx *ictx,
						       struct iommufd_hw_pagetable *parent,
						       struct iommufd_device *idev,
						       const struct iommu_user_data *user_data);
void iommufd_hwpt_nested_abort(struct iommufd_ctx *ictx, struct iommufd_hw_pagetable *hwpt);
void iommufd_hwpt_nested_destroy(struct iommufd_object *obj);
int iommufd_hwpt_invalidate(struct iommufd_ucmd *ucmd);

/* dirty.c */
int iommufd_hwpt_set_dirty_tracking(struct iommufd_ucmd *ucmd);
int iommufd_hwpt_get_dirty_bitmap(struct iommufd_ucmd *ucmd);

/* vfio_compat.c */
int iommufd_vfio_ioas(struct iommufd_ucmd *ucmd);
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd, unsigned long arg);

/* hw_info.c */
int iommufd_get_hw_info(struct iommufd_ucmd *ucmd);

/*
 * An IOMMU group a context has a device of. Exists while nbound > 0; lock guards everything below it,
 * except nbound and ctx_item, which the context's groups_lock guards.
 */
struct iommufd_group {
	struct iommufd_ctx *ictx;
	struct iommu_group *group;
	struct list_head ctx_item;
	unsigned int nbound;                /* devices that hold this struct */
	struct mutex lock;
	enum iommufd_group_state state;
	unsigned int nclaims;               /* devices that count for the claim */
	unsigned int nattached;
	struct list_head devices;           /* of iommufd_device.group_item */
	struct iommufd_hw_pagetable *hwpt;  /* what translates, set exactly in TRANSLATED */
	struct iommu_attach_handle *handle; /* of that attachment; the IOMMU core knows its address */
};

/* group.c */
int iommufd_group_init(void);
void iommufd_group_exit(void);
struct iommufd_group *iommufd_group_get(struct iommufd_ctx *ictx, struct device *dev);
void iommufd_group_put(struct iommufd_group *igroup);
int iommufd_group_claim(struct iommufd_group *igroup, struct iommufd_device *idev);
void iommufd_group_unclaim(struct iommufd_group *igroup, struct iommufd_device *idev);
int iommufd_group_attach(struct iommufd_group *igroup, struct iommufd_device *idev,
			 struct iommufd_hw_pagetable *hwpt);
int iommufd_group_move(struct iommufd_group *igroup, struct iommufd_hw_pagetable *hwpt,
		       struct iommufd_hw_pagetable **old);
struct iommufd_hw_pagetable *iommufd_group_detach(struct iommufd_group *igroup,
						  struct iommufd_device *idev);

/*
 * A device bound to a context. Owned by the driver from bind to unbind; the driver serialises the
 * calls for one device. igroup->lock guards attached, attachment, attacher, nr_faults and group_item,
 * the rest is constant.
 */
struct iommufd_device {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	bool holds_ctx;                 /* with a reference to its file */
	struct iommufd_group *igroup;
	struct device *dev;
	struct list_head group_item;    /* in igroup->devices */
	bool attached;
	u64 attachment;                 /* its number, while attached */
	struct iommufd_lsm_subject attacher; /* who attached it; a move changes neither */
	unsigned int nr_faults;         /* fault queues its faults go to: one, or two in a move */
	bool enforce_cache_coherency;   /* the IOMMU can make this device's DMA coherent, so it must */
};

/* device.c */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx, struct device *dev,
					   bool hold_ctx, u32 *id);
void iommufd_device_destroy(struct iommufd_object *obj);

/* attach.c: what iommufd_driver.h says */

/*
 * What a driver uses an IOAS by, without an IOMMU. Owned by the driver from create to destroy; holds the
 * context open, and one of users of its IOAS. lock guards all below it, and is held over every pin and
 * copy: whoever has taken and left it knows that those that began before have ended.
 */
struct iommufd_access {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	const struct iommufd_access_ops *ops;
	void *data;                     /* the driver's, for ops */
	struct mutex lock;
	struct iommufd_ioas *ioas;      /* for pins and copies; NULL from when it begins to leave one */
	struct iommufd_ioas *ioas_unpin; /* where pins are, until it has left */
	u32 iopt_id;                    /* in ioas_unpin->iopt.accesses */
	struct rb_root pins;            /* of access_pin.node, see access.c */
};

/* access.c */
void iommufd_access_destroy_object(struct iommufd_object *obj);

/* request.c: what the hooks are told */
void iommufd_request_init(struct iommufd_lsm_request *req, enum iommufd_lsm_op op,
			  const struct iommufd_ctx *ictx);
void iommufd_request_device(struct iommufd_lsm_request *req, struct device *dev);
void iommufd_request_ioas(struct iommufd_lsm_ioas *side, const struct iommufd_ioas *ioas,
			  const struct iommufd_hw_pagetable *hwpt);

/* claim.c: why a claim fails, in words */
void iommufd_claim_log(struct device *dev, int rc);
bool iommufd_unsafe_interrupts(void);

/* proc.c */
int iommufd_proc_init(void);
void iommufd_proc_exit(void);

#endif
