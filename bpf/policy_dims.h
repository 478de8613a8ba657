/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dimensions of a policy, without includes: the loader and the BPF programs both read it.
 */
#ifndef POLICY_DIMS_H
#define POLICY_DIMS_H

/*
 * What a clause can ask of a request. The order is shared with the BPF program, which looks each
 * one up in a table of its own; see bpf/policy_abi.h.
 */
enum policy_dim {
	POLICY_DIM_EXE,     /* file identity of the process's executable */
	POLICY_DIM_UID,     /* effective uid, in the initial user namespace */
	POLICY_DIM_GROUP,   /* a gid, likewise: the effective one or one of the supplementary ones */
	POLICY_DIM_CGROUP,  /* path in the unified hierarchy, "/machine.slice/vm1.scope" */
	POLICY_DIM_ADDRESS, /* device address, "0000:01:00.0" */
	POLICY_DIM_ID,      /* "10de:2204", lower-case hex */
	POLICY_DIM_CLASS,   /* "030000", lower-case hex */
	POLICY_DIM_DRIVER,  /* name of the bound driver */
	POLICY_DIM_FROM,    /* name of the IOAS a move or detach leaves */
	POLICY_DIM_TO,      /* name of the IOAS of the request, or where an attach or move goes */
	/* Of a hand-over, EXE and UID are of who gives; GROUP, CGROUP and these of who receives */
	POLICY_DIM_RECIPIENT_EXE,
	POLICY_DIM_RECIPIENT_UID,
	POLICY_DIM_COUNT
};

/* Operations are those of iommufd_lsm_hooks.h, and one that no hook of that module asks about */
#define POLICY_OP_HAND_OVER 31
#define POLICY_OP_BITS 32

#endif
