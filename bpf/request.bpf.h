/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The request as the programs see it: the fields they use, found in the running module's BTF when the
 * programs are loaded, wherever they stand there.
 */
#ifndef REQUEST_BPF_H
#define REQUEST_BPF_H

#define IOMMUFD_LSM_NAME_LEN 32

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct iommufd_lsm_device {
	char bus[8];
	char address[IOMMUFD_LSM_NAME_LEN];
	char driver[IOMMUFD_LSM_NAME_LEN];
	__u16 vendor, device;
	__u16 subsystem_vendor, subsystem_device;
	__u32 class_code;
	__u32 group_id;
	__u32 group_size;
};

struct iommufd_lsm_ioas {
	char name[IOMMUFD_LSM_NAME_LEN];
};

struct iommufd_lsm_subject {
	__u32 tgid;
	__u32 uid;
	char comm[16];
};

struct iommufd_lsm_request {
	__u32 op;
	__u32 flags;
	__u64 seq;
	__u64 ctx_id;
	struct iommufd_lsm_device device;
	struct iommufd_lsm_ioas from;
	struct iommufd_lsm_ioas to;
	struct iommufd_lsm_subject subject;
	__u64 attachment;
};

#pragma clang attribute pop

#endif
