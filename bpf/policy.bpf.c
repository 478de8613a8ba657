// SPDX-License-Identifier: GPL-2.0
/*
 * The policy programs: one on the hook of all operations that refuses what the loaded policy denies, and
 * one on the grant hook that allows what it allows. What the policy says is decided in classify.bpf.h;
 * whom it speaks of, in label.bpf.h and attacher.bpf.h; journal.bpf.h keeps the log, hits.bpf.h counts. The
 * guards look after what the module's hooks do not see: guard.bpf.h.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "iommufd_lsm_hooks.h"
#include "policy_dims.h"
#include "policy_abi.h"

#define EACCES 13

#include "request.bpf.h"
#include "generation.bpf.h"
#include "scratch.bpf.h"
#include "label.bpf.h"
#include "attacher.bpf.h"
#include "classify.bpf.h"
#include "journal.bpf.h"
#include "hits.bpf.h"
#include "guard.bpf.h"
#include "guard_files.bpf.h"
#include "guard_ptrace.bpf.h"
#include "guard_exec.bpf.h"
#include "guard_objects.bpf.h"

char _license[] SEC("license") = "GPL";

_Static_assert(POLICY_DIM_COUNT == IOLSM_DIMS, "the maps know as many dimensions as policies do");
_Static_assert(IOMMUFD_LSM_OP_COUNT <= POLICY_OP_HAND_OVER, "operations have distinct numbers");
_Static_assert(IOLSM_ROW_OP(POLICY_OP_BITS) <= IOLSM_ROW_FIRST, "rows have distinct ids");

/*
 * The exec can no longer fail, the old program is gone, the new one has not run. bprm->file is what is
 * executed at last: of a script, its interpreter.
 */
SEC("lsm/bprm_committed_creds")
int BPF_PROG(iolsm_exec, struct linux_binprm *bprm)
{
	guarded_exec(bprm);
	return 0;
}

/*
 * The first phase: only a denying clause speaks. Permissive policies wait for the second. What is not denied here
 * and is an attach or detach is noted, for who judges the attachment later.
 */
SEC("fmod_ret/iommufd_lsm_any")
long BPF_PROG(iolsm_deny, struct iommufd_lsm_request *req, long ret)
{
	struct iolsm_statement said;

	if (ret)
		return ret;
	classify(req, &said);
	if (said.permissive & IOLSM_PERMISSIVE_POLICY ||
	    (said.said != IOLSM_SAID_DENY && said.said != IOLSM_SAID_BROKEN && said.said != IOLSM_SAID_UNKNOWN))
		return attacher_note(req);
	journal_say(req, &said);
	hits_count(req, &said);
	return -EACCES;
}

/*
 * The second phase. Denying clauses are looked at again: the policy may have been replaced since the
 * first, and then this one is whole, too.
 *
 * Silence (0) where no rule speaks, so that another program may grant, and default_verdict decides.
 */
SEC("fmod_ret/iommufd_lsm_grant")
long BPF_PROG(iolsm_grant, struct iommufd_lsm_request *req, long ret)
{
	struct iolsm_statement said;

	if (ret)
		return ret;
	classify(req, &said);
	journal_say(req, &said);
	hits_count(req, &said);
	if (said.said == IOLSM_SAID_ALLOW)
		return (long)said.rule + 1;
	if (said.permissive & IOLSM_PERMISSIVE_POLICY)
		return IOLSM_RULE_PERMISSIVE;
	return said.said == IOLSM_SAID_NO_RULE ? 0 : -EACCES;
}
