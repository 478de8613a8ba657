// SPDX-License-Identifier: GPL-2.0
/*
 * The hook functions themselves, made from the one list in iommufd_lsm_hooks.h, and their
 * registration with BPF. What their answers mean is ask.c's business.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

#include "lsm_private.h"

/*
 * A hook is an empty function that a BPF trampoline can take the place of. The body must stay a call
 * with its argument in the first register, whatever the compiler knows about it: weak, because what
 * may be replaced at link time cannot be inlined, cloned or assumed to return 0.
 *
 * They return long although a verdict is an int: the trampoline stops at the first program that
 * leaves anything in the 64 bit return register, so a program that set the upper half only would
 * silence those behind it and look like "no objection" to a caller that reads an int.
 */
#define LSM_HOOK(name, policy_name, blocks)                              \
	long iommufd_lsm_##name(struct iommufd_lsm_request *req);        \
	__weak noinline long iommufd_lsm_##name(struct iommufd_lsm_request *req) { return 0; }

__bpf_hook_start();
IOMMUFD_LSM_HOOKS(LSM_HOOK)
LSM_HOOK(any, , )
LSM_HOOK(grant, , )
__bpf_hook_end();

#define LSM_HOOK_ID(name, policy_name, blocks) \
	BTF_ID_FLAGS(func, iommufd_lsm_##name, KF_SLEEPABLE)

BTF_KFUNCS_START(lsm_hook_ids)
IOMMUFD_LSM_HOOKS(LSM_HOOK_ID)
LSM_HOOK_ID(any, , )
LSM_HOOK_ID(grant, , )
BTF_KFUNCS_END(lsm_hook_ids)

static const struct btf_kfunc_id_set lsm_hook_set = {
	.owner = THIS_MODULE,
	.set = &lsm_hook_ids,
};

/* Let BPF programs attach. Nothing to undo: it goes with the module. */
int __init lsm_hooks_register(void)
{
	return register_btf_fmodret_id_set(&lsm_hook_set);
}

static const struct {
	const char *name;
	bool blocks;
} lsm_ops[IOMMUFD_LSM_OP_COUNT] = {
#define LSM_OP(name, policy_name, blocks) { policy_name, blocks },
	IOMMUFD_LSM_HOOKS(LSM_OP)
};

/* How a policy spells operation @op */
const char *lsm_op_name(u32 op)
{
	return lsm_ops[op].name;
}

/* Whether a denial stops operation @op */
bool lsm_op_blocks(u32 op)
{
	return lsm_ops[op].blocks;
}

/* The hook of @req->op, by a direct call each: a table of pointers would cost a retpoline */
static long lsm_own_hook_call(struct iommufd_lsm_request *req)
{
	switch (req->op) {
#define LSM_CALL(name, policy_name, blocks)   \
	case IOMMUFD_LSM_OP_##name:           \
		return iommufd_lsm_##name(req);
	IOMMUFD_LSM_HOOKS(LSM_CALL)
	}
	return -EINVAL;
}

long lsm_deny_call(struct iommufd_lsm_request *req)
{
	long answer = lsm_own_hook_call(req);

	return answer ? answer : iommufd_lsm_any(req);
}

long lsm_grant_call(struct iommufd_lsm_request *req)
{
	return iommufd_lsm_grant(req);
}
