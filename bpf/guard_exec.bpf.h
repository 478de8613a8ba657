/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guards at an exec: of who is traced, and of files that stay open. They are asked twice. First while the
 * exec can still fail, and it does. Then when it no longer can: another thread may have changed the files in
 * between, and the process is killed before it runs an instruction of the new program.
 */
#ifndef GUARD_EXEC_BPF_H
#define GUARD_EXEC_BPF_H

#define SIGKILL 9

/* Whether the current task, which is scratch->from, may become scratch->to */
static __always_inline int guard_exec(struct iolsm_scratch *scratch)
{
	struct iolsm_subject *from = &scratch->from, *to = &scratch->to;
	enum node_kind node;
	int rc;

	rc = guards(IOLSM_GUARD_PTRACE) ? may_become_traced(to) : 0;
	if (rc || is_same(from, to) || !guards(IOLSM_GUARD_HAND_OVER))
		return rc;
	node = forgotten(scratch, kept_node(to));
	return node == NODE_NONE ? 0 : may_give(from, to, node);
}

SEC("lsm/bprm_creds_from_file")
int BPF_PROG(iolsm_g_exec, struct linux_binprm *bprm, struct file *file, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct iolsm_scratch *scratch;
	struct iolsm_label *label;

	if (ret)
		return ret;
	scratch = scratch_of(task);
	if (!scratch)
		return -ENOMEM;
	who_is(task, &scratch->from);
	scratch->to = scratch->from;
	label_of_file(&scratch->to.label, BPF_CORE_READ(bprm, file));
	scratch->to.uid = BPF_CORE_READ(bprm, cred, euid.val);
	scratch->to.gid = BPF_CORE_READ(bprm, cred, egid.val);
	/* For the second time, when there are only the new ones */
	label = bpf_task_storage_get(&iolsm_label, task, 0, 0);
	if (label) {
		label->uid = scratch->from.uid;
		label->gid = scratch->from.gid;
	}
	return guard_exec(scratch);
}

/* Around the label's change, in the same program: the order of programs is nobody's to choose */
static __always_inline void guarded_exec(struct linux_binprm *bprm)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct iolsm_scratch *scratch = scratch_of(task);

	if (!scratch) {
		label_exec(bprm);
		bpf_send_signal(SIGKILL);
		return;
	}
	who_is(task, &scratch->from);
	scratch->from.uid = scratch->from.label.uid;
	scratch->from.gid = scratch->from.label.gid;
	label_exec(bprm);
	who_is(task, &scratch->to);
	if (guard_exec(scratch))
		bpf_send_signal(SIGKILL);
}

#endif
