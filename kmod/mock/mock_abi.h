/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test calls of /dev/iommu: numbers and layouts as Linux's selftest has them. That selftest is
 * the only user, so what a field is for is said where it is served.
 */
#ifndef IOMMUFD_MOCK_ABI_H
#define IOMMUFD_MOCK_ABI_H

#include <linux/types.h>

enum mock_op {
	MOCK_OP_ADD_RESERVED = 1,
	MOCK_OP_MOCK_DOMAIN = 2,
	MOCK_OP_CHECK_MAP = 3,
	MOCK_OP_CHECK_REFS = 4,
	MOCK_OP_CREATE_ACCESS = 5,
	MOCK_OP_DESTROY_ACCESS_PAGES = 6,
	MOCK_OP_ACCESS_PAGES = 7,
	MOCK_OP_ACCESS_RW = 8,
	MOCK_OP_SET_MEMORY_LIMIT = 9,
	MOCK_OP_MOCK_DOMAIN_REPLACE = 10,
	MOCK_OP_ACCESS_REPLACE_IOAS = 11,
	MOCK_OP_MOCK_DOMAIN_FLAGS = 12,
	MOCK_OP_DIRTY = 13,
	MOCK_OP_CHECK_IOTLB = 14,
	MOCK_OP_TRIGGER_IOPF = 15,
};

/* MOCK_OP_MOCK_DOMAIN_FLAGS: what the device lacks or has */
#define MOCK_DEVICE_NO_DIRTY  (1U << 0)
#define MOCK_DEVICE_HUGE_IOVA (1U << 1)
#define MOCK_DEVICE_PASID     (1U << 2)

/* MOCK_OP_CREATE_ACCESS, MOCK_OP_ACCESS_PAGES, MOCK_OP_ACCESS_RW */
#define MOCK_ACCESS_NEEDS_PIN  (1U << 0)
#define MOCK_ACCESS_DEAF       (1U << 1) /* does not unpin when an area is unmapped; ours alone */
#define MOCK_ACCESS_WRITE      (1U << 0)
#define MOCK_ACCESS_RW_WRITE   (1U << 0)
#define MOCK_ACCESS_RW_KTHREAD (1U << 1) /* copies in a kernel thread; ours alone */
#define MOCK_ACCESS_RW_SLOW    (1U << 2)

struct mock_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		struct {
			__u32 out_object_id;
			__u32 out_hwpt_id;
			__u32 out_device_id;
			__u32 flags;
		} mock_domain;
		struct {
			__u32 pt_id;
		} replace;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		struct {
			__u32 out_fd;
			__u32 flags;
		} create_access;
		struct {
			__u32 pages_id;
		} destroy_access_pages;
		struct {
			__u32 flags;
			__u32 out_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		struct {
			__u32 limit;
		} memory_limit;
		struct {
			__u32 ioas_id;
		} access_replace;
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_count;
		} dirty;
		struct {
			__u32 entry;
			__u32 value;
		} check_iotlb;
		struct {
			__u32 device_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__u64 addr;
		} trigger_iopf;
	};
	__u32 last;
};

/* IOMMU_GET_HW_INFO */
#define MOCK_HW_INFO_TYPE  0xfeedbeef
#define MOCK_HW_INFO_VALUE 0xdeadbeef

struct mock_hw_info {
	__u32 flags;
	__u32 value;
};

/* IOMMU_HWPT_ALLOC of a nested HWPT: what its IOTLB holds at first */
#define MOCK_HWPT_DATA 0xdead

struct mock_hwpt_data {
	__u32 iotlb;
};

/* IOMMU_HWPT_INVALIDATE */
#define MOCK_INVALIDATE_DATA 0xdeadbeef
#define MOCK_INVALIDATE_ALL  (1U << 0)

struct mock_invalidate {
	__u32 flags;
	__u32 entry;
};

#define MOCK_IOTLB_ENTRIES 4

#endif
