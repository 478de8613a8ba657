/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What this project adds to the calls of <linux/iommufd.h> and <linux/vfio.h>. A range of its own,
 * with Linux's rules: every struct starts with its size, a longer one is accepted while what this
 * kernel does not know is zero (else E2BIG), a shorter one than below is EINVAL, unknown flags and
 * non-zero reserved fields are EOPNOTSUPP.
 */
#ifndef IOMMUFD_EXT_H
#define IOMMUFD_EXT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_EXT_TYPE 0xF7

#define IOMMUFD_EXT_NAME_LEN 32

/**
 * struct iommufd_ioas_set_name - give an IOAS its name, on a /dev/iommu fd
 * @size: sizeof(struct iommufd_ioas_set_name)
 * @flags: must be 0
 * @ioas_id: the IOAS
 * @__reserved: must be 0
 * @name: 1 to 31 printable ASCII characters (0x21 to 0x7e), then NUL to the end
 *
 * A name is how a policy speaks of an IOAS. It is set once, and before anything is attached.
 *
 * Errors: EINVAL not a name as above, or the IOAS has one already; ENOENT no such IOAS; EBUSY a
 * HWPT or device uses the IOAS already; EACCES the policy denies.
 */
struct iommufd_ioas_set_name {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	char name[IOMMUFD_EXT_NAME_LEN];
};
#define IOMMUFD_IOAS_SET_NAME _IO(IOMMUFD_EXT_TYPE, 0x80)

/* iommufd_device_claim_info.reason */
enum iommufd_claim_reason {
	IOMMUFD_CLAIM_OK = 0,             /* nothing stands in the way of a claim now */
	IOMMUFD_CLAIM_NO_GROUP = 1,       /* no IOMMU translates this device */
	IOMMUFD_CLAIM_SIBLING_DRIVER = 2, /* a kernel driver of @address uses DMA */
	IOMMUFD_CLAIM_CONTEXT = 3,        /* a context owns the group: it alone can bind */
	IOMMUFD_CLAIM_OTHER_OWNER = 4,    /* somebody else does (legacy VFIO, for instance) */
	IOMMUFD_CLAIM_UNSAFE_MSI = 5,     /* interrupts of the group are not isolated */
	IOMMUFD_CLAIM_NOT_COHERENT = 6,   /* the IOMMU cannot keep DMA cache coherent */
};

/**
 * struct iommufd_device_claim_info - why the group of a device cannot be claimed, on a device fd
 * @size: sizeof(struct iommufd_device_claim_info)
 * @flags: must be 0
 * @reason: out, enum iommufd_claim_reason
 * @group_id: out, the IOMMU group, ~0 if there is none
 * @owner_tgid: out, IOMMUFD_CLAIM_CONTEXT: the process that opened that context
 * @__reserved: must be 0
 * @address: out, the sibling in the way, empty if none is
 * @driver: out, the driver of that sibling
 *
 * Works on an inert device fd too. A snapshot: it may have changed when it is read.
 */
struct iommufd_device_claim_info {
	__u32 size;
	__u32 flags;
	__u32 reason;
	__u32 group_id;
	__u32 owner_tgid;
	__u32 __reserved;
	char address[IOMMUFD_EXT_NAME_LEN];
	char driver[IOMMUFD_EXT_NAME_LEN];
};
#define IOMMUFD_DEVICE_CLAIM_INFO _IO(IOMMUFD_EXT_TYPE, 0x81)

#endif
