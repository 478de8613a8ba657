/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guards at an exec: of who is traced, and of files that stay open. They are asked twice. First while the
 * exec can still fail, and it does. Then when it no longer can: another thread may have changed the files in
 * between, and the process is killed before it runs an instruction of the new program.
 */
#ifndef GUARD_EXEC_BPF_H
#define GUARD_EXEC_BPF_H

#define SIGKILL 9

static __noinline int guard_exec(struct iolsm_subject *to)
{
	int rc;

	rc = guards(IOLSM_GUARD_PTRACE) ? may_become_traced(to) : 0;
	if (!rc && guards(IOLSM_GUARD_HAND_OVER))
		rc = may_keep_files(to);
	return rc;
}

SEC("lsm/bprm_creds_from_file")
int BPF_PROG(iolsm_g_exec, struct linux_binprm *bprm, struct file *file, int ret)
{
	struct iolsm_subject to;

	if (ret)
		return ret;
	who_is(bpf_get_current_task_btf(), &to);
	label_of_file(&to.label, bprm->file);
	to.uid = BPF_CORE_READ(bprm, cred, euid.val);
	to.gid = BPF_CORE_READ(bprm, cred, egid.val);
	return guard_exec(&to);
}

/* After the label was written, in the same program: the order of programs is nobody's to choose */
static __always_inline void guard_committed(void)
{
	struct iolsm_subject to;

	who_is(bpf_get_current_task_btf(), &to);
	if (guard_exec(&to))
		bpf_send_signal(SIGKILL);
}

#endif
