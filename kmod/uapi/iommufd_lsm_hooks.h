/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The list of hooks, once. The module makes its hook functions, ids and counters from it, the
 * BPF programs and the loader their operation names, the documentation and tests their tables.
 * Plain C without includes, so that kernel, BPF and user space can all read it.
 */
#ifndef IOMMUFD_LSM_HOOKS_H
#define IOMMUFD_LSM_HOOKS_H

/*
 * When each is asked, and what its request says of device, from and to; scripts/hooks-table makes the table in
 * docs/hooks.md of these rows.
 *
 * ctx_open | /dev/iommu is opened |  |  |
 * ioas_alloc | an IOAS is made |  |  |
 * ioas_name | an IOAS gets its name, once and before it is used |  |  | the IOAS, with the new name
 * hwpt_alloc | a page table is made for a device and an IOAS, or nested in one of it | yes |  | the IOAS
 * device_open | a device's node is opened (`ctx_id` is 0) | yes |  |
 * device_bind | a device is bound to a context, before its group is claimed | yes |  |
 * device_attach | a bound device is attached | yes |  | where to
 * device_move | an attached device moves; once for each attached device of its group | yes | where from | where to
 * device_detach | a device is detached, or its fd closes | yes | where from |
 * device_recheck | an attachment that exists is judged again, of which a denial takes the device away | yes | | where it is
 */

/*
 * HOOK(name, policy_name, blocks)
 *
 * name:        the hook function is iommufd_lsm_<name>, the operation IOMMUFD_LSM_OP_<name>
 * policy_name: how a policy spells the operation
 * blocks:      1 if a denial stops the operation; 0 if it is logged and counted only, because
 *              refusing would keep access alive (detach)
 *
 * The order is ABI: a new hook goes to the end.
 */
#define IOMMUFD_LSM_HOOKS(HOOK)                         \
	HOOK(ctx_open, "open", 1)                       \
	HOOK(ioas_alloc, "ioas-alloc", 1)               \
	HOOK(ioas_name, "ioas-name", 1)                 \
	HOOK(hwpt_alloc, "hwpt-alloc", 1)               \
	HOOK(device_open, "device-open", 1)             \
	HOOK(device_bind, "bind", 1)                    \
	HOOK(device_attach, "attach", 1)                \
	HOOK(device_move, "move", 1)                    \
	HOOK(device_detach, "detach", 0)                \
	HOOK(device_recheck, "recheck", 1)

#define IOMMUFD_LSM_OP_ENUM(name, policy_name, blocks) IOMMUFD_LSM_OP_##name,
enum iommufd_lsm_op {
	IOMMUFD_LSM_HOOKS(IOMMUFD_LSM_OP_ENUM)
	IOMMUFD_LSM_OP_COUNT
};
#undef IOMMUFD_LSM_OP_ENUM

/* iommufd_lsm_request.flags */
enum iommufd_lsm_flags {
	IOMMUFD_LSM_LEGACY = 1 << 0,     /* came through the VFIO compatibility calls */
	IOMMUFD_LSM_HOTPLUG = 1 << 1,    /* the device appeared after the policy did */
	IOMMUFD_LSM_RECHECK = 1 << 2,    /* an existing attachment is judged again */
	IOMMUFD_LSM_GROUP_MOVE = 1 << 3, /* a sibling that moves because its group moves */
};

/* iommufd_lsm_ioas.kind */
enum iommufd_lsm_ioas_kind {
	IOMMUFD_LSM_KIND_NONE = 0, /* the request has no such side */
	IOMMUFD_LSM_KIND_IOAS = 1, /* addressed by its IOAS id, domain chosen by the core */
	IOMMUFD_LSM_KIND_HWPT = 2, /* addressed by a HWPT of that IOAS */
};

#endif
