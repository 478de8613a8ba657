/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract between the core, which asks, and BPF programs, which answer: the request and
 * the one function that puts it to the hooks. Nothing here knows IOMMU code.
 */
#ifndef IOMMUFD_LSM_H
#define IOMMUFD_LSM_H

#include <linux/types.h>
#include <iommufd_lsm_hooks.h>

struct cgroup;
struct cred;

#define IOMMUFD_LSM_REQUEST_VERSION 1
#define IOMMUFD_LSM_NAME_LEN 32

/*
 * Who is judged: the calling task; for device_recheck the one that attached the device, as it was
 * then, whatever became of it. Numbers are those of the initial namespaces. cred and cgroup are
 * held while the question is asked, so that a program can follow them: to supplementary groups,
 * and to the cgroup's parents. A cred never changes.
 */
struct iommufd_lsm_subject {
	u32 tgid;
	u32 uid, gid;   /* effective */
	u32 pad;
	u64 cgroup_id;  /* in the unified hierarchy */
	u64 start_time; /* of the process, ns since boot: tells it from a later one of its tgid */
	char comm[16];  /* for log lines only, a process may choose it */
	const struct cred *cred; /* for the programs: its groups, */
	struct cgroup *cgroup;   /* and its place */
};

/*
 * Who opened the context, which may be somebody else than who is judged: an fd can be passed on.
 */
struct iommufd_lsm_opener {
	u32 tgid;      /* in the initial pid namespace */
	u32 uid;       /* in the initial user namespace */
	char comm[16]; /* for log lines only, a process may choose it */
};

/* The device of a request. All strings end in NUL, the rest of them is zero. */
struct iommufd_lsm_device {
	char bus[8];                          /* "pci", "platform"; empty: no device */
	char address[IOMMUFD_LSM_NAME_LEN];   /* the bus's name for it, "0000:01:00.0" */
	char driver[IOMMUFD_LSM_NAME_LEN];    /* the driver bound to it */
	u16 vendor, device;                   /* PCI ids, 0 elsewhere */
	u16 subsystem_vendor, subsystem_device;
	u32 class_code;                       /* 24 bits: class, subclass, interface */
	u32 revision;
	s32 numa_node;                        /* -1: none */
	u32 group_id;                         /* IOMMU group, ~0: none */
	u32 group_size;                       /* how many devices that group has */
};

/* One side of an attach or a move, or the IOAS of an ioas request */
struct iommufd_lsm_ioas {
	u32 id;                            /* object id in the context, 0: none */
	u32 kind;                          /* enum iommufd_lsm_ioas_kind */
	u32 ndevices;                      /* devices attached to it at this moment */
	char name[IOMMUFD_LSM_NAME_LEN];   /* empty: not named */
};

/**
 * struct iommufd_lsm_request - one question to the hooks
 * @version: IOMMUFD_LSM_REQUEST_VERSION, filled by iommufd_lsm_ask()
 * @size: of this struct, filled by iommufd_lsm_ask()
 * @op: enum iommufd_lsm_op
 * @flags: enum iommufd_lsm_flags
 * @seq: number of the request since the module was loaded, filled by iommufd_lsm_ask()
 * @ctx_id: number of the context since the core was loaded; 0: none yet
 * @opener: who opened the context
 * @device: the device, empty for ctx_open, ioas_alloc, ioas_name
 * @from: move and detach: where the device is attached now
 * @to: attach, move, hwpt_alloc: where it shall be; ioas_name: the IOAS with its new name;
 *      recheck: where the device is attached
 * @subject: who is judged; filled by iommufd_lsm_ask() and void when that returns, but for a
 *           recheck the caller's
 * @attachment: attach, move, detach, recheck: number of the device's attachment since the core
 *              was loaded; of an attach, the one it will have if it comes to be. Never used twice.
 *
 * Filled from arguments that were copied and resolved before; nothing in it points anywhere but to
 * what the subject holds, and nothing the caller does can change it. Fields are only ever added at
 * the end.
 */
struct iommufd_lsm_request {
	u32 version;
	u32 size;
	u32 op;
	u32 flags;
	u64 seq;
	u64 ctx_id;
	struct iommufd_lsm_opener opener;
	struct iommufd_lsm_device device;
	struct iommufd_lsm_ioas from;
	struct iommufd_lsm_ioas to;
	struct iommufd_lsm_subject subject;
	u64 attachment;
};

/* The calling task as a subject, to be put. Context: any process's. */
void iommufd_lsm_subject_current(struct iommufd_lsm_subject *subject);

/* Drop what a subject holds. One that is all zero holds nothing. */
void iommufd_lsm_subject_put(struct iommufd_lsm_subject *subject);

/**
 * iommufd_lsm_ask() - Put a request to the hooks and return the verdict
 * @req: the request; @version, @size, @seq and @subject are filled here, the rest by the caller
 *
 * First the operation's own hook, then iommufd_lsm_any(), which is asked about every operation: any
 * non-zero return denies (a value that is no negative errno counts as EACCES). If nobody denied,
 * iommufd_lsm_grant(): a positive return is the number of the rule that grants, a negative one
 * denies, 0 leaves it to the parameter default_verdict. Every verdict is counted, and traced. An
 * operation whose hook does not block always gets 0.
 *
 * Context: process context, may sleep. The caller holds what keeps the judged state true (for
 * device operations the group's lock) and no lock of the map path.
 *
 * Return: 0 allowed, or a negative errno, EACCES unless a program chose another.
 */
int iommufd_lsm_ask(struct iommufd_lsm_request *req);

#endif
